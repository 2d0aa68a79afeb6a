package certshim_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

func TestAllowedNames(t *testing.T) {
	hosts := certshim.Rule{AllowedHosts: []string{"example.com", "192.0.2.1"}}
	uris := certshim.Rule{AllowedURIs: []string{"spiffe://cluster.local/ns/shop/", "urn:example:shop", "https://Example.com"}}
	emails := certshim.Rule{AllowedEmails: []string{"web@example.com", "mail.example.com"}}
	for _, row := range []struct {
		rule       certshim.Rule
		key, value string
		allowed    bool
	}{
		{hosts, "common-name", "shop.example.com", true},
		{hosts, "common-name", "example.org", false},
		{hosts, "common-name", "*.example.com", true},
		{hosts, "common-name", "192.0.2.1", true},
		{hosts, "common-name", "Shop", false},
		{hosts, "common-name", "system:admin/.example.com", false},
		{hosts, "common-name", "root of x.example.com", false},
		{hosts, "common-name", "root@example.com", true},
		{hosts, "common-name", "root@example.org", false},
		{hosts, "common-name", "spiffe://example.com/x", true},
		{hosts, "common-name", "spiffe://example.org/.example.com", false},
		{hosts, "ip-sans", "192.0.2.1", true},
		{hosts, "ip-sans", "192.0.2.2", false},
		{hosts, "uri-sans", "spiffe://example.com/ns/shop", true},
		{hosts, "uri-sans", "https://a.EXAMPLE.com:8443/", true},
		{hosts, "uri-sans", "spiffe://192.0.2.1/x", true},
		{hosts, "uri-sans", "spiffe://cluster.local/ns/payments/sa/admin", false},
		{hosts, "uri-sans", "https://example.com@example.org/", false},
		{hosts, "uri-sans", "https://x.org/.example.com", false},
		{hosts, "uri-sans", "urn:example.com", false},
		{hosts, "uri-sans", "spiffe:/example.com", false},
		{hosts, "uri-sans", "spiffe://*.example.com/x", false},
		{hosts, "email-sans", "root@example.com", true},
		{hosts, "email-sans", "root@Mail.Example.com", true},
		{hosts, "email-sans", "root@bank.example", false},

		{uris, "uri-sans", "spiffe://cluster.local/ns/shop", true},
		{uris, "uri-sans", "SPIFFE://Cluster.Local/ns/shop/sa/web", true},
		{uris, "uri-sans", "spiffe://cluster.local/ns/shop2", false},
		{uris, "uri-sans", "spiffe://cluster.local/ns/payments/sa/admin", false},
		{uris, "uri-sans", "spiffe://cluster.local/ns/shop/../payments", false},
		{uris, "uri-sans", "spiffe://cluster.local/ns/shop/%2e%2e/payments", false},
		{uris, "uri-sans", "spiffe://cluster.local/ns/shop/..%2fpayments", false},
		{uris, "uri-sans", "spiffe://cluster.local/ns/shop/x%5c..%5c..%5cpayments", false},
		{uris, "uri-sans", "spiffe://web@cluster.local/ns/shop", false},
		{uris, "uri-sans", "urn:example:shop:web", true},
		{uris, "uri-sans", "urn:example:shopping", false},
		{uris, "uri-sans", "https://example.com", true},
		{uris, "uri-sans", "https://example.com/a?b#c", true},
		{uris, "uri-sans", "https://example.com:8443/", false},
		{uris, "uri-sans", "https://a.example.com/", false},
		{uris, "common-name", "spiffe://cluster.local/ns/payments", false},
		{uris, "common-name", "Shop", true},
		{uris, "email-sans", "root@bank.example", true},

		{emails, "email-sans", "web@example.com", true},
		{emails, "email-sans", "web@EXAMPLE.com", true},
		{emails, "email-sans", "Web@example.com", false},
		{emails, "email-sans", "root@example.com", false},
		{emails, "email-sans", "root@mail.example.com", true},
		{emails, "email-sans", "root@a.mail.example.com", true},
		{emails, "email-sans", "root@xmail.example.com", false},
		{emails, "common-name", "root@example.com", false},
		{emails, "uri-sans", "spiffe://cluster.local/x", true},

		{certshim.Rule{AllowedHosts: []string{"example.com"}, AllowedURIs: []string{}}, "uri-sans", "spiffe://example.com/x", false},
		{certshim.Rule{AllowedHosts: []string{"example.com"}, AllowedEmails: []string{}}, "email-sans", "a@example.com", false},
		{certshim.Rule{AllowedHosts: []string{"example.com"}, AllowedURIs: []string{"urn:shop"}}, "uri-sans", "urn:shop", true},
	} {
		t.Run(row.key+" "+row.value, func(t *testing.T) {
			policy := shippedPolicy(t)
			row.rule.Name = "tenant"
			policy.Rules = []certshim.Rule{row.rule}
			outcome := newCluster(t, policy).ask(also(ingressWith(issuerKeys("", "ca", "", "")), row.key, row.value))
			allowed := action(t, outcome) == certificate.Create
			if allowed != row.allowed {
				t.Fatalf("%s: %v", action(t, outcome), outcome.Problems.All())
			}
			if !allowed {
				if p := oneProblem(t, outcome); p.Reason != problem.HostNotAllowed || p.Value != row.value || p.Key != "cert-manager.io/"+row.key {
					t.Errorf("got %+v", p)
				}
			}
		})
	}
}

