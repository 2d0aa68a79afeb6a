package controller

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/source"
)

// known is a memory of some sources.
func known(t *testing.T, objects ...*source.Object) *memory {
	t.Helper()
	m := newMemory()
	for _, object := range objects {
		m.putSource(packSource(kindOf(t, object.Group, object.Kind), object, nil))
	}
	return m
}

func names(keys []key) []string {
	found := []string{}
	for _, k := range keys {
		found = append(found, k.name)
	}
	slices.Sort(found)
	return found
}

func gatewayObject(name string) *source.Object {
	return &source.Object{Ref: source.Ref{Group: gatewayGroup, Version: "v1", Kind: gatewayKind, Namespace: "shop", Name: name, UID: name}}
}

func listenerSetObject(name, parent string) *source.Object {
	return &source.Object{
		Ref:    source.Ref{Group: gatewayGroup, Version: "v1", Kind: listenerSetKind, Namespace: "team", Name: name, UID: name},
		Parent: &source.Parent{Group: gatewayGroup, Kind: gatewayKind, Namespace: "shop", Name: parent},
	}
}

func TestConcernedBySource(t *testing.T) {
	web, rival, apart := newSource(t, "web", "tls"), newSource(t, "rival", "tls"), newSource(t, "apart", "other")
	pack := func(object *source.Object) *compactSource {
		return packSource(kindOf(t, object.Group, object.Kind), object, nil)
	}
	moved := newSource(t, "web", "moved")
	status := newSource(t, "web", "tls")
	status.ResourceVersion = "8"
	annotated := gatewayObject("gw")
	annotated.Annotations = map[string]string{"a": "b"}
	tests := map[string]struct {
		old, now *source.Object
		want     []string
	}{
		"status changes":            {web, status, []string{}},
		"appears":                   {nil, web, []string{"rival", "web"}},
		"names another Secret":      {web, moved, []string{"rival", "web"}},
		"appears with its own":      {nil, apart, []string{"apart"}},
		"Gateway appears":           {nil, gatewayObject("gw"), []string{"gw", "set"}},
		"Gateway's status changes":  {gatewayObject("gw"), gatewayObject("gw"), []string{}},
		"Gateway changes":           {gatewayObject("gw"), annotated, []string{"gw", "set"}},
		"another Gateway appears":   {nil, gatewayObject("other"), []string{"other"}},
		"a set changes its Gateway": {listenerSetObject("set", "old"), listenerSetObject("set", "gw"), []string{"set"}},
	}
	for name, tt := range tests {
		m := known(t, web, rival, apart, gatewayObject("gw"), listenerSetObject("set", "gw"))
		var old *compactSource
		if tt.old != nil {
			old = pack(tt.old)
		}
		now := pack(tt.now)
		m.putSource(now)
		if diff := cmp.Diff(tt.want, names(m.concernedBySource(old, now))); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

func TestASourceThatIsGoneWakesItsRivals(t *testing.T) {
	m := known(t, newSource(t, "web", "tls"), newSource(t, "rival", "tls"), newSource(t, "apart", "other"))
	old := m.dropSource(key{kind: ingressKind(t), namespace: "shop", name: "web"})
	if diff := cmp.Diff([]string{"rival"}, names(m.concernedBySource(old, nil))); diff != "" {
		t.Error("(-want +got)", diff)
	}
}

func observedCertificate(name, secret, owner string) certificate.Observed {
	o := certificate.Observed{Namespace: "shop", Name: name, UID: "cert-" + name, ResourceVersion: "1", Secret: secret}
	if owner != "" {
		o.Owner = certificate.Owner{Group: "networking.k8s.io", Kind: "Ingress", Name: owner, UID: "uid-" + owner}
	}
	return o
}

func TestConcernedByCertificate(t *testing.T) {
	ours := observedCertificate("tls", "tls", "web")
	edited, status, stranger := ours, ours, observedCertificate("tls", "tls", "")
	edited.Have.Sum = 1
	status.ResourceVersion = "2"
	tests := map[string]struct {
		old, now *certificate.Observed
		want     []string
	}{
		"status changes":                     {&ours, &status, []string{}},
		"edited":                             {&ours, &edited, []string{"web"}},
		"gone":                               {&ours, nil, []string{"rival", "web"}},
		"owner taken away":                   {&ours, &stranger, []string{"rival", "web"}},
		"a stranger's appears":               {nil, &stranger, []string{"rival", "web"}},
		"a stranger's with a Secret of ours": {nil, new(observedCertificate("x", "tls", "")), []string{"rival", "web"}},
		"of an owner that is gone":           {new(observedCertificate("tls", "tls", "nobody")), nil, []string{"rival", "web"}},
	}
	for name, tt := range tests {
		m := known(t, newSource(t, "web", "tls"), newSource(t, "rival", "tls"), newSource(t, "apart", "other"))
		var old, now *compactCertificate
		if tt.old != nil {
			old = packCertificate(*tt.old)
		}
		if tt.now != nil {
			now = packCertificate(*tt.now)
		}
		if diff := cmp.Diff(tt.want, names(m.concernedByCertificate(old, now))); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

func TestOurOwnWriteIsRecognised(t *testing.T) {
	want := certificate.Digest{Sum: 5, Leaves: 2}
	shown := observedCertificate("tls", "tls", "web")
	shown.Have = want
	changed, shim := shown, shown
	changed.Have.Sum = 6
	shim.Flags = certificate.ShimEntries
	tests := map[string]struct {
		shown     certificate.Observed
		asWritten bool
	}{
		"as written":           {shown, true},
		"changed meanwhile":    {changed, false},
		"a shim wrote as well": {shim, false},
	}
	for name, tt := range tests {
		m := newMemory()
		item := packCertificate(tt.shown)
		m.expect(at("shop", "web"), item.fullName(), want, noon)
		if _, got := m.putCertificate(item); got != tt.asWritten {
			t.Errorf("%s: asWritten is %v", name, got)
		}
		if !m.written["cert-tls"] {
			t.Errorf("%s: the write is not remembered", name)
		}
		if _, again := m.putCertificate(item); again {
			t.Errorf("%s: one write explains two changes", name)
		}
	}
}

func TestAnUnansweredExpectationIsTakenBack(t *testing.T) {
	m := newMemory()
	item := packCertificate(observedCertificate("tls", "tls", "web"))
	m.expect(at("shop", "web"), item.fullName(), certificate.Digest{}, noon)
	m.expectNothing(item.fullName())
	if _, asWritten := m.putCertificate(item); asWritten {
		t.Error("a refused write explains a change")
	}
}

// Whatever comes and goes, the indexes are empty when all is gone.
func TestIndexesFollow(t *testing.T) {
	m := known(t, newSource(t, "web", "tls"), newSource(t, "web", "a", "b", "b"), newSource(t, "rival", "tls"), listenerSetObject("set", "gw"))
	for _, o := range []certificate.Observed{
		observedCertificate("a", "a", "web"), observedCertificate("b", "a", "web"), observedCertificate("a", "z", "rival"),
	} {
		m.putCertificate(packCertificate(o))
	}
	for _, k := range m.keys() {
		m.dropSource(k)
	}
	for name := range m.certificates {
		m.expect(at("shop", "web"), name, certificate.Digest{}, noon)
		m.expect(at("shop", "rival"), name, certificate.Digest{}, noon)
		m.expectNothing(name)
		m.dropCertificate(name)
	}
	if len(m.bySecret)+len(m.byParent)+len(m.byOwner)+len(m.writing)+len(m.sources)+len(m.expectedBy) != 0 {
		t.Errorf("left over: %v %v %v %v %v %v", m.bySecret, m.byParent, m.byOwner, m.writing, m.sources, m.expectedBy)
	}
}

// A cache that is behind our own write must not have it written again; one that stays so
// for longer must.
func TestTheSameIsNotWrittenTwiceAtOnce(t *testing.T) {
	m := newMemory()
	item := packCertificate(observedCertificate("tls", "tls", "web"))
	want := certificate.Digest{Sum: 5}
	m.expect(at("shop", "web"), item.fullName(), want, noon)
	m.putCertificate(item) // the state before our write
	if wait := m.underway(item.fullName(), want, noon.Add(watchDelay/2)); wait != watchDelay/2 {
		t.Errorf("waits %s", wait)
	}
	if wait := m.underway(item.fullName(), certificate.Digest{Sum: 6}, noon); wait != 0 {
		t.Errorf("something else waits %s", wait)
	}
	if wait := m.underway(item.fullName(), want, noon.Add(watchDelay)); wait != 0 {
		t.Errorf("after a while it still waits %s", wait)
	}
	shown := *item
	shown.have = want
	m.putCertificate(&shown)
	if wait := m.underway(item.fullName(), want, noon); wait != 0 {
		t.Errorf("after it was seen it still waits %s", wait)
	}
}
