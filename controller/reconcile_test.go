package controller

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cluster"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

func TestReconcileCreates(t *testing.T) {
	writer := &script{}
	c := newTestController(t, writer)
	k := see(t, c, ingress(issuer, "tls"))
	if next := c.reconcile(t.Context(), k); next != (requeue{written: true}) {
		t.Errorf("requeue %+v", next)
	}
	if diff := cmp.Diff([]string{"apply tls"}, writer.requests); diff != "" {
		t.Error("(-want +got)", diff)
	}
	if diff := cmp.Diff([]certificate.Guard{cluster.CreateOnly()}, writer.guards); diff != "" {
		t.Error("(-want +got)", diff)
	}
	if e, _ := c.recorder.normals.take(); e.reason != createdReason || e.note != `Successfully created Certificate "tls"` {
		t.Errorf("Event %s: %s", e.reason, e.note)
	}
}

// What the watch shows of our own write is no reason to look again.
func TestOurOwnWriteIsNotLookedAtAgain(t *testing.T) {
	c := newTestController(t, nil)
	c.writer = newStore(t, c)
	k := see(t, c, ingress(issuer, "tls"))
	queued(c)
	c.reconcile(t.Context(), k)
	if got := queued(c); len(got) > 0 {
		t.Errorf("our own write queues %v", got)
	}
	show(t, c, named(stored(map[string]any{"metadata": map[string]any{"namespace": "shop", "name": "tls"}}), "tls"))
	if got := queued(c); !slices.Equal(got, []string{"web"}) {
		t.Errorf("somebody else's queues %v", got)
	}
}

func TestReconcileReactsToAnswers(t *testing.T) {
	fieldConflict := status(409, "conflict", metav1.StatusCause{Type: metav1.CauseTypeFieldManagerConflict})
	tests := map[string]struct {
		answer   error
		requests []string
		retry    bool
		// least is how long it takes at least until the next try, 0 for none but by backoff.
		least time.Duration
		told  []problem.Reason
	}{
		"exists already":    {status(409, "exists"), []string{"apply tls"}, true, 0, nil},
		"server error":      {status(500, "oops"), []string{"apply tls"}, true, 0, nil},
		"no permission":     {noPermission(), []string{"apply tls"}, true, 0, nil},
		"refused":           {status(422, "invalid"), []string{"apply tls"}, false, slowRetry * 3 / 4, []problem.Reason{problem.Refused}},
		"namespace gone":    {status(403, "x", metav1.StatusCause{Type: "NamespaceTerminating"}), []string{"apply tls"}, false, 0, nil},
		"gone":              {apierrors.NewNotFound(certificate.Resource().GroupResource(), "tls"), []string{"apply tls"}, false, 0, nil},
		"the Lease is over": {cluster.ErrLeaseOver, []string{"apply tls"}, true, 0, nil},
		"webhook is down":   {status(500, `Internal error occurred: failed calling webhook "w": refused`), []string{"apply tls"}, false, time.Millisecond, nil},
		"another manager":   {fieldConflict, []string{"apply tls", "get tls", "apply tls"}, false, 0, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			writer := &script{answers: []error{tt.answer}}
			c := newTestController(t, writer)
			next := c.reconcile(t.Context(), see(t, c, ingress(issuer, "tls")))
			if diff := cmp.Diff(tt.requests, writer.requests); diff != "" {
				t.Error("requests (-want +got)", diff)
			}
			if next.retry != tt.retry || (next.after > 0) != (tt.least > 0) || next.after < tt.least {
				t.Errorf("requeue %+v", next)
			}
			if diff := cmp.Diff(tt.told, warnings(c)); diff != "" {
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
		if next := c.reconcile(t.Context(), k); next != (requeue{}) {
			t.Errorf("requeue %+v", next)
		}
	}
	if len(writer.requests) != 0 {
		t.Errorf("requests %v", writer.requests)
	}
	if got := warnings(c); len(got) != 1 {
		t.Errorf("told %v", got)
	}
}

func TestAnUnreadableSourceIsToldAndLeftAlone(t *testing.T) {
	writer := &script{}
	c := newTestController(t, writer)
	object := ingress(issuer, "tls")
	object.Object["spec"] = map[string]any{"tls": "text"}
	c.reconcile(t.Context(), see(t, c, object))
	if told := warnings(c); len(writer.requests) != 0 || len(told) != 1 {
		t.Errorf("requests %v, told %v", writer.requests, told)
	}
}

// What its author edited while somebody else was in the way is made once nobody is, though no change goes that no edit asks for.
func TestAnEditThatWaitedForOthersIsMade(t *testing.T) {
	gateway := func(from string, hosts ...string) *unstructured.Unstructured {
		var listeners []any
		for _, host := range hosts {
			listeners = append(listeners, map[string]any{"name": host, "port": int64(443), "protocol": "HTTPS", "hostname": host})
		}
		return &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": map[string]any{"namespace": "shop", "name": "gw", "uid": "g"},
			"spec": map[string]any{"allowedListeners": map[string]any{"namespaces": map[string]any{"from": from}}, "listeners": listeners},
		}}
	}
	set := func(version, host string) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "gateway.networking.k8s.io/v1", "kind": "ListenerSet",
			"metadata": map[string]any{"namespace": "shop", "name": "set", "uid": "s", "resourceVersion": version, "annotations": issuer},
			"spec": map[string]any{"parentRef": map[string]any{"name": "gw"}, "listeners": []any{map[string]any{
				"name": "l", "port": int64(443), "protocol": "HTTPS", "hostname": host, "tls": map[string]any{"certificateRefs": []any{map[string]any{"name": "tls"}}},
			}}},
		}}
	}
	open := gateway("All", "other.example.com")
	for name, away := range map[string]func(t *testing.T, c *Controller){
		"the Gateway has its listener":  func(t *testing.T, c *Controller) { see(t, c, gateway("All", "b.example.com")) },
		"the Gateway doesn't admit it":  func(t *testing.T, c *Controller) { see(t, c, gateway("None")) },
		"the Gateway is away for now":   func(t *testing.T, c *Controller) { goes(t, c, open) },
		"nobody was in the way at last": func(*testing.T, *Controller) {},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTestController(t, nil, func(config *Config) { config.Policy.Certificate.HoldPaced = true })
			serving(c, inventory.Whole)
			for _, kind := range c.policy().Kinds.All() {
				c.inventory.Know(resolver.GroupKind(source.GroupKindOf(kind)), inventory.Whole)
			}
			seeIssuer(t, issuersOf(t, c, issuerKind), issuerNamed("ca", "True"))
			store := newStore(t, c)
			c.writer = store
			see(t, c, open)
			c.reconcile(t.Context(), see(t, c, set("5", "a.example.com")))
			made := stored(store.all()["tls"])
			writer := &script{live: made.Object}
			c.writer = writer
			reads(c, func() (*unstructured.Unstructured, error) { return set("6", "b.example.com"), nil })
			away(t, c)
			k := see(t, c, set("6", "b.example.com"))
			c.reconcile(t.Context(), k)
			see(t, c, open)
			c.reconcile(t.Context(), k)
			if !slices.Contains(writer.requests, "apply tls") {
				t.Errorf("requests %v, told %v", writer.requests, warnings(c))
			}
		})
	}
}

