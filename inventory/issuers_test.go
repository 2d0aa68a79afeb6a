package inventory

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// find is what a decision about web would be told of an issuer.
func (s *shop) find(key resolver.IssuerKey) resolver.Finding {
	s.Helper()
	s.put(tlsIngress("web", ""))
	look := s.Look(ingressKey("web"))
	defer look.Close()
	finding, _ := look.Issuers().Find(key)
	finding.Ready, finding.Reason, finding.Message = look.Issuers().Readiness(key)
	return finding
}

func TestWhoAnIssuerWakes(t *testing.T) {
	ca, cb := "{kind: Issuer, metadata: {name: ca}, spec: {ca: {}}}", "{kind: Issuer, metadata: {name: cb}, spec: {ca: {}}}"
	acme := "{kind: Issuer, metadata: {name: ca}, spec: {acme: {}}}"
	far := "{kind: Issuer, metadata: {name: letsencrypt}, spec: {ca: {}}}"
	elsewhere := "{kind: Issuer, metadata: {namespace: bank, name: ca}, spec: {ca: {}}}"
	for name, row := range map[string]struct {
		before []string
		change func(*shop) Wake
		want   []string
	}{
		"it appears":                         {nil, func(s *shop) Wake { return s.put(ca) }, []string{"web"}},
		"one of nearly its name appears":     {nil, func(s *shop) Wake { return s.put(cb) }, []string{"web"}},
		"one of another name appears":        {nil, func(s *shop) Wake { return s.put(far) }, []string{}},
		"one of another namespace appears":   {nil, func(s *shop) Wake { return s.put(elsewhere) }, []string{}},
		"it vanishes":                        {[]string{ca}, func(s *shop) Wake { return s.drop(ca) }, []string{"web"}},
		"it becomes of another type":         {[]string{ca}, func(s *shop) Wake { return s.put(acme) }, []string{"web"}},
		"it is the same":                     {[]string{ca}, func(s *shop) Wake { return s.put(ca) }, []string{}},
		"all of its kind are forgotten":      {[]string{ca}, func(s *shop) Wake { return s.intake(s.read(ca)).Clear() }, []string{"web"}},
		"its kind can't be read any more":    {nil, func(s *shop) Wake { return s.Know(issuerKind, Unreadable) }, []string{"web"}},
		"nor can it, though it is there":     {[]string{ca}, func(s *shop) Wake { return s.Know(issuerKind, Unreadable) }, []string{}},
		"its kind isn't served any more":     {nil, func(s *shop) Wake { return s.Serve(servedKinds(false, true), nil) }, []string{"other", "web"}},
		"a plugin says something else of it": {nil, func(s *shop) Wake { return s.PluginSays([]resolver.IssuerKey{shopIssuer("ca")}) }, []string{"web"}},
		"a plugin says something of another": {nil, func(s *shop) Wake { return s.PluginSays([]resolver.IssuerKey{shopIssuer("letsencrypt")}) }, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, Options{})
			for _, manifest := range row.before {
				s.put(manifest)
			}
			s.put(tlsIngress("web", byCA, "tls"))
			s.put(tlsIngress("other", "cert-manager.io/cluster-issuer: vault", "other"))
			s.settle()
			if diff := cmp.Diff(row.want, namesOf(row.change(s))); diff != "" {
				t.Error("(-want +got)", diff)
			}
		})
	}
}

func shopIssuer(name string) resolver.IssuerKey {
	return resolver.IssuerKey{GroupKind: issuerKind, Namespace: "shop", Name: name}
}

// Readiness is told where something is written, and only while there is none is it waited for.
func TestAReadinessFlipWakesOnlyThoseThatWait(t *testing.T) {
	s := newShop(t, Options{})
	s.put(issuerCA("True"))
	for n := range 100 {
		s.put(tlsIngress(fmt.Sprint("done-", n), byCA, fmt.Sprint("s", n)))
	}
	s.settle()
	s.put(tlsIngress("web", byCA, "tls"))
	for _, flip := range []struct {
		ready string
		want  []string
	}{
		{"False", []string{}}, {"True", []string{}}, {"False", []string{}},
	} {
		if diff := cmp.Diff(flip.want, namesOf(s.put(issuerCA(flip.ready)))); diff != "" {
			t.Errorf("%s, while nobody waits: (-want +got)\n%s", flip.ready, diff)
		}
	}
	outcome, _ := s.decide(ingressKey("web"))
	if got := outcome.Problems.All(); len(got) != 1 || got[0].Reason != problem.IssuerNotReady {
		t.Errorf("problems: %v", got)
	}
	if diff := cmp.Diff([]string{"web"}, namesOf(s.put(issuerCA("True")))); diff != "" {
		t.Error("(-want +got)", diff)
	}
	s.decide(ingressKey("web"))
	if diff := cmp.Diff([]string{}, namesOf(s.put(issuerCA("False")))); diff != "" {
		t.Error("it was ready when it was looked at: (-want +got)", diff)
	}
}

