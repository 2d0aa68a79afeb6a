package certshim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// withOld has the Issuer old, and the Certificate of an Ingress that names it.
func withOld(t *testing.T) *cluster {
	t.Helper()
	c := newIssued(t, newPolicy(t), issuerHere("old"))
	c.carryOut(c.decide(c.add(ingress("cert-manager.io/issuer: old", webTLS))))
	return c
}

func issuerOf(d certificate.Decision) any {
	spec, _ := d.Config["spec"].(map[string]any)
	ref, _ := spec["issuerRef"].(map[string]any)
	return ref["name"]
}

// One Certificate stays with its present issuer while the other is missing; a new one beside it
// is made for the issuer that is asked for.
func TestTheIssuerIsDecidedForEachSecret(t *testing.T) {
	c := withOld(t)
	out := c.decide(c.add(ingress("cert-manager.io/issuer: new", webTLS+", {hosts: [b.example.com], secretName: other-tls}")))
	if len(out.Certificates) != 2 || issuerOf(out.Certificates[0]) != "old" || issuerOf(out.Certificates[1]) != "new" || out.Issuer.Name != "new" {
		t.Errorf("issuer %+v, %+v", out.Issuer, out.Certificates)
	}
	if p := oneProblem(t, out); p.Reason != problem.IssuerNotFound || !strings.Contains(p.Message, "web-tls with Issuer old") || strings.Contains(p.Message, "other-tls") {
		t.Errorf("problem %s", p.Error())
	}
}

// What a Certificate stays with is judged as what is asked for.
func TestAPresentIssuerThatIsForbiddenGetsNoNewNames(t *testing.T) {
	closed := there(resolver.Ready)
	closed.Namespaces = []string{"elsewhere"}
	ref := resolver.Ref{Group: "cert-manager.io", Kind: "Issuer", Name: "new"}
	for name, row := range map[string]struct {
		old     resolver.Finding
		allowed []resolver.Ref
		want    certificate.Action
	}{
		"neither limits it":  {there(resolver.Ready), nil, certificate.Apply},
		"a policy":           {there(resolver.Ready), []resolver.Ref{ref}, certificate.Keep},
		"the issuer itself":  {closed, nil, certificate.Keep},
		"the policy lets it": {there(resolver.Ready), []resolver.Ref{ref, {Group: ref.Group, Kind: ref.Kind, Name: "old"}}, certificate.Apply},
	} {
		t.Run(name, func(t *testing.T) {
			c := withOld(t)
			c.say(issuerHere("old"), row.old)
			c.SetPolicy(newPolicy(t, func(p *certshim.Policy) { p.Rules = []certshim.Rule{{Name: "tenant", AllowedIssuers: row.allowed}} }))
			out := c.decide(c.add(ingress("cert-manager.io/issuer: new", "{hosts: [a.example.com, more.example.com], secretName: web-tls}")))
			forbidden := slices.ContainsFunc(out.Problems.All(), func(p problem.Problem) bool {
				return p.Reason == problem.IssuerNotAllowed && strings.Contains(p.Message, "Issuer old")
			})
			if action(t, out) != row.want || forbidden != (row.want == certificate.Keep) {
				t.Errorf("got %v", lines(out))
			}
		})
	}
}

// The issuer of a Certificate that isn't the source's says nothing of what the source means.
func TestAStrangersIssuerSaysNothing(t *testing.T) {
	keys := "cert-manager.io/issuer: corp, cert-manager.io/issuer-kind: AWSPCAIssuer"
	c := newIssued(t, newPolicy(t))
	c.store(foreign("web-tls", "web-tls", withIssuer(resolver.Ref{Group: "awspca.cert-manager.io", Kind: "AWSPCAIssuer", Name: "old"})))
	out := c.decide(c.add(ingress(strings.ReplaceAll(keys, "corp", "new"), webTLS)))
	if action(t, out) != certificate.Refuse || c.finds != 1 {
		t.Errorf("%d issuers are looked for: %v", c.finds, lines(out))
	}
}

// A hundred Secrets of one issuer cost one look at it.
func TestSecretsThatAreAlikeAskOnce(t *testing.T) {
	var entries []string
	for i := range 100 {
		entries = append(entries, fmt.Sprintf("{hosts: [a.example.com], secretName: tls-%d}", i))
	}
	c := newIssued(t, newPolicy(t), issuerHere("ca"))
	web := c.add(ingress("cert-manager.io/issuer: ca", strings.Join(entries, ", ")))
	for range 2 {
		out := c.decide(web)
		if len(out.Certificates) != 100 || c.finds != 1 {
			t.Fatalf("%d decisions, and the issuer is looked for %d times", len(out.Certificates), c.finds)
		}
		c.carryOut(out)
	}
}
