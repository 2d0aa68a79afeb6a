package cluster

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/resolver"
)

// serving is an API server of cert-manager's kinds, whose group step.sm may be down. It tells
// of CRDs, but for those who may not read them.
type serving struct {
	lock sync.Mutex
	// down are paths that answer 503.
	down map[string]bool
	// hanging are paths that never answer, after they were down for so many questions.
	hanging   map[string]int
	forbidden bool
	// version is the resourceVersion of the Certificate CRD, which has this field.
	version, field string
	// others are CRDs that are listed beside that one.
	others []string
	// crdReads counts how often that CRD was read whole.
	crdReads int
	// changes goes to whoever watches the CRDs.
	changes chan string
	// serviceChanges goes to whoever watches the APIServices, unless there are noServices to see.
	serviceChanges chan string
	noServices     bool
	// hung gets a signal once a hanging path is asked.
	hung chan struct{}
}

func newServing(t *testing.T) (*serving, *Discovery) {
	t.Helper()
	s := &serving{down: map[string]bool{}, hanging: map[string]int{}, version: "1", field: "duration", changes: make(chan string), serviceChanges: make(chan string), hung: make(chan struct{}, 1)}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	d, err := NewDiscovery(connected(t, server.URL), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s, d
}

func (s *serving) set(change func()) {
	s.lock.Lock()
	defer s.lock.Unlock()
	change()
}

const crdName = "certificates.cert-manager.io"

func (s *serving) crd(kind string) map[string]any {
	schema := map[string]any{"properties": map[string]any{"spec": map[string]any{"properties": map[string]any{s.field: map[string]any{}}}}}
	return map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": kind,
		"metadata": map[string]any{"name": crdName, "resourceVersion": s.version},
		"spec":     map[string]any{"versions": []any{map[string]any{"name": "v1", "schema": map[string]any{"openAPIV3Schema": schema}}}},
	}
}

func (s *serving) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.lock.Lock()
	left, hangs := s.hanging[r.URL.Path]
	if left > 0 {
		s.hanging[r.URL.Path]--
	}
	down, forbidden := s.down[r.URL.Path] || left > 0, s.forbidden
	s.lock.Unlock()
	crds := strings.HasPrefix(r.URL.Path, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
	services := r.URL.Path == "/apis/apiregistration.k8s.io/v1/apiservices"
	switch {
	case hangs && left == 0:
		s.hung <- struct{}{}
		<-r.Context().Done()
	case down:
		w.WriteHeader(http.StatusServiceUnavailable)
	case crds && forbidden, services && s.noServices:
		w.WriteHeader(http.StatusForbidden)
	case crds && r.URL.Query().Get("watch") != "":
		s.watch(w, r, func() map[string]any { return s.crd("PartialObjectMetadata") }, s.changes)
	case services && r.URL.Query().Get("watch") != "":
		s.watch(w, r, apiService, s.serviceChanges)
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s.answer(r.URL.Path))
	}
}

