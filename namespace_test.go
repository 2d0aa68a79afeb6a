package certshim_test

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// byNamespaces is a policy by which Namespaces name default issuers, before the cluster's.
func byNamespaces(t *testing.T) *certshim.Policy {
	t.Helper()
	policy := newPolicy(t)
	policy.NamespaceDefaults = true
	return policy
}

// inNamespace has the Namespace shop with these annotations.
func inNamespace(t *testing.T, policy *certshim.Policy, annotations map[string]string) *cluster {
	t.Helper()
	c := newCluster(t, policy)
	c.namespace(nil, annotations)
	return c
}

func TestWhoNamesTheIssuer(t *testing.T) {
	clusterIssuer := func(name string) resolver.Ref {
		return resolver.Ref{Group: "cert-manager.io", Kind: "ClusterIssuer", Name: name}
	}
	asks := func(keys map[string]string) *unstructured.Unstructured {
		keys["kubernetes.io/tls-acme"] = "true"
		return ingressWith(keys)
	}
	corp := issuerKeys("corp", "", "AWSPCAClusterIssuer", "awspca.cert-manager.io")
	for name, row := range map[string]struct {
		object    *unstructured.Unstructured
		namespace map[string]string
		rules     []certshim.Rule
		want      resolver.Ref
		from      resolver.Origin
	}{
		"the object":                            {asks(issuerKeys("", "mine", "", "")), corp, []certshim.Rule{{Name: "r", Issuer: corpIssuer("rule")}}, clusterIssuer("mine"), resolver.FromAnnotation},
		"a policy":                              {auto(), corp, []certshim.Rule{{Name: "r", Issuer: corpIssuer("rule")}}, corpIssuer("rule"), certshim.FromPolicy},
		"the Namespace, where a policy doesn't": {auto(), corp, []certshim.Rule{{Name: "r"}}, corpIssuer("corp"), certshim.FromNamespace},
		"the Namespace, by cluster-issuer":      {auto(), issuerKeys("", "ns", "", ""), nil, clusterIssuer("ns"), certshim.FromNamespace},
		"the cluster's default":                 {auto(), map[string]string{"example.com/team": "a"}, nil, clusterIssuer("default-ca"), resolver.FromDefault},
		"an empty value, which is none":         {auto(), map[string]string{"cert-manager.io/issuer-kind": " "}, nil, clusterIssuer("default-ca"), resolver.FromDefault},
		"the object's own kind":                 {asks(issuerKeys("", "", "AWSPCAIssuer", "")), corp, nil, resolver.Ref{Group: "awspca.cert-manager.io", Kind: "AWSPCAIssuer", Name: "corp"}, certshim.FromNamespace},
	} {
		t.Run(name, func(t *testing.T) {
			policy := byNamespaces(t)
			policy.Rules = row.rules
			c := inNamespace(t, policy, row.namespace)
			outcome := c.ask(row.object)
			if outcome.Issuer.Ref != row.want || outcome.Issuer.From != row.from || outcome.Problems.HasErrors() {
				t.Errorf("issuer %+v, problems %v", outcome.Issuer, outcome.Problems.All())
			}
			if reads := row.from == certshim.FromNamespace || row.from == resolver.FromDefault; c.Needs().Namespaces != reads {
				t.Errorf("it goes by the annotations: %v, want %v", !reads, reads)
			}
		})
	}
}

func TestANamespaceTriggersNothing(t *testing.T) {
	keys := issuerKeys("ca", "", "", "")
	keys["kubernetes.io/tls-acme"] = "true"
	c := inNamespace(t, byNamespaces(t), keys)
	outcome := c.ask(ingressWith(nil))
	if outcome.Ignored.IsZero() || c.Needs().Namespaces {
		t.Errorf("got %+v", outcome)
	}
}

func TestNamespacesCountOnlyWhereTheOperatorWantsIt(t *testing.T) {
	policy := byNamespaces(t)
	policy.NamespaceDefaults = false
	c := inNamespace(t, policy, issuerKeys("ca", "", "", ""))
	outcome := c.ask(auto())
	if outcome.Issuer.From != resolver.FromDefault || c.Needs().Namespaces || policy.ReadsNamespaces() {
		t.Errorf("got %+v", outcome)
	}
	if !byNamespaces(t).ReadsNamespaces() {
		t.Error("Namespaces aren't watched")
	}
}

