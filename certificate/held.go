package certificate

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/resolver"
)

// FromResolver names, on a Certificate, the fields whose values came from a policy of the
// operator, or from what is known of its issuer, when it was made, and the annotations that
// were copied for it. Until the source says otherwise those fields keep their values, so that
// what becomes of a resolver changes no Certificate.
const FromResolver = annotations.OwnPrefix + "from-resolver"

// copiedPrefix marks an annotation in the list.
const copiedPrefix = "annotations/"

// Held are the values of a Certificate that came from a resolver.
type Held struct {
	// Spec has the values of the fields of that list.
	Spec map[string]any `json:"spec,omitempty"`
	// Keys are the annotations that were copied.
	Keys []string `json:"keys,omitempty"`
}

// observeHeld reads the list of a Certificate and the values of its fields.
func observeHeld(metadata, spec map[string]any) *Held {
	set, _ := metadata["annotations"].(map[string]any)
	list := text(set, FromResolver)
	if list == "" {
		return nil
	}
	held := &Held{Spec: map[string]any{}}
	for item := range strings.SplitSeq(list, ",") {
		key, copied := strings.CutPrefix(item, copiedPrefix)
		switch value, there := spec[item]; {
		case copied:
			held.Keys = append(held.Keys, key)
		case there && isHeld(item):
			held.Spec[item] = plain(value)
		}
	}
	return held
}

// subjectField can be held too: no resolver, but the operator may set it.
const subjectField = "subject"

func isHeld(field string) bool {
	return field == subjectField || slices.Contains(resolver.ValueFields(), resolver.ValueField(field))
}

// Encode packs what is held into a string, empty for nothing; [DecodeHeld] reads it.
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

// DecodeHeld reads what [Held.Encode] packed.
func DecodeHeld(packed string) *Held {
	if packed == "" {
		return nil
	}
	held := &Held{}
	if err := json.Unmarshal([]byte(packed), held); err != nil {
		return nil
	}
	for name, value := range held.Spec {
		held.Spec[name] = plain(value)
	}
	return held
}

// values are what is filled into a spec where the source says nothing: those of the
// issuer's resolver and of the operator, for a Certificate that is made or moves to another
// issuer, else those that it holds.
func values(in Input) map[string]any {
	if in.Fresh() {
		return in.newValues()
	}
	if held := current(*in.Existing).Held; held != nil {
		return held.Spec
	}
	return nil
}

// Fresh says that the Certificate is made, or moves to another issuer.
func (in Input) Fresh() bool {
	return in.Existing == nil || current(*in.Existing).Issuer != in.Issuer.Ref
}

// Filled are the fields of a configuration's spec whose values its source doesn't ask for.
func Filled(config map[string]any) []string {
	metadata, _ := config["metadata"].(map[string]any)
	set, _ := metadata["annotations"].(map[string]any)
	return slices.DeleteFunc(strings.Split(text(set, FromResolver), ","), func(item string) bool {
		return item == "" || strings.HasPrefix(item, copiedPrefix)
	})
}

func (in Input) newValues() map[string]any {
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
		out["commonName"] = "" // the rule is held, not the name
	}
	return out
}

// fill puts the values into a spec that the source doesn't ask for, and gives their names.
func fill(in Input, spec fields) []string {
	var filled []string
	for name, value := range values(in) {
		if asked(in, spec, name) {
			continue
		}
		if name == "commonName" {
			if value = shortName(textsOf(spec["dnsNames"])); value == "" {
				continue
			}
		}
		spec[name] = value
		filled = append(filled, name)
	}
	slices.Sort(filled)
	return filled
}

// asked says whether the source speaks of a field, well or not, or of one that excludes it.
func asked(in Input, spec fields, name string) bool {
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

// shortName is the first name that fits into a common name (ub-common-name of RFC 5280), or "".
func shortName(names []string) string {
	const most = 64
	for _, name := range names {
		if len(name) <= most {
			return name
		}
	}
	return ""
}

// copied are the annotations of the source that are copied for its issuer.
func copied(in Input) map[string]string {
	keys := in.Statement.CopyAnnotations
	if in.Existing != nil {
		if held := current(*in.Existing).Held; held != nil {
			keys = slices.Concat(keys, held.Keys)
		}
	}
	out := map[string]string{}
	for _, key := range keys {
		if value, there := in.Source.Annotations[key]; there && resolver.CheckCopiedKey(key) == nil {
			out[key] = value
		}
	}
	return out
}

// listHeld is the value of [FromResolver], or "".
func listHeld(filled []string, copied map[string]string) string {
	list := slices.Clone(filled)
	for _, key := range slices.Sorted(maps.Keys(copied)) {
		list = append(list, copiedPrefix+key)
	}
	return strings.Join(list, ",")
}
