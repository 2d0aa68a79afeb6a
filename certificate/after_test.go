package certificate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/certificate"
)

const configuration = `
metadata:
  name: web-tls
  labels: {team: shop}
  ownerReferences: [{apiVersion: networking.k8s.io/v1, kind: Ingress, name: web, uid: u, controller: true}]
spec:
  secretName: web-tls
  dnsNames: [a.example.com]
`

// managed returns an entry of managedFields with these fields.
func managed(manager, operation, fields string) string {
	return "  - {manager: " + manager + ", operation: " + operation + ", apiVersion: cert-manager.io/v1, fieldsType: FieldsV1, fieldsV1: " + fields + "}\n"
}

func TestAfterRemovesOnlyWhatWeAloneHold(t *testing.T) {
	const (
		live = `
metadata:
  name: web-tls
  labels: {team: shop, old: label, foreign: label}
  ownerReferences:
  - {apiVersion: networking.k8s.io/v1, kind: Ingress, name: web, uid: u, controller: true}
  - {apiVersion: v1, kind: ConfigMap, name: other, uid: o}
  managedFields:
`
		values = `
spec:
  secretName: web-tls
  dnsNames: [a.example.com, b.example.com]
  duration: 24h
  renewBefore: 1h
  subject: {organizations: [ours]}
  privateKey: {algorithm: RSA}
`
		ours   = `{"f:metadata": {"f:labels": {"f:team": {}, "f:old": {}}, "f:ownerReferences": {"k:{\"uid\":\"u\"}": {}}}, "f:spec": {"f:secretName": {}, "f:dnsNames": {}, "f:duration": {}, "f:renewBefore": {}, "f:subject": {"f:organizations": {}}}}`
		theirs = `{"f:metadata": {"f:labels": {"f:foreign": {}}}, "f:spec": {"f:renewBefore": {}, "f:privateKey": {"f:algorithm": {}}}}`
	)
	tests := map[string]struct{ managers, want string }{
		"ours goes, what another manager applies too stays": {
			managed("certshim", "Apply", ours) + managed("helm", "Apply", theirs), `
metadata:
  name: web-tls
  labels: {team: shop, foreign: label}
  ownerReferences:
  - {apiVersion: networking.k8s.io/v1, kind: Ingress, name: web, uid: u, controller: true}
  - {apiVersion: v1, kind: ConfigMap, name: other, uid: o}
spec:
  secretName: web-tls
  dnsNames: [a.example.com]
  renewBefore: 1h
  privateKey: {algorithm: RSA}
`,
		},
		"ours goes, also what somebody updated to the same value": {
			managed("certshim", "Apply", ours) + managed("kubectl-edit", "Update", theirs), `
metadata:
  name: web-tls
  labels: {team: shop, foreign: label}
  ownerReferences:
  - {apiVersion: networking.k8s.io/v1, kind: Ingress, name: web, uid: u, controller: true}
  - {apiVersion: v1, kind: ConfigMap, name: other, uid: o}
spec:
  secretName: web-tls
  dnsNames: [a.example.com]
  privateKey: {algorithm: RSA}
`,
		},
		"what cert-manager's shim holds and nobody asks for stays": {
			managed("cert-manager-ingress-shim", "Update", ours), `
metadata:
  name: web-tls
  labels: {team: shop, old: label, foreign: label}
  ownerReferences:
  - {apiVersion: networking.k8s.io/v1, kind: Ingress, name: web, uid: u, controller: true}
  - {apiVersion: v1, kind: ConfigMap, name: other, uid: o}
spec:
  secretName: web-tls
  dnsNames: [a.example.com]
  duration: 24h
  renewBefore: 1h
  subject: {organizations: [ours]}
  privateKey: {algorithm: RSA}
`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			before := decoded(t, live+tt.managers+values)
			got := certificate.After(before, decoded(t, configuration))
			delete(got["metadata"].(map[string]any), "managedFields")
			if diff := cmp.Diff(decoded(t, tt.want), got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(decoded(t, live+tt.managers+values), before); diff != "" {
				t.Errorf("the live object was changed:\n%s", diff)
			}
		})
	}
}

func TestAfterRemovesAnOwnerReferenceThatWeGiveUp(t *testing.T) {
	live := decoded(t, `
metadata:
  ownerReferences: [{kind: Ingress, name: web, uid: u}]
  managedFields:
`+managed("certshim", "Apply", `{"f:metadata": {"f:ownerReferences": {"k:{\"uid\":\"u\"}": {}}}}`))
	after := certificate.After(live, decoded(t, "spec: {secretName: s}"))
	if references := after["metadata"].(map[string]any)["ownerReferences"]; references != nil {
		t.Errorf("got %v", references)
	}
}

func decoded(t *testing.T, text string) map[string]any {
	t.Helper()
	object := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &object); err != nil {
		t.Fatal(err)
	}
	return object
}
