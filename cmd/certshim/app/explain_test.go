package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/cmd/certshim/app"
	generated "github.com/certshim/certshim/declaration/pages"
	"github.com/certshim/certshim/issuance"
)

// now is when the tests explain; the objects of scenes are from before.
var now = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// served are the resources of the fake API server, by their group and version.
var served = map[string]map[string]string{
	"v1":                           {"Event": "events", "Namespace": "namespaces"},
	"networking.k8s.io/v1":         {"Ingress": "ingresses"},
	"gateway.networking.k8s.io/v1": {"Gateway": "gateways", "ListenerSet": "listenersets"},
	"cert-manager.io/v1":           {"Certificate": "certificates", "CertificateRequest": "certificaterequests", "Issuer": "issuers", "ClusterIssuer": "clusterissuers"},
	"acme.cert-manager.io/v1":      {"Order": "orders", "Challenge": "challenges"},
}

// apiServer serves objects for reading.
type apiServer struct {
	lock sync.Mutex
	// objects by the path of their list; forbidden are paths that answer 403.
	objects   map[string][]map[string]any
	forbidden []string
	asked     []string
}

// scene serves the YAML documents of a text, and gives the flag that leads to it.
func scene(t *testing.T, text string) (s *apiServer, flag string) {
	t.Helper()
	s = &apiServer{objects: map[string][]map[string]any{}}
	s.set(t, text)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, "--server=" + server.URL
}

func (s *apiServer) set(t *testing.T, text string) {
	t.Helper()
	s.lock.Lock()
	defer s.lock.Unlock()
	clear(s.objects)
	for document := range strings.SplitSeq(text, "\n---\n") {
		var object map[string]any
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			t.Fatal(err)
		}
		version, kind := object["apiVersion"].(string), object["kind"].(string)
		resource := served[version][kind]
		if resource == "" {
			t.Fatalf("%s %s isn't served", version, kind)
		}
		metadata := object["metadata"].(map[string]any)
		for _, path := range []string{listPath(version, resource, ""), listPath(version, resource, fmt.Sprint(metadata["namespace"]))} {
			s.objects[path] = append(s.objects[path], object)
		}
	}
}

func listPath(version, resource, namespace string) string {
	path := "/apis/" + version
	if version == "v1" {
		path = "/api/v1"
	}
	if namespace != "" {
		path += "/namespaces/" + namespace
	}
	return path + "/" + resource
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.asked = append(s.asked, r.URL.Path)
	w.Header().Set("Content-Type", "application/json")
	answer, status := s.answer(r)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *apiServer) answer(r *http.Request) (answer any, status int) {
	path := r.URL.Path
	if slices.ContainsFunc(s.forbidden, func(part string) bool { return strings.Contains(path, part) }) {
		return failure(http.StatusForbidden, "Forbidden"), http.StatusForbidden
	}
	if found := discovery(path); found != nil {
		return found, http.StatusOK
	}
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for version, resources := range served {
		for _, resource := range resources {
			at := slices.Index(parts, resource)
			if at < 0 || !strings.HasPrefix(path, strings.TrimSuffix(listPath(version, "", ""), "/")+"/") {
				continue
			}
			list := s.objects["/"+strings.Join(parts[:at+1], "/")]
			if at == len(parts)-1 {
				return map[string]any{"kind": "List", "apiVersion": version, "metadata": map[string]any{}, "items": selected(list, r.URL.Query().Get("fieldSelector"))}, http.StatusOK
			}
			for _, object := range list {
				if object["metadata"].(map[string]any)["name"] == parts[at+1] {
					return object, http.StatusOK
				}
			}
		}
	}
	return failure(http.StatusNotFound, "NotFound"), http.StatusNotFound
}

func selected(list []map[string]any, selector string) []map[string]any {
	uid, selects := strings.CutPrefix(selector, "involvedObject.uid=")
	found := []map[string]any{}
	for _, object := range list {
		if about, _ := object["involvedObject"].(map[string]any); !selects || about["uid"] == uid {
			found = append(found, object)
		}
	}
	return found
}

func failure(code int, reason string) map[string]any {
	return map[string]any{"kind": "Status", "apiVersion": "v1", "metadata": map[string]any{}, "status": "Failure", "reason": reason, "code": code, "message": "no"}
}

