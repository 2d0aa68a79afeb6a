package resolver_test

import (
	"slices"
	"testing"
	"time"

	"github.com/certshim/certshim/resolver"
)

func TestViolations(t *testing.T) {
	hours := func(n int) time.Duration { return time.Duration(n) * time.Hour }
	for name, row := range map[string]struct {
		rules resolver.Constraints
		spec  object
		want  string // value of the violation, "" where the rule holds
		rule  string
	}{
		"a kind of name":             {resolver.Constraints{SANs: &resolver.SANRule{Allowed: []resolver.SANKind{resolver.DNSName}}}, object{"uris": []any{"a://b"}}, "a://b", "sans"},
		"allowed kinds":              {resolver.Constraints{SANs: &resolver.SANRule{Allowed: []resolver.SANKind{resolver.DNSName, resolver.URI}}}, object{"dnsNames": []any{"a.example.com"}, "uris": []any{"a://b"}}, "", ""},
		"no names allowed at all":    {resolver.Constraints{SANs: &resolver.SANRule{}}, object{"dnsNames": []any{"a.example.com"}}, "a.example.com", "sans"},
		"too many names":             {resolver.Constraints{SANs: &resolver.SANRule{Allowed: []resolver.SANKind{resolver.DNSName}, Max: 1}}, object{"dnsNames": []any{"a.example.com", "b.example.com"}}, "2", "sans"},
		"a wildcard":                 {resolver.Constraints{Wildcards: &resolver.WildcardRule{}}, object{"dnsNames": []any{"a.example.com", "*.example.com"}}, "*.example.com", "wildcards"},
		"wildcards allowed":          {resolver.Constraints{Wildcards: &resolver.WildcardRule{Allowed: true}}, object{"dnsNames": []any{"*.example.com"}}, "", ""},
		"a common name required":     {resolver.Constraints{CommonName: &resolver.CommonNameRule{Must: resolver.NameRequired}}, object{"commonName": "x"}, "", ""},
		"a common name forbidden":    {resolver.Constraints{CommonName: &resolver.CommonNameRule{Must: resolver.NameForbidden}}, object{"commonName": "x"}, "x", "commonName"},
		"a common name of its own":   {resolver.Constraints{CommonName: &resolver.CommonNameRule{Must: resolver.NameMustBeSAN}}, object{"commonName": "x", "dnsNames": []any{"y"}}, "x", "commonName"},
		"a common name, a DNS name":  {resolver.Constraints{CommonName: &resolver.CommonNameRule{Must: resolver.NameMustBeSAN}}, object{"commonName": "x.example.com", "dnsNames": []any{"x.example.com"}}, "", ""},
		"a DNS name but for case":    {resolver.Constraints{CommonName: &resolver.CommonNameRule{Must: resolver.NameMustBeSAN}}, object{"commonName": "X.example.com", "dnsNames": []any{"x.example.com"}}, "X.example.com", "commonName"},
		"an IP as requests have it":  {resolver.Constraints{CommonName: &resolver.CommonNameRule{Must: resolver.NameMustBeSAN}}, object{"commonName": "2001:db8::1", "ipAddresses": []any{"2001:0db8::1"}}, "", ""},
		"an IP as nobody has it":     {resolver.Constraints{CommonName: &resolver.CommonNameRule{Must: resolver.NameMustBeSAN}}, object{"commonName": "2001:0db8::1", "ipAddresses": []any{"2001:0db8::1"}}, "2001:0db8::1", "commonName"},
		"a common name, an IP":       {resolver.Constraints{CommonName: &resolver.CommonNameRule{Must: resolver.NameMustBeSAN}}, object{"commonName": "192.0.2.1", "ipAddresses": []any{"192.0.2.1"}}, "", ""},
		"a needed one that is none":  {resolver.Constraints{CommonName: &resolver.CommonNameRule{Must: resolver.NameRequiredSAN}}, object{"dnsNames": []any{"y"}}, "", "commonName"},
		"a needed one of its own":    {resolver.Constraints{CommonName: &resolver.CommonNameRule{Must: resolver.NameRequiredSAN}}, object{"commonName": "x", "dnsNames": []any{"y"}}, "x", "commonName"},
		"a needed one, a DNS name":   {resolver.Constraints{CommonName: &resolver.CommonNameRule{Must: resolver.NameRequiredSAN}}, object{"commonName": "y", "dnsNames": []any{"y"}}, "", ""},
		"within a wildcard":          {noneWithin(), object{"dnsNames": []any{"WWW.Example.com", "*.example.com"}}, "WWW.Example.com", "sans"},
		"the domain of a wildcard":   {noneWithin(), object{"dnsNames": []any{"example.com", "*.example.com", "a.b.example.com", "*.b.example.org"}}, "", ""},
		"no common name, must be":    {resolver.Constraints{CommonName: &resolver.CommonNameRule{Must: resolver.NameMustBeSAN}}, object{"dnsNames": []any{"y"}}, "", ""},
		"a long common name":         {resolver.Constraints{CommonName: &resolver.CommonNameRule{Must: resolver.NameOptional, MaxBytes: 2}}, object{"commonName": "abc"}, "abc", "commonName"},
		"the default key":            {resolver.Constraints{Keys: &resolver.KeyRule{Allowed: []resolver.Key{{Algorithm: "RSA", Sizes: []int{2048}}}}}, object{}, "", ""},
		"the default key, ECDSA":     {resolver.Constraints{Keys: &resolver.KeyRule{Allowed: []resolver.Key{{Algorithm: "ECDSA"}}}}, object{}, "RSA 2048", "keys"},
		"the default size of ECDSA":  {resolver.Constraints{Keys: &resolver.KeyRule{Allowed: []resolver.Key{{Algorithm: "ECDSA", Sizes: []int{256}}}}}, object{"privateKey": object{"algorithm": "ECDSA"}}, "", ""},
		"a size":                     {resolver.Constraints{Keys: &resolver.KeyRule{Allowed: []resolver.Key{{Algorithm: "RSA", Sizes: []int{4096}}}}}, object{"privateKey": object{"size": int64(2048)}}, "RSA 2048", "keys"},
		"a key without size":         {resolver.Constraints{Keys: &resolver.KeyRule{Allowed: []resolver.Key{{Algorithm: "RSA"}}}}, object{"privateKey": object{"algorithm": "Ed25519"}}, "Ed25519", "keys"},
		"too short":                  {resolver.Constraints{Durations: &resolver.DurationRule{Min: hours(24)}}, object{"duration": "23h"}, "23h", "durations"},
		"too long":                   {resolver.Constraints{Durations: &resolver.DurationRule{Max: hours(24)}}, object{"duration": "24h30m0s"}, "24h30m", "durations"},
		"neither":                    {resolver.Constraints{Durations: &resolver.DurationRule{Min: hours(1), Max: hours(24)}}, object{"duration": "24h0m0s"}, "", ""},
		"no duration":                {resolver.Constraints{Durations: &resolver.DurationRule{Min: hours(1), Ignored: true}}, object{}, "", ""},
		"a step":                     {resolver.Constraints{Durations: &resolver.DurationRule{Steps: []time.Duration{hours(168), hours(720)}}}, object{"duration": "168h"}, "", ""},
		"between the steps":          {resolver.Constraints{Durations: &resolver.DurationRule{Steps: []time.Duration{hours(168), hours(720)}}}, object{"duration": "200h"}, "200h", "durations"},
		"a duration that is ignored": {resolver.Constraints{Durations: &resolver.DurationRule{Ignored: true}}, object{"duration": "1h"}, "1h", "durations"},
		"renewed for ever":           {resolver.Constraints{Durations: &resolver.DurationRule{WhenUnset: hours(24)}}, object{"renewBefore": "24h"}, "24h", "durations"},
		"renewed in time":            {resolver.Constraints{Durations: &resolver.DurationRule{WhenUnset: hours(24)}}, object{"renewBefore": "8h"}, "", ""},
		"a usage":                    {resolver.Constraints{Usages: &resolver.UsageRule{Allowed: []string{"server auth"}}}, object{"usages": []any{"server auth", "client auth"}}, "client auth", "usages"},
		"a usage allowed":            {resolver.Constraints{Usages: &resolver.UsageRule{Allowed: []string{"server auth"}}}, object{"usages": []any{"server auth"}}, "", ""},
		"usages decided, asked":      {resolver.Constraints{Usages: &resolver.UsageRule{Ignored: true}}, object{"usages": []any{"digital signature", "server auth"}}, "server auth", "usages"},
		"usages decided, unasked":    {resolver.Constraints{Usages: &resolver.UsageRule{Ignored: true}}, object{"usages": []any{"digital signature", "key encipherment"}}, "", ""},
		"usages that always come":    {resolver.Constraints{Usages: &resolver.UsageRule{Ignored: true, Always: []string{"server auth"}}}, object{"usages": []any{"server auth"}}, "", ""},
		"others beside them":         {resolver.Constraints{Usages: &resolver.UsageRule{Ignored: true, Always: []string{"server auth"}}}, object{"usages": []any{"server auth", "client auth"}}, "client auth", "usages"},
		"always, or allowed":         {resolver.Constraints{Usages: &resolver.UsageRule{Allowed: []string{"client auth"}, Always: []string{"server auth"}}}, object{"usages": []any{"server auth", "client auth"}}, "", ""},
		"neither always nor allowed": {resolver.Constraints{Usages: &resolver.UsageRule{Allowed: []string{"client auth"}, Always: []string{"server auth"}}}, object{"usages": []any{"code signing"}}, "code signing", "usages"},
		"every usage comes back":     {resolver.Constraints{Usages: &resolver.UsageRule{Honoured: true}}, object{"usages": []any{"code signing"}}, "", ""},
		"of those that are allowed":  {resolver.Constraints{Usages: &resolver.UsageRule{Honoured: true, Allowed: []string{}}}, object{"usages": []any{"code signing"}}, "code signing", "usages"},
		"a key that must stay":       {resolver.Constraints{RotationPolicy: &resolver.RotationRule{Must: resolver.RotateNever}}, object{}, "Always", "rotationPolicy"},
		"a key that stays":           {resolver.Constraints{RotationPolicy: &resolver.RotationRule{Must: resolver.RotateNever}}, object{"privateKey": object{"rotationPolicy": "Never"}}, "", ""},
		"a key that must change":     {resolver.Constraints{RotationPolicy: &resolver.RotationRule{Must: resolver.RotateAlways}}, object{"privateKey": object{"rotationPolicy": "Never"}}, "Never", "rotationPolicy"},
		"a key that changes":         {resolver.Constraints{RotationPolicy: &resolver.RotationRule{Must: resolver.RotateAlways}}, object{}, "", ""},
		"a Secret first":             {resolver.Constraints{Secret: &resolver.SecretRule{MustExist: true}}, object{"secretName": "web-tls"}, "web-tls", "secret"},
		"a Secret, or not":           {resolver.Constraints{Secret: &resolver.SecretRule{}}, object{"secretName": "web-tls"}, "", ""},
		"a CA":                       {resolver.Constraints{CA: &resolver.CARule{}}, object{"isCA": true}, "true", "ca"},
		"no CA":                      {resolver.Constraints{CA: &resolver.CARule{}}, object{}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			violations := row.rules.Violations(resolver.FactsOf(row.spec))
			switch {
			case row.rule == "" && len(violations) > 0:
				t.Errorf("got %+v", violations)
			case row.rule != "" && (len(violations) != 1 || violations[0].Rule != row.rule || violations[0].Value != row.want || violations[0].Message == ""):
				t.Errorf("want %s %q, got %+v", row.rule, row.want, violations)
			}
		})
	}
	none := resolver.Constraints{CommonName: &resolver.CommonNameRule{Must: resolver.NameRequired}}
	if violations := none.Violations(resolver.FactsOf(object{})); len(violations) != 1 {
		t.Errorf("a common name that is missing: %+v", violations)
	}
}

