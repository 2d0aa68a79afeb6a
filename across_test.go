package certshim_test

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// A Gateway infra/edge that asks for Secret certs/edge-tls.
const byCluster = "cert-manager.io/cluster-issuer: ca"

// listenerFor is a listener whose Secret is in another namespace.
func listenerFor(host, namespace, secret string) string {
	return "{name: " + secret + ", protocol: HTTPS, hostname: '" + host + "', tls: {certificateRefs: [{namespace: " + namespace + ", name: " + secret + "}]}}"
}

func gatewayIn(namespace, name, annotations string, listeners ...string) string {
	return "{kind: Gateway, metadata: {namespace: " + namespace + ", name: " + name + ", annotations: {" + annotations + "}}, spec: {listeners: [" + strings.Join(listeners, ", ") + "]}}"
}

var edge = gatewayIn("infra", "edge", byCluster, listenerFor("a.example.com", "certs", "edge-tls"))

// The parts of a grant to Gateways of infra.
const (
	fromInfra       = "{group: gateway.networking.k8s.io, kind: Gateway, namespace: infra}"
	toSecrets       = "{group: '', kind: Secret}"
	toSecret        = "{group: '', kind: Secret, name: edge-tls}"
	toCertificate   = "{group: cert-manager.io, kind: Certificate, name: edge-tls}"
	toCertificates  = "{group: cert-manager.io, kind: Certificate}"
	fromListenerSet = "{group: gateway.networking.k8s.io, kind: ListenerSet, namespace: infra}"
)

// newGranting is a cluster in which grants count and are known.
func newGranting(t *testing.T, change ...func(*certshim.Policy)) *cluster {
	t.Helper()
	c := newIssued(t, newPolicy(t, append([]func(*certshim.Policy){func(p *certshim.Policy) { p.CrossNamespace = certshim.CrossGrant }}, change...)...), clusterIssuer("ca"))
	c.Know(inventory.GrantKind(), inventory.Whole)
	return c
}

func grantObject(t *testing.T, name, from, to string) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{Object: map[string]any{}}
	if err := yaml.Unmarshal([]byte("{metadata: {namespace: certs, name: "+name+"}, spec: {from: ["+from+"], to: ["+to+"]}}"), &object.Object); err != nil {
		t.Fatal(err)
	}
	return object
}

// grant shows a ReferenceGrant of the namespace certs.
func (c *cluster) grant(t *testing.T, from, to string) {
	t.Helper()
	c.take(c.Grants(), grantObject(t, "grant", from, to))
}

func (c *cluster) revoke(t *testing.T) {
	t.Helper()
	c.drop(c.Grants(), grantObject(t, "grant", fromInfra, toSecret))
}

// decidedOf is the decision about a Certificate.
func decidedOf(t *testing.T, out certshim.Outcome, namespace, name string) certificate.Decision {
	t.Helper()
	at := types.NamespacedName{Namespace: namespace, Name: name}
	i := slices.IndexFunc(out.Certificates, func(d certificate.Decision) bool { return d.At() == at })
	if i < 0 {
		t.Fatalf("there is no decision about %s: %v", at, lines(out))
	}
	return out.Certificates[i]
}

func reasonsOf(out certshim.Outcome) []string {
	var all []string
	for _, p := range out.Problems.All() {
		all = append(all, string(p.Reason))
	}
	return all
}

func told(out certshim.Outcome) string { return strings.Join(lines(out), "\n") }

