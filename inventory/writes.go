package inventory

import (
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
)

// maxExpected bounds the writes whose watch event has not come yet. Beyond it they are
// forgotten, which costs one more look at each source and nothing else.
const maxExpected = 4096

// watchDelay is how long a write of ours that no watch has shown is believed in: an apply that
// changed nothing never shows.
const watchDelay = 2 * time.Second

// writes is what this process wrote.
type writes struct {
	// expected are the writes that the watch has not shown yet.
	expected map[name]*expectation
	// by has their names by the source that they are made for.
	by map[Key][]name
	// written has the Certificates that this process wrote, by uid, with the resourceVersion that
	// the last write left if that is known.
	written map[string]string
	// before has what was owned, as it was wanted, of those that were disturbed, by uid.
	before map[string]certificate.Digest
}

// expectation is one write that the watch has not shown yet.
type expectation struct {
	name name
	by   Key
	look *Look
	want certificate.Digest
	at   time.Time
	// doubted is set if more is to follow, or by a later decision for the same source, perhaps made from
	// a Certificate from before the write, that no longer wants it. When the watch shows the write, the
	// source is decided once more.
	doubted bool
}

func newWrites() writes {
	return writes{expected: map[name]*expectation{}, by: map[Key][]name{}, written: map[string]string{}, before: map[string]certificate.Digest{}}
}

// Expect announces a write that this look led to, before it is sent; the answer to it says
// what becomes of that.
func (l *Look) Expect(d certificate.Decision, now time.Time) {
	l.lock.Lock()
	defer l.lock.Unlock()
	w, n, by := &l.writes, nameOf(d.Namespace, d.Name), l.key
	if len(w.expected) >= maxExpected {
		clear(w.expected)
		clear(w.by)
	}
	w.forget(n)
	w.expected[n] = &expectation{name: n, by: by, look: l, want: d.Want, at: now, doubted: d.Continues}
	w.by[by] = append(w.by[by], n)
}

// ExpectNothing takes an announcement back: the write was refused.
func (i *Inventory) ExpectNothing(certificate types.NamespacedName) {
	i.lock.Lock()
	defer i.lock.Unlock()
	i.writes.forget(nameOf(certificate.Namespace, certificate.Name))
}

// Underway is how long to wait before the same is written again: the watch may only be behind.
// It is 0 where no such write is expected.
func (i *Inventory) Underway(certificate types.NamespacedName, want certificate.Digest, now time.Time) time.Duration {
	i.lock.RLock()
	defer i.lock.RUnlock()
	return i.writes.underway(nameOf(certificate.Namespace, certificate.Name), want, now)
}

// Sent reports whether a create was sent: it is underway, or the watch has shown it by now. A decision from before that may
// have it still, and that it was shown wakes nobody.
func (i *Inventory) Sent(certificate types.NamespacedName, want certificate.Digest, now time.Time) bool {
	i.lock.RLock()
	defer i.lock.RUnlock()
	n := nameOf(certificate.Namespace, certificate.Name)
	item := i.certificateAt(n)
	return item != nil && item.have == want || i.writes.underway(n, want, now) > 0
}

func (w *writes) underway(n name, want certificate.Digest, now time.Time) time.Duration {
	expected := w.expected[n]
	if expected == nil || expected.want != want {
		return 0
	}
	return max(0, watchDelay-now.Sub(expected.at))
}

// Wrote notes that this process has written a Certificate, and the resourceVersion that it left:
// what a shim writes from now on, it writes beside us.
func (i *Inventory) Wrote(at types.NamespacedName, uid, version string) {
	i.lock.Lock()
	defer i.lock.Unlock()
	i.writes.written[strings.Clone(uid)] = strings.Clone(version)
	n := nameOf(at.Namespace, at.Name)
	if item := i.certificateAt(n); item != nil && item.uid() == uid && item.resourceVersion() == version {
		i.writes.cameOut(item, i.writes.expected[n])
	}
}

// carryOver gives a version of a Certificate what this process knows of the one before, which may
// be nil. If what we own is something else now without our doing, it was disturbed.
func (w *writes) carryOver(n name, old, item *Certificate) {
	if old == nil || old.uid() != item.uid() {
		return
	}
	version, wrote := w.written[item.uid()]
	expected := w.expected[n]
	item.known, item.asked = old.known, old.asked
	switch {
	case version != "" && version == item.resourceVersion(), expected != nil && expected.want == item.have:
		w.cameOut(item, expected)
	case old.have != item.have && (wrote || old.known.Has(certificate.Settled)):
		w.disturb(item, old.have)
	}
}

// cameOut notes what a write of ours made of a Certificate. If that isn't what was applied, admission
// has changed it, which counts as a disturbance.
func (w *writes) cameOut(item *Certificate, expected *expectation) {
	item.known &^= certificate.Disturbed
	delete(w.before, item.uid())
	if expected != nil && expected.want != item.have {
		w.disturb(item, expected.want)
	}
}

// disturb notes that a Certificate owns something else than before, unless it was disturbed already.
func (w *writes) disturb(item *Certificate, before certificate.Digest) {
	if !item.known.Has(certificate.Disturbed) {
		item.known |= certificate.Disturbed
		w.before[strings.Clone(item.uid())] = before
	}
}

// settled notes the Certificates that a decision found as they are wanted.
func (i *Inventory) settled(decisions []certificate.Decision) {
	for _, d := range decisions {
		item := i.certificateAt(nameOf(d.Namespace, d.Name))
		switch {
		case item != nil && slices.ContainsFunc(d.Failed, func(c certificate.Conflict) bool { return c.Lost != "" }):
			item.known |= certificate.LacksNames
		case d.Action != certificate.None || item == nil || item.have != d.Have:
		default:
			item.known = certificate.Settled
			delete(i.writes.before, item.uid())
		}
	}
}

func (w *writes) forget(n name) {
	expected := w.expected[n]
	if expected == nil {
		return
	}
	delete(w.expected, n)
	rest := slices.DeleteFunc(w.by[expected.by], func(other name) bool { return other == n })
	if w.by[expected.by] = rest; len(rest) == 0 {
		delete(w.by, expected.by)
	}
}

// shown takes a version of a Certificate that the watch shows, and gives the expectation that
// it is just the result of: the source it was written for need not look again. It is nil for
// what somebody else wrote, and where the source has changed its mind.
func (w *writes) shown(n name, item *Certificate) *expectation {
	expected := w.expected[n]
	if expected == nil {
		return nil
	}
	if _, noted := w.written[item.uid()]; !noted {
		w.written[strings.Clone(item.uid())] = ""
	}
	const unsettled = certificate.ShimEntries | certificate.UnservedEntries | certificate.Deleting
	if expected.want != item.have || item.flags&unsettled != 0 {
		return nil
	}
	w.forget(n)
	if expected.doubted {
		return nil
	}
	return expected
}

func (w *writes) gone(uid string) {
	delete(w.written, uid)
	delete(w.before, uid)
}

// doubt marks the writes for a source that the watch hasn't shown yet and that its latest outcome
// no longer wants. A decision that needs the live Certificate doesn't count as one yet.
func (w *writes) doubt(by Key, outcome certshim.Outcome) {
	for _, n := range w.by[by] {
		expected := w.expected[n]
		repeats := func(d certificate.Decision) bool {
			return nameOf(d.Namespace, d.Name) == n && d.Want == expected.want && !d.NeedsLive
		}
		expected.doubted = expected.doubted || !slices.ContainsFunc(outcome.Certificates, repeats)
	}
}
