package routes_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/certshim/certshim/routes"
)

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

func at(minutes float64) time.Time { return noon.Add(time.Duration(minutes * float64(time.Minute))) }

// offers are of routes in the namespace shop, each a minute younger than the one before.
func offers(verdict routes.Verdict, hostnames ...string) []routes.Offer {
	var all []routes.Offer
	for n, hostname := range hostnames {
		r := route(fmt.Sprint("web-", n))
		r.Namespace, r.Created = "shop", at(float64(n)-1000)
		all = append(all, routes.Offer{Name: hostname, Route: &r, Verdict: verdict})
	}
	return all
}

func by(namespace string, all []routes.Offer) []routes.Offer {
	for _, o := range all {
		o.Route.Namespace = namespace
	}
	return all
}

// question is about a Certificate that was written long ago, with these names, and of which all is known.
func question(present string, all ...routes.Offer) routes.Question {
	return routes.Question{
		Offers: all, Hostnames: []string{"*.example.com"}, Complete: true, Now: noon,
		Limits:  routes.Limits{Certificate: 100, Namespace: 10},
		Present: &routes.Present{Names: words(present), Known: true, Wrote: at(-600), Renews: at(60 * 24 * 30)},
	}
}

func TestChoose(t *testing.T) {
	a, b := "a.example.com", "b.example.com"
	for name, row := range map[string]struct {
		ask   func(*routes.Question)
		names string
		again time.Time
	}{
		"nothing new":   {func(*routes.Question) {}, "a.example.com b.example.com", time.Time{}},
		"another order": {func(q *routes.Question) { q.Present.Names = []string{b, a} }, "b.example.com a.example.com", time.Time{}},
		"the case of the Certificate stays": {
			func(q *routes.Question) { q.Present.Names = []string{"A.example.com", b} }, "A.example.com b.example.com", time.Time{},
		},
		"a newcomer":                       {func(q *routes.Question) { q.Present.Names = []string{b} }, "b.example.com a.example.com", time.Time{}},
		"a name that is there in any case": {func(q *routes.Question) { q.Hosts = []string{"B.example.com"} }, "a.example.com", time.Time{}},
		"routes that still change": {
			func(q *routes.Question) {
				q.Present.Names = nil
				q.Changed = routes.Burst{First: at(-0.05), Last: at(-0.05)}
			}, "", at(-0.05).Add(10 * time.Second),
		},
		"routes that change for a minute": {
			func(q *routes.Question) { q.Present.Names = nil; q.Changed = routes.Burst{First: at(-1), Last: noon} }, "a.example.com b.example.com", time.Time{},
		},
		"names changed a moment ago":     {func(q *routes.Question) { q.Present.Names = nil; q.Present.Wrote = at(-1) }, "", at(4)},
		"names changed five minutes ago": {func(q *routes.Question) { q.Present.Names = nil; q.Present.Wrote = at(-5) }, "a.example.com b.example.com", time.Time{}},
		"the sixth change of a day":      {func(q *routes.Question) { q.Present.Names = nil; wroteOften(q, -23*60) }, "", at(20)},
		"the sixth change of a day, after a long time": {func(q *routes.Question) {
			q.Present.Names = nil
			wroteOften(q, -23*60)
			q.Present.Before[0] = at(-60 * 24 * 9)
		}, "", at(20)},
		"the sixth change of two days":   {func(q *routes.Question) { q.Present.Names = nil; wroteOften(q, -25*60) }, "a.example.com b.example.com", time.Time{}},
		"a route went":                   {func(q *routes.Question) { q.Offers = offers(routes.Allowed, a) }, "a.example.com b.example.com", at(60 * 24 * 30).Add(-time.Hour)},
		"a route went, before a renewal": {func(q *routes.Question) { q.Offers = offers(routes.Allowed, a); q.Present.Renews = at(59) }, "a.example.com", time.Time{}},
		"a route went, after a renewal":  {func(q *routes.Question) { q.Offers = offers(routes.Allowed, a); q.Present.Renews = at(-5) }, "a.example.com", time.Time{}},
		"a route went, while the certificate fails": {
			func(q *routes.Question) { q.Offers, q.Present.Failing = offers(routes.Allowed, a), true }, "a.example.com", time.Time{},
		},
		"a route went, while a new certificate fails": {
			func(q *routes.Question) {
				q.Offers, q.Present.Failing, q.Present.Renews = offers(routes.Allowed, a), true, time.Time{}
			}, "a.example.com", time.Time{},
		},
		"a route went, while the certificate fails, and names changed a moment ago": {
			func(q *routes.Question) {
				q.Offers, q.Present.Failing, q.Present.Wrote = offers(routes.Allowed, a), true, at(-1)
			}, "a.example.com b.example.com", at(4),
		},
		"a route went a moment ago, while the certificate fails": {
			func(q *routes.Question) {
				q.Offers, q.Present.Failing, q.Changed = offers(routes.Allowed, a), true, routes.Burst{First: noon, Last: noon}
			}, "a.example.com b.example.com", noon.Add(10 * time.Second),
		},
		"routes that can't be known, while the certificate fails": {
			func(q *routes.Question) { q.Offers, q.Present.Failing, q.Complete = nil, true, false }, "a.example.com b.example.com", at(60 * 24 * 30).Add(-time.Hour),
		},
		"all routes are there, while the certificate fails": {func(q *routes.Question) { q.Present.Failing = true }, "a.example.com b.example.com", time.Time{}},
		"a route went, renewal not known":                   {func(q *routes.Question) { q.Offers = offers(routes.Allowed, a); q.Present.Renews = time.Time{} }, "a.example.com b.example.com", time.Time{}},
		"a route went, another came": {
			func(q *routes.Question) { q.Offers = offers(routes.Allowed, a, "c.example.com") }, "a.example.com c.example.com", time.Time{},
		},
		"a route went, another comes soon": {
			func(q *routes.Question) {
				q.Offers, q.Present.Wrote = offers(routes.Allowed, a, "c.example.com"), at(-1)
			}, "a.example.com b.example.com", at(4),
		},
		"names changed a moment ago, in a plan": {
			func(q *routes.Question) {
				q.Present.Names, q.Present.Wrote, q.Now, q.Changed = nil, at(-1), time.Time{}, routes.Burst{First: noon, Last: noon}
			}, "a.example.com b.example.com", time.Time{},
		},
		"all routes went": {func(q *routes.Question) { q.Offers = nil }, "a.example.com b.example.com", at(60 * 24 * 30).Add(-time.Hour)},
		"a name that no listener has": {
			func(q *routes.Question) {
				q.Present.Names = []string{a, "b.example.net"}
				q.Offers = offers(routes.Allowed, a)
			}, "a.example.com", time.Time{},
		},
		"a wildcard that no listener has any more": {
			func(q *routes.Question) { q.Present.Names = []string{"*.example.com", a, b} }, "a.example.com b.example.com", time.Time{},
		},
		"a name that is forbidden now": {
			func(q *routes.Question) { q.Offers = append(offers(routes.Allowed, a), offers(routes.Forbidden, b)...) }, "a.example.com", time.Time{},
		},
		"a name that one route may bring and another not": {
			func(q *routes.Question) { q.Offers = append(q.Offers, offers(routes.Forbidden, b)...) }, "a.example.com b.example.com", time.Time{},
		},
		"a name that is forbidden, while routes change": {
			func(q *routes.Question) {
				q.Offers = append(offers(routes.Allowed, a), offers(routes.Forbidden, b)...)
				q.Changed = routes.Burst{First: noon, Last: noon}
			}, "a.example.com b.example.com", noon.Add(10 * time.Second),
		},
		"a name of which it can't be known": {
			func(q *routes.Question) {
				q.Offers = append(offers(routes.Allowed, a), offers(routes.Uncertain, b, "c.example.com")...)
			}, "a.example.com b.example.com", time.Time{},
		},
		"a name whose route is refused": {
			func(q *routes.Question) { q.Offers = append(offers(routes.Allowed, a), offers(routes.Refused, b)...) }, "a.example.com b.example.com", at(60 * 24 * 30).Add(-time.Hour),
		},
		"routes that can't be known, and a route went": {
			func(q *routes.Question) { q.Offers, q.Complete, q.Present.Renews = nil, false, at(1) }, "a.example.com b.example.com", time.Time{},
		},
		"routes that can't be known, and another came": {
			func(q *routes.Question) { q.Offers, q.Complete = offers(routes.Allowed, "c.example.com"), false }, "a.example.com b.example.com c.example.com", time.Time{},
		},
		"routes that can't be known, and one is forbidden": {
			func(q *routes.Question) { q.Offers, q.Complete = offers(routes.Forbidden, b), false }, "a.example.com b.example.com", at(60 * 24 * 30).Add(-time.Hour),
		},
		"names that others wrote":                  {func(q *routes.Question) { q.Present.Names, q.Present.Known = nil, false }, "a.example.com b.example.com", time.Time{}},
		"no Certificate":                           {func(q *routes.Question) { q.Present = nil }, "a.example.com b.example.com", time.Time{}},
		"no Certificate, and routes that changed":  {func(q *routes.Question) { q.Present, q.Changed = nil, routes.Burst{First: at(-0.05), Last: at(-0.05)} }, "a.example.com b.example.com", time.Time{}},
		"no Certificate, and routes change":        {func(q *routes.Question) { q.Present, q.Changed = nil, routes.Burst{First: noon, Last: noon} }, "", noon.Add(2 * time.Second)},
		"fewer places than names":                  {func(q *routes.Question) { q.Present.Names, q.Certificate = nil, 1 }, "a.example.com", time.Time{}},
		"fewer places, of which others have one":   {func(q *routes.Question) { q.Present.Names, q.Certificate, q.Others = nil, 2, 1 }, "a.example.com", time.Time{}},
		"fewer places, all taken":                  {func(q *routes.Question) { q.Present.Names, q.Certificate = []string{b}, 1 }, "b.example.com", time.Time{}},
		"fewer places than names there are":        {func(q *routes.Question) { q.Certificate = 1 }, "a.example.com b.example.com", time.Time{}},
		"fewer places for the namespace":           {func(q *routes.Question) { q.Present.Names, q.Namespace = nil, 1 }, "a.example.com", time.Time{}},
		"fewer places for the namespace, all gone": {func(q *routes.Question) { q.Present.Names, q.Namespace = []string{b}, 1 }, "b.example.com", time.Time{}},
		"places for each namespace": {
			func(q *routes.Question) {
				q.Present.Names, q.Namespace, q.Offers = nil, 1, append(q.Offers, by("blog", offers(routes.Allowed, "c.example.com"))...)
			}, "c.example.com a.example.com", time.Time{},
		},
		"a place that a leaving name frees": {
			func(q *routes.Question) { q.Certificate, q.Offers = 2, offers(routes.Allowed, a, "c.example.com") }, "a.example.com c.example.com", time.Time{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			q := question(a+" "+b, offers(routes.Allowed, a, b)...)
			row.ask(&q)
			c := routes.Choose(q)
			if c.Waits {
				c.Names = nil
			}
			if got := strings.Join(c.Names, " "); got != row.names || !c.Again.Equal(row.again) {
				t.Errorf("it has %q until %v, want %q until %v", got, c.Again, row.names, row.again)
			}
		})
	}
}