// A mistake on a Namespace is reported like one on an object, except for its place, and only to
// the objects that need it.
func TestEachWrongIssuerOnANamespace(t *testing.T) {
	policy := byNamespaces(t)
	named := ingressWith(issuerKeys("", "mine", "", ""))
	wrong := append(wrongIssuers(), issuerKeys("", "", "AWSPCAClusterIssuer", "awspca.cert-manager.io"))
	for _, keys := range wrong {
		if keys["kubernetes.io/tls-acme"] != "" {
			continue
		}
		c := inNamespace(t, policy, keys)
		outcome := c.ask(auto())
		if action(t, outcome) != certificate.Refuse {
			t.Errorf("%q: %s", keys, action(t, outcome))
		}
		p := oneProblem(t, outcome)
		if p.Severity != problem.Error || p.Reason != problem.BadIssuer || p.Path != "" || !strings.HasPrefix(p.Message, "on Namespace shop: ") {
			t.Errorf("%q: %+v", keys, p)
		}
		if own := newCluster(t, policy).ask(ingressWith(keys)); own.Problems.HasErrors() && len(own.Problems.All()) == 1 {
			same := oneProblem(t, own)
			if p.Key != same.Key || p.Value != same.Value || p.Lines != same.Lines || p.Message != "on Namespace shop: "+same.Message {
				t.Errorf("%q: on the object it is %v, here %v", keys, same, p)
			}
		}
		if outcome := c.ask(named); action(t, outcome) != certificate.Create || !outcome.Problems.Empty() {
			t.Errorf("%q breaks an object that names its issuer: %s, %v", keys, action(t, outcome), outcome.Problems.All())
		}
	}
}

func TestWhatElseIsToldOfANamespace(t *testing.T) {
	kind := map[string]string{"kubernetes.io/tls-acme": "true", "cert-manager.io/issuer-kind": "issuer"}
	for name, row := range map[string]struct {
		object    *unstructured.Unstructured
		namespace map[string]string
		want      string
	}{
		"a key that is misspelt":   {auto(), map[string]string{"cert-manager.io/cluster-isuer": "ca"}, `cert-manager.io/cluster-isuer: on Namespace shop: unknown annotation, which does nothing (value "ca"); did you mean "cert-manager.io/cluster-issuer"?`},
		"a value that can't be":    {auto(), map[string]string{"cert-manager.io/issuer": "\xff"}, `cert-manager.io/issuer: on Namespace shop: not valid UTF-8 (value "\xff"); allowed: the name of an issuer`},
		"a kind without its group": {auto(), issuerKeys("a", "", "AWSPCAClusterIssuer", ""), `cert-manager.io/issuer-kind: on Namespace shop: the kind has no group beside it, and is read as one of awspca.cert-manager.io, the only one that fits: write issuer-group too (value "AWSPCAClusterIssuer")`},
		"the object's own key":     {ingressWith(kind), issuerKeys("a", "", "", ""), `cert-manager.io/issuer-kind: not a kind (value "issuer")`},
	} {
		t.Run(name, func(t *testing.T) {
			p := oneProblem(t, inNamespace(t, byNamespaces(t), row.namespace).ask(row.object))
			if p.Lines = ""; !strings.HasPrefix(p.Error(), row.want) {
				t.Errorf("got %s", p.Error())
			}
		})
	}
	c := newIssued(t, byNamespaces(t))
	c.namespace(nil, issuerKeys("gone", "", "", ""))
	outcome := c.ask(auto())
	if p := oneProblem(t, outcome); p.Reason != problem.IssuerNotFound || p.Key != "cert-manager.io/issuer" || p.Path != "" || !strings.HasPrefix(p.Message, "the issuer of Namespace shop: there is no Issuer gone") {
		t.Errorf("got %+v", p)
	}
}

// While a Namespace can't be read, what may go by it is neither made nor changed.
func TestANamespaceThatCantBeRead(t *testing.T) {
	policy := byNamespaces(t)
	c := newCluster(t, policy)
	if outcome := c.ask(auto()); action(t, outcome) != certificate.Wait || !outcome.Problems.Empty() {
		t.Errorf("%s, %v", action(t, outcome), outcome.Problems.All())
	}
	c.namespace(nil, issuerKeys("corp", "", "", ""))
	if woken := c.woken(); !slices.Contains(woken, "web") {
		t.Errorf("once it can be read, woken are %v", woken)
	}
	c.carryOut(c.ask(auto()))
	c.Namespaces().Clear()
	if outcome := c.ask(auto()); action(t, outcome) != certificate.Keep {
		t.Errorf("one that exists: %s", action(t, outcome))
	}
	if outcome := newCluster(t, policy).ask(ingressWith(issuerKeys("ca", "", "", ""))); action(t, outcome) != certificate.Create {
		t.Errorf("one that needs no Namespace: %s", action(t, outcome))
	}
	policy.Offline = true
	if outcome := newCluster(t, policy).ask(auto()); outcome.Issuer.From != resolver.FromDefault {
		t.Errorf("in a plan of files without the Namespace: %+v", outcome.Issuer)
	}
}

// A policy's limits hold for the issuer of a Namespace, too.
func TestAPolicyLimitsTheIssuerOfANamespace(t *testing.T) {
	policy := byNamespaces(t)
	policy.Rules = []certshim.Rule{{Name: "tenant", AllowedIssuers: []resolver.Ref{corpIssuer("corp")}}}
	outcome := inNamespace(t, policy, issuerKeys("other", "", "", "")).ask(auto())
	if p := oneProblem(t, outcome); action(t, outcome) != certificate.Refuse || p.Reason != problem.IssuerNotAllowed || p.Value != "other" {
		t.Errorf("%s, %+v", action(t, outcome), p)
	}
}
