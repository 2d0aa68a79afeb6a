package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cmd/certshim/app"
	"github.com/certshim/certshim/ownership"
)

// pairsOf are Ingresses and their Certificates, as certshim and cert-manager have made them.
func pairsOf(t testing.TB, n int) (ingresses, certificates []any) {
	t.Helper()
	for i := range n {
		ingresses = append(ingresses, map[string]any{
			"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
			"metadata": map[string]any{
				"namespace": fmt.Sprintf("team-%d", i%20), "name": fmt.Sprintf("web-%d", i), "uid": fmt.Sprintf("10000000-0000-4000-8000-%012d", i),
				"labels":      map[string]any{"app": "web", "team": fmt.Sprint("team-", i%20)},
				"annotations": map[string]any{"cert-manager.io/cluster-issuer": "ca", "cert-manager.io/duration": "2160h", "cert-manager.io/renew-before": "360h"},
			},
			"spec": map[string]any{"tls": []any{map[string]any{"hosts": []any{fmt.Sprintf("web-%d.example.com", i)}, "secretName": fmt.Sprintf("web-%d-tls", i)}}},
		})
	}
	list, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": ingresses})
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr, exit := run(t, list, "plan", "-f", "-", "-o", "json")
	var planned struct{ Items []map[string]any }
	if err := json.Unmarshal([]byte(stdout), &planned); err != nil || exit != 0 {
		t.Fatalf("status %d, %v: %s", exit, err, stderr)
	}
	for i, config := range planned.Items {
		certificates = append(certificates, madeOf(t, config, i))
	}
	return ingresses, certificates
}

// madeOf is a Certificate that certshim has applied and cert-manager has issued.
func madeOf(t testing.TB, config map[string]any, n int) map[string]any {
	t.Helper()
	metadata := config["metadata"].(map[string]any)
	live := map[string]any{
		"apiVersion": "cert-manager.io/v1", "kind": "Certificate",
		"metadata": map[string]any{
			"namespace": metadata["namespace"], "name": metadata["name"], "uid": fmt.Sprintf("20000000-0000-4000-8000-%012d", n),
			"resourceVersion": strconv.Itoa(1000 + n), "generation": int64(1), "managedFields": []any{entryOf("nobody", "Update", "status", map[string]any{})},
		},
	}
	next, err := ownership.Predict(live, config, certificate.FieldManager, false)
	if err != nil {
		t.Fatal(err)
	}
	metadata = next.Object["metadata"].(map[string]any)
	own := metadata["managedFields"].([]any)[0].(map[string]any)
	own["time"] = "2026-01-01T00:00:00Z"
	metadata["managedFields"] = []any{own, entryOf("cert-manager-certificates-readiness", "Update", "status", map[string]any{"f:status": map[string]any{
		"f:conditions": map[string]any{".": map[string]any{}, `k:{"type":"Ready"}`: map[string]any{".": map[string]any{}, "f:message": map[string]any{}, "f:status": map[string]any{}}},
		"f:notAfter":   map[string]any{},
	}})}
	next.Object["status"] = map[string]any{
		"notAfter":   "2026-04-01T00:00:00Z",
		"conditions": []any{map[string]any{"type": "Ready", "status": "True", "message": "Certificate is up to date and has not expired"}},
	}
	return next.Object
}

func entryOf(manager, operation, subresource string, fields map[string]any) map[string]any {
	return map[string]any{
		"manager": manager, "operation": operation, "subresource": subresource, "apiVersion": "cert-manager.io/v1",
		"fieldsType": "FieldsV1", "fieldsV1": fields, "time": "2026-01-01T00:00:00Z",
	}
}

// servePages serves lists of Ingresses and Certificates, page by page, at no cost of encoding.
func servePages(t testing.TB, ingresses, certificates []any) (flag string) {
	t.Helper()
	answers := map[string]string{
		"/api": `{"kind": "APIVersions", "versions": ["v1"]}`,
		"/apis": `{"kind": "APIGroupList", "groups": [
			{"name": "networking.k8s.io", "versions": [{"groupVersion": "networking.k8s.io/v1", "version": "v1"}]},
			{"name": "cert-manager.io", "versions": [{"groupVersion": "cert-manager.io/v1", "version": "v1"}]}]}`,
		"/api/v1": `{"kind": "APIResourceList", "groupVersion": "v1", "resources": [{"name": "namespaces", "kind": "Namespace", "verbs": ["list", "watch"]}]}`,
		"/apis/networking.k8s.io/v1": `{"kind": "APIResourceList", "groupVersion": "networking.k8s.io/v1", "resources": [
			{"name": "ingresses", "kind": "Ingress", "namespaced": true, "verbs": ["list", "watch"]}]}`,
		"/apis/cert-manager.io/v1": `{"kind": "APIResourceList", "groupVersion": "cert-manager.io/v1", "resources": [
			{"name": "certificates", "kind": "Certificate", "namespaced": true, "verbs": ["list", "watch"]},
			{"name": "clusterissuers", "kind": "ClusterIssuer", "verbs": ["list", "watch"]}]}`,
		"/apis/cert-manager.io/v1/clusterissuers": `{"kind": "ClusterIssuerList", "apiVersion": "cert-manager.io/v1", "metadata": {}, "items": [
			{"metadata": {"name": "ca", "uid": "ca"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}]}`,
	}
	addPages(t, answers, "/apis/networking.k8s.io/v1/ingresses", `"kind": "IngressList", "apiVersion": "networking.k8s.io/v1"`, ingresses)
	addPages(t, answers, "/apis/cert-manager.io/v1/certificates", `"kind": "CertificateList", "apiVersion": "cert-manager.io/v1"`, certificates)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, there := answers[r.URL.Path+r.URL.Query().Get("continue")]
		if !there {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return "--server=" + server.URL
}

func addPages(t testing.TB, answers map[string]string, path, head string, items []any) {
	t.Helper()
	const page = 500
	for at, name := 0, ""; at < len(items) || at == 0; at += page {
		text, err := json.Marshal(items[at:min(at+page, len(items))])
		if err != nil {
			t.Fatal(err)
		}
		next := ""
		if at+page < len(items) {
			next = fmt.Sprint("-", at+page)
		}
		answers[path+name] = fmt.Sprintf(`{%s, "metadata": {"continue": %q}, "items": %s}`, head, next, text)
		name = next
	}
}

// The cost of an audit of Certificates that are as they should be; make bench measures it beside a
// real server.
func BenchmarkAudit(b *testing.B) {
	const pairs = 2000
	ingresses, certificates := pairsOf(b, pairs)
	server := servePages(b, ingresses, certificates)
	for _, format := range []string{"table", "json", "csv", "html"} {
		b.Run(format, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var stderr strings.Builder
				if exit := app.Run(b.Context(), []string{"certshim", "audit", "-A", server, "-o", format}, app.Streams{In: strings.NewReader(""), Out: io.Discard, ErrOut: &stderr}); exit != 0 {
					b.Fatal(exit, stderr.String())
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/pairs, "µs/pair")
		})
	}
}