func TestASourceThatIsGoneIsForgotten(t *testing.T) {
	c := newTestController(t, &script{})
	k := see(t, c, ingress(map[string]any{"cert-manager.io/issuer": "ca", "cert-manager.io/duration": "90d"}, "tls"))
	c.reconcile(t.Context(), k)
	goes(t, c, ingress(issuer, "tls"))
	c.reconcile(t.Context(), k)
	if got := testutil.ToFloat64(c.metrics.currentProblems.WithLabelValues("BadConfig", "error")); got != 0 {
		t.Errorf("problems of an object that is gone: %v", got)
	}
}

func TestAMissingPermissionShowsInAMetric(t *testing.T) {
	writer := &script{answers: []error{noPermission(), nil}}
	c := newTestController(t, writer)
	k := see(t, c, ingress(issuer, "tls"))
	for _, want := range []float64{1, 0} {
		c.reconcile(t.Context(), k)
		if got := testutil.ToFloat64(c.metrics.writeForbidden); got != want {
			t.Errorf("forbidden: %v, want %v", got, want)
		}
	}
}

// roles is a Writer that lacks the permission to write in some namespaces.
type roles struct {
	*script
	lacking map[string]bool
}

func (r roles) Apply(ctx context.Context, name types.NamespacedName, config map[string]any, guard certificate.Guard, force bool) (string, error) {
	if r.lacking[name.Namespace] {
		return "", noPermission()
	}
	return r.script.Apply(ctx, name, config, guard, force)
}

