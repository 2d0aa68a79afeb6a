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

// RotationPolicy is held apart from the other parts of the private key: an issuer may need it whatever
// key the source asks for.
const RotationPolicy = "privateKey.rotationPolicy"

// copiedPrefix marks a copied annotation in the list.
const copiedPrefix = "annotations/"

// Held holds the values of a Certificate that came from a policy or resolver.
type Held struct {
	// Spec maps the listed fields, and privateKey.rotationPolicy, to their values.
	Spec map[string]any `json:"spec,omitempty"`
	// Lost are the listed fields, and parts of them (privateKey.size), that our entry doesn't own
	// any more: somebody else changed or removed them.
	Lost []string `json:"lost,omitempty"`
	// Keys are the copied annotations, and Copies the values of those that our entry owns.
	Keys   []string          `json:"keys,omitempty"`
	Copies map[string]string `json:"copies,omitempty"`
	// Large is set, and nothing else, where the values are too long for a cache: a decision that
	// needs them reads the Certificate.
	Large bool `json:"large,omitempty"`
}

// maxHeld is how many bytes of values a cache holds of one Certificate.
const maxHeld = 4 << 10

// observeHeld reads the values of a Certificate, in JSON, that a list names; own is our entry, or
// nil.
func observeHeld(list string, object []byte, own *seenEntry) *Held {
	if list == "" {
		return nil
	}
	var live struct {
		Metadata struct {
			Annotations map[string]any `json:"annotations"`
		} `json:"metadata"`
		Spec map[string]any `json:"spec"`
	}
	// A spec that is none has no values.
	_ = json.Unmarshal(object, &live)
	held := &Held{Spec: map[string]any{}}
	var owned *fieldpath.Set
	if own != nil {
		owned = readFields(own.fields)
	}
	for item := range strings.SplitSeq(list, ",") {
		if key, copied := strings.CutPrefix(item, copiedPrefix); copied {
			held.observeCopy(key, live.Metadata.Annotations[key], owned)
		} else if canBeHeld(item) {
			held.observeField(item, heldValue(live.Spec, item), owned)
		}
	}
	return held
}

// observeCopy takes in a copied annotation with its value, which is nil if it isn't there. owned is
// what our entry owns, nil if there is none.
func (h *Held) observeCopy(key string, value any, owned *fieldpath.Set) {
	h.Keys = append(h.Keys, key)
	text, there := value.(string)
	if !there || owned != nil && !owned.Has(annotationPath(key)) {
		return
	}
	if h.Copies == nil {
		h.Copies = map[string]string{}
	}
	h.Copies[key] = text
}

// observeField takes in a field with its value, which is nil if it isn't there.
func (h *Held) observeField(field string, value any, owned *fieldpath.Set) {
	if value != nil {
		h.Spec[field] = value
	}
	if owned != nil {
		h.Lost = append(h.Lost, lost(field, value, owned)...)
	}
}

// heldValue returns the value of a field that may be held, or nil.
func heldValue(spec map[string]any, field string) any {
	key, _ := spec["privateKey"].(map[string]any)
	switch {
	case field == RotationPolicy:
		return key["rotationPolicy"]
	case field == "privateKey" && key != nil:
		rest := maps.Clone(key)
		if delete(rest, "rotationPolicy"); len(rest) == 0 {
			return nil
		}
		return rest
	}
	return spec[field]
}

// lost returns what our entry doesn't own of a field with a value, which is nil if it isn't there.
func lost(field string, value any, owned *fieldpath.Set) []string {
	parts, _ := value.(map[string]any)
	if len(parts) == 0 {
		if owned.Has(specPath(field)) {
			return nil
		}
		return []string{field}
	}
	var out []string
	for _, part := range slices.Sorted(maps.Keys(parts)) {
		if !owned.Has(specPath(field + "." + part)) {
			out = append(out, field+"."+part)
		}
	}
	return out
}

func specPath(field string) fieldpath.Path {
	parts := []any{"spec"}
	for name := range strings.SplitSeq(field, ".") {
		parts = append(parts, name)
	}
	return fieldpath.MakePathOrDie(parts...)
}

// values are those that stay, and those that were lost as they would be set anew. A part that
// would not be set is somebody else's addition.
func (h *Held) values(anew map[string]any) map[string]any {
	out := runtime.DeepCopyJSON(h.Spec)
	for _, path := range h.Lost {
		field, part, isPart := strings.Cut(path, ".")
		if path == RotationPolicy {
			field, isPart = path, false
		}
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

// isLost reports whether somebody else changed or removed a field or a part of it.
func (h *Held) isLost(field string) bool {
	return slices.ContainsFunc(h.Lost, func(path string) bool {
		return path == field || path != RotationPolicy && strings.HasPrefix(path, field+".")
	})
}

// subjectField can be held too: only the operator can set it, not a resolver.
const subjectField = "subject"

func canBeHeld(field string) bool {
	return field == subjectField || field == RotationPolicy || slices.Contains(resolver.ValueFields(), resolver.ValueField(field))
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
	if len(packed) > maxHeld {
		return (&Held{Large: true}).Encode()
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
