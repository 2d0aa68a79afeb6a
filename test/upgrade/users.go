package upgrade

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/test/cluster"
)

// What users have: annotations of every shape, a Gateway with a ListenerSet, Certificates that outlive their object, one in
// another namespace, a field that somebody else applies, and a mistake.
const objects = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: full
  labels: {team: shop}
  annotations:
    cert-manager.io/cluster-issuer: %[1]s
    cert-manager.io/common-name: full.example.com
    cert-manager.io/duration: 2160h
    cert-manager.io/renew-before: 360h
    cert-manager.io/usages: server auth, digital signature
    cert-manager.io/private-key-algorithm: ECDSA
    cert-manager.io/private-key-size: "384"
    cert-manager.io/private-key-rotation-policy: Always
    cert-manager.io/subject-organizations: Example
    cert-manager.io/alt-names: more.example.com
    cert-manager.io/ip-sans: 10.0.0.1
    cert-manager.io/revision-history-limit: "3"
    cert-manager.io/secret-template: '{"labels": {"a": "b"}}'
spec:
  rules: [{host: full.example.com}]
  tls: [{hosts: [full.example.com], secretName: full}, {hosts: [second.example.com], secretName: second}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: kept, annotations: {cert-manager.io/cluster-issuer: %[1]s, certshim.io/deletion-policy: retain}}
spec:
  rules: [{host: kept.example.com}]
  tls: [{hosts: [kept.example.com], secretName: kept}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: wrong, annotations: {cert-manager.io/cluster-issuer: %[1]s, cert-manager.io/duration: ninety days}}
spec:
  rules: [{host: wrong.example.com}]
  tls: [{hosts: [wrong.example.com], secretName: wrong}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, annotations: {cert-manager.io/cluster-issuer: %[1]s}}
spec:
  gatewayClassName: any
  allowedListeners: {namespaces: {from: Same}}
  listeners:
    - {name: a, port: 443, protocol: HTTPS, hostname: a.example.com, tls: {certificateRefs: [{name: edge}]}}
    - {name: b, port: 443, protocol: HTTPS, hostname: b.example.com, tls: {certificateRefs: [{name: edge}]}}
    - {name: c, port: 443, protocol: HTTPS, hostname: c.example.com, tls: {certificateRefs: [{name: across, namespace: %[2]s}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: team, annotations: {cert-manager.io/cluster-issuer: %[1]s}}
spec:
  parentRef: {name: edge}
  listeners: [{name: d, port: 443, protocol: HTTPS, hostname: d.example.com, tls: {certificateRefs: [{name: team}]}}]
`

const grant = `
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: edge}
spec:
  from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: %s}]
  to: [{group: "", kind: Secret}, {group: cert-manager.io, kind: Certificate, name: across}]
`

const theirs = `
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: second, annotations: {example.com/reviewed: "yes"}}
spec: {duration: 1440h0m0s}
`

// Issuer signs for all of them.
const Issuer = "upgrade"

// last is what somebody makes later.
const last = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: %[1]s, annotations: {cert-manager.io/cluster-issuer: %[2]s}}
spec:
  rules: [{host: %[1]s.example.com}]
  tls: [{hosts: [%[1]s.example.com], secretName: %[1]s}]
`

// signed has the names of each Secret that they ask for in their own namespace.
var signed = map[string][]string{
	"full":   {"full.example.com", "more.example.com", "10.0.0.1"},
	"second": {"second.example.com", "more.example.com", "10.0.0.1"},
	"kept":   {"kept.example.com"},
	"edge":   {"a.example.com", "b.example.com"},
	"team":   {"d.example.com"},
}

// Users are two namespaces of a cluster, with what users have in them.
type Users struct {
	*cluster.Cluster
	// Namespace has all sources, and Other the Certificate that a Gateway asks for across namespaces.
	Namespace, Other string
	authority        cluster.Authority
}