// No URI is let through whose host, as the standard library reads it, isn't under what is
// allowed, and none below an allowed one that isn't there once its path is cleaned.
func FuzzAllowedURIs(f *testing.F) {
	for _, seed := range []string{"spiffe://example.com/ns/shop/x", "spiffe://example.com/ns/shop/../x", "https://a@b/", "urn:x", "spiffe://example.com/ns/shop/%2e%2e/x"} {
		f.Add(seed)
	}
	policy := shippedPolicy(f)
	f.Fuzz(func(t *testing.T, uri string) {
		if strings.ContainsAny(uri, ",\"\\") {
			t.Skip("a list")
		}
		made := func(rule certshim.Rule) bool {
			rule.Name = "tenant"
			p := *policy
			p.Rules = []certshim.Rule{rule}
			outcome := newCluster(t, &p).ask(also(ingressWith(issuerKeys("", "ca", "", "")), "uri-sans", uri))
			spec, _ := outcome.Certificates[0].Config["spec"].(map[string]any)
			return action(t, outcome) == certificate.Create && spec["uris"] != nil
		}
		parsed, err := url.Parse(strings.TrimSpace(uri))
		host := ""
		if err == nil {
			host = strings.ToLower(parsed.Hostname())
		}
		if made(certshim.Rule{AllowedHosts: []string{"example.com"}}) && host != "example.com" && !strings.HasSuffix(host, ".example.com") {
			t.Errorf("by its host: %q", uri)
		}
		if made(certshim.Rule{AllowedURIs: []string{"spiffe://example.com/ns/shop"}}) {
			clean := parsed.JoinPath()
			if host != "example.com" || parsed.User != nil || clean.Path != "/ns/shop" && !strings.HasPrefix(clean.Path, "/ns/shop/") {
				t.Errorf("as a URI: %q", uri)
			}
		}
	})
}

// A foreign host takes an object out of a policy, and not out of its limits.
func TestAForeignHostIsJudgedByAllPoliciesItTouches(t *testing.T) {
	ca := resolver.Ref{Group: "cert-manager.io", Kind: "ClusterIssuer", Name: "ca"}
	pay := certshim.Rule{Name: "pay", HostSuffixes: []string{"pay.example.com"}, AllowedIssuers: []resolver.Ref{ca}, AllowedHosts: []string{"pay.example.com"}}
	last := certshim.Rule{Name: "last"}
	object := func(issuer string, hosts ...string) outcomeFunc {
		return func(c *cluster) certshim.Outcome { return c.ask(ingressWith(issuerKeys("", issuer, "", ""), hosts...)) }
	}
	for name, row := range map[string]struct {
		rules  []certshim.Rule
		ask    outcomeFunc
		want   certificate.Action
		reason problem.Reason
	}{
		"its hosts alone":     {[]certshim.Rule{pay, last}, object("ca", "a.pay.example.com"), certificate.Create, ""},
		"no host of it":       {[]certshim.Rule{pay, last}, object("other", "shop.example.com"), certificate.Create, ""},
		"a foreign host":      {[]certshim.Rule{pay, last}, object("ca", "a.pay.example.com", "shop.example.com"), certificate.Refuse, problem.HostNotAllowed},
		"and another issuer":  {[]certshim.Rule{{Name: "pay", HostSuffixes: pay.HostSuffixes, AllowedIssuers: pay.AllowedIssuers}}, object("other", "a.pay.example.com", "shop.example.com"), certificate.Refuse, problem.IssuerNotAllowed},
		"a rule that is past": {[]certshim.Rule{last, pay}, object("other", "a.pay.example.com", "shop.example.com"), certificate.Create, ""},
		"another namespace": {[]certshim.Rule{{Name: "pay", Namespaces: []string{"a"}, HostSuffixes: pay.HostSuffixes, AllowedHosts: pay.AllowedHosts}},
			object("ca", "a.pay.example.com", "shop.example.com"), certificate.Create, ""},
		"by its common name": {[]certshim.Rule{pay, last}, func(c *cluster) certshim.Outcome {
			return c.ask(also(ingressWith(issuerKeys("", "ca", "", ""), "shop.example.com"), "common-name", "pay.example.com"))
		}, certificate.Refuse, problem.HostNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			policy := shippedPolicy(t)
			policy.Rules = row.rules
			outcome := row.ask(newCluster(t, policy))
			if action(t, outcome) != row.want {
				t.Errorf("%s: %v", action(t, outcome), outcome.Problems.All())
			}
			if row.reason != "" && oneProblem(t, outcome).Reason != row.reason {
				t.Errorf("got %v", outcome.Problems.All())
			}
			if outcome.Policy == "pay" && name != "its hosts alone" {
				t.Error("the policy matches")
			}
		})
	}
}

