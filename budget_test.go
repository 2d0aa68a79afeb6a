package certshim_test

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/resolver"
)

// numbered gives an object a resourceVersion.
func numbered(object *unstructured.Unstructured, version string) *unstructured.Unstructured {
	object.SetResourceVersion(version)
	return object
}

// made carries out the only decision about a source, of which nothing is left to do then, and gives the Certificate as the
// server has it. Then this process begins its work: whatever there is was looked at.
func (c *cluster) made(t *testing.T, key inventory.Key) map[string]any {
	t.Helper()
	out := c.decide(key)
	if len(out.Certificates) != 1 || out.Certificates[0].Action != certificate.Create {
		t.Fatalf("there is no Certificate to make: %v", lines(out))
	}
	c.carryOut(out)
	c.Begin("1000", "1000")
	return stored(t, out.Certificates[0].Config)
}

// wantPaced decides about a source whose Certificate gets a new certificate, by what the server has.
func (c *cluster) wantPaced(t *testing.T, when string, key inventory.Key, live map[string]any, paced bool) certificate.Decision {
	t.Helper()
	out := c.decide(key)
	if len(out.Certificates) != 1 {
		t.Fatalf("%s: %v", when, lines(out))
	}
	if !out.Certificates[0].NeedsLive && paced {
		t.Errorf("%s: the Certificate isn't read, to know whether a new certificate follows: %v", when, lines(out))
	}
	d := c.decide(key, live).Certificates[0]
	if d.Action != certificate.Apply || d.Reissue != certificate.ReissueYes || d.Paced != paced {
		t.Errorf("%s: %s, reissue %q, paced %v, want %v", when, d.Action, d.Reissue, d.Paced, paced)
	}
	return d
}

// write makes the Certificate of a decision by this process, and gives it as the server has it.
func (c *cluster) write(t *testing.T, key inventory.Key, d certificate.Decision) map[string]any {
	t.Helper()
	look := c.Look(key)
	defer look.Close()
	look.Expect(d, time.Now())
	live := stored(t, d.Config)
	c.store(live)
	return live
}

// Whatever leads to a new certificate without an edit of the source is in the write budget: an operator's configuration, a Namespace's labels
// and annotations, another version of certshim, a Gateway from which a ListenerSet inherits. An edit of the source isn't, and takes along what waits.
func TestEveryNewCertificateThatNoEditCausedIsInTheBudget(t *testing.T) {
	toOther := func(p *certshim.Policy) { p.Rules = []certshim.Rule{{Name: "r", Issuer: corpIssuer("other")}} }
	gold := func(p *certshim.Policy) {
		p.Rules = []certshim.Rule{{Name: "gold", Selector: selector(t, "tier=gold"), Issuer: corpIssuer("gold")}}
	}
	byDefault := func(p *certshim.Policy) {
		p.Registry = registryOf(t, resolver.Defaults{Name: "other-ca", Kind: resolver.ClusterIssuerKind})
	}
	for name, row := range map[string]struct {
		policy func(*certshim.Policy)
		change func(c *cluster)
	}{
		"another default issuer":          {change: func(c *cluster) { c.SetPolicy(newPolicy(t, byDefault)) }},
		"a policy that names an issuer":   {change: func(c *cluster) { c.SetPolicy(newPolicy(t, toOther)) }},
		"a policy that names none now":    {policy: toOther, change: func(c *cluster) { c.SetPolicy(newPolicy(t)) }},
		"labels that a policy selects by": {policy: gold, change: func(c *cluster) { c.namespace(map[string]string{"tier": "gold"}, nil) }},
		"annotations of the Namespace": {
			policy: func(p *certshim.Policy) { p.NamespaceDefaults = true },
			change: func(c *cluster) { c.namespace(nil, issuerKeys("", "mine", "", "")) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			policy := newPolicy(t)
			if row.policy != nil {
				row.policy(policy)
			}
			c := newCluster(t, policy)
			c.Know(inventory.NamespaceKind(), inventory.Whole)
			c.namespace(nil, nil)
			key := c.put(numbered(auto("a.example.com"), "7"))
			live := c.made(t, key)
			row.change(c)
			c.wantPaced(t, "it changes", key, live, true)
			c.put(numbered(auto("a.example.com"), "1001"))
			c.wantPaced(t, "the status of the source changes", key, live, true)
			c.put(numbered(auto("a.example.com", "b.example.com"), "1002"))
			c.wantPaced(t, "the source is edited", key, live, false)
		})
	}
	t.Run("another version of certshim", func(t *testing.T) {
		c := newCluster(t, newPolicy(t))
		key := c.put(numbered(auto("a.example.com"), "7"))
		live := c.made(t, key)
		live["spec"].(map[string]any)["usages"] = []any{"digital signature", "server auth"}
		c.store(live)
		c.wantPaced(t, "the version before asked for other usages", key, live, true)
	})
}