// What a ReferenceGrant has to say for a Certificate to be made, and what is said if it doesn't.
func TestACertificateInAnotherNamespaceNeedsAGrant(t *testing.T) {
	const begin = "the Secret is in another namespace, "
	for name, row := range map[string]struct {
		mode     certshim.Crossing
		from, to string
		made     bool
		says     string
	}{
		"off":                                  {certshim.CrossOff, fromInfra, toSecret + "," + toCertificate, false, "only Secrets of the object's own namespace are kept"},
		"nothing":                              {certshim.CrossGrant, "", "", false, begin + "and no ReferenceGrant there lets this object have it"},
		"Secrets and the Certificate":          {certshim.CrossGrant, fromInfra, toSecrets + "," + toCertificate, true, ""},
		"the Secret and the Certificate":       {certshim.CrossGrant, fromInfra, toSecret + "," + toCertificate, true, ""},
		"the Secret alone":                     {certshim.CrossGrant, fromInfra, toSecret, false, "but none names the Certificate that is to be made there"},
		"Secrets alone":                        {certshim.CrossGrant, fromInfra, toSecrets, false, "but none names the Certificate that is to be made there"},
		"the Certificate alone":                {certshim.CrossGrant, fromInfra, toCertificate, false, "but none lets the Secret be referenced"},
		"all Certificates":                     {certshim.CrossGrant, fromInfra, toSecrets + "," + toCertificates, false, "one for all Certificates doesn't count"},
		"for a ListenerSet":                    {certshim.CrossGrant, fromListenerSet, toSecret + "," + toCertificate, false, "a grant is for objects of kind ListenerSet, not Gateway"},
		"the group core":                       {certshim.CrossGrant, fromInfra, "{group: core, kind: Secret, name: edge-tls}," + toCertificate, false, `write group: ""`},
		"another name":                         {certshim.CrossGrant, fromInfra, "{group: '', kind: Secret, name: other-tls}", false, "a grant is for Secret other-tls"},
		"secretGrant, the Secret":              {certshim.CrossSecretGrant, fromInfra, toSecret, true, ""},
		"secretGrant, Secrets":                 {certshim.CrossSecretGrant, fromInfra, toSecrets, false, "but none names the Certificate"},
		"secretGrant, Secrets and Certificate": {certshim.CrossSecretGrant, fromInfra, toSecrets + "," + toCertificate, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := newGranting(t, func(p *certshim.Policy) { p.CrossNamespace = row.mode })
			if row.from != "" {
				c.grant(t, row.from, row.to)
			}
			out := c.decide(c.add(edge))
			d := decidedOf(t, out, "certs", "edge-tls")
			switch {
			case row.made:
				if d.Action != certificate.Create || !out.Problems.Empty() {
					t.Errorf("got %v", lines(out))
				}
			case d.Action != certificate.Refuse || len(out.Certificates) != 1 || !strings.Contains(told(out), row.says):
				t.Errorf("got %v", lines(out))
			}
		})
	}
}

// The Certificate names its source and itself in its tie, has no owner reference and none of the
// source's labels, and the solver's routes attach to the Gateway where that is.
func TestWhatIsMadeInAnotherNamespace(t *testing.T) {
	c := newGranting(t, func(p *certshim.Policy) { p.RetainUnneeded = true })
	c.grant(t, fromInfra, toSecret+","+toCertificate)
	object := read(t, edge)
	object.SetLabels(map[string]string{"team": "infra"})
	out := c.ask(object)
	d := decidedOf(t, out, "certs", "edge-tls")
	metadata := d.Config["metadata"].(map[string]any)
	if metadata["namespace"] != "certs" || metadata["ownerReferences"] != nil || metadata["finalizers"] != nil {
		t.Errorf("metadata %v", metadata)
	}
	if got := metadata["labels"].(map[string]any); len(got) != 1 || got[certificate.SourceUIDLabel] != "Gateway/edge" {
		t.Errorf("labels %v", got)
	}
	set := metadata["annotations"].(map[string]any)
	const tie = "gateway.networking.k8s.io/Gateway:infra/edge uid=Gateway/edge for=certs/edge-tls"
	if set[certificate.TieKey] != tie || set["acme.cert-manager.io/http01-parentrefnamespace"] != "infra" || set["acme.cert-manager.io/http01-parentrefname"] != "edge" || len(set) != 4 {
		t.Errorf("annotations %v", set)
	}
	c.carryOut(out)
	compare(t, []string{"none edge-tls: up-to-date"}, c.decide(keyOf(object)))
}

