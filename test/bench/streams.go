package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Each object of a stream is a recorded one with another number and another namespace. Both stand in the
// recorded one with as many digits as in any other.
const (
	recordedNumber    = "7654321"
	recordedNamespace = "team-9876"
	firstNumber       = 1_000_000
	perNamespace      = 1000
)

// streams is what certshim needs of an API server: discovery, watches that begin with all objects, and the [edits] of some of
// them. It holds one object of each kind, so that it takes next to no memory itself.
type streams struct {
	*httptest.Server
	// bytes are those of the objects that were sent, before compression.
	bytes atomic.Int64
	// wrote is the first request that would have changed something else.
	wrote    atomic.Pointer[string]
	resource map[string]stream
	answers  map[string]any
	edits    edits
}

// stream is a resource: so many objects like one, and then changes.
type stream struct {
	object  []byte
	count   int
	changes chan []byte
}

// pairStreams serves so many Ingresses, and their Certificates as certshim made them and cert-manager issued them.
func pairStreams(ctx context.Context, pairs int) (*streams, error) {
	source, made, err := recordPair(ctx)
	if err != nil {
		return nil, err
	}
	issuer := []byte(`{"apiVersion":"cert-manager.io/v1","kind":"ClusterIssuer","metadata":{"name":"` + issuerName + `","uid":"i","resourceVersion":"5",
		"generation":1},"spec":{"selfSigned":{}},` + readyStatus[1:])
	s := &streams{
		resource: map[string]stream{
			ingressWatch:     {source, pairs, make(chan []byte, editsAtRest)},
			certificateWatch: {made, pairs, make(chan []byte, editsAtRest)},
			"/apis/cert-manager.io/v1/clusterissuers":                 {object: issuer, count: 1},
			"/apis/cert-manager.io/v1/issuers":                        {},
			"/apis/apiextensions.k8s.io/v1/customresourcedefinitions": {},
			"/apis/apiregistration.k8s.io/v1/apiservices":             {},
		},
		answers: discoveryAnswers(),
		edits:   edits{done: make(chan struct{})},
	}
	s.Server = httptest.NewUnstartedServer(s)
	s.EnableHTTP2 = true
	s.StartTLS()
	return s, nil
}

func discoveryAnswers() map[string]any {
	list := func(groupVersion string, resources ...metav1.APIResource) metav1.APIResourceList {
		for i := range resources {
			resources[i].Verbs = metav1.Verbs{"get", "list", "watch", "create", "patch", "delete"}
		}
		return metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList"}, GroupVersion: groupVersion, APIResources: resources}
	}
	group := func(name string) metav1.APIGroup {
		version := metav1.GroupVersionForDiscovery{GroupVersion: name + "/v1", Version: "v1"}
		return metav1.APIGroup{Name: name, Versions: []metav1.GroupVersionForDiscovery{version}, PreferredVersion: version}
	}
	return map[string]any{
		"/api":    metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"}},
		"/api/v1": list("v1"),
		"/apis": metav1.APIGroupList{
			TypeMeta: metav1.TypeMeta{Kind: "APIGroupList"}, Groups: []metav1.APIGroup{group("networking.k8s.io"), group("cert-manager.io")},
		},
		"/apis/networking.k8s.io/v1": list("networking.k8s.io/v1", metav1.APIResource{Name: "ingresses", Kind: "Ingress", Namespaced: true}),
		"/apis/cert-manager.io/v1": list("cert-manager.io/v1",
			metav1.APIResource{Name: "certificates", Kind: "Certificate", Namespaced: true},
			metav1.APIResource{Name: "issuers", Kind: "Issuer", Namespaced: true},
			metav1.APIResource{Name: "clusterissuers", Kind: "ClusterIssuer"}),
	}
}

// ServeHTTP implements [http.Handler].
func (s *streams) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	resource, isResource := s.resource[r.URL.Path]
	answer, isAnswer := s.answers[r.URL.Path]
	switch {
	case r.Method == http.MethodHead:
		w.Header().Set(flowcontrolv1.ResponseHeaderMatchedFlowSchemaUID, "any")
	case isAnswer:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer) // fails only where nobody reads
	case isResource && r.URL.Query().Get("watch") != "":
		s.watch(w, r, resource)
	case r.Method == http.MethodGet && numberOf(r.URL.Path) < 0:
		http.NotFound(w, r)
	default:
		if err := s.serveObject(w, r); err != nil {
			wrote := fmt.Sprintf("%s %s: %v", r.Method, r.URL, err)
			s.wrote.CompareAndSwap(nil, &wrote)
			http.Error(w, err.Error(), http.StatusForbidden)
		}
	}
}

// watch sends all objects if they are asked for, and then what changes until the client goes.
func (s *streams) watch(w http.ResponseWriter, r *http.Request, resource stream) {
	w.Header().Set("Content-Type", "application/json")
	out := bufio.NewWriterSize(w, 64<<10)
	if r.URL.Query().Get("sendInitialEvents") == "true" {
		for i := range resource.count {
			n, _ := fmt.Fprintf(out, `{"type":"ADDED","object":%s}`+"\n", numbered(resource.object, i)) // the end of the request ends the loop
			s.bytes.Add(int64(n))
			if r.Context().Err() != nil {
				return
			}
		}
		_, _ = fmt.Fprintf(out, `{"type":"BOOKMARK","object":{"kind":"Any","apiVersion":"v1","metadata":{"resourceVersion":"9999999","annotations":{%q:"true"}}}}`+"\n",
			metav1.InitialEventsAnnotationKey)
	}
	for {
		_ = out.Flush()
		_ = http.NewResponseController(w).Flush()
		select {
		case changed := <-resource.changes:
			_, _ = fmt.Fprintf(out, `{"type":"MODIFIED","object":%s}`+"\n", changed)
		case <-r.Context().Done():
			return
		}
	}
}

// numbered is a recorded object with the i-th number, in the namespace for that.
func numbered(object []byte, i int) []byte {
	object = bytes.ReplaceAll(object, []byte(recordedNumber), []byte(strconv.Itoa(firstNumber+i)))
	return bytes.ReplaceAll(object, []byte(recordedNamespace), fmt.Appendf(nil, "team-%04d", i/perNamespace))
}

// kubeconfig writes one that reaches the server.
func (s *streams) kubeconfig(file string) error {
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	return clientcmd.WriteToFile(clientcmdapi.Config{
		CurrentContext: "streams",
		Contexts:       map[string]*clientcmdapi.Context{"streams": {Cluster: "streams"}},
		Clusters:       map[string]*clientcmdapi.Cluster{"streams": {Server: s.URL, CertificateAuthorityData: authority}},
	}, file)
}