// A wildcard goes, and comes back, with names of routes alone.
func TestWildcards(t *testing.T) {
	const wildcard, a = "*.example.com", "a.example.com"
	for name, row := range map[string]struct {
		present, replaced string
		ask               func(*routes.Question)
		want              string
	}{
		"it goes with an addition":          {wildcard, "", func(*routes.Question) {}, wildcard},
		"it stays without one":              {wildcard + " " + a, "", func(*routes.Question) {}, ""},
		"it goes before a renewal":          {wildcard + " " + a, "", func(q *routes.Question) { q.Present.Renews = at(59) }, wildcard},
		"it stays where routes bring none":  {wildcard, "", func(q *routes.Question) { q.Offers = nil; q.Wildcards[0].Brought = routes.Refused }, ""},
		"it stays where that isn't certain": {wildcard, "", func(q *routes.Question) { q.Complete = false }, ""},
		"it stays until names settle":       {wildcard, "", func(q *routes.Question) { q.Present.Wrote = at(-1) }, ""},
		"it stays where there is no room":   {wildcard, "", func(q *routes.Question) { q.Namespace = 0 }, ""},
		"nobody asked for it before":        {"www.example.org", "", func(q *routes.Question) { q.Present.Wrote = at(-1) }, wildcard},
		"nobody asked for it, nor may know": {"www.example.org", "", func(q *routes.Question) { q.Complete = false }, ""},
		"nobody asked for it, nor comes":    {a, "", func(q *routes.Question) { gone(q) }, ""},
		"it is away":                        {a, wildcard, func(*routes.Question) {}, wildcard},
		"it is away, and routes went":       {a, wildcard, func(q *routes.Question) { gone(q) }, wildcard},
		"it comes back before a renewal":    {a, wildcard, func(q *routes.Question) { gone(q); q.Present.Renews = at(59) }, ""},
		"it doesn't while routes change": {a, wildcard, func(q *routes.Question) {
			gone(q)
			q.Present.Renews, q.Changed.Last, q.Changed.First = at(59), noon, noon
		}, wildcard},
		"it comes back with an addition":    {a, wildcard, func(q *routes.Question) { gone(q); q.Offers = offers(routes.Allowed, "b.example.org") }, ""},
		"it comes back with a changed name": {"", wildcard, func(q *routes.Question) { gone(q) }, ""},
		"it is away, and nothing is known":  {a, wildcard, func(q *routes.Question) { gone(q); q.Complete, q.Present.Renews = false, at(1) }, wildcard},
		"it is away, labels aren't known": {a, wildcard, func(q *routes.Question) {
			q.Offers, q.Wildcards[0].Brought = offers(routes.Uncertain, a), routes.Uncertain
			q.Present.Names, q.Present.Renews = []string{a, "left.example.com"}, at(1)
		}, wildcard},
		"names that others hold":            {"", wildcard, func(q *routes.Question) { gone(q); q.Complete, q.Present.Known = false, false }, wildcard},
		"names that others hold, none ours": {"", wildcard, func(q *routes.Question) { gone(q); q.Present.Known = false }, ""},
		"no names of routes before":         {"", "", func(q *routes.Question) { q.Present = &routes.Present{}; q.Changed.Last, q.Changed.First = noon, noon }, ""},
		"no Certificate":                    {"", "", func(q *routes.Question) { q.Present = nil }, wildcard},
		"no Certificate, nothing is known":  {"", "", func(q *routes.Question) { q.Present, q.Complete = nil, false }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			q := question(row.present, offers(routes.Allowed, a)...)
			q.Hosts, q.Wildcards = words(wildcard), []routes.Wildcard{{Hostname: wildcard, Brought: routes.Allowed}}
			q.Present.Replaced = words(row.replaced)
			row.ask(&q)
			c := routes.Choose(q)
			if got := strings.Join(c.Replaced, " "); got != row.want {
				t.Errorf("not asked for is %q, want %q; names %q", got, row.want, c.Names)
			}
			if q.Present != nil && q.Present.Known && !slices.Equal(c.Record.Replaced, c.Replaced) {
				t.Errorf("the Certificate says %q", c.Record.Replaced)
			}
		})
	}
}