// answer gives the documents of discovery, of groups one by one, and the CRD.
func (s *serving) answer(path string) any {
	s.lock.Lock()
	defer s.lock.Unlock()
	group := func(name, version string) metav1.APIGroup {
		v := metav1.GroupVersionForDiscovery{GroupVersion: name + "/" + version, Version: version}
		return metav1.APIGroup{Name: name, Versions: []metav1.GroupVersionForDiscovery{v}, PreferredVersion: v}
	}
	resources := func(version, resource, kind string) metav1.APIResourceList {
		return metav1.APIResourceList{GroupVersion: version, APIResources: []metav1.APIResource{
			{Name: resource, Kind: kind, Namespaced: true, Verbs: metav1.Verbs{"list", "watch"}},
		}}
	}
	switch path {
	case "/api":
		return metav1.APIVersions{Versions: []string{"v1"}}
	case "/api/v1":
		return resources("v1", "pods", "Pod")
	case "/apis":
		return metav1.APIGroupList{Groups: []metav1.APIGroup{group("cert-manager.io", "v1"), group("step.sm", "v1beta1")}}
	case "/apis/cert-manager.io/v1":
		return resources("cert-manager.io/v1", "certificates", "Certificate")
	case "/apis/step.sm/v1beta1":
		return resources("step.sm/v1beta1", "stepissuers", "StepIssuer")
	case "/apis/apiextensions.k8s.io/v1/customresourcedefinitions":
		items := []any{s.crd("CustomResourceDefinition")}
		for _, name := range s.others {
			items = append(items, map[string]any{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{"name": name}})
		}
		return map[string]any{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinitionList", "metadata": map[string]any{}, "items": items}
	case "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/proxies.proxy.example.com":
		s.crdReads++
		return proxyDefinition()
	case "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/" + crdName:
		s.crdReads++
		return s.crd("CustomResourceDefinition")
	}
	return nil
}

func apiService() map[string]any {
	return map[string]any{
		"apiVersion": "apiregistration.k8s.io/v1", "kind": "PartialObjectMetadata",
		"metadata": map[string]any{"name": "v1.route.openshift.io", "resourceVersion": "1"},
	}
}

// watch sends an object, then its changes.
func (s *serving) watch(w http.ResponseWriter, r *http.Request, object func() map[string]any, changes <-chan string) {
	send := func(kind string) {
		s.lock.Lock()
		defer s.lock.Unlock()
		sent := object()
		if kind == "BOOKMARK" {
			sent["metadata"] = map[string]any{"resourceVersion": s.version, "annotations": map[string]any{metav1.InitialEventsAnnotationKey: "true"}}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"type": kind, "object": sent})
		w.(http.Flusher).Flush()
	}
	w.Header().Set("Content-Type", "application/json")
	send("ADDED")
	send("BOOKMARK")
	for {
		select {
		case kind := <-changes:
			send(kind)
		case <-r.Context().Done():
			return
		}
	}
}

var stepIssuer = resolver.GroupKind{Group: "step.sm", Kind: "StepIssuer"}

func ask(t *testing.T, d *Discovery) inventory.Facts {
	t.Helper()
	facts, answered := d.Ask(t.Context(), nil)
	if !answered {
		t.Fatal("there is no answer")
	}
	return facts
}

func TestWhatIsServed(t *testing.T) {
	s, d := newServing(t)
	facts := ask(t, d)
	if _, found := facts.Served.Scope(stepIssuer); !found || !facts.Served.Has(certificate.Resource()) {
		t.Errorf("served is %+v", facts.Served)
	}
	// A group that is down hides its own kinds only, and they aren't taken for absent.
	s.set(func() { s.down["/apis/step.sm/v1beta1"] = true })
	facts = ask(t, d)
	if _, found := facts.Served.Scope(stepIssuer); found || facts.Served.Lacks(stepIssuer) || !facts.Served.Unknown("step.sm") {
		t.Errorf("while its group is down: found %v, lacks %v", found, facts.Served.Lacks(stepIssuer))
	}
	if facts.Served.Unknown("cert-manager.io") || !facts.Served.Has(certificate.Resource()) {
		t.Error("another group is unknown, too")
	}
}

