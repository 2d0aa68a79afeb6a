package certificate

import (
	"hash/maphash"
	"math"
)

// seed differs from process to process, so that nobody can write a Certificate whose
// digest is that of another. It is set once and never changed.
var seed = maphash.MakeSeed()

// Kinds of values, told apart before they are hashed: "1" is not 1.
const (
	hashNull uint64 = iota + 1
	hashString
	hashNumber
	hashFloat
	hashTrue
	hashFalse
	hashList
	hashMap
	// hashNothing stands for what no configuration of ours holds: a path that is
	// owned and has no value, or a container.
	hashNothing
	hashRoot
)

// Want is the digest of an apply configuration: of each of its leaves, which are a
// scalar, a list of the spec as a whole, an empty map, one ownerReference and one
// finalizer. Name, namespace, and what guards a write don't count.
func Want(config map[string]any) Digest {
	var d Digest
	eachLeaf(config, func(path uint64, value any) { d.add(path, hashValue(value)) })
	return d
}

// have is the digest of what a fieldsV1 owns, with the values of the live object.
func have(fields, live map[string]any) Digest {
	var d Digest
	d.owned(hashRoot, fields, live)
	return d
}

func (d *Digest) add(path, value uint64) {
	d.Sum += mix(path, value)
	d.Leaves++
}

// owned walks a fieldsV1 with the live value alongside.
func (d *Digest) owned(path uint64, node map[string]any, live any) {
	for element, child := range node {
		if element == "." {
			d.add(path, hashNothing)
			continue
		}
		at := hashStep(path, element)
		below, _ := child.(map[string]any)
		value, found := step(live, element)
		switch {
		case len(below) > 0:
			d.owned(at, below, value)
		case found:
			d.add(at, hashValue(value))
		default:
			d.add(at, hashNothing)
		}
	}
}

// eachLeaf calls visit with the path, hashed, and the value of each leaf of a configuration.
func eachLeaf(config map[string]any, visit func(path uint64, value any)) {
	metadata, _ := config["metadata"].(map[string]any)
	at := hashStep(hashRoot, "f:metadata")
	for name, value := range metadata {
		eachMetadata(at, name, value, visit)
	}
	if spec, ok := config["spec"].(map[string]any); ok {
		eachField(hashStep(hashRoot, "f:spec"), spec, visit)
	}
}

func eachMetadata(at uint64, name string, value any, visit func(uint64, any)) {
	at = hashStep(at, "f:"+name)
	switch name {
	case "labels", "annotations":
		if entries, ok := value.(map[string]any); ok {
			eachField(at, entries, visit)
		}
	case "ownerReferences":
		eachItem(value, func(item any) { visit(hashStep(at, ownerElement(uidOf(item))), item) })
	case "finalizers":
		eachItem(value, func(item any) {
			text, _ := item.(string)
			visit(hashStep(at, valueElement(text)), item)
		})
	}
}

func eachItem(value any, visit func(item any)) {
	items, _ := value.([]any)
	for _, item := range items {
		visit(item)
	}
}

func eachField(at uint64, fields map[string]any, visit func(uint64, any)) {
	for name, value := range fields {
		below := hashStep(at, "f:"+name)
		if inner, ok := value.(map[string]any); ok && len(inner) > 0 {
			eachField(below, inner, visit)
			continue
		}
		visit(below, value)
	}
}

func uidOf(reference any) string {
	fields, _ := reference.(map[string]any)
	uid, _ := fields["uid"].(string)
	return uid
}

func hashStep(path uint64, element string) uint64 { return mix(path, maphash.String(seed, element)) }

// hashValue gives equal values equal hashes, whether they were decoded or built.
func hashValue(value any) uint64 {
	switch v := value.(type) {
	case string:
		return mix(hashString, maphash.String(seed, v))
	case bool:
		if v {
			return hashTrue
		}
		return hashFalse
	case int64:
		return mix(hashNumber, uint64(v))
	case int:
		return mix(hashNumber, uint64(v))
	case float64:
		return hashFloating(v)
	case []any:
		sum := hashList
		for _, item := range v {
			sum = mix(sum, hashValue(item))
		}
		return sum
	case map[string]any:
		sum := hashMap
		for name, item := range v {
			sum += mix(maphash.String(seed, name), hashValue(item))
		}
		return sum
	}
	return hashNull
}

// hashFloating treats a whole number as the integer it is: decoders differ in that.
func hashFloating(v float64) uint64 {
	if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
		return mix(hashNumber, uint64(int64(v)))
	}
	return mix(hashFloat, math.Float64bits(v))
}

// mix combines two hashes so that order and position count.
func mix(a, b uint64) uint64 {
	h := a*0x9e3779b97f4a7c15 ^ (b + 0x7f4a7c159e3779b9)
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