// Revoked means frozen: neither updated nor deleted, whatever becomes of the source. Granted again, it is
// brought up to date.
func TestARevokedGrantFreezes(t *testing.T) {
	c := newGranting(t)
	c.grant(t, fromInfra, toSecret+","+toCertificate)
	key := c.add(edge)
	c.carryOut(c.decide(key))
	c.woken()
	c.revoke(t)
	if woken := c.woken(); !slices.Equal(woken, []string{"edge"}) {
		t.Errorf("woken are %v", woken)
	}
	renamed := gatewayIn("infra", "edge", byCluster, listenerFor("b.example.com", "certs", "edge-tls"))
	c.add(renamed)
	out := c.decide(key)
	d := decidedOf(t, out, "certs", "edge-tls")
	if d.Action != certificate.Keep || d.Reason.Cause != certificate.CauseNotGranted || !slices.Equal(reasonsOf(out), []string{"NotGranted"}) {
		t.Errorf("got %v", lines(out))
	}
	for what, gateway := range map[string]string{
		"no listener":   gatewayIn("infra", "edge", byCluster),
		"no annotation": gatewayIn("infra", "edge", "", listenerFor("a.example.com", "certs", "edge-tls")),
		"ignored":       gatewayIn("infra", "edge", byCluster+`, certshim.io/ignore: "true"`, listenerFor("a.example.com", "certs", "edge-tls")),
	} {
		c.add(gateway)
		if d := decidedOf(t, c.decide(key), "certs", "edge-tls"); d.Action != certificate.Keep {
			t.Errorf("%s: %s: %s", what, d.Action, d.Reason)
		}
	}
	c.add(renamed)
	c.grant(t, fromInfra, toSecret+","+toCertificate)
	if d := decidedOf(t, c.decide(key), "certs", "edge-tls"); d.Action != certificate.Apply || d.Guard.UID == "" {
		t.Errorf("granted again: %s: %s", d.Action, d.Reason)
	}
}

// What the source no longer names stays, and that is told: in another namespace nothing is deleted while
// the source is there.
func TestWhatIsNoLongerNamedStaysInAnotherNamespace(t *testing.T) {
	c := newGranting(t)
	c.grant(t, fromInfra, toSecret+","+toCertificate)
	key := c.add(edge)
	c.carryOut(c.decide(key))
	c.add(gatewayIn("infra", "edge", byCluster, "{name: own, protocol: HTTPS, hostname: a.example.com, tls: {certificateRefs: [{name: edge-tls}]}}"))
	out := c.decide(key)
	if d := decidedOf(t, out, "certs", "edge-tls"); d.Action != certificate.Keep {
		t.Errorf("%s: %s", d.Action, d.Reason)
	}
	if d := decidedOf(t, out, "infra", "edge-tls"); d.Action != certificate.Create {
		t.Errorf("the one of its own namespace: %s: %s", d.Action, d.Reason)
	}
	if !slices.Equal(reasonsOf(out), []string{"NoLongerKept"}) {
		t.Errorf("told %v", lines(out))
	}
}

