package routes

import (
	"cmp"
	"slices"
	"time"

	"github.com/certshim/certshim/names"
)

// Routes of a parent are settled when none has changed for settle, or some have for settleMost. For the
// first certificate settleFirst is enough.
const (
	settle      = 10 * time.Second
	settleMost  = time.Minute
	settleFirst = 2 * time.Second
)

// renewal is how long before a renewal names go that no route brings any more: then they cost no
// certificate of their own.
const renewal = time.Hour

// Burst is a series of changes without a pause of [settle].
type Burst struct{ First, Last time.Time }

// Add is the burst after another change.
func (b Burst) Add(now time.Time) Burst {
	if now.Sub(b.Last) > settle {
		b.First = now
	}
	b.Last = now
	return b
}

// settled is when the changes may lead to something.
func (b Burst) settled(pause time.Duration) time.Time {
	calm, late := b.Last.Add(pause), b.First.Add(settleMost)
	if calm.Before(late) {
		return calm
	}
	return late
}

// Present is what is known of the names of a Certificate that exists.
type Present struct {
	// Names are its DNS names, if certshim wrote them. Known is false if that can't be told.
	Names []string
	Known bool
	Record
	// Failing is set while cert-manager fails to have it signed.
	Failing bool
	// Wrote is when certshim wrote it last, and Renews when it is to be renewed; zero if that isn't known.
	Wrote, Renews time.Time
}

// Limits are how many names a certificate may have, and how many of these one namespace may bring.
type Limits struct{ Certificate, Namespace int }

// Wildcard is a host that isn't asked for while routes bring names in its place.
type Wildcard struct {
	Hostname string
	// Brought is the greatest verdict on what routes offer to its listeners, 0 for nothing.
	Brought Verdict
}

// Question is what [Choose] goes by.
type Question struct {
	// Offers to the listeners of the Certificate, whose hostnames are Hostnames.
	Offers    []Offer
	Hostnames []string
	// Hosts are the names that the Certificate has in any case; Others counts names beside these.
	Hosts  []string
	Others int
	// Wildcards are those of Hosts that give way to names of routes.
	Wildcards []Wildcard
	// Present is nil if there is no Certificate.
	Present *Present
	// Complete is set if all routes are known.
	Complete bool
	Changed  Burst
	// Now is zero where nothing waits for its time, as in a plan.
	Now time.Time
	Limits
}

// Choice is which names of routes a Certificate is to have.
type Choice struct {
	// Names come behind the hosts.
	Names []string
	// Replaced are the wildcards that aren't asked for, in the order of the question.
	Replaced []string
	// Record is what the Certificate is to say of them.
	Record Record
	// From has the oldest route that brings each name, by the name's form.
	From map[string]*Route
	// Waits is set if no Certificate is to be made with these names yet.
	Waits bool
	// Later are allowed names that are added later, and Leaving names that no route brings any more and
	// that go with the next change.
	Later, Leaving []string
	// Beyond are names that are left out for the sake of a limit.
	Beyond []Offer
	// Uncertain are names that are left out as it can't be known whether they are allowed.
	Uncertain []Offer
	// Again is when to choose again, zero for not before something changes.
	Again time.Time
}

// Choose decides which names a Certificate is to have.
func Choose(q Question) Choice {
	c := chooser{Question: q, verdicts: make(map[string]Verdict, len(q.Offers)), hosts: formsOf(q.Hosts)}
	if q.Present != nil && len(q.Wildcards) > 0 {
		c.present = formsOf(q.Present.Names)
	}
	c.From = make(map[string]*Route, len(q.Offers))
	c.judge()
	c.keep()
	c.add()
	return c.Choice
}

type chooser struct {
	Question
	Choice
	// hosts has the names that are there in any case, present those of the Certificate, and verdicts what is
	// known of each name.
	hosts, present map[string]bool
	verdicts       map[string]Verdict
	// byAge are the allowed offers, one a name, the oldest first.
	byAge []Offer
	// stays are names of the Certificate that stay for now, in its order.
	stays []string
}

func formsOf(all []string) map[string]bool {
	forms := make(map[string]bool, len(all))
	for _, name := range all {
		forms[names.DNS(name)] = true
	}
	return forms
}

// judge finds the verdict on each name, and who brings it first.
func (c *chooser) judge() {
	offers := c.Offers
	if !slices.IsSortedFunc(offers, compareAge) {
		offers = slices.SortedFunc(slices.Values(offers), compareAge)
	}
	c.byAge = make([]Offer, 0, len(offers))
	for _, o := range offers {
		form := names.DNS(o.Name)
		if c.hosts[form] {
			continue
		}
		c.verdicts[form] = max(c.verdicts[form], o.Verdict)
		if o.Verdict == Allowed && c.From[form] == nil {
			c.From[form] = o.Route
			c.byAge = append(c.byAge, o)
		}
	}
}

// compareAge orders by which route keeps a place that there aren't enough of.
func compareAge(a, b Offer) int {
	return cmp.Or(
		a.Route.Created.Compare(b.Route.Created),
		cmp.Compare(a.Route.Namespace, b.Route.Namespace),
		cmp.Compare(a.Route.Name, b.Route.Name),
		cmp.Compare(a.Route.Kind, b.Route.Kind),
	)
}

// keep goes through the names that the Certificate has.
func (c *chooser) keep() {
	if c.Present == nil || !c.Present.Known {
		return
	}
	for _, name := range c.Present.Names {
		form := names.DNS(name)
		switch {
		case c.hosts[form]:
		case c.verdicts[form] >= Uncertain:
			c.stays = append(c.stays, name)
		case c.verdicts[form] == Forbidden && c.Complete && c.isSettled():
		case c.mayBeRoutes(name):
			// Nobody asks for it, but it stays until it can go at no cost.
			c.stays = append(c.stays, name)
			c.Leaving = append(c.Leaving, name)
		}
	}
}