// What isn't ready is noted before a plugin is asked, so that no news of it is lost.
func TestNewsOfReadinessMissesNoDecisionInTheMaking(t *testing.T) {
	asked := &asking{says: resolver.NotReady}
	s := newShop(t, Options{Plugins: asked})
	s.put(tlsIngress("web", byCA, "tls"))
	look := s.Look(ingressKey("web"))
	defer look.Close()
	var wake Wake
	asked.during = func() { wake = s.PluginSays([]resolver.IssuerKey{shopIssuer("ca")}) }
	if ready, _, _ := look.Issuers().Readiness(shopIssuer("ca")); ready != resolver.NotReady {
		t.Errorf("it is %q", ready)
	}
	if diff := cmp.Diff([]string{"web"}, namesOf(wake)); diff != "" || !look.Stale() {
		t.Errorf("stale: %v, (-want +got) %s", look.Stale(), diff)
	}
}

// asking is a plugin for Issuers that calls during while it is asked.
type asking struct {
	says   resolver.Readiness
	during func()
}

func (a *asking) Find(key resolver.IssuerKey) (resolver.Finding, bool) {
	if a.during != nil {
		a.during()
	}
	finding := resolver.Finding{By: "plugin/corp", State: resolver.Fresh, Statement: resolver.Statement{Existence: resolver.Missing, Ready: a.says}}
	return finding, key.GroupKind == issuerKind
}

func TestAnIssuerIsMissingOnlyByProof(t *testing.T) {
	shipped, err := resolver.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	registry, err := resolver.NewRegistry(resolver.Defaults{}, shipped)
	if err != nil {
		t.Fatal(err)
	}
	withShipped := func(p *certshim.Policy) { p.Registry = registry }
	stepKind := resolver.GroupKind{Group: "certmanager.step.sm", Kind: "StepIssuer"}
	ca, cluster := shopIssuer("ca"), resolver.IssuerKey{GroupKind: clusterKind, Name: "ca"}
	step, elsewhere := resolver.IssuerKey{GroupKind: stepKind, Namespace: "shop", Name: "ca"}, resolver.IssuerKey{GroupKind: issuerKind, Namespace: "bank", Name: "ca"}
	unasked := map[schema.GroupVersion]error{{Group: stepKind.Group, Version: "v1beta1"}: errors.New("503")}
	certManager := &metav1.APIResourceList{GroupVersion: "cert-manager.io/v1", APIResources: []metav1.APIResource{
		{Name: "issuers", Kind: "Issuer", Namespaced: true}, {Name: "clusterissuers", Kind: "ClusterIssuer"},
	}}
	for name, row := range map[string]struct {
		options   Options
		change    func(*shop)
		key       resolver.IssuerKey
		existence resolver.Existence
		fault     resolver.Fault
	}{
		"nothing is known":                     {Options{}, func(s *shop) { s.Serve(Served{}, nil); s.Know(issuerKind, Unread) }, ca, resolver.MayExist, resolver.NoFault},
		"its kind isn't read yet":              {Options{}, func(s *shop) { s.Know(issuerKind, Unread) }, ca, resolver.MayExist, resolver.NoFault},
		"its kind can't be read":               {Options{}, func(s *shop) { s.Know(issuerKind, Unreadable) }, ca, resolver.MayExist, resolver.NoFault},
		"its kind isn't served":                {Options{}, func(*shop) {}, step, resolver.Missing, resolver.NotServed},
		"its group could not be asked":         {Options{}, func(s *shop) { s.Serve(readDiscovery(unasked, certManager), nil) }, step, resolver.MayExist, resolver.NoFault},
		"all are known":                        {Options{}, func(*shop) {}, ca, resolver.Missing, resolver.NoFault},
		"its namespace isn't watched":          {Options{Namespaces: []string{"shop"}}, func(*shop) {}, elsewhere, resolver.MayExist, resolver.NoFault},
		"its namespace is":                     {Options{Namespaces: []string{"shop"}}, func(*shop) {}, ca, resolver.Missing, resolver.NoFault},
		"it is in none":                        {Options{Namespaces: []string{"shop"}}, func(*shop) {}, cluster, resolver.Missing, resolver.NoFault},
		"it is there":                          {Options{}, func(s *shop) { s.put(issuerCA("True")) }, ca, resolver.Exists, resolver.NoFault},
		"it is there, and not all are known":   {Options{}, func(s *shop) { s.put(issuerCA("True")); s.Know(issuerKind, Unreadable) }, ca, resolver.Exists, resolver.NoFault},
		"it is gone":                           {Options{}, func(s *shop) { s.put(issuerCA("True")); s.drop(issuerCA("True")) }, ca, resolver.Missing, resolver.NoFault},
		"it is there, and its kind is unknown": {Options{}, func(s *shop) { s.put(issuerCA("True")); s.Serve(Served{}, nil) }, ca, resolver.Exists, resolver.NoFault},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, row.options, withShipped)
			row.change(s)
			if got := s.find(row.key); got.Existence != row.existence || got.Fault != row.fault {
				t.Errorf("%q, %q; want %q, %q", got.Existence, got.Fault, row.existence, row.fault)
			}
		})
	}
	s := newShop(t, Options{}, withShipped)
	s.put(issuerCA("True"))
	if got := s.find(ca); got.Ready != resolver.Ready || got.Reason != "Because" || got.By != "catalogue/cert-manager" {
		t.Errorf("of one that is there: %+v", got)
	}
	if got := s.near("cas"); got != "ca" {
		t.Errorf("nearest to cas is %q", got)
	}
}

