package certificate

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/names"
)

// keepsValues reports whether live values must be kept: some annotations are invalid, or some
// TLS entries or listeners are, whose names may be on the Certificate already.
func (d *decider) keepsValues() bool {
	return len(d.in.Request.Unread) > 0 || len(d.in.Ask.Broken) > 0
}

// holdsLargeValues reports whether values that came from a policy or resolver are known only from
// the live Certificate.
func (d *decider) holdsLargeValues() bool { return d.seen.Held != nil && d.seen.Held.Large }

// keepValues copies the live values that must not be lost into the configuration.
func (d *decider) keepValues() {
	live, _ := d.seen.Live["spec"].(map[string]any)
	spec, _ := d.config["spec"].(map[string]any)
	if live == nil || spec == nil {
		return
	}
	if len(d.in.Ask.Broken) > 0 || slices.ContainsFunc(d.in.Request.Unread, isName) {
		keepNames(spec, live)
		respellCommonName(spec)
	}
	for _, field := range d.in.Request.Unread {
		d.keepField(field, spec, live)
	}
}

// nameField is a SAN field, and how its names are compared.
type nameField struct {
	field annotations.Field
	form  names.Form
}

// nameFields are the SAN fields. An alt-name may belong to either of the first two.
func nameFields() []nameField {
	return []nameField{
		{annotations.FieldDNSNames, names.DNS}, {annotations.FieldIPAddresses, names.IP},
		{annotations.FieldURIs, names.URI}, {annotations.FieldEmailAddresses, names.Email},
	}
}

func isName(field annotations.Field) bool {
	return slices.ContainsFunc(nameFields(), func(f nameField) bool { return f.field == field })
}

// keepNames puts the live names before the new ones, so that none is lost and an unchanged list
// keeps its order. The live ones stay as they are: while something is broken, no other certificate
// is asked for than has to be.
func keepNames(spec, live map[string]any) {
	for _, f := range nameFields() {
		name := specName(f.field)
		all := names.Add(f.form, textsOf(live[name]), textsOf(spec[name]))
		if len(all) > 0 {
			spec[name] = anyList(all)
		}
	}
}

// respellCommonName writes the common name as the names that were kept are written.
func respellCommonName(spec map[string]any) {
	if name := text(spec, "commonName"); name != "" {
		spec["commonName"] = names.Common(name, textsOf(spec["dnsNames"]), textsOf(spec["ipAddresses"]))
	}
}

func (d *decider) keepField(field annotations.Field, spec, live map[string]any) {
	switch {
	case field == annotations.FieldAnnotations:
		d.keepAnnotations()
	case field == annotations.FieldNone, isName(field):
	default:
		keepWhole(spec, live, specName(field))
	}
}

func keepWhole(spec, live map[string]any, name string) {
	delete(spec, name)
	switch value := live[name].(type) {
	case nil:
	case map[string]any:
		if len(value) > 0 {
			spec[name] = runtime.DeepCopyJSONValue(value)
		}
	default:
		spec[name] = runtime.DeepCopyJSONValue(value)
	}
}

// keepAnnotations keeps the results of earlier ACME annotations, and the copies of what can't be copied.
func (d *decider) keepAnnotations() {
	metadata, _ := d.seen.Live["metadata"].(map[string]any)
	live, _ := metadata["annotations"].(map[string]any)
	config, _ := d.config["metadata"].(map[string]any)
	wanted, _ := config["annotations"].(map[string]any)
	for _, name := range append([]string{overrideClass, overrideClassName, overrideName, temporary}, d.in.Request.NotCopied...) {
		value, found := live[name]
		if _, there := wanted[name]; !found || there {
			continue
		}
		if wanted == nil {
			wanted = map[string]any{}
			config["annotations"] = wanted
		}
		wanted[name] = value
	}
}

// specName returns the name of a field within the spec.
func specName(field annotations.Field) string { return string(field)[len("spec."):] }

func textsOf(value any) []string {
	items, _ := value.([]any)
	var out []string
	for _, item := range items {
		if text, ok := item.(string); ok {
			out = append(out, text)
		}
	}
	return out
}