// gone takes all routes away.
func gone(q *routes.Question) { q.Offers, q.Wildcards[0].Brought = nil, 0 }

// A name of which it can't be known is noted once, unless the Certificate has it, or another route brings it.
func TestUncertainNames(t *testing.T) {
	q := question("stays.example.com", slices.Concat(
		offers(routes.Uncertain, "stays.example.com", "new.example.com", "NEW.example.com", "brought.example.com", "host.example.com"),
		offers(routes.Allowed, "brought.example.com"), offers(routes.Forbidden, "never.example.com"))...)
	q.Hosts = []string{"host.example.com"}
	c := routes.Choose(q)
	if len(c.Uncertain) != 1 || c.Uncertain[0].Name != "new.example.com" {
		t.Errorf("noted are %+v", c.Uncertain)
	}
}

// wroteOften is a Certificate whose names changed five times, the first of them that many minutes ago.
func wroteOften(q *routes.Question, first float64) {
	for n := range 5 {
		q.Present.Before = append(q.Present.Before, at(first+float64(n)))
	}
	q.Present.Wrote = at(-10)
}

// What the Certificate says of its names follows from what it had, and stays until they change again.
func TestRecord(t *testing.T) {
	q := question("a.example.com", offers(routes.Allowed, "a.example.com", "b.example.com")...)
	c := routes.Choose(q)
	if got, want := c.Record.String(), `{"before":["2026-11-27T02:00:00Z"],"added":["b.example.com"]}`; got != want {
		t.Errorf("after an addition: %s, want %s", got, want)
	}
	later := question("a.example.com b.example.com", q.Offers...)
	later.Present.Record, later.Present.Wrote = routes.ParseRecord(c.Record.String()), noon
	if again := routes.Choose(later).Record; again.String() != c.Record.String() {
		t.Errorf("afterwards: %s", again)
	}
	later.Offers = offers(routes.Allowed, "a.example.com", "c.example.com")
	if waits := routes.Choose(later); waits.Record.String() != c.Record.String() || len(waits.Later) != 1 {
		t.Errorf("while another waits: %s, later %q", waits.Record, waits.Later)
	}
	// While others hold the names, certshim would say the same again and again.
	later.Present.Known, later.Now = false, at(60)
	if held := routes.Choose(later).Record; held.String() != c.Record.String() {
		t.Errorf("of names that others hold: %s", held)
	}
	if fresh := routes.Choose(routes.Question{Offers: q.Offers, Complete: true, Limits: q.Limits}).Record; len(fresh.Before) != 0 || len(fresh.Added) != 2 {
		t.Errorf("of a new one: %s", fresh)
	}
	many := make([]string, 12)
	for n := range many {
		many[n] = fmt.Sprintf("n%d.example.com", n)
	}
	q = question("", offers(routes.Allowed, many...)...)
	q.Namespace = 100
	if c := routes.Choose(q); len(c.Record.Added) != 10 || c.Record.More != 2 {
		t.Errorf("of twelve: %s", c.Record)
	}
}

