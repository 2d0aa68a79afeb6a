package controller

import (
	"context"
	"log/slog"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// script is a Writer that notes what it is asked and answers what it is told.
type script struct {
	requests []string
	guards   []certificate.Guard
	answers  []error
	live     map[string]any
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

func (s *script) Apply(_ context.Context, name types.NamespacedName, _ map[string]any, guard certificate.Guard) error {
	s.guards = append(s.guards, guard)
	return s.answer("apply " + name.Name)
}

func (s *script) Patch(_ context.Context, name types.NamespacedName, _ []byte) (string, error) {
	return "77", s.answer("patch " + name.Name)
}

func (s *script) Delete(_ context.Context, name types.NamespacedName, guard certificate.Guard) error {
	s.guards = append(s.guards, guard)
	return s.answer("delete " + name.Name)
}

func newTestController(t *testing.T, writer Writer) *Controller {
	t.Helper()
	registry, err := resolver.NewRegistry(resolver.Defaults{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	labels, err := annotations.NewLabels(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	policy := &certshim.Policy{
		Parser: annotations.NewParser(annotations.Options{}), Registry: registry,
		Certificate: certificate.Policy{Labels: labels},
	}
	c, err := New(Config{Configuration: configuration.Default(), Policy: policy}, &rest.Config{}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	c.writer, c.namespaces, c.discoverer = writer, &namespaces{}, &discoverer{}
	c.namespaces.answered.Store(true)
	c.discoverer.facts.Store(&clusterFacts{})
	c.recorder = newRecorder(nil, c.metrics, c.log)
	c.told = newTold(c.recorder, c.metrics)
	c.informed.Store(true)
	return c
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

// see puts an object into the controller's memory by the way that an informer would.
func see(t *testing.T, c *Controller, object *unstructured.Unstructured) key {
	t.Helper()
	w := c.watchedSource(ingressKind(t))
	item, err := w.transform(object)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := w.transform(item); err != nil || again != item {
		t.Fatalf("the transform is not idempotent: %v, %v", again, err)
	}
	w.handler.OnAdd(item, false)
	return item.(*compactSource).key()
}

var issuer = map[string]any{"cert-manager.io/issuer": "ca"}

func TestReconcileCreates(t *testing.T) {
	writer := &script{}
	c := newTestController(t, writer)
	k := see(t, c, ingress(issuer, "tls"))
	if v := c.reconcile(t.Context(), k); v != (verdict{}) {
		t.Errorf("verdict %+v", v)
	}
	if diff := cmp.Diff([]string{"apply tls"}, writer.requests); diff != "" {
		t.Error("(-want +got)", diff)
	}
	if diff := cmp.Diff([]certificate.Guard{{ResourceVersion: createOnly}}, writer.guards); diff != "" {
		t.Error("(-want +got)", diff)
	}
	if e := <-c.recorder.normals; e.Reason != createdReason || e.Note != `Successfully created Certificate "tls"` {
		t.Errorf("Event %s: %s", e.Reason, e.Note)
	}
}

// A change that is taken back before the watch shows what it led to is decided by the
// Certificate from before it, which then looks right.
func TestAChangeThatIsTakenBackAtOnceIsLookedAtAgain(t *testing.T) {
	other := map[string]any{"cert-manager.io/issuer": "other"}
	for name, back := range map[string]*unstructured.Unstructured{
		"taken back":     ingress(issuer, "tls"),
		"another Secret": ingress(other, "renamed"),
		"no Secret":      ingress(other),
	} {
		t.Run(name, func(t *testing.T) {
			c := newTestController(t, &script{})
			certificates := c.watchedCertificates().handler
			shows := func(outcome certshim.Outcome) {
				certificates.OnUpdate(nil, packCertificate(certificate.Observed{
					Namespace: "shop", Name: "tls", UID: "c", Secret: "tls", Issuer: outcome.Issuer.Ref,
					Owner: certificate.Owner{Group: "networking.k8s.io", Kind: "Ingress", Name: "web", UID: outcome.Source.UID},
					Have:  outcome.Certificates[0].Want, Flags: certificate.Applied,
				}))
			}
			first, _ := c.decide(see(t, c, ingress(issuer, "tls")), nil)
			shows(first)
			k := see(t, c, ingress(other, "tls"))
			second, _ := c.decide(k, nil)
			c.reconcile(t.Context(), k)
			c.reconcile(t.Context(), see(t, c, back))
			queued(c)
			shows(second)
			if got := queued(c); !slices.Equal(got, []string{"web"}) {
				t.Errorf("when the watch shows the first change, queued are %v", got)
			}
		})
	}
	t.Run("nothing new", func(t *testing.T) {
		c := newTestController(t, &script{})
		k := see(t, c, ingress(issuer, "tls"))
		outcome, _ := c.decide(k, nil)
		c.reconcile(t.Context(), k)
		c.reconcile(t.Context(), k)
		queued(c)
		c.watchedCertificates().handler.OnAdd(packCertificate(certificate.Observed{
			Namespace: "shop", Name: "tls", UID: "c", Secret: "tls", Have: outcome.Certificates[0].Want, Flags: certificate.Applied,
		}), false)
		if got := queued(c); len(got) > 0 {
			t.Errorf("our own write queues %v", got)
		}
	})
}

func TestReconcileReactsToAnswers(t *testing.T) {
	fieldConflict := status(409, "conflict", metav1.StatusCause{Type: metav1.CauseTypeFieldManagerConflict})
	tests := map[string]struct {
		answer   error
		requests []string
		retry    bool
		later    bool
		told     []problem.Reason
	}{
		"exists already":  {status(409, "exists"), []string{"apply tls"}, true, false, nil},
		"server error":    {status(500, "oops"), []string{"apply tls"}, true, false, nil},
		"no permission":   {status(403, `certificates "tls" is forbidden: User "x" cannot patch`), []string{"apply tls"}, true, false, nil},
		"refused":         {status(422, "invalid"), []string{"apply tls"}, false, true, []problem.Reason{problem.Refused}},
		"namespace gone":  {status(403, "x", metav1.StatusCause{Type: "NamespaceTerminating"}), []string{"apply tls"}, false, false, nil},
		"webhook is down": {status(500, "failed calling webhook"), []string{"apply tls"}, false, true, nil},
		"another manager": {fieldConflict, []string{"apply tls", "get tls", "apply tls"}, false, false, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			writer := &script{answers: []error{tt.answer}}
			c := newTestController(t, writer)
			v := c.reconcile(t.Context(), see(t, c, ingress(issuer, "tls")))
			if diff := cmp.Diff(tt.requests, writer.requests); diff != "" {
				t.Error("requests (-want +got)", diff)
			}
			if v.retry != tt.retry || (v.after > 0) != tt.later {
				t.Errorf("verdict %+v", v)
			}
			var told []problem.Reason
			for len(c.recorder.warnings) > 0 {
				told = append(told, problem.Reason((<-c.recorder.warnings).Reason))
			}
			if diff := cmp.Diff(tt.told, told); diff != "" {
				t.Error("told (-want +got)", diff)
			}
		})
	}
}

// One Certificate that is refused does not keep the others from being written.
func TestOneFailureStopsNoOther(t *testing.T) {
	writer := &script{answers: []error{status(422, "invalid"), nil}}
	c := newTestController(t, writer)
	c.reconcile(t.Context(), see(t, c, ingress(issuer, "a", "b")))
	if diff := cmp.Diff([]string{"apply a", "apply b"}, writer.requests); diff != "" {
		t.Error("(-want +got)", diff)
	}
}

func TestBadInputWritesNothingAndIsToldOnce(t *testing.T) {
	writer := &script{}
	c := newTestController(t, writer)
	k := see(t, c, ingress(map[string]any{"cert-manager.io/issuer": "ca", "cert-manager.io/duration": "90d"}, "tls"))
	for range 3 {
		if v := c.reconcile(t.Context(), k); v != (verdict{}) {
			t.Errorf("verdict %+v", v)
		}
	}
	if len(writer.requests) != 0 {
		t.Errorf("requests %v", writer.requests)
	}
	if got := len(c.recorder.warnings); got != 1 {
		t.Errorf("told %d times", got)
	}
}

func TestAnUnreadableSourceIsToldAndLeftAlone(t *testing.T) {
	writer := &script{}
	c := newTestController(t, writer)
	object := ingress(issuer, "tls")
	object.Object["spec"] = map[string]any{"tls": "text"}
	c.reconcile(t.Context(), see(t, c, object))
	if len(writer.requests) != 0 || len(c.recorder.warnings) != 1 {
		t.Errorf("requests %v, told %d", writer.requests, len(c.recorder.warnings))
	}
}

func TestASourceThatIsGoneIsForgotten(t *testing.T) {
	c := newTestController(t, &script{})
	k := see(t, c, ingress(map[string]any{"cert-manager.io/issuer": "ca", "cert-manager.io/duration": "90d"}, "tls"))
	c.reconcile(t.Context(), k)
	c.memory.dropSource(k)
	c.reconcile(t.Context(), k)
	if got := testutil.ToFloat64(c.metrics.currentProblems.WithLabelValues("BadConfig", "error")); got != 0 {
		t.Errorf("problems of an object that is gone: %v", got)
	}
}

func TestAMissingPermissionShowsInAMetric(t *testing.T) {
	writer := &script{answers: []error{status(403, `certificates "tls" is forbidden: User "x" cannot patch`), nil}}
	c := newTestController(t, writer)
	k := see(t, c, ingress(issuer, "tls"))
	for _, want := range []float64{1, 0} {
		c.reconcile(t.Context(), k)
		if got := testutil.ToFloat64(c.metrics.writeForbidden); got != want {
			t.Errorf("forbidden: %v, want %v", got, want)
		}
	}
}

func TestTakeOverPatchesFirst(t *testing.T) {
	decision := certificate.Decision{
		Namespace: "shop", Name: "tls", Action: certificate.Apply, TakeOver: []byte("[]"),
		Guard: certificate.Guard{UID: "u", ResourceVersion: "3"}, Config: map[string]any{},
	}
	for unchanged, want := range map[bool][]string{true: {"patch tls"}, false: {"patch tls", "apply tls"}} {
		writer := &script{}
		c := newTestController(t, writer)
		decision.Unchanged = unchanged
		if err := c.send(t.Context(), key{}, types.NamespacedName{Namespace: "shop", Name: "tls"}, decision); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, writer.requests); diff != "" {
			t.Errorf("unchanged %v: (-want +got)\n%s", unchanged, diff)
		}
		if !c.memory.written["u"] {
			t.Errorf("unchanged %v: it isn't known that this process has written it, so that a shim that writes it later goes unnoticed", unchanged)
		}
		if !unchanged && writer.guards[0] != (certificate.Guard{UID: "u", ResourceVersion: "77"}) {
			t.Errorf("the apply is guarded by %+v, not by what the patch left", writer.guards[0])
		}
	}
}

func TestPacedChangesTakeTheirTurn(t *testing.T) {
	writer := &script{}
	c := newTestController(t, writer)
	var delayed int
	for _, name := range []string{"a", "b", "c"} {
		d := certificate.Decision{Namespace: "shop", Name: name, Action: certificate.Apply, Paced: true, Config: map[string]any{}}
		if r := c.execute(t.Context(), at("shop", name), sourceRef, d); r.after > 0 {
			delayed++
		}
	}
	if delayed != 2 || len(writer.requests) != 1 {
		t.Errorf("delayed %d, requests %v", delayed, writer.requests)
	}
	c.pace = newPace(0)
	d := certificate.Decision{Namespace: "shop", Name: "z", Action: certificate.Apply, Paced: true, Config: map[string]any{}}
	if r := c.execute(t.Context(), at("shop", "z"), sourceRef, d); r.after != 0 || len(writer.requests) != 1 {
		t.Errorf("no changes are allowed: %+v, requests %v", r, writer.requests)
	}
}

var sourceRef = newSource(nil, "web").Ref

func TestGuardsLeaveTheConfigurationAlone(t *testing.T) {
	config := map[string]any{"metadata": map[string]any{"name": "tls"}}
	got := guarded(config, certificate.Guard{UID: "u", ResourceVersion: "1"})
	want := map[string]any{"metadata": map[string]any{"name": "tls", "uid": "u", "resourceVersion": "1"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("(-want +got)", diff)
	}
	if diff := cmp.Diff(map[string]any{"metadata": map[string]any{"name": "tls"}}, config); diff != "" {
		t.Error("changed: (-want +got)", diff)
	}
}

// What was read live covers what the cache says, in every list.
func TestLiveCoversTheCache(t *testing.T) {
	m := known(t, newSource(t, "web", "a", "b"))
	for _, o := range []certificate.Observed{observedCertificate("a", "a", "web"), observedCertificate("b", "b", "web")} {
		m.putCertificate(packCertificate(o))
	}
	moved := observedCertificate("b", "a", "")
	v := view{memory: m, live: liveCertificates{{Namespace: "shop", Name: "a"}: nil, {Namespace: "shop", Name: "b"}: &moved}}
	if _, found := v.Certificate("shop", "a"); found {
		t.Error("a is gone, but found")
	}
	if of := v.CertificatesOf(newSource(t, "web").Ref); len(of) != 0 {
		t.Errorf("owned: %v", of)
	}
	writers := func(list []certificate.Observed) (found []string) {
		for _, o := range list {
			found = append(found, o.Name)
		}
		slices.Sort(found)
		return found
	}
	v.live = nil
	m.putCertificate(packCertificate(observedCertificate("c", "a", "")))
	if diff := cmp.Diff([]string{"a", "c"}, writers(v.CertificatesWriting("shop", "a"))); diff != "" {
		t.Error("(-want +got)", diff)
	}
	if got := len(v.CertificatesOf(newSource(t, "web").Ref)); got != 2 {
		t.Errorf("owned: %d", got)
	}
	m.written["cert-a"] = true
	if o, _ := v.Certificate("shop", "a"); !o.Flags.Has(certificate.TakenOver) {
		t.Error("what this process wrote is not marked")
	}
}
