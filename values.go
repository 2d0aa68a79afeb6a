package certshim

import (
	"maps"
	"slices"
	"strings"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/names"
	"github.com/certshim/certshim/resolver"
)

// Value says where a value of a Certificate came from. A list that came from several places
// has one for each.
type Value struct {
	// Field is its path: spec.duration, or metadata.annotations[KEY].
	Field string
	From  resolver.Origin
	// Name is the annotation's key, the policy, the Namespace, the Gateway as
	// namespace/name, the resolver or issuer type, or the path in the source. It is empty
	// for what needs none.
	Name string
}

// explainer goes over the fields of one Certificate.
type explainer struct {
	input
	terms *terms
	rule  *Rule
	// used is the issuer that was decided on.
	used   *consulted
	in     certificate.Input
	config map[string]any
	// routed are the names that routes bring, each with its route.
	routed []string
	// keys are the source's annotations by the field that they set.
	keys   map[annotations.Field][]string
	values []Value
}

// explain says where the values of a configuration came from, by field.
func explain(q input, t *terms, rule *Rule, used *consulted, in certificate.Input, config map[string]any, routed []string) []Value {
	if config == nil {
		return nil
	}
	e := explainer{
		input: q, terms: t, rule: rule, used: used, in: in, config: config, routed: routed,
		keys: q.policy.Parser.Sources(t.annotations),
	}
	e.metadata()
	spec, _ := config["spec"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(spec)) {
		e.field(name)
	}
	return e.values
}

func (e *explainer) add(field string, from resolver.Origin, by ...string) {
	if len(by) == 0 {
		by = []string{""}
	}
	for _, name := range by {
		if from == resolver.FromAnnotation {
			name = e.terms.keyName(name)
		}
		e.values = append(e.values, Value{Field: field, From: from, Name: name})
	}
}

func (e *explainer) field(name string) {
	field := annotations.Field("spec." + name)
	switch {
	case name == "privateKey" && e.fills(certificate.RotationPolicy):
		e.privateKey(name)
	case name == "secretName":
		e.add(string(field), FromSource, pathOf(e.in.Ask))
	case name == "issuerRef":
		e.issuer()
	case name == "dnsNames", name == "ipAddresses", name == "uris", name == "emailAddresses":
		e.names(field)
	case slices.Contains(e.terms.request.Unread, field):
		e.add(string(field), FromCertificate)
	default:
		e.plain(name)
	}
}

// plain is a field that comes from one place.
func (e *explainer) plain(name string) {
	field := annotations.Field("spec." + name)
	keys := e.keys[field]
	switch {
	case e.fills(name):
		e.filled(name)
	case len(keys) > 0:
		e.add(string(field), resolver.FromAnnotation, keys...)
	default:
		e.add(string(field), resolver.FromDefault)
	}
}

// privateKey is the key whose rotation policy was filled in apart from its other parts, if it has
// any.
func (e *explainer) privateKey(name string) {
	spec, _ := e.config["spec"].(map[string]any)
	if parts, _ := spec[name].(map[string]any); len(parts) > 1 {
		e.plain(name)
	}
	e.filled(certificate.RotationPolicy)
}

func (e *explainer) fills(name string) bool {
	return slices.Contains(certificate.Filled(e.config), name)
}

// filled is a value that the source doesn't ask for: a policy's or a resolver's, or the one
// that an existing Certificate got from them when it was made.
func (e *explainer) filled(name string) {
	field := "spec." + name
	switch {
	case !e.in.Anew(name):
		e.add(field, FromCertificate)
	case e.rule != nil && e.rule.sets(name):
		e.add(field, FromPolicy, e.rule.Name)
	default:
		e.add(field, FromResolver, e.resolverName())
	}
}

// sets says whether the rule has a value for a field of the spec.
func (r *Rule) sets(name string) bool {
	switch name {
	case "subject":
		return true
	case "privateKey":
		return r.Values.PrivateKey.Algorithm != ""
	case certificate.RotationPolicy:
		return r.Values.PrivateKey.RotationPolicy != ""
	}
	return slices.Contains(r.Values.Set(), resolver.ValueField(name))
}

func (e *explainer) resolverName() string {
	if e.used.finding.By != "" {
		return e.used.finding.By
	}
	if known, declared := e.policy.Registry.Known(resolver.GroupKind{Group: e.in.Issuer.Group, Kind: e.in.Issuer.Kind}); declared {
		return known.By()
	}
	return ""
}

// issuer adds who names it, and the keys of the source that say a part of it.
func (e *explainer) issuer() {
	const field = string(annotations.FieldIssuerRef)
	switch from := e.in.Issuer.From; {
	case e.used.stays():
		e.add(field, FromCertificate)
		return
	case from == FromParent:
		e.add(field, from, e.object.Parent.Namespace+"/"+e.object.Parent.Name)
		return
	case from == FromPolicy:
		e.add(field, from, e.rule.Name)
	case from == FromNamespace:
		e.add(field, from, e.object.Namespace)
	case from == resolver.FromDefault:
		e.add(field, from)
	}
	if keys := e.keys[annotations.FieldIssuerRef]; len(keys) > 0 {
		e.add(field, resolver.FromAnnotation, keys...)
	}
}

// names adds the entries of the source that have hosts of the kind, the annotations, and the
// Certificate that keeps its names while some can't be read.
func (e *explainer) names(field annotations.Field) {
	if field == annotations.FieldDNSNames {
		for _, brought := range e.routed {
			e.add(string(field), FromRoute, brought)
		}
	}
	for _, ref := range e.in.Ask.Entries {
		if e.hasHosts(ref.Path, field) {
			e.add(string(field), FromSource, ref.Path)
		}
	}
	if keys := e.keys[field]; len(keys) > 0 {
		e.add(string(field), resolver.FromAnnotation, keys...)
	}
	if e.in.Existing != nil && (len(e.in.Ask.Broken) > 0 || slices.Contains(e.terms.request.Unread, field)) {
		e.add(string(field), FromCertificate)
	}
}

// hasHosts says whether an entry has IP addresses, or else DNS names.
func (e *explainer) hasHosts(path string, field annotations.Field) bool {
	for _, entry := range e.object.Entries {
		if entry.Path == path && slices.ContainsFunc(entry.Hosts, func(host string) bool {
			isIP := names.IsIP(host)
			return isIP && field == annotations.FieldIPAddresses || !isIP && field == annotations.FieldDNSNames
		}) {
			return true
		}
	}
	return false
}

// metadata adds the labels and annotations; those that are certshim's own record are none.
func (e *explainer) metadata() {
	metadata, _ := e.config["metadata"].(map[string]any)
	set, _ := metadata["annotations"].(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(set)) {
		field := "metadata.annotations[" + key + "]"
		_, copied := e.terms.annotations[key]
		switch {
		case key == certificate.FromResolver, key == certificate.TieKey, key == certificate.RespectedKey, key == certificate.RoutesKey:
		case e.in.KeepsCopy(key):
			e.add(field, FromCertificate)
		case copied:
			e.add(field, resolver.FromAnnotation, key)
		case len(e.keys[annotations.FieldAnnotations]) > 0 && !strings.HasPrefix(key, certificate.ParentRefPrefix):
			e.add(field, resolver.FromAnnotation, e.keys[annotations.FieldAnnotations]...)
		default:
			e.add(field, FromSource)
		}
	}
	if _, labelled := metadata["labels"]; labelled {
		e.add("metadata.labels", FromSource, "metadata.labels")
	}
}
