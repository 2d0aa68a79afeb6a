package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cluster"
	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// script is a Writer that notes what it is asked and answers what it is told.
type script struct {
	requests []string
	guards   []certificate.Guard
	answers  []error
	live     map[string]any
	// version is what an apply leaves.
	version string
}

func (s *script) answer(request string) error {
	s.requests = append(s.requests, request)
	if len(s.answers) == 0 {
		return nil
	}
	err := s.answers[0]
	s.answers = s.answers[1:]
	return err
}

func (s *script) Get(_ context.Context, name types.NamespacedName) (map[string]any, error) {
	s.requests = append(s.requests, "get "+name.Name)
	if s.live == nil {
		return nil, apierrors.NewNotFound(schema.GroupResource{}, name.Name)
	}
	return s.live, nil
}

func (s *script) Apply(_ context.Context, name types.NamespacedName, _ map[string]any, guard certificate.Guard, force bool) (string, error) {
	s.guards = append(s.guards, guard)
	how := "apply "
	if force {
		how = "force "
	}
	return s.version, s.answer(how + name.Name)
}

func (s *script) Patch(_ context.Context, name types.NamespacedName, _ []byte) (string, error) {
	return "77", s.answer("patch " + name.Name)
}

func (s *script) Delete(_ context.Context, name types.NamespacedName, guard certificate.Guard) error {
	s.guards = append(s.guards, guard)
	return s.answer("delete " + name.Name)
}

// store is a Writer that keeps what is applied, and shows it to the controller as the watch
// would.
type store struct {
	t          *testing.T
	controller *Controller
	lock       sync.Mutex
	applied    map[string]map[string]any
	deleted    int
}

func newStore(t *testing.T, c *Controller) *store {
	t.Helper()
	return &store{t: t, controller: c, applied: map[string]map[string]any{}}
}

func (s *store) Get(_ context.Context, name types.NamespacedName) (map[string]any, error) {
	return nil, apierrors.NewNotFound(schema.GroupResource{}, name.Name)
}

func (s *store) Apply(_ context.Context, name types.NamespacedName, config map[string]any, _ certificate.Guard, _ bool) (string, error) {
	s.lock.Lock()
	s.applied[name.Name] = config
	s.lock.Unlock()
	show(s.t, s.controller, stored(config))
	return "", nil
}

func (s *store) Patch(context.Context, types.NamespacedName, []byte) (string, error) {
	return "", errors.New("nothing is taken over")
}

func (s *store) Delete(context.Context, types.NamespacedName, certificate.Guard) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.deleted++
	return nil
}

func (s *store) all() map[string]map[string]any {
	s.lock.Lock()
	defer s.lock.Unlock()
	return maps.Clone(s.applied)
}

// stored is what the API server makes of an apply configuration that it had nothing of.
func stored(config map[string]any) *unstructured.Unstructured {
	object := (&unstructured.Unstructured{Object: config}).DeepCopy()
	about := map[string]any{}
	for _, owner := range object.GetOwnerReferences() {
		about["f:ownerReferences"] = map[string]any{fmt.Sprintf(`k:{"uid":%q}`, owner.UID): map[string]any{}}
	}
	metadata, _ := object.Object["metadata"].(map[string]any)
	for _, field := range []string{"labels", "annotations"} {
		if values, has := metadata[field].(map[string]any); has {
			about["f:"+field] = fieldsOf(values)
		}
	}
	spec, _ := object.Object["spec"].(map[string]any)
	object.SetUID(types.UID("uid-of-" + object.GetName()))
	object.SetResourceVersion("1")
	metadata["managedFields"] = []any{map[string]any{
		"manager": certificate.FieldManager, "operation": "Apply", "apiVersion": object.GetAPIVersion(), "fieldsType": "FieldsV1",
		"fieldsV1": map[string]any{"f:metadata": about, "f:spec": fieldsOf(spec)},
	}}
	return object
}

func fieldsOf(values map[string]any) map[string]any {
	fields := map[string]any{}
	for name, value := range values {
		inner, _ := value.(map[string]any)
		fields["f:"+name] = fieldsOf(inner)
	}
	return fields
}