// Discovery gives the lists in any order; the first of a kind is to be the one that its group
// prefers.
func TestListsComeInTheOrderOfPreference(t *testing.T) {
	group := func(name string, versions ...string) *metav1.APIGroup {
		g := &metav1.APIGroup{Name: name}
		for _, version := range versions {
			g.Versions = append(g.Versions, metav1.GroupVersionForDiscovery{GroupVersion: name + "/" + version})
		}
		g.PreferredVersion = g.Versions[len(g.Versions)-1]
		return g
	}
	groups := []*metav1.APIGroup{group("b", "v3", "v2", "v1"), group("a", "v1")}
	var lists []*metav1.APIResourceList
	for _, version := range []string{"a/v1", "b/v2", "strange/v1", "b/v1", "b/v3"} {
		lists = append(lists, &metav1.APIResourceList{GroupVersion: version})
	}
	var got []string
	for _, list := range inOrder(groups, lists) {
		got = append(got, list.GroupVersion)
	}
	if want := []string{"b/v1", "b/v3", "b/v2", "a/v1", "strange/v1"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// While the server doesn't answer, it is asked again soon.
func TestDiscoveryThatFails(t *testing.T) {
	s, d := newServing(t)
	for _, path := range []string{"/api", "/apis"} {
		s.set(func() { s.down[path] = true })
		if _, answered := d.Ask(t.Context(), nil); answered || d.NextDelay() != retryPeriod {
			t.Errorf("%s is down: answered %v", path, answered)
		}
		s.set(func() { s.down[path] = false })
		if ask(t, d); d.NextDelay() != pollPeriod {
			t.Errorf("after %s was down: the next delay is that of a failure", path)
		}
	}
}

// lines are those that a log has, without their time.
func lines(of *Discovery) *strings.Builder {
	said := &strings.Builder{}
	of.log = slog.New(slog.NewTextHandler(said, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
	return said
}

// A group that doesn't answer is told of once, and asked again soon, then less often. Of groups that don't matter
// nothing is said.
func TestAGroupThatDoesNotAnswer(t *testing.T) {
	s, d := newServing(t)
	said := lines(d)
	matters := map[string]bool{"step.sm": true}
	step := func(down bool, matters map[string]bool) []time.Duration {
		t.Helper()
		said.Reset()
		s.set(func() { s.down["/apis/step.sm/v1beta1"] = down })
		var delays []time.Duration
		for range 6 {
			if _, answered := d.Ask(t.Context(), matters); !answered {
				t.Fatal("there is no answer")
			}
			delays = append(delays, d.NextDelay())
		}
		return delays
	}
	const down = "level=WARN msg=\"an API group can't be asked what it serves\" group=step.sm error=\"the server is currently unable to handle the request\"\n"
	soon := []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute, time.Minute}
	rest := slices.Repeat([]time.Duration{pollPeriod}, 6)
	for i, row := range []struct {
		down    bool
		matters map[string]bool
		delays  []time.Duration
		says    string
	}{
		{true, nil, rest, ""},
		{true, matters, soon, down},
		{false, matters, rest, "level=INFO msg=\"an API group says again what it serves\" group=step.sm\n"},
		{true, matters, soon, down},
	} {
		if got := step(row.down, row.matters); !slices.Equal(got, row.delays) || said.String() != row.says {
			t.Errorf("step %d: it is asked after %v and says\n%s", i, got, said)
		}
	}
}

// What the API server answers is in the log, not that it is unknown.
func TestWhyDiscoveryIsRefused(t *testing.T) {
	const message = `User "certshim" cannot get path "/apis"`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_ = json.NewEncoder(w).Encode(metav1.Status{Status: metav1.StatusFailure, Reason: metav1.StatusReasonForbidden, Code: http.StatusForbidden, Message: message})
	}))
	t.Cleanup(server.Close)
	if _, err := connected(t, server.URL).Facts(t.Context()); err == nil || !strings.Contains(err.Error(), message) {
		t.Errorf("it says %v", err)
	}
}

// The end of the program doesn't wait for a server that hangs.
func TestTheContextEndsAQuestion(t *testing.T) {
	s, d := newServing(t)
	for _, row := range []struct {
		path string
		// down is how often it is down before it hangs: a group that is down is asked twice.
		down int
	}{{"/api", 0}, {"/apis", 0}, {"/apis/step.sm/v1beta1", 0}, {"/apis/step.sm/v1beta1", 1}} {
		s.set(func() { s.hanging[row.path] = row.down })
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-s.hung; cancel() }()
		began := time.Now()
		if _, answered := d.Ask(ctx, nil); answered || time.Since(began) > discoveryTimeout/2 {
			t.Errorf("%v hangs: answered %v after %s", row, answered, time.Since(began))
		}
		s.set(func() { delete(s.hanging, row.path) })
	}
}

