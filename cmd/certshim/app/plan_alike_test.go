package app_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/cmd/certshim/app/manifest"
)

// servedResource is a resource of an API server, in one version.
type servedResource struct {
	version string
	metav1.APIResource
}

// documentServer is an API server that has what documents say.
type documentServer struct {
	resources []servedResource
	objects   []*unstructured.Unstructured
	// down are paths that answer 503, and forbidden those that answer 403.
	down, forbidden map[string]bool
	// before, if there is one, is called before each request for an object or a list.
	before func(path string)
}

func serves(version, plural, kind string, namespaced bool) servedResource {
	return servedResource{version, metav1.APIResource{Name: plural, Kind: kind, Namespaced: namespaced, Verbs: metav1.Verbs{"get", "list", "watch"}}}
}

// serveDocuments starts a server of the kinds that plan reads and of those of the CRDs among the
// documents.
func serveDocuments(t *testing.T, documents string) (server *documentServer, flag string) {
	t.Helper()
	s := &documentServer{down: map[string]bool{}, forbidden: map[string]bool{}, resources: []servedResource{
		serves("v1", "namespaces", "Namespace", false),
		serves("networking.k8s.io/v1", "ingresses", "Ingress", true),
		serves("gateway.networking.k8s.io/v1", "gateways", "Gateway", true),
		serves("gateway.networking.k8s.io/v1", "listenersets", "ListenerSet", true),
		serves("cert-manager.io/v1", "certificates", "Certificate", true),
		serves("cert-manager.io/v1", "issuers", "Issuer", true),
		serves("cert-manager.io/v1", "clusterissuers", "ClusterIssuer", false),
		serves("apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition", false),
	}}
	for document, err := range (manifest.Reader{Name: "-"}).Documents(strings.NewReader(documents)) {
		if err != nil {
			t.Fatal(err)
		}
		s.objects = append(s.objects, document.Object)
		if spec, _ := document.Object.Object["spec"].(map[string]any); document.Object.GetKind() == "CustomResourceDefinition" && spec["group"] != "cert-manager.io" {
			names := spec["names"].(map[string]any)
			s.resources = append(s.resources, serves(spec["group"].(string)+"/v1", names["plural"].(string), names["kind"].(string), spec["scope"] == "Namespaced"))
		}
	}
	listening := httptest.NewServer(s)
	t.Cleanup(listening.Close)
	return s, "--server=" + listening.URL
}

// objectPath takes a path of the API apart: the version, the namespace, the resource and a name.
var objectPath = regexp.MustCompile(`^/apis?/((?:[a-z][^/]*/)?v[0-9][^/]*)(?:/namespaces/([^/]+))?/([^/]+)(?:/([^/]+))?$`)

func (s *documentServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var answer any
	switch path := objectPath.FindStringSubmatch(r.URL.Path); {
	case s.down[r.URL.Path]:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case s.forbidden[r.URL.Path]:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403}`))
		return
	case r.URL.Path == "/api":
		answer = metav1.APIVersions{Versions: []string{"v1"}}
	case r.URL.Path == "/apis":
		answer = s.groups()
	case path == nil:
		answer = s.resourcesOf(strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/apis/"), "/api/"))
	default:
		if s.before != nil {
			s.before(r.URL.Path)
		}
		answer = s.find(path[1], path[2], path[3], path[4])
	}
	if answer == nil {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}`))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *documentServer) groups() metav1.APIGroupList {
	var list metav1.APIGroupList
	for _, resource := range s.resources {
		name, _, grouped := strings.Cut(resource.version, "/")
		known := slices.ContainsFunc(list.Groups, func(g metav1.APIGroup) bool { return g.Name == name })
		if version := (metav1.GroupVersionForDiscovery{GroupVersion: resource.version, Version: "v1"}); grouped && !known {
			list.Groups = append(list.Groups, metav1.APIGroup{Name: name, PreferredVersion: version, Versions: []metav1.GroupVersionForDiscovery{version}})
		}
	}
	return list
}

