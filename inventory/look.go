package inventory

import (
	"slices"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// Look is one look at a source: what its decision observes, and which facts it reads. It is
// for one goroutine. From [Inventory.Look] to [Look.Close], a change of any fact that it read
// makes it stale and wakes the source.
type Look struct {
	*Inventory
	policy *certshim.Policy
	key    Key
	item   *Source
	now    time.Time
	// live has Certificates that were read from the API server; nil stands for one that isn't
	// there.
	live map[name]*certificate.Observed

	// facts and marks are what was read; they are added to under the read lock.
	facts      []fact
	fieldsRead fieldSet
	marks      []marked
	// slots are hashes of those that were asked for.
	slots []uint64
	stale atomic.Bool
	// aside is set while another source is judged: what is read for that isn't noted.
	aside bool
	// unread is set where an answer isn't known yet, and will be.
	unread bool
	// wake is who has to look again for what this look found out of the claims of others.
	wake Wake
}

// marked is what was read about a Secret.
type marked struct {
	name
	read mark
}

// Look begins to look at a source; it is nil if there is none.
func (i *Inventory) Look(k Key) *Look {
	i.lock.Lock()
	defer i.lock.Unlock()
	item := i.source(k)
	if item == nil {
		return nil
	}
	l := &Look{Inventory: i, policy: i.policy, key: item.Key(), item: item, now: i.time(), facts: i.spareFacts}
	i.spareFacts = nil
	i.looks[l] = struct{}{}
	return l
}

// Close ends the look.
func (l *Look) Close() {
	l.lock.Lock()
	defer l.lock.Unlock()
	delete(l.looks, l)
	if cap(l.facts) <= maxSpareFacts {
		clear(l.facts) // they keep strings of objects alive
		l.spareFacts = l.facts[:0]
	}
	l.facts = nil
}

// maxSpareFacts is more than a decision about one issuer reads, and bounds what is kept.
const maxSpareFacts = 256

// Key of the source.
func (l *Look) Key() Key { return l.key }

// Policy is what the decision follows.
func (l *Look) Policy() *certshim.Policy { return l.policy }

// Object is the source that is looked at. Where it can't be read, unreadable says why, and the
// object has only its reference.
func (l *Look) Object() (object *source.Object, unreadable string) { return l.item.unpack() }

// Large says whether it takes much memory to decide about the source.
func (l *Look) Large() bool { return l.item.isLarge() }

// Stale says whether a fact that was read has another answer by now; the source is awake then.
func (l *Look) Stale() bool { return l.stale.Load() }

// Unread says whether the decision asked for something that isn't known yet and will be. The
// source wakes when it is.
func (l *Look) Unread() bool { return l.unread }

// SetLive puts a Certificate as it was read from the API server in the place of what is
// known; nil stands for one that isn't there.
func (l *Look) SetLive(at types.NamespacedName, live *certificate.Observed) {
	if l.live == nil {
		l.live = map[name]*certificate.Observed{}
	}
	l.live[nameOf(at.Namespace, at.Name)] = live
}

// MovesBlindly says whether a decision lets a Certificate that exists go to another issuer,
// whose kind is not read yet: the Certificate keeps its present issuer if that one isn't there.
// The source wakes once more is known of the kind.
func (l *Look) MovesBlindly(d certificate.Decision) bool {
	if d.Action != certificate.Apply {
		return false
	}
	spec, _ := d.Config["spec"].(map[string]any)
	ref, _ := spec["issuerRef"].(map[string]any)
	if ref == nil {
		return false
	}
	to := resolver.Ref{Group: text(ref, "group"), Kind: text(ref, "kind"), Name: text(ref, "name")}
	kind := resolver.GroupKind{Group: to.Group, Kind: to.Kind}
	l.lock.Lock()
	defer l.lock.Unlock()
	o, there := l.certificateSeen(nameOf(d.Namespace, d.Name))
	blind := there && o.Issuer != to && l.known[kind] == Unread
	if blind && !slices.Contains(l.blind[kind], l.key) {
		l.blind[kind] = append(l.blind[kind], l.key)
	}
	return blind
}

func text(fields map[string]any, name string) string {
	value, _ := fields[name].(string)
	return value
}

// Keep notes what the decision read, in place of what the last one did: from now on a change
// of any of that wakes the source. Where other sources go by its claim on one of its Secrets,
// claim judges that, as for First of [certshim.Observed].
func (l *Look) Keep(outcome certshim.Outcome, claim func(object *source.Object, secret types.NamespacedName) certificate.Claim) Wake {
	rivalled, need := l.note(outcome)
	if need && l.options.OnNeed != nil {
		l.options.OnNeed()
	}
	for _, secret := range rivalled {
		l.judge(l.item, secret, func(object *source.Object) certificate.Claim { return claim(object, secret.full()) })
	}
	return l.wake
}

// judge judges the claim of a source on a Secret, and remembers it. What is read for that isn't
// noted as read by this look.
func (l *Look) judge(item *Source, secret name, claim func(*source.Object) certificate.Claim) certificate.Claim {
	var said certificate.Claim
	if object, unreadable := item.unpack(); unreadable == "" {
		l.aside = true
		defer func() { l.aside = false }()
		said = claim(object)
	}
	l.record(item, secret, said)
	return said
}

// note gives the Secrets whose other claimants go by the claim of this source, and says
// whether the decision asked for what may have to be read first.
func (l *Look) note(outcome certshim.Outcome) (rivalled []name, need bool) {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.writes.doubt(l.key, outcome)
	l.settled(outcome.Certificates)
	l.noteAsked(l.key, outcome.Certificates)
	item := l.source(l.key)
	if item == nil {
		return nil, false
	}
	need = slices.ContainsFunc(l.facts, func(f fact) bool { return f.needs() && l.readers.facts[f] == nil })
	l.readers.set(item, l.all())
	item.readsSlots = len(l.slots) > 0
	for _, n := range claimsOf(item) {
		if l.secrets[n].note(item, n, l.marked(n), l.readMeanwhile(n)) && item == l.item {
			rivalled = append(rivalled, n)
		}
	}
	return rivalled, need
}

// note marks what the last decision of a source read about the Secret, and says whether
// another source goes by its claim: others is what those have read whose decisions aren't noted yet. Where none does, what was
// found out about the claim is forgotten: it would hide the claims behind it from those to whom it doesn't count any more.
func (s *secret) note(item *Source, at name, read, others mark) (rivalled bool) {
	var own *claim
	for n := range s.claims {
		if c := &s.claims[n]; c.source != item {
			others |= c.read
		} else {
			own = c
		}
	}
	rivalled = others&readFirst != 0 ||
		others&readOwner != 0 && s.certificate != nil && item.isOwner(s.certificate.owner(), at.namespace.Value())
	if own == nil {
		return rivalled
	}
	own.read, own.doubted = read, true
	if !rivalled {
		own.said = nil
	}
	return rivalled
}

// readMeanwhile is what the other looks that are open have read about a Secret.
func (l *Look) readMeanwhile(n name) (read mark) {
	for other := range l.looks {
		if other != l {
			read |= other.marked(n)
		}
	}
	return read
}

// record notes what a source asks for, and wakes who goes by it if that changes. Where another version of the source has come,
// or the source has left the Secret, this look went by what is no longer so: nobody else would know.
func (l *Look) record(item *Source, n name, said certificate.Claim) {
	l.lock.Lock()
	defer l.lock.Unlock()
	c := l.changing()
	c.by = l
	if s := l.secrets[n]; s == nil || s.claimOf(item) == nil {
		if item != l.item {
			l.stale.Store(true)
			l.wake.Later = append(l.wake.Later, l.key)
		}
		return
	}
	c.secret(n, func(s *secret) {
		claim := s.claimOf(item)
		claim.said, claim.doubted = &said, false
	})
	// This source's own decision goes by what was found out already.
	others := slices.DeleteFunc(c.wake.Later, func(k Key) bool { return k == l.key })
	l.wake.Later = append(l.wake.Later, others...)
}

// all are the facts that were read.
func (l *Look) all() []fact {
	if l.fieldsRead == 0 {
		return l.facts
	}
	return append(slices.Clip(l.facts), fact{question: asksFields, fields: l.fieldsRead})
}

// read says whether a fact was read.
func (l *Look) read(f fact) bool {
	if f.question == asksFields {
		return l.fieldsRead == f.fields
	}
	return slices.Contains(l.facts, f)
}

// asks notes a question about what many sources share.
func (l *Look) asks(f fact) {
	if !l.aside && !slices.Contains(l.facts, f) {
		l.facts = append(l.facts, f)
	}
}

// marks notes a question about a Secret.
func (l *Look) asksOf(n name, read mark) {
	if l.aside {
		return
	}
	for i := range l.marks {
		if l.marks[i].name == n {
			l.marks[i].read |= read
			return
		}
	}
	l.marks = append(l.marks, marked{n, read})
}

// marked is what was read about a Secret.
func (l *Look) marked(n name) mark {
	for _, m := range l.marks {
		if m.name == n {
			return m.read
		}
	}
	return 0
}

// needs says whether a fact may be about what is read only while somebody asks for it.
func (f fact) needs() bool {
	return f.question == asksLabels || f.question == asksAnnotations || f.question == asksIssuer || f.question == asksGrant || f.question == asksRoutes
}