type outcomeFunc func(*cluster) certshim.Outcome

// A name that is forbidden now, and stays because an entry can't be read, isn't signed anew.
func TestAForbiddenNameThatIsKept(t *testing.T) {
	c := newCluster(t, shippedPolicy(t))
	keys := issuerKeys("", "ca", "", "")
	live := stored(t, c.ask(ingressWith(keys, "a.example.com", "b.example.org")).Certificates[0].Config)
	c.store(live)
	policy := shippedPolicy(t)
	policy.Rules = []certshim.Rule{{Name: "tenant", AllowedHosts: []string{"example.com"}}}
	c.SetPolicy(policy)
	broken := func(hosts ...string) certshim.Outcome {
		return c.decide(c.put(ingressWith(keys, append(hosts, "no host")...)), live)
	}
	if outcome := broken("a.example.com", "c.example.com"); outcome.Certificates[0].Action != certificate.Keep ||
		outcome.Certificates[0].Reason.Cause != certificate.CauseKeptForbidden {
		t.Errorf("got %+v", outcome.Certificates[0])
	}
	if outcome := c.ask(ingressWith(keys, "a.example.com", "c.example.com")); action(t, outcome) != certificate.Apply {
		t.Errorf("once it can be read: %s, %v", action(t, outcome), outcome.Problems.All())
	}
}

// The issuer that would sign is judged, whichever is named: by the operator's policy, and by what a
// plugin says of it.
func TestTheIssuerThatSignsIsJudged(t *testing.T) {
	ref := func(name string) resolver.Ref {
		return resolver.Ref{Group: "cert-manager.io", Kind: "ClusterIssuer", Name: name}
	}
	allowing := func(refs ...resolver.Ref) func(*cluster) {
		return func(c *cluster) {
			policy := shippedPolicy(t)
			policy.Rules = []certshim.Rule{{Name: "tenant", AllowedIssuers: refs}}
			c.SetPolicy(policy)
		}
	}
	infra := there(resolver.Ready)
	infra.Namespaces = []string{"infra"}
	for name, row := range map[string]struct {
		before func(*cluster)
		named  string
		want   certificate.Action
	}{
		"the present one is allowed":             {allowing(ref("old"), ref("new")), "new", certificate.Apply},
		"the present one isn't allowed":          {allowing(ref("new")), "new", certificate.Keep},
		"the one that is named isn't allowed":    {allowing(ref("old")), "new", certificate.Keep},
		"it is named and not allowed":            {allowing(ref("new")), "old", certificate.Keep},
		"the present one is for another":         {func(c *cluster) { c.say(clusterIssuer("old"), infra) }, "new", certificate.Keep},
		"the one that is named is for another":   {func(c *cluster) { c.issuer(clusterIssuer("new"), "True"); c.say(clusterIssuer("new"), infra) }, "new", certificate.Keep},
		"the present one is missing, not judged": {func(c *cluster) { allowing(ref("new"))(c); c.dropIssuer(clusterIssuer("old")) }, "new", certificate.Apply},
		"the one that is named is there":         {func(c *cluster) { allowing(ref("new"))(c); c.issuer(clusterIssuer("new"), "True") }, "new", certificate.Apply},
	} {
		t.Run(name, func(t *testing.T) {
			c := newIssued(t, shippedPolicy(t), clusterIssuer("old"))
			c.carryOut(c.ask(ingressWith(issuerKeys("", "old", "", ""))))
			row.before(c)
			outcome := c.ask(ingressWith(issuerKeys("", row.named, "", ""), "shop.example.com", "www.example.com"))
			if got := action(t, outcome); got != row.want {
				t.Fatalf("%s: %v", got, outcome.Problems.All())
			}
			told := slices.ContainsFunc(outcome.Problems.All(), func(p problem.Problem) bool { return p.Reason == problem.IssuerNotAllowed })
			if told != (row.want == certificate.Keep) {
				t.Errorf("problems %v", outcome.Problems.All())
			}
		})
	}
}

