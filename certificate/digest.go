package certificate

import (
	"bytes"
	"encoding/json"
	"hash/maphash"
	"math"
	"strings"
)

// seed differs between processes, so that nobody can craft a Certificate whose digest equals
// that of another. It is set once and never changed.
var seed = maphash.MakeSeed()

// Type tags, hashed before the values: "1" is not 1.
const (
	hashNull uint64 = iota + 1
	hashString
	hashNumber
	hashFloat
	hashTrue
	hashFalse
	hashList
	hashMap
	// hashNoValue stands for a path that is owned and has no value of its own. No configuration
	// of ours has such a leaf.
	hashNoValue
	hashRoot
)

// Want returns the digest of an apply configuration's leaves. A leaf is a scalar, a whole list
// of the spec, an empty map, one ownerReference or one finalizer. Name, namespace and guards
// don't count.
func Want(config map[string]any) Digest {
	var d Digest
	eachLeaf(config, func(path uint64, value any) { d.add(path, hashValue(value)) })
	return d
}

func (d *Digest) add(path, value uint64) {
	d.Sum += mix(path, value)
	d.Leaves++
}

// eachLeaf calls visit with the path, hashed, and the value of each leaf of a configuration.
func eachLeaf(config map[string]any, visit func(path uint64, value any)) {
	metadata, _ := config["metadata"].(map[string]any)
	at := hashField(hashRoot, "metadata")
	for name, value := range metadata {
		eachMetadata(at, name, value, visit)
	}
	if spec, ok := config["spec"].(map[string]any); ok {
		eachField(hashField(hashRoot, "spec"), spec, visit)
	}
}

func eachMetadata(at uint64, name string, value any, visit func(uint64, any)) {
	at = hashField(at, name)
	switch name {
	case "labels", "annotations":
		if entries, ok := value.(map[string]any); ok {
			eachField(at, entries, visit)
		}
	case "ownerReferences":
		eachItem(value, func(item any) { visit(hashItem(at, ownerElement(uidOf(item))), item) })
	case "finalizers":
		eachItem(value, func(item any) {
			text, _ := item.(string)
			visit(hashItem(at, valueElement(text)), item)
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
		below := hashField(at, name)
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

// ownerElement returns the element of an ownerReference in a fieldsV1.
func ownerElement(uid string) string {
	if strings.Trim(uid, "-0123456789abcdef") == "" {
		return `k:{"uid":"` + uid + `"}`
	}
	quoted, _ := json.Marshal(uid)
	return `k:{"uid":` + string(quoted) + `}`
}

// valueElement returns the element of a member of a set in a fieldsV1.
func valueElement(value string) string {
	quoted, _ := json.Marshal(value)
	return "v:" + string(quoted)
}

// hashField goes one field down. The name stands in a fieldsV1 behind "f:".
func hashField(path uint64, name string) uint64 { return mix(path, maphash.String(seed, name)) }

// hashItem goes down to an item of a list, by its element in a fieldsV1.
func hashItem(list uint64, element string) uint64 {
	return mix(list+hashList, maphash.String(seed, element))
}

// hashElement goes one element of a fieldsV1 down: to a field or to an item.
func hashElement(path uint64, element []byte) uint64 {
	if name, isField := bytes.CutPrefix(element, []byte("f:")); isField {
		return mix(path, maphash.Bytes(seed, name))
	}
	return mix(path+hashList, maphash.Bytes(seed, element))
}

// hashValue returns equal hashes for equal values, whether decoded or built.
func hashValue(value any) uint64 {
	switch v := value.(type) {
	case string:
		return hashText(v)
	case bool:
		return hashTruth(v)
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

func hashText(v string) uint64 { return mix(hashString, maphash.String(seed, v)) }

func hashTruth(v bool) uint64 {
	if v {
		return hashTrue
	}
	return hashFalse
}

// hashFloating treats a whole number as the integer it is: decoders differ in that.
func hashFloating(v float64) uint64 {
	if v == math.Trunc(v) && math.Abs(v) < 1<<63 {
		return mix(hashNumber, uint64(int64(v)))
	}
	return mix(hashFloat, math.Float64bits(v))
}

// mix combines two hashes so that order and position matter.
func mix(a, b uint64) uint64 {
	h := a*0x9e3779b97f4a7c15 ^ (b + 0x7f4a7c159e3779b9)
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
