package certshim_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

const (
	createIt = "create web-tls: new"
	noIssuer = "it names no issuer: no trigger annotation"
)

// ingress is a manifest of an Ingress web with these annotations and TLS entries, in
// YAML's flow style.
func ingress(annotations, tls string) string {
	return "{kind: Ingress, metadata: {name: web, annotations: {" + annotations + "}}, spec: {tls: [" + tls + "]}}"
}

const webTLS = "{hosts: [a.example.com], secretName: web-tls}"

// What annotations lead to, with nothing else in the cluster.
func TestDecideAnnotations(t *testing.T) {
	tests := map[string]struct {
		annotations, tls string
		policy           func(*certshim.Policy)
		issuer           resolver.Ref
		from             resolver.Origin
		want             []string
	}{
		"issuer": {
			annotations: "cert-manager.io/issuer: ca", tls: webTLS, want: []string{createIt},
			issuer: resolver.Ref{Group: "cert-manager.io", Kind: "Issuer", Name: "ca"}, from: resolver.FromAnnotation,
		},
		"cluster-issuer": {
			annotations: "cert-manager.io/cluster-issuer: ca", tls: webTLS, want: []string{createIt},
			issuer: resolver.Ref{Group: "cert-manager.io", Kind: "ClusterIssuer", Name: "ca"}, from: resolver.FromAnnotation,
		},
		"the default issuer by tls-acme": {
			annotations: `kubernetes.io/tls-acme: "true"`, tls: webTLS, want: []string{createIt},
			issuer: resolver.Ref{Group: "cert-manager.io", Kind: "ClusterIssuer", Name: "default-ca"}, from: resolver.FromDefault,
		},
		"an issuer that is named beats the default": {
			annotations: `kubernetes.io/tls-acme: "true", cert-manager.io/issuer: ca`, tls: webTLS, want: []string{createIt},
			issuer: resolver.Ref{Group: "cert-manager.io", Kind: "Issuer", Name: "ca"}, from: resolver.FromAnnotation,
		},
		"tls-acme without a default issuer": {
			annotations: `kubernetes.io/tls-acme: "true"`, tls: webTLS,
			policy: func(p *certshim.Policy) { p.Registry, _ = resolver.NewRegistry(resolver.Defaults{}, nil) },
			want: []string{
				"refuse web-tls: issuer-unknown",
				"error BadIssuer cert-manager.io/issuer: no issuer is named, and the operator has set no default issuer: name one by issuer or cluster-issuer",
			},
		},
		"tls-acme where it isn't asked": {
			annotations: `kubernetes.io/tls-acme: "true"`, tls: webTLS,
			policy: func(p *certshim.Policy) { p.AutoKinds = nil },
			want:   []string{"ignored: no-trigger"},
		},
		"tls-acme that is false": {annotations: `kubernetes.io/tls-acme: "false"`, tls: webTLS, want: []string{"ignored: no-trigger"}},
		"an auto key of the operator's": {
			annotations: `example.com/tls: "1"`, tls: webTLS, want: []string{createIt},
			policy: func(p *certshim.Policy) {
				p.Parser = annotations.NewParser(annotations.Options{AutoKeys: []string{"example.com/tls"}})
			},
			issuer: resolver.Ref{Group: "cert-manager.io", Kind: "ClusterIssuer", Name: "default-ca"}, from: resolver.FromDefault,
		},
		"nothing": {tls: webTLS, want: []string{"ignored: no-trigger"}},
		"problems of an object without a trigger are nobody's": {
			annotations: "cert-manager.io/duration: 90d, cert-manager.io/durashun: 1h", tls: "{hosts: ['*']}", want: []string{"ignored: no-trigger"},
		},
		"near misses of a trigger are reported": {
			annotations: `cert-manager.io/clusterissuer: ca, cert-manager.io/issuer: "", kubernetes.io/tls-acme: "yes"`, tls: webTLS,
			want: []string{
				"ignored: no-trigger",
				`warning UnknownAnnotation cert-manager.io/clusterissuer: unknown annotation, which does nothing (value "ca"); did you mean "cert-manager.io/cluster-issuer"?`,
				`warning BadConfig cert-manager.io/issuer: empty value: the same as no annotation`,
				`warning BadConfig kubernetes.io/tls-acme: not a true value: asks for nothing (value "yes"); allowed: true, or false; did you mean "true"?`,
			},
		},
		"marked to be ignored: nothing else is reported": {
			annotations: `cert-manager.io/issuer: ca, certshim.io/ignore: "true", cert-manager.io/duration: x`, tls: "{hosts: ['*'], secretName: web-tls}",
			want: []string{"ignored: ignored"},
		},
		"a Secret is left out": {
			annotations: `cert-manager.io/issuer: ca, certshim.io/ignore: other-tls`, tls: webTLS + ", {hosts: [b.example.com], secretName: other-tls}",
			want:   []string{createIt, "refuse other-tls: left-out"},
			issuer: resolver.Ref{Group: "cert-manager.io", Kind: "Issuer", Name: "ca"}, from: resolver.FromAnnotation,
		},
		"no TLS entry": {
			annotations: "cert-manager.io/issuer: ca",
			want:        []string{"warning NothingToDo spec: it names an issuer, but has no TLS entry or listener that asks for a certificate"},
			issuer:      resolver.Ref{Group: "cert-manager.io", Kind: "Issuer", Name: "ca"}, from: resolver.FromAnnotation,
		},
		"all problems in one pass": {
			annotations: "cert-manager.io/issuer: ca, cert-manager.io/duration: 90d, cert-manager.io/usages: x", tls: webTLS + ", {hosts: ['*'], secretName: b}",
			want: []string{
				"refuse web-tls: annotation-unreadable(spec.duration)",
				"refuse b: no-valid-entry",
				`error BadConfig cert-manager.io/duration: not a duration as Go writes them (value "90d"); allowed: a Go duration of at least 1h; the largest unit is h; did you mean "2160h"?`,
				`error BadConfig cert-manager.io/usages: unknown value (value "x"); allowed: separated by commas, from: signing, digital signature, content commitment, key encipherment, key agreement, data encipherment, cert sign, crl sign, encipher only, decipher only, any, server auth, client auth, code signing, email protection, s/mime, ipsec end system, ipsec tunnel, ipsec user, timestamping, ocsp signing, microsoft sgc, netscape sgc`,
				`error BadConfig spec.tls[1].hosts[0]: the host has a character that a DNS name can't have: * stands in place of the whole first label alone (value "*"); allowed: an IP address, or a DNS name that may begin with *.`,
			},
			issuer: resolver.Ref{Group: "cert-manager.io", Kind: "Issuer", Name: "ca"}, from: resolver.FromAnnotation,
		},
		"an issuer that can't be meant": {
			annotations: "cert-manager.io/issuer: a, cert-manager.io/cluster-issuer: b", tls: webTLS,
			want: []string{
				"refuse web-tls: issuer-unknown",
				`error BadIssuer cert-manager.io/cluster-issuer: issuer and cluster-issuer are both set: keep one of them (value "b")`,
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			policy := newPolicy(t)
			if tt.policy != nil {
				tt.policy(policy)
			}
			c := newCluster(t, policy)
			out := c.decide(c.add(ingress(tt.annotations, tt.tls)))
			compare(t, tt.want, out)
			if out.Issuer.Ref != tt.issuer || out.Issuer.From != tt.from {
				t.Errorf("issuer %+v, want %+v from %q", out.Issuer, tt.issuer, tt.from)
			}
			for _, d := range out.Certificates {
				if d.Action != certificate.Create {
					continue
				}
				ref := map[string]any{"group": tt.issuer.Group, "kind": tt.issuer.Kind, "name": tt.issuer.Name}
				if diff := cmp.Diff(ref, d.Config["spec"].(map[string]any)["issuerRef"]); diff != "" {
					t.Errorf("issuerRef (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// deleting is a source that is being deleted.
func deleting(object *unstructured.Unstructured) {
	now := metav1.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)
	object.SetDeletionTimestamp(&now)
}

// What a Certificate that exists makes of it.
func TestDecideExisting(t *testing.T) {
	const named = "cert-manager.io/issuer: ca"
	tests := map[string]struct {
		annotations, tls string
		object           func(*unstructured.Unstructured)
		certificate      func(web inventory.Key) map[string]any
		want             []string
	}{
		"no longer named: deleted": {
			annotations: named, tls: webTLS,
			certificate: func(web inventory.Key) map[string]any { return foreign("old-tls", "old-tls", ownedBy(web)) },
			want:        []string{createIt, "delete old-tls: no-longer-named"},
		},
		"no longer named, and no TLS entry is left": {
			annotations: named,
			certificate: func(web inventory.Key) map[string]any { return foreign("old-tls", "old-tls", ownedBy(web)) },
			want: []string{
				"delete old-tls: no-longer-named",
				"warning NothingToDo spec: it names an issuer, but has no TLS entry or listener that asks for a certificate",
			},
		},
		"no longer named, while the issuer is unknown and an annotation bad": {
			annotations: named + ", cert-manager.io/cluster-issuer: b", tls: webTLS,
			certificate: func(web inventory.Key) map[string]any { return foreign("old-tls", "old-tls", ownedBy(web)) },
			want: []string{
				"refuse web-tls: issuer-unknown",
				"keep old-tls: awaits-other(web-tls)",
				`error BadIssuer cert-manager.io/cluster-issuer: issuer and cluster-issuer are both set: keep one of them (value "b")`,
			},
		},
		"named by a broken entry: kept": {
			annotations: named, tls: "{hosts: ['*'], secretName: web-tls}",
			certificate: func(web inventory.Key) map[string]any { return foreign("web-tls", "web-tls", ownedBy(web)) },
			want: []string{
				"keep web-tls: no-valid-entry",
				`error BadConfig spec.tls[0].hosts[0]: the host has a character that a DNS name can't have: * stands in place of the whole first label alone (value "*"); allowed: an IP address, or a DNS name that may begin with *.`,
			},
		},
		"its Secret was edited by hand: the name is still named": {
			annotations: named, tls: webTLS,
			certificate: func(web inventory.Key) map[string]any { return foreign("web-tls", "edited", ownedBy(web)) },
			want:        []string{"wait web-tls: live-needed"},
		},
		"one of another name writes our Secret": {
			annotations: named, tls: webTLS,
			certificate: func(inventory.Key) map[string]any { return foreign("other", "web-tls") },
			want: []string{
				"refuse web-tls: other-certificate(other, web-tls)",
				`error SecretTaken spec.tls[0]: Certificate other writes Secret web-tls too (value "web-tls")`,
			},
		},
		"one of ours, of another name, writes a named Secret: it isn't deleted": {
			annotations: named, tls: webTLS,
			certificate: func(web inventory.Key) map[string]any { return foreign("other", "web-tls", ownedBy(web)) },
			want: []string{
				"refuse web-tls: other-certificate(other of Ingress web, web-tls)",
				`error SecretTaken spec.tls[0]: Certificate other of Ingress web writes Secret web-tls too (value "web-tls")`,
			},
		},
		"the issuer is unknown: ours is kept": {
			annotations: named + ", cert-manager.io/cluster-issuer: b", tls: webTLS,
			certificate: func(web inventory.Key) map[string]any { return foreign("web-tls", "web-tls", ownedBy(web)) },
			want: []string{
				"keep web-tls: issuer-unknown",
				`error BadIssuer cert-manager.io/cluster-issuer: issuer and cluster-issuer are both set: keep one of them (value "b")`,
			},
		},
		"the trigger is gone: kept, and reported": {
			tls:         webTLS,
			certificate: func(web inventory.Key) map[string]any { return foreign("web-tls", "web-tls", ownedBy(web)) },
			want: []string{
				"keep web-tls: no-longer-kept; no-trigger",
				`warning NoLongerKept metadata.annotations: Certificate web-tls stays as it is and is no longer kept up to date: ` + noIssuer + ` (value "web-tls")`,
			},
		},
		"marked to be ignored: kept, and reported": {
			annotations: named + `, certshim.io/ignore: "true"`,
			certificate: func(web inventory.Key) map[string]any { return foreign("web-tls", "web-tls", ownedBy(web)) },
			want: []string{
				"keep web-tls: no-longer-kept; ignored",
				`warning NoLongerKept metadata.annotations: Certificate web-tls stays as it is and is no longer kept up to date: it is marked to be ignored (value "web-tls")`,
			},
		},
		"the source is being deleted: nothing is done or reported": {
			annotations: named + ", cert-manager.io/duration: x", tls: webTLS,
			object:      deleting,
			certificate: func(web inventory.Key) map[string]any { return foreign("old-tls", "old-tls", ownedBy(web)) },
			want:        []string{"ignored: source-deleting"},
		},
		"a kind that nobody knows": {
			annotations: named, tls: webTLS,
			object:      func(web *unstructured.Unstructured) { web.SetKind("HTTPRoute") },
			certificate: func(web inventory.Key) map[string]any { return foreign("old-tls", "old-tls", ownedBy(web)) },
			want:        []string{`ignored: no-kind-of-source(HTTPRoute, "networking.k8s.io")`},
		},
		"a Certificate of our uid in another namespace is none of ours": {
			annotations: named, tls: webTLS,
			certificate: func(web inventory.Key) map[string]any {
				return foreign("old-tls", "old-tls", ownedBy(web), func(u *unstructured.Unstructured) { u.SetNamespace("other") })
			},
			want: []string{createIt},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, object := newCluster(t, newPolicy(t)), read(t, ingress(tt.annotations, tt.tls))
			if tt.object != nil {
				tt.object(object)
			}
			web := c.put(object)
			c.store(tt.certificate(web))
			compare(t, tt.want, c.decide(web))
		})
	}
}

// Two sources name one Secret, and nobody has it yet: the older keeps it.
func TestTheFirstKeepsTheSecret(t *testing.T) {
	manifest := func(kind, name, created, annotations, hosts string) string {
		spec := "{tls: [{hosts: [" + hosts + "], secretName: web-tls}]}"
		if kind == "Gateway" {
			spec = "{listeners: [{name: a, protocol: HTTPS, hostname: '" + hosts + "', tls: {certificateRefs: [{name: web-tls}]}}]}"
		}
		return "{kind: " + kind + ", metadata: {name: " + name + ", creationTimestamp: '" + created + "', annotations: {" + annotations + "}}, spec: " + spec + "}"
	}
	const named, older, newer = "cert-manager.io/issuer: ca", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
	tests := map[string]struct {
		// self is decided; others are there.
		self   string
		others []string
		change func(other *unstructured.Unstructured)
		// first is who has it, or "" if self does.
		first string
	}{
		"alone":                      {self: manifest("Ingress", "web", newer, named, "a.example.com")},
		"the older":                  {self: manifest("Ingress", "web", newer, named, "a.example.com"), others: []string{manifest("Ingress", "z", older, named, "b.example.com")}, first: "Ingress z"},
		"self is older":              {self: manifest("Ingress", "web", older, named, "a.example.com"), others: []string{manifest("Ingress", "a", newer, named, "b.example.com")}},
		"of the same age, by name":   {self: manifest("Ingress", "web", older, named, "a.example.com"), others: []string{manifest("Ingress", "a", older, named, "b.example.com")}, first: "Ingress a"},
		"of the same age, by kind":   {self: manifest("Ingress", "web", older, named, "a.example.com"), others: []string{manifest("Gateway", "z", older, named, "b.example.com")}, first: "Gateway z"},
		"of three, the very first":   {self: manifest("Ingress", "web", newer, named, "a.example.com"), others: []string{manifest("Ingress", "b", older, named, "b.example.com"), manifest("Ingress", "a", older, named, "c.example.com")}, first: "Ingress a"},
		"of three, in another order": {self: manifest("Ingress", "web", newer, named, "a.example.com"), others: []string{manifest("Ingress", "a", older, named, "b.example.com"), manifest("Ingress", "b", older, named, "c.example.com")}, first: "Ingress a"},
		"one without a trigger":      {self: manifest("Ingress", "web", newer, named, "a.example.com"), others: []string{manifest("Ingress", "z", older, "", "b.example.com")}},
		"one that is ignored":        {self: manifest("Ingress", "web", newer, named, "a.example.com"), others: []string{manifest("Ingress", "z", older, named+`, certshim.io/ignore: "true"`, "b.example.com")}},
		"one that leaves it out":     {self: manifest("Ingress", "web", newer, named, "a.example.com"), others: []string{manifest("Ingress", "z", older, named+`, certshim.io/ignore: web-tls`, "b.example.com")}},
		"one whose entry is broken":  {self: manifest("Ingress", "web", newer, named, "a.example.com"), others: []string{manifest("Ingress", "z", older, named, "'*'")}},
		"one that is being deleted": {
			self: manifest("Ingress", "web", newer, named, "a.example.com"), others: []string{manifest("Ingress", "z", older, named, "b.example.com")},
			change: deleting,
		},
		"one of a kind that nobody knows": {
			self: manifest("Ingress", "web", newer, named, "a.example.com"), others: []string{manifest("Ingress", "z", older, named, "b.example.com")},
			change: func(other *unstructured.Unstructured) { other.SetKind("HTTPRoute") },
		},
		"the one before it names another Secret": {
			self: manifest("Ingress", "web", newer, named, "a.example.com"), others: []string{manifest("Gateway", "z", older, named, "b.example.com")},
			change: func(other *unstructured.Unstructured) {
				listener := other.Object["spec"].(map[string]any)["listeners"].([]any)[0].(map[string]any)
				listener["tls"].(map[string]any)["certificateRefs"].([]any)[0].(map[string]any)["kind"] = "ConfigMap"
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, newPolicy(t))
			self := c.add(tt.self)
			for _, manifest := range tt.others {
				other := read(t, manifest)
				if tt.change != nil {
					tt.change(other)
				}
				c.put(other)
			}
			want := []string{createIt}
			if tt.first != "" {
				want = []string{"refuse web-tls: other-source-first(" + tt.first + ", web-tls)", "error SecretTaken spec.tls[0]: " + tt.first + ` comes first for Secret web-tls; its certificate lacks a.example.com (value "web-tls")`}
			}
			compare(t, want, c.decide(self))
		})
	}
	for from, first := range map[string]string{"All": "ListenerSet z", "None": ""} {
		t.Run("a ListenerSet whose Gateway admits "+from, func(t *testing.T) {
			c := newCluster(t, newPolicy(t))
			self := c.add(manifest("Ingress", "web", newer, named, "a.example.com"))
			c.add("{kind: Gateway, metadata: {name: edge, annotations: {" + named + "}}, spec: {allowedListeners: {namespaces: {from: " + from + "}}}}")
			c.add("{kind: ListenerSet, metadata: {name: z, creationTimestamp: '" + older + "'}, spec: {parentRef: {name: edge}, " +
				"listeners: [{name: a, protocol: HTTPS, hostname: b.example.com, tls: {certificateRefs: [{name: web-tls}]}}]}}")
			d := c.decide(self).Certificates[0]
			if taken := d.Reason.Cause == certificate.CauseOtherSource && d.Reason.About[0] == first; taken != (first != "") {
				t.Errorf("%s: %s", d.Action, d.Reason)
			}
		})
	}
	t.Run("exactly one makes it", func(t *testing.T) {
		c := newCluster(t, newPolicy(t))
		for _, name := range []string{"c", "a", "b"} {
			c.add(manifest("Ingress", name, older, named, "a.example.com"))
		}
		creates := 0
		for _, key := range c.Keys() {
			if out := c.decide(key); out.Certificates[0].Action == certificate.Create {
				creates++
			}
		}
		if creates != 1 {
			t.Errorf("%d of three make it", creates)
		}
	})
	t.Run("once it is there, its owner is first", func(t *testing.T) {
		c := newCluster(t, newPolicy(t))
		web := c.add(manifest("Ingress", "web", newer, named, "a.example.com"))
		c.carryOut(c.decide(web))
		late := c.add(manifest("Ingress", "a", older, named, "b.example.com"))
		compare(t, []string{"none web-tls: up-to-date"}, c.decide(web))
		compare(t, []string{
			"refuse web-tls: other-owner(web-tls, Ingress web)",
			`error SecretTaken spec.tls[0]: Ingress web comes first for Secret web-tls; its certificate lacks b.example.com (value "web-tls")`,
		}, c.decide(late))
	})
}

// A ListenerSet takes the issuer of the Gateway that admits it.
func TestInheritance(t *testing.T) {
	const (
		admits = "allowedListeners: {namespaces: {from: All}}"
		named  = "cert-manager.io/issuer: edge-ca"
		own    = "cert-manager.io/issuer: ca"
	)
	gateway := func(annotations, spec string) string {
		return "{kind: Gateway, metadata: {name: edge, annotations: {" + annotations + "}}, spec: {" + spec + "}}"
	}
	set := func(annotations, parent string) string {
		return "{kind: ListenerSet, metadata: {name: web, annotations: {" + annotations + "}}, spec: {parentRef: " + parent +
			", listeners: [{name: a, protocol: HTTPS, hostname: a.example.com, tls: {certificateRefs: [{name: web-tls}]}}]}}"
	}
	type labels = map[string]string
	const edge = "{name: edge}"
	tests := map[string]struct {
		gateway, set string
		deleting     bool
		offline      bool
		auto         []string
		labels       labels
		issuer       string
		from         resolver.Origin
		want         []string
	}{
		"the Gateway's issuer":        {gateway: gateway(named, admits), set: set("", edge), issuer: "edge-ca", from: certshim.FromParent, want: []string{createIt}},
		"the Gateway's ClusterIssuer": {gateway: gateway("cert-manager.io/cluster-issuer: edge-ca", admits), set: set("", edge), issuer: "edge-ca", from: certshim.FromParent, want: []string{createIt}},
		"its own issuer wins":         {gateway: gateway(named+", cert-manager.io/issuer-kind: StepIssuer", admits), set: set(own, edge), issuer: "ca", from: resolver.FromAnnotation, want: []string{createIt}},
		"neither has one":             {gateway: gateway("", admits), set: set("", edge), want: []string{"ignored: no-trigger"}},
		"nothing else is inherited":   {gateway: gateway(named+", cert-manager.io/duration: x", admits), set: set("", edge), issuer: "edge-ca", from: certshim.FromParent, want: []string{createIt}},
		"the Gateway isn't there": {
			set:  set(own, edge),
			want: []string{"ignored: parent-missing(Gateway shop/edge)", "error ParentNotFound spec.parentRef: Gateway shop/edge isn't there"},
		},
		"the Gateway isn't there, and nothing is wanted":    {set: set("", edge), want: []string{"ignored: parent-missing(Gateway shop/edge)"}},
		"the Gateway isn't there, and the set is ignored":   {set: set(own+`, certshim.io/ignore: "true"`, edge), want: []string{"ignored: parent-missing(Gateway shop/edge)"}},
		"the Gateway isn't there, and an auto key triggers": {set: set(`kubernetes.io/tls-acme: "true"`, edge), auto: []string{"ListenerSet"}, want: []string{"ignored: parent-missing(Gateway shop/edge)", "error ParentNotFound spec.parentRef: Gateway shop/edge isn't there"}},
		"the Gateway isn't in the manifests": {
			set: set(own, edge), offline: true, issuer: "ca", from: resolver.FromAnnotation,
			want: []string{createIt, "warning ParentNotFound spec.parentRef: Gateway shop/edge isn't in the input: judged on its own annotations, as one that is admitted"},
		},
		"the Gateway is being deleted": {
			gateway: gateway(named, admits), set: set(own, edge), deleting: true,
			want: []string{"ignored: parent-missing(Gateway shop/edge)", "error ParentNotFound spec.parentRef: Gateway shop/edge isn't there"},
		},
		"it is being deleted in the manifests": {
			gateway: gateway(named, admits), set: set(own, edge), deleting: true, offline: true,
			want: []string{"ignored: parent-missing(Gateway shop/edge)", "error ParentNotFound spec.parentRef: Gateway shop/edge isn't there"},
		},
		"the Gateway refuses": {
			gateway: gateway(named, ""), set: set(own, edge),
			want: []string{
				"ignored: parent-refuses(Gateway shop/edge admits no ListenerSets (spec.allowedListeners.namespaces.from is None, the default))",
				"error ParentRefuses spec.parentRef: Gateway shop/edge admits no ListenerSets (spec.allowedListeners.namespaces.from is None, the default)",
			},
		},
		"the Gateway refuses one that has no issuer of its own": {
			gateway: gateway(named, ""), set: set("", edge),
			want: []string{"ignored: parent-refuses(Gateway shop/edge admits no ListenerSets (spec.allowedListeners.namespaces.from is None, the default))"},
		},
		"the Gateway refuses one whose own issuer is misspelt": {
			gateway: gateway(named, ""), set: set("cert-manager.io/cluster-isuer: ca", edge),
			want: []string{
				"ignored: parent-refuses(Gateway shop/edge admits no ListenerSets (spec.allowedListeners.namespaces.from is None, the default))",
				`warning UnknownAnnotation cert-manager.io/cluster-isuer: unknown annotation, which does nothing (value "ca"); did you mean "cert-manager.io/cluster-issuer"?`,
			},
		},
		"by the labels of its namespace": {
			gateway: gateway(named, "allowedListeners: {namespaces: {from: Selector, selector: {matchLabels: {a: b}}}}"), set: set("", edge),
			labels: labels{"a": "b"}, issuer: "edge-ca", from: certshim.FromParent, want: []string{createIt},
		},
		"labels that can't be read": {
			gateway: gateway(named, "allowedListeners: {namespaces: {from: Selector, selector: {matchLabels: {a: b}}}}"), set: set("", edge),
			want: []string{
				"wait web-tls: parent-uncertain(Gateway shop/edge admits ListenerSets by the labels of their namespace, and those of shop can't be read)",
				"warning ParentRefuses spec.parentRef: Gateway shop/edge admits ListenerSets by the labels of their namespace, and those of shop can't be read",
			},
		},
		"a parent of another kind": {
			gateway: gateway(named, admits), set: set(own, "{name: edge, kind: Service, group: ''}"),
			want: []string{
				`ignored: parent-invalid(its parent is a Service of group "", not a Gateway)`,
				`error ParentNotFound spec.parentRef: its parent is a Service of group "", not a Gateway`,
			},
		},
		"a Gateway of the core group": {
			gateway: gateway(named, admits), set: set(own, "{name: edge, group: ''}"),
			want: []string{
				"ignored: parent-invalid(its parent is a Gateway of the core group, which has none: leave out spec.parentRef.group, or set it to gateway.networking.k8s.io)",
				"error ParentNotFound spec.parentRef: its parent is a Gateway of the core group, which has none: leave out spec.parentRef.group, or set it to gateway.networking.k8s.io",
			},
		},
		"no parent": {
			set: set(own, "{}"),
			want: []string{
				"ignored: parent-invalid(it has no parentRef with a name: it attaches to no Gateway)",
				"error ParentNotFound spec.parentRef: it has no parentRef with a name: it attaches to no Gateway",
			},
		},
		"a parent whose name is a trap": {
			set: set(own, `{name: "edge\nERROR", kind: "Gate\nway"}`),
			want: []string{
				`ignored: parent-invalid(its parent is a "Gate\nway" of group "gateway.networking.k8s.io", not a Gateway)`,
				`error ParentNotFound spec.parentRef: its parent is a "Gate\nway" of group "gateway.networking.k8s.io", not a Gateway`,
			},
		},
		"a Gateway whose name is a trap": {
			set:  set(own, `{name: "edge\nERROR"}`),
			want: []string{`ignored: parent-missing(Gateway shop/"edge\nERROR")`, `error ParentNotFound spec.parentRef: Gateway shop/"edge\nERROR" isn't there`},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, newPolicy(t, func(p *certshim.Policy) {
				p.Offline = tt.offline
				p.AutoKinds = append(p.AutoKinds, tt.auto...)
			}))
			if tt.labels != nil {
				c.namespace(tt.labels, nil)
			}
			if tt.gateway != "" {
				edge := read(t, tt.gateway)
				if tt.deleting {
					deleting(edge)
				}
				c.put(edge)
			}
			out := c.decide(c.add(tt.set))
			compare(t, tt.want, out)
			if out.Issuer.Name != tt.issuer || out.Issuer.From != tt.from {
				t.Errorf("issuer %+v", out.Issuer)
			}
		})
	}
	t.Run("a Certificate stays when the Gateway goes", func(t *testing.T) {
		c, parent := newCluster(t, newPolicy(t)), read(t, gateway(named, admits))
		c.put(parent)
		object := c.add(set("", edge))
		c.carryOut(c.decide(object))
		c.woken()
		c.drop(c.sourcesLike(parent), parent)
		if woken := c.woken(); !slices.Equal(woken, []string{"edge", "web"}) {
			t.Errorf("woken are %v", woken)
		}
		compare(t, []string{
			"keep web-tls: no-longer-kept; parent-missing(Gateway shop/edge)",
			`warning NoLongerKept metadata.annotations: Certificate web-tls stays as it is and is no longer kept up to date: Gateway shop/edge isn't there (value "web-tls")`,
		}, c.decide(object))
	})
}

// The operator's and the object's say in what counts reaches the source.
func TestOptionsReachTheListeners(t *testing.T) {
	c := newCluster(t, newPolicy(t, func(p *certshim.Policy) { p.ExtraProtocols = []string{"example.com/TLS"} }))
	object := c.add(`{kind: Gateway, metadata: {name: edge, annotations: {cert-manager.io/issuer: ca, cert-manager.io/ignore-tls-listeners: skip}},
spec: {listeners: [
{name: a, protocol: example.com/TLS, hostname: a.example.com, tls: {certificateRefs: [{name: web-tls}]}},
{name: skip, protocol: TLS, hostname: b.example.com, tls: {certificateRefs: [{name: skip-tls}]}}]}}`)
	compare(t, []string{createIt, "refuse skip-tls: left-out"}, c.decide(object))
}

// Which of two solver annotations wins depends on the kind: a Gateway has no Ingress to edit.
func TestEditInPlaceBesideAClass(t *testing.T) {
	const asks = "cert-manager.io/issuer: ca, acme.cert-manager.io/http01-edit-in-place: 'true', acme.cert-manager.io/http01-ingress-class: nginx"
	const class, name = "acme.cert-manager.io/http01-override-ingress-class", "acme.cert-manager.io/http01-override-ingress-name"
	for manifest, want := range map[string]string{
		ingress(asks, webTLS): name,
		"{kind: Gateway, metadata: {name: edge, annotations: {" + asks + "}}, spec: {listeners: [{name: a, protocol: HTTPS, hostname: a.example.com, tls: {certificateRefs: [{name: web-tls}]}}]}}": class,
	} {
		c := newCluster(t, newPolicy(t))
		out := c.decide(c.add(manifest))
		written := out.Certificates[0].Config["metadata"].(map[string]any)["annotations"].(map[string]any)
		if written[want] == nil || written[class] != nil && written[name] != nil || len(out.Problems.All()) != 1 {
			t.Errorf("%s: written %v, problems %v", out.Source.Kind, written, out.Problems.All())
		}
	}
}

// The served fields and the operator's labels reach the Certificate.
func TestPolicyReachesTheCertificate(t *testing.T) {
	object := read(t, ingress("cert-manager.io/issuer: ca, cert-manager.io/duration: 2h", webTLS))
	object.SetLabels(map[string]string{"team": "a", "app": "web"})
	labels, err := annotations.NewLabels([]string{"team"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := newCluster(t, newPolicy(t, func(p *certshim.Policy) { p.Certificate.Labels = labels }))
	fields := inventory.Fields{}
	for _, name := range []string{"secretName", "dnsNames", "usages", "issuerRef", "issuerRef.group", "issuerRef.kind", "issuerRef.name"} {
		fields["spec."+name] = true
	}
	c.Serve(inventory.Served{}, fields)
	out := c.ask(object)
	compare(t, []string{createIt, "error FieldNotServed spec.duration (Certificate web-tls): the Certificate CRD of this cluster doesn't have the field; it is left out"}, out)
	if diff := cmp.Diff(map[string]any{"app": "web"}, out.Certificates[0].Config["metadata"].(map[string]any)["labels"]); diff != "" {
		t.Error(diff)
	}
}

// An issuer's problem comes with the lines that would be right, under the annotation's key.
func TestIssuerProblemsCarryLinesToPaste(t *testing.T) {
	tests := map[string]struct{ annotations, key, lines string }{
		"two ways to mean one": {
			"cert-manager.io/issuer: a, cert-manager.io/cluster-issuer: b", "cert-manager.io/cluster-issuer",
			"  cert-manager.io/issuer: a\nor\n  cert-manager.io/cluster-issuer: b",
		},
		"nothing could be meant": {
			"cert-manager.io/issuer: a b", "cert-manager.io/issuer",
			"  cert-manager.io/issuer: name-of-the-issuer\nor\n  cert-manager.io/cluster-issuer: name-of-the-issuer",
		},
		"an external issuer": {
			"cert-manager.io/issuer: a, cert-manager.io/issuer-kind: StepIsuer, cert-manager.io/issuer-group: certmanager.step.sm", "cert-manager.io/issuer-kind",
			"  cert-manager.io/issuer: a\n  cert-manager.io/issuer-kind: StepIssuer\n  cert-manager.io/issuer-group: certmanager.step.sm",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, newPolicy(t))
			all := c.decide(c.add(ingress(tt.annotations, webTLS))).Problems.All()
			if len(all) != 1 || all[0].Key != tt.key || all[0].Path != "metadata.annotations["+tt.key+"]" || all[0].Lines != tt.lines {
				t.Errorf("got %+v", all)
			}
		})
	}
	t.Run("a warning has none", func(t *testing.T) {
		c := newCluster(t, newPolicy(t))
		all := c.decide(c.add(ingress("cert-manager.io/issuer: a, cert-manager.io/issuer-kind: K, cert-manager.io/issuer-group: strange.example.com", webTLS))).Problems.All()
		if len(all) != 1 || all[0].Severity != problem.Warning || all[0].Lines != "" || !strings.HasPrefix(all[0].Path, "metadata.annotations[cert-manager.io/") {
			t.Errorf("got %+v", all)
		}
	})
}
