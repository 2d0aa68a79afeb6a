package certificate

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"iter"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/resolver"
)

// Observe reduces a Certificate that was decoded from JSON, as [Read] does.
func Observe(object map[string]any) Observed { return observeDecoded(object).out }

// Read reduces a Certificate, in the JSON that the API server sends, to what decisions read.
// It doesn't keep the object, and sets neither [Observed.Live] nor [TakenOver].
func Read(object []byte) (Observed, error) {
	o, err := observe(object)
	if err != nil {
		return Observed{}, fmt.Errorf("a Certificate can't be read: %w", err)
	}
	return o.out, nil
}

// An observation reads a Certificate in one pass. What is owned is known at its end only.
type observation struct {
	scanner
	out Observed
	// leaves are the hashes of the live values, by path.
	leaves  map[uint64]uint64
	entries []seenEntry
	// held is the value of the annotation [FromResolver], and record that of [RoutesKey].
	held, record string
}

func observeDecoded(object map[string]any) *observation {
	// What was decoded from JSON can be written as JSON again, and read.
	content, _ := json.Marshal(object)
	o, _ := observe(content)
	return o
}

func observe(object []byte) (*observation, error) {
	o := &observation{leaves: map[uint64]uint64{}}
	o.on(object)
	if kind := o.kind(); kind != jsontext.KindBeginObject {
		o.value()
		return o, cmp.Or(o.err, fmt.Errorf("it must be a JSON object, not %s", kind))
	}
	for name := range o.members() {
		switch string(name) {
		case "metadata":
			o.metadata(hashField(hashRoot, "metadata"))
		case "spec":
			o.spec(hashField(hashRoot, "spec"))
		default:
			o.value()
		}
	}
	if o.token(); !errors.Is(o.err, io.EOF) {
		return o, cmp.Or(o.err, errors.New("something follows the object"))
	}
	o.ownership()
	o.ownerByTie()
	o.out.Held = observeHeld(o.held, object, o.own())
	o.out.Routed = o.routed(o.record, object)
	return o, nil
}

func (o *observation) metadata(at uint64) {
	for name := range o.members() {
		at := mix(at, maphash.Bytes(seed, name))
		switch string(name) {
		case "deletionTimestamp":
			if o.hash() != hashNull {
				o.out.Flags |= Deleting
			}
		case "labels":
			o.leaf(at)
		case "annotations":
			o.annotations(at)
		case "ownerReferences":
			for range o.items() {
				o.owner(at)
			}
		case "finalizers":
			for range o.items() {
				text, hash := o.keep()
				o.leaves[hashItem(at, valueElement(text))] = hash
			}
		case "managedFields":
			for range o.items() {
				o.entry()
			}
		default:
			into := o.out.field(name)
			*into = string(o.text())
		}
	}
}

// field is where a text of the metadata belongs.
func (o *Observed) field(name []byte) *string {
	switch string(name) {
	case "namespace":
		return &o.Namespace
	case "name":
		return &o.Name
	case "uid":
		return &o.UID
	case "resourceVersion":
		return &o.ResourceVersion
	}
	return new(string)
}

func (o *observation) annotations(at uint64) {
	for name, at := range o.fields(at) {
		switch string(name) {
		case FromResolver:
			o.held, o.leaves[at] = o.keep()
		case RoutesKey:
			o.record, o.leaves[at] = o.keep()
		case TieKey:
			o.out.Tie, o.leaves[at] = o.keep()
			o.out.Tie = o.out.Tie[:min(len(o.out.Tie), maxTie+1)]
		case RespectedKey:
			o.out.Respected, o.leaves[at] = o.keep()
			if len(o.out.Respected) > maxRespected {
				o.out.Respected = ""
			}
		case annotations.DeletionKey:
			var policy string
			if policy, o.leaves[at] = o.keep(); policy == string(annotations.RetainUnneeded) {
				o.out.Flags |= Retained
			}
		default:
			o.leaf(at)
		}
	}
}

func (o *observation) spec(at uint64) {
	for name, at := range o.fields(at) {
		switch string(name) {
		case "secretName":
			o.out.Secret, o.leaves[at] = o.keep()
		case "issuerRef":
			o.issuer(at)
		default:
			o.leaf(at)
		}
	}
}

func (o *observation) issuer(at uint64) {
	if o.kind() == jsontext.KindNull {
		o.leaf(at)
		return
	}
	var ref resolver.Ref
	for name, at := range o.fields(at) {
		switch string(name) {
		case "name":
			ref.Name, o.leaves[at] = o.keep()
		case "kind":
			ref.Kind, o.leaves[at] = o.keep()
		case "group":
			ref.Group, o.leaves[at] = o.keep()
		default:
			o.leaf(at)
		}
	}
	o.out.Issuer = withDefaults(ref)
}

// leaf reads a value and remembers the hash of it, or of each leaf of a map.
func (o *observation) leaf(at uint64) {
	for _, at := range o.fields(at) {
		o.leaf(at)
	}
}

// fields goes through the members of a map, each with its path. Any other value is a leaf,
// and so is an empty map. The body of the loop reads each.
func (o *observation) fields(at uint64) iter.Seq2[[]byte, uint64] {
	return func(yield func([]byte, uint64) bool) {
		if o.kind() != jsontext.KindBeginObject {
			o.leaves[at] = o.hash()
			return
		}
		empty := true
		for name := range o.members() {
			empty = false
			if !yield(name, mix(at, maphash.Bytes(seed, name))) {
				return
			}
		}
		if empty {
			o.leaves[at] = hashMap
		}
	}
}

// owner reads an ownerReference, which is a leaf. The first that controls counts.
func (o *observation) owner(list uint64) {
	var owner Owner
	sum, controls := hashMap, false
	for name := range o.members() {
		member, isController := maphash.Bytes(seed, name), string(name) == "controller"
		into := owner.field(name)
		text, hash := o.keep()
		*into = text
		controls = controls || isController && hash == hashTrue
		sum += mix(member, hash)
	}
	o.leaves[hashItem(list, ownerElement(owner.UID))] = sum
	if owner.Group = groupOf(owner.Group); controls && o.out.Owner == (Owner{}) {
		o.out.Owner = owner
	}
}

// field is where a member of an ownerReference belongs; its apiVersion stands for the group.
func (o *Owner) field(name []byte) *string {
	switch string(name) {
	case "apiVersion":
		return &o.Group
	case "kind":
		return &o.Kind
	case "name":
		return &o.Name
	case "uid":
		return &o.UID
	}
	return new(string)
}

func text(fields map[string]any, name string) string {
	value, _ := fields[name].(string)
	return value
}

// groupOf is the group of an apiVersion, empty for the core group.
func groupOf(apiVersion string) string {
	group, _, found := strings.Cut(apiVersion, "/")
	if !found {
		return ""
	}
	return group
}
