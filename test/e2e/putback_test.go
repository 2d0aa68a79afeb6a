package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/test/cluster"
)

// applyAs applies fields of a Certificate by force, as another field manager.
func (d *deployed) applyAs(t *testing.T, namespace, name, manager, fields string) {
	t.Helper()
	object := map[string]any{}
	if err := json.Unmarshal([]byte(fields), &object); err != nil {
		t.Fatal(err)
	}
	object["apiVersion"], object["kind"] = "cert-manager.io/v1", "Certificate"
	body, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	force := true
	_, err = d.Dynamic.Resource(cluster.Certificates()).Namespace(namespace).Patch(
		t.Context(), name, types.ApplyPatchType, body, metav1.PatchOptions{FieldManager: manager, Force: &force})
	if err != nil {
		t.Fatalf("apply Certificate %s as %s: %v", name, manager, err)
	}
}

// edits are changes of fields that the Ingress of [TestEditsArePutBack] asks for, one of each kind,
// by the path as [field] takes it.
var edits = map[string]string{
	"spec|duration":        `{"spec":{"duration":"3000h0m0s"}}`,
	"spec|dnsNames":        `{"spec":{"dnsNames":["x.example.com"]}}`,
	"spec|usages":          `{"spec":{"usages":["code signing"]}}`,
	"spec|issuerRef":       `{"spec":{"issuerRef":{"name":"other","kind":"ClusterIssuer","group":"cert-manager.io"}}}`,
	"spec|privateKey":      `{"spec":{"privateKey":{"algorithm":"ECDSA","size":384}}}`,
	"spec|subject":         `{"spec":{"subject":{"countries":["FR"]}}}`,
	"spec|secretTemplate":  `{"spec":{"secretTemplate":{"labels":{"team":"other"}}}}`,
	"metadata|annotations": `{"metadata":{"annotations":{"example.com/owner":"other"}}}`,
	"metadata|labels":      `{"metadata":{"labels":{"app":"other"}}}`,
	"spec|secretName":      `{"spec":{"secretName":"other-tls"}}`,
}

const editedIngress = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  labels: {app: web}
  annotations:
    cert-manager.io/issuer: ca
    cert-manager.io/duration: 2000h
    cert-manager.io/private-key-algorithm: ECDSA
    cert-manager.io/private-key-size: "256"
    cert-manager.io/subject-countries: DE
    cert-manager.io/secret-template: '{"labels":{"team":"a"}}'
    example.com/owner: shop
spec:
  defaultBackend: {service: {name: web, port: {number: 80}}}
  tls: [{hosts: [a.example.com], secretName: web-tls}]
`

// What somebody updates is put back, as the server's managedFields say, and told once; it comes to
// an end. What nobody asks for stays.
func TestEditsArePutBack(t *testing.T) {
	for _, manager := range []string{"kubectl-edit", "kubectl-client-side-apply"} {
		for path, patch := range edits {
			t.Run(manager+" "+path, func(t *testing.T) {
				t.Parallel()
				namespace := shared.Namespace(t)
				certificates := shared.Watch(t, cluster.Certificates(), namespace)
				events := shared.Watch(t, cluster.Events(), namespace)
				shared.Apply(t, namespace, editedIngress)
				made := certificates.Object(t, "web-tls", "to be made", exists)
				shared.patch(t, cluster.Certificates(), namespace, "web-tls", `{"spec":{"isCA":true}}`)

				shared.updateAs(t, namespace, "web-tls", manager, patch)

				// The Event is sent once it is put back.
				event := awaitWarning(t, events, "web", "EditPutBack")
				wantIn(t, fmt.Sprint(field(event, "note")), manager, "by Update", "it is put back")
				edited := shared.certificate(t, namespace, "web-tls")
				if diff := cmp.Diff(field(made, path), field(edited, path)); diff != "" || field(edited, "spec|isCA") != true {
					t.Errorf("isCA, which nobody asks for, is %v; (-made +put back):\n%s", field(edited, "spec|isCA"), diff)
				}
				if !onlyCertshimHolds(edited, made) {
					t.Errorf("others hold what is asked for: %v", edited.GetManagedFields())
				}
				shared.settled(t, namespace)
				after := shared.certificate(t, namespace, "web-tls")
				if after.GetGeneration() != edited.GetGeneration() || !cmp.Equal(lastApply(after), lastApply(edited)) {
					t.Errorf("it goes on being written: %v", after.Object)
				}
			})
		}
	}
}

// lastApply is certshim's entry of managedFields, with the time of its last change. Others write the
// status.
func lastApply(c *unstructured.Unstructured) metav1.ManagedFieldsEntry {
	for _, entry := range c.GetManagedFields() {
		if entry.Manager == "certshim" && entry.Operation == metav1.ManagedFieldsOperationApply {
			return entry
		}
	}
	return metav1.ManagedFieldsEntry{}
}

// onlyCertshimHolds says whether certshim's entry is as it was, and nobody else holds any of it.
func onlyCertshimHolds(now, made *unstructured.Unstructured) bool {
	for _, entry := range now.GetManagedFields() {
		if entry.Subresource != "" || entry.Manager == "certshim" {
			continue
		}
		fields := entry.FieldsV1.GetRawString()
		for _, asked := range []string{"f:duration", "f:dnsNames", "f:usages", "f:issuerRef", "f:privateKey", "f:subject", "f:secretTemplate", "f:secretName", "f:example.com/owner", "f:app"} {
			if strings.Contains(fields, `"`+asked+`"`) {
				return false
			}
		}
	}
	return cmp.Equal(lastApply(made).FieldsV1, lastApply(now).FieldsV1)
}

// updateAs changes a Certificate as another field manager, without applying it.
func (d *deployed) updateAs(t *testing.T, namespace, name, manager, patch string) *unstructured.Unstructured {
	t.Helper()
	updated, err := d.Dynamic.Resource(cluster.Certificates()).Namespace(namespace).Patch(
		t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: manager})
	if err != nil {
		t.Fatalf("patch Certificate %s: %v", name, err)
	}
	return updated
}
