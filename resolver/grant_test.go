package resolver_test

import (
	"strings"
	"testing"
	"time"

	"github.com/certshim/certshim/resolver"
)

func grant() resolver.Grant {
	return resolver.Grant{
		Values:      []resolver.ValueField{resolver.ValueUsages, resolver.ValuePrivateKey, resolver.ValueDuration, resolver.ValueRenewBefore},
		MayRefuse:   true,
		Annotations: []string{"pki.corp.example/", "corp.example/profile"},
	}
}

func TestAStatementWithinItsGrant(t *testing.T) {
	s := resolver.Statement{
		Existence: resolver.Exists, Ready: resolver.NotReady, Reason: "CASealed", Message: "the CA is sealed: ask “pki”",
		Constraints: resolver.Constraints{
			SANs:       &resolver.SANRule{Allowed: []resolver.SANKind{resolver.DNSName}, Max: 10, Verdict: resolver.Refuse},
			Wildcards:  &resolver.WildcardRule{Verdict: resolver.Warn},
			CommonName: &resolver.CommonNameRule{Must: resolver.NameMustBeSAN, MaxBytes: 64, Verdict: resolver.Warn},
			Keys:       &resolver.KeyRule{Allowed: []resolver.Key{{Algorithm: "RSA", Sizes: []int{2048, 3072}}, {Algorithm: "Ed25519"}}, Verdict: resolver.Warn},
			Durations:  &resolver.DurationRule{Min: time.Hour, Max: 24 * time.Hour, Steps: []time.Duration{time.Hour, 2 * time.Hour}, Verdict: resolver.Warn},
			Usages:     &resolver.UsageRule{Allowed: resolver.Usages(), Verdict: resolver.Warn},
			CA:         &resolver.CARule{Verdict: resolver.Refuse},
		},
		Values: resolver.Values{
			Usages: []string{"server auth"}, Duration: time.Hour, RenewBefore: time.Minute,
			PrivateKey: resolver.PrivateKey{Key: resolver.Key{Algorithm: "ECDSA", Sizes: []int{256}}, RotationPolicy: resolver.RotateNever},
		},
		CopyAnnotations: []string{"pki.corp.example/profile", "corp.example/profile"},
		Namespaces:      []string{"shop"},
		TTL:             10 * time.Second,
	}
	if err := s.Check(grant()); err != nil {
		t.Errorf("refused: %v", err)
	}
	if err := (resolver.Statement{}).Check(resolver.Grant{}); err != nil {
		t.Errorf("the empty statement is refused: %v", err)
	}
	silent := resolver.Constraints{CA: &resolver.CARule{}, CommonName: &resolver.CommonNameRule{MaxBytes: 64}}
	if err := (resolver.Statement{Constraints: silent}).Check(resolver.Grant{}); err != nil {
		t.Errorf("rules that leave out what has a default are refused: %v", err)
	}
}

