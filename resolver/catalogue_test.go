package resolver_test

import (
	"strings"
	"testing"

	"github.com/certshim/certshim/resolver"
)

func declared(t testing.TB) []*resolver.IssuerType {
	t.Helper()
	var entries []*resolver.IssuerType
	for _, known := range newRegistry(t, resolver.Defaults{}).Kinds() {
		if len(entries) == 0 || entries[len(entries)-1] != known.Type {
			entries = append(entries, known.Type)
		}
	}
	return entries
}

func TestTheCataloguesOwnCasesPass(t *testing.T) {
	for _, entry := range declared(t) {
		outcomes, err := entry.RunCases(t.Context())
		if err != nil {
			t.Errorf("%s: %v", entry.ID, err)
		}
		for _, outcome := range outcomes {
			for _, fault := range outcome.Faults {
				t.Errorf("%s: %s: %s", entry.File, outcome.Case, fault)
			}
		}
	}
}

func TestTheCatalogueIsWhole(t *testing.T) {
	for _, entry := range declared(t) {
		if entry.Title == "" || entry.Verified == "" || entry.Approval.By == "" {
			t.Errorf("%s lacks its title, how it was verified, or who approves", entry.File)
		}
		if entry.File != "catalogue/"+entry.ID+".yaml" {
			t.Errorf("%s declares %s", entry.File, entry.ID)
		}
	}
}

// A copied example names an issuer of its type, without any warning.
func TestExamplesNameAnIssuerOfTheType(t *testing.T) {
	registry := newRegistry(t, resolver.Defaults{})
	for _, entry := range declared(t) {
		lookup := resolver.Lookup{
			Name: entry.Example["cert-manager.io/issuer"], ClusterName: entry.Example["cert-manager.io/cluster-issuer"],
			Kind: entry.Example["cert-manager.io/issuer-kind"], Group: entry.Example["cert-manager.io/issuer-group"],
		}
		answer := registry.Resolve(lookup, nil)
		if !answer.OK || !answer.Problems.Empty() || answer.Issuer.Group != entry.Group {
			t.Errorf("%s: %+v", entry.File, answer)
		}
	}
}

func TestFormerKindsAreKnownAndNeverSuggested(t *testing.T) {
	registry := newRegistry(t, resolver.Defaults{})
	full := registry.Resolve(resolver.Lookup{Name: "i", Kind: "ClusterIssuer", Group: "sample-issuer.example.com"}, nil)
	if !full.OK || full.Issuer.Scope != resolver.Cluster || !full.Problems.Empty() {
		t.Errorf("a former kind isn't known: %+v", full)
	}
	near := registry.Resolve(resolver.Lookup{Name: "i", Kind: "SampleClusterIsuer", Group: "sample-issuer.example.com"}, nil)
	for _, suggestion := range near.Suggestions {
		if !strings.HasPrefix(suggestion.Kind, "Sample") {
			t.Errorf("%s is suggested", show(suggestion))
		}
	}
}

func TestTheShippedCatalogueSetsNothing(t *testing.T) {
	for _, known := range newRegistry(t, resolver.Defaults{}).Kinds() {
		for variant := range 9 {
			said := known.Declared(uint8(variant))
			if len(said.Values.Set()) > 0 || len(said.CopyAnnotations) > 0 || said.Namespaces != nil {
				t.Errorf("%s: variant %d sets %+v", known.Type.ID, variant, said)
			}
			if err := said.Check(resolver.Grant{MayRefuse: true}); err != nil {
				t.Errorf("%s: variant %d: %v", known.Type.ID, variant, err)
			}
		}
	}
}

func BenchmarkReadAnIssuer(b *testing.B) {
	known, _ := newRegistry(b, resolver.Defaults{}).Known(resolver.GroupKind{Group: "cert-manager.io", Kind: "ClusterIssuer"})
	object := map[string]any{
		"metadata": map[string]any{"name": "letsencrypt", "generation": int64(2)},
		"spec":     map[string]any{"acme": map[string]any{"solvers": []any{map[string]any{"http01": map[string]any{}}}}},
		"status": map[string]any{"conditions": []any{map[string]any{
			"type": "Ready", "status": "True", "reason": "ACMEAccountRegistered", "observedGeneration": int64(2),
		}}},
	}
	b.ReportAllocs()
	for b.Loop() {
		if known.Read(object).Ready != resolver.Ready {
			b.Fatal("not ready")
		}
	}
}

func BenchmarkNewRegistry(b *testing.B) {
	for b.Loop() {
		newRegistry(b, resolver.Defaults{})
	}
}