func discovery(path string) any {
	switch path {
	case "/api":
		return map[string]any{"kind": "APIVersions", "versions": []string{"v1"}}
	case "/apis":
		var groups []any
		for version := range served {
			if group, name, grouped := strings.Cut(version, "/"); grouped {
				groups = append(groups, map[string]any{"name": group, "versions": []any{map[string]any{"groupVersion": version, "version": name}}})
			}
		}
		return map[string]any{"kind": "APIGroupList", "groups": groups}
	}
	for version, resources := range served {
		if path != strings.TrimSuffix(listPath(version, "", ""), "/") {
			continue
		}
		var all []any
		for kind, name := range resources {
			all = append(all, map[string]any{
				"name": name, "kind": kind, "namespaced": kind != "ClusterIssuer" && kind != "Namespace", "verbs": []string{"get", "list", "watch"},
			})
		}
		return map[string]any{"kind": "APIResourceList", "groupVersion": version, "resources": all}
	}
	return nil
}

const (
	webIngress = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop, uid: u-web, annotations: {cert-manager.io/issuer: ca, cert-manager.io/duration: 2160h}}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}, tls: [{hosts: [shop.example.com], secretName: web-tls}]}`
	caIssuer = `
---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: ca, namespace: shop, uid: u-ca}
spec: {ca: {secretName: ca}}
status: {conditions: [{type: Ready, status: "True", reason: KeyPairVerified, message: Signing CA verified, lastTransitionTime: "2026-05-04T11:00:00Z"}]}`
	// webSpec is what the Ingress asks for.
	webSpec = `
spec:
  secretName: web-tls
  dnsNames: [shop.example.com]
  duration: 2160h0m0s
  issuerRef: {group: cert-manager.io, kind: Issuer, name: ca}
  usages: [digital signature, key encipherment]`
	webCertificate = `
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: web-tls
  namespace: shop
  uid: u-web-tls
  creationTimestamp: "2026-05-04T11:55:00Z"
  ownerReferences: [{apiVersion: networking.k8s.io/v1, kind: Ingress, name: web, uid: u-web, controller: true, blockOwnerDeletion: true}]` + webSpec
	// heldCertificate has a field that somebody updated, and one that somebody applies.
	heldCertificate = `
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: web-tls
  namespace: shop
  uid: u-web-tls
  ownerReferences: [{apiVersion: networking.k8s.io/v1, kind: Ingress, name: web, uid: u-web, controller: true, blockOwnerDeletion: true}]
  managedFields:
  - manager: certshim
    operation: Apply
    apiVersion: cert-manager.io/v1
    fieldsType: FieldsV1
    fieldsV1: {"f:metadata": {"f:ownerReferences": {"k:{\"uid\":\"u-web\"}": {}}}, "f:spec": {"f:secretName": {}, "f:dnsNames": {}, "f:issuerRef": {"f:group": {}, "f:kind": {}, "f:name": {}}}}
  - {manager: kubectl-edit, operation: Update, apiVersion: cert-manager.io/v1, fieldsType: FieldsV1, fieldsV1: {"f:spec": {"f:duration": {}}}}
  - {manager: team, operation: Apply, apiVersion: cert-manager.io/v1, fieldsType: FieldsV1, fieldsV1: {"f:spec": {"f:usages": {}}}}
spec:
  secretName: web-tls
  dnsNames: [shop.example.com]
  duration: 48h0m0s
  issuerRef: {group: cert-manager.io, kind: Issuer, name: ca}
  usages: [server auth]`
	issuingStatus = `
status:
  nextPrivateKeySecretName: web-tls-x
  conditions:
  - {type: Ready, status: "False", reason: DoesNotExist, message: Issuing certificate as Secret does not exist, lastTransitionTime: "2026-05-04T11:55:00Z"}
  - {type: Issuing, status: "True", reason: DoesNotExist, message: Issuing certificate as Secret does not exist, lastTransitionTime: "2026-05-04T11:55:00Z"}`
	issuedStatus = `
status:
  revision: 1
  notBefore: "2026-05-04T11:55:00Z"
  notAfter: "2026-08-02T11:55:00Z"
  conditions:
  - {type: Ready, status: "True", reason: Ready, message: Certificate is up to date and has not expired, lastTransitionTime: "2026-05-04T11:55:00Z"}`
	backOffStatus = `