// A Certificate may break several rules; all are reported.
func TestViolationsAreAllTold(t *testing.T) {
	rules := resolver.Constraints{
		CA: &resolver.CARule{}, Wildcards: &resolver.WildcardRule{Verdict: resolver.Refuse},
		Durations: &resolver.DurationRule{Ignored: true},
	}
	violations := rules.Violations(resolver.FactsOf(object{"isCA": true, "duration": "1h", "dnsNames": []any{"*.example.com"}}))
	var names []string
	for _, violation := range violations {
		names = append(names, violation.Rule)
	}
	if !slices.Equal(names, []string{"wildcards", "durations", "ca"}) {
		t.Errorf("got %v", names)
	}
}

// Each kind of name that isn't signed is told, so that none comes up only after the other is gone.
func TestEachKindOfNameIsTold(t *testing.T) {
	rules := resolver.Constraints{SANs: &resolver.SANRule{Allowed: []resolver.SANKind{resolver.DNSName}, Max: 2, Verdict: resolver.Refuse}}
	violations := rules.Violations(resolver.FactsOf(object{
		"dnsNames": []any{"shop.example.com"}, "uris": []any{"spiffe://example.com/shop"}, "emailAddresses": []any{"shop@example.com"},
	}))
	var told []string
	for _, v := range violations {
		told = append(told, v.Rule+" "+v.Field+" "+v.Value+" "+string(v.Verdict))
	}
	want := []string{
		"sans uris spiffe://example.com/shop Refuse",
		"sans emailAddresses shop@example.com Refuse",
		"sans dnsNames 3 Refuse",
	}
	if !slices.Equal(told, want) {
		t.Errorf("got %q, want %q", told, want)
	}
}