func (s *shop) near(name string) string {
	look := s.Look(ingressKey("web"))
	defer look.Close()
	return look.Issuers().Near(issuerKind, "shop", name, false)
}

func TestAPluginSpeaksAloneButForExistence(t *testing.T) {
	s := newShop(t, Options{Plugins: &asking{says: resolver.NotReady}})
	if got := s.find(shopIssuer("ca")); got.By != "plugin/corp" || got.Existence != resolver.Missing {
		t.Errorf("none is there: %+v", got)
	}
	s.put(issuerCA("True"))
	if got := s.find(shopIssuer("ca")); got.By != "plugin/corp" || got.Ready != resolver.NotReady || got.Existence != resolver.Exists {
		t.Errorf("one that is there and ready: %+v", got)
	}
	if got := s.find(resolver.IssuerKey{GroupKind: clusterKind, Name: "ca"}); got.By != "catalogue/cert-manager" {
		t.Errorf("of another kind: %+v", got)
	}
}

// What can be known of the issuers of a kind that nobody declares is told as of any other: that
// there is none, which one may be meant, and that it isn't ready.
func TestIssuersOfAKindThatNobodyDeclares(t *testing.T) {
	const byStrange = "cert-manager.io/issuer: corp, cert-manager.io/issuer-kind: CorpIssuer, cert-manager.io/issuer-group: pki.corp.example"
	strangeIssuer := func(name string) string {
		return "{kind: CorpIssuer, metadata: {name: " + name + ", generation: 1}, " +
			"status: {conditions: [{type: Ready, status: 'False', observedGeneration: 1}]}}"
	}
	needs := 0
	s := newShop(t, Options{OnNeed: func() { needs++ }})
	s.Know(strangeKind, Unread)
	k := ingressKey("web")
	s.put(tlsIngress("web", byStrange, "tls"))
	if outcome, _ := s.decide(k); !outcome.Problems.Empty() || needs != 1 || !s.Needs().IssuerKinds[strangeKind] || !s.Needs().Undeclared[strangeKind]["shop"] {
		t.Errorf("while nothing is known of it: %v; %d times needed, %v", outcome.Problems.All(), needs, s.Needs())
	}
	if s.decide(k); needs != 1 {
		t.Error("what is needed is said twice")
	}
	object := s.read(strangeIssuer("corq"))
	object.SetNamespace("")
	put(t, s.intake(object), object)
	if diff := cmp.Diff([]string{"web"}, namesOf(s.Know(strangeKind, Whole))); diff != "" {
		t.Error("once all are known: (-want +got)", diff)
	}
	outcome, _ := s.decide(k)
	if got := outcome.Problems.All(); len(got) != 1 || got[0].Reason != problem.IssuerNotFound ||
		!strings.Contains(got[0].Error(), "there is no CorpIssuer corp of group pki.corp.example") || !strings.Contains(got[0].Error(), "cert-manager.io/issuer: corq") {
		t.Errorf("problems: %v", got)
	}
	object = s.read(strangeIssuer("corp"))
	object.SetNamespace("")
	if diff := cmp.Diff([]string{"web"}, namesOf(put(t, s.intake(object), object))); diff != "" {
		t.Error("once it is there: (-want +got)", diff)
	}
	if got := s.find(resolver.IssuerKey{GroupKind: strangeKind, Name: "corp"}); got.Existence != resolver.Exists || got.Ready != resolver.NotReady || got.By != "generic" {
		t.Errorf("known of it is %+v", got)
	}
	s.drop(tlsIngress("web", byStrange, "tls"))
	if s.Needs().IssuerKinds[strangeKind] {
		t.Error("it is needed by nobody")
	}
}