// Whatever happens to routes, no name of an allowed route is lost, none comes that nobody allows, and no
// certificate has more names than it may have, unless it had them.
func TestChoiceHolds(t *testing.T) {
	for seed := range uint64(3000) {
		random := rand.New(rand.NewPCG(seed, 0))
		var all []routes.Offer
		for n := range random.IntN(12) {
			o := offers(routes.Verdict(1+random.IntN(4)), fmt.Sprintf("n%d.example.com", random.IntN(8)))[0]
			o.Route.Created, o.Route.Name = at(float64(random.IntN(5))), fmt.Sprint("web-", n)
			all = append(all, o)
		}
		var present []string
		for n := range 8 {
			if random.IntN(2) == 0 {
				present = append(present, fmt.Sprintf("n%d.example.com", n))
			}
		}
		q := question(strings.Join(present, " "), all...)
		q.Complete, q.Certificate, q.Present.Wrote = random.IntN(2) == 0, 1+random.IntN(8), at(-float64(random.IntN(10)))
		q.Hosts, q.Wildcards = words("*.example.com"), []routes.Wildcard{{Hostname: "*.example.com", Brought: routes.Verdict(random.IntN(5))}}
		if random.IntN(2) == 0 {
			q.Present.Replaced = q.Hosts
		}
		c := routes.Choose(q)
		may := map[string]routes.Verdict{}
		for _, o := range all {
			may[o.Name] = max(may[o.Name], o.Verdict)
		}
		for _, name := range present {
			kept := slices.Contains(c.Names, name)
			if !kept && (may[name] >= routes.Uncertain || !q.Complete) {
				t.Fatalf("seed %d: %s is lost of %q, verdict %d", seed, name, present, may[name])
			}
		}
		for _, name := range c.Names {
			if !slices.Contains(present, name) && may[name] != routes.Allowed {
				t.Fatalf("seed %d: %s came, verdict %d", seed, name, may[name])
			}
		}
		if len(c.Names) > q.Certificate && len(c.Names) > len(present) {
			t.Fatalf("seed %d: %d names, where %d may be and %d were", seed, len(c.Names), q.Certificate, len(present))
		}
		// The same again changes nothing.
		q.Present.Names, q.Present.Record = c.Names, c.Record
		if len(c.Replaced) == 0 {
			q.Present.Names = append(slices.Clone(c.Names), q.Hosts...)
		}
		if again := routes.Choose(q); len(c.Later) == 0 && (!slices.Equal(again.Names, c.Names) || again.Record.String() != c.Record.String()) {
			t.Fatalf("seed %d: %q, and at the next look %q", seed, c.Names, again.Names)
		}
	}
}

func TestBurst(t *testing.T) {
	b := routes.Burst{}.Add(noon)
	if b = b.Add(noon.Add(9 * time.Second)); !b.First.Equal(noon) {
		t.Errorf("a change after nine seconds begins another burst: %v", b)
	}
	if b = b.Add(noon.Add(20 * time.Second)); !b.First.Equal(b.Last) {
		t.Errorf("a change after eleven seconds of peace belongs to the burst: %v", b)
	}
}

// What a Certificate says may have been written by anybody.
func FuzzParseRecord(f *testing.F) {
	f.Add(`{"before":["2026-11-27T12:00:00Z"],"added":["a.example.com"],"more":2}`)
	f.Add(`{"before":[null],"added":[1]}`)
	f.Fuzz(func(t *testing.T, text string) {
		r := routes.ParseRecord(text)
		if len(r.Before) > 5 || len(r.Added) > 10 {
			t.Errorf("%d times and %d names", len(r.Before), len(r.Added))
		}
		if again := routes.ParseRecord(r.String()); len(r.String()) < 24<<10 && again.String() != r.String() {
			t.Errorf("%q reads as %s and then as %s", text, r, again)
		}
	})
}
