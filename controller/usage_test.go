package controller

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

var (
	strangeKind = resolver.GroupKind{Group: "pki.strange.example", Kind: "StrangeIssuer"}
	strange     = map[string]any{
		"cert-manager.io/issuer": "corp", "cert-manager.io/issuer-kind": strangeKind.Kind, "cert-manager.io/issuer-group": strangeKind.Group,
	}
)

// servingStrange is a cluster that serves a kind of issuer that nobody declares, and others of
// which no source speaks.
func servingStrange(c *Controller) served {
	s := readDiscovery(nil, nil)
	s.resources[certificates] = true
	for kind, resource := range map[resolver.GroupKind]string{
		strangeKind: "strangeissuers", {Group: strangeKind.Group, Kind: "Account"}: "accounts", {Group: "apps", Kind: "Deployment"}: "deployments",
	} {
		s.add(schema.GroupVersion{Group: kind.Group, Version: "v1"}, metav1.APIResource{Name: resource, Kind: kind.Kind, Namespaced: true})
	}
	c.discoverer.facts.Store(&clusterFacts{served: s})
	return s
}

func strangeIssuer(name, ready string) *unstructured.Unstructured {
	o := issuerNamed(name, ready)
	o.SetAPIVersion(strangeKind.Group + "/v1")
	o.SetKind(strangeKind.Kind)
	return o
}

// watchedKinds are the kinds that nobody declares and that are to be watched.
func watchedKinds(c *Controller, s served, now time.Time) []resolver.GroupKind {
	var kinds []resolver.GroupKind
	for _, w := range c.undeclared(s, now) {
		kinds = append(kinds, w.issuers)
	}
	return kinds
}

func TestAKindThatNobodyDeclaresIsWatchedWhileItIsNamed(t *testing.T) {
	c := newTestController(t, &script{})
	s := servingStrange(c)
	if got := watchedKinds(c, s, time.Now()); len(got) > 0 {
		t.Errorf("watched before any source names one: %v", got)
	}
	k := see(t, c, ingress(strange, "tls"))
	c.reconcile(t.Context(), k)
	select {
	case <-c.look:
	default:
		t.Error("nobody looks for what is to be watched")
	}
	if got := watchedKinds(c, s, time.Now()); !slices.Equal(got, []resolver.GroupKind{strangeKind}) {
		t.Errorf("watched are %v", got)
	}
	c.memory.dropSource(k)
	c.reconcile(t.Context(), k)
	if got := watchedKinds(c, s, time.Now()); len(got) != 1 {
		t.Errorf("no longer watched as soon as its source is gone: %v", got)
	}
	if got := watchedKinds(c, s, time.Now().Add(keepUnused)); len(got) > 0 {
		t.Errorf("watched long after its last source: %v", got)
	}
}

// What can be known of such issuers is told as of any other: that there is none, that it
// isn't ready, and which one may be meant.
func TestIssuersOfAKindThatNobodyDeclares(t *testing.T) {
	c := newTestController(t, &script{})
	s := servingStrange(c)
	k := see(t, c, ingress(strange, "tls"))
	c.reconcile(t.Context(), k)
	if n := len(c.recorder.warnings); n > 0 {
		t.Errorf("%d Events while nothing is known of it", n)
	}
	queued(c)
	w := c.undeclared(s, time.Now())[0]
	seeIssuer(t, w, strangeIssuer("corq", "True"))
	c.watcher = c.newWatcher()
	c.watcher.feeds[w.resource] = &feed{watched: w, attached: true}
	c.noteWhole()
	if got := queued(c); !slices.Equal(got, []string{"web"}) {
		t.Errorf("once all are known, queued are %v", got)
	}
	c.reconcile(t.Context(), k)
	e := <-c.recorder.warnings
	if e.Reason != string(problem.IssuerNotFound) ||
		!strings.Contains(e.Note, "there is no StrangeIssuer corp of group pki.strange.example") || !strings.Contains(e.Note, "cert-manager.io/issuer: corq") {
		t.Errorf("the Event is %s: %s", e.Reason, e.Note)
	}
	seeIssuer(t, w, strangeIssuer("corp", "False"))
	if got := queued(c); !slices.Equal(got, []string{"web"}) {
		t.Errorf("once it is there, queued are %v", got)
	}
	finding, spoken := c.view(nil).Issuers().Find(resolver.IssuerKey{GroupKind: strangeKind, Namespace: "shop", Name: "corp"})
	if !spoken || finding.Existence != resolver.Exists || finding.Ready != resolver.NotReady || finding.By != "generic" {
		t.Errorf("known of it is %+v", finding)
	}
}

