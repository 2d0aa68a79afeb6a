package certificate_test

import (
	"strings"
	"testing"

	"github.com/certshim/certshim/certificate"
)

func TestParseTie(t *testing.T) {
	web := certificate.Tie{
		Source:    certificate.Owner{Group: "networking.k8s.io", Kind: "Ingress", Name: "web", UID: "0f1e-2d"},
		Namespace: "shop", ForNamespace: "certs", ForName: "web.tls",
	}
	unseen, core := web, web
	unseen.Source.UID = ""
	core.Source.Group = ""
	longest := strings.Repeat("a", 253) + "/" + strings.Repeat("K", 63) + ":" + strings.Repeat("n", 63) + "/" + strings.Repeat("b", 253) +
		" uid=12345678-1234-1234-1234-123456789012 for=" + strings.Repeat("m", 63) + "/" + strings.Repeat("c", 253)
	for text, want := range map[string]certificate.Tie{
		"networking.k8s.io/Ingress:shop/web uid=0f1e-2d for=certs/web.tls": web,
		"networking.k8s.io/Ingress:shop/web for=certs/web.tls":             unseen,
		"Ingress:shop/web uid=0f1e-2d for=certs/web.tls":                   core,
	} {
		if got, err := certificate.ParseTie(text); err != nil || got != want || got.String() != text {
			t.Errorf("%s: %+v, %v, as text %s", text, got, err, got)
		}
	}
	if tie, err := certificate.ParseTie(longest); err != nil || tie.String() != longest {
		t.Errorf("names as long as they may be: %v", err)
	}
	if _, err := certificate.ParseTie(longest + strings.Repeat("c", 100)); err == nil || err.Error() != "it is longer than 1024 bytes" {
		t.Errorf("longer ones: %v", err)
	}
	for _, text := range []string{
		"", "web", "networking.k8s.io/Ingress:shop/web", "networking.k8s.io/Ingress:shop/web uid=1",
		"/Ingress:shop/web for=shop/web", "a/b/Ingress:shop/web for=shop/web", "Ingress:web for=shop/web", "Ingress:/web for=shop/web",
		"Ingress:shop/ for=shop/web", "Ingress:shop/web for=web", "Ingress:shop/web for=shop/", "Ingress:shop/web uid= for=shop/web",
		"Ingress:shop/web  for=shop/web", " Ingress:shop/web for=shop/web", "Ingress:shop/web for=shop/web ", "Ingress:shop/web for=shop/web\n",
		"Ingress:shop/web for=shop/web uid=1", "Ingress:shop/web uid=1 uid=2 for=shop/web", "Ingress:shop/web uid=1 for=shop/web for=shop/web",
		"Ingress:shop/Web for=shop/web", "Ingress:Shop/web for=shop/web", "ingress.:shop/web for=shop/web", "1ngress:shop/web for=shop/web",
		"Ingress:shop/web uid=a b for=shop/web", "Ingress:shop/w\u00e9b for=shop/web", "Ingress:shop/web for=shop/web\x00",
	} {
		tie, err := certificate.ParseTie(text)
		if err == nil || !strings.Contains(err.Error(), "isn't of the form GROUP/KIND:NAMESPACE/NAME uid=UID for=NAMESPACE/NAME") {
			t.Errorf("%q: %+v, %v", text, tie, err)
		}
	}
}

// What can be read is written as it was, and nothing else can be read.
func FuzzParseTie(f *testing.F) {
	f.Add("networking.k8s.io/Ingress:shop/web uid=0f1e-2d for=shop/web-tls")
	f.Add("Ingress:shop/web for=shop/web-tls")
	f.Fuzz(func(t *testing.T, text string) {
		tie, err := certificate.ParseTie(text)
		if err != nil {
			if tie != (certificate.Tie{}) {
				t.Errorf("%+v beside %v", tie, err)
			}
			return
		}
		if tie.String() != text || len(text) > 1024 {
			t.Errorf("%q is written as %q", text, tie)
		}
	})
}