// What an issuer type says may complete an issuer's name otherwise than before.
func TestAnotherIssuerTypeIsInTheBudget(t *testing.T) {
	typed := func(group string) func(*certshim.Policy) {
		return func(p *certshim.Policy) {
			p.Registry = registryOf(t, resolver.Defaults{}, resolver.IssuerType{
				ID: "corp", Title: "Corp", Group: group, Versions: []string{"v1"}, Kinds: []resolver.DeclaredKind{{Kind: "CorpIssuer", Resource: "corpissuers", Scope: resolver.Cluster}},
			})
		}
	}
	c := newCluster(t, newPolicy(t, typed("old.example.com")))
	key := c.put(numbered(ingressWith(issuerKeys("ca", "", "CorpIssuer", "")), "7"))
	live := c.made(t, key)
	c.SetPolicy(newPolicy(t, typed("new.example.com")))
	c.wantPaced(t, "the kind belongs to another group now", key, live, true)
}

// What ties a Certificate to its source goes ahead, alone, and takes nothing along that waits: not if the owner reference is to come
// back everywhere in the same change of the configuration that leads to new certificates.
func TestATieGoesAheadAlone(t *testing.T) {
	retaining := func(p *certshim.Policy) { p.RetainUnneeded = true }
	for _, held := range []bool{false, true} {
		c := newCluster(t, newPolicy(t, retaining))
		key := c.put(numbered(auto("a.example.com"), "7"))
		live := c.made(t, key)
		c.SetPolicy(newPolicy(t, func(p *certshim.Policy) {
			p.Rules = []certshim.Rule{{Name: "r", Issuer: corpIssuer("other")}}
			p.Certificate.HoldPaced = held
		}))
		d := c.decide(key, live).Certificates[0]
		spec, _ := d.Config["spec"].(map[string]any)
		owners, _ := d.Config["metadata"].(map[string]any)["ownerReferences"].([]any)
		reissue := map[bool]certificate.Reissue{false: certificate.ReissueYes, true: certificate.ReissueNo}[held]
		if d.Action != certificate.Apply || d.Paced || !d.Continues || len(owners) != 1 || d.Reissue != reissue ||
			spec["issuerRef"].(map[string]any)["name"] != "default-ca" || spec["secretName"] != "web-tls" {
			t.Errorf("held %v: %s, paced %v, continues %v, reissue %s, %v", held, d.Action, d.Paced, d.Continues, d.Reissue, d.Config)
		}
		tied := c.write(t, key, d)
		d = c.decide(key, tied).Certificates[0]
		if d.Paced != !held || held && (d.Action != certificate.Keep || d.Reason.Cause != certificate.CauseChangesHeld) {
			t.Errorf("once it is tied, held %v: %s, paced %v", held, d.Action, d.Paced)
		}
	}
}

// A Certificate that a ListenerSet has by its Gateway's annotations changes by no edit of the ListenerSet.
func TestWhatIsInheritedIsInTheBudget(t *testing.T) {
	const set = `{kind: ListenerSet, metadata: {name: more}, spec: {parentRef: {name: edge},
		listeners: [{name: https, port: 443, protocol: HTTPS, hostname: a.example.com, tls: {certificateRefs: [{name: more-tls}]}}]}}`
	gateway := func(issuer, version string) *unstructured.Unstructured {
		return numbered(read(t, `{kind: Gateway, metadata: {name: edge, annotations: {cert-manager.io/cluster-issuer: `+issuer+`}},
			spec: {allowedListeners: {namespaces: {from: Same}}, listeners: []}}`), version)
	}
	c := newCluster(t, newPolicy(t))
	c.put(gateway("ca", "6"))
	key := c.put(numbered(read(t, set), "7"))
	live := c.made(t, key)
	c.put(gateway("other", "1001"))
	c.wantPaced(t, "its Gateway is edited", key, live, true)
}

func registryOf(t *testing.T, defaults resolver.Defaults, types ...resolver.IssuerType) *resolver.Registry {
	t.Helper()
	registry, err := resolver.NewRegistry(defaults, types)
	if err != nil {
		t.Fatal(err)
	}
	return registry
}
