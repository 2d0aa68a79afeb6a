package reports

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cluster"
	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/ownership"
	sources "github.com/certshim/certshim/source"
)

// scene is a Keeper, and the cluster in memory that it works on.
type scene struct {
	*Keeper
	t *testing.T
	// requests are those since they were looked at last.
	requests []string
	objects  map[string]map[string]any
	err      error
	// writerErr and deleteErr are what else may fail.
	writerErr, deleteErr error
	log                  strings.Builder
	served               inventory.Served
	fields               map[string]*inventory.NamespaceFields
	busy                 bool
	// others are namespaces that another instance serves.
	others []string
	read   []inventory.Key
	now    time.Time
	// next is when the next look is to be.
	next time.Duration
}

func newScene(t *testing.T, setting configuration.Reports, kinds ...kind) *scene {
	t.Helper()
	s := &scene{t: t, objects: map[string]map[string]any{}, served: serves(kinds...), fields: map[string]*inventory.NamespaceFields{}, now: time.Unix(1e9, 0)}
	s.Keeper = New(Options{
		Setting: setting, Cluster: s, Serves: func(namespace string) bool { return !slices.Contains(s.others, namespace) }, Served: func() inventory.Served { return s.served },
		Fields: func() map[string]*inventory.NamespaceFields {
			all := map[string]*inventory.NamespaceFields{}
			for namespace, in := range s.fields {
				all[namespace] = &inventory.NamespaceFields{Totals: in.Totals, Failing: slices.Clone(in.Failing)}
			}
			return all
		},
		Idle: func() bool { return !s.busy }, Read: func(keys ...inventory.Key) { s.read = append(s.read, keys...) },
		Log: slog.New(slog.NewTextHandler(&s.log, nil)),
	})
	s.limit = rate.NewLimiter(rate.Inf, 0)
	return s
}

func serves(kinds ...kind) inventory.Served {
	lists := []*metav1.APIResourceList{{GroupVersion: "v1", APIResources: []metav1.APIResource{{Name: "namespaces", Kind: "Namespace", Verbs: []string{"watch"}}}}}
	for _, k := range kinds {
		lists = append(lists, &metav1.APIResourceList{
			GroupVersion: k.apiVersion(), APIResources: []metav1.APIResource{{Name: k.resource.Resource, Kind: k.name, Namespaced: true, Verbs: []string{"watch"}}},
		})
	}
	return inventory.ReadDiscovery(lists, nil, nil)
}

func (s *scene) NamespacesWith(_ context.Context, resource schema.GroupVersionResource, name string, _ []string) ([]string, error) {
	s.requests = append(s.requests, "list "+resource.Resource+" "+name)
	return slices.Sorted(maps.Keys(s.objects)), s.err
}

func (s *scene) WriterOf(schema.GroupVersionResource) (cluster.Writer, error) {
	return objectsOf{s}, s.writerErr
}

// objectsOf writes to the cluster of a scene.
type objectsOf struct{ *scene }

func (s objectsOf) Get(_ context.Context, name types.NamespacedName) (map[string]any, error) {
	s.requests = append(s.requests, "get "+name.String())
	if s.objects[name.Namespace] == nil && s.err == nil {
		return nil, apierrors.NewNotFound(schema.GroupResource{}, name.Name)
	}
	return s.objects[name.Namespace], s.err
}

func (s objectsOf) Apply(_ context.Context, name types.NamespacedName, config map[string]any, guard certificate.Guard, force bool) (string, error) {
	what := "apply "
	if force {
		what = "force uid=" + guard.UID + " version=" + guard.ResourceVersion + " "
	} else if guard != cluster.CreateOnly() {
		s.t.Errorf("an apply that isn't forced has the guard %v", guard)
	}
	s.requests = append(s.requests, what+name.String())
	object := runtime.DeepCopyJSON(config)
	maps.Copy(object["metadata"].(map[string]any), map[string]any{"uid": "u1", "resourceVersion": "7"})
	s.objects[name.Namespace] = object
	return "7", nil
}

