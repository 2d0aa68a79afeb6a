package certificate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
)

// An invalid annotation leaves its field at the live value; the rest is applied.
func TestUnreadFieldsKeepTheirLiveValue(t *testing.T) {
	type m = map[string]any
	before := input(withKey, withDuration, func(in *certificate.Input) {
		in.Request.Subject.Countries = []string{"DE"}
		in.Request.CommonName = "old"
		in.Request.DNSNames, in.Request.URIs = []string{"alt.example.com"}, []string{"a:b"}
		in.Request.EmailAddresses, in.Request.IPAddresses = []string{"a@b.c"}, []string{"::1"}
	})
	tests := map[string]struct {
		unread []annotations.Field
		want   m
	}{
		"a scalar":        {[]annotations.Field{annotations.FieldDuration}, m{"duration": "2h0m0s"}},
		"the private key": {[]annotations.Field{annotations.FieldPrivateKey}, m{"privateKey": m{"algorithm": "ECDSA", "size": int64(256)}}},
		"the subject":     {[]annotations.Field{annotations.FieldSubject}, m{"subject": m{"countries": []any{"DE"}}}},
		"a usage":         {[]annotations.Field{annotations.FieldUsages}, m{"usages": []any{"digital signature", "key encipherment"}}},
		"a field that isn't there": {
			[]annotations.Field{annotations.FieldRenewBefore}, m{},
		},
		"two fields": {[]annotations.Field{annotations.FieldCommonName, annotations.FieldDuration}, m{"commonName": "old", "duration": "2h0m0s"}},
		"keys that are about no field": {
			[]annotations.Field{annotations.FieldNone}, m{},
		},
		"names: any kind may have been meant, so none is lost": {
			[]annotations.Field{annotations.FieldDNSNames},
			m{
				"dnsNames": []any{"a.example.com", "alt.example.com", "new.example.com"}, "ipAddresses": []any{"::1"},
				"uris": []any{"a:b"}, "emailAddresses": []any{"a@b.c"},
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			now := input(unread(tt.unread...), func(in *certificate.Input) {
				in.Request.Usages = []string{"server auth"}
				in.Request.DNSNames = []string{"new.example.com"}
			})
			d := decideLive(now, liveOf(t, before, nil, ownOf(before, "10:00")))
			want := spec(certificate.Build(now))
			for name, value := range tt.want {
				want[name] = value
			}
			if diff := cmp.Diff(want, spec(d.Config)); d.Action != certificate.Apply || diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", d.Action, d.Reason, diff)
			}
		})
	}
}

func TestNothingEmptyIsKept(t *testing.T) {
	in := input(unread(annotations.FieldPrivateKey, annotations.FieldSubject))
	live := liveOf(t, in, func(o map[string]any) { spec(o)["privateKey"], spec(o)["subject"] = map[string]any{}, nil }, ownOf(in, "10:00"), "x Update 10:00 spec>privateKey")
	d := decideLive(in, live)
	onlyAllowed(t, "", d.Config)
	if _, there := spec(d.Config)["privateKey"]; there {
		t.Errorf("got %v", spec(d.Config))
	}
}

// While an entry for a Secret is broken, its Certificate gains names and loses none.
func TestBrokenEntriesLoseNoName(t *testing.T) {
	before := input(func(in *certificate.Input) { in.Ask.Hosts = []string{"b.example.com", "10.0.0.1", "a.example.com"} })
	now := input(brokenEntry, func(in *certificate.Input) { in.Ask.Hosts = []string{"a.example.com", "c.example.com", "10.0.0.2"} })
	d := decideLive(now, liveOf(t, before, nil, ownOf(before, "10:00")))
	want := map[string]any{
		"dnsNames": []any{"b.example.com", "a.example.com", "c.example.com"}, "ipAddresses": []any{"10.0.0.1", "10.0.0.2"},
	}
	for name, value := range want {
		if diff := cmp.Diff(value, spec(d.Config)[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	t.Run("and nothing is written where nothing is gained", func(t *testing.T) {
		now := input(brokenEntry, func(in *certificate.Input) { in.Ask.Hosts = []string{"a.example.com", "10.0.0.1"} })
		if d := decideLive(now, liveOf(t, before, nil, ownOf(before, "10:00"))); d.Action != certificate.None || !same(d.Reason, because(certificate.CauseUpToDateBut)) {
			t.Errorf("%s: %s", d.Action, d.Reason)
		}
	})
	t.Run("once it is mended the names go", func(t *testing.T) {
		now := input()
		d := decideLive(now, liveOf(t, before, nil, ownOf(before, "10:00")))
		if diff := cmp.Diff(spec(certificate.Build(now)), spec(d.Config)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

// An invalid ACME annotation keeps the result of an earlier one.
func TestUnreadAnnotationsKeepWhatTheyLedTo(t *testing.T) {
	const class, name = "acme.cert-manager.io/http01-override-ingress-class", "acme.cert-manager.io/http01-override-ingress-name"
	live := func(t *testing.T, annotations map[string]any) map[string]any {
		return liveOf(t, input(), func(o map[string]any) { o["metadata"].(map[string]any)["annotations"] = annotations }, ownOf(input(), "10:00", "metadata>annotations>"+class))
	}
	got := func(d certificate.Decision) any { return d.Config["metadata"].(map[string]any)["annotations"] }
	in := input(unread(annotations.FieldAnnotations))
	if diff := cmp.Diff(map[string]any{class: "nginx"}, got(decideLive(in, live(t, map[string]any{class: "nginx", "example.com/a": "1"})))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	in.Request.NotCopied = []string{"example.com/a"}
	if diff := cmp.Diff(map[string]any{class: "nginx", "example.com/a": "1"}, got(decideLive(in, live(t, map[string]any{class: "nginx", "example.com/a": "1", "example.com/b": "2"})))); diff != "" {
		t.Errorf("a copy whose annotation is too long now: -want +got:\n%s", diff)
	}
	in.Request.NotCopied = nil
	in.Request.ACME.IngressClass = "new"
	if diff := cmp.Diff(map[string]any{class: "new", name: "web"}, got(decideLive(in, live(t, map[string]any{class: "nginx", name: "web"})))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := got(decideLive(input(unread(annotations.FieldAnnotations)), live(t, nil))); got != nil {
		t.Errorf("got %v", got)
	}
}