status:
  lastFailureTime: "2026-05-04T11:56:00Z"
  failedIssuanceAttempts: 2
  conditions:
  - {type: Ready, status: "False", reason: DoesNotExist, message: Issuing certificate as Secret does not exist, lastTransitionTime: "2026-05-04T11:55:00Z"}
  - {type: Issuing, status: "False", reason: Denied, message: "The certificate request has failed to complete and will be retried: no", lastTransitionTime: "2026-05-04T11:56:00Z"}`
	deniedRequest = `
---
apiVersion: cert-manager.io/v1
kind: CertificateRequest
metadata: {name: web-tls-1, namespace: shop, uid: u-request, creationTimestamp: "2026-05-04T11:55:00Z", annotations: {cert-manager.io/certificate-revision: "1"}, ownerReferences: [{kind: Certificate, name: web-tls, uid: u-web-tls, controller: true}]}
spec: {issuerRef: {name: ca}}
status: {conditions: [{type: Denied, status: "True", reason: policy.cert-manager.io, message: No policy approved this request, lastTransitionTime: "2026-05-04T11:56:00Z"}]}`
	orderedRequest = `
---
apiVersion: cert-manager.io/v1
kind: CertificateRequest
metadata: {name: web-tls-1, namespace: shop, uid: u-request, creationTimestamp: "2026-05-04T11:55:00Z", annotations: {cert-manager.io/certificate-revision: "1"}, ownerReferences: [{kind: Certificate, name: web-tls, uid: u-web-tls, controller: true}]}
spec: {issuerRef: {name: ca}}
status:
  conditions:
  - {type: Approved, status: "True", reason: cert-manager.io, message: approved, lastTransitionTime: "2026-05-04T11:55:00Z"}
  - {type: Ready, status: "False", reason: Pending, message: 'Waiting on certificate issuance from order shop/web-tls-1-42: "pending"', lastTransitionTime: "2026-05-04T11:55:00Z"}
