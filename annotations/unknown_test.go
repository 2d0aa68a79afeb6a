package annotations

import (
	"strings"
	"testing"

	"github.com/certshim/certshim/problem"
)

// A key under one of cert-manager's own prefixes that nothing reads is named once, with what was
// probably meant.
func TestKeysOfCertManagerThatNothingReads(t *testing.T) {
	for key, want := range map[string]struct {
		told       bool
		suggestion string
		message    string
	}{
		"cert-manager.io/acme-challenge-type":          {true, "", "the issuer decides how a challenge is solved"},
		"cert-manager.io/acme-dns01-provider":          {true, "", "the issuer decides how a challenge is solved"},
		"certmanager.k8s.io/acme-http01-provider":      {true, "", "the issuer decides how a challenge is solved"},
		"cert-manager.io/key-algorithm":                {true, "cert-manager.io/private-key-algorithm", ""},
		"cert-manager.io/key-size":                     {true, "cert-manager.io/private-key-size", ""},
		"cert-manager.io/key-usages":                   {true, "cert-manager.io/usages", ""},
		"cert-manager.io/private-key-algo":             {true, "cert-manager.io/private-key-algorithm", ""},
		"acme.cert-manager.io/ingress-class":           {true, "acme.cert-manager.io/http01-ingress-class", ""},
		"cert-manager.io/renewBefore":                  {true, "cert-manager.io/renew-before", ""},
		"cert-manager.io/certificate-name":             {true, "", ""},
		"cert-manager.io/something-else-entirely":      {true, "", ""},
		"acme.cert-manager.io/something":               {true, "", ""},
		"cert-manager.io/duration":                     {},
		"venafi.cert-manager.io/custom-fields":         {},
		"policy.cert-manager.io/something":             {},
		"nginx.ingress.kubernetes.io/something":        {},
		"certmanager.k8s.io/something-else-entirely":   {},
		"example.com/cert-manager.io/no-key-of-theirs": {},
	} {
		t.Run(key, func(t *testing.T) {
			in := map[string]string{IssuerKey: "ca", key: "24h"}
			_, problems := NewParser(Options{}).Parse(in)
			var told []problem.Problem
			for _, p := range problems.All() {
				if p.Reason == problem.UnknownAnnotation {
					told = append(told, p)
				}
			}
			switch {
			case !want.told && len(told) > 0, want.told && len(told) != 1:
				t.Fatalf("told %v", told)
			case want.told && (told[0].Suggestion != want.suggestion || !strings.Contains(told[0].Message, want.message) || told[0].Severity != problem.Warning):
				t.Errorf("got %+v", told[0])
			}
			in = map[string]string{key: "24h"}
			if near := NewParser(Options{}).NearTriggers(in, true); !near.Empty() {
				t.Errorf("without a trigger: %v", near.All())
			}
		})
	}
	extra := NewParser(Options{ExtraKeys: []string{"cert-manager.io/certificate-name"}})
	if _, problems := extra.Parse(map[string]string{"cert-manager.io/certificate-name": "x"}); !problems.Empty() {
		t.Errorf("a key that is copied: %v", problems.All())
	}
}