func (s objectsOf) Patch(context.Context, types.NamespacedName, []byte) (string, error) {
	return "", errors.New("nothing is patched")
}

func (s objectsOf) Delete(_ context.Context, name types.NamespacedName, guard certificate.Guard) error {
	s.requests = append(s.requests, "delete uid="+guard.UID+" version="+guard.ResourceVersion+" "+name.String())
	if s.deleteErr == nil {
		delete(s.objects, name.Namespace)
	}
	return s.deleteErr
}

// after looks once more after a while, and wants these requests.
func (s *scene) after(what string, wait time.Duration, want ...string) {
	s.t.Helper()
	s.now, s.requests, s.read = s.now.Add(wait), nil, nil
	s.next = s.look(s.t.Context(), s.now)
	if diff := cmp.Diff(want, s.requests); diff != "" {
		s.t.Errorf("%s: (-want +got)\n%s", what, diff)
	}
}

func keyOf(namespace, name string) inventory.Key {
	return inventory.NewKey(sources.GroupKind{Group: "networking.k8s.io", Kind: "Ingress"}, namespace, name)
}

// failing is a Certificate with one field of somebody else's.
func failing(name, version string) inventory.CountedCertificate {
	return inventory.CountedCertificate{
		Source: keyOf("shop", "of-"+name), Name: name, Version: version, Counts: inventory.FieldCounts{Standing: certificate.Standing{Ours: 5, Foreign: 1}},
	}
}

// finds delivers what a worker finds out about a Certificate.
func (s *scene) finds(c inventory.CountedCertificate, verdict ownership.Verdict) {
	counts := c.Counts
	if verdict == ownership.Drifted {
		counts.Foreign, counts.Drifted = 0, 1
	}
	s.Found(c.Source, types.NamespacedName{Namespace: c.Source.Namespace(), Name: c.Name}, c.Version, counts, ownership.Report{
		Name: c.Name, UID: "uid-of-" + c.Name, Fields: []ownership.Field{{Path: ".spec.duration", Verdict: verdict}},
	})
}

// results are what the report of the namespace shop lists: rules and Certificates.
func (s *scene) results() (all []string) {
	results, _ := s.objects["shop"]["results"].([]any)
	for _, item := range results {
		r := item.(map[string]any)
		line := r["rule"].(string)
		if about, is := r["resources"].([]any); is {
			line += " " + about[0].(map[string]any)["name"].(string)
		}
		all = append(all, line)
	}
	return all
}

// The reports of namespaces that another instance serves are its own, those too in which there is nothing any more.
func TestReportsOfOtherInstancesAreLeftAlone(t *testing.T) {
	s := newScene(t, configuration.AutoReports, openReport)
	s.objects["gone"] = map[string]any{}
	s.others = []string{"shop", "gone"}
	s.fields["shop"] = &inventory.NamespaceFields{Totals: inventory.FieldTotals{Ours: 9, Shared: 1}}
	s.after("of another instance", 0, "list reports certshim")
	s.after("later", time.Hour)
}