---
apiVersion: acme.cert-manager.io/v1
kind: Order
metadata: {name: web-tls-1-42, namespace: shop, uid: u-order, creationTimestamp: "2026-05-04T11:55:00Z", ownerReferences: [{kind: CertificateRequest, name: web-tls-1, uid: u-request, controller: true}]}
spec: {dnsNames: [shop.example.com]}
status: {state: pending}
---
apiVersion: acme.cert-manager.io/v1
kind: Challenge
metadata: {name: web-tls-1-42-7, namespace: shop, uid: u-challenge, creationTimestamp: "2026-05-04T11:55:00Z", ownerReferences: [{kind: Order, name: web-tls-1-42, uid: u-order, controller: true}]}
spec: {dnsName: shop.example.com, type: HTTP-01, key: LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI, token: LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0}
status: {state: pending, processing: true, presented: true, reason: 'Waiting for HTTP-01 challenge propagation: did not get expected response "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI" when querying endpoint'}`
)

// explainAt runs explain at the time of the scenes.
func explainAt(t *testing.T, args ...string) (stdout, stderr string, exit int) {
	t.Helper()
	if slices.ContainsFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "--server=") }) {
		args = append(args, configFile(t, "")) // the cluster has no controller whose configuration would count
	}
	var out, errOut bytes.Buffer
	exit = app.ExplainAt(t.Context(), args, app.Streams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut}, now)
	return out.String(), errOut.String(), exit
}

// What is printed is in testdata/explain; -update writes it.
func TestExplainTellsTheStory(t *testing.T) {
	for name, row := range map[string]struct {
		scene string
		args  []string
		exit  int
	}{
		"issued":     {webIngress + caIssuer + webCertificate + issuedStatus, []string{"ingress/web"}, 0},
		"denied":     {webIngress + caIssuer + webCertificate + backOffStatus + deniedRequest, []string{"ing", "web"}, 1},
		"challenge":  {webIngress + caIssuer + webCertificate + issuingStatus + orderedRequest, []string{"certificate/web-tls"}, 0},
		"no-issuer":  {webIngress, []string{"Ingress/web"}, 0},
		"refused":    {strings.Replace(webIngress, "2160h", "90d", 1) + caIssuer, []string{"ingress/web"}, 1},
		"not-asked":  {strings.Replace(webIngress, "cert-manager.io/issuer", "example.com/x", 1), []string{"ingress/web"}, 0},
		"section":    {strings.Replace(webIngress, "cert-manager.io/issuer: ca", `certshim.io/sections: "{web-tls: {issuer: ca}}"`, 1) + caIssuer, []string{"ingress/web"}, 0},
		"differs":    {webIngress + caIssuer + strings.Replace(webCertificate, "2160h0m0s", "48h0m0s", 1) + issuedStatus, []string{"ingress/web"}, 0},
		"held":       {webIngress + caIssuer + heldCertificate + issuedStatus, []string{"ingress/web"}, 0},
		"of-others":  {strings.Replace(webCertificate, "\n---\n", "\n", 1) + issuedStatus + caIssuer, []string{"cert/web-tls"}, 0},
		"of-nobody":  {webIngress + caIssuer + strings.ReplaceAll(webCertificate, "u-web,", "u-other,") + issuedStatus, []string{"certificate/web-tls"}, 0},
		"not-there":  {webIngress, []string{"ingress/wbe"}, 1},
		"no-such":    {webIngress, []string{"certificate/api-tls"}, 1},
		"not-made":   {webIngress + caIssuer, []string{"certificate/web-tls"}, 0},
		"of-another": {webIngress + caIssuer + strings.ReplaceAll(webCertificate, "u-web,", "u-other,") + issuedStatus, []string{"ingress/web"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			_, server := scene(t, row.scene)
			stdout, stderr, exit := explainAt(t, append(row.args, "-n", "shop", server)...)
			if exit != row.exit || stderr != "" {
				t.Errorf("exit status %d, want %d: %s", exit, row.exit, stderr)
			}
			sameAsFile(t, filepath.Join("testdata", "explain", name+".txt"), stdout)
			text, _, again := explainAt(t, append(row.args, "-n", "shop", server, "-o", "json")...)
			sameStory(t, stdout, text)
			if again != exit {
				t.Errorf("as JSON the exit status is %d, not %d", again, exit)
			}
		})
	}
}

// The names of routes are told with the routes that bring them.
func TestExplainTellsOfRoutes(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	config := write("config.yaml", "apiVersion: certshim.io/v1alpha1\nkind: ControllerConfiguration\ngatewayAPI: {routeNames: {namespaces: {shop: [shop.example.com]}}}\n")
	input := write("edge.yaml", `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop, annotations: {cert-manager.io/cluster-issuer: ca, certshim.io/route-names: "true"}}
