package inventory

import (
	"hash/maphash"
	"slices"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// slots has who takes the slots of listeners at a Gateway, by a hash of both. Those of one slot are in
// the order of precedence: the Gateway, then its ListenerSets.
type slots map[uint64][]*Source

// shared stands for all protocols of a port that listeners of several hostnames share.
const shared = "*"

var slotSeed = maphash.MakeSeed()

// hashOf is that of a slot at a Gateway: eight bytes, as there may be many slots. It goes by the text of
// names, since their handles live no longer than somebody holds them.
func hashOf(at Key, slot source.Slot) uint64 {
	return maphash.Comparable(slotSeed, struct {
		kind            source.GroupKind
		namespace, name string
		slot            source.Slot
	}{at.Kind(), at.Namespace(), at.name, slot})
}

// sharedOf is the slot that stands for all of a port that share it.
func sharedOf(port int) source.Slot { return source.Slot{Port: port, Protocol: shared} }

// tcpOf is the slot of a whole port.
func tcpOf(port int) source.Slot { return source.Slot{Port: port, Protocol: "TCP"} }

// joined is the Gateway that an object brings its listeners to, itself for a Gateway.
func joined(kind source.Kind, object *source.Object) (Key, bool) {
	of, joins := kind.Joins()
	switch {
	case !joins:
		return Key{}, false
	case of == object.GroupKind():
		return KeyOf(object.Ref), true
	}
	parent, wrong := kind.Parent(object)
	if parent == nil || wrong != "" {
		return Key{}, false
	}
	return NewKey(of, parent.Namespace, parent.Name), true
}

// taking is what one version of a source takes.
type taking struct {
	at    Key
	slots []source.Slot
}

// takingOf is what a source takes; nothing for nil, and for a kind without listeners.
func (i *Inventory) takingOf(item *Source) taking {
	if item == nil {
		return taking{}
	}
	of := item.of.Value().kind.Value()
	kind, known := i.policy.Kinds.Lookup(of.Group, of.Kind)
	if !known {
		return taking{}
	}
	if _, joins := kind.Joins(); !joins {
		return taking{}
	}
	object, _ := item.unpack()
	at, joins := joined(kind, object)
	if !joins {
		return taking{}
	}
	t := taking{at: at, slots: kind.Slots(object)}
	ports := map[int]bool{}
	for _, slot := range t.slots {
		if slot.IsShared() && !ports[slot.Port] {
			ports[slot.Port] = true
			t.slots = append(t.slots, sharedOf(slot.Port))
		}
	}
	return t
}

// enter puts a source among those that take a slot.
func (s slots) enter(at Key, slot source.Slot, item *Source) {
	hash := hashOf(at, slot)
	n, _ := slices.BinarySearchFunc(s[hash], item, func(a, b *Source) int { return comparePrecedence(at, a, b) })
	s[hash] = slices.Insert(s[hash], n, item)
}

func (s slots) leave(at Key, slot source.Slot, item *Source) {
	hash := hashOf(at, slot)
	rest := slices.DeleteFunc(s[hash], func(other *Source) bool { return other == item })
	if s[hash] = rest; len(rest) == 0 {
		delete(s, hash)
	}
}

// comparePrecedence orders sources at a Gateway, which comes before all others.
func comparePrecedence(at Key, a, b *Source) int {
	isGateway := func(s *Source) bool { return s.of.Value().kind == at.kind }
	switch {
	case isGateway(a) && !isGateway(b):
		return -1
	case isGateway(b) && !isGateway(a):
		return 1
	}
	return source.ComparePrecedence(a.head(), b.head())
}

// contest answers who has which slot at one Gateway.
type contest struct {
	*Inventory
	at Key
	// gateway is nil where it isn't there or can't be read: then all are taken for admitted.
	gateway *source.Object
	// labels are those of a namespace, false where they can't be known.
	labels func(namespace string) (map[string]string, bool)
}

func (i *Inventory) contest(at Key, labels func(string) (map[string]string, bool)) contest {
	c := contest{Inventory: i, at: at, labels: labels}
	if item := i.source(at); item != nil {
		if object, unreadable := item.unpack(); unreadable == "" {
			c.gateway = object
		}
	}
	return c
}

// knownLabels are the labels of a namespace, as they are known now.
func (i *Inventory) knownLabels(namespace string) (map[string]string, bool) {
	item := i.namespaces[namespace]
	if item == nil {
		return nil, false
	}
	labels, _ := item.unpack()
	return labels, true
}

// holder is who has a slot, nil for nobody. It isn't known where it may be one of whom it isn't known
// whether the Gateway admits it.
func (c *contest) holder(slot source.Slot) (item *Source, known bool) {
	if !slot.IsShared() && !slot.IsTCP() {
		return c.first(slot)
	}
	whole, known := c.first(tcpOf(slot.Port))
	if !known {
		return nil, false
	}
	if whole == nil {
		return c.first(slot)
	}
	several, known := c.first(sharedOf(slot.Port))
	switch {
	case !known:
		return nil, false
	case several == nil || comparePrecedence(c.at, whole, several) < 0:
		return whole, true
	case slot.IsTCP():
		return several, true
	}
	return c.first(slot)
}

// first is the first that takes a slot and that the Gateway admits.
func (c *contest) first(slot source.Slot) (item *Source, known bool) {
	for _, item := range c.slots[hashOf(c.at, slot)] {
		switch admitted, known := c.admits(item); {
		case !known:
			return nil, false
		case admitted:
			return item, true
		}
	}
	return nil, true
}

func (c *contest) admits(item *Source) (admitted, known bool) {
	of := item.of.Value().kind
	if c.gateway == nil || of == c.at.kind {
		return true, true
	}
	kind, isSource := c.policy.Kinds.Lookup(of.Value().Group, of.Value().Kind)
	if !isSource {
		return false, true
	}
	namespace := item.namespace.Value()
	refusal := kind.Refused(item.head(), c.gateway, func() (map[string]string, bool) { return c.labels(namespace) })
	return refusal.Why == "", !refusal.Unknown
}

// view is what a source that takes a slot sees of who has it: nobody, who, or that it can't be known.
func (c *contest) view(of, holder *Source, known bool) any {
	switch {
	case !known:
		return Unreadable
	case holder == nil || sameSource(of, holder):
		return nil
	case holder.of.Value().kind == c.at.kind || holder.namespace == of.namespace:
		return holder.Key()
	}
	return shared
}

// held is who has a slot.
type held struct {
	slot  source.Slot
	item  *Source
	known bool
}

// retake changes what a source takes from that of one version to that of another, and wakes who sees it.
func (c *change) retake(old, item *Source) {
	before, now := c.takingOf(old), c.takingOf(item)
	if before.at == now.at && old != nil && item != nil && old.uid() == item.uid() && slices.Equal(before.slots, now.slots) {
		for _, slot := range now.slots {
			c.hand(hashOf(now.at, slot), old, item)
		}
		return
	}
	c.contesting(before.at, before.slots, func() {
		c.contesting(now.at, now.slots, func() {
			for _, slot := range before.slots {
				c.slots.leave(before.at, slot, old)
			}
			for _, slot := range now.slots {
				c.slots.enter(now.at, slot, item)
			}
		})
	})
}

// hand gives what a version of a source takes to the next one.
func (c *change) hand(hash uint64, old, item *Source) {
	if n := slices.Index(c.slots[hash], old); n >= 0 {
		c.slots[hash][n] = item
	}
}

// contesting wakes who sees that a mutation gives slots to others.
func (c *change) contesting(at Key, changed []source.Slot, mutate func()) {
	if len(changed) == 0 {
		mutate()
		return
	}
	contest := c.contest(at, c.knownLabels)
	changed = contest.withRivals(changed)
	before := contest.holders(changed)
	mutate()
	for n, now := range contest.holders(changed) {
		if was := before[n]; was.known != now.known || !sameSource(was.item, now.item) {
			c.contested(&contest, was, now)
		}
	}
}

// withRivals adds the other slots of ports for whose holders it counts who is first at the whole port.
func (c *contest) withRivals(changed []source.Slot) []source.Slot {
	all := slices.Clone(changed)
	for _, slot := range changed {
		if whole := tcpOf(slot.Port); slot.Protocol == shared && len(c.slots[hashOf(c.at, whole)]) > 0 {
			all = append(all, whole)
		}
		if slot.IsTCP() {
			all = append(all, sharedOf(slot.Port))
		}
	}
	return all
}

func (c *contest) holders(of []source.Slot) []held {
	all := make([]held, len(of))
	for n, slot := range of {
		h := held{slot: slot}
		if slot.Protocol == shared {
			// It changes for all that share a port whether they may have it at all.
			h.item, h.known = c.holder(tcpOf(slot.Port))
			if h.item != nil && !c.takes(h.item, tcpOf(slot.Port)) {
				h.item = nil
			}
		} else {
			h.item, h.known = c.holder(slot)
		}
		all[n] = h
	}
	return all
}

func (c *contest) takes(item *Source, slot source.Slot) bool {
	return slices.Contains(c.slots[hashOf(c.at, slot)], item)
}

// contested wakes those that take a slot which another one has now, if they see that.
func (c *change) contested(contest *contest, was, now held) {
	for _, item := range c.slots[hashOf(contest.at, now.slot)] {
		if item.readsSlots && contest.view(item, was.item, was.known) != contest.view(item, now.item, now.known) {
			c.later(item.Key())
		}
	}
	c.laterIf(func(look *Look) bool { return slices.Contains(look.slots, hashOf(contest.at, now.slot)) })
}

// rebuildSlots makes the index anew, for other kinds of sources.
func (i *Inventory) rebuildSlots() {
	i.slots = slots{}
	for _, o := range i.owners {
		t := i.takingOf(o.source)
		for _, slot := range t.slots {
			i.slots.enter(t.at, slot, o.source)
		}
	}
}

// Holder implements [certshim.Observed].
func (l *Look) Holder(object *source.Object, slot source.Slot) (*source.Ref, certshim.Presence) {
	kind, known := l.policy.Kinds.Lookup(object.Group, object.Kind)
	if !known {
		return nil, certshim.Absent
	}
	l.lock.RLock()
	defer l.lock.RUnlock()
	at, joins := joined(kind, object)
	own := KeyOf(object.Ref)
	if !joins || at == own {
		return nil, certshim.Absent
	}
	l.asksSlot(at, slot)
	contest := l.contest(at, func(namespace string) (map[string]string, bool) {
		item, _ := l.namespaceSeen(asksLabels, namespace)
		if item == nil {
			return nil, false
		}
		labels, _ := item.unpack()
		return labels, true
	})
	switch holder, certain := contest.holder(slot); {
	case !certain:
		return nil, certshim.Unknown
	case holder != nil && holder.Key() != own:
		return &holder.head().Ref, certshim.Present
	}
	return nil, certshim.Absent
}

// KnowsJoining implements [certshim.Observed].
func (l *Look) KnowsJoining(of source.GroupKind) bool {
	l.lock.RLock()
	defer l.lock.RUnlock()
	all := true
	for _, kind := range l.policy.Kinds.All() {
		named := source.GroupKindOf(kind)
		if joins, _ := kind.Joins(); joins != of || named == of {
			continue
		}
		l.asks(sourceFact(named, "", ""))
		if l.absent(resolver.GroupKind(named), "") != certshim.Absent {
			all = false
		}
	}
	return all
}

// asksSlot notes a question about a slot. What concerns a whole port concerns each slot of it.
func (l *Look) asksSlot(at Key, slot source.Slot) {
	if l.aside {
		return
	}
	l.slots = append(l.slots, hashOf(at, slot))
	if slot.IsShared() {
		l.slots = append(l.slots, hashOf(at, sharedOf(slot.Port)))
	}
}