func TestAMissingPermissionIsLoggedOnceForEachNamespace(t *testing.T) {
	writer := roles{script: &script{}, lacking: map[string]bool{"lacking": true}}
	c := newTestController(t, writer)
	var log strings.Builder
	c.log = slog.New(slog.NewTextHandler(&log, nil))
	lookAtAll := func() {
		for i := range 6 {
			object := named(ingress(issuer, fmt.Sprint("tls", i)), fmt.Sprint("web", i))
			object.SetNamespace([]string{"granted", "lacking"}[i%2])
			c.queue.soon(see(t, c, object))
			drain(t, c)
		}
	}
	for _, want := range []struct {
		lines     int
		forbidden float64
	}{{1, 1}, {2, 0}} {
		lookAtAll()
		if got := strings.Count(log.String(), "permission"); got != want.lines || got != strings.Count(log.String(), "namespace=lacking") {
			t.Errorf("logged:\n%s", log.String())
		}
		if got := testutil.ToFloat64(c.metrics.writeForbidden); got != want.forbidden {
			t.Errorf("forbidden: %v, want %v", got, want.forbidden)
		}
		delete(writer.lacking, "lacking")
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
		show(t, c, &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"namespace": "shop", "name": "tls", "uid": "u"}}})
		look := lookAt(t, c, see(t, c, ingress(issuer, "tls")))
		if _, err := c.send(t.Context(), look, decision); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, writer.requests); diff != "" {
			t.Errorf("unchanged %v: (-want +got)\n%s", unchanged, diff)
		}
		if o, _ := look.Certificate("shop", "tls"); !o.Flags.Has(certificate.TakenOver) {
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
	look := lookAt(t, c, see(t, c, ingress(issuer, "tls")))
	change := func(name string) result {
		return c.execute(t.Context(), look, source.Ref{}, certificate.Decision{
			Namespace: "shop", Name: name, Action: certificate.Apply, Paced: true, Config: map[string]any{},
		})
	}
	var delayed int
	for _, name := range []string{"a", "b", "c"} {
		if change(name).after > 0 {
			delayed++
		}
	}
	if delayed != 2 || len(writer.requests) != 1 {
		t.Errorf("delayed %d, requests %v", delayed, writer.requests)
	}
}

// lookAt looks at a source until the test ends.
func lookAt(t *testing.T, c *Controller, k key) *inventory.Look {
	t.Helper()
	look := c.inventory.Look(k)
	if look == nil {
		t.Fatalf("there is no %s", k.Name())
	}
	t.Cleanup(look.Close)
	return look
}

// What a decision read may change before it is carried out. A write that the API server can't
// hold against a version isn't sent then.
func TestADecisionThatIsOutdatedCreatesNothing(t *testing.T) {
	for _, row := range []struct {
		action    certificate.Action
		namespace string
		change    bool
		sent      int
	}{
		{certificate.Create, "shop", false, 1}, {certificate.Create, "shop", true, 0},
		{certificate.Delete, "shop", false, 1}, {certificate.Delete, "shop", true, 0},
		{certificate.Apply, "shop", true, 1},
		{certificate.Apply, "other", false, 1}, {certificate.Apply, "other", true, 0},
	} {
		writer := &script{}
		c := newTestController(t, writer)
		k := see(t, c, ingress(issuer, "tls"))
		queued(c)
		look := lookAt(t, c, k)
		c.decide(look)
		if row.change {
			see(t, c, ingress(issuer, "other"))
		}
		r := c.execute(t.Context(), look, source.Ref{Namespace: "shop"}, certificate.Decision{Namespace: row.namespace, Name: "tls", Action: row.action, Config: map[string]any{}})
		if len(writer.requests) != row.sent || r.answer != cluster.Done {
			t.Errorf("%s, changed %v: %v, %+v", row.action, row.change, writer.requests, r)
		}
		if got := queued(c); row.change && !slices.Equal(got, []string{"web"}) {
			t.Errorf("%s: queued are %v", row.action, got)
		}
	}
}

// While it isn't known which Certificates there are, none is taken for absent.
func TestNothingIsWrittenWhileCertificatesAreUnknown(t *testing.T) {
	for _, known := range []inventory.Knowledge{inventory.Unread, inventory.Unreadable} {
		writer := &script{}
		c := newTestController(t, writer)
		c.inventory.Know(inventory.CertificateKind(), known)
		k := see(t, c, ingress(issuer, "tls"))
		queued(c)
		c.reconcile(t.Context(), k)
		if len(writer.requests) > 0 {
			t.Errorf("%v: requests %v", known, writer.requests)
		}
		c.wake(c.inventory.Know(inventory.CertificateKind(), inventory.Whole))
		if got := queued(c); !slices.Equal(got, []string{"web"}) {
			t.Errorf("%v: once they are known, queued are %v", known, got)
		}
		c.reconcile(t.Context(), k)
		if !slices.Equal(writer.requests, []string{"apply tls"}) {
			t.Errorf("%v: then requests are %v", known, writer.requests)
		}
	}
}