// A report is written once what it needs was read, then at most every ten minutes, and never at rest.
func TestReportsAreKept(t *testing.T) {
	s := newScene(t, configuration.AutoReports, policyReport, openReport)
	s.busy = true
	s.fields["shop"] = &inventory.NamespaceFields{Totals: inventory.FieldTotals{Ours: 5, Foreign: 1}, Failing: []inventory.CountedCertificate{failing("a", "1")}}
	s.fields["calm"] = &inventory.NamespaceFields{Totals: inventory.FieldTotals{Ours: 9, Shared: 1}}
	s.after("while sources wait to be decided", 0)
	if s.next != soon {
		t.Errorf("the next look is after %s", s.next)
	}
	s.busy = false
	s.after("at first", 0, "list reports certshim", "get calm/certshim", "apply calm/certshim")
	if s.next != soon {
		t.Errorf("while Certificates are read the next look is after %s", s.next)
	}
	if want := []inventory.Key{keyOf("shop", "of-a")}; !slices.Equal(s.read, want) {
		t.Errorf("to be read: %v, want %v", s.read, want)
	}
	if got := s.Wanted(keyOf("shop", "of-a")); !slices.Equal(got, []types.NamespacedName{{Namespace: "shop", Name: "a"}}) {
		t.Errorf("wanted: %v", got)
	}
	s.finds(failing("a", "1"), ownership.Drifted)
	if got := s.Wanted(keyOf("shop", "of-a")); len(got) != 0 {
		t.Errorf("still wanted: %v", got)
	}
	s.after("once it was read", time.Minute, "get shop/certshim", "apply shop/certshim")
	if got := s.results(); !slices.Equal(got, []string{"drifted a"}) {
		t.Errorf("results %v", got)
	}
	s.after("at rest", time.Hour)
	if len(s.read) > 0 || s.next != every {
		t.Errorf("at rest %v is read, and the next look is after %s", s.read, s.next)
	}

	s.fields["shop"].Failing = append(s.fields["shop"].Failing, failing("b", "1"))
	s.fields["shop"].Totals = inventory.FieldTotals{Ours: 10, Foreign: 2}
	s.after("another one", 0)
	s.finds(failing("b", "1"), ownership.Foreign)
	s.after("once that was read", time.Minute, "get shop/certshim", "force uid=u1 version=7 shop/certshim")
	s.fields["shop"].Totals.Ours++
	s.after("a change soon after", 9*time.Minute)
	s.after("ten minutes later", time.Minute, "get shop/certshim", "force uid=u1 version=7 shop/certshim")

	s.fields["shop"].Failing[0].Counts = inventory.FieldCounts{Standing: certificate.Standing{Ours: 5}, Drifted: 1}
	s.after("counts as they came out", time.Hour)
	if len(s.read) > 0 {
		t.Errorf("with counts as they came out %v is read", s.read)
	}
	s.fields["shop"].Failing[0] = failing("a", "2")
	s.after("another version", time.Hour)
	if want := []inventory.Key{keyOf("shop", "of-a")}; !slices.Equal(s.read, want) {
		t.Errorf("to be read: %v, want %v", s.read, want)
	}
	s.finds(failing("a", "2"), ownership.Drifted)
	s.after("which says the same", time.Minute)

	delete(s.fields, "shop")
	s.after("no Certificate any more", time.Minute, "get shop/certshim", "delete uid=u1 version=7 shop/certshim")
	s.after("afterwards", time.Hour)
	if s.objects["shop"] != nil || len(s.found) > 0 {
		t.Errorf("left are %v and %v", s.objects["shop"], s.found)
	}
}

// A restart writes nothing where reports are as they should be, and removes those that nobody needs.
func TestARestartWritesNothing(t *testing.T) {
	s := newScene(t, configuration.OpenReports, openReport)
	s.fields["calm"] = &inventory.NamespaceFields{Totals: inventory.FieldTotals{Ours: 9}}
	s.fields["gone"] = &inventory.NamespaceFields{Totals: inventory.FieldTotals{Ours: 1}}
	s.after("at first", 0, "list reports certshim", "get calm/certshim", "apply calm/certshim", "get gone/certshim", "apply gone/certshim")
	again := newScene(t, configuration.OpenReports, openReport)
	again.objects, again.fields["calm"] = s.objects, s.fields["calm"]
	again.after("after a restart", 0, "list reports certshim", "get calm/certshim", "get gone/certshim", "delete uid=u1 version=7 gone/certshim")
	again.after("at rest", time.Hour)
}

// What others made under our name is left alone, which is told once.
func TestReportsOfOthersAreLeftAlone(t *testing.T) {
	s := newScene(t, configuration.AutoReports, policyReport)
	others := map[string]any{"metadata": map[string]any{"labels": map[string]any{managedBy: "somebody"}}}
	s.objects = map[string]map[string]any{"shop": others, "unused": others}
	s.fields["shop"] = &inventory.NamespaceFields{Totals: inventory.FieldTotals{Ours: 9}}
	s.after("at first", 0, "list policyreports certshim", "get shop/certshim", "get unused/certshim")
	s.after("soon", time.Minute)
	s.after("later", time.Hour, "get shop/certshim")
	if n := strings.Count(s.log.String(), "left alone"); n != 1 {
		t.Errorf("told %d times: %s", n, s.log.String())
	}
}

