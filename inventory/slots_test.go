package inventory

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// gatewayOf is the Gateway edge of namespace infra, which admits ListenerSets of any namespace. Listeners
// are flow mappings.
func gatewayOf(from, listeners string) string {
	return "{kind: Gateway, metadata: {name: edge, namespace: infra, annotations: {cert-manager.io/cluster-issuer: ca}}, " +
		"spec: {allowedListeners: {namespaces: " + from + "}, listeners: [" + listeners + "]}}"
}

// memberOf is a ListenerSet of that Gateway, made in some second.
func memberOf(namespace, name string, second int, listeners string) string {
	return fmt.Sprintf("{kind: ListenerSet, metadata: {name: %s, namespace: %s, uid: uid-%s, creationTimestamp: '2026-01-01T00:00:%02dZ'}, "+
		"spec: {parentRef: {name: edge, namespace: infra}, listeners: [%s]}}", name, namespace, name, second, listeners)
}

func https(host, secret string) string {
	return fmt.Sprintf("{name: %s, port: 443, protocol: HTTPS, hostname: %s, tls: {certificateRefs: [{name: %s}]}}", secret, host, secret)
}

func setKey(namespace, name string) Key {
	return NewKey(source.GroupKind(setKind), namespace, name)
}

const (
	all    = "{from: All}"
	tcp    = "{name: tcp, port: 443, protocol: TCP}"
	byTeam = "{from: Selector, selector: {matchLabels: {team: shop}}}"
)

// lost is what a ListenerSet is told about its listeners, "" if nobody is in its way.
func (s *shop) lost(namespace, name string) string {
	s.Helper()
	outcome, _ := s.decide(setKey(namespace, name))
	var told []string
	for _, p := range outcome.Problems.All() {
		if p.Reason == problem.ListenerConflict {
			told = append(told, p.Message)
		}
	}
	return strings.Join(told, "; ")
}

func TestTheFirstInPrecedenceHasASlot(t *testing.T) {
	const host = "a.example.com"
	for name, row := range map[string]struct {
		gateway string
		others  []string
		// told is part of what the ListenerSet shop/web, of second 5, is told.
		told string
	}{
		"nobody else":                    {gatewayOf(all, ""), nil, ""},
		"the Gateway":                    {gatewayOf(all, https(host, "g")), nil, `conflicts with Gateway infra/edge, which comes first`},
		"the Gateway, another name":      {gatewayOf(all, https("b.example.com", "g")), nil, ""},
		"an older one":                   {gatewayOf(all, ""), []string{memberOf("shop", "zold", 4, https(host, "x"))}, "ListenerSet shop/zold, which comes first"},
		"a younger one":                  {gatewayOf(all, ""), []string{memberOf("shop", "a", 6, https(host, "x"))}, ""},
		"of the same age, before":        {gatewayOf(all, ""), []string{memberOf("shop", "a", 5, https(host, "x"))}, "ListenerSet shop/a, which comes first"},
		"of the same age, after":         {gatewayOf(all, ""), []string{memberOf("shop", "z", 5, https(host, "x"))}, ""},
		"namespaces go by the slash":     {gatewayOf(all, ""), []string{memberOf("shop-2", "z", 5, https(host, "x"))}, "a ListenerSet of another namespace"},
		"one of another namespace":       {gatewayOf(all, ""), []string{memberOf("bank", "old", 4, https(host, "x"))}, "conflicts with a ListenerSet of another namespace, which"},
		"one that isn't admitted":        {gatewayOf("{from: Same}", ""), []string{memberOf("bank", "old", 4, https(host, "x"))}, ""},
		"one that asks for nothing":      {gatewayOf(all, ""), []string{memberOf("shop", "old", 4, "{name: plain, port: 443, protocol: HTTPS, hostname: a.example.com, tls: {mode: Terminate, options: {x.example.com/y: z}}}")}, "ListenerSet shop/old"},
		"one of another Gateway":         {gatewayOf(all, ""), []string{strings.Replace(memberOf("shop", "old", 4, https(host, "x")), "name: edge", "name: other", 1)}, ""},
		"one that is being deleted":      {gatewayOf(all, ""), []string{strings.Replace(memberOf("shop", "old", 4, https(host, "x")), "creationTimestamp", "deletionTimestamp: '2026-01-02T00:00:00Z', creationTimestamp", 1)}, ""},
		"one that conflicts with itself": {gatewayOf(all, ""), []string{memberOf("shop", "old", 4, https(host, "x")+","+tcp)}, ""},
		"a whole port":                   {gatewayOf(all, ""), []string{memberOf("bank", "old", 4, tcp)}, "a ListenerSet of another namespace"},
		"a whole port of the Gateway":    {gatewayOf(all, tcp), nil, "Gateway infra/edge"},
		// The TCP listener has lost to the Gateway's own, and so is in nobody's way.
		"a whole port, which is shared":   {gatewayOf(all, https("b.example.com", "g")), []string{memberOf("bank", "old", 4, tcp)}, ""},
		"of a port that is shared, still": {gatewayOf(all, https("b.example.com", "g")), []string{memberOf("bank", "old", 4, tcp), memberOf("shop", "old", 3, https(host, "x"))}, "ListenerSet shop/old"},
		"UDP":                             {gatewayOf(all, "{name: u, port: 443, protocol: UDP}"), nil, ""},
		"another port":                    {gatewayOf(all, strings.Replace(https(host, "g"), "443", "8443", 1)), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, Options{})
			s.put(row.gateway)
			for _, other := range row.others {
				s.put(other)
			}
			s.put(memberOf("shop", "web", 5, https(host, "web")))
			if strings.Contains(row.gateway, "Same") {
				// It is admitted by its namespace alone.
				s.drop(memberOf("shop", "web", 5, https(host, "web")))
				s.put(memberOf("infra", "web", 5, https(host, "web")))
				if told := s.lost("infra", "web"); told != "" {
					t.Errorf("it is told %q", told)
				}
				return
			}
			told := s.lost("shop", "web")
			if (told == "") != (row.told == "") || !strings.Contains(told, row.told) {
				t.Errorf("it is told %q, want %q", told, row.told)
			}
		})
	}
}

