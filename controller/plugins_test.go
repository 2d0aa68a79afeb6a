package controller

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// hearing is a plugin that a test makes speak.
type hearing struct {
	noPlugins
	resolver.Callbacks
	objects []resolver.IssuerKey
	began   chan struct{}
}

func (h *hearing) Observes(kind resolver.GroupKind) resolver.Observe {
	if kind == issuerKind {
		return resolver.ObserveStatus
	}
	return resolver.ObserveNone
}

func (h *hearing) Run(ctx context.Context, cluster resolver.Callbacks) {
	h.Callbacks = cluster
	close(h.began)
	<-ctx.Done()
}

func (h *hearing) ObjectChanged(key resolver.IssuerKey) { h.objects = append(h.objects, key) }

func TestNewsOfAPluginWakesWhoWaitsForTheIssuer(t *testing.T) {
	c := newTestController(t, &script{})
	h := &hearing{began: make(chan struct{})}
	c.config.Plugins = h
	serving(c, true)
	// The issuer is missing, so that the source waits for it.
	c.reconcile(t.Context(), see(t, c, ingress(issuer, "tls")))
	queued(c)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { c.askPlugins(ctx) })
	defer running.Wait()
	defer cancel()
	<-h.began
	h.Changed([]resolver.IssuerKey{{GroupKind: issuerKind, Namespace: "shop", Name: "other"}})
	if got := queued(c); len(got) > 0 {
		t.Errorf("news of another issuer queues %v", got)
	}
	h.Changed([]resolver.IssuerKey{{GroupKind: issuerKind, Namespace: "shop", Name: "ca"}})
	if got := queued(c); len(got) != 1 {
		t.Errorf("news of the issuer queues %v", got)
	}
}

func TestAPluginSeesTheStatusOfItsIssuers(t *testing.T) {
	c := newTestController(t, &script{})
	h := &hearing{began: make(chan struct{})}
	c.config.Plugins = h
	serving(c, true)
	key := resolver.IssuerKey{GroupKind: issuerKind, Namespace: "shop", Name: "ca"}
	w := issuersOf(t, c, issuerKind)
	seeIssuer(t, w, issuerNamed("ca", "True"))
	seeIssuer(t, w, issuerNamed("ca", "True"))
	seen := string(c.memory.observedIssuer(key))
	if !strings.Contains(seen, `"status":"True"`) || !strings.Contains(seen, `"name":"ca"`) || strings.Contains(seen, "secretName") {
		t.Errorf("it sees %s", seen)
	}
	if len(h.objects) != 1 || h.objects[0] != key {
		t.Errorf("it was told of %v", h.objects)
	}
	large := issuerNamed("ca", "True")
	large.Object["status"] = map[string]any{"x": strings.Repeat("a", resolver.MaxObserved)}
	seeIssuer(t, w, large)
	if seen := c.memory.observedIssuer(key); seen != nil || len(h.objects) != 2 {
		t.Errorf("of one that is too large it sees %d bytes", len(seen))
	}
	seeIssuer(t, issuersOf(t, c, clusterIssuerKind), issuerNamed("ca", "True"))
	if len(c.memory.observed) > 0 {
		t.Errorf("kept for nobody: %v", c.memory.observed)
	}
}

// What is wrong with a plugin is told on this program's Pod, where it runs in one.
func TestTroubleOfAPluginIsToldOnThePod(t *testing.T) {
	for fault, want := range map[resolver.Fault]string{
		resolver.Rejected: resolverRejected, resolver.WrongVersion: resolverVersion, resolver.Broken: resolverBroken,
	} {
		c := newTestController(t, &script{})
		c.tellTrouble("corp-ca", fault, `"outside of any pod"`)
		c.config.Pod = source.Ref{Version: "v1", Kind: "Pod", Namespace: "certshim", Name: "certshim-0", UID: "u"}
		c.tellTrouble("corp-ca", fault, `"it sets duration"`)
		if len(c.recorder.warnings) != 1 {
			t.Fatalf("%s: %d Events", fault, len(c.recorder.warnings))
		}
		e := <-c.recorder.warnings
		if e.Reason != want || e.Namespace != "certshim" || e.Regarding.Kind != "Pod" || e.Regarding.Name != "certshim-0" || e.Regarding.APIVersion != "v1" ||
			e.Type != "Warning" || !strings.Contains(e.Note, "corp-ca") || !strings.Contains(e.Note, `"it sets duration"`) {
			t.Errorf("%s: got %+v", fault, e.Event)
		}
	}
}

func TestWhatIsSeenOfAnObject(t *testing.T) {
	object := map[string]any{
		"metadata": map[string]any{"name": "ca", "managedFields": []any{"x"}}, "spec": map[string]any{"url": "u"}, "status": map[string]any{"s": 1},
	}
	if got := observe(object, resolver.ObserveFull); got != `{"metadata":{"name":"ca"},"spec":{"url":"u"},"status":{"s":1}}` {
		t.Errorf("in full %s", got)
	}
	if got := observe(object, resolver.ObserveStatus); got != `{"metadata":{"name":"ca"},"status":{"s":1}}` {
		t.Errorf("the status: %s", got)
	}
	if got := observe(object, resolver.ObserveNone); got != "" {
		t.Errorf("nothing: %s", got)
	}
}