// Where a Certificate can't be read the report doesn't wait forever.
func TestReportsDontWaitForever(t *testing.T) {
	s := newScene(t, configuration.AutoReports, policyReport)
	s.fields["shop"] = &inventory.NamespaceFields{Totals: inventory.FieldTotals{Foreign: 1}, Failing: []inventory.CountedCertificate{failing("a", "1")}}
	s.after("at first", 0, "list policyreports certshim")
	for range patience - 1 {
		s.after("while it waits", time.Minute)
	}
	s.after("without it", time.Minute, "get shop/certshim", "apply shop/certshim")
	if got := s.results(); !slices.Equal(got, []string{"unlisted"}) {
		t.Errorf("results %v", got)
	}
	if len(s.read) == 0 {
		t.Error("it isn't asked for any more")
	}
	s.fields["shop"].Totals.Ours++
	for range patience {
		s.after("while it waits again", time.Minute)
	}
	s.after("without it again", time.Minute, "get shop/certshim", "force uid=u1 version=7 shop/certshim")
}

// withReport is a scene in which namespace shop has a report, of a Certificate that fails.
func withReport(t *testing.T) *scene {
	t.Helper()
	s := newScene(t, configuration.AutoReports, policyReport)
	s.fields["shop"] = &inventory.NamespaceFields{Totals: inventory.FieldTotals{Foreign: 1}, Failing: []inventory.CountedCertificate{failing("a", "1")}}
	s.after("at first", 0, "list policyreports certshim")
	s.finds(failing("a", "1"), ownership.Drifted)
	s.after("once it was read", time.Minute, "get shop/certshim", "apply shop/certshim")
	return s
}

// A report that has waited, and then didn't have to be written, waits as long the next time.
func TestPatienceBeginsAnew(t *testing.T) {
	s := withReport(t)
	s.fields["shop"].Failing[0] = failing("a", "2")
	for range patience {
		s.after("while it is read", time.Hour)
	}
	s.finds(failing("a", "2"), ownership.Drifted)
	s.after("which says the same", time.Hour)
	s.fields["shop"].Failing[0] = failing("a", "3")
	s.fields["shop"].Totals.Ours++
	for range patience {
		s.after("while it is read again", time.Hour)
	}
	s.finds(failing("a", "3"), ownership.Drifted)
	s.after("once it was", time.Hour, "get shop/certshim", "force uid=u1 version=7 shop/certshim")
}

// What a report lists counts, whatever it sums up to.
func TestAnotherCertificateIsAnotherReport(t *testing.T) {
	s := withReport(t)
	s.fields["shop"].Failing[0] = failing("b", "1")
	s.after("another one fails in its place", time.Hour)
	s.finds(failing("b", "1"), ownership.Drifted)
	s.after("once that was read", time.Minute, "get shop/certshim", "force uid=u1 version=7 shop/certshim")
	if got := s.results(); !slices.Equal(got, []string{"drifted b"}) {
		t.Errorf("results %v", got)
	}
}

// What no report lists isn't read for it.
func TestOnlyWhatIsListedIsRead(t *testing.T) {
	s := newScene(t, configuration.AutoReports, policyReport)
	large := failing("large", "1")
	large.Counts.Foreign, large.Counts.Drifted = 0, maxResults
	s.fields["shop"] = &inventory.NamespaceFields{Failing: []inventory.CountedCertificate{failing("a", "1"), large}}
	s.after("at first", 0, "list policyreports certshim")
	if want := []inventory.Key{keyOf("shop", "of-large")}; !slices.Equal(s.read, want) {
		t.Errorf("read are %v", s.read)
	}
}