// Whether a new kind has the issuer isn't known at once; a Certificate that has another one
// doesn't move to it before.
func TestACertificateDoesNotMoveToAKindThatIsNotReadYet(t *testing.T) {
	writer := &script{}
	c := newTestController(t, writer)
	s := servingStrange(c)
	s.scopes[issuerKind] = resolver.Namespaced
	first, _ := c.decide(see(t, c, ingress(issuer, "tls")), nil)
	c.memory.putCertificate(packCertificate(certificate.Observed{
		Namespace: "shop", Name: "tls", UID: "c", Secret: "tls", Issuer: first.Issuer.Ref,
		Owner: certificate.Owner{Group: "networking.k8s.io", Kind: "Ingress", Name: "web", UID: first.Source.UID},
		Have:  first.Certificates[0].Want, Flags: certificate.Applied,
	}))
	if name := (types.NamespacedName{Namespace: "shop", Name: "tls"}); c.memory.moves(name, first.Certificates[0].Config) {
		t.Error("a Certificate moves to the issuer that it has")
	}
	k := see(t, c, ingress(strange, "tls"))
	v := c.reconcile(t.Context(), k)
	if len(writer.requests) > 0 || v.after <= 0 || v.after > readFirst {
		t.Errorf("before its issuers are read: %v, again in %s", writer.requests, v.after)
	}
	queued(c)
	w := c.undeclared(s, time.Now())[0]
	c.watcher = c.newWatcher()
	c.watcher.feeds[w.resource] = &feed{watched: w, attached: true}
	c.noteWhole()
	if got := queued(c); !slices.Equal(got, []string{"web"}) {
		t.Errorf("once all are known, queued are %v", got)
	}
	if v := c.reconcile(t.Context(), k); len(writer.requests) > 0 || v.after > 0 {
		t.Errorf("when there is none: %v, %+v", writer.requests, v)
	}
	c.watcher.feeds[w.resource].refused = map[string]bool{"": true}
	c.noteWhole()
	c.usage.used[0].since = time.Now().Add(-readFirst)
	if c.reconcile(t.Context(), k); !slices.Equal(writer.requests, []string{"apply tls"}) {
		t.Errorf("when they can't be read: %v", writer.requests)
	}
}

// A file may declare a kind that was in use before: it is watched as declared from then on.
func TestAKindThatIsDeclaredLater(t *testing.T) {
	c := newTestController(t, &script{})
	s := servingStrange(c)
	c.usage.set(key{name: "web"}, strangeKind, time.Now())
	registry, err := resolver.NewRegistry(resolver.Defaults{}, []resolver.Entry{{
		ID: "strange", Group: strangeKind.Group, Versions: []string{"v1"}, Level: resolver.LevelOperator,
		Kinds: []resolver.KindEntry{{Kind: strangeKind.Kind, Resource: "strangeissuers", Scope: resolver.Namespaced}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	c.policy.Load().Registry = registry
	var made []string
	for _, w := range c.desired(s, time.Now()) {
		if w.issuers == strangeKind {
			made = append(made, w.made.(*resolver.Entry).ID)
		}
	}
	if !slices.Equal(made, []string{"strange"}) {
		t.Errorf("it is watched as %v", made)
	}
}

func TestOnlyCustomKindsAreWatchedUndeclared(t *testing.T) {
	c := newTestController(t, &script{})
	s := servingStrange(c)
	deployment, account := resolver.GroupKind{Group: "apps", Kind: "Deployment"}, resolver.GroupKind{Group: strangeKind.Group, Kind: "Account"}
	for i, kind := range []resolver.GroupKind{deployment, strangeKind, account, {Group: "not.served", Kind: "Issuer"}} {
		c.usage.set(key{name: fmt.Sprint(i)}, kind, time.Now())
	}
	if got := watchedKinds(c, s, time.Now()); !slices.Equal(got, []resolver.GroupKind{strangeKind, account}) {
		t.Errorf("where CRDs can't be read: %v", got)
	}
	s.custom = map[schema.GroupResource]bool{{Group: strangeKind.Group, Resource: "strangeissuers"}: true}
	if got := watchedKinds(c, s, time.Now()); !slices.Equal(got, []resolver.GroupKind{strangeKind}) {
		t.Errorf("by CRDs: %v", got)
	}
}

func TestUndeclaredKindsAreBounded(t *testing.T) {
	c := newTestController(t, &script{})
	s := servingStrange(c)
	for i := range maxUndeclared + 5 {
		kind := resolver.GroupKind{Group: strangeKind.Group, Kind: fmt.Sprint("Issuer", i)}
		s.add(schema.GroupVersion{Group: kind.Group, Version: "v1"}, metav1.APIResource{Name: fmt.Sprint("issuers", i), Kind: kind.Kind})
		c.usage.set(key{name: kind.Kind}, kind, time.Now())
	}
	if got := watchedKinds(c, s, time.Now()); len(got) != maxUndeclared || got[0].Kind != "Issuer0" {
		t.Errorf("%d are watched, first %v", len(got), got[0])
	}
}