// A Certificate doesn't move to an issuer of a kind that is being read.
func TestACertificateDoesNotMoveToAKindThatIsNotReadYet(t *testing.T) {
	c := newTestController(t, nil)
	c.writer = newStore(t, c)
	serving(c, inventory.Whole)
	seeIssuer(t, issuersOf(t, c, issuerKind), issuerNamed("ca", "True"))
	k := see(t, c, ingress(issuer, "tls"))
	c.reconcile(t.Context(), k)
	writer := &script{}
	c.writer = writer
	c.inventory.Know(clusterIssuerKind, inventory.Unread)
	edited := ingress(map[string]any{"cert-manager.io/cluster-issuer": "vault"}, "tls")
	edited.SetResourceVersion("6")
	see(t, c, edited)
	queued(c)
	if next := c.reconcile(t.Context(), k); next != (requeue{}) || len(writer.requests) > 0 {
		t.Errorf("before its issuers are read: %+v, %v", next, writer.requests)
	}
	c.wake(c.inventory.Know(clusterIssuerKind, inventory.Whole))
	if got := queued(c); !slices.Equal(got, []string{"web"}) {
		t.Errorf("once all are known, queued are %v", got)
	}
	if c.reconcile(t.Context(), k); len(writer.requests) > 0 {
		t.Errorf("when there is none: %v", writer.requests)
	}
	c.inventory.Know(clusterIssuerKind, inventory.Unreadable)
	if c.reconcile(t.Context(), k); !slices.Equal(writer.requests, []string{"apply tls"}) {
		t.Errorf("when they can't be read: %v", writer.requests)
	}
}

func TestAReadinessFlipQueuesOnlyThoseThatWait(t *testing.T) {
	c := newTestController(t, nil)
	c.writer = newStore(t, c)
	serving(c, inventory.Whole)
	w := issuersOf(t, c, issuerKind)
	seeIssuer(t, w, issuerNamed("ca", "True"))
	for i := range 100 {
		appear(t, c, fmt.Sprint("other-", i))
	}
	drain(t, c)
	seeIssuer(t, w, issuerNamed("ca", "False"))
	waits := see(t, c, ingress(issuer, "tls"))
	if got := queued(c); !slices.Equal(got, []string{"web"}) {
		t.Errorf("queued are %v", got)
	}
	c.reconcile(t.Context(), waits)
	if told := warnings(c); !slices.Equal(told, []problem.Reason{problem.IssuerNotReady}) {
		t.Errorf("told: %v", told)
	}
	seeIssuer(t, w, issuerNamed("ca", "True"))
	if got := queued(c); !slices.Equal(got, []string{"web"}) {
		t.Errorf("queued are %v", got)
	}
	c.reconcile(t.Context(), waits)
	for _, ready := range []string{"False", "True", "False"} {
		seeIssuer(t, w, issuerNamed("ca", ready))
	}
	if got := queued(c); len(got) > 0 {
		t.Errorf("nobody waits, and queued are %v", got)
	}
}

func TestAnIssuerThatAppearsOrVanishesWakesWhoReadIt(t *testing.T) {
	c := newTestController(t, &script{})
	serving(c, inventory.Whole)
	k := see(t, c, ingress(issuer, "tls"))
	queued(c)
	c.reconcile(t.Context(), k)
	if told := warnings(c); !slices.Equal(told, []problem.Reason{problem.IssuerNotFound}) {
		t.Errorf("told: %v", told)
	}
	w := issuersOf(t, c, issuerKind)
	for _, step := range []struct {
		change func()
		want   []string
	}{
		{func() { seeIssuer(t, w, issuerNamed("letsencrypt", "True")) }, nil},
		{func() { seeIssuer(t, w, issuerNamed("ca", "True")) }, []string{"web"}},
		{func() { w.Handler.OnDelete(packed(t, w, issuerNamed("letsencrypt", "True"))) }, nil},
		{func() { w.Handler.OnDelete(packed(t, w, issuerNamed("ca", "True"))) }, []string{"web"}},
		{func() { seeIssuer(t, w, issuerNamed("ca", "False")) }, []string{"web"}},
		{func() { w.Forget() }, []string{"web"}},
	} {
		step.change()
		if got := queued(c); !slices.Equal(got, step.want) {
			t.Errorf("queued are %v, want %v", got, step.want)
		}
		c.reconcile(t.Context(), k)
	}
}