// Grants that can't be known: what exists stays, and nothing is made.
func TestGrantsThatCannotBeKnown(t *testing.T) {
	c := newGranting(t)
	c.grant(t, fromInfra, toSecret+","+toCertificate)
	key := c.add(edge)
	c.Know(inventory.GrantKind(), inventory.Unreadable)
	out := c.decide(key)
	if d := decidedOf(t, out, "certs", "edge-tls"); d.Action != certificate.Wait || !slices.Equal(reasonsOf(out), []string{"NotGranted"}) || out.Problems.HasErrors() {
		t.Errorf("got %v", lines(out))
	}
	c.Know(inventory.GrantKind(), inventory.Whole)
	c.carryOut(c.decide(key))
	c.add(gatewayIn("infra", "edge", byCluster, listenerFor("b.example.com", "certs", "edge-tls")))
	c.Know(inventory.GrantKind(), inventory.Unreadable)
	if d := decidedOf(t, c.decide(key), "certs", "edge-tls"); d.Action != certificate.Keep {
		t.Errorf("%s: %s", d.Action, d.Reason)
	}
	narrow := &cluster{t: t, said: said{}, awake: map[string]bool{}}
	narrow.Inventory = inventory.New(c.Policy(), inventory.Options{Namespaces: []string{"infra"}})
	narrow.Know(inventory.CertificateKind(), inventory.Whole)
	narrow.Know(inventory.GrantKind(), inventory.Whole)
	narrow.grant(t, fromInfra, toSecret+","+toCertificate)
	if d := decidedOf(t, narrow.decide(narrow.add(edge)), "certs", "edge-tls"); d.Action != certificate.Wait {
		t.Errorf("outside of the namespaces: %s: %s", d.Action, d.Reason)
	}
}

// Only issuers of the cluster sign for another namespace, and of the annotations only some count there.
func TestWhatAnObjectMayAskForInAnotherNamespace(t *testing.T) {
	for name, row := range map[string]struct {
		annotations string
		made        bool
		says        string
	}{
		"an Issuer":                   {"cert-manager.io/issuer: ca", false, "there it would be another issuer of this name; use one of the cluster"},
		"an issuer of unknown scope":  {"cert-manager.io/issuer: ca, cert-manager.io/issuer-kind: StrangeIssuer, cert-manager.io/issuer-group: strange.example", false, "whether it is one of the cluster isn't known"},
		"a secret template":           {byCluster + `, cert-manager.io/secret-template: '{"labels": {"a": "b"}}'`, false, "cert-manager.io/secret-template"},
		"another name":                {byCluster + ", cert-manager.io/alt-names: bank.example.com", false, "cert-manager.io/alt-names"},
		"a name that it has":          {byCluster + ", cert-manager.io/alt-names: a.example.com", true, ""},
		"an IP address":               {byCluster + ", cert-manager.io/ip-sans: 192.0.2.1", false, "cert-manager.io/ip-sans"},
		"a URI":                       {byCluster + ", 'cert-manager.io/uri-sans': 'spiffe://x/y'", false, "cert-manager.io/uri-sans"},
		"an e-mail address":           {byCluster + ", cert-manager.io/email-sans: a@example.com", false, "cert-manager.io/email-sans"},
		"a subject":                   {byCluster + ", cert-manager.io/subject-organizations: Bank", false, "cert-manager.io/subject-organizations"},
		"another common name":         {byCluster + ", cert-manager.io/common-name: bank.example.com", false, "cert-manager.io/common-name"},
		"a common name that it has":   {byCluster + ", cert-manager.io/common-name: a.example.com", true, ""},
		"lifetime, key and usages":    {byCluster + ", cert-manager.io/duration: 2160h, cert-manager.io/private-key-algorithm: ECDSA, cert-manager.io/usages: server auth", true, ""},
		"and nothing of other makers": {byCluster + ", corp.example/extra: x", true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := newGranting(t, func(p *certshim.Policy) {
				p.Parser = annotations.NewParser(annotations.Options{ExtraKeys: []string{"corp.example/extra"}})
			})
			c.grant(t, fromInfra, toSecret+","+toCertificate)
			out := c.decide(c.add(gatewayIn("infra", "edge", row.annotations, listenerFor("a.example.com", "certs", "edge-tls"))))
			d := decidedOf(t, out, "certs", "edge-tls")
			if row.made {
				set, _ := d.Config["metadata"].(map[string]any)["annotations"].(map[string]any)
				if d.Action != certificate.Create || set["corp.example/extra"] != nil {
					t.Errorf("got %v, annotations %v", lines(out), set)
				}
				return
			}
			if d.Action != certificate.Refuse || !strings.Contains(told(out), row.says) {
				t.Errorf("got %v", lines(out))
			}
		})
	}
}

