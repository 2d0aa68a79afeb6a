package certshim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// shared adds n Ingresses web-0, web-1 and so on that name one Secret, the youngest last.
func shared(c *cluster, n int, annotations string) inventory.Key {
	c.t.Helper()
	var last inventory.Key
	for i := range n {
		created := time.Date(2026, 1, 1, 0, 0, i, 0, time.UTC).Format(time.RFC3339)
		last = c.add(fmt.Sprintf("{kind: Ingress, metadata: {name: web-%d, creationTimestamp: '%s', annotations: {%s}}, "+
			"spec: {tls: [{hosts: [a.example.com], secretName: web-tls}]}}", i, created, annotations))
	}
	return last
}

// While it can't be known whether a Certificate is there, nothing is written or deleted.
func TestCertificatesThatCantBeReadAreLeftAlone(t *testing.T) {
	for _, unknown := range []inventory.Knowledge{inventory.Unread, inventory.Unreadable} {
		c := newCluster(t, newPolicy(t))
		web := c.add(ingress("cert-manager.io/issuer: ca", webTLS))
		c.store(foreign("old", "old", ownedBy(web)))
		c.Know(inventory.CertificateKind(), unknown)
		compare(t, []string{"wait web-tls: certificate-unread"}, c.decide(web))
		c.woken()
		c.wake(c.Know(inventory.CertificateKind(), inventory.Whole))
		if woken := c.woken(); !slices.Equal(woken, []string{"web"}) {
			t.Errorf("once they are known, woken are %v", woken)
		}
		compare(t, []string{"create web-tls: new", "delete old: no-longer-named"}, c.decide(web))
	}
}

// A Gateway that can't be read isn't one that isn't there: what exists stays, what is new waits.
func TestAGatewayThatCantBeRead(t *testing.T) {
	const unread = "Gateway shop/edge can't be read"
	set := func(annotations string) string {
		return "{kind: ListenerSet, metadata: {name: web, annotations: {" + annotations + "}}, spec: {parentRef: {name: edge}, " +
			"listeners: [{name: a, protocol: HTTPS, hostname: a.example.com, tls: {certificateRefs: [{name: web-tls}]}}]}}"
	}
	for name, row := range map[string]struct {
		annotations string
		there       bool
		want        []string
	}{
		"new":                       {"cert-manager.io/issuer: ca", false, []string{"wait web-tls: parent-unread(Gateway shop/edge)", "warning ParentNotFound spec.parentRef: " + unread}},
		"there":                     {"cert-manager.io/issuer: ca", true, []string{"keep web-tls: parent-unread(Gateway shop/edge)", "keep gone: parent-unread(Gateway shop/edge)", "warning ParentNotFound spec.parentRef: " + unread}},
		"the issuer may be its own": {"", false, []string{"wait web-tls: parent-unread(Gateway shop/edge)"}},
		"ignored":                   {`certshim.io/ignore: "true"`, false, []string{"ignored: ignored"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, newPolicy(t))
			c.Know(resolver.GroupKind{Group: source.GatewayGroup, Kind: source.GatewayKind}, inventory.Unreadable)
			web := c.add(set(row.annotations))
			if row.there {
				c.store(foreign("web-tls", "web-tls", ownedBy(web)))
				c.store(foreign("gone", "gone", ownedBy(web)))
			}
			compare(t, row.want, c.decide(web))
		})
	}
}

// A source may be seen before its own Namespace is: that is no news.
func TestAnOwnNamespaceThatIsNotThereYet(t *testing.T) {
	known := map[inventory.Knowledge]int{inventory.Whole: 0, inventory.Unread: 1, inventory.Unreadable: 1}
	for knowledge, told := range known {
		c := newCluster(t, newPolicy(t))
		c.Know(inventory.NamespaceKind(), knowledge)
		c.add("{kind: Gateway, metadata: {name: edge, namespace: infra}, spec: {allowedListeners: {namespaces: {from: Selector, selector: {matchLabels: {a: b}}}}, listeners: []}}")
		set := c.add("{kind: ListenerSet, metadata: {name: web, annotations: {cert-manager.io/issuer: ca}}, spec: {parentRef: {name: edge, namespace: infra}, " +
			"listeners: [{name: a, protocol: HTTPS, hostname: a.example.com, tls: {certificateRefs: [{name: web-tls}]}}]}}")
		out := c.decide(set)
		if action(t, out) != certificate.Wait || len(out.Problems.All()) != told {
			t.Errorf("a ListenerSet, and of the Namespaces is known %d: %v", knowledge, lines(out))
		}
		for name, policy := range map[string]*certshim.Policy{
			"its annotations": newPolicy(t, func(p *certshim.Policy) { p.NamespaceDefaults = true }),
			"its labels":      newPolicy(t, func(p *certshim.Policy) { p.Rules = []certshim.Rule{{Name: "r", Selector: selector(t, "a=b")}} }),
		} {
			c := newCluster(t, policy)
			c.Know(inventory.NamespaceKind(), knowledge)
			if out := c.ask(auto()); action(t, out) != certificate.Wait || !out.Problems.Empty() {
				t.Errorf("by %s, and of the Namespaces is known %d: %v", name, knowledge, lines(out))
			}
		}
	}
}