// Not more is read at once than a bound, and those who wait for their turn don't get a report without it.
func TestReadingIsPaced(t *testing.T) {
	s := newScene(t, configuration.AutoReports, policyReport)
	s.fields["other"] = &inventory.NamespaceFields{}
	for i := range maxWanted {
		c := failing(strings.Repeat("a", i+1), "1")
		s.fields["other"].Failing = append(s.fields["other"].Failing, c)
	}
	s.fields["shop"] = &inventory.NamespaceFields{Totals: inventory.FieldTotals{Foreign: 1}, Failing: []inventory.CountedCertificate{failing("a", "1")}}
	s.after("at first", 0, "list policyreports certshim")
	if got := len(s.read); got != maxWanted {
		t.Errorf("%d are read at once", got)
	}
	for range patience {
		s.after("while others are read", time.Minute)
		s.reports["other"].waited = 0
	}
	if s.objects["shop"] != nil {
		t.Errorf("results %v", s.results())
	}
}

// Which kind is written follows the setting and what is served; that there is none is told once.
func TestTheKindFollowsWhatIsServed(t *testing.T) {
	if New(Options{Setting: configuration.NoReports}) != nil {
		t.Error("there is a Keeper with reports off")
	}
	off := (*Keeper)(nil)
	off.Run(t.Context())
	off.Found(keyOf("shop", "web"), types.NamespacedName{}, "", inventory.FieldCounts{}, ownership.Report{})
	if off.Wanted(keyOf("shop", "web")) != nil {
		t.Error("with reports off something is wanted")
	}

	s := newScene(t, configuration.AutoReports)
	s.after("nothing is served", 0)
	s.after("nothing is served", time.Minute)
	if n := strings.Count(s.log.String(), "reports.v1alpha1.openreports.io policyreports.v1alpha2.wgpolicyk8s.io"); n != 1 {
		t.Errorf("told %d times: %s", n, s.log.String())
	}
	s.served = serves(policyReport)
	s.after("the second kind is served", time.Minute, "list policyreports certshim")
	s.served = serves(policyReport, openReport)
	s.after("the first kind is served", time.Minute, "list reports certshim")
	s.served = inventory.ReadDiscovery([]*metav1.APIResourceList{{
		GroupVersion: policyReport.apiVersion(), APIResources: []metav1.APIResource{{Name: "policyreports", Verbs: []string{"watch"}}},
	}}, map[schema.GroupVersion]error{openReport.resource.GroupVersion(): errors.New("unreachable")}, nil)
	s.after("the first kind can't be asked for", time.Minute)
	s.served = serves(policyReport, openReport)
	s.after("it can again", time.Minute)
	s.served = serves()
	s.after("neither is served any more", time.Minute)
	if n := strings.Count(s.log.String(), "serves no kind"); n != 2 {
		t.Errorf("told %d times: %s", n, s.log.String())
	}

	s.served = serves(openReport)
	s.after("one is served again", time.Minute, "list reports certshim")

	broken := newScene(t, configuration.AutoReports, openReport)
	broken.writerErr = errors.New("no line")
	broken.after("there is no line to it", 0)
	if !strings.Contains(broken.log.String(), "no line") {
		t.Errorf("it isn't told: %s", broken.log.String())
	}
	broken.writerErr = nil
	broken.after("there is one", time.Minute, "list reports certshim")

	only := newScene(t, configuration.PolicyReports, openReport)
	only.after("only the other kind is served", 0)
}

// What fails for one would fail for all is tried once in a look, and told once until all goes well.
func TestFailuresAreToldOnce(t *testing.T) {
	s := newScene(t, configuration.AutoReports, openReport)
	s.fields["a"] = &inventory.NamespaceFields{Totals: inventory.FieldTotals{Ours: 1}}
	s.fields["b"] = &inventory.NamespaceFields{Totals: inventory.FieldTotals{Ours: 1}}
	s.err = errors.New("connection refused")
	s.after("the list fails", 0, "list reports certshim")
	if n := strings.Count(s.log.String(), "connection refused"); n != 1 {
		t.Errorf("told %d times: %s", n, s.log.String())
	}
	s.err = nil
	s.reports = map[string]*report{}
	s.err = errors.New("connection refused")
	s.after("a write fails", time.Minute, "get a/certshim")
	s.after("again", time.Minute, "get a/certshim")
	if n := strings.Count(s.log.String(), "connection refused"); n != 1 {
		t.Errorf("told %d times: %s", n, s.log.String())
	}
	s.err = nil
	s.after("it is over", time.Minute, "get a/certshim", "apply a/certshim", "get b/certshim", "apply b/certshim")
	s.reports["c"], s.err = &report{}, errors.New("connection refused")
	s.after("it fails later", time.Minute, "get c/certshim")
	if n := strings.Count(s.log.String(), "connection refused"); n != 2 {
		t.Errorf("told %d times: %s", n, s.log.String())
	}
}