// A ListenerSet gets its turn when the winner goes, and loses it to one that comes before it. Only those
// look again whose answer differs.
func TestAListenerSetGetsItsTurn(t *testing.T) {
	s := newShop(t, Options{})
	s.put(gatewayOf(all, ""))
	oldest, older := memberOf("bank", "oldest", 1, https("a.example.com", "x")), memberOf("shop", "older", 2, https("a.example.com", "w"))
	s.put(oldest)
	s.put(older)
	s.put(memberOf("shop", "web", 5, https("a.example.com", "web")))
	s.put(memberOf("shop", "other", 6, https("b.example.com", "other")))
	s.settle()
	for _, step := range []struct {
		what string
		do   func() Wake
		want []string
		told string
	}{
		{"it lost to the oldest", func() Wake { return Wake{} }, []string{}, "of another namespace"},
		{"the second is edited, which sees nobody", func() Wake { return s.put(strings.Replace(older, "443", "8443", 1)) }, []string{"older"}, "of another namespace"},
		{"and back", func() Wake { return s.put(older) }, []string{"older"}, "of another namespace"},
		{"the oldest goes", func() Wake { return s.drop(oldest) }, []string{"older", "oldest", "web"}, "ListenerSet shop/older"},
		{"it comes back under its time", func() Wake { return s.put(oldest) }, []string{"older", "oldest", "web"}, "of another namespace"},
		{"it moves to another name", func() Wake { return s.put(strings.Replace(oldest, "a.example", "c.example", 1)) }, []string{"older", "oldest", "web"}, "ListenerSet shop/older"},
		{"it takes the whole port", func() Wake { return s.put(memberOf("bank", "oldest", 1, tcp)) }, []string{"older", "oldest", "other", "web"}, "of another namespace"},
		{"it leaves it", func() Wake { return s.put(memberOf("bank", "oldest", 1, "{name: u, port: 53, protocol: UDP}")) }, []string{"older", "oldest", "other", "web"}, "ListenerSet shop/older"},
		{"a young one wants the whole port", func() Wake { return s.put(memberOf("bank", "young", 9, tcp)) }, []string{"young"}, "ListenerSet shop/older"},
		{"the second goes", func() Wake { return s.drop(older) }, []string{"older", "web"}, ""},
		{"the Gateway takes it", func() Wake { return s.put(gatewayOf(all, https("a.example.com", "g"))) }, []string{"edge", "web"}, "Gateway infra/edge"},
	} {
		wake := step.do()
		if got := s.looked(wake); !slices.Equal(got, step.want) {
			t.Errorf("%s: %v look again, want %v", step.what, got, step.want)
		}
		if told := s.lost("shop", "web"); (told == "") != (step.told == "") || !strings.Contains(told, step.told) {
			t.Errorf("%s: it is told %q, want %q", step.what, told, step.told)
		}
	}
}