// In a plan without the Namespace, a Gateway that goes by its labels admits the set.
func TestAPlanWithoutTheNamespaceOfAListenerSet(t *testing.T) {
	c := newCluster(t, newPolicy(t, func(p *certshim.Policy) { p.Offline = true }))
	c.add("{kind: Gateway, metadata: {name: edge}, spec: {allowedListeners: {namespaces: {from: Selector, selector: {matchLabels: {a: b}}}}, listeners: []}}")
	out := c.decide(c.add("{kind: ListenerSet, metadata: {name: web, annotations: {cert-manager.io/issuer: ca}}, spec: {parentRef: {name: edge}, " +
		"listeners: [{name: a, protocol: HTTPS, hostname: a.example.com, tls: {certificateRefs: [{name: web-tls}]}}]}}"))
	if p := oneProblem(t, out); action(t, out) != certificate.Create || p.Severity != problem.Warning || !strings.HasSuffix(p.Message, "can't be read: judged as one that is admitted") {
		t.Errorf("got %v", lines(out))
	}
}

// Nor is a Gateway judged as one that admits the set if it is known that it can't be read.
func TestAPlanOfAGatewayThatCantBeRead(t *testing.T) {
	policy := newPolicy(t, func(p *certshim.Policy) { p.Offline = true })
	for known, want := range map[inventory.Knowledge]certificate.Action{inventory.Whole: certificate.Create, inventory.Unreadable: certificate.Wait} {
		c := newCluster(t, policy)
		c.Know(resolver.GroupKind{Group: source.GatewayGroup, Kind: source.GatewayKind}, known)
		out := c.decide(c.add("{kind: ListenerSet, metadata: {name: web, annotations: {cert-manager.io/issuer: ca}}, spec: {parentRef: {name: edge}, " +
			"listeners: [{name: a, protocol: HTTPS, hostname: a.example.com, tls: {certificateRefs: [{name: web-tls}]}}]}}"))
		if action(t, out) != want || oneProblem(t, out).Severity != problem.Warning {
			t.Errorf("known %d: %v", known, lines(out))
		}
	}
}

// Who comes first counts while there is no Certificate, and isn't asked for after that.
func TestWhoComesFirstIsAskedForWithoutACertificate(t *testing.T) {
	c := newCluster(t, newPolicy(t))
	last := shared(c, 3, "cert-manager.io/issuer: ca")
	if out := c.decide(last); action(t, out) != certificate.Refuse || c.firsts != 1 {
		t.Errorf("asked %d times: %v", c.firsts, lines(out))
	}
	oldest := inventory.NewKey(last.Kind(), "shop", "web-0")
	c.carryOut(c.decide(oldest))
	for _, key := range c.Keys() {
		if c.decide(key); c.firsts > 0 {
			t.Errorf("there is a Certificate, and %s asks %d times who comes first", key.Name(), c.firsts)
		}
	}
}