// An issuer that somebody else applies stays, and is judged before it gets another name to sign.
func TestAnIssuerThatOthersApplyIsJudged(t *testing.T) {
	c := newCluster(t, shippedPolicy(t))
	keys := issuerKeys("", "ca", "", "")
	live := stored(t, c.ask(ingressWith(keys)).Certificates[0].Config)
	entries := live["metadata"].(map[string]any)["managedFields"].([]any)
	ours := entries[0].(map[string]any)["fieldsV1"].(map[string]any)["f:spec"].(map[string]any)
	live["metadata"].(map[string]any)["managedFields"] = append(entries, map[string]any{
		"manager": "gitops", "operation": "Apply", "apiVersion": "cert-manager.io/v1", "fieldsType": "FieldsV1", "time": "2026-01-01T11:00:00Z",
		"fieldsV1": map[string]any{"f:spec": map[string]any{"f:issuerRef": ours["f:issuerRef"]}},
	})
	delete(ours, "f:issuerRef")
	live["spec"].(map[string]any)["issuerRef"].(map[string]any)["name"] = "theirs"
	c.store(live)
	policy := shippedPolicy(t)
	policy.Rules = []certshim.Rule{{Name: "tenant", AllowedIssuers: []resolver.Ref{{Group: "cert-manager.io", Kind: "ClusterIssuer", Name: "ca"}}}}
	for _, row := range []struct {
		policy *certshim.Policy
		want   certificate.Action
	}{{shippedPolicy(t), certificate.Apply}, {policy, certificate.Keep}} {
		c.SetPolicy(row.policy)
		outcome := c.decide(c.put(ingressWith(keys, "shop.example.com", "www.example.com")), live)
		if outcome.Certificates[0].Action != row.want {
			t.Errorf("want %s, got %+v", row.want, outcome.Certificates[0])
		}
	}
}

// Whoever is refused a name reads what kind of name it is, and which would be allowed.
func TestARefusedNameSaysWhatIsAllowed(t *testing.T) {
	for _, row := range []struct {
		rule          certshim.Rule
		key, value    string
		allowed, what string
	}{
		{certshim.Rule{AllowedURIs: []string{"urn:a", "urn:b"}}, "uri-sans", "urn:c", "urn:a, urn:b", "URI"},
		{certshim.Rule{AllowedURIs: []string{}}, "uri-sans", "urn:c", "none", "URI"},
		{certshim.Rule{AllowedEmails: []string{"mail.example.com"}}, "email-sans", "a@example.com", "mail.example.com", "e-mail address"},
		{certshim.Rule{AllowedHosts: []string{"example.com"}}, "common-name", "shop.example.org", "example.com", "common name"},
		{certshim.Rule{AllowedHosts: []string{"example.com"}}, "alt-names", "shop.example.org", "example.com", "host"},
	} {
		policy := shippedPolicy(t)
		row.rule.Name = "tenant"
		policy.Rules = []certshim.Rule{row.rule}
		p := oneProblem(t, newCluster(t, policy).ask(also(ingressWith(issuerKeys("", "ca", "", "")), row.key, row.value)))
		if want := "the policy tenant doesn't allow this " + row.what + " here"; p.Message != want || p.Allowed != row.allowed {
			t.Errorf("%s: got %q, allowed %q; want %q, allowed %q", row.value, p.Message, p.Allowed, want, row.allowed)
		}
	}
}

// A common name that stays, because its annotation can't be read, is judged as the other names are.
func TestAForbiddenCommonNameThatIsKept(t *testing.T) {
	c := newCluster(t, shippedPolicy(t))
	keys := issuerKeys("", "ca", "", "")
	live := stored(t, c.ask(also(ingressWith(keys, "a.example.com"), "common-name", "b.example.org")).Certificates[0].Config)
	c.store(live)
	policy := shippedPolicy(t)
	policy.Rules = []certshim.Rule{{Name: "tenant", AllowedHosts: []string{"example.com"}}}
	c.SetPolicy(policy)
	tooLong := strings.Repeat("x", 65)
	outcome := c.decide(c.put(also(ingressWith(keys, "a.example.com", "c.example.com"), "common-name", tooLong)), live)
	if d := outcome.Certificates[0]; d.Action != certificate.Keep || d.Reason.Cause != certificate.CauseKeptForbidden {
		t.Errorf("got %s %q, %v", d.Action, d.Reason, outcome.Problems.All())
	}
}
