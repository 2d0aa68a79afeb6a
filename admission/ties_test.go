package admission_test

import (
	"testing"

	"github.com/certshim/certshim/admission"
	"github.com/certshim/certshim/certificate"
)

// ofTies runs the policy that protects ties.
func ofTies(t testing.TB) *engine {
	t.Helper()
	policy, _ := admission.Ties(admission.TieOptions{
		Name: "certshim-ties", Key: certificate.TieKey, Action: admission.Deny,
		Users: []string{"system:serviceaccount:certshim:certshim"}, Groups: []string{"restorers"},
	})
	return newEngine(t, policy)
}

func tied(to string) map[string]any { return object(map[string]string{certificate.TieKey: to}) }

const (
	across = "gateway.networking.k8s.io/Gateway:edge/gw uid=1 for=shop/web-tls"
	within = "networking.k8s.io/Ingress:shop/web uid=1 for=shop/web-tls"
)

// A tie to an object of another namespace is neither written nor changed nor removed.
func TestTiesAcrossNamespacesAreProtected(t *testing.T) {
	e := ofTies(t)
	for name, row := range map[string]struct {
		now, before map[string]any
		refused     bool
	}{
		"a Certificate without one":         {object(nil), nil, false},
		"a Certificate without annotations": {map[string]any{"metadata": map[string]any{}}, map[string]any{"metadata": map[string]any{}}, false},
		"a new Certificate with one":        {tied(across), nil, true},
		"one added":                         {tied(across), object(nil), true},
		"one removed":                       {object(nil), tied(across), true},
		"one for another object":            {tied("g/Gateway:edge/gw uid=2 for=shop/web-tls"), tied(across), true},
		"one made to one within":            {tied(within), tied(across), true},
		"one left as it was":                {tied(across), tied(across), false},
		"one within":                        {tied(within), nil, false},
		"one within, removed":               {object(nil), tied(within), false},
		"of a namespace that begins alike":  {tied("v1/Gateway:shop2/gw for=shop/web-tls"), nil, true},
		"what can't be read":                {tied("mine"), nil, false},
		"with the own namespace in the uid": {tied("g/Gateway:edge/gw uid=:shop/ for=shop/web-tls"), nil, true},
	} {
		if refused := e.refuses(t, row.now, row.before); (len(refused) > 0) != row.refused {
			t.Errorf("%s: refused: %q, want %v", name, refused, row.refused)
		}
	}
}

// Certshim's own account, exempt accounts, and whoever deletes are let through.
func TestWhoMayWriteTies(t *testing.T) {
	e := ofTies(t)
	going := map[string]any{"metadata": map[string]any{"deletionTimestamp": "2026-11-27T00:00:00Z"}}
	for name, row := range map[string]struct {
		now, user map[string]any
		looked    bool
	}{
		"a tenant":               {tied(across), map[string]any{"username": "tenant", "groups": []string{"tenants"}}, true},
		"a tenant without group": {tied(across), map[string]any{"username": "tenant"}, true},
		"certshim":               {tied(across), map[string]any{"username": "system:serviceaccount:certshim:certshim"}, false},
		"one who restores":       {tied(across), map[string]any{"username": "tenant", "groups": []string{"tenants", "restorers"}}, false},
		"a finalizer":            {going, map[string]any{"username": "tenant"}, false},
	} {
		if got := e.looksAt(t, row.now, row.user); got != row.looked {
			t.Errorf("%s: looked at: %v, want %v", name, got, row.looked)
		}
	}
}

// What is let through ties to nothing outside of the namespace, and what ties within the namespace is let through.
func FuzzTies(f *testing.F) {
	for _, text := range []string{across, within, "", ":", "g/K:shop/a for=shop/b:", "K:shop/a uid=:edge/ for=edge/b", "K:edge/a uid=:shop/ for=edge/b"} {
		f.Add(text)
	}
	e := ofTies(f)
	f.Fuzz(func(t *testing.T, text string) {
		if !validAll(text) {
			t.Skip("no value that an API server has")
		}
		tie, err := certificate.ParseTie(text)
		refused := len(e.refuses(t, tied(text), nil)) > 0
		if err == nil && refused != (tie.Namespace != "shop") {
			t.Errorf("%q ties to namespace %q; refused: %v", text, tie.Namespace, refused)
		}
	})
}
