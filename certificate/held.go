package certificate

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/resolver"
)

// FromResolver is the annotation that lists the fields of a Certificate whose values came from
// an operator's policy or the issuer's resolver when it was created, and the annotations that
// were copied for its issuer. Those fields keep their values until the source sets others, so
// that a change of a resolver changes no existing Certificate.
const FromResolver = annotations.OwnPrefix + "from-resolver"

// copiedPrefix marks a copied annotation in the list.
const copiedPrefix = "annotations/"

// Held holds the values of a Certificate that came from a policy or resolver.
type Held struct {
	// Spec maps the listed fields to their values.
	Spec map[string]any `json:"spec,omitempty"`
	// Lost are the listed fields, and parts of them (privateKey.size), that our entry doesn't own
	// any more: somebody else changed or removed them.
	Lost []string `json:"lost,omitempty"`
	// Keys are the copied annotations.
	Keys []string `json:"keys,omitempty"`
}

// observeHeld reads the values of a Certificate, in JSON, that a list names; own is our entry, or
// nil.
func observeHeld(list string, object []byte, own *seenEntry) *Held {
	if list == "" {
		return nil
	}
	var live struct {
		Spec map[string]any `json:"spec"`
	}
	// A spec that is none has no values.
	_ = json.Unmarshal(object, &live)
	held := &Held{Spec: map[string]any{}}
	for item := range strings.SplitSeq(list, ",") {
		key, copied := strings.CutPrefix(item, copiedPrefix)
		value, there := live.Spec[item]
		if there && canBeHeld(item) {
			held.Spec[item] = value
		}
		switch {
		case copied:
			held.Keys = append(held.Keys, key)
		case own != nil && canBeHeld(item):
			held.Lost = append(held.Lost, lost(item, value, own)...)
		}
	}
	return held
}

// lost returns what our entry doesn't own of a field with a value, which is nil if it isn't there.
func lost(field string, value any, own *seenEntry) []string {
	fields := readFields(own.fields)
	parts, _ := value.(map[string]any)
	if len(parts) == 0 {
		if fields.Has(fieldpath.MakePathOrDie("spec", field)) {
			return nil
		}
		return []string{field}
	}
	var out []string
	for _, part := range slices.Sorted(maps.Keys(parts)) {
		if !fields.Has(fieldpath.MakePathOrDie("spec", field, part)) {
			out = append(out, field+"."+part)
		}
	}
	return out
}

// values are those that stay, and those that were lost as they would be set anew. A part that
// would not be set is somebody else's addition.
func (h *Held) values(anew map[string]any) map[string]any {
	out := runtime.DeepCopyJSON(h.Spec)
	for _, path := range h.Lost {
		field, part, isPart := strings.Cut(path, ".")
		stays, _ := out[field].(map[string]any)
		parts, _ := anew[field].(map[string]any)
		switch {
		case isPart && parts[part] == nil:
			if delete(stays, part); len(stays) == 0 {
				delete(out, field)
			}
		case anew[field] == nil:
			delete(out, field)
		default:
			out[field] = runtime.DeepCopyJSONValue(anew[field])
		}
	}
	return out
}

// subjectField can be held too: only the operator can set it, not a resolver.
const subjectField = "subject"

func canBeHeld(field string) bool {
	return field == subjectField || slices.Contains(resolver.ValueFields(), resolver.ValueField(field))
}

// Encode packs the values into a string, empty for none; [DecodeHeld] reads it.
func (h *Held) Encode() string {
	if h == nil {
		return ""
	}
	packed, err := json.Marshal(h)
	if err != nil {
		return ""
	}
	return string(packed)
}

// DecodeHeld reads what [Held.Encode] returned.
func DecodeHeld(packed string) *Held {
	if packed == "" {
		return nil
	}
	held := &Held{}
	if err := json.Unmarshal([]byte(packed), held); err != nil {
		return nil
	}
	return held
}

// fillValues returns what to set in a spec where the source says nothing: for a new Certificate,
// or one that moves to another issuer, the values of the resolver and the operator; else those
// that the Certificate holds, but for what somebody else has changed since.
func fillValues(in *Input) map[string]any {
	if in.NewIssuer() {
		return in.newValues()
	}
	held := current(*in.Existing).Held
	switch {
	case held == nil:
		return nil
	case len(held.Lost) == 0, in.Hold != "":
		return held.Spec
	}
	return held.values(in.newValues())
}

