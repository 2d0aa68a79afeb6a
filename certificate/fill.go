package certificate

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/resolver"
)

// fillValues returns what to set in a spec where the source says nothing: for a new Certificate,
// or one that moves to another issuer, the values of the resolver and the operator; else those
// that the Certificate holds, but for what somebody else has changed since.
func fillValues(in *Input) map[string]any {
	if in.NewIssuer() {
		return in.newValues()
	}
	held := in.held()
	switch {
	case held == nil:
		return nil
	case len(held.Lost) == 0, !in.Hold.IsZero():
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
	held := in.held()
	return in.Hold.IsZero() && held != nil && held.isLost(field)
}

// held returns what the Certificate holds, or nil.
func (in *Input) held() *Held {
	if in.Existing == nil {
		return nil
	}
	return current(*in.Existing).Held
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
	if v.PrivateKey.RotationPolicy != "" {
		out[RotationPolicy] = string(v.PrivateKey.RotationPolicy)
	}
	if v.CommonName {
		out["commonName"] = "" // the rule is held; the name follows the hosts
	}
	return out
}

// fill sets the values that the source doesn't ask for, and returns their names.
func fill(in *Input, spec fields) []string {
	var filled []string
	values := fillValues(in)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := values[name]
		if isAskedFor(in, spec, name) {
			continue
		}
		if name == "commonName" {
			if value = shortName(textsOf(spec["dnsNames"])); value == "" {
				continue
			}
		}
		setField(spec, name, value)
		filled = append(filled, name)
	}
	filled = append(filled, fillUnread(in, spec)...)
	slices.Sort(filled)
	return filled
}

// fillUnread keeps the held values of fields whose annotation can't be read, and returns their
// names: it doesn't ask for another value.
func fillUnread(in *Input, spec fields) []string {
	held := in.held()
	if held == nil {
		return nil
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(held.Spec)) {
		if in.isUnread(name) && !held.isLost(name) {
			setField(spec, name, held.Spec[name])
			names = append(names, name)
		}
	}
	return names
}

// setField sets a field of a spec, or the rotation policy beside what the private key has.
func setField(spec fields, name string, value any) {
	if name != RotationPolicy {
		spec[name] = runtime.DeepCopyJSONValue(value)
		return
	}
	key, _ := spec["privateKey"].(map[string]any)
	if key == nil {
		key = map[string]any{}
		spec["privateKey"] = key
	}
	key["rotationPolicy"] = value
}

func (in *Input) isUnread(name string) bool {
	field, _, _ := strings.Cut(name, ".")
	return slices.Contains(in.Request.Unread, annotations.Field("spec."+field))
}

// isAskedFor reports whether the source sets a field, validly or not, or one that excludes it.
func isAskedFor(in *Input, spec fields, name string) bool {
	if in.isUnread(name) {
		return true
	}
	switch name {
	case "usages":
		return len(in.Request.Usages) > 0
	case RotationPolicy:
		return in.Request.PrivateKey.RotationPolicy != ""
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

// copiedAnnotations returns the annotations that are copied for the issuer, with the values of the
// source. What the source says of one may not be known; it keeps the value that the Certificate has.
func copiedAnnotations(in *Input) map[string]string {
	keys, held := in.Statement.CopyAnnotations, in.held()
	if held != nil {
		keys = slices.Concat(keys, held.Keys)
	}
	if len(keys) == 0 {
		return nil
	}
	out := map[string]string{}
	for _, key := range keys {
		value, there := in.Source.Annotations[key]
		if in.keepsCopy(key) {
			value, there = held.copyOf(key)
		}
		if there && resolver.CheckCopiedKey(key) == nil {
			out[key] = value
		}
	}
	return out
}

// KeepsCopy reports whether the Certificate keeps its copy of an annotation, whatever the source
// says.
func (in *Input) KeepsCopy(key string) bool {
	_, copied := in.held().copyOf(key)
	return copied && in.keepsCopy(key)
}

// keepsCopy reports whether the source's value of an annotation isn't known: it isn't granted to any
// resolver any more and so isn't read, or it is too long.
func (in *Input) keepsCopy(key string) bool {
	return in.IsRead != nil && !in.IsRead(key) || annotations.TooLong(in.Source.Annotations[key])
}

func (h *Held) copyOf(key string) (string, bool) {
	if h == nil {
		return "", false
	}
	value, there := h.Copies[key]
	return value, there
}

// formatHeld returns the value of [FromResolver], or "".
func formatHeld(filled []string, copied map[string]string) string {
	list := slices.Clone(filled)
	for _, key := range slices.Sorted(maps.Keys(copied)) {
		list = append(list, copiedPrefix+key)
	}
	return strings.Join(list, ",")
}
