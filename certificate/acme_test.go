package certificate_test

import (
	"slices"
	"testing"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// With edit-in-place on an Ingress, the solver's class is left out; a Gateway can't be edited,
// so that its class stays. Both cause a warning.
func TestEditInPlaceAndAClass(t *testing.T) {
	const class, name = "acme.cert-manager.io/http01-override-ingress-class", "acme.cert-manager.io/http01-override-ingress-name"
	for kind, want := range map[string]map[string]string{
		"Ingress": {name: "web"},
		"Gateway": {class: "nginx"},
	} {
		t.Run(kind, func(t *testing.T) {
			group := map[string]string{"Ingress": "networking.k8s.io", "Gateway": "gateway.networking.k8s.io"}[kind]
			decision := certificate.Decide(input(func(in *certificate.Input) {
				in.Source = &source.Object{Ref: source.Ref{Group: group, Version: "v1", Kind: kind, Namespace: "shop", Name: "web"}}
				in.Request.ACME = annotations.ACME{EditInPlace: true, IngressClass: "nginx"}
			}))
			written, _ := decision.Config["metadata"].(map[string]any)["annotations"].(map[string]any)
			for _, key := range []string{class, name} {
				if got, _ := written[key].(string); got != want[key] {
					t.Errorf("%s is %q, want %q", key, got, want[key])
				}
			}
			isWarning := func(p problem.Problem) bool { return p.Severity == problem.Warning }
			if found := decision.Problems.All(); len(found) != 1 || !slices.ContainsFunc(found, isWarning) {
				t.Errorf("problems %v, want one warning", found)
			}
		})
	}
}
