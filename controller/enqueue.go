package controller

import (
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/source"
)

// concernedBySource gives the sources that the change of one concerns: itself, those that
// name one of its Secrets, and the ListenerSets of a Gateway. Old or now is nil for a
// source that appears or is gone; a change of its status alone concerns nobody.
func (m *memory) concernedBySource(old, now *compactSource) []key {
	if old != nil && now != nil && old.same(&now.compact) {
		return nil
	}
	m.lock.RLock()
	defer m.lock.RUnlock()
	var found keySet
	if now != nil {
		found.add(now.key())
	}
	// One that is gone is out of the indexes already.
	for _, version := range []*compactSource{old, now} {
		if version == nil {
			continue
		}
		object, _ := version.unpack()
		for _, secret := range named(object) {
			found.addAll(m.bySecret[types.NamespacedName{Namespace: object.Namespace, Name: secret}])
		}
		if source.IsGateway(object.Group, object.Kind) {
			found.addAll(m.byParent[types.NamespacedName{Namespace: object.Namespace, Name: object.Name}])
		}
	}
	return found.keys
}

// concernedByCertificate gives the sources that the change of a Certificate concerns: its
// controller owner, and, unless that is and was its only owner, all that name its Secret.
func (m *memory) concernedByCertificate(old, now *compactCertificate) []key {
	if old != nil && now != nil && old.same(now) {
		return nil
	}
	m.lock.RLock()
	defer m.lock.RUnlock()
	var found keySet
	owners := 0
	for _, version := range []*compactCertificate{old, now} {
		if version == nil {
			continue
		}
		if owner, known := m.ownerOf(version); known {
			found.add(owner)
			owners++
		}
	}
	if now == nil || owners == 0 || movedAway(old, now) {
		m.addClaimants(&found, old)
		m.addClaimants(&found, now)
	}
	return found.keys
}

// movedAway says that a Certificate has another Secret or owner than before.
func movedAway(old, now *compactCertificate) bool {
	if old == nil || now == nil {
		return false
	}
	before, after := old.unpack(), now.unpack()
	return before.Secret != after.Secret || before.Owner != after.Owner
}

// addClaimants adds who names the Certificate's Secret, or a Secret of its name.
func (m *memory) addClaimants(found *keySet, item *compactCertificate) {
	if item == nil {
		return
	}
	o := item.unpack()
	found.addAll(m.bySecret[types.NamespacedName{Namespace: o.Namespace, Name: o.Name}])
	found.addAll(m.bySecret[types.NamespacedName{Namespace: o.Namespace, Name: o.Secret}])
}

// ownerOf finds the source that controls a Certificate.
func (m *memory) ownerOf(item *compactCertificate) (key, bool) {
	o := item.unpack()
	kind, known := source.Lookup(o.Owner.Group, o.Owner.Kind)
	if !known {
		return key{}, false
	}
	owner := m.sources[key{kind: kind, namespace: o.Namespace, name: o.Owner.Name}]
	if owner == nil {
		return key{}, false
	}
	return owner.key(), true
}

// keySet collects keys, each once and in their order.
type keySet struct {
	keys []key
	seen map[key]bool
}

func (s *keySet) add(k key) {
	if s.seen == nil {
		s.seen = map[key]bool{}
	}
	if !s.seen[k] {
		s.seen[k] = true
		s.keys = append(s.keys, k)
	}
}

func (s *keySet) addAll(items []*compactSource) {
	for _, item := range items {
		s.add(item.key())
	}
}