// Whether a kind has the issuer isn't known at once; a Certificate that has another one doesn't
// move to it before.
func TestACertificateDoesNotMoveToAKindThatIsNotReadYet(t *testing.T) {
	s := newShop(t, Options{})
	k := ingressKey("web")
	s.put(issuerCA("True"))
	s.put(tlsIngress("web", byCA, "tls"))
	s.show(s.write(k))
	s.Know(clusterKind, Unread)
	s.put(tlsIngress("web", "cert-manager.io/cluster-issuer: vault", "tls"))
	blind := func() bool {
		look := s.Look(k)
		defer look.Close()
		outcome := decide(look)
		look.Keep(outcome, look.claim)
		return look.MovesBlindly(outcome.Certificates[0])
	}
	if !blind() {
		t.Error("before its kind is read, it moves")
	}
	if diff := cmp.Diff([]string{"web"}, namesOf(s.Know(clusterKind, Unreadable))); diff != "" {
		t.Error("once it can't be read: (-want +got)", diff)
	}
	if blind() {
		t.Error("where its kind can't be read, it never moves")
	}
	s.Know(clusterKind, Unread)
	s.put(tlsIngress("web", byCA+", cert-manager.io/duration: 24h", "tls"))
	if blind() {
		t.Error("a Certificate that keeps its issuer doesn't move")
	}
	s.put(tlsIngress("web", "cert-manager.io/cluster-issuer: vault", "new"))
	outcome, _ := s.decide(k)
	look := s.Look(k)
	defer look.Close()
	if d := outcome.Certificates[0]; d.Action != certificate.Create || look.MovesBlindly(d) {
		t.Errorf("a new Certificate doesn't move: %+v", d)
	}
}

func TestAPluginSeesItsIssuersAndHearsOfTheirChanges(t *testing.T) {
	s := newShop(t, Options{})
	var told []resolver.IssuerKey
	intake := s.issuersOf(issuerKind, resolver.ObserveStatus, func(key resolver.IssuerKey) { told = append(told, key) })
	ca := shopIssuer("ca")
	put(t, intake, s.read(issuerCA("True")))
	put(t, intake, s.read(issuerCA("True")))
	seen := string(s.Observed(ca))
	if !strings.Contains(seen, `"status":"True"`) || !strings.Contains(seen, `"name":"ca"`) || strings.Contains(seen, "secretName") {
		t.Errorf("it sees %s", seen)
	}
	if diff := cmp.Diff([]resolver.IssuerKey{ca}, told); diff != "" {
		t.Error("it hears of: (-want +got)", diff)
	}
	large := s.read(issuerCA("True"))
	large.Object["status"] = map[string]any{"x": strings.Repeat("a", resolver.MaxObserved)}
	if put(t, intake, large); s.Observed(ca) != nil || len(told) != 2 {
		t.Errorf("of one that is too large it sees %d bytes", len(s.Observed(ca)))
	}
	put(t, intake, s.read(issuerCA("True")))
	if drop(t, intake, s.read(issuerCA("True"))); s.Observed(ca) != nil || len(told) != 4 {
		t.Errorf("of one that is gone it sees %s, and hears %d times of it", s.Observed(ca), len(told))
	}
	s.put("{kind: ClusterIssuer, metadata: {name: ca}}")
	if seen := s.Observed(resolver.IssuerKey{GroupKind: clusterKind, Name: "ca"}); seen != nil {
		t.Errorf("of a kind that it doesn't speak for it sees %s", seen)
	}
}