// Where a Gateway admits by labels, those of a rival's Namespace decide, and where they aren't known
// nothing is made.
func TestARivalCountsIfItIsAdmitted(t *testing.T) {
	s := newShop(t, Options{})
	namespace := func(name, team string) Wake {
		return s.put("{kind: Namespace, metadata: {name: " + name + ", labels: {team: " + team + "}}}")
	}
	s.put(gatewayOf(byTeam, ""))
	namespace("shop", "shop")
	s.put(memberOf("bank", "old", 1, https("a.example.com", "x")))
	s.put(memberOf("shop", "web", 5, https("a.example.com", "web")))
	outcome, _ := s.decide(setKey("shop", "web"))
	if got := string(outcome.Certificates[0].Action); got != "wait" || !strings.Contains(s.lost("shop", "web"), "can't be known") {
		t.Errorf("while the Namespace isn't known: %s", told(outcome))
	}
	if got := s.looked(namespace("bank", "bank")); !slices.Contains(got, "web") || s.lost("shop", "web") != "" {
		t.Errorf("once it is known not to be admitted, %v look again: %q", got, s.lost("shop", "web"))
	}
	if got := s.looked(namespace("bank", "shop")); !slices.Contains(got, "web") || s.lost("shop", "web") == "" {
		t.Errorf("once it is admitted, %v look again: %q", got, s.lost("shop", "web"))
	}
}

// Until all ListenerSets are known, nothing new is made, and what exists stays.
func TestUntilAllListenerSetsAreKnownNoneIsMade(t *testing.T) {
	s := newShop(t, Options{})
	s.put(gatewayOf(all, ""))
	s.put(memberOf("shop", "web", 5, https("a.example.com", "web")))
	s.settle()
	for _, row := range []struct {
		known  Knowledge
		unread bool
		want   string
	}{{Unreadable, false, "wait"}, {Unread, true, "wait"}, {Whole, false, "create"}} {
		if got := s.looked(s.Know(setKind, row.known)); !slices.Equal(got, []string{"web"}) {
			t.Errorf("%v look again", got)
		}
		look := s.Look(setKey("shop", "web"))
		outcome := decide(look)
		if got := string(outcome.Certificates[0].Action); got != row.want || look.Unread() != row.unread {
			t.Errorf("%v: %s, unread %v", row.known, told(outcome), look.Unread())
		}
		look.Close()
	}
}

// A decision that is being made on who has a slot is stale once another one has it.
func TestALookAtASlotGetsStale(t *testing.T) {
	s := newShop(t, Options{})
	s.put(gatewayOf(all, ""))
	s.put(memberOf("shop", "web", 5, https("a.example.com", "web")))
	look := s.Look(setKey("shop", "web"))
	defer look.Close()
	decide(look)
	s.put(memberOf("shop", "other", 1, https("b.example.com", "x")))
	if look.Stale() {
		t.Error("it is stale though nobody took its slot")
	}
	s.put(memberOf("shop", "old", 1, https("a.example.com", "x")))
	if !look.Stale() {
		t.Error("it isn't stale")
	}
}

// With other kinds of sources the index is made anew.
func TestANewPolicyKeepsWhoHasWhat(t *testing.T) {
	s := newShop(t, Options{})
	s.put(gatewayOf(all, ""))
	s.put(memberOf("shop", "old", 1, https("a.example.com", "x")))
	s.put(memberOf("shop", "web", 5, https("a.example.com", "web")))
	policy := *s.Policy()
	s.SetPolicy(&policy)
	if told := s.lost("shop", "web"); told == "" {
		t.Error("nobody has the slot")
	}
	policy.Kinds = source.Builtin().Without(source.SwitchGatewayAPI)
	s.SetPolicy(&policy)
	if len(s.slots) > 0 {
		t.Errorf("there are %d slots without a kind that has any", len(s.slots))
	}
}