// Policies of the source's and of the Secret's namespace both have to allow what is asked for; defaults
// come from that of the source.
func TestPoliciesOfBothNamespacesCount(t *testing.T) {
	ca := resolver.Ref{Group: resolver.CertManagerGroup, Kind: resolver.ClusterIssuerKind, Name: "ca"}
	other := resolver.Ref{Group: resolver.CertManagerGroup, Kind: resolver.ClusterIssuerKind, Name: "other"}
	for name, row := range map[string]struct {
		rules  []certshim.Rule
		action certificate.Action
		says   string
	}{
		"none":                      {nil, certificate.Create, ""},
		"the source's hosts":        {[]certshim.Rule{{Name: "x", Namespaces: []string{"infra"}, AllowedHosts: []string{"example.org"}}}, certificate.Refuse, "HostNotAllowed"},
		"the Secret's hosts":        {[]certshim.Rule{{Name: "x", Namespaces: []string{"certs"}, AllowedHosts: []string{"example.org"}}}, certificate.Refuse, "HostNotAllowed"},
		"the Secret's issuers":      {[]certshim.Rule{{Name: "x", Namespaces: []string{"certs"}, AllowedIssuers: []resolver.Ref{other}}}, certificate.Refuse, "IssuerNotAllowed"},
		"both allow":                {[]certshim.Rule{{Name: "x", Namespaces: []string{"certs", "infra"}, AllowedIssuers: []resolver.Ref{ca}, AllowedHosts: []string{"example.com"}}}, certificate.Create, ""},
		"a default of the Secret's": {[]certshim.Rule{{Name: "x", Namespaces: []string{"certs"}, Values: resolver.Values{Usages: []string{"client auth"}}}}, certificate.Create, ""},
		"labels that aren't known":  {[]certshim.Rule{{Name: "x", Namespaces: []string{"certs"}, Selector: selector(t, "a=b"), AllowedHosts: []string{"example.com"}}}, certificate.Wait, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := newGranting(t, func(p *certshim.Policy) { p.Rules = row.rules })
			c.grant(t, fromInfra, toSecret+","+toCertificate)
			out := c.decide(c.add(edge))
			d := decidedOf(t, out, "certs", "edge-tls")
			if d.Action != row.action || !strings.Contains(told(out), row.says) {
				t.Errorf("got %v", lines(out))
			}
			if spec, _ := d.Config["spec"].(map[string]any); spec != nil && slices.Contains(spec["usages"].([]any), any("client auth")) {
				t.Errorf("usages %v", spec["usages"])
			}
		})
	}
}

// A Certificate that is to outlive a Gateway of another namespace says so itself: once the Gateway is gone, nothing else does.
func TestRetainedCertificateOfAnotherNamespaceSaysSo(t *testing.T) {
	c := newGranting(t)
	c.grant(t, fromInfra, toSecret+","+toCertificate)
	policy := func(says string) (action certificate.Action, on any) {
		set := byCluster
		if says != "" {
			set += ", certshim.io/deletion-policy: " + says
		}
		out := c.decide(c.add(strings.Replace(edge, byCluster, set, 1)))
		c.carryOut(out)
		d := decidedOf(t, out, "certs", "edge-tls")
		return d.Action, d.Config["metadata"].(map[string]any)["annotations"].(map[string]any)["certshim.io/deletion-policy"]
	}
	for _, step := range []struct {
		says   string
		action certificate.Action
		on     any
	}{
		{"", certificate.Create, nil},
		{"retain", certificate.Apply, "retain"},
		{"", certificate.None, "retain"},
		{"delete", certificate.Apply, nil},
		{"", certificate.None, nil},
	} {
		if action, on := policy(step.says); action != step.action || on != step.on {
			t.Errorf("with %q: %s, and the Certificate says %v", step.says, action, on)
		}
	}
}

