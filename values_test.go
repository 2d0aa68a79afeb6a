package certshim_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
)

// valuesOf are the values of web-tls at some fields.
func valuesOf(out certshim.Outcome, fields ...string) []certshim.Value {
	return slices.DeleteFunc(out.Values[types.NamespacedName{Namespace: "shop", Name: "web-tls"}], func(v certshim.Value) bool { return !slices.Contains(fields, v.Field) })
}

func explained(policy *certshim.Policy) *certshim.Policy {
	policy.Explain = true
	return policy
}

func TestValuesThatTheCertificateKeeps(t *testing.T) {
	c := newCluster(t, explained(newPolicy(t)))
	made := c.decide(c.add(ingress("cert-manager.io/issuer: ca", webTLS)))
	c.carryOut(made)
	live := stored(t, made.Certificates[0].Config)
	live["spec"].(map[string]any)["duration"] = "100h"

	web := c.add(ingress("cert-manager.io/issuer: ca, cert-manager.io/duration: 90d",
		"{hosts: [b.example.com], secretName: web-tls}, {hosts: ['*'], secretName: web-tls}"))
	got := valuesOf(c.decide(web, live), "spec.dnsNames", "spec.duration")
	want := []certshim.Value{
		{Field: "spec.dnsNames", From: certshim.FromSource, Name: "spec.tls[0]"},
		{Field: "spec.dnsNames", From: certshim.FromCertificate},
		{Field: "spec.duration", From: certshim.FromCertificate},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What was copied for an issuer stays once nobody reads the annotation any more: its resolver, or the
// file that declares it, was taken away.
func TestCopiesThatTheCertificateKeeps(t *testing.T) {
	const profile = "pki.corp.example/profile"
	policy := func(keys ...string) *certshim.Policy {
		p := explained(shippedPolicy(t))
		p.Parser = annotations.NewParser(annotations.Options{IssuerKeys: keys})
		return p
	}
	finding := there(resolver.Ready)
	finding.CopyAnnotations = []string{profile}
	c := newIssued(t, policy(profile), issuerHere("ca"))
	c.say(issuerHere("ca"), finding)
	set := issuerKeys("ca", "", "", "")
	set[profile] = "web"
	made := c.ask(ingressWith(set))
	c.carryOut(made)

	without := newIssued(t, policy(), issuerHere("ca"))
	out := without.decide(without.put(ingressWith(set)), stored(t, made.Certificates[0].Config))
	if d := out.Certificates[0]; d.Action != certificate.None {
		t.Errorf("%s: %s", d.Action, d.Reason)
	}
	field := "metadata.annotations[" + profile + "]"
	if diff := cmp.Diff([]certshim.Value{{Field: field, From: certshim.FromCertificate}}, valuesOf(out, field)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Where the issuer that is named is missing, the Certificate stays with the one it has.
func TestTheIssuerThatTheCertificateKeeps(t *testing.T) {
	c := newIssued(t, explained(shippedPolicy(t)), issuerHere("ca"))
	c.carryOut(c.ask(ingressWith(issuerKeys("ca", "", "", ""))))
	got := valuesOf(c.ask(ingressWith(issuerKeys("next", "", "", ""))), "spec.issuerRef")
	if want := []certshim.Value{{Field: "spec.issuerRef", From: certshim.FromCertificate}}; !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

// A value that was filled in is a policy's or a resolver's until the Certificate holds it.
func TestValuesThatAreFilledIn(t *testing.T) {
	policy := explained(shippedPolicy(t))
	policy.Rules = []certshim.Rule{{Name: "corp", Subject: annotations.Subject{Organizations: []string{"Example"}}, Values: resolver.Values{CommonName: true}}}
	finding := there(resolver.Ready)
	finding.By, finding.Values.Usages = "plugin/corp-ca", []string{"server auth"}
	c := newIssued(t, policy, issuerHere("ca"))
	c.say(issuerHere("ca"), finding)
	made := c.ask(ingressWith(issuerKeys("ca", "", "", "")))
	fields := []string{"spec.commonName", "spec.subject", "spec.usages"}
	want := []certshim.Value{
		{Field: "spec.commonName", From: certshim.FromPolicy, Name: "corp"},
		{Field: "spec.subject", From: certshim.FromPolicy, Name: "corp"},
		{Field: "spec.usages", From: certshim.FromResolver, Name: "plugin/corp-ca"},
	}
	if diff := cmp.Diff(want, valuesOf(made, fields...)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	c.carryOut(made)
	held := valuesOf(c.ask(ingressWith(issuerKeys("ca", "", "", ""))), fields...)
	for _, value := range held {
		if value.From != certshim.FromCertificate || value.Name != "" {
			t.Errorf("held: %+v", value)
		}
	}
	if len(held) != len(fields) {
		t.Errorf("held are %v", held)
	}
}

// A rotation policy that was filled in has its own origin, beside a key that the source asks for.
func TestARotationPolicyThatIsFilledIn(t *testing.T) {
	finding := there(resolver.Ready)
	finding.By, finding.Values.PrivateKey.RotationPolicy = "plugin/corp-ca", resolver.RotateNever
	for name, row := range map[string]struct {
		keys map[string]string
		want []certshim.Value
	}{
		"alone": {issuerKeys("ca", "", "", ""), []certshim.Value{
			{Field: "spec.privateKey.rotationPolicy", From: certshim.FromResolver, Name: "plugin/corp-ca"}}},
		"beside an algorithm": {map[string]string{"cert-manager.io/issuer": "ca", "cert-manager.io/private-key-algorithm": "ECDSA"}, []certshim.Value{
			{Field: "spec.privateKey", From: resolver.FromAnnotation, Name: "cert-manager.io/private-key-algorithm"},
			{Field: "spec.privateKey.rotationPolicy", From: certshim.FromResolver, Name: "plugin/corp-ca"}}},
	} {
		c := newIssued(t, explained(shippedPolicy(t)), issuerHere("ca"))
		c.say(issuerHere("ca"), finding)
		got := valuesOf(c.ask(ingressWith(row.keys)), "spec.privateKey", "spec.privateKey.rotationPolicy")
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestValuesAreSaidWhereTheyAreAskedFor(t *testing.T) {
	if values := newCluster(t, shippedPolicy(t)).ask(ingressWith(issuerKeys("ca", "", "", ""))).Values; values != nil {
		t.Errorf("got %v", values)
	}
}
