package inventory

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/certshim/certshim"
)

const auto = "kubernetes.io/tls-acme: 'true'"

// byNamespaces is a policy by which Namespaces name issuers.
func byNamespaces(p *certshim.Policy) { p.NamespaceDefaults = true }

// byLabels is a policy that goes by labels, too.
func byLabels(p *certshim.Policy) {
	byNamespaces(p)
	p.Rules = []certshim.Rule{{Name: "gold", Selector: labels.Everything()}}
}

// Of a Namespace, only what counts is kept in memory.
func TestANamespaceIsReducedToWhatCounts(t *testing.T) {
	s := newShop(t, Options{})
	s.put("{kind: Namespace, metadata: {name: shop, labels: {tier: gold}, annotations: {cert-manager.io/issuer: corp, " +
		"cert-manager.io/issuer-knd: Issuer, cert-manager.io/duration: 1h, example.com/x: 'y'}}}")
	gotLabels, gotAnnotations := s.namespaces["shop"].unpack()
	want := []map[string]string{{"tier": "gold"}, {"cert-manager.io/issuer": "corp", "cert-manager.io/issuer-knd": "Issuer"}}
	if diff := cmp.Diff(want, []map[string]string{gotLabels, gotAnnotations}); diff != "" {
		t.Error("(-want +got)", diff)
	}
}

// A change of a Namespace wakes the sources that go by what changed, and no others.
func TestWhoANamespaceWakes(t *testing.T) {
	const before = "{kind: Namespace, metadata: {name: shop, labels: {tier: gold}, annotations: {cert-manager.io/issuer: ca}}}"
	const other = "{kind: Namespace, metadata: {name: other, annotations: {cert-manager.io/issuer: ca}}}"
	relabelled := "{kind: Namespace, metadata: {name: shop, labels: {tier: silver}, annotations: {cert-manager.io/issuer: ca}}}"
	annotated := "{kind: Namespace, metadata: {name: shop, labels: {tier: gold}, annotations: {cert-manager.io/issuer: cb}}}"
	for name, row := range map[string]struct {
		policy func(*certshim.Policy)
		change func(*shop) Wake
		want   []string
	}{
		"labels":                    {byNamespaces, func(s *shop) Wake { return s.put(relabelled) }, []string{}},
		"annotations":               {byNamespaces, func(s *shop) Wake { return s.put(annotated) }, []string{"auto"}},
		"annotations nobody reads":  {func(*certshim.Policy) {}, func(s *shop) Wake { return s.put(annotated) }, []string{}},
		"of another namespace":      {byNamespaces, func(s *shop) Wake { return s.put(other) }, []string{}},
		"it goes":                   {byNamespaces, func(s *shop) Wake { return s.drop(before) }, []string{"auto"}},
		"all are forgotten":         {byNamespaces, func(s *shop) Wake { return s.Namespaces().Clear() }, []string{"auto"}},
		"nothing that counts":       {byLabels, func(s *shop) Wake { return s.put(before[:len(before)-3] + ", example.com/x: 'y'}}}") }, []string{}},
		"labels, where a rule does": {byLabels, func(s *shop) Wake { return s.put(relabelled) }, []string{"auto", "web"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, Options{}, row.policy)
			s.put(before)
			s.put(tlsIngress("web", byCA, "a"))
			s.put(tlsIngress("auto", auto, "b"))
			s.settle()
			if diff := cmp.Diff(row.want, namesOf(row.change(s))); diff != "" {
				t.Error("(-want +got)", diff)
			}
		})
	}
}

// Before it is known what a Namespace says, nothing is to be done by it.
func TestWhatGoesByNamespacesWaitsUntilTheyAreKnown(t *testing.T) {
	for name, row := range map[string]struct {
		before Knowledge
		change func(*shop) Wake
		unread []bool
		want   []string
	}{
		"not read, then known": {Unread, func(s *shop) Wake {
			put := s.put("{kind: Namespace, metadata: {name: shop}}")
			known := s.Know(NamespaceKind(), Whole)
			return Wake{Later: append(woken(put), woken(known)...)}
		}, []bool{true, false}, []string{"auto"}},
		"not read, then there":          {Unread, func(s *shop) Wake { return s.put("{kind: Namespace, metadata: {name: shop}}") }, []bool{true, false}, []string{"auto"}},
		"not read, then forbidden":      {Unread, func(s *shop) Wake { return s.Know(NamespaceKind(), Unreadable) }, []bool{true, false}, []string{"auto"}},
		"forbidden, then known":         {Unreadable, func(s *shop) Wake { return s.put("{kind: Namespace, metadata: {name: shop}}") }, []bool{false, false}, []string{"auto"}},
		"a new one, seen after objects": {Whole, func(s *shop) Wake { return s.put("{kind: Namespace, metadata: {name: shop}}") }, []bool{true, false}, []string{"auto"}},
		"the same again":                {Unread, func(s *shop) Wake { return s.Know(NamespaceKind(), Unread) }, []bool{true, true}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, Options{}, byNamespaces)
			s.Know(NamespaceKind(), row.before)
			s.put(tlsIngress("auto", auto, "b"))
			unread := func() bool {
				look := s.Look(ingressKey("auto"))
				defer look.Close()
				look.Keep(decide(look), look.claim)
				return look.Unread()
			}
			first := unread()
			wake := row.change(s)
			if diff := cmp.Diff(row.want, namesOf(wake)); diff != "" {
				t.Error("woken: (-want +got)", diff)
			}
			if diff := cmp.Diff(row.unread, []bool{first, unread()}); diff != "" {
				t.Error("unread: (-want +got)", diff)
			}
		})
	}
}

// A decision that saw the Namespace as it was, and isn't noted yet, is woken as well.
func TestAChangeOfANamespaceMissesNoDecisionInTheMaking(t *testing.T) {
	s := newShop(t, Options{}, byNamespaces)
	s.put("{kind: Namespace, metadata: {name: shop}}")
	s.put(tlsIngress("auto", auto, "b"))
	look := s.Look(ingressKey("auto"))
	defer look.Close()
	outcome := decide(look)
	wake := s.put("{kind: Namespace, metadata: {name: shop, annotations: {cert-manager.io/issuer: ca}}}")
	if diff := cmp.Diff([]string{"auto"}, namesOf(wake)); diff != "" || !look.Stale() {
		t.Errorf("stale %v, (-want +got) %s", look.Stale(), diff)
	}
	look.Keep(outcome, look.claim)
}