// Populate makes all the objects, and returns once everything is signed.
func Populate(t testing.TB, c *cluster.Cluster) *Users {
	t.Helper()
	u := &Users{Cluster: c, Namespace: c.Namespace(t), Other: c.Namespace(t), authority: c.ClusterIssuer(t, Issuer)}
	certificates, others := c.Watch(t, cluster.Certificates(), u.Namespace), c.Watch(t, cluster.Certificates(), u.Other)
	secrets, otherSecrets := c.Watch(t, cluster.Secrets(), u.Namespace), c.Watch(t, cluster.Secrets(), u.Other)
	c.Apply(t, u.Other, fmt.Sprintf(grant, u.Namespace))
	c.Apply(t, u.Namespace, fmt.Sprintf(objects, Issuer, u.Other))
	for name, names := range signed {
		certificates.Ready(t, name)
		secrets.Signed(t, name, u.authority, names...)
	}
	others.Ready(t, "across")
	otherSecrets.Signed(t, "across", u.authority, "c.example.com")
	c.Apply(t, u.Namespace, theirs)
	certificates.Object(t, "second", "to have the duration of somebody else", func(object *unstructured.Unstructured) bool {
		duration, _, _ := unstructured.NestedString(object.Object, "spec", "duration")
		return duration == "1440h0m0s"
	})
	certificates.Ready(t, "second")
	return u
}

// Grow asks for one more name in the Certificate second, which exists already.
func (u *Users) Grow(t testing.TB) {
	t.Helper()
	grown := strings.Replace(objects, "hosts: [second.example.com]", "hosts: [second.example.com, third.example.com]", 1)
	u.Apply(t, u.Namespace, fmt.Sprintf(grown, Issuer, u.Other))
}

// Get makes another Ingress, and returns once its Secret is signed.
func (u *Users) Get(t testing.TB, name string) {
	t.Helper()
	certificates, secrets := u.Watch(t, cluster.Certificates(), u.Namespace), u.Watch(t, cluster.Secrets(), u.Namespace)
	u.Apply(t, u.Namespace, fmt.Sprintf(last, name, Issuer))
	certificates.Ready(t, name)
	secrets.Signed(t, name, u.authority, name+".example.com")
}

// State is what must not change: of each Certificate identity, generation, metadata and who wrote what when, what cert-manager
// writes left out; of each Secret of theirs which it is, and its certificate; and the names of all CertificateRequests.
func (u *Users) State(t testing.TB) map[string]string {
	t.Helper()
	state := map[string]string{}
	for _, namespace := range []string{u.Namespace, u.Other} {
		for _, item := range u.list(t, cluster.Certificates(), namespace) {
			item.SetResourceVersion("")
			item.SetManagedFields(slices.DeleteFunc(item.GetManagedFields(), func(entry metav1.ManagedFieldsEntry) bool {
				return entry.Subresource == "status"
			}))
			delete(item.Object, "status")
			text, err := json.MarshalIndent(item.Object, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			state["certificate "+namespace+"/"+item.GetName()] = string(text)
			secret, err := u.Dynamic.Resource(cluster.Secrets()).Namespace(namespace).Get(t.Context(), item.GetName(), metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			certificate, _, _ := unstructured.NestedString(secret.Object, "data", "tls.crt")
			state["secret "+namespace+"/"+item.GetName()] = string(secret.GetUID()) + " " + certificate
		}
		for _, item := range u.list(t, cluster.CertificateRequests(), namespace) {
			state["request "+namespace+"/"+item.GetName()] = ""
		}
	}
	if got, want := len(state), 3*(len(signed)+1); got < want {
		t.Fatalf("%d Certificates, Secrets and requests, want %d at least", got, want)
	}
	return state
}

// PlansNothing asks the plan of a version, in which nothing waits in the write budget. It must have nothing to write.
func (u *Users) PlansNothing(t testing.TB, program string) {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), program, "plan", "-A", "-o=report", "--kubeconfig="+u.Kubeconfig).Output()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	var report struct {
		Sources []struct {
			Name         string
			Certificates []struct{ Name, Action, Reason string }
		}
	}
	if err := json.Unmarshal(output, &report); err != nil || len(report.Sources) == 0 {
		t.Fatalf("plan: %v, %d sources\n%s", err, len(report.Sources), output)
	}
	for _, source := range report.Sources {
		for _, c := range source.Certificates {
			if c.Action != "none" && c.Action != "refuse" {
				t.Errorf("%s: plan would %s Certificate %s of %s: %s", program, c.Action, c.Name, source.Name, c.Reason)
			}
		}
	}
}

func (u *Users) list(t testing.TB, resource schema.GroupVersionResource, namespace string) []unstructured.Unstructured {
	t.Helper()
	list, err := u.Dynamic.Resource(resource).Namespace(namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}