// The fields of the Certificate CRD are read once for each version of it.
func TestTheFieldsOfCertificatesFollowTheirCRD(t *testing.T) {
	s, d := newServing(t)
	runDiscovery(t, d)
	changed := func() {
		t.Helper()
		select {
		case <-d.Changed():
			d.FollowChange()
		case <-time.After(time.Minute):
			t.Fatal("a change of a CRD isn't reported")
		}
	}
	changed()
	<-d.crds.HasSyncedChecker().Done()
	<-d.services.HasSyncedChecker().Done()
	first := ask(t, d)
	if !first.Fields.Has("spec.duration") || first.Fields.Has("spec.other") {
		t.Errorf("fields are %v", first.Fields)
	}
	if _, custom := first.Served.CustomKind(stepIssuer); custom {
		t.Error("a kind without a CRD is custom")
	}
	if again := ask(t, d); !maps.Equal(again.Fields, first.Fields) || s.crdReads != 1 {
		t.Errorf("the CRD was read %d times", s.crdReads)
	}
	s.set(func() { s.version, s.field = "2", "other" })
	s.changes <- "MODIFIED"
	facts := first
	for !facts.Fields.Has("spec.other") {
		// What is reported first may still be the first list.
		changed()
		facts = ask(t, d)
	}
	if facts.Fields.Has("spec.duration") {
		t.Errorf("after a change, fields are %v", facts.Fields)
	}
	// Discovery follows a change by a moment.
	for _, want := range append(delaysAfterChange(), restPeriod, restPeriod) {
		if got := d.NextDelay(); got != want {
			t.Errorf("the next delay is %s, want %s", got, want)
		}
	}
}

// The kinds of a server behind the API server have no CRDs: an APIService tells of them.
func TestAnAPIServiceThatChanges(t *testing.T) {
	s, d := newServing(t)
	s.set(func() { s.forbidden = true })
	runDiscovery(t, d)
	for _, kind := range []string{"MODIFIED", "DELETED"} {
		select {
		case <-d.Changed():
		case <-time.After(time.Minute):
			t.Fatal("a change of an APIService isn't reported")
		}
		s.serviceChanges <- kind
	}
}

func TestDiscoveryWithoutAPIServices(t *testing.T) {
	s, d := newServing(t)
	s.set(func() { s.noServices = true })
	runDiscovery(t, d)
	<-d.crds.HasSyncedChecker().Done()
	if got := d.NextDelay(); got != pollPeriod {
		t.Errorf("the next question comes after %s, want %s", got, pollPeriod)
	}
}

// runDiscovery runs it until the end of the test.
func runDiscovery(t *testing.T, d *Discovery) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { d.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
}

// Where CRDs can't be read, the server is polled, and nothing is known of fields.
func TestDiscoveryWithoutCRDs(t *testing.T) {
	s, d := newServing(t)
	s.set(func() { s.forbidden = true })
	facts := ask(t, d)
	if facts.Fields != nil || !facts.Fields.Has("spec.anything") || d.NextDelay() != pollPeriod {
		t.Errorf("fields are %v", facts.Fields)
	}
	if _, custom := facts.Served.CustomKind(stepIssuer); !custom {
		t.Error("without CRDs, the group tells which kinds are custom")
	}
}

// Who asks once hears the same, with nothing running.
func TestFactsThatAreAskedForOnce(t *testing.T) {
	s, d := newServing(t)
	facts, err := d.connection.Facts(t.Context())
	if err != nil || !facts.Served.Has(certificate.Resource()) || !facts.Fields.Has("spec.duration") || facts.Fields.Has("spec.other") {
		t.Errorf("%+v, %v", facts, err)
	}
	custom := func(want bool) {
		t.Helper()
		facts, err = d.connection.Facts(t.Context())
		if _, is := facts.Served.CustomKind(stepIssuer); err != nil || is != want {
			t.Errorf("StepIssuer is custom: %v, %v", is, err)
		}
	}
	custom(false)
	s.set(func() { s.others = []string{"stepissuers.step.sm"} })
	custom(true)
	s.set(func() { s.others, s.forbidden = nil, true })
	custom(true)
	s.set(func() { s.down["/apis/step.sm/v1beta1"] = true })
	custom(false)
	if facts.Fields != nil || !facts.Served.Unknown("step.sm") {
		t.Errorf("with CRDs forbidden and a group down: %+v", facts)
	}
	s.set(func() { s.down["/apis"] = true })
	if _, err = d.connection.Facts(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "ask the API server which kinds it serves: ") {
		t.Errorf("without discovery: %v", err)
	}
}
