package app_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// fakeCluster answers lists and discovery; what isn't in it isn't there.
type fakeCluster struct {
	answers map[string]string
	// denied are paths that may not be read.
	denied []string
	// failing are paths that answer 503.
	failing []string
	lock    sync.Mutex
	asked   []string
}

func (f *fakeCluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.lock.Lock()
	f.asked = append(f.asked, r.URL.Path)
	f.lock.Unlock()
	answer, there := f.answers[r.URL.Path]
	switch {
	case slices.Contains(f.denied, r.URL.Path):
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403}`))
		return
	case slices.Contains(f.failing, r.URL.Path):
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case !there:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(answer))
}

// clusterOf serves Ingresses and Gateways.
func clusterOf(t *testing.T, ingresses, gateways string) (cluster *fakeCluster, flag string) {
	t.Helper()
	cluster = &fakeCluster{answers: map[string]string{
		"/api": `{"kind": "APIVersions", "versions": ["v1"]}`,
		"/apis": `{"kind": "APIGroupList", "groups": [
			{"name": "networking.k8s.io", "versions": [{"groupVersion": "networking.k8s.io/v1", "version": "v1"}]},
			{"name": "gateway.networking.k8s.io", "versions": [{"groupVersion": "gateway.networking.k8s.io/v1", "version": "v1"}]}]}`,
		"/api/v1": `{"kind": "APIResourceList", "groupVersion": "v1", "resources": [{"name": "namespaces", "kind": "Namespace", "verbs": ["list", "watch"]}]}`,
		"/apis/networking.k8s.io/v1": `{"kind": "APIResourceList", "groupVersion": "networking.k8s.io/v1", "resources": [
			{"name": "ingresses", "kind": "Ingress", "namespaced": true, "verbs": ["list", "watch"]}]}`,
		"/apis/gateway.networking.k8s.io/v1": `{"kind": "APIResourceList", "groupVersion": "gateway.networking.k8s.io/v1", "resources": [
			{"name": "gateways", "kind": "Gateway", "namespaced": true, "verbs": ["list", "watch"]},
			{"name": "listenersets", "kind": "ListenerSet", "namespaced": true, "verbs": ["list", "watch"]}]}`,
		"/apis/gateway.networking.k8s.io/v1/gateways":          gateways,
		"/apis/networking.k8s.io/v1/namespaces/shop/ingresses": ingresses,
		setsPath: `{"kind": "ListenerSetList", "apiVersion": "gateway.networking.k8s.io/v1", "metadata": {}, "items": []}`,
		"/apis/cert-manager.io/v1/namespaces/shop/certificates": `{"kind": "CertificateList", "apiVersion": "cert-manager.io/v1", "metadata": {}, "items": []}`,
		"/api/v1/namespaces": `{"kind": "NamespaceList", "apiVersion": "v1", "metadata": {}, "items": [
			{"metadata": {"name": "shop", "annotations": {"cert-manager.io/issuer": "team"}}}]}`,
	}}
	server := httptest.NewServer(cluster)
	t.Cleanup(server.Close)
	return cluster, "--server=" + server.URL
}

const (
	setsPath    = "/apis/gateway.networking.k8s.io/v1/listenersets"
	ownSetsPath = "/apis/gateway.networking.k8s.io/v1/namespaces/shop/listenersets"
	setOfEdge   = `{"kind": "ListenerSetList", "apiVersion": "gateway.networking.k8s.io/v1", "metadata": {}, "items": [
		{"metadata": {"name": "team", "namespace": "shop", "uid": "3"}, "spec": {"parentRef": {"name": "edge", "namespace": "infra"}, "listeners": []}}]}`
	autoIngress = `{"kind": "IngressList", "apiVersion": "networking.k8s.io/v1", "metadata": {}, "items": [
		{"metadata": {"name": "web", "namespace": "shop", "uid": "1", "annotations": {"kubernetes.io/tls-acme": "true"}},
		 "spec": {"tls": [{"hosts": ["a.example.com"], "secretName": "web-tls"}]}}]}`
	noGateways = `{"kind": "GatewayList", "apiVersion": "gateway.networking.k8s.io/v1", "metadata": {}, "items": []}`
	selecting  = `{"kind": "GatewayList", "apiVersion": "gateway.networking.k8s.io/v1", "metadata": {}, "items": [
		{"metadata": {"name": "edge", "namespace": "infra", "uid": "2", "annotations": {"cert-manager.io/issuer": "ca"}},
		 "spec": {"allowedListeners": {"namespaces": {"from": "Selector", "selector": {"matchLabels": {"a": "b"}}}},
			"listeners": [{"name": "a", "hostname": "b.example.com", "port": 443, "protocol": "HTTPS", "tls": {"certificateRefs": [{"name": "edge-tls"}]}}]}}]}`
)

// Namespaces are read where something goes by them, and not otherwise.
func TestPlanReadsNamespacesWhereTheyAreNeeded(t *testing.T) {
	config := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(config, []byte("apiVersion: certshim.io/v1alpha1\nkind: ControllerConfiguration\nnamespaceDefaults: true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		gateways string
		flags    []string
		reads    bool
		issuer   string
	}{
		"nothing goes by them":           {noGateways, []string{"--default-issuer-name=last"}, false, "Issuer/last"},
		"namespaceDefaults":              {noGateways, []string{"--config=" + config}, true, "Issuer/team"},
		"a Gateway, for its ListenerSet": {selecting, []string{"--default-issuer-name=last"}, true, "Issuer/last"},
	} {
		t.Run(name, func(t *testing.T) {
			cluster, server := clusterOf(t, autoIngress, row.gateways)
			if row.gateways == selecting {
				cluster.answers[setsPath] = setOfEdge
			}
			stdout, stderr, exit := run(t, nil, append([]string{"plan", "-n", "shop", server}, row.flags...)...)
			if exit != 0 || !strings.Contains(stdout, row.issuer) {
				t.Errorf("exit status %d:\n%s%s", exit, stdout, stderr)
			}
			if reads := slices.Contains(cluster.asked, "/api/v1/namespaces"); reads != row.reads {
				t.Errorf("it reads Namespaces: %v, want %v", reads, row.reads)
			}
		})
	}
}

// A kind that nobody declares is looked at where a Namespace names it, too; one that can't be
// listed stays unknown, and holds nobody up.
func TestPlanLooksAtIssuersThatNobodyDeclares(t *testing.T) {
	config := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(config, []byte("apiVersion: certshim.io/v1alpha1\nkind: ControllerConfiguration\nnamespaceDefaults: true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		issuers string
		told    bool
	}{
		"there is none":      {`{"kind": "StrangeIssuerList", "apiVersion": "pki.strange.example/v1", "metadata": {}, "items": []}`, true},
		"it can't be listed": {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			cluster, server := clusterOf(t, autoIngress, noGateways)
			cluster.answers["/apis"] = strings.Replace(cluster.answers["/apis"], `"groups": [`,
				`"groups": [{"name": "pki.strange.example", "versions": [{"groupVersion": "pki.strange.example/v1", "version": "v1"}]},`, 1)
			cluster.answers["/apis/pki.strange.example/v1"] = `{"kind": "APIResourceList", "groupVersion": "pki.strange.example/v1", "resources": [
				{"name": "strangeissuers", "kind": "StrangeIssuer", "namespaced": true, "verbs": ["list", "watch"]}]}`
			if row.issuers != "" {
				cluster.answers["/apis/pki.strange.example/v1/namespaces/shop/strangeissuers"] = row.issuers
			}
			cluster.answers["/api/v1/namespaces"] = `{"kind": "NamespaceList", "apiVersion": "v1", "metadata": {}, "items": [
				{"metadata": {"name": "shop", "annotations": {"cert-manager.io/issuer": "corp", "cert-manager.io/issuer-kind": "StrangeIssuer",
					"cert-manager.io/issuer-group": "pki.strange.example"}}}]}`
			stdout, stderr, exit := run(t, nil, "plan", "-n", "shop", server, "--config="+config)
			if told := strings.Contains(stderr, "there is no StrangeIssuer corp"); exit != 0 || told != row.told || !strings.Contains(stdout, "StrangeIssuer.pki.strange.example/corp") {
				t.Errorf("exit status %d:\n%s%s", exit, stdout, stderr)
			}
		})
	}
}

// Gateways of every namespace are read for their ListenerSets; those of others aren't planned,
// whose Certificates nobody has read.
func TestPlanOfANamespaceLeavesTheGatewaysOfOthersOut(t *testing.T) {
	_, server := clusterOf(t, autoIngress, selecting)
	stdout, stderr, exit := run(t, nil, "plan", "-n", "shop", server, "--default-issuer-name=last")
	if exit != 0 || strings.Contains(stdout, "edge") || !strings.Contains(stderr, "1 source: 1 create") {
		t.Errorf("exit status %d:\n%s%s", exit, stdout, stderr)
	}
}

// Those of all namespaces are read, as their listeners may conflict; whoever may not list these has those
// of the own namespace.
func TestPlanOfANamespaceReadsTheListenerSetsOfOthers(t *testing.T) {
	listeners := `"listeners": [{"name": "a", "hostname": "a.example.com", "port": 443, "protocol": "HTTPS", "tls": {"certificateRefs": [{"name": "team-tls"}]}}]`
	own := strings.Replace(setOfEdge, `"listeners": []`, listeners, 1)
	older := strings.Replace(own, `"items": [`, `"items": [{"metadata": {"name": "old", "namespace": "bank", "uid": "4"}, "spec": {"parentRef": {"name": "edge", "namespace": "infra"}, `+listeners+`}},`, 1)
	gateways := strings.Replace(selecting, `{"from": "Selector", "selector": {"matchLabels": {"a": "b"}}}`, `{"from": "All"}`, 1)
	for name, row := range map[string]struct {
		denied []string
		exit   int
		told   string
	}{
		"all are read":       {nil, 1, "conflicts with a ListenerSet of another namespace"},
		"all may not be":     {[]string{setsPath}, 0, "1 create"},
		"not even the own's": {[]string{setsPath, ownSetsPath}, 2, "list listenersets"},
	} {
		t.Run(name, func(t *testing.T) {
			cluster, server := clusterOf(t, `{"kind": "IngressList", "apiVersion": "networking.k8s.io/v1", "metadata": {}, "items": []}`, gateways)
			cluster.answers[setsPath], cluster.answers[ownSetsPath], cluster.denied = older, own, row.denied
			stdout, stderr, exit := run(t, nil, "plan", "-n", "shop", server)
			if exit != row.exit || !strings.Contains(stderr, row.told) || strings.Contains(stdout, "old") {
				t.Errorf("exit status %d:\n%s%s", exit, stdout, stderr)
			}
		})
	}
}

// Where there is no kubeconfig, the error says where one was looked for, and what works without.
func TestNoKubeconfig(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	for kubeconfig, want := range map[string]string{
		"":                  "no cluster: there is no kubeconfig at ",
		"/nowhere/a":        "no cluster: there is no kubeconfig at /nowhere/a, which KUBECONFIG names; name one by --kubeconfig or KUBECONFIG, or plan manifests by -f FILE, or -f - for standard input",
		"/nowhere:/there/b": "no cluster: there is no kubeconfig at /nowhere or /there/b, which KUBECONFIG names; name",
	} {
		t.Setenv("KUBECONFIG", kubeconfig)
		_, stderr, exit := run(t, nil, "plan")
		if exit != 2 || !strings.HasPrefix(stderr, "error: "+want) {
			t.Errorf("KUBECONFIG=%s: exit status %d, %s", kubeconfig, exit, stderr)
		}
	}
}
