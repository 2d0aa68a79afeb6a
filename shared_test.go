package certshim_test

import (
	"testing"

	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/resolver"
)

// What is said of the second source of a Secret goes by what the first asks for, before there is
// a Certificate and after. The second is told anew when that changes.
func TestTheSecondSourceOfASecret(t *testing.T) {
	const (
		ca     = "cert-manager.io/issuer: ca"
		comes  = `Ingress first comes first for Secret web-tls; `
		behind = ` (value "web-tls")`
		shared = "info SecretShared spec.tls[0]: " + comes + "its certificate has all names of this object, from the same issuer" + behind
		lacks  = "error SecretTaken spec.tls[0]: " + comes + "its certificate lacks "
	)
	ingress := func(name, day, annotations, hosts string) string {
		return "{kind: Ingress, metadata: {name: " + name + ", uid: uid-" + name + ", creationTimestamp: '2026-01-0" + day + "T00:00:00Z', annotations: {" + annotations + "}}, " +
			"spec: {tls: [{hosts: [" + hosts + "], secretName: web-tls}]}}"
	}
	for name, tt := range map[string]struct {
		// annotations and hosts of the second source; the first asks for a and b of ca.
		annotations, hosts string
		want               []string
	}{
		"the same":                   {ca, "a.example.com, b.example.com", []string{shared}},
		"less":                       {ca, "b.example.com", []string{shared}},
		"another host":               {ca, "a.example.com, c.example.com", []string{lacks + "c.example.com" + behind}},
		"many other hosts":           {ca, "c1.x, c2.x, c3.x, c4.x, c5.x, c6.x, c7.x", []string{lacks + "c1.x, c2.x, c3.x, c4.x, c5.x and 2 more" + behind}},
		"under its wildcard":         {ca, "www.w.example.com", []string{shared}},
		"two labels under it":        {ca, "a.b.w.example.com", []string{lacks + "a.b.w.example.com" + behind}},
		"the domain of its wildcard": {ca, "w.example.com", []string{lacks + "w.example.com" + behind}},
		"a wildcard above its names": {ca, "'*.example.com'", []string{lacks + "*.example.com" + behind}},
		"a name in another spelling": {ca + ", cert-manager.io/alt-names: 'B.Example.com', cert-manager.io/ip-sans: '::ffff:192.0.2.1'", "a.example.com", []string{shared}},
		"another address":            {ca + ", cert-manager.io/ip-sans: 192.0.2.2", "a.example.com", []string{lacks + "192.0.2.2" + behind}},
		"a common name of its own":   {ca + ", cert-manager.io/common-name: Shop", "a.example.com", []string{shared}},
		"another issuer":             {"cert-manager.io/cluster-issuer: le", "a.example.com", []string{"warning SecretTaken spec.tls[0]: " + comes + "its certificate is of Issuer ca, not of ClusterIssuer le" + behind}},
		"another issuer and host":    {"cert-manager.io/cluster-issuer: le", "c.example.com", []string{lacks + "c.example.com" + behind, "warning SecretTaken spec.tls[0]: " + comes + "its certificate is of Issuer ca, not of ClusterIssuer le" + behind}},
		"a host that can't be read": {ca, "a.example.com, A.example.com", []string{
			`error BadConfig spec.tls[0].hosts[1]: the host has upper-case letters, which the API server refuses (value "A.example.com"); allowed: an IP address, or a DNS name that may begin with *.; did you mean "a.example.com"?`,
			"warning SecretTaken spec.tls[0]: " + comes + "some names here can't be read, so it isn't known whether its certificate has them all" + behind,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, newPolicy(t))
			first := c.add(ingress("first", "1", ca+", cert-manager.io/ip-sans: 192.0.2.1", "a.example.com, b.example.com, '*.w.example.com'"))
			second := c.add(ingress("second", "2", tt.annotations, tt.hosts))
			compare(t, append([]string{"refuse web-tls: other-source-first(Ingress first, web-tls)"}, tt.want...), c.decide(second))
			c.carryOut(c.decide(first))
			compare(t, append([]string{"refuse web-tls: other-owner(web-tls, Ingress first)"}, tt.want...), c.decide(second))
		})
	}
	for name, made := range map[string]bool{"before there is a Certificate": false, "with a Certificate": true} {
		t.Run("the first changes, "+name, func(t *testing.T) {
			c := newCluster(t, newPolicy(t))
			first := c.add(ingress("first", "1", ca, "a.example.com"))
			second := c.add(ingress("second", "2", ca, "c.example.com"))
			if out := c.decide(first); made {
				c.carryOut(out)
			}
			c.decide(second)
			for _, step := range []struct {
				first string
				wakes bool
				want  string
			}{
				{ingress("first", "1", ca+", cert-manager.io/duration: 24h", "a.example.com"), false, lacks + "c.example.com" + behind},
				{ingress("first", "1", ca, "a.example.com, c.example.com"), true, shared},
				{ingress("first", "1", ca, "c.example.com"), true, shared},
				{ingress("first", "1", "cert-manager.io/issuer: other", "c.example.com"), true, "warning SecretTaken spec.tls[0]: " + comes + "its certificate is of Issuer other, not of Issuer ca" + behind},
			} {
				c.woken()
				c.add(step.first)
				c.decide(first)
				wokenBy(t, c, second, step.wakes)
				out := lines(c.decide(second))
				if got := out[len(out)-1]; got != step.want {
					t.Errorf("%s\ngot  %s\nwant %s", step.first, got, step.want)
				}
			}
		})
	}
}