func TestWhatAPluginSeesOfAnObject(t *testing.T) {
	object := map[string]any{
		"metadata": map[string]any{"name": "ca", "managedFields": []any{"x"}}, "spec": map[string]any{"url": "u"}, "status": map[string]any{"s": 1},
	}
	for how, want := range map[resolver.Observe]string{
		resolver.ObserveFull:   `{"metadata":{"name":"ca"},"spec":{"url":"u"},"status":{"s":1}}`,
		resolver.ObserveStatus: `{"metadata":{"name":"ca"},"status":{"s":1}}`,
		resolver.ObserveNone:   "",
	} {
		if got := visible(object, how); got != want {
			t.Errorf("%v: %s", how, got)
		}
	}
}

func TestIssuersAreCounted(t *testing.T) {
	s := newShop(t, Options{})
	s.issuersOf(issuerKind, resolver.ObserveNone, nil)
	for n, ready := range []string{"True", "True", "False", "Unknown"} {
		s.put(strings.Replace(issuerCA(ready), "name: ca", fmt.Sprint("name: ca-", n), 1))
	}
	s.put("{kind: ClusterIssuer, metadata: {name: ca}}")
	s.Know(clusterKind, Unreadable)
	want := map[KindAndReadiness]int{{issuerKind, resolver.Ready}: 2, {issuerKind, resolver.NotReady}: 1, {issuerKind, resolver.ReadyUnknown}: 1}
	if diff := cmp.Diff(want, s.CountIssuers()); diff != "" {
		t.Error("(-want +got)", diff)
	}
}

// oneIssuer is what a decision sees where there is one issuer, a ready one.
func oneIssuer(t testing.TB) (resolver.Issuers, resolver.IssuerKey) {
	t.Helper()
	s := newShop(t, Options{})
	s.put(issuerCA("True"))
	s.put(tlsIngress("web", byCA, "tls"))
	look := s.Look(ingressKey("web"))
	t.Cleanup(look.Close)
	return look.Issuers(), shopIssuer("ca")
}

func TestFindingAnIssuerAllocatesNothing(t *testing.T) {
	issuers, key := oneIssuer(t)
	issuers.Find(key)
	if n := testing.AllocsPerRun(100, func() { issuers.Find(key); issuers.Readiness(key) }); n != 0 {
		t.Errorf("it allocates %v times", n)
	}
}

func BenchmarkFindAnIssuer(b *testing.B) {
	issuers, key := oneIssuer(b)
	b.ReportAllocs()
	for b.Loop() {
		if finding, _ := issuers.Find(key); finding.Existence != resolver.Exists {
			b.Fatal("it isn't there")
		}
	}
}

// A field that the CRD gains is written by whoever left it out, at once.
func TestFieldsThatAppearWakeWhoeverMissedThem(t *testing.T) {
	old := Fields{"spec": true, "spec.secretName": true, "spec.dnsNames": true, "spec.usages": true,
		"spec.issuerRef": true, "spec.issuerRef.name": true, "spec.issuerRef.kind": true, "spec.issuerRef.group": true,
	}
	s := newShop(t, Options{})
	s.Serve(servedKinds(true, true), old)
	s.put(issuerCA("True"))
	s.put(tlsIngress("web", byCA+", cert-manager.io/duration: 24h", "tls"))
	s.put(tlsIngress("plain", byCA, "plain"))
	s.settle()
	notServed := func() bool {
		outcome, _ := s.decide(ingressKey("web"))
		for _, p := range outcome.Problems.All() {
			if p.Reason == problem.FieldNotServed {
				return true
			}
		}
		return false
	}
	if !notServed() {
		t.Fatal("a field that isn't served is told to nobody")
	}
	grown := Fields{"spec.duration": true}
	for field := range old {
		grown[field] = true
	}
	if diff := cmp.Diff([]string{"web"}, namesOf(s.Serve(servedKinds(true, true), grown))); diff != "" {
		t.Error("(-want +got)", diff)
	}
	if notServed() {
		t.Error("the field is still left out")
	}
	if diff := cmp.Diff([]string{"web"}, namesOf(s.Serve(servedKinds(true, true), old))); diff != "" {
		t.Error("when it goes: (-want +got)", diff)
	}
}
