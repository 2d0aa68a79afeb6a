package app_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Where the API server fails to list objects, the plan isn't known, and all else is told.
func TestDoctorGoesOnWhereListsFail(t *testing.T) {
	cluster, server := clusterOf(t, "", noGateways)
	cluster.failing = []string{"/apis/networking.k8s.io/v1/ingresses", "/apis/gateway.networking.k8s.io/v1"}
	out, errOut, status := run(t, nil, "doctor", "--pre", server)
	for _, want := range []string{"unknown  plan                  what is left to write can't be known: list ingresses.networking.k8s.io", "unknown  approval",
		"warning  api-groups            API group gateway.networking.k8s.io/v1 doesn't answer (the server is currently unable to handle the request)", "objects of Gateway, ListenerSet, ReferenceGrant can't be read",
		"unknown  api-groups            whether the servers behind the API server are available can't be known"} {
		if status != 1 || !strings.Contains(out, want) {
			t.Errorf("status %d, want %q in\n%s%s", status, want, out, errOut)
		}
	}
}

// Certificates are listed once, both for the plan and for what shims have written; where they can't be, neither is known. What else a plan can't
// read doesn't matter to what shims have written.
func TestDoctorListsCertificatesOnce(t *testing.T) {
	const certificates, ingresses = "/apis/cert-manager.io/v1/certificates", "/apis/networking.k8s.io/v1/ingresses"
	const written = "ingress-shim has written 2 Certificates, last shop/new at 2026-11-28T12:00:00Z"
	const unknown = "unknown  shims-quiet           which Certificates cert-manager's shims have written can't be known: "
	for _, row := range []struct {
		name, want      string
		denied, failing []string
	}{
		{name: "all is read", want: written},
		{name: "Certificates may not be read", want: unknown + "with these credentials", denied: []string{certificates}},
		{name: "Certificates fail", want: unknown + "list certificates.cert-manager.io", failing: []string{certificates}},
		{name: "sources fail", want: written, failing: []string{ingresses}},
	} {
		cluster, server := clusterOf(t, autoIngress, noGateways)
		cluster.denied, cluster.failing = row.denied, row.failing
		cluster.answers[ingresses] = autoIngress
		cluster.answers["/apis"] = strings.Replace(cluster.answers["/apis"], `"groups": [`, `"groups": [
			{"name": "cert-manager.io", "versions": [{"groupVersion": "cert-manager.io/v1", "version": "v1"}]},`, 1)
		cluster.answers["/apis/cert-manager.io/v1"] = `{"kind": "APIResourceList", "groupVersion": "cert-manager.io/v1", "resources": [
			{"name": "certificates", "kind": "Certificate", "namespaced": true, "verbs": ["list", "watch"]}]}`
		cluster.answers[certificates] = `{"kind": "CertificateList", "apiVersion": "cert-manager.io/v1", "metadata": {}, "items": [` +
			writtenBy("old", "cert-manager-ingress-shim", "2026-11-28T11:00:00Z") + "," + writtenBy("new", "cert-manager-ingress-shim", "2026-11-28T12:00:00Z") + "," +
			writtenBy("other", "somebody", "2026-11-28T13:00:00Z") + "]}"
		out, errOut, _ := run(t, nil, "doctor", "--pre", server)
		if !strings.Contains(out, row.want) {
			t.Errorf("%s: want %q in\n%s%s", row.name, row.want, out, errOut)
		}
		asked := slices.DeleteFunc(slices.Clone(cluster.asked), func(path string) bool { return path != certificates })
		if len(asked) != 1 {
			t.Errorf("%s: Certificates were listed %d times", row.name, len(asked))
		}
	}
}

func writtenBy(name, manager, at string) string {
	return fmt.Sprintf(`{"metadata": {"name": %[1]q, "namespace": "shop", "uid": %[1]q, "resourceVersion": "1", "managedFields": [
		{"manager": %[2]q, "operation": "Update", "apiVersion": "cert-manager.io/v1", "time": %[3]q, "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:secretName": {}}}}]},
		"spec": {"secretName": %[1]q, "issuerRef": {"name": "ca"}}}`, name, manager, at)
}