// wokenBy says whether a source was woken.
func wokenBy(t *testing.T, c *cluster, key inventory.Key, want bool) {
	t.Helper()
	woken := false
	for _, name := range c.woken() {
		woken = woken || name == key.Name()
	}
	if woken != want {
		t.Errorf("woken %v, want %v", woken, want)
	}
}

// Two entries of one source on one Secret are one Certificate with the hosts of both, and no
// problem.
func TestTwoEntriesOfOneSource(t *testing.T) {
	for _, manifest := range []string{
		"{kind: Ingress, metadata: {name: web, annotations: {cert-manager.io/issuer: ca}}, spec: {tls: [{hosts: [a.example.com], secretName: s}, {hosts: [a.example.com, b.example.com], secretName: s}]}}",
		"{kind: Gateway, metadata: {name: web, annotations: {cert-manager.io/issuer: ca}}, spec: {listeners: [" +
			"{name: a, protocol: HTTPS, hostname: a.example.com, tls: {certificateRefs: [{name: s}]}}, " +
			"{name: b, protocol: HTTPS, hostname: b.example.com, tls: {certificateRefs: [{name: s}]}}]}}",
	} {
		c := newCluster(t, newPolicy(t))
		compare(t, []string{"create s: new"}, c.decide(c.add(manifest)))
	}
}

// Of an annotation that is wrong for one of several Certificates it is told for which.
func TestAProblemNamesTheCertificateThatItIsAbout(t *testing.T) {
	c := newCluster(t, newPolicy(t))
	c.say(issuerHere("acme"), limited(resolver.Constraints{CommonName: &resolver.CommonNameRule{Must: resolver.NameMustBeSAN, Verdict: resolver.Refuse}}))
	key := c.add("{kind: Ingress, metadata: {name: web, annotations: {cert-manager.io/issuer: acme, cert-manager.io/common-name: A.example.com}}, " +
		"spec: {tls: [{hosts: [a.example.com], secretName: a-tls}, {hosts: [b.example.com], secretName: b-tls}]}}")
	out := c.decide(key)
	compare(t, []string{
		"create a-tls: new",
		"refuse b-tls: issuer-refuses(the issuer takes a common name only if it is one of the DNS names or IP addresses, too)",
		`error IssuerCannotIssue cert-manager.io/common-name (Certificate b-tls): the issuer takes a common name only if it is one of the DNS names or IP addresses, too (value "A.example.com"); allowed: one of the names`,
	}, out)
	if got := out.Problems.All()[0].Certificate; got != "b-tls" {
		t.Errorf("the problem is about %q", got)
	}
	if got := out.Certificates[0].Config["spec"].(map[string]any)["commonName"]; got != "a.example.com" {
		t.Errorf("the common name of a-tls is %v", got)
	}
}