// Attempts to reach Certificates of another namespace, and how each ends.
func TestAttemptsAcrossNamespaces(t *testing.T) {
	granted := func(t *testing.T) (*cluster, inventory.Key, map[string]any) {
		t.Helper()
		c := newGranting(t)
		c.grant(t, fromInfra, toSecret+","+toCertificate)
		key := c.add(edge)
		out := c.decide(key)
		c.carryOut(out)
		return c, key, stored(t, out.Certificates[0].Config)
	}
	t.Run("a copy of the tie", func(t *testing.T) {
		c, key, made := granted(t)
		made["metadata"].(map[string]any)["name"] = "bank-tls"
		made["metadata"].(map[string]any)["uid"] = "other"
		c.store(made)
		if d := c.decide(key).Certificates; len(d) != 1 {
			t.Errorf("decided about %v", d)
		}
	})
	t.Run("a tie to a Gateway that doesn't name it", func(t *testing.T) {
		c, key, made := granted(t)
		metadata := made["metadata"].(map[string]any)
		metadata["name"], metadata["uid"] = "bank-tls", "other"
		set := metadata["annotations"].(map[string]any)
		made["spec"].(map[string]any)["secretName"] = "bank-tls"
		set[certificate.TieKey] = strings.Replace(set[certificate.TieKey].(string), "edge-tls", "bank-tls", 1)
		c.store(made)
		if d := decidedOf(t, c.decide(key), "certs", "bank-tls"); d.Action != certificate.Keep {
			t.Errorf("%s: %s", d.Action, d.Reason)
		}
	})
	t.Run("a tie that another field manager wrote", func(t *testing.T) {
		c, key, made := granted(t)
		made["metadata"].(map[string]any)["managedFields"].([]any)[0].(map[string]any)["manager"] = "kubectl"
		c.store(made)
		out := c.decide(key, made)
		if d := decidedOf(t, out, "certs", "edge-tls"); d.Action != certificate.Refuse || !slices.Equal(reasonsOf(out), []string{"CertificateNotOurs"}) {
			t.Errorf("got %v", lines(out))
		}
	})
	t.Run("an owner reference to the Gateway", func(t *testing.T) {
		c, key, made := granted(t)
		metadata := made["metadata"].(map[string]any)
		metadata["ownerReferences"] = []any{map[string]any{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "name": "edge", "uid": "Gateway/edge", "controller": true}}
		c.store(made)
		out := c.decide(key, made)
		if d := decidedOf(t, out, "certs", "edge-tls"); d.Action != certificate.Refuse {
			t.Errorf("got %v", lines(out))
		}
	})
	t.Run("the namespace of the Gateway is another's now", func(t *testing.T) {
		c, key, made := granted(t)
		again := read(t, edge)
		again.SetUID("later")
		c.put(again)
		out := c.decide(key, made)
		d := decidedOf(t, out, "certs", "edge-tls")
		if d.Action != certificate.Refuse || d.Reason.Cause != certificate.CauseEarlierTie || !strings.Contains(told(out), "ReferenceGrant") {
			t.Errorf("got %v", lines(out))
		}
	})
	t.Run("the Certificate's namespace is another's now", func(t *testing.T) {
		c, key, made := granted(t)
		c.revoke(t)
		c.drop(c.Certificates(), &unstructured.Unstructured{Object: made})
		if d := decidedOf(t, c.decide(key), "certs", "edge-tls"); d.Action != certificate.Refuse {
			t.Errorf("%s: %s", d.Action, d.Reason)
		}
	})
	t.Run("a second Gateway of a third namespace", func(t *testing.T) {
		c, key, _ := granted(t)
		c.grant(t, fromInfra+","+strings.Replace(fromInfra, "infra", "rival", 1), toSecret+","+toCertificate)
		rival := c.add(gatewayIn("rival", "front", byCluster, listenerFor("secret.example.com", "certs", "edge-tls")))
		out := c.decide(rival)
		if d := decidedOf(t, out, "certs", "edge-tls"); d.Action != certificate.Refuse || !slices.Equal(reasonsOf(out), []string{"SecretTaken"}) {
			t.Errorf("got %v", lines(out))
		}
		if text := told(out); strings.Contains(text, "infra") || strings.Contains(text, "edge ") || strings.Contains(text, "a.example.com") {
			t.Errorf("told across: %s", text)
		}
		if d := decidedOf(t, c.decide(key), "certs", "edge-tls"); d.Action != certificate.None {
			t.Errorf("the first: %s: %s", d.Action, d.Reason)
		}
	})
	t.Run("two Gateways before there is a Certificate", func(t *testing.T) {
		c := newGranting(t)
		c.grant(t, fromInfra+","+strings.Replace(fromInfra, "infra", "rival", 1), toSecret+","+toCertificate)
		first := c.add(edge)
		rival := c.add(gatewayIn("rival", "front", byCluster, listenerFor("a.example.com", "certs", "edge-tls")))
		c.decide(first)
		out := c.decide(rival)
		if d := decidedOf(t, out, "certs", "edge-tls"); d.Action != certificate.Refuse || d.Reason.Cause != certificate.CauseSourceElsewhere {
			t.Errorf("got %v", lines(out))
		}
	})
	t.Run("an Ingress wants the name that a Gateway has", func(t *testing.T) {
		c, _, _ := granted(t)
		out := c.decide(c.add("{kind: Ingress, metadata: {namespace: certs, name: web, annotations: {" + byCluster + "}}, spec: {tls: [{hosts: [b.example.com], secretName: edge-tls}]}}"))
		if d := decidedOf(t, out, "certs", "edge-tls"); d.Action != certificate.Refuse || !slices.Contains(reasonsOf(out), "SecretTaken") || d.Reason.Cause != certificate.CauseKeptElsewhere {
			t.Errorf("got %v", lines(out))
		}
	})
	t.Run("a Gateway wants the name that an Ingress has", func(t *testing.T) {
		c := newGranting(t)
		web := c.add("{kind: Ingress, metadata: {namespace: certs, name: web, annotations: {" + byCluster + "}}, spec: {tls: [{hosts: [b.example.com], secretName: edge-tls}]}}")
		c.carryOut(c.decide(web))
		key := c.add(edge)
		out := c.decide(key)
		if d := decidedOf(t, out, "certs", "edge-tls"); d.Action != certificate.Refuse || strings.Contains(told(out), "web") || !slices.Equal(reasonsOf(out), []string{"NotGranted"}) {
			t.Errorf("without a grant: %v", lines(out))
		}
		c.grant(t, fromInfra, toSecret+","+toCertificate)
		out = c.decide(key)
		if d := decidedOf(t, out, "certs", "edge-tls"); d.Action != certificate.Refuse || strings.Contains(told(out), "web") || !slices.Equal(reasonsOf(out), []string{"SecretTaken"}) {
			t.Errorf("with one: %v", lines(out))
		}
	})
	t.Run("older Gateways without a grant keep nobody from a Secret", func(t *testing.T) {
		c := newGranting(t)
		older := read(t, edge)
		_ = unstructured.SetNestedField(older.Object, "2020-01-01T00:00:00Z", "metadata", "creationTimestamp")
		key := c.put(older)
		web := c.add("{kind: Ingress, metadata: {namespace: certs, name: web, creationTimestamp: '2026-01-01T00:00:00Z', annotations: {" + byCluster + "}}, spec: {tls: [{hosts: [b.example.com], secretName: edge-tls}]}}")
		for _, known := range []inventory.Knowledge{inventory.Whole, inventory.Unreadable} {
			c.Know(inventory.GrantKind(), known)
			c.decide(key)
			if d := decidedOf(t, c.decide(web), "certs", "edge-tls"); d.Action != certificate.Create {
				t.Errorf("known %v: %s: %s", known, d.Action, d.Reason)
			}
		}
		c.Know(inventory.GrantKind(), inventory.Whole)
		c.woken()
		c.grant(t, fromInfra, toSecret+","+toCertificate)
		if woken := c.woken(); !slices.Equal(woken, []string{"edge"}) {
			t.Errorf("woken are %v", woken)
		}
		c.decide(key)
		if woken := c.woken(); !slices.Contains(woken, "web") {
			t.Errorf("once the Gateway is granted it, woken are %v", woken)
		}
		if d := decidedOf(t, c.decide(web), "certs", "edge-tls"); d.Action != certificate.Refuse {
			t.Errorf("%s: %s", d.Action, d.Reason)
		}
	})
	t.Run("its own namespace written out", func(t *testing.T) {
		c := newGranting(t)
		out := c.decide(c.add(gatewayIn("infra", "edge", byCluster, listenerFor("a.example.com", "infra", "edge-tls"))))
		if d := decidedOf(t, out, "infra", "edge-tls"); d.Action != certificate.Create || !out.Problems.Empty() {
			t.Errorf("got %v", lines(out))
		}
	})
	t.Run("many Secrets by one grant without names", func(t *testing.T) {
		c := newGranting(t)
		c.grant(t, fromInfra, toSecrets+","+toCertificates)
		var refs []string
		for _, n := range "abcdefghijklmnopqrstuvwxyz" {
			refs = append(refs, "{namespace: certs, name: s-"+string(n)+"}")
		}
		out := c.decide(c.add(gatewayIn("infra", "edge", byCluster, "{name: a, protocol: HTTPS, hostname: a.example.com, tls: {certificateRefs: ["+strings.Join(refs, ", ")+"]}}")))
		for _, d := range out.Certificates {
			if d.Action != certificate.Refuse {
				t.Errorf("%s: %s", d.At(), d.Action)
			}
		}
	})
}