func (s *documentServer) resourcesOf(version string) metav1.APIResourceList {
	list := metav1.APIResourceList{GroupVersion: version}
	for _, resource := range s.resources {
		if resource.version == version {
			list.APIResources = append(list.APIResources, resource.APIResource)
		}
	}
	return list
}

// find gives a list, or an object if there is a name; nil where there is none.
func (s *documentServer) find(version, namespace, plural, name string) any {
	at := slices.IndexFunc(s.resources, func(r servedResource) bool { return r.version == version && r.Name == plural })
	if at < 0 {
		return nil
	}
	kind, items := s.resources[at].Kind, []any{}
	for _, object := range s.objects {
		if object.GetKind() != kind || object.GetAPIVersion() != version || namespace != "" && object.GetNamespace() != namespace {
			continue
		}
		if items = append(items, object.Object); name == object.GetName() {
			return object.Object
		}
	}
	if name != "" {
		return nil
	}
	return map[string]any{"apiVersion": version, "kind": kind + "List", "metadata": map[string]any{}, "items": items}
}

// reported is the report of a plan, as far as it is about sources, and its other output.
func reported(t *testing.T, stdin string, arguments ...string) (sources []any, text string) {
	t.Helper()
	stdout, stderr, exit := run(t, []byte(stdin), append([]string{"plan", "-o", "report"}, arguments...)...)
	var report struct{ Sources []any }
	if err := json.Unmarshal([]byte(stdout), &report); err != nil || exit > 1 {
		t.Fatalf("exit status %d, %v:\n%s", exit, err, stderr)
	}
	return report.Sources, stdout
}

func configFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(name, []byte("apiVersion: certshim.io/v1alpha1\nkind: ControllerConfiguration\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "--config=" + name
}

// The same objects lead to the same outcome, as documents and as lists of a cluster.
func TestDocumentsAndListsLeadToTheSame(t *testing.T) {
	text, err := os.ReadFile("testdata/alike.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, server := serveDocuments(t, string(text))
	for name, row := range map[string]struct {
		config string
		// says are parts of the reports.
		says []string
	}{
		"as it comes": {"", []string{
			"doesn't have the field; it is left out", "Certificate foreign exists", "its values are as asked for", "it is put back",
			"isn't ready", "Ingress web asks for Secret new too", "it stays until there is a Certificate foreign", "bare doesn't have them",
		}},
		"what Namespaces say counts": {"namespaceDefaults: true\n", []string{`"from": "namespace"`, `"kind": "StrangeIssuer"`, "too odd"}},
		"some namespaces alone":      {"namespaces: [shop, bare]\n", []string{"Gateway infra/edge can't be read"}},
	} {
		t.Run(name, func(t *testing.T) {
			config := configFile(t, row.config)
			ofDocuments, stdout := reported(t, string(text), "-f", "-", config)
			ofCluster, _ := reported(t, "", "-A", server, config)
			if diff := cmp.Diff(ofDocuments, ofCluster); diff != "" {
				t.Error("(-documents +cluster)", diff)
			}
			for _, part := range row.says {
				if !strings.Contains(stdout, part) {
					t.Errorf("%q is missing in\n%s", part, stdout)
				}
			}
		})
	}
}

// Of a group whose discovery fails nothing is known: its kinds aren't taken for ones that
// aren't installed.
func TestAGroupThatIsDown(t *testing.T) {
	server, flag := serveDocuments(t, `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop, uid: "1", annotations: {cert-manager.io/issuer: corp, cert-manager.io/issuer-kind: StepIssuer, cert-manager.io/issuer-group: certmanager.step.sm}}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}, tls: [{hosts: [a.example.com], secretName: web-tls}]}
`)
	_, stderr, exit := run(t, nil, "plan", "-A", flag)
	if exit != 0 || !strings.Contains(stderr, "whose CRD isn't installed") {
		t.Errorf("without the group: exit status %d\n%s", exit, stderr)
	}
	stdout, stderr, exit := run(t, nil, "issuers", flag)
	if exit != 0 || !regexp.MustCompile(`StepIssuer +certmanager.step.sm +Namespaced +no `).MatchString(stdout) {
		t.Errorf("issuers without the group: exit status %d\n%s%s", exit, stdout, stderr)
	}
	server.resources = append(server.resources, serves("certmanager.step.sm/v1", "stepissuers", "StepIssuer", true))
	server.down["/apis/certmanager.step.sm/v1"] = true
	stdout, stderr, exit = run(t, nil, "plan", "-A", flag, configFile(t, ""))
	if exit != 0 || !strings.Contains(stdout, "create") || stderr != "1 source: 1 create\n" {
		t.Errorf("while it is down: exit status %d\n%s%s", exit, stdout, stderr)
	}
	if stdout, _, _ = run(t, nil, "issuers", flag); !regexp.MustCompile(`StepIssuer +certmanager.step.sm +Namespaced +- `).MatchString(stdout) {
		t.Errorf("issuers while it is down:\n%s", stdout)
	}
}

// Subresources, and what can't be watched, are no kinds of issuers; those that a CRD defines are.
func TestWhatIsServedIsWhatCanBeWatched(t *testing.T) {
	const web = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop, uid: "1", annotations: {cert-manager.io/issuer: corp, cert-manager.io/issuer-kind: OddIssuer, cert-manager.io/issuer-group: odd.example}}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}, tls: [{hosts: [a.example.com], secretName: web-tls}]}
