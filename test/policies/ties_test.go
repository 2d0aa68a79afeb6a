package policies_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/user"

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

var certificates = schema.GroupVersionKind{Group: "cert-manager.io", Version: "v1", Kind: "Certificate"}

func tied(to string) *unstructured.Unstructured {
	return object(certificates, map[string]string{certificate.TieKey: to})
}

const (
	across = "gateway.networking.k8s.io/Gateway:edge/gw uid=1 for=shop/web-tls"
	within = "networking.k8s.io/Ingress:shop/web uid=1 for=shop/web-tls"
)

// A tie to an object of another namespace is neither written nor changed nor removed.
func TestTiesAcrossNamespacesAreProtected(t *testing.T) {
	e := ofTies(t)
	untied := object(certificates, map[string]string{"a": "b"})
	for name, row := range map[string]struct {
		now, before *unstructured.Unstructured
		refused     bool
	}{
		"a Certificate without one":         {untied, nil, false},
		"a Certificate without annotations": {object(certificates, nil), object(certificates, nil), false},
		"a new Certificate with one":        {tied(across), nil, true},
		"one added":                         {tied(across), untied, true},
		"one removed":                       {untied, tied(across), true},
		"one for another object":            {tied("g/Gateway:edge/gw uid=2 for=shop/web-tls"), tied(across), true},
		"one made to one within":            {tied(within), tied(across), true},
		"one left as it was":                {tied(across), tied(across), false},
		"one within":                        {tied(within), nil, false},
		"one within, removed":               {untied, tied(within), false},
		"of a namespace that begins alike":  {tied("v1/Gateway:shop2/gw for=shop/web-tls"), nil, true},
		"what can't be read":                {tied("mine"), nil, false},
		"with the own namespace in the uid": {tied("g/Gateway:edge/gw uid=:shop/ for=shop/web-tls"), nil, true},
	} {
		if refused := e.refuses(t, write{now: row.now, before: row.before}); (len(refused) > 0) != row.refused {
			t.Errorf("%s: refused: %q, want %v", name, refused, row.refused)
		}
	}
}

// Certshim's own account, exempt accounts, and whoever deletes are let through.
func TestWhoMayWriteTies(t *testing.T) {
	e := ofTies(t)
	going := tied(across)
	going.SetDeletionTimestamp(&metav1.Time{Time: time.Unix(0, 0)})
	for name, row := range map[string]struct {
		now    *unstructured.Unstructured
		by     user.DefaultInfo
		looked bool
	}{
		"a tenant":               {tied(across), user.DefaultInfo{Name: "tenant", Groups: []string{"tenants"}}, true},
		"a tenant without group": {tied(across), user.DefaultInfo{Name: "tenant"}, true},
		"certshim":               {tied(across), user.DefaultInfo{Name: "system:serviceaccount:certshim:certshim"}, false},
		"one who restores":       {tied(across), user.DefaultInfo{Name: "tenant", Groups: []string{"tenants", "restorers"}}, false},
		"a finalizer":            {going, user.DefaultInfo{Name: "tenant"}, false},
	} {
		if got := e.looksAt(t, write{now: row.now, by: &row.by}); got != row.looked {
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
		refused := len(e.refuses(t, write{now: tied(text)})) > 0
		if err == nil && refused != (tie.Namespace != "shop") {
			t.Errorf("%q ties to namespace %q; refused: %v", text, tie.Namespace, refused)
		}
	})
}
