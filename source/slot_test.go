package source_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// gatewayAsks is what a Gateway with these listeners asks for. Each is NAME PROTOCOL PORT HOST, and names the
// Secret of its name.
func gatewayAsks(t *testing.T, options source.Options, listeners ...string) (source.Kind, *source.Object, source.Asks) {
	t.Helper()
	text := "listeners:\n"
	for _, listener := range listeners {
		words := append(strings.Fields(listener), "", "")
		name, protocol, port, host := words[0], words[1], words[2], words[3]
		text += "- {name: " + name + ", protocol: " + protocol + ", port: " + port + ", hostname: '" + host + "'"
		if protocol == "HTTPS" || protocol == "TLS" {
			text += ", tls: {certificateRefs: [{name: " + name + "}]}"
		}
		text += "}\n"
	}
	kind, _ := source.Builtin().Lookup(source.GatewayGroup, source.GatewayKind)
	object := reduce(t, decode(t, source.GatewayKind, text))
	return kind, object, kind.Asks(object, options)
}

// Of listeners of one object that conflict, none is served. A Certificate that one of them has stays:
// the Secret is asked for by a broken entry.
func TestListenersOfOneObjectConflict(t *testing.T) {
	for name, row := range map[string]struct {
		listeners []string
		lost      string
	}{
		"other hostnames":           {[]string{"a HTTPS 443 a.example.com", "b HTTPS 443 b.example.com"}, ""},
		"one hostname":              {[]string{"a HTTPS 443 a.example.com", "b HTTPS 443 a.example.com", "c HTTPS 443 c.example.com"}, "a b"},
		"in another spelling":       {[]string{"a HTTPS 443 a.example.com", "b HTTPS 443 A.example.com"}, "a"},
		"other ports":               {[]string{"a HTTPS 443 a.example.com", "b HTTPS 8443 a.example.com"}, ""},
		"HTTPS beside TLS":          {[]string{"a HTTPS 443 a.example.com", "b TLS 443 a.example.com"}, ""},
		"a wildcard over a name":    {[]string{"a HTTPS 443 *.example.com", "b HTTPS 443 a.example.com"}, ""},
		"TCP beside HTTPS":          {[]string{"a HTTPS 443 a.example.com", "b TCP 443", "c TLS 443 c.example.com", "d HTTPS 8443 a.example.com"}, "a c"},
		"TCP first":                 {[]string{"b TCP 443", "a HTTPS 443 a.example.com", "c TCP 443", "d TLS 443 d.example.com"}, "a d"},
		"UDP beside HTTPS":          {[]string{"a HTTPS 443 a.example.com", "b UDP 443"}, ""},
		"a protocol of one's own":   {[]string{"a HTTPS 443 a.example.com", "b example.com/x 443 a.example.com"}, ""},
		"of which no port is known": {[]string{"a HTTPS 0 a.example.com", "b HTTPS 0 a.example.com"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, asks := gatewayAsks(t, source.Options{}, row.listeners...)
			broken := map[string]bool{}
			for _, ask := range asks.Asks {
				broken[ask.Secret] = len(ask.Hosts) == 0 && len(ask.Broken) == 1
			}
			var lost []string
			for _, p := range asks.Problems.All() {
				_, after, isConflict := strings.Cut(p.Message, "the listener \"")
				if isConflict && p.Reason == problem.ListenerConflict && strings.Contains(p.Message, "of the same object, so that neither is served") {
					lost = append(lost, after[:1])
				}
			}
			if got := strings.Join(lost, " "); got != row.lost || slices.ContainsFunc(lost, func(name string) bool { return !broken[name] }) {
				t.Errorf("%q lose, want %q\n%v\n%v", got, row.lost, asks.Asks, asks.Problems.All())
			}
		})
	}
}

// What another object has is asked only for listeners that are to have a certificate, and otherwise could.
func TestWhoHasASlotIsAskedWhereItMatters(t *testing.T) {
	var asked []string
	options := source.Options{IgnoreSections: []string{"ignored"}, Holder: func(slot source.Slot) string {
		asked = append(asked, slot.String())
		if slot.Host == "b.example.com" {
			return "ListenerSet shop/older"
		}
		return ""
	}}
	_, _, asks := gatewayAsks(t, options, "http HTTP 80", "ignored HTTPS 443 i.example.com", "bad HTTPS 443 a_b.example.com", "a HTTPS 443 a.example.com", "b TLS 443 B.example.com", "c TCP 8443")
	if want := []string{"port 443 and protocol HTTPS for a.example.com"}; !slices.Equal(asked, want) {
		t.Errorf("asked is %q, want %q", asked, want)
	}
	options.Holder(source.Slot{})
	_, _, asks = gatewayAsks(t, options, "b TLS 443 b.example.com")
	p := asks.Problems.All()[0]
	if p.Reason != problem.ListenerConflict || p.Path != "spec.listeners[0]" || p.Value != "port 443 and protocol TLS for b.example.com" ||
		!strings.Contains(p.Message, `the listener "b" conflicts with ListenerSet shop/older, which comes first`) {
		t.Errorf("got %v", p.Error())
	}
}

// What an object takes is what its listeners have, but for those that conflict.
func TestSlotsOfAnObject(t *testing.T) {
	kind, object, _ := gatewayAsks(t, source.Options{}, "a HTTPS 443 A.example.com", "all TLS 443", "b HTTPS 8443 b.example.com", "c TCP 8443", "u UDP 53 ignored.example.com", "o other 1")
	want := []source.Slot{{Port: 443, Protocol: "HTTPS", Host: "a.example.com"}, {Port: 443, Protocol: "TLS"}, {Port: 53, Protocol: "UDP"}}
	if got := kind.Slots(object); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	object.Deleting = true
	if got := kind.Slots(object); len(got) > 0 {
		t.Errorf("one that is being deleted takes %v", got)
	}
}

// Whether two listeners conflict has nothing to do with their order.
func FuzzConflicts(f *testing.F) {
	f.Add("HTTPS", "TCP", 443, 443, "a.example.com", "")
	f.Fuzz(func(t *testing.T, p, q string, port, other int, host, another string) {
		one := source.Entry{Section: "one", Path: "spec.listeners[0]", Protocol: p, Port: port, Hosts: []string{host}}
		two := source.Entry{Section: "two", Path: "spec.listeners[1]", Protocol: q, Port: other, Hosts: []string{another}}
		kind, _ := source.Builtin().Lookup(source.GatewayGroup, source.GatewayKind)
		there, back := kind.Slots(&source.Object{Entries: []source.Entry{one, two}}), kind.Slots(&source.Object{Entries: []source.Entry{two, one}})
		slices.Reverse(back)
		if !slices.Equal(there, back) {
			t.Errorf("%v in one order, %v in the other", there, back)
		}
	})
}
