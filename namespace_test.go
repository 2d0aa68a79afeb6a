package certshim_test

import (
	"strings"
	"testing"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// annotated is a cluster whose Namespaces have these annotations; nil means that none can
// be read.
type annotated struct {
	issuerCluster
	keys map[string]string
}

func (a annotated) Namespace(string) (certshim.Namespace, bool) {
	return certshim.Namespace{Annotations: a.keys}, a.keys != nil
}

func (a annotated) Issuers() resolver.Issuers { return a }

func (a annotated) Find(resolver.IssuerKey) (resolver.Finding, bool) {
	return there(resolver.Ready), true
}

// withoutIssuers has none.
type withoutIssuers struct{ annotated }

func (w withoutIssuers) Issuers() resolver.Issuers { return w.issuerCluster }

// byNamespaces is a policy by which Namespaces name default issuers, before the cluster's.
func byNamespaces(t *testing.T) *certshim.Policy {
	t.Helper()
	policy := newPolicy(t)
	policy.NamespaceDefaults = true
	return policy
}

func TestWhoNamesTheIssuer(t *testing.T) {
	clusterIssuer := func(name string) resolver.Ref {
		return resolver.Ref{Group: "cert-manager.io", Kind: "ClusterIssuer", Name: name}
	}
	asks := func(keys map[string]string) *source.Object {
		object := ingressWith(keys)
		object.Annotations["kubernetes.io/tls-acme"] = "true"
		return object
	}
	corp := issuerKeys("corp", "", "AWSPCAClusterIssuer", "awspca.cert-manager.io")
	for name, row := range map[string]struct {
		object    *source.Object
		namespace map[string]string
		rules     []certshim.Rule
		want      resolver.Ref
		from      resolver.Origin
	}{
		"the object":                            {asks(issuerKeys("", "mine", "", "")), corp, []certshim.Rule{{Name: "r", Issuer: corpIssuer("rule")}}, clusterIssuer("mine"), resolver.FromAnnotation},
		"a policy":                              {auto(), corp, []certshim.Rule{{Name: "r", Issuer: corpIssuer("rule")}}, corpIssuer("rule"), resolver.FromPolicy},
		"the Namespace, where a policy doesn't": {auto(), corp, []certshim.Rule{{Name: "r"}}, corpIssuer("corp"), resolver.FromNamespace},
		"the Namespace, by cluster-issuer":      {auto(), issuerKeys("", "ns", "", ""), nil, clusterIssuer("ns"), resolver.FromNamespace},
		"the cluster's default":                 {auto(), map[string]string{"example.com/team": "a"}, nil, clusterIssuer("default-ca"), resolver.FromDefault},
		"an empty value, which is none":         {auto(), map[string]string{"cert-manager.io/issuer-kind": " "}, nil, clusterIssuer("default-ca"), resolver.FromDefault},
		"the object's own kind":                 {asks(issuerKeys("", "", "AWSPCAIssuer", "")), corp, nil, resolver.Ref{Group: "awspca.cert-manager.io", Kind: "AWSPCAIssuer", Name: "corp"}, resolver.FromNamespace},
	} {
		t.Run(name, func(t *testing.T) {
			policy := byNamespaces(t)
			policy.Rules = row.rules
			outcome := certshim.Decide(policy, row.object, annotated{keys: row.namespace})
			if outcome.Issuer.Ref != row.want || outcome.Issuer.From != row.from || outcome.Problems.HasErrors() {
				t.Errorf("issuer %+v, problems %v", outcome.Issuer, outcome.Problems.All())
			}
			if reads := row.from == resolver.FromNamespace || row.from == resolver.FromDefault; outcome.OnAnnotations != reads {
				t.Errorf("it goes by the annotations: %v, want %v", outcome.OnAnnotations, reads)
			}
		})
	}
}

func TestANamespaceTriggersNothing(t *testing.T) {
	keys := issuerKeys("ca", "", "", "")
	keys["kubernetes.io/tls-acme"] = "true"
	outcome := certshim.Decide(byNamespaces(t), ingressWith(nil), annotated{keys: keys})
	if outcome.Ignored == "" || outcome.OnAnnotations {
		t.Errorf("got %+v", outcome)
	}
}

func TestNamespacesCountOnlyWhereTheOperatorWantsIt(t *testing.T) {
	policy := byNamespaces(t)
	policy.NamespaceDefaults = false
	outcome := certshim.Decide(policy, auto(), annotated{keys: issuerKeys("ca", "", "", "")})
	if outcome.Issuer.From != resolver.FromDefault || outcome.OnAnnotations || policy.ReadsNamespaces() {
		t.Errorf("got %+v", outcome)
	}
	if !byNamespaces(t).ReadsNamespaces() {
		t.Error("Namespaces aren't watched")
	}
}

// What is wrong on a Namespace is told as on an object, but for where it stands, and only to
// the objects that need it.
func TestEachWrongIssuerOnANamespace(t *testing.T) {
	policy := byNamespaces(t)
	named := ingressWith(issuerKeys("", "mine", "", ""))
	wrong := append(wrongIssuers(), issuerKeys("", "", "AWSPCAClusterIssuer", "awspca.cert-manager.io"))
	for _, keys := range wrong {
		if keys["kubernetes.io/tls-acme"] != "" {
			continue
		}
		seen := annotated{keys: keys}
		outcome := certshim.Decide(policy, auto(), seen)
		if action(t, outcome) != certificate.Refuse {
			t.Errorf("%q: %s", keys, action(t, outcome))
		}
		p := oneProblem(t, outcome)
		if p.Severity != problem.Error || p.Reason != problem.BadIssuer || p.Path != "" || !strings.HasPrefix(p.Message, "on Namespace shop: ") {
			t.Errorf("%q: %+v", keys, p)
		}
		if own := certshim.Decide(policy, ingressWith(keys), emptyCluster{}); own.Problems.HasErrors() && len(own.Problems.All()) == 1 {
			same := oneProblem(t, own)
			if p.Key != same.Key || p.Value != same.Value || p.Lines != same.Lines || p.Message != "on Namespace shop: "+same.Message {
				t.Errorf("%q: on the object it is %v, here %v", keys, same, p)
			}
		}
		if outcome := certshim.Decide(policy, named, seen); action(t, outcome) != certificate.Create || !outcome.Problems.Empty() {
			t.Errorf("%q breaks an object that names its issuer: %s, %v", keys, action(t, outcome), outcome.Problems.All())
		}
	}
}

func TestWhatElseIsToldOfANamespace(t *testing.T) {
	kind := map[string]string{"kubernetes.io/tls-acme": "true", "cert-manager.io/issuer-kind": "issuer"}
	for name, row := range map[string]struct {
		object    *source.Object
		namespace map[string]string
		want      string
	}{
		"a key that is misspelt":   {auto(), map[string]string{"cert-manager.io/cluster-isuer": "ca"}, `cert-manager.io/cluster-isuer: on Namespace shop: unknown annotation, which does nothing (value "ca"); did you mean "cert-manager.io/cluster-issuer"?`},
		"a value that can't be":    {auto(), map[string]string{"cert-manager.io/issuer": "\xff"}, `cert-manager.io/issuer: on Namespace shop: not valid UTF-8 (value "\xff"); allowed: the name of an issuer`},
		"a kind without its group": {auto(), issuerKeys("a", "", "AWSPCAClusterIssuer", ""), `cert-manager.io/issuer-kind: on Namespace shop: the kind has no group beside it, and is read as one of awspca.cert-manager.io, the only one that fits: write issuer-group too (value "AWSPCAClusterIssuer")`},
		"the object's own key":     {ingressWith(kind), issuerKeys("a", "", "", ""), `cert-manager.io/issuer-kind: not a kind (value "issuer")`},
	} {
		t.Run(name, func(t *testing.T) {
			p := oneProblem(t, certshim.Decide(byNamespaces(t), row.object, annotated{keys: row.namespace}))
			if p.Lines = ""; !strings.HasPrefix(p.Error(), row.want) {
				t.Errorf("got %s", p.Error())
			}
		})
	}
	outcome := certshim.Decide(byNamespaces(t), auto(), withoutIssuers{annotated{keys: issuerKeys("gone", "", "", "")}})
	if p := oneProblem(t, outcome); p.Reason != problem.IssuerNotFound || p.Key != "cert-manager.io/issuer" || p.Path != "" || !strings.HasPrefix(p.Message, "the issuer of Namespace shop: there is no Issuer gone") {
		t.Errorf("got %+v", p)
	}
}

// While a Namespace can't be read, what may go by it is neither made nor changed.
func TestANamespaceThatCantBeRead(t *testing.T) {
	policy := byNamespaces(t)
	if outcome := certshim.Decide(policy, auto(), annotated{}); action(t, outcome) != certificate.Refuse || !outcome.OnAnnotations || !outcome.Problems.Empty() {
		t.Errorf("%s, %v", action(t, outcome), outcome.Problems.All())
	}
	first := certshim.Decide(policy, auto(), annotated{keys: issuerKeys("corp", "", "", "")})
	seen := annotated{issuerCluster: issuerCluster{web: written(t, first)}}
	if outcome := certshim.Decide(policy, auto(), seen); action(t, outcome) != certificate.Keep {
		t.Errorf("one that exists: %s", action(t, outcome))
	}
	if outcome := certshim.Decide(policy, ingressWith(issuerKeys("ca", "", "", "")), annotated{}); action(t, outcome) != certificate.Create {
		t.Errorf("one that needs no Namespace: %s", action(t, outcome))
	}
	policy.Offline = true
	if outcome := certshim.Decide(policy, auto(), annotated{}); outcome.Issuer.From != resolver.FromDefault {
		t.Errorf("in a plan of files without the Namespace: %+v", outcome.Issuer)
	}
}

// A policy's limits hold for the issuer of a Namespace, too.
func TestAPolicyLimitsTheIssuerOfANamespace(t *testing.T) {
	policy := byNamespaces(t)
	policy.Rules = []certshim.Rule{{Name: "tenant", AllowedIssuers: []resolver.Ref{corpIssuer("corp")}}}
	outcome := certshim.Decide(policy, auto(), annotated{keys: issuerKeys("other", "", "", "")})
	if p := oneProblem(t, outcome); action(t, outcome) != certificate.Refuse || p.Reason != problem.IssuerNotAllowed || p.Value != "other" {
		t.Errorf("%s, %+v", action(t, outcome), p)
	}
}