// A source that is refused for its own mistake keeps the Secret from nobody; one that waits, or
// of which something can't be known, does.
func TestWhoIsRefusedComesBeforeNobody(t *testing.T) {
	const right = "cert-manager.io/issuer: ca"
	rules := func(rule certshim.Rule) func(*certshim.Policy) {
		rule.Name, rule.Namespaces = "tenant", []string{"shop"}
		return func(p *certshim.Policy) { p.Rules = []certshim.Rule{rule} }
	}
	for name, row := range map[string]struct {
		older, host string
		policy      func(*certshim.Policy)
		// yields is set where the older one keeps the Secret from nobody.
		yields bool
	}{
		"a value":               {right + ", cert-manager.io/duration: 90d", "a.example.com", nil, true},
		"the issuer":            {right + ", cert-manager.io/issuer-kind: Isuer", "a.example.com", nil, true},
		"an issuer's limit":     {"cert-manager.io/issuer: strict", "a.example.com", nil, true},
		"the operator's issuer": {"cert-manager.io/issuer: other", "a.example.com", rules(certshim.Rule{AllowedIssuers: []resolver.Ref{{Group: "cert-manager.io", Kind: "Issuer", Name: "ca"}}}), true},
		"the operator's hosts":  {right, "b.example.org", rules(certshim.Rule{AllowedHosts: []string{"example.com"}}), true},
		"nothing":               {right, "a.example.com", nil, false},
		"a resolver to come":    {"cert-manager.io/issuer: slow", "a.example.com", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			policy := newPolicy(t)
			if row.policy != nil {
				row.policy(policy)
			}
			c := newCluster(t, policy)
			c.say(issuerHere("slow"), resolver.Finding{State: resolver.Never, Hold: true, By: "plugin/slow"})
			c.say(issuerHere("strict"), limited(resolver.Constraints{CommonName: &resolver.CommonNameRule{Must: resolver.NameRequired, Verdict: resolver.Refuse}}))
			older := c.add("{kind: Ingress, metadata: {name: older, creationTimestamp: '2026-01-01T00:00:00Z', annotations: {" + row.older + "}}, spec: {tls: [{hosts: [" + row.host + "], secretName: web-tls}]}}")
			newer := c.add("{kind: Ingress, metadata: {name: newer, creationTimestamp: '2026-01-02T00:00:00Z', annotations: {" + right + "}}, spec: {tls: [{hosts: [a.example.com], secretName: web-tls}]}}")
			first, second := c.decide(older), c.decide(newer)
			if yields := action(t, first) == certificate.Refuse; yields != row.yields || taken(first) {
				t.Errorf("the older one: %v", lines(first))
			}
			if gets := action(t, second) == certificate.Create; gets != row.yields || taken(second) == row.yields {
				t.Errorf("the newer one: %v", lines(second))
			}
		})
	}
}

func BenchmarkDecideOneOfManyOnASecret(b *testing.B) {
	for _, n := range []int{1, 100, 5000} {
		b.Run(fmt.Sprintf("sources=%d", n), func(b *testing.B) {
			c := newCluster(b, newPolicy(b))
			last := shared(c, n, "cert-manager.io/issuer: ca")
			c.carryOut(c.decide(inventory.NewKey(last.Kind(), "shop", "web-0")))
			look := c.Look(last)
			defer look.Close()
			object, _ := look.Object()
			b.ReportAllocs()
			for b.Loop() {
				certshim.Decide(look.Policy(), object, look)
			}
		})
	}
}

// A Certificate stays as it is while its source names the Secret in any form, though nothing valid asks
// for it any more. Only what is named nowhere goes.
func TestWhatIsNamedInAnyFormStays(t *testing.T) {
	const one = "{name: a, port: 443, protocol: HTTPS, hostname: a.example.com, tls: {certificateRefs: [{name: a-tls}]}}"
	edge := func(annotations, other string) string {
		return "{kind: Gateway, metadata: {name: edge, annotations: {" + planned + annotations + "}}, spec: {listeners: [" + one + ", " + other + "]}}"
	}
	listener := func(name, protocol, mode, reference string) string {
		return "{name: " + name + ", port: 443, protocol: " + protocol + ", hostname: b.example.com, tls: {mode: " + mode + ", certificateRefs: [" + reference + "]}}"
	}
	const asked = "{name: b-tls}"
	for name, row := range map[string]struct{ object, want string }{
		"as before":            {edge("", listener("b", "HTTPS", "Terminate", asked)), "none"},
		"ignored":              {edge(", certshim.io/ignore: b", listener("b", "HTTPS", "Terminate", asked)), "keep"},
		"HTTP":                 {edge("", listener("b", "HTTP", "Terminate", asked)), "keep"},
		"Passthrough":          {edge("", listener("b", "TLS", "Passthrough", asked)), "keep"},
		"in another namespace": {edge("", listener("b", "HTTPS", "Terminate", "{name: b-tls, namespace: other}")), "keep"},
		"of another kind":      {edge("", listener("b", "HTTPS", "Terminate", "{name: b-tls, kind: ConfigMap}")), "keep"},
		"another name":         {edge("", listener("b", "HTTPS", "Terminate", "{name: a-tls}")), "delete"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, newPolicy(t))
			key := c.add(edge("", listener("b", "HTTPS", "Terminate", asked)))
			c.carryOut(c.decide(key))
			c.add(row.object)
			if got := lines(c.decide(key)); !slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, row.want+" b-tls:") }) ||
				slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, "delete a-tls:") }) {
				t.Error(got)
			}
		})
	}
}
