package cluster

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/certshim/certshim/test/crds"
)

// shared is the cluster of all tests here.
func shared(t *testing.T) *Cluster {
	t.Helper()
	if started == nil {
		t.Fatal("no cluster: TestMain starts it")
	}
	return started
}

var started *Cluster

func TestMain(m *testing.M) {
	os.Exit(runMain(m))
}

func runMain(m *testing.M) int {
	var err error
	if started, err = StartMain(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := started.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func ingress(issuerAnnotation, host string) string {
	return fmt.Sprintf(`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  annotations: {%s}
spec:
  defaultBackend: {service: {name: web, port: {number: 80}}}
  tls: [{secretName: web-tls, hosts: [%s]}]
`, issuerAnnotation, host)
}

func TestCertificateIsSigned(t *testing.T) {
	cluster := shared(t)
	namespace := cluster.Namespace(t)
	ours, everyones := cluster.Issuer(t, namespace, "ca"), cluster.ClusterIssuer(t, "everyones")
	secrets, certificates := cluster.Watch(t, Secrets(), namespace), cluster.Watch(t, Certificates(), namespace)
	for _, authority := range []Authority{ours, everyones} {
		cluster.Apply(t, namespace, fmt.Sprintf(`
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: web}
spec:
  secretName: web-tls
  dnsNames: [a.example.com, b.example.com]
  ipAddresses: [10.0.0.1]
  issuerRef: {group: cert-manager.io, kind: %s, name: %s}
`, authority.Kind, authority.Name))
		secrets.Signed(t, "web-tls", authority, "a.example.com", "b.example.com", "10.0.0.1")
		certificates.Ready(t, "web")
	}
}

func TestWebhookRefuses(t *testing.T) {
	cluster := shared(t)
	_, err := cluster.apply(t.Context(), cluster.Namespace(t), `
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: web}
spec:
  secretName: web-tls
  dnsNames: [a.example.com]
  duration: 5m
  issuerRef: {name: ca}
`)
	if err == nil || !strings.Contains(err.Error(), `admission webhook "webhook.cert-manager.io" denied the request: spec.duration`) {
		t.Errorf("error %v", err)
	}
}

// The names by which a take-over knows upstream's shims, in both of their modes.
func TestShimsWriteAsUpstreamDoes(t *testing.T) {
	for mode, want := range map[ShimMode][]string{
		ShimUpdates: {"cert-manager-ingress-shim Update"},
		ShimApplies: {"cert-manager-ingress-shim Apply", "cert-manager-ingress-shim Update"},
	} {
		t.Run(string(mode), func(t *testing.T) {
			cluster := shared(t)
			namespace := cluster.Namespace(t)
			authority := cluster.Issuer(t, namespace, "ca")
			certificates, secrets := cluster.Watch(t, Certificates(), namespace), cluster.Watch(t, Secrets(), namespace)
			cluster.StartShim(t, mode)
			defer cluster.StopShim(t)

			cluster.Apply(t, namespace, ingress("cert-manager.io/issuer: ca", "a.example.com"))
			secrets.Signed(t, "web-tls", authority, "a.example.com")
			cluster.Apply(t, namespace, ingress("cert-manager.io/issuer: ca", "b.example.com"))
			secrets.Signed(t, "web-tls", authority, "b.example.com")
			certificate := certificates.Ready(t, "web-tls")
			if diff := cmp.Diff(want, shimEntries(certificate)); diff != "" {
				t.Errorf("managers of the shims (-want +got):\n%s", diff)
			}
		})
	}
}

func shimEntries(object *unstructured.Unstructured) []string {
	var entries []string
	for _, entry := range object.GetManagedFields() {
		if strings.HasSuffix(entry.Manager, "-shim") || entry.Manager == "cert-manager-listenerset" {
			entries = append(entries, entry.Manager+" "+string(entry.Operation))
		}
	}
	return entries
}

func TestGatewayAndListenerSetShims(t *testing.T) {
	cluster := shared(t)
	namespace := cluster.Namespace(t)
	authority := cluster.ClusterIssuer(t, "gateways")
	certificates, secrets := cluster.Watch(t, Certificates(), namespace), cluster.Watch(t, Secrets(), namespace)
	cluster.StartShim(t, ShimUpdates, "--default-issuer-name=unused", "--concurrent-workers=2")
	cluster.Apply(t, namespace, `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: edge
  annotations: {cert-manager.io/cluster-issuer: gateways}
spec:
  gatewayClassName: any
  listeners:
  - {name: a, hostname: a.example.com, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: edge-tls}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: team}
spec:
  parentRef: {name: edge}
  listeners:
  - {name: b, hostname: b.example.com, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: team-tls}]}}
`)
	secrets.Signed(t, "edge-tls", authority, "a.example.com")
	secrets.Signed(t, "team-tls", authority, "b.example.com")
	for name, want := range map[string][]string{
		"edge-tls": {"cert-manager-gateway-shim Update"}, "team-tls": {"cert-manager-listenerset Update"},
	} {
		if diff := cmp.Diff(want, shimEntries(certificates.Ready(t, name))); diff != "" {
			t.Errorf("managers of %s (-want +got):\n%s", name, diff)
		}
	}
}

func TestWatchOutlivesTheServer(t *testing.T) {
	cluster := shared(t)
	namespace := cluster.Namespace(t)
	secrets := cluster.Watch(t, Secrets(), namespace)
	secret := func(name string) string {
		return "apiVersion: v1\nkind: Secret\nmetadata: {name: " + name + "}\n"
	}
	cluster.Apply(t, namespace, secret("before"))
	secrets.Object(t, "before", "to exist", func(*unstructured.Unstructured) bool { return true })
	if err := cluster.ControlPlane.RestartAPIServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	cluster.Apply(t, namespace, secret("after"))
	cluster.Delete(t, Secrets(), namespace, "before")
	secrets.Object(t, "after", "to exist", func(*unstructured.Unstructured) bool { return true })
	secrets.Gone(t, "before")

	var changes []string
	for _, change := range secrets.Changes() {
		changes = append(changes, string(change.Type)+" "+change.Object.(*unstructured.Unstructured).GetName())
	}
	want := []string{string(watch.Added) + " before", string(watch.Added) + " after", string(watch.Deleted) + " before"}
	if diff := cmp.Diff(want, changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestDefinitionsComeAndGo(t *testing.T) {
	cluster := shared(t)
	namespace := cluster.Namespace(t)
	gateway := `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge}
spec: {gatewayClassName: any, listeners: [{name: http, port: 80, protocol: HTTP}]}
`
	cluster.Apply(t, namespace, gateway)
	if err := crds.Remove(t.Context(), cluster.Config, crds.Gateway); err != nil {
		t.Fatal(err)
	}
	if _, err := cluster.apply(t.Context(), namespace, gateway); err == nil {
		t.Error("a Gateway could be applied without its definition")
	}
	if err := crds.Install(t.Context(), cluster.Config, crds.Gateway); err != nil {
		t.Fatal(err)
	}
	cluster.Apply(t, namespace, gateway)
}
