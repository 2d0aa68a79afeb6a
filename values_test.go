package certshim_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// valuesOf are the values of web-tls at some fields.
func valuesOf(t *testing.T, policy *certshim.Policy, object *source.Object, seen certshim.Observed, fields ...string) []certshim.Value {
	t.Helper()
	policy.Explain = true
	values := certshim.Decide(policy, object, seen).Values["web-tls"]
	return slices.DeleteFunc(values, func(v certshim.Value) bool { return !slices.Contains(fields, v.Field) })
}

func TestValuesThatTheCertificateKeeps(t *testing.T) {
	m, policy := &memory{}, newPolicy(t)
	object := m.add(t, "kind: Ingress\nmetadata: {name: web, annotations: {cert-manager.io/issuer: ca}}\nspec: {tls: [{hosts: [a.example.com], secretName: web-tls}]}")
	m.carryOut(t, certshim.Decide(policy, object, m))
	live := stored(t, certshim.Decide(policy, object, &memory{}).Certificates[0].Config)
	m.certificates[0].Live = live

	object.Entries = append(object.Entries, object.Entries[0])
	object.Entries[1].Path, object.Entries[1].Hosts = "spec.tls[1]", []string{"*"}
	object.Entries[0].Hosts = []string{"b.example.com"}
	object.Annotations["cert-manager.io/duration"] = "90d"
	live["spec"].(map[string]any)["duration"] = "100h"
	got := valuesOf(t, policy, object, m, "spec.dnsNames", "spec.duration")
	want := []certshim.Value{
		{Field: "spec.dnsNames", From: resolver.FromSource, Name: "spec.tls[0]"},
		{Field: "spec.dnsNames", From: resolver.FromCertificate},
		{Field: "spec.duration", From: resolver.FromCertificate},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Where the issuer that is named is missing, the Certificate stays with the one it has.
func TestTheIssuerThatTheCertificateKeeps(t *testing.T) {
	policy := shippedPolicy(t)
	seen := issuerCluster{findings: map[resolver.IssuerKey]resolver.Finding{issuerHere("ca"): there(resolver.Ready)}}
	seen.web = written(t, certshim.Decide(policy, ingressWith(issuerKeys("ca", "", "", "")), seen))
	got := valuesOf(t, policy, ingressWith(issuerKeys("next", "", "", "")), seen, "spec.issuerRef")
	if want := []certshim.Value{{Field: "spec.issuerRef", From: resolver.FromCertificate}}; !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

// A value that was filled in is a policy's or a resolver's until the Certificate holds it.
func TestValuesThatAreFilledIn(t *testing.T) {
	policy := shippedPolicy(t)
	policy.Rules = []certshim.Rule{{Name: "corp", Subject: annotations.Subject{Organizations: []string{"Example"}}, Values: resolver.Values{CommonName: true}}}
	finding := there(resolver.Ready)
	finding.By, finding.Values.Usages = "plugin/corp-ca", []string{"server auth"}
	seen := issuerCluster{findings: map[resolver.IssuerKey]resolver.Finding{issuerHere("ca"): finding}}
	object := ingressWith(issuerKeys("ca", "", "", ""))
	fields := []string{"spec.commonName", "spec.subject", "spec.usages"}
	got := valuesOf(t, policy, object, seen, fields...)
	want := []certshim.Value{
		{Field: "spec.commonName", From: resolver.FromPolicy, Name: "corp"},
		{Field: "spec.subject", From: resolver.FromPolicy, Name: "corp"},
		{Field: "spec.usages", From: resolver.FromResolver, Name: "plugin/corp-ca"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	there := certificate.Observe(stored(t, certshim.Decide(policy, object, seen).Certificates[0].Config))
	there.Owner = certificate.Owner{Group: "networking.k8s.io", Kind: "Ingress", Name: "web", UID: "u"}
	seen.web = &there
	for _, value := range valuesOf(t, policy, object, seen, fields...) {
		if value.From != resolver.FromCertificate || value.Name != "" {
			t.Errorf("held: %+v", value)
		}
	}
}

func TestValuesAreSaidWhereTheyAreAskedFor(t *testing.T) {
	if values := certshim.Decide(shippedPolicy(t), ingressWith(issuerKeys("ca", "", "", "")), emptyCluster{}).Values; values != nil {
		t.Errorf("got %v", values)
	}
}