// mayBeRoutes reports whether a route may have brought a name.
func (c *chooser) mayBeRoutes(name string) bool {
	return isName(name) && slices.ContainsFunc(c.Hostnames, func(hostname string) bool {
		_, meet := Intersect(hostname, name)
		return meet
	})
}

func (c *chooser) isSettled() bool { return c.Now.IsZero() || !c.Now.Before(c.Changed.settled(settle)) }

// add decides about the names that the Certificate lacks.
func (c *chooser) add() {
	has, remain := formsOf(c.stays), c.without(c.Leaving)
	c.noteUncertain(has)
	newcomers := c.newcomers(has, remain)
	due, leaves := c.due(), c.leaves()
	changes := c.Present == nil
	switch {
	case len(newcomers) > 0 && (c.Present == nil || !c.Now.Before(due)):
		c.Names, c.Leaving, changes = slices.Concat(remain, newcomers), nil, true
	case len(newcomers) > 0:
		c.Names, c.Later, c.Again = c.stays, newcomers, due
	case !leaves:
		c.Names = c.stays
	case c.mayLeave(due):
		c.Names, c.Leaving, changes = remain, nil, true
	default:
		c.Names = c.stays
		c.again(c.Present.Renews.Add(-renewal))
		if c.Present.Failing && c.Complete {
			c.again(due)
		}
	}
	if c.Present == nil && c.Now.Before(due) {
		c.Waits, c.Again = true, due
	}
	c.replace(changes)
	c.record(newcomers)
	if leaves && !changes && !c.isSettled() {
		c.again(c.Changed.settled(settle))
	}
}

// leaves reports whether a name, or a wildcard, is to come or go once that costs no certificate of its own.
func (c *chooser) leaves() bool {
	return len(c.Leaving) > 0 || slices.ContainsFunc(c.Wildcards, func(w Wildcard) bool { return c.Present != nil && c.givesWay(w) != c.isReplaced(w) })
}

// noteUncertain finds the names of which nobody can say whether they are allowed, each once.
func (c *chooser) noteUncertain(has map[string]bool) {
	var noted map[string]bool
	for _, o := range c.Offers {
		if o.Verdict != Uncertain {
			continue
		}
		form := names.DNS(o.Name)
		if c.verdicts[form] == Uncertain && !has[form] && !noted[form] {
			if noted == nil {
				noted = map[string]bool{}
			}
			noted[form] = true
			c.Uncertain = append(c.Uncertain, o)
		}
	}
}

// record is what the Certificate says afterwards. Of one whose names aren't ours nothing new is said: it
// would be said again and again.
func (c *chooser) record(newcomers []string) {
	switch {
	case c.Present == nil:
		c.Record = Record{}.with(newcomers, time.Time{})
	case !c.Present.Known && len(c.Present.Added) > 0:
		c.Record = c.Present.Record
		return
	case len(c.Later) > 0, len(newcomers) == 0:
		c.Record = c.Present.Record
	default:
		c.Record = c.Present.with(newcomers, c.Present.Wrote)
	}
	c.Record.Replaced = c.Replaced
}

// newcomers are the allowed names that aren't in the certificate, as far as there is room beside those
// that remain. A certificate never loses a name for the sake of a limit.
func (c *chooser) newcomers(has map[string]bool, remain []string) []string {
	total, of := len(c.Hosts)+c.Others+len(remain), map[string]int{}
	for _, w := range c.Wildcards {
		if c.givesWay(w) {
			total--
		}
	}
	for _, name := range remain {
		if route := c.From[names.DNS(name)]; route != nil {
			of[route.Namespace]++
		}
	}
	var added []string
	for _, o := range c.byAge {
		switch {
		case has[names.DNS(o.Name)]:
		case total >= c.Certificate || of[o.Route.Namespace] >= c.Namespace:
			c.Beyond = append(c.Beyond, o)
		default:
			total++
			of[o.Route.Namespace]++
			added = append(added, o.Name)
		}
	}
	return added
}

// due is when names may be added.
func (c *chooser) due() time.Time {
	if c.Now.IsZero() {
		return time.Time{}
	}
	if c.Present == nil {
		return c.Changed.settled(settleFirst)
	}
	due := c.Changed.settled(settle)
	if next := c.Present.next(c.Present.Wrote, c.Now); next.After(due) {
		due = next
	}
	return due
}

// mayLeave reports whether names may go without an addition: as the certificate is about to be renewed, or can't be
// issued with them anyway. While not all routes are known, none may.
func (c *chooser) mayLeave(due time.Time) bool {
	if !c.Complete || !c.isSettled() {
		return false
	}
	renews := c.Present.Renews
	return !renews.IsZero() && !c.Now.Before(renews.Add(-renewal)) || c.Present.Failing && !c.Now.Before(due)
}

// without is what stays beside these; while not all routes are known, all does.
func (c *chooser) without(leaving []string) []string {
	if !c.Complete {
		return slices.Clone(c.stays)
	}
	gone := formsOf(leaving)
	return slices.DeleteFunc(slices.Clone(c.stays), func(name string) bool { return gone[names.DNS(name)] })
}

// again notes an earlier time to choose again, unless it is past.
func (c *chooser) again(at time.Time) {
	if at.After(c.Now) && (c.Again.IsZero() || at.Before(c.Again)) {
		c.Again = at
	}
}
