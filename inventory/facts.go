package inventory

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"

	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// Wake is who must look again after a change.
type Wake struct {
	// Now are the source that changed itself, and the owner of a Certificate that changed.
	Now []Key
	// Later are the sources whose last decision, or the one that is being made, read a fact
	// that has another answer now. There may be many.
	Later []Key
}

// question is what a decision may ask of what many sources share.
type question uint8

const (
	// asksIssuer: is an issuer there, and what is said of it but for its readiness?
	asksIssuer question = iota + 1
	// asksReadiness: is an issuer ready?
	asksReadiness
	// asksNear: which issuer of a kind has nearly this name? asksNearOrSame: or just this one?
	asksNear
	asksNearOrSame
	// asksScope: is a kind served, and where are its objects?
	asksScope
	// asksGroups: which groups serve a kind of this name?
	asksGroups
	// asksKinds: which kinds are served whose name ends in Issuer?
	asksKinds
	// asksFields: does the Certificate CRD have these fields?
	asksFields
	// asksSource: what is another source, a Gateway, as its ListenerSets see it?
	asksSource
	// asksInherited: what do others inherit of its annotations?
	asksInherited
	// asksLabels and asksAnnotations: what are those of a Namespace?
	asksLabels
	asksAnnotations
	// asksGrant: what do the ReferenceGrants of a namespace let the sources of a kind and a namespace do
	// with a Secret?
	asksGrant
	// asksRoutes: which routes name a Gateway or ListenerSet?
	asksRoutes
)

// fact is one question about one thing.
type fact struct {
	question        question
	kind            resolver.GroupKind
	namespace, name string
	// from is the namespace of the sources that a grant is for.
	from   string
	fields fieldSet
}

// cloned is a fact that shares no string with the object that it was read from.
func (f fact) cloned() fact {
	f.kind.Group, f.kind.Kind = strings.Clone(f.kind.Group), strings.Clone(f.kind.Kind)
	f.namespace, f.name, f.from = strings.Clone(f.namespace), strings.Clone(f.name), strings.Clone(f.from)
	return f
}

func issuerFact(question question, key resolver.IssuerKey) fact {
	return fact{question: question, kind: key.GroupKind, namespace: key.Namespace, name: key.Name}
}

func (f fact) issuer() resolver.IssuerKey {
	return resolver.IssuerKey{GroupKind: f.kind, Namespace: f.namespace, Name: f.name}
}

// scope is where the issuers or the grants are that a question about many of them is about.
func (f fact) scope() issuerScope {
	if f.question == asksGrant {
		return grantScope(f.from, f.namespace)
	}
	return issuerScope{f.kind, f.namespace}
}

// issuerScope holds issuers of one kind whose names differ: those of a namespace or, where that is
// empty, of the cluster.
type issuerScope struct {
	kind      resolver.GroupKind
	namespace string
}

// isScoped says whether a question is about all objects of a scope.
func (f fact) isScoped() bool { return f.isNear() || f.question == asksGrant }

func (f fact) isNear() bool { return f.question == asksNear || f.question == asksNearOrSame }

func inheritedFact(kind source.GroupKind, namespace, name string) fact {
	return fact{question: asksInherited, kind: resolver.GroupKind(kind), namespace: namespace, name: name}
}

func sourceFact(kind source.GroupKind, namespace, name string) fact {
	return fact{question: asksSource, kind: resolver.GroupKind(kind), namespace: namespace, name: name}
}

// reading is a set of facts, and the sources whose last decision read exactly these. Most
// sources of a cluster read the same few, so that a source needs no list of its own.
type reading struct {
	key     string
	facts   []*answered
	members []*Source
}

// answered is a fact that was asked for, and the readings it is in.
type answered struct {
	fact
	number   uint64
	readings []*reading
}

// readers knows who read which of the facts that many share.
type readers struct {
	facts    map[fact]*answered
	readings map[string]*reading
	// scoped has the questions about all objects of a scope.
	scoped map[issuerScope][]fact
	// numbers counts the facts that there ever were: each gets one of its own.
	numbers uint64
}

func newReaders() readers {
	return readers{facts: map[fact]*answered{}, readings: map[string]*reading{}, scoped: map[issuerScope][]fact{}}
}

// set notes what the last decision of a source read, in place of what was noted before.
func (r *readers) set(item *Source, facts []fact) {
	now := r.reading(facts)
	if now == item.reading {
		return
	}
	r.leave(item)
	if now != nil {
		item.reading, item.place = now, int32(len(now.members))
		now.members = append(now.members, item)
	}
}

// reading finds or makes the set of these facts; nil for none.
func (r *readers) reading(facts []fact) *reading {
	if len(facts) == 0 {
		return nil
	}
	all := make([]*answered, len(facts))
	for i, f := range facts {
		all[i] = r.ask(f)
	}
	slices.SortFunc(all, func(a, b *answered) int { return int(int64(a.number) - int64(b.number)) })
	var key []byte
	for _, a := range all {
		key = binary.AppendUvarint(key, a.number)
	}
	if known := r.readings[string(key)]; known != nil {
		return known
	}
	made := &reading{key: string(key), facts: all}
	r.readings[made.key] = made
	for _, a := range all {
		a.readings = append(a.readings, made)
	}
	return made
}