// An answer about one report says by what it means whether the others are tried, and whether it is told.
func TestWhatAnAnswerMeans(t *testing.T) {
	reports := schema.GroupResource{Group: openReport.resource.Group, Resource: openReport.resource.Resource}
	terminating := apierrors.NewForbidden(reports, reportName, errors.New("unable to create new content in namespace a because it is being terminated"))
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	conflict := apierrors.NewApplyConflict([]metav1.StatusCause{{Type: metav1.CauseTypeFieldManagerConflict, Field: ".summary"}}, "conflict")
	noHook := apierrors.NewInternalError(errors.New(`failed calling webhook "x.example.com": connection refused`))
	for name, row := range map[string]struct {
		err        error
		ends, told bool
	}{
		"conflict":      {conflict, false, false},
		"outdated":      {apierrors.NewConflict(reports, reportName, errors.New("the object has been modified; please apply your changes to the latest version and try again")), false, false},
		"terminating":   {terminating, false, false},
		"refused":       {apierrors.NewBadRequest("no"), false, true},
		"no permission": {apierrors.NewForbidden(reports, reportName, errors.New(`User "x" cannot get resource "reports" in API group "openreports.io" in the namespace "a"`)), true, true},
		"no line":       {errors.New("connection refused"), true, true},
		"no webhook":    {noHook, true, true},
		"not the Lease": {cluster.ErrLeaseOver, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, configuration.AutoReports, openReport)
			s.fields["a"] = &inventory.NamespaceFields{Totals: inventory.FieldTotals{Ours: 1}}
			s.fields["b"] = &inventory.NamespaceFields{Totals: inventory.FieldTotals{Ours: 1}}
			s.after("the kind is found", 0, "list reports certshim", "get a/certshim", "apply a/certshim", "get b/certshim", "apply b/certshim")
			s.log.Reset()
			s.fields["a"].Totals.Ours++
			s.fields["b"].Totals.Ours++
			s.err = row.err
			want := []string{"get a/certshim", "get b/certshim"}
			if row.ends {
				want = want[:1]
			}
			s.after("it fails", time.Hour, want...)
			if told := strings.Contains(s.log.String(), "can't be kept"); told != row.told {
				t.Errorf("told: %t: %s", told, s.log.String())
			}
		})
	}
}

// A report that can't be deleted is told once, as long as it is so, and not when the program stops.
func TestWhatCanNotBeDeletedIsToldOnce(t *testing.T) {
	s := newScene(t, configuration.AutoReports, openReport)
	s.fields["gone"] = &inventory.NamespaceFields{Totals: inventory.FieldTotals{Ours: 1}}
	s.after("at first", 0, "list reports certshim", "get gone/certshim", "apply gone/certshim")
	delete(s.fields, "gone")
	s.deleteErr = apierrors.NewBadRequest("not now")
	for range 2 {
		s.after("it can't be deleted", time.Minute, "get gone/certshim", "delete uid=u1 version=7 gone/certshim")
	}
	if n := strings.Count(s.log.String(), "not now"); n != 1 {
		t.Errorf("told %d times: %s", n, s.log.String())
	}
	s.log.Reset()
	s.deleteErr = nil
	stopped, stop := context.WithCancel(t.Context())
	stop()
	s.failed = map[cluster.Answer]bool{}
	s.look(stopped, s.now.Add(time.Hour))
	if s.log.Len() > 0 {
		t.Errorf("it is told that it stops: %s", s.log.String())
	}
}