`
	server, flag := serveDocuments(t, web)
	odd := serves("odd.example/v1", "oddissuers", "OddIssuer", true)
	// No CRD defines it: it is of an aggregated API.
	server.resources = append(server.resources, odd)
	if _, stderr, _ := run(t, nil, "plan", "-A", flag); strings.Contains(stderr, "OddIssuer corp") {
		t.Errorf("issuers of an aggregated API were listed:\n%s", stderr)
	}
	odd.Verbs = metav1.Verbs{"list"}
	server.resources[len(server.resources)-1] = odd
	if _, stderr, _ := run(t, nil, "plan", "-A", flag); !strings.Contains(stderr, "OddIssuer") {
		t.Errorf("what can't be watched is served:\n%s", stderr)
	}
}

// An object that can't be read costs only itself.
func TestAnObjectOfAClusterThatCantBeRead(t *testing.T) {
	_, flag := serveDocuments(t, `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: bad, namespace: shop, uid: "1", annotations: {cert-manager.io/issuer: ca}}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}, tls: 1}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop, uid: "2", annotations: {cert-manager.io/issuer: ca}}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}, tls: [{hosts: [a.example.com], secretName: web-tls}]}
---
{apiVersion: cert-manager.io/v1, kind: Issuer, metadata: {name: ca, namespace: shop}, spec: {ca: {}}, status: {conditions: [{type: Ready, status: "True"}]}}
`)
	stdout, stderr, exit := run(t, nil, "plan", "-A", flag)
	if exit != 1 || !strings.Contains(stdout, "web-tls") || !strings.Contains(stderr, "error: Ingress/shop/bad: BadConfig: the object can't be read") {
		t.Errorf("exit status %d\n%s%s", exit, stdout, stderr)
	}
}

// Sources are selected by all of their labels, whichever of them decisions read.
func TestSourcesAreSelectedByLabelsThatNobodyReads(t *testing.T) {
	const two = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop, uid: "1", labels: {team: a}, annotations: {cert-manager.io/issuer: ca}}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}, tls: [{hosts: [a.example.com], secretName: web-tls}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: other, namespace: shop, uid: "2", labels: {team: b}, annotations: {cert-manager.io/issuer: ca}}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}, tls: [{hosts: [b.example.com], secretName: other-tls}]}
`
	_, server := serveDocuments(t, two)
	config := configFile(t, "labels: {exclude: [team]}\n")
	for name, arguments := range map[string][]string{"documents": {"-f", "-"}, "a cluster": {"-A", server}} {
		stdout, stderr, exit := run(t, []byte(two), append([]string{"plan", "-l", "team=a", config}, arguments...)...)
		if exit != 0 || strings.Contains(stdout, "other") || !strings.Contains(stderr, "1 source: 1 create") {
			t.Errorf("%s: exit status %d\n%s%s", name, exit, stdout, stderr)
		}
	}
}