spec:
  gatewayClassName: example
  listeners: [{name: web, port: 443, protocol: HTTPS, hostname: "*.shop.example.com", tls: {certificateRefs: [{name: edge-tls}]}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: deep, namespace: shop}
spec: {parentRefs: [{name: edge}], hostnames: [a.b.shop.example.com]}
`)
	stdout, stderr, exit := explainAt(t, "gateway/edge", "-n", "shop", "-f", input, "--config", config)
	if exit != 0 {
		t.Errorf("exit status %d: %s", exit, stderr)
	}
	sameAsFile(t, filepath.Join("testdata", "explain", "routes.txt"), stdout)
}

// What waits for takeover.changesPerMinute in the controller waits in plan and in explain.
func TestPlanAndExplainAgreeAboutWhatIsHeld(t *testing.T) {
	const applied = `
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: web-tls
  namespace: shop
  uid: u-web-tls
  resourceVersion: "6"
  ownerReferences: [{apiVersion: networking.k8s.io/v1, kind: Ingress, name: web, uid: u-web, controller: true, blockOwnerDeletion: true}]
  managedFields:
  - manager: certshim
    operation: Apply
    apiVersion: cert-manager.io/v1
    fieldsType: FieldsV1
    fieldsV1: {"f:metadata": {"f:ownerReferences": {"k:{\"uid\":\"u-web\"}": {}}}, "f:spec": {"f:secretName": {}, "f:dnsNames": {}, "f:duration": {}, "f:issuerRef": {"f:group": {}, "f:kind": {}, "f:name": {}}}}
spec:
  secretName: web-tls
  dnsNames: [old.example.com]
  duration: 2160h0m0s
  issuerRef: {group: cert-manager.io, kind: Issuer, name: ca}`
	input := strings.Replace(webIngress, "uid: u-web,", `uid: u-web, resourceVersion: "5",`, 1) + caIssuer + applied
	_, server := scene(t, input)
	config := configFile(t, "takeover: {changesPerMinute: 0}\n")
	const held = "takeover.changesPerMinute is 0"
	for _, command := range [][]string{{"plan"}, {"explain", "ingress/web"}} {
		arguments := slices.Concat(command, []string{"-n", "shop", server, config})
		stdout, stderr, _ := run(t, nil, arguments...)
		if !strings.Contains(stdout+stderr, held) {
			t.Errorf("%q doesn't say so:\n%s%s", command, stdout, stderr)
		}
	}
}

func sameAsFile(t *testing.T, name, text string) {
	t.Helper()
	if generated.Update() {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s: run `go test ./cmd/certshim/app -update`\n%s", name, diff)
	}
}

// told is an Explanation as programs read it.
type told struct {
	APIVersion, Kind, Outcome string
	Hangs, Notes              []struct {
		Code, Page, Why string
		Commands        []string
	}
	Steps  []struct{ Outcome, Text string }
	Source *struct {
		Certificates []map[string]any
		Problems     []map[string]any
		Issuer       map[string]any
	}
	Unread []string
}

func tellJSON(t *testing.T, text string) told {
	t.Helper()
	var e told
	var whole any
	if err := errors.Join(json.Unmarshal([]byte(text), &e), json.Unmarshal([]byte(text), &whole)); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	app.FitsSchema(t, "explanation", whole)
	return e
}

// sameStory wants the same steps and places in JSON as in the text, in the same order.
func sameStory(t *testing.T, text, asJSON string) {
	t.Helper()
	e := tellJSON(t, asJSON)
	if e.APIVersion != "certshim.io/v1alpha1" || e.Kind != "Explanation" {
		t.Errorf("it is a %s of %s", e.Kind, e.APIVersion)
	}
	rest := text
	next := func(part string) {
		at := strings.Index(rest, part)
		if at < 0 {
			t.Errorf("%q isn't in the rest of the text:\n%s", part, rest)
			return
		}
		rest = rest[at:]
	}
	for _, h := range e.Hangs {
		next(h.Code + " at ")
		next(h.Page)
	}
	next("Steps:")
	for _, s := range e.Steps {
		next("  " + s.Outcome)
		next(s.Text)
	}
}

// Saved objects hang where those of the cluster do. What isn't among them isn't taken for missing.
func TestExplainOfSavedObjects(t *testing.T) {
	for name, row := range map[string]struct {
		scene, object string
		unread        int
	}{
		"issued":    {webIngress + caIssuer + webCertificate + issuedStatus, "ingress/web", 1},
		"denied":    {webIngress + caIssuer + webCertificate + backOffStatus + deniedRequest, "ing/web", 1},
		"challenge": {webIngress + caIssuer + webCertificate + issuingStatus + orderedRequest, "certificate/web-tls", 1},
		"held":      {webIngress + caIssuer + heldCertificate + issuedStatus, "ingress/web", 1},
		"of-others": {strings.Replace(webCertificate, "\n---\n", "\n", 1) + issuedStatus + caIssuer, "cert/web-tls", 1},
	} {
		t.Run(name, func(t *testing.T) {
			_, server := scene(t, row.scene)
			file := filepath.Join(t.TempDir(), "dump.yaml")
			if err := os.WriteFile(file, []byte(row.scene), 0o600); err != nil {
				t.Fatal(err)
			}
			online, _, exit := explainAt(t, row.object, "-n", "shop", server, "-o", "json")
			offline, stderr, same := explainAt(t, row.object, "-f", file, "-o", "json")
			if exit != same || stderr != "" {
				t.Errorf("exit status %d, online %d: %s", same, exit, stderr)
			}
			want, got := tellJSON(t, online), tellJSON(t, offline)
			if diff := cmp.Diff(want.Hangs, got.Hangs); diff != "" {
				t.Errorf("hangs (-online +offline)\n%s", diff)
			}
			if len(got.Unread) != row.unread || !strings.Contains(strings.Join(got.Unread, ""), "the input has no objects of kind") {
				t.Errorf("unread %q", got.Unread)
			}
		})
	}
}

// explain decides as plan does.
func TestExplainAgreesWithPlan(t *testing.T) {
	for name, objects := range map[string]string{
		"issued":  webIngress + caIssuer + webCertificate + issuedStatus,
		"create":  webIngress + caIssuer,
		"refuse":  strings.Replace(webIngress, "2160h", "90d", 1) + caIssuer,
		"apply":   webIngress + caIssuer + strings.Replace(webCertificate, "2160h0m0s", "48h0m0s", 1),
		"ignored": strings.Replace(webIngress, "cert-manager.io/issuer", "example.com/x", 1),
	} {
		t.Run(name, func(t *testing.T) {
			_, server := scene(t, objects)
			explained, _, _ := explainAt(t, "ingress/web", "-n", "shop", server, "-o", "json")
			planned, _, _ := run(t, nil, "plan", "ingress/web", "-n", "shop", server, "-o", "report")
			var report struct{ Sources []json.RawMessage }
			var whole struct{ Source json.RawMessage }
			if err := json.Unmarshal([]byte(planned), &report); err != nil || len(report.Sources) != 1 {
				t.Fatalf("%v in %s", err, planned)
			}
			if err := json.Unmarshal([]byte(explained), &whole); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(asText(t, report.Sources[0]), asText(t, whole.Source)); diff != "" {
				t.Errorf("(-plan +explain)\n%s", diff)
			}
		})
	}
}

func asText(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A permission that is missing costs one line.
func TestMissingPermissionsAreALineEach(t *testing.T) {
	everything := webIngress + caIssuer + webCertificate + issuingStatus + orderedRequest
	for part, line := range map[string]string{
		"/namespaces/shop/certificaterequests": "you may not list certificaterequests.cert-manager.io in namespace shop",
		"/namespaces/shop/orders":              "you may not list orders.acme.cert-manager.io in namespace shop",
		"/namespaces/shop/challenges":          "you may not list challenges.acme.cert-manager.io in namespace shop",
		"/namespaces/shop/events":              "you may not list events in namespace shop",
		"/issuers":                             "you may not list objects of kind Issuer of group cert-manager.io",
		"/namespaces/shop/certificates":        "you may not list objects of kind Certificate of group cert-manager.io",
		"/namespaces/shop/gateways":            "you may not list objects of kind Gateway of group gateway.networking.k8s.io",
		"/namespaces/shop/listenersets":        "you may not list objects of kind ListenerSet of group gateway.networking.k8s.io",
	} {
		t.Run(part, func(t *testing.T) {
			s, server := scene(t, everything)
			s.forbidden = []string{part}
			stdout, stderr, exit := explainAt(t, "ingress/web", "-n", "shop", server)
			if exit == 2 || stderr != "" || strings.Count(stdout, "\n  "+line+"\n") != 1 {
				t.Errorf("exit status %d, want one line %q in\n%s%s", exit, line, stdout, stderr)
			}
			for _, never := range []string{string(issuance.RequestNotCreated), string(issuance.NoSolverMatches), string(issuance.IssuerNotFound), string(issuance.NoCertificate)} {
				if strings.Contains(stdout, never) {
					t.Errorf("what can't be read counts as missing, %s:\n%s", never, stdout)
				}
			}
		})
	}
	s, server := scene(t, everything)
	s.forbidden = []string{"/namespaces/", "issuers", "gateways", "ingresses", "listenersets"}
	if stdout, stderr, exit := explainAt(t, "certificate/web-tls", "-n", "shop", server); exit != 0 || !strings.Contains(stdout, "unknown") {
		t.Errorf("exit status %d:\n%s%s", exit, stdout, stderr)
	}
}

// No Secret is asked for, and nothing secret of a Challenge is printed.
func TestExplainReadsNothingSecret(t *testing.T) {
	s, server := scene(t, webIngress+caIssuer+webCertificate+issuingStatus+orderedRequest)
	for _, format := range []string{"text", "json"} {
		stdout, _, _ := explainAt(t, "ingress/web", "-n", "shop", server, "-o", format)
		if strings.Contains(stdout, "LoqXcYV8") || strings.Contains(stdout, "9jg46WB3rR") || !strings.Contains(stdout, "did not get expected response") {
			t.Errorf("%s", stdout)
		}
	}
	for _, path := range s.asked {
		if strings.Contains(path, "secrets") {
			t.Errorf("it asks for %s", path)
		}
	}
}

// An issued Certificate costs no more than the lists.
func TestExplainAsksLittleOfAnIssuedCertificate(t *testing.T) {
	s, server := scene(t, webIngress+caIssuer+webCertificate+issuedStatus)
	explainAt(t, "ingress/web", "-n", "shop", server)
	for _, path := range s.asked {
		if strings.HasSuffix(path, "/events") || strings.HasSuffix(path, "/issuers/ca") || path == listPath("cert-manager.io/v1", "certificates", "") {
			t.Errorf("it asks for %s", path)
		}
	}
}

const hostileText = "\x1b[31m\u202e\r\n\x07"

func TestExplainIsSafeOnATerminal(t *testing.T) {
	quoted, err := json.Marshal(hostileText)
	if err != nil {
		t.Fatal(err)
	}
	objects := strings.NewReplacer(
		"No policy approved this request", string(quoted), "policy.cert-manager.io", string(quoted), "Signing CA verified", string(quoted),
		"2160h}", "2160h, cert-manager.io/common-name: "+string(quoted)+"}",
	).Replace(webIngress + caIssuer + webCertificate + backOffStatus + deniedRequest)
	_, server := scene(t, objects)
	for _, format := range []string{"text", "json"} {
		stdout, stderr, exit := explainAt(t, "ingress/web", "-n", "shop", server, "-o", format)
		safe(t, format, stdout+stderr)
		if exit != 1 || !strings.Contains(stdout, "RequestDenied") {
			t.Errorf("exit status %d:\n%s%s", exit, stdout, stderr)
		}
	}
	_, stderr, _ := explainAt(t, hostileText+"/x", "-o", hostileText)
	safe(t, "wrong arguments", stderr)
}

func TestExplainInColour(t *testing.T) {
	_, server := scene(t, webIngress+caIssuer+webCertificate+backOffStatus+deniedRequest)
	plain, _, _ := explainAt(t, "ingress/web", "-n", "shop", server)
	stdout, _, _ := explainAt(t, "ingress/web", "-n", "shop", server, "--color=always")
	if !strings.Contains(stdout, "\x1b[31mbroken \x1b[0m") || !strings.Contains(stdout, "\x1b[32mok     \x1b[0m") {
		t.Errorf("%q", stdout)
	}
	for _, c := range []string{"\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[2m", "\x1b[0m"} {
		stdout = strings.ReplaceAll(stdout, c, "")
	}
	if stdout != plain {
		t.Error(cmp.Diff(plain, stdout))
	}
}

func TestExplainTakesOneObject(t *testing.T) {
	for args, want := range map[string]string{
		"":                        "one object is explained",
		"ingress":                 "one object is explained",
		"ingress/a/b":             "one object is explained",
		"ingress a b":             "one object is explained",
		"ingres/web":              `did you mean "ingress"`,
		"certificat/web":          `did you mean "certificate"`,
		"ingress/web -o yaml":     `--output is "yaml", must be one of text, json`,
		"ingress/web --color=odd": "--color",
		"ingress/web -f x -w":     "--watch has no place with -f",
	} {
		_, stderr, exit := explainAt(t, strings.Fields(args)...)
		if exit != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit status %d, %s", args, exit, stderr)
		}
	}
}

// With --watch it looks until all is issued, and prints what changed.
func TestExplainWatches(t *testing.T) {
	s, server := scene(t, webIngress+caIssuer+webCertificate+issuingStatus)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	read, write := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- app.ExplainAt(ctx, []string{"ingress/web", "-n", "shop", server, "--watch"}, app.Streams{Out: write, ErrOut: io.Discard}, now)
		_ = write.Close()
	}()
	buffer := make([]byte, 1<<16)
	n, err := read.Read(buffer)
	if err != nil || !strings.Contains(string(buffer[:n]), "an issuance runs") {
		t.Fatalf("%v: %s", err, buffer[:n])
	}
	s.set(t, webIngress+caIssuer+webCertificate+issuedStatus)
	rest, err := io.ReadAll(read)
	if err != nil || strings.Count(string(rest), "Steps:") != 1 || !strings.Contains(string(rest), "1 certificate issued") {
		t.Errorf("%v: %s", err, rest)
	}
	if exit := <-ended; exit != 0 {
		t.Errorf("exit status %d", exit)
	}
}