// A ListenerSet needs a grant of its own, and the lines that are suggested are for it.
func TestAListenerSetNeedsItsOwnGrant(t *testing.T) {
	c := newGranting(t)
	c.grant(t, fromInfra, toSecret+","+toCertificate)
	c.add("{kind: Gateway, metadata: {namespace: infra, name: edge, annotations: {" + byCluster + "}}, spec: {allowedListeners: {namespaces: {from: Same}}, listeners: []}}")
	set := c.add("{kind: ListenerSet, metadata: {namespace: infra, name: team}, spec: {parentRef: {name: edge}, listeners: [" + listenerFor("a.example.com", "certs", "edge-tls") + "]}}")
	out := c.decide(set)
	if d := decidedOf(t, out, "certs", "edge-tls"); d.Action != certificate.Refuse {
		t.Errorf("got %v", lines(out))
	}
	const want = "from: [{group: gateway.networking.k8s.io, kind: ListenerSet, namespace: \"infra\"}]\n" +
		`to: [{group: "", kind: Secret, name: "edge-tls"}, {group: cert-manager.io, kind: Certificate, name: "edge-tls"}]`
	if p := out.Problems.All()[0]; p.Lines != want {
		t.Errorf("the lines are\n%s", p.Lines)
	}
	c.grant(t, fromListenerSet, toSecret+","+toCertificate)
	d := decidedOf(t, c.decide(set), "certs", "edge-tls")
	if d.Action != certificate.Create {
		t.Fatalf("%s: %s", d.Action, d.Reason)
	}
	if set := d.Config["metadata"].(map[string]any)["annotations"].(map[string]any); set["acme.cert-manager.io/http01-parentrefkind"] != source.ListenerSetKind || set["acme.cert-manager.io/http01-parentrefnamespace"] != "infra" {
		t.Errorf("annotations %v", set)
	}
}