func TestAStatementIsRefused(t *testing.T) {
	constraints := func(c resolver.Constraints) resolver.Statement { return resolver.Statement{Constraints: c} }
	values := func(v resolver.Values) resolver.Statement { return resolver.Statement{Values: v} }
	for name, c := range map[string]struct {
		statement resolver.Statement
		want      string
	}{
		"existence":          {resolver.Statement{Existence: "Perhaps"}, "existence"},
		"readiness":          {resolver.Statement{Ready: "yes"}, "readiness"},
		"reason":             {resolver.Statement{Reason: "not ready"}, "CamelCase"},
		"reason, long":       {resolver.Statement{Reason: strings.Repeat("A", 65)}, "CamelCase"},
		"message, long":      {resolver.Statement{Message: strings.Repeat("a", 513)}, "513 bytes"},
		"message, encoding":  {resolver.Statement{Message: "\xff"}, "UTF-8"},
		"message, control":   {resolver.Statement{Message: "a\nb"}, "control"},
		"message, direction": {resolver.Statement{Message: "a\u202eb"}, "bidirectional"},
		"message, PEM":       {resolver.Statement{Message: "-----BEGIN EC PRIVATE KEY-----"}, "secret"},
		"message, password":  {resolver.Statement{Message: "login failed: Password=x"}, "secret"},
		"message, token":     {resolver.Statement{Message: "401 for eyJhbGciOiJIUzI1NiIsInR5cCI6"}, "secret"},
		"ttl, short":         {resolver.Statement{TTL: time.Second}, "holds for"},
		"ttl, long":          {resolver.Statement{TTL: 2 * time.Hour}, "holds for"},
		"ttl, negative":      {resolver.Statement{TTL: -time.Minute}, "holds for"},
		"namespaces, many":   {resolver.Statement{Namespaces: make([]string, 101)}, "101 namespaces"},
		"namespace":          {resolver.Statement{Namespaces: []string{"a/b"}}, "no namespace"},
		"value not granted":  {values(resolver.Values{CommonName: true}), "commonName, which is not granted"},
		"value, usage":       {values(resolver.Values{Usages: []string{"serverAuth"}}), `values.usages[0]: "serverAuth" isn't known, did you mean "server auth"?`},
		"value, duration":    {values(resolver.Values{Duration: -1}), "negative"},
		"value, renewal":     {values(resolver.Values{Duration: time.Hour, RenewBefore: time.Hour}), "not less"},
		"value, key sizes":   {values(resolver.Values{PrivateKey: resolver.PrivateKey{Key: resolver.Key{Algorithm: "RSA", Sizes: []int{2048, 4096}}}}), "several sizes"},
		"value, key":         {values(resolver.Values{PrivateKey: resolver.PrivateKey{Key: resolver.Key{Algorithm: "DSA"}}}), "algorithm"},
		"value, sizes alone": {values(resolver.Values{PrivateKey: resolver.PrivateKey{Key: resolver.Key{Sizes: []int{2048}}}}), "algorithm"},
		"value, rotation":    {values(resolver.Values{PrivateKey: resolver.PrivateKey{RotationPolicy: "never"}}), `values.privateKey.rotationPolicy: "never" is none of Never, Always`},
		"copies a strange":   {resolver.Statement{CopyAnnotations: []string{"other.example/x"}}, "not granted"},
		"copies the prefix":  {resolver.Statement{CopyAnnotations: []string{"pki.corp.example/"}}, "not granted"},
		"copies ours":        {resolver.Statement{CopyAnnotations: []string{"acme.cert-manager.io/http01-edit-in-place"}}, "never copied"},
		"copies kubernetes":  {resolver.Statement{CopyAnnotations: []string{"kubernetes.io/tls-acme"}}, "never copied"},
		"copies, no domain":  {resolver.Statement{CopyAnnotations: []string{"profile"}}, "no domain"},
		"copies, many":       {resolver.Statement{CopyAnnotations: make([]string, 33)}, "33 annotations"},
		"verdict":            {constraints(resolver.Constraints{CA: &resolver.CARule{Verdict: "warn"}}), `constraints.ca.verdict: "warn" is none of Warn, Refuse`},
		"names":              {constraints(resolver.Constraints{SANs: &resolver.SANRule{Allowed: []resolver.SANKind{"X"}}}), `constraints.sans.allowed[0]: "X" is none of DNS, IP`},
		"common name":        {constraints(resolver.Constraints{CommonName: &resolver.CommonNameRule{Must: "Be"}}), `constraints.commonName.must: "Be" is none of Optional`},
		"key":                {constraints(resolver.Constraints{Keys: &resolver.KeyRule{Allowed: []resolver.Key{{Algorithm: "ECDSA", Sizes: []int{512}}}, Verdict: resolver.Warn}}), "no size"},
		"durations crossed":  {constraints(resolver.Constraints{Durations: &resolver.DurationRule{Min: 2, Max: 1, Verdict: resolver.Warn}}), "more than the longest"},
		"durations fall":     {constraints(resolver.Constraints{Durations: &resolver.DurationRule{Steps: []time.Duration{2, 1}, Verdict: resolver.Warn}}), "ascend"},
		"usages, two minds":  {constraints(resolver.Constraints{Usages: &resolver.UsageRule{Honoured: true, Ignored: true}}), "constraints.usages.ignored: usages that are ignored aren't honoured"},
		"usages, always":     {constraints(resolver.Constraints{Usages: &resolver.UsageRule{Always: []string{"x"}}}), `constraints.usages.always[0]: "x" is none of signing`},
		"rotation policy":    {constraints(resolver.Constraints{RotationPolicy: &resolver.RotationRule{}}), `constraints.rotationPolicy.must: "" is none of Never, Always`},
		"secret, refused":    {constraints(resolver.Constraints{Secret: &resolver.SecretRule{MustExist: true, Verdict: resolver.Refuse}}), "constraints.secret.verdict: it refuses, which it can't: certshim reads no Secrets"},
		"usage":              {constraints(resolver.Constraints{Usages: &resolver.UsageRule{Allowed: []string{"x"}, Verdict: resolver.Warn}}), `constraints.usages.allowed[0]: "x" is none of signing`},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.statement.Check(grant())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestRefusingNeedsAGrant(t *testing.T) {
	s := resolver.Statement{Constraints: resolver.Constraints{Wildcards: &resolver.WildcardRule{Verdict: resolver.Refuse}}}
	if err := s.Check(resolver.Grant{}); err == nil || !strings.Contains(err.Error(), "constraints.wildcards.verdict: it refuses, which is not granted") {
		t.Errorf("got %v", err)
	}
}
