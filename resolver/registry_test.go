package resolver_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/certshim/certshim/resolver"
)

func TestAHigherLevelWinsWhole(t *testing.T) {
	own := entry(resolver.LevelOperator, "own-step", "certmanager.step.sm", clusterScoped("StepIssuer", "stepissuers"))
	for _, order := range []string{"shipped first", "own first"} {
		shipped, err := resolver.Shipped()
		if err != nil {
			t.Fatal(err)
		}
		entries := append(slices.Clone(shipped), own)
		if order == "own first" {
			entries = append([]resolver.IssuerType{own}, shipped...)
		}
		registry, err := resolver.NewRegistry(resolver.Defaults{}, entries)
		if err != nil {
			t.Fatalf("%s: %v", order, err)
		}
		answer := registry.Resolve(resolver.Lookup{ClusterName: "c", Kind: "StepIssuer", Group: "certmanager.step.sm"}, nil)
		if !answer.OK || answer.Issuer.Scope != resolver.Cluster {
			t.Errorf("%s: the operator's declaration doesn't hold: %v", order, answer.Problems.All())
		}
	}
}

func TestRegistryRefusesWhatIsAmbiguous(t *testing.T) {
	first := entry(resolver.LevelOperator, "first", "pki.example.com", namespaced("CorpIssuer", "corpissuers"))
	second := entry(resolver.LevelOperator, "second", "pki.example.com", namespaced("CorpIssuer", "corpissuers"))
	for name, row := range map[string]struct {
		defaults resolver.Defaults
		entries  []resolver.IssuerType
		want     []string
	}{
		"the same kind twice in a level": {resolver.Defaults{}, []resolver.IssuerType{first, second}, []string{"first", "second", "CorpIssuer", "pki.example.com"}},
		"cert-manager's own":             {resolver.Defaults{}, []resolver.IssuerType{entry(resolver.LevelOperator, "mine", "cert-manager.io", namespaced("Issuer", "issuers"))}, []string{"mine", "built in"}},
		"a group with a version":         {resolver.Defaults{}, []resolver.IssuerType{entry(resolver.LevelOperator, "mine", "a.example.com/v1", namespaced("K", "ks"))}, []string{"a.example.com/v1"}},
		"no kind":                        {resolver.Defaults{}, []resolver.IssuerType{entry(resolver.LevelOperator, "mine", "a.example.com")}, []string{"names no kind"}},
		"a kind in small letters":        {resolver.Defaults{}, []resolver.IssuerType{entry(resolver.LevelOperator, "mine", "a.example.com", namespaced("k", "ks"))}, []string{`"k"`}},
		"no resource":                    {resolver.Defaults{}, []resolver.IssuerType{entry(resolver.LevelOperator, "mine", "a.example.com", namespaced("K", ""))}, []string{"resource"}},
		"no scope":                       {resolver.Defaults{}, []resolver.IssuerType{entry(resolver.LevelOperator, "mine", "a.example.com", resolver.DeclaredKind{Kind: "K", Resource: "ks"})}, []string{"Namespaced", "Cluster"}},
		"a default name":                 {resolver.Defaults{Name: "A b"}, nil, []string{`"A b"`}},
		"a default kind":                 {resolver.Defaults{Kind: "issuer"}, nil, []string{`"issuer"`}},
		"a default group":                {resolver.Defaults{Group: "g/v1"}, nil, []string{`"g/v1"`}},
		"all at once":                    {resolver.Defaults{Kind: "issuer"}, []resolver.IssuerType{first, second}, []string{`"issuer"`, "second"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := resolver.NewRegistry(row.defaults, row.entries)
			if err == nil {
				t.Fatal("it is taken")
			}
			for _, part := range row.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is not in: %v", part, err)
				}
			}
		})
	}
}

func TestKindsAreListedInOrder(t *testing.T) {
	kinds := newRegistry(t, resolver.Defaults{}).Kinds()
	if kinds[0].Group != resolver.CertManagerGroup || kinds[1].Group != resolver.CertManagerGroup {
		t.Errorf("cert-manager's own aren't first: %+v", kinds[:2])
	}
	rest := kinds[2:]
	if !slices.IsSortedFunc(rest, func(a, b resolver.Known) int {
		return strings.Compare(a.Group+"\x00"+a.GroupKind.Kind, b.Group+"\x00"+b.GroupKind.Kind)
	}) {
		t.Error("not sorted by group and kind")
	}
}

func TestKnows(t *testing.T) {
	registry := newRegistry(t, resolver.Defaults{})
	if !registry.Knows(resolver.GroupKind{Group: "cert-manager.io", Kind: "Issuer"}) ||
		!registry.Knows(resolver.GroupKind{Group: "certmanager.step.sm", Kind: "StepIssuer"}) ||
		registry.Knows(resolver.GroupKind{Group: "cert-manager.io", Kind: "StepIssuer"}) {
		t.Error("it doesn't know what it knows")
	}
}
