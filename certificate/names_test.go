package certificate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
)

// spelt asks for names of which some are the same by their standards.
func spelt(in *certificate.Input) {
	in.Ask.Hosts = []string{"api.example.com", "2001:db8::1"}
	in.Request.DNSNames = []string{"API.example.com", "b.example.com", "B.example.com"}
	in.Request.IPAddresses = []string{"2001:0db8:0:0:0:0:0:1", "::ffff:192.0.2.128", "192.0.2.128"}
	in.Request.EmailAddresses = []string{"ops@Example.com", "ops@example.com"}
	in.Request.URIs = []string{"spiffe://Example.com/a", "spiffe://example.com/a"}
	in.Request.CommonName = "Api.Example.com"
}

func TestEqualNamesAreWrittenOnceAsTheFirstIs(t *testing.T) {
	want := map[string]any{
		"dnsNames": []any{"api.example.com", "b.example.com"}, "ipAddresses": []any{"2001:db8::1", "::ffff:192.0.2.128"},
		"emailAddresses": []any{"ops@Example.com"}, "uris": []any{"spiffe://Example.com/a"}, "commonName": "api.example.com",
	}
	got := spec(certificate.Build(input(spelt)))
	for name, value := range want {
		if diff := cmp.Diff(value, got[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for name, want := range map[string]string{"::FFFF:192.0.2.128": "192.0.2.128", "other.example.com": "other.example.com"} {
		in := input(spelt, func(in *certificate.Input) { in.Request.CommonName = name })
		if got := spec(certificate.Build(in))["commonName"]; got != want {
			t.Errorf("the common name %s is written as %v, want %s", name, got, want)
		}
	}
}

// A Certificate that its shim made with every spelling loses all but one at the pace of a
// take-over, since that is a new certificate; one that has only another spelling of an address is
// no change to cert-manager.
func TestTakingOverACertificateWithTwoSpellings(t *testing.T) {
	in := input(func(in *certificate.Input) {
		in.Ask.Hosts, in.Request.DNSNames = []string{"api.example.com"}, []string{"API.example.com"}
		in.Request.IPAddresses = []string{"192.0.2.128", "::ffff:192.0.2.128"}
	})
	for name, tt := range map[string]struct {
		change  func(map[string]any)
		reissue certificate.Reissue
	}{
		"both DNS names":      {set("dnsNames", []any{"api.example.com", "API.example.com"}), certificate.ReissueYes},
		"the other DNS name":  {set("dnsNames", []any{"API.example.com"}), certificate.ReissueYes},
		"both addresses":      {set("ipAddresses", []any{"192.0.2.128", "::ffff:192.0.2.128"}), certificate.ReissueYes},
		"the other address":   {set("ipAddresses", []any{"::ffff:192.0.2.128"}), certificate.ReissueNo},
		"another common name": {set("commonName", "API.example.com"), certificate.ReissueYes},
	} {
		asks := in
		if name == "another common name" {
			asks.Request.CommonName = "API.example.com"
		}
		d := decideLive(asks, liveOf(t, asks, tt.change, entryOf(shim, "Update", "10:00", asks, shimContainers...)))
		if d.Action != certificate.Apply || d.Reissue != tt.reissue || !d.Paced || d.Unchanged {
			t.Errorf("%s: %s, reissue %s, paced %v: %s", name, d.Action, d.Reissue, d.Paced, d.Reason)
		}
	}
}

// So does one that is ours already, from when each spelling was written, whatever this process saw
// of it. What the source adds or takes away arrives at once.
func TestACertificateOfOursWithTwoSpellings(t *testing.T) {
	in := input(func(in *certificate.Input) {
		in.Ask.Hosts, in.Request.DNSNames = []string{"api.example.com"}, []string{"API.example.com"}
		in.Request.IPAddresses = []string{"192.0.2.128", "::ffff:192.0.2.128"}
		in.Request.URIs = []string{"spiffe://a/b", "spiffe://A/b"}
		in.Request.EmailAddresses = []string{"a@b.example", "a@B.example"}
	})
	both := []any{"api.example.com", "API.example.com"}
	for name, tt := range map[string]struct {
		change func(map[string]any)
		asks   func(*certificate.Input)
		paced  bool
	}{
		"both DNS names":                 {set("dnsNames", both), nil, true},
		"both addresses":                 {set("ipAddresses", []any{"192.0.2.128", "::ffff:192.0.2.128"}), nil, true},
		"both URIs":                      {set("uris", []any{"spiffe://a/b", "spiffe://A/b"}), nil, true},
		"both e-mail addresses":          {set("emailAddresses", []any{"a@b.example", "a@B.example"}), nil, true},
		"the common name beside another": {set("commonName", "API.example.com"), func(in *certificate.Input) { in.Request.CommonName = "API.example.com" }, true},
		"one, in another spelling":       {set("dnsNames", both[1:]), nil, false},
		"a name more":                    {set("dnsNames", both), func(in *certificate.Input) { in.Ask.Hosts = append(in.Ask.Hosts, "b.example.com") }, false},
		"a name less":                    {set("dnsNames", append([]any{"b.example.com"}, both...)), nil, false},
		"another common name": {
			func(o map[string]any) { set("dnsNames", both)(o); set("commonName", "c")(o) }, func(in *certificate.Input) { in.Request.CommonName = "b" }, false,
		},
		"the source keeps one": {set("dnsNames", both), func(in *certificate.Input) {
			in.Request = annotations.Request{DNSNames: []string{"api.example.com"}}
		}, false},
	} {
		asks := input(func(asked *certificate.Input) { *asked = in })
		if tt.asks != nil {
			tt.asks(&asks)
		}
		live := liveOf(t, asks, tt.change, ownOf(asks, "10:00"))
		seen := decideSeen(asks, live)
		if want := name != "the source keeps one"; seen.NeedsLive != want {
			t.Errorf("%s: reads it live %v, want %v", name, seen.NeedsLive, want)
		}
		for _, flag := range []certificate.Flags{0, certificate.Settled, certificate.TakenOver} {
			asks.Existing = &certificate.Observed{Live: live, Flags: flag}
			d := certificate.Decide(asks)
			if d.Action != certificate.Apply || d.Paced != tt.paced || d.Reissue != certificate.ReissueYes {
				t.Errorf("%s, flags %b: %s, paced %v, reissue %s: %s", name, flag, d.Action, d.Paced, d.Reissue, d.Reason)
			}
			asks.Policy.HoldPaced = true
			want := certificate.Apply
			if tt.paced {
				want = certificate.None
			}
			if d := certificate.Decide(asks); d.Action != want || len(d.Problems.All()) > 0 {
				t.Errorf("%s, while no change is allowed: %s: %s, %v", name, d.Action, d.Reason, told(d.Problems))
			}
			asks.Policy.HoldPaced = false
		}
	}
}

// What is kept stays in its own spelling, and the common name follows it.
func TestKeptNamesKeepTheirSpelling(t *testing.T) {
	live := set("dnsNames", []any{"API.example.com", "api.example.com", "old.example.com"})
	in := input(brokenEntry, func(in *certificate.Input) {
		in.Ask.Hosts, in.Request.CommonName = []string{"api.example.com", "new.example.com"}, "api.example.com"
	})
	for name, tt := range map[string]struct {
		unread     []annotations.Field
		commonName string
	}{
		"a name that can be read":   {nil, "API.example.com"},
		"a name that can't be read": {[]annotations.Field{annotations.FieldCommonName}, "Old.example.com"},
	} {
		asks := in
		asks.Request.Unread = tt.unread
		change := func(object map[string]any) { live(object); set("commonName", "Old.example.com")(object) }
		d := decideLive(asks, liveOf(t, asks, change, ownOf(asks, "10:00")))
		if diff := cmp.Diff([]any{"API.example.com", "api.example.com", "old.example.com", "new.example.com"}, spec(d.Config)["dnsNames"]); diff != "" {
			t.Errorf("%s: names (-want +got):\n%s", name, diff)
		}
		if got := spec(d.Config)["commonName"]; got != tt.commonName {
			t.Errorf("%s: the common name is %v, want %s", name, got, tt.commonName)
		}
	}
}
