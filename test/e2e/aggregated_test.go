package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/crds"
)

// The group of Routes, and one of the same length under which the API server really keeps them.
const (
	routeGroup = "route.openshift.io"
	keptGroup  = "route.backingapi.t"
)

// routeServer is an API server behind the API server: it serves Routes, as OpenShift does, from custom resources of another
// group.
type routeServer struct {
	backing http.RoundTripper
	host    string
}

func (s *routeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/apis/"+routeGroup+"/v1") {
		http.NotFound(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	url := s.host + strings.Replace(r.URL.RequestURI(), routeGroup, keptGroup, 1)
	kept, err := http.NewRequestWithContext(r.Context(), r.Method, url, bytes.NewReader(bytes.ReplaceAll(body, []byte(routeGroup), []byte(keptGroup))))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	kept.Header.Set("Content-Type", r.Header.Get("Content-Type"))
	kept.Header.Set("Accept", asJSON(r.Header.Get("Accept")))
	kept.Header.Set("Accept-Encoding", "identity")
	answer, err := s.backing.RoundTrip(kept)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	w.Header().Set("Content-Type", answer.Header.Get("Content-Type"))
	w.WriteHeader(answer.StatusCode)
	lines := bufio.NewReader(answer.Body)
	for err == nil {
		var line []byte
		line, err = lines.ReadBytes('\n')
		_, _ = w.Write(bytes.ReplaceAll(line, []byte(keptGroup), []byte(routeGroup)))
		w.(http.Flusher).Flush()
	}
}

// asJSON leaves the forms of JSON that a client accepts, as text can be translated.
func asJSON(accept string) string {
	var forms []string
	for form := range strings.SplitSeq(accept, ",") {
		if strings.HasPrefix(strings.TrimSpace(form), "application/json") {
			forms = append(forms, form)
		}
	}
	if len(forms) == 0 {
		return "application/json"
	}
	return strings.Join(forms, ",")
}

// serveRoutes starts the server behind the API server, and returns its port.
func (d *deployed) serveRoutes(t *testing.T) string {
	t.Helper()
	definition := must(crds.Kind(t.Context(), schema.GroupVersionResource{Group: routeGroup, Version: "v1", Resource: "routes"}))(t)
	text := string(must(yaml.Marshal(definition.Object))(t))
	d.define(t, strings.ReplaceAll(text, routeGroup, keptGroup))
	server := httptest.NewTLSServer(&routeServer{backing: must(rest.TransportFor(d.Config))(t), host: d.Config.Host})
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// The kinds of a server behind the API server, such as OpenShift's Routes, come and go without a CRD.
func TestKindOfAnAggregatedAPI(t *testing.T) {
	namespace := shared.Namespace(t)
	shared.Issuer(t, namespace, "ca")
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	events := shared.Watch(t, cluster.Events(), metav1.NamespaceDefault)
	port := shared.serveRoutes(t)
	shared.Apply(t, namespace, fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: routes}
spec: {type: ExternalName, externalName: localhost, ports: [{port: %s}]}
`, port))
	of := shippedType(t, "openshift-route")
	object := exampleIn(t, of, namespace)

	remove := shared.register(t, namespace, port)
	createServed(t, shared.Dynamic.Resource(resourceOf(of)).Namespace(namespace), object)
	made := certificates.Ready(t, "portal-tls")
	if owner := metav1.GetControllerOf(made); owner == nil || owner.Kind != "Route" || owner.APIVersion != routeGroup+"/v1" {
		t.Errorf("its owner is %+v", owner)
	}
	// The objects stay where they are while nothing serves them, and so do the Certificates.
	remove()
	awaitWarning(t, events, resourceOf(of).GroupResource().String(), "KindRemoved")
	kept := resourceOf(of)
	kept.Group = keptGroup
	duration := "2000h"
	shared.annotate(t, kept, namespace, object.GetName(), "cert-manager.io/duration", &duration)
	shared.register(t, namespace, port)
	again := certificates.Object(t, "portal-tls", "to follow its object", func(c *unstructured.Unstructured) bool {
		return strings.HasPrefix(fmt.Sprint(field(c, "spec|duration")), "2000h")
	})
	if again.GetUID() != made.GetUID() {
		t.Error("it is another Certificate")
	}
}

// register lets the API server serve Routes from a Service. What it returns ends that, as the end of the test does.
func (d *deployed) register(t *testing.T, namespace, port string) (remove func()) {
	t.Helper()
	services := d.Dynamic.Resource(schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"})
	service := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(fmt.Sprintf(`
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.%s}
spec:
  group: %[1]s
  version: v1
  groupPriorityMinimum: 1000
  versionPriority: 10
  insecureSkipTLSVerify: true
  service: {namespace: %s, name: routes, port: %s}
`, routeGroup, namespace, port)), &service.Object); err != nil {
		t.Fatal(err)
	}
	if _, err := services.Create(t.Context(), service, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	isRemoved := false
	remove = func() {
		if !isRemoved {
			isRemoved = true
			if err := services.Delete(cleanup(), service.GetName(), metav1.DeleteOptions{}); err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(remove)
	return remove
}