func packed(t *testing.T, r cluster.Resource, object *unstructured.Unstructured) any {
	t.Helper()
	item, err := r.Transform(object)
	if err != nil {
		t.Fatal(err)
	}
	return item
}

// A held source shows in the metric of its resolver until it isn't held, or is gone.
func TestHeldSourcesAreCounted(t *testing.T) {
	h := newWaiting(heldSources())
	count := func(resolver string) float64 { return testutil.ToFloat64(h.gauge.WithLabelValues(resolver)) }
	a, b := at("shop", "a"), at("shop", "b")
	for _, step := range []struct {
		k           key
		by          string
		corp, vault float64
	}{
		{a, "plugin/corp", 1, 0}, {a, "plugin/corp", 1, 0}, {b, "plugin/corp", 2, 0}, {a, "plugin/vault", 1, 1},
		{at("shop", "never"), "", 1, 1}, {b, "", 0, 1}, {a, "", 0, 0}, {a, "", 0, 0},
	} {
		if h.set(step.k, step.by); count("corp") != step.corp || count("vault") != step.vault {
			t.Errorf("after %s is held by %q: corp %v, vault %v", step.k.Name(), step.by, count("corp"), count("vault"))
		}
	}
	if keys := h.keys(); len(keys) > 0 {
		t.Errorf("held are still %v", keys)
	}
}

// What is wrong with a source that is being deleted, or whose Namespace is, is nobody's to mend.
func TestNothingIsSaidOfWhatGoes(t *testing.T) {
	wrong := map[string]any{"cert-manager.io/issuer": "ca", "cert-manager.io/duration": "90d"}
	for name, setup := range map[string]func(*Controller, *unstructured.Unstructured){
		"the source": func(_ *Controller, object *unstructured.Unstructured) {
			now := metav1.Now()
			object.SetDeletionTimestamp(&now)
		},
		"its Namespace": func(c *Controller, _ *unstructured.Unstructured) {
			now := metav1.Now()
			object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace"}}
			object.SetName("shop")
			object.SetDeletionTimestamp(&now)
			packed, err := c.inventory.Namespaces().Pack(object)
			if err != nil {
				t.Fatal(err)
			}
			c.inventory.Namespaces().Put(packed)
		},
		"its Namespace, as the API server says": func(c *Controller, _ *unstructured.Unstructured) {
			c.writer = &script{answers: []error{status(403, "ends", metav1.StatusCause{Type: corev1.NamespaceTerminatingCause})}}
			c.reconcile(t.Context(), see(t, c, named(ingress(issuer, "api"), "api")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, object := newTestController(t, &script{}), ingress(wrong, "tls")
			setup(c, object)
			warnings(c)
			c.reconcile(t.Context(), see(t, c, object))
			if told := warnings(c); len(told) > 0 {
				t.Errorf("told: %v", told)
			}
		})
	}
}

// A source that is told only later is looked at then.
func TestAProblemThatMayPassIsLookedAtAgain(t *testing.T) {
	c := newTestController(t, &script{})
	c.reporter.patience = settling
	serving(c, inventory.Whole)
	k := see(t, c, ingress(issuer, "tls"))
	if next := c.reconcile(t.Context(), k); next.after <= 0 || next.after > settling {
		t.Errorf("requeue %+v", next)
	}
	if told := warnings(c); len(told) > 0 {
		t.Errorf("told: %v", told)
	}
	c.reporter.patience = 0
	c.reconcile(t.Context(), k)
	if told := warnings(c); !slices.Equal(told, []problem.Reason{problem.IssuerNotFound}) {
		t.Errorf("told: %v", told)
	}
}

// A write that was refused and is then held back is still refused: one Event in all.
func TestRefusedHeldBackAndRefusedAgainIsToldOnce(t *testing.T) {
	refused := status(422, "invalid")
	c := newTestController(t, &script{answers: []error{refused, refused}})
	k := see(t, c, ingress(issuer, "tls"))
	c.reconcile(t.Context(), k)
	c.breaker.failed(hook, at("shop", "other"), time.Now())
	c.reconcile(t.Context(), k)
	if got := currently(c.reporter, "Refused", "error"); got != 1 {
		t.Errorf("while it is held back the gauge is %v", got)
	}
	c.breaker.answered(k)
	c.reconcile(t.Context(), k)
	if told := warnings(c); !slices.Equal(told, []problem.Reason{problem.Refused}) {
		t.Errorf("told: %v", told)
	}
}