func (r *readers) ask(f fact) *answered {
	a := r.facts[f]
	if a == nil {
		r.numbers++
		f = f.cloned()
		a = &answered{fact: f, number: r.numbers}
		r.facts[f] = a
		if f.isScoped() {
			r.scoped[f.scope()] = append(r.scoped[f.scope()], f)
		}
	}
	return a
}

// leave forgets what a source read.
func (r *readers) leave(item *Source) {
	left := item.reading
	if left == nil {
		return
	}
	last := len(left.members) - 1
	moved := left.members[last]
	left.members[item.place], moved.place = moved, item.place
	left.members[last] = nil
	left.members = left.members[:last]
	item.reading, item.place = nil, 0
	if last == 0 {
		r.drop(left)
	}
}

// drop removes a reading without members, and the facts that nobody else read.
func (r *readers) drop(empty *reading) {
	delete(r.readings, empty.key)
	for _, a := range empty.facts {
		a.readings = slices.DeleteFunc(a.readings, func(other *reading) bool { return other == empty })
		if len(a.readings) == 0 {
			r.forget(a.fact)
		}
	}
}

func (r *readers) forget(f fact) {
	delete(r.facts, f)
	if !f.isScoped() {
		return
	}
	rest := slices.DeleteFunc(r.scoped[f.scope()], func(other fact) bool { return other == f })
	if r.scoped[f.scope()] = rest; len(rest) == 0 {
		delete(r.scoped, f.scope())
	}
}

// take hands what a version of a source read over to its next version.
func (r *readers) take(next, old *Source) {
	next.readsSlots = old.readsSlots
	if old.reading == nil {
		return
	}
	next.reading, next.place = old.reading, old.place
	next.reading.members[next.place] = next
	old.reading, old.place = nil, 0
}

// change gathers who must look again while the inventory is changed, under its lock.
type change struct {
	*Inventory
	// own is the write of ours that is seen just now, if one is: its source need not look again.
	own *expectation
	// by is the look that found out what changes, if one did: it knows.
	by   *Look
	wake Wake
}

func (i *Inventory) changing() *change { return &change{Inventory: i} }

// spares says whether a source wrote what is seen, and so expects it.
func (c *change) spares(k Key) bool { return c.own != nil && c.own.by == k }

// outdates says whether a decision that is being made has to be made again: one that saw what
// it changed itself has not.
func (c *change) outdates(look *Look) bool {
	return look != c.by && (c.own == nil || c.own.look != look)
}

// now wakes a source that is concerned itself.
func (c *change) now(k Key) {
	spared := c.spares(k)
	for look := range c.looks {
		if look.key == k && c.outdates(look) {
			look.stale.Store(true)
			spared = false
		}
	}
	if !spared {
		c.wake.Now = append(c.wake.Now, k)
	}
}

// later wakes a source that read what has changed.
func (c *change) later(k Key) {
	if !c.spares(k) {
		c.wake.Later = append(c.wake.Later, k)
	}
}

// laterIf wakes the sources that are being decided by what has changed.
func (c *change) laterIf(read func(*Look) bool) {
	for look := range c.looks {
		if c.outdates(look) && read(look) {
			look.stale.Store(true)
			c.wake.Later = append(c.wake.Later, look.key)
		}
	}
}

// fact wakes who read a fact that has another answer now.
func (c *change) fact(f fact) {
	if a := c.readers.facts[f]; a != nil {
		for _, set := range a.readings {
			for _, member := range set.members {
				c.later(member.Key())
			}
		}
	}
	c.laterIf(func(look *Look) bool { return look.read(f) })
}

// isRead says whether anybody read a fact.
func (c *change) isRead(f fact) bool {
	if c.readers.facts[f] != nil {
		return true
	}
	for look := range c.looks {
		if look.read(f) {
			return true
		}
	}
	return false
}

// those are the facts among these that anybody read.
func (c *change) those(facts ...fact) []fact {
	return slices.DeleteFunc(facts, func(f fact) bool { return !c.isRead(f) })
}

// asked gives the facts with readers, those of decisions in the making included, that fit.
func (c *change) asked(fits func(fact) bool) []fact {
	found := map[fact]bool{}
	for f := range c.readers.facts {
		if fits(f) {
			found[f] = true
		}
	}
	for look := range c.looks {
		for _, f := range look.all() {
			if fits(f) {
				found[f] = true
			}
		}
	}
	return slices.Collect(maps.Keys(found))
}

// compare wakes who read one of these facts, if a mutation gives it another answer.
func (c *change) compare(facts []fact, mutate func()) {
	before := make([]any, len(facts))
	for n, f := range facts {
		before[n] = c.answer(f)
	}
	mutate()
	for n, f := range facts {
		if c.answer(f) != before[n] {
			c.fact(f)
		}
	}
}
