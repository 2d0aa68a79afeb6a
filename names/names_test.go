package names_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/certshim/certshim/names"
)

func TestEqualNamesHaveOneForm(t *testing.T) {
	for kind, tt := range map[string]struct {
		form  names.Form
		equal []string
		other []string
	}{
		"DNS": {names.DNS, []string{"api.example.com", "API.example.com", "Api.Example.COM"}, []string{"api.example.org", "*.example.com", "ápi.example.com", "Ápi.example.com"}},
		"IPv6": {
			names.IP, []string{"2001:db8::1", "2001:0db8:0:0:0:0:0:1", "2001:DB8::0001"}, []string{"2001:db8::2", "2001:db8::1.example.com", "", "x"},
		},
		"IPv4":  {names.IP, []string{"192.0.2.128", "::ffff:192.0.2.128", "::FFFF:c000:280"}, []string{"192.0.2.12", "192.0.2.128."}},
		"host":  {names.Host, []string{"2001:db8::1", "2001:DB8::1"}, []string{"A.example.com", "192.0.2.1"}},
		"hosts": {names.Host, []string{"a.example.com", "A.EXAMPLE.com"}, []string{"a.example.com.", "192.0.2.1"}},
		"email": {names.Email, []string{"Ops@example.com", "Ops@Example.COM"}, []string{"ops@example.com", "example.com"}},
		"URI": {
			names.URI, []string{"spiffe://example.com/ns/Shop", "SPIFFE://Example.com/ns/Shop"},
			[]string{"spiffe://example.com/ns/shop", "spiffe://example.com", "urn:example.com/ns/Shop", "spiffe"},
		},
		"URI with a user":  {names.URI, []string{"https://Me@example.com?Q", "HTTPS://Me@EXAMPLE.com?Q"}, []string{"https://me@example.com?Q", "https://Me@example.com?q"}},
		"the last letter":  {names.DNS, []string{"z", "Z"}, []string{"["}},
		"a URI of no host": {names.URI, []string{"file:///Etc", "FILE:///Etc"}, []string{"file:///etc"}},
		"URN":              {names.URI, []string{"URN:Example:A", "urn:Example:A"}, []string{"urn:example:A"}},
		"exact":            {names.Exact, []string{"A"}, []string{"a"}},
	} {
		for _, name := range tt.equal {
			if got, want := tt.form(name), tt.form(tt.equal[0]); got != want {
				t.Errorf("%s: %q has the form %q, %q has %q", kind, name, got, tt.equal[0], want)
			}
		}
		for i, name := range tt.other {
			all := append([]string{tt.equal[0]}, tt.other[:i]...)
			if slices.ContainsFunc(all, func(other string) bool { return tt.form(other) == tt.form(name) }) {
				t.Errorf("%s: %q has the form of another of %q", kind, name, all)
			}
		}
	}
}

func TestTheFirstSpellingStays(t *testing.T) {
	var many []string
	for i := range 20 {
		many = append(many, fmt.Sprintf("h%d.example.com", i))
	}
	got := names.Unique(names.DNS, []string{"b.example.com", "A.example.com"}, []string{"B.example.com", "a.example.com", "c.example.com"})
	if want := []string{"b.example.com", "A.example.com", "c.example.com"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := names.Unique(names.DNS, many, []string{"H3.example.com"}); !slices.Equal(got, many) {
		t.Errorf("of many: %q", got)
	}
	if got := names.Unique(names.DNS, nil, []string{}); got != nil {
		t.Errorf("of none: %q", got)
	}
}

func TestSpeltTwice(t *testing.T) {
	for _, tt := range []struct {
		form  names.Form
		lists [][]string
		want  bool
	}{
		{names.DNS, [][]string{{"a"}, {"A"}}, true},
		{names.DNS, [][]string{{"a", "b"}, {"a", "c"}}, false},
		{names.IP, [][]string{{"192.0.2.1", "::ffff:192.0.2.1"}}, true},
		{names.DNS, nil, false},
	} {
		if got := names.AnySpeltTwice(tt.form, tt.lists...); got != tt.want {
			t.Errorf("%q: %v, want %v", tt.lists, got, tt.want)
		}
	}
}

func TestAddLeavesTheListAsItIs(t *testing.T) {
	list := []string{"a", "A", "b"}
	got := names.Add(names.DNS, list, []string{"B", "c", "C"})
	if want := []string{"a", "A", "b", "c"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCommonNameIsSpeltAsItsEqual(t *testing.T) {
	dns, ips := []string{"x.example.com", "api.example.com"}, []string{"2001:0db8::1", "::ffff:192.0.2.1"}
	for name, want := range map[string]string{
		"API.example.com":     "api.example.com",
		"X.example.com":       "x.example.com",
		"other.Example.com":   "other.Example.com",
		"2001:0db8::1":        "2001:db8::1",
		"192.0.2.1":           "192.0.2.1",
		"::ffff:192.0.2.1":    "192.0.2.1",
		"2001:0db8::2":        "2001:0db8::2",
		"Example, Department": "Example, Department",
	} {
		if got := names.Common(name, dns, ips); got != want {
			t.Errorf("%q is written as %q, want %q", name, got, want)
		}
	}
}

func TestIsIP(t *testing.T) {
	for name, want := range map[string]bool{
		"192.0.2.0": true, "192.0.2.9": true, "::1": true, "::a": true, "fe80::a": true, "2001:db8::": true,
		"": false, "a.example.com": false, "host9": false, "a:b": false, "192.0.2.1/24": false,
	} {
		if got := names.IsIP(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

func TestWildcard(t *testing.T) {
	for name, want := range map[string]string{"a.example.com": "*.example.com", "*.example.com": "*.example.com", "localhost": ""} {
		if got := names.Wildcard(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestStripped(t *testing.T) {
	for written, want := range map[string]string{
		"https://shop.example.com/x": "shop.example.com", "shop.example.com:8443": "shop.example.com",
		"shop.example.com.": "shop.example.com", "shop.example.com": "shop.example.com", "": "",
	} {
		if got := names.Stripped(written); got != want {
			t.Errorf("%q: %q, want %q", written, got, want)
		}
	}
}