func TestNamesOfThePublicDNS(t *testing.T) {
	rules := resolver.Constraints{SANs: &resolver.SANRule{Allowed: []resolver.SANKind{resolver.DNSName}, PublicSuffix: true}}
	for name, public := range map[string]bool{
		"shop.example.com": true, "shop.co.uk": true, "*.example.com": true, "shop.github.io": true, "github.io": true,
		"SHOP.EXAMPLE.COM": true, "xn--bcher-kva.xn--p1ai": true,
		"shop": false, "localhost": false, "shop.local": false, "shop.svc.cluster.local": false, "*.shop.internal": false,
		"com": false, "co.uk": false, "*.co.uk": false, "shop.test": false, "shop.corp": false,
	} {
		violations := rules.Violations(resolver.FactsOf(object{"dnsNames": []any{"web.example.com", name}}))
		switch {
		case public && len(violations) > 0:
			t.Errorf("%s: got %+v", name, violations)
		case !public && (len(violations) != 1 || violations[0].Value != name || violations[0].Field != "dnsNames"):
			t.Errorf("%s: want one violation that has the name, got %+v", name, violations)
		}
	}
}

// A violation of a rule about keys or durations names the field as precisely as possible.
func TestWhatBreaksARule(t *testing.T) {
	rules := resolver.Constraints{
		Keys:      &resolver.KeyRule{Allowed: []resolver.Key{{Algorithm: "RSA", Sizes: []int{4096}}}},
		Durations: &resolver.DurationRule{Min: 24 * time.Hour, Max: 48 * time.Hour},
	}
	for name, row := range map[string]struct {
		spec           object
		field, message string
	}{
		"the size":      {object{"privateKey": object{"size": int64(3072)}}, "privateKey.size", "the issuer doesn't sign such a key"},
		"the algorithm": {object{"privateKey": object{"algorithm": "ECDSA"}}, "privateKey.algorithm", "the issuer doesn't sign such a key"},
		"too long":      {object{"duration": "49h", "privateKey": object{"size": int64(4096)}}, "duration", "the issuer doesn't sign for so long"},
		"too short":     {object{"duration": "1h", "privateKey": object{"size": int64(4096)}}, "duration", "the issuer doesn't sign for so short a time"},
	} {
		got := rules.Violations(resolver.FactsOf(row.spec))
		if len(got) != 1 || got[0].Field != row.field || got[0].Message != row.message || got[0].Allowed == "" {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

func TestTheStepThatIsTakenIsTheNearest(t *testing.T) {
	rules := resolver.Constraints{Durations: &resolver.DurationRule{Steps: []time.Duration{time.Hour, 10 * time.Hour}}}
	violation := rules.Violations(resolver.FactsOf(object{"duration": "7h"}))[0]
	if want := "the issuer takes the nearest of the durations it knows, 10h"; violation.Message != want {
		t.Errorf("got %q, want %q", violation.Message, want)
	}
}

func TestAllowedCertificatesAllocateNothing(t *testing.T) {
	known, _ := newRegistry(t, resolver.Defaults{}).Known(resolver.GroupKind{Group: "cert-manager.k8s.cloudflare.com", Kind: "OriginIssuer"})
	facts := resolver.FactsOf(object{"dnsNames": []any{"a.example.com"}, "duration": "168h"})
	seen := resolver.Seen{Ready: resolver.Ready, Variant: 2}
	if n := testing.AllocsPerRun(100, func() { known.Statement(seen).Constraints.Violations(facts) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func noneWithin() resolver.Constraints {
	return resolver.Constraints{SANs: &resolver.SANRule{Allowed: []resolver.SANKind{resolver.DNSName}, NoneWithinWildcards: true}}
}