// Anew reports whether the value of a field comes from today's policy or resolver: the Certificate
// is new, moves to another issuer, or somebody else has changed the field.
func (in *Input) Anew(field string) bool {
	if in.NewIssuer() {
		return true
	}
	held := current(*in.Existing).Held
	return in.Hold == "" && held != nil && slices.ContainsFunc(held.Lost, func(path string) bool {
		return path == field || strings.HasPrefix(path, field+".")
	})
}

// NewIssuer reports whether the Certificate is created or moves to another issuer.
func (in *Input) NewIssuer() bool {
	return in.Existing == nil || current(*in.Existing).Issuer != in.Issuer.Ref
}

// Filled returns the spec fields of a configuration whose values its source didn't ask for.
func Filled(config map[string]any) []string {
	metadata, _ := config["metadata"].(map[string]any)
	set, _ := metadata["annotations"].(map[string]any)
	return slices.DeleteFunc(strings.Split(text(set, FromResolver), ","), func(item string) bool {
		return item == "" || strings.HasPrefix(item, copiedPrefix)
	})
}

func (in *Input) newValues() map[string]any {
	v, out := in.Statement.Values, fields{}
	out.object(subjectField, subject(in.Subject))
	out.list("usages", v.Usages)
	if v.Duration != 0 {
		out["duration"] = v.Duration.String()
	}
	if v.RenewBefore != 0 {
		out["renewBefore"] = v.RenewBefore.String()
	}
	if v.PrivateKey.Algorithm != "" {
		key := fields{"algorithm": v.PrivateKey.Algorithm}
		if len(v.PrivateKey.Sizes) == 1 {
			key.number("size", int64(v.PrivateKey.Sizes[0]))
		}
		out.object("privateKey", key)
	}
	if v.CommonName {
		out["commonName"] = "" // the rule is held; the name follows the hosts
	}
	return out
}

// fill sets the values that the source doesn't ask for, and returns their names.
func fill(in *Input, spec fields) []string {
	var filled []string
	for name, value := range fillValues(in) {
		if isAskedFor(in, spec, name) {
			continue
		}
		if name == "commonName" {
			if value = shortName(textsOf(spec["dnsNames"])); value == "" {
				continue
			}
		}
		spec[name] = runtime.DeepCopyJSONValue(value)
		filled = append(filled, name)
	}
	slices.Sort(filled)
	return filled
}

// isAskedFor reports whether the source sets a field, validly or not, or one that excludes it.
func isAskedFor(in *Input, spec fields, name string) bool {
	if slices.Contains(in.Request.Unread, annotations.Field("spec."+name)) {
		return true
	}
	switch name {
	case "usages":
		return len(in.Request.Usages) > 0
	case "duration":
		return in.Request.Duration != nil || in.Request.RenewBefore != nil
	case "renewBefore":
		return in.Request.RenewBefore != nil || in.Request.RenewBeforePercentage != nil || in.Request.Duration != nil
	}
	return spec[name] != nil
}

// shortName returns the first name that fits into a common name (64 bytes, ub-common-name in RFC
// 5280), or "".
func shortName(names []string) string {
	const most = 64
	for _, name := range names {
		if len(name) <= most {
			return name
		}
	}
	return ""
}

// copiedAnnotations returns the annotations of the source that are copied for its issuer.
func copiedAnnotations(in *Input) map[string]string {
	keys := in.Statement.CopyAnnotations
	if in.Existing != nil {
		if held := current(*in.Existing).Held; held != nil {
			keys = slices.Concat(keys, held.Keys)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	out := map[string]string{}
	for _, key := range keys {
		if value, there := in.Source.Annotations[key]; there && resolver.CheckCopiedKey(key) == nil && !annotations.TooLong(value) {
			out[key] = value
		}
	}
	return out
}

// formatHeld returns the value of [FromResolver], or "".
func formatHeld(filled []string, copied map[string]string) string {
	list := slices.Clone(filled)
	for _, key := range slices.Sorted(maps.Keys(copied)) {
		list = append(list, copiedPrefix+key)
	}
	return strings.Join(list, ",")
}