// newTestController is a controller that knows of no Certificates and nothing of issuers.
func newTestController(t *testing.T, writer cluster.Writer, change ...func(*Config)) *Controller {
	t.Helper()
	registry, err := resolver.NewRegistry(resolver.Defaults{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	labels, err := annotations.NewLabels(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	config := Config{Configuration: configuration.Default(), Policy: &certshim.Policy{
		Kinds: source.Builtin(), Parser: annotations.NewParser(annotations.Options{}), Registry: registry,
		Certificate: certificate.Policy{Labels: labels},
	}}
	for _, change := range change {
		change(&config)
	}
	c, err := New(config, &rest.Config{}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	c.writer = writer
	c.readSource = func(_ context.Context, _ cluster.Resource, ref source.Ref) (any, error) {
		return nil, gone(ref)
	}
	c.recorder = newRecorder(nil, c.metrics, c.log)
	c.reporter = newReporter(c.recorder, c.metrics, c.queue.after)
	c.reporter.patience = 0
	c.inventory.Know(inventory.CertificateKind(), inventory.Whole)
	c.facts.Store(&inventory.Facts{Served: servesSources(t)})
	c.informed.Store(true)
	return c
}

// servesSources is a server that serves the kinds of sources that are written in Go.
func servesSources(t *testing.T) inventory.Served {
	t.Helper()
	var lists []*metav1.APIResourceList
	for _, kind := range source.Builtin().All() {
		resource, gvk := kind.Resources()[0], kind.GroupVersionKind()
		lists = append(lists, listOf(resource.GroupVersion().String(), metav1.APIResource{Name: resource.Resource, Kind: gvk.Kind, Namespaced: true}))
	}
	return inventory.ReadDiscovery(lists, nil, nil)
}

// byNamespaces lets Namespaces name the issuer of Ingresses that ask for any.
func byNamespaces(config *Config) {
	config.Policy.AutoKinds = []string{source.IngressKind}
	config.Policy.NamespaceDefaults = true
}

var (
	issuer            = map[string]any{"cert-manager.io/issuer": "ca"}
	auto              = map[string]any{"kubernetes.io/tls-acme": "true"}
	issuerKind        = resolver.GroupKind{Group: "cert-manager.io", Kind: "Issuer"}
	clusterIssuerKind = resolver.GroupKind{Group: "cert-manager.io", Kind: "ClusterIssuer"}
)

func kindOf(t *testing.T, group, kind string) source.Kind {
	t.Helper()
	k, known := source.Builtin().Lookup(group, kind)
	if !known {
		t.Fatalf("%s of group %q is no kind of source", kind, group)
	}
	return k
}

func ingressKind(t *testing.T) source.Kind {
	t.Helper()
	return kindOf(t, "networking.k8s.io", source.IngressKind)
}

// ingress is an Ingress as the API server sends it.
func ingress(annotations map[string]any, secrets ...string) *unstructured.Unstructured {
	var tls []any
	for _, secret := range secrets {
		tls = append(tls, map[string]any{"hosts": []any{secret + ".example.com"}, "secretName": secret})
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
		"metadata": map[string]any{
			"namespace": "shop", "name": "web", "uid": "11111111-1111-1111-1111-111111111111", "resourceVersion": "5",
			"annotations": annotations,
		},
		"spec": map[string]any{"tls": tls},
	}}
}

// named gives an object another name, and with it another identity.
func named(object *unstructured.Unstructured, name string) *unstructured.Unstructured {
	object.SetName(name)
	object.SetUID(types.UID("uid-" + name))
	return object
}

// take hands an object to a resource as its informer would.
func take(t *testing.T, r cluster.Resource, object *unstructured.Unstructured, first bool) any {
	t.Helper()
	item, err := r.Transform(object)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := r.Transform(item); err != nil || again != item {
		t.Fatalf("the transform is not idempotent: %v, %v", again, err)
	}
	r.Handler.OnAdd(item, first)
	return item
}

// see takes a source in.
func see(t *testing.T, c *Controller, object *unstructured.Unstructured) key {
	t.Helper()
	kind := kindOf(t, object.GroupVersionKind().Group, object.GetKind())
	return take(t, sourcesOf(c, kind), object, false).(*inventory.Source).Key()
}

// goes drops a source.
func goes(t *testing.T, c *Controller, object *unstructured.Unstructured) {
	t.Helper()
	r := sourcesOf(c, kindOf(t, object.GroupVersionKind().Group, object.GetKind()))
	item, err := r.Transform(object)
	if err != nil {
		t.Fatal(err)
	}
	r.Handler.OnDelete(item)
}

func certificatesOf(c *Controller) cluster.Resource {
	return c.resource(certificate.Resource(), inventory.CertificateKind(), c.inventory.Certificates())
}

// show takes a Certificate in.
func show(t *testing.T, c *Controller, object *unstructured.Unstructured) {
	t.Helper()
	take(t, certificatesOf(c), object, false)
}

// issuerNamed is an Issuer as the API server sends it.
func issuerNamed(name, ready string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "cert-manager.io/v1", "kind": "Issuer",
		"metadata": map[string]any{"namespace": "shop", "name": name, "uid": "i-" + name, "resourceVersion": "7", "generation": int64(1)},
		"spec":     map[string]any{"ca": map[string]any{"secretName": "ca"}},
		"status": map[string]any{"conditions": []any{map[string]any{
			"type": "Ready", "status": ready, "reason": "Because", "observedGeneration": int64(1),
		}}},
	}}
}

// issuersOf is how a controller takes the issuers of a kind in.
func issuersOf(t *testing.T, c *Controller, kind resolver.GroupKind) cluster.Resource {
	t.Helper()
	known, found := c.policy().Registry.Known(kind)
	if !found {
		t.Fatalf("%v isn't known", kind)
	}
	return c.issuers(kind, known, schema.GroupVersionResource{}, known.Scope)
}

// seeIssuer takes a version of an issuer in.
func seeIssuer(t *testing.T, r cluster.Resource, object *unstructured.Unstructured) {
	t.Helper()
	item, err := r.Transform(object)
	if err != nil {
		t.Fatal(err)
	}
	r.Handler.OnUpdate(item, item)
}

// queued empties the queue and gives the names of what was in it.
func queued(c *Controller) []string {
	var names []string
	for c.queue.Len() > 0 {
		k, _ := c.queue.Get()
		c.queue.Done(k)
		names = append(names, k.Name())
	}
	slices.Sort(names)
	return names
}

// drain lets a worker do all that is queued.
func drain(t *testing.T, c *Controller) {
	t.Helper()
	for c.queue.Len() > 0 {
		c.workOnOne(t.Context(), t.Context())
	}
}

// serving makes a controller believe that the cluster serves cert-manager's kinds, and that so
// much is known of its issuers.
func serving(c *Controller, known inventory.Knowledge) {
	serve(c, certManager())
	c.wake(c.inventory.Know(issuerKind, known))
	c.wake(c.inventory.Know(clusterIssuerKind, known))
}

// certManager is what discovery gives of cert-manager's group.
func certManager() *metav1.APIResourceList {
	return listOf("cert-manager.io/v1",
		metav1.APIResource{Name: "certificates", Kind: "Certificate", Namespaced: true},
		metav1.APIResource{Name: "issuers", Kind: "Issuer", Namespaced: true},
		metav1.APIResource{Name: "clusterissuers", Kind: "ClusterIssuer"},
	)
}

// listOf is what discovery gives of a group version whose resources can all be watched.
func listOf(version string, resources ...metav1.APIResource) *metav1.APIResourceList {
	for i := range resources {
		resources[i].Verbs = metav1.Verbs{"get", "list", "watch"}
	}
	return &metav1.APIResourceList{GroupVersion: version, APIResources: resources}
}

// serve gives a controller the outcome of a discovery.
func serve(c *Controller, lists ...*metav1.APIResourceList) inventory.Served {
	served := inventory.ReadDiscovery(lists, nil, nil)
	c.facts.Store(&inventory.Facts{Served: served})
	c.wake(c.inventory.Serve(served, nil))
	return served
}

func status(code int32, message string, causes ...metav1.StatusCause) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Code: code, Message: message, Details: &metav1.StatusDetails{Causes: causes}}}
}

// gone is the answer of a server that serves Ingresses and doesn't have this one.
func gone(ref source.Ref) error {
	return apierrors.NewNotFound(schema.GroupResource{Group: "networking.k8s.io", Resource: "ingresses"}, ref.Name)
}

// noPermission is the answer of the server's authorizer.
func noPermission() error {
	return apierrors.NewForbidden(certificate.Resource().GroupResource(), "tls", errors.New(`User "x" cannot patch resource "certificates"`))
}

// warnings takes the reasons of the warnings that wait to be sent, as if they were sent.
func warnings(c *Controller) []problem.Reason {
	var reasons []problem.Reason
	for _, l := range taken(c.reporter) {
		reasons = append(reasons, problem.Reason(l.reason))
	}
	return reasons
}

// sourcesOf are the objects of a kind in the version that it prefers.
func sourcesOf(c *Controller, kind source.Kind) cluster.Resource {
	return c.sources(kind, kind.Resources()[0])
}
