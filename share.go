package certshim

import (
	"hash/fnv"
	"slices"
)

// Share is the part of the cluster's namespaces that an instance serves, where several serve it together. Each reads all of
// the cluster, as far as its permissions go, and decides about the objects of its own namespaces alone. The zero value is all of them.
type Share struct {
	// Namespaces that are served, if any are listed.
	Namespaces []string
	// Shard is which of so many Shards is served, from 0 on, if there are any: a namespace is in the shard that the FNV-1a hash of
	// 64 bits of its name leaves as the remainder.
	Shard, Shards int
}

// Has reports whether a namespace is part of the share. Objects without a namespace are part of each that lists none and
// is no shard, and of the shard of the empty name.
func (s Share) Has(namespace string) bool {
	if len(s.Namespaces) > 0 && !slices.Contains(s.Namespaces, namespace) {
		return false
	}
	if s.Shards == 0 {
		return true
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(namespace))
	return h.Sum64()%uint64(s.Shards) == uint64(s.Shard)
}
