package controller

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func newTestReporter(t *testing.T) *reporter {
	t.Helper()
	m := newMetrics(prometheus.NewRegistry(), "test", func() float64 { return 0 })
	return newReporter(newRecorder(nil, m, slog.New(slog.DiscardHandler)), m)
}

// sent takes the warnings that were queued, as the names of their Events.
func sent(r *recorder) []string {
	var found []string
	for len(r.warnings) > 0 {
		found = append(found, (<-r.warnings).Name)
	}
	return found
}

func bad(message string) problem.Problem {
	return problem.Problem{Severity: problem.Error, Reason: problem.BadConfig, Message: message}
}

func TestAProblemIsToldOnceUntilItReturns(t *testing.T) {
	reporter, k, ref := newTestReporter(t), at("shop", "web"), source.Ref{Namespace: "shop", Name: "web", UID: "u"}
	report := func(now time.Time, problems ...problem.Problem) []string {
		reporter.report(k, ref, problems, now)
		return sent(reporter.record)
	}
	first := report(noon, bad("a"))
	if len(first) != 1 {
		t.Fatalf("first: %v", first)
	}
	if again := report(noon, bad("a"), bad("b")); len(again) != 1 || again[0] == first[0] {
		t.Errorf("a second problem beside the first: %v", again)
	}
	report(noon)
	returned := report(noon.Add(time.Minute), bad("a"))
	if len(returned) != 1 || returned[0] == first[0] {
		t.Errorf("returned: %v, must have another name than %v", returned, first)
	}
	if got := testutil.ToFloat64(reporter.metrics.currentProblems.WithLabelValues("BadConfig", "error")); got != 1 {
		t.Errorf("current problems: %v", got)
	}
	reporter.forget(k)
	if got := testutil.ToFloat64(reporter.metrics.currentProblems.WithLabelValues("BadConfig", "error")); got != 0 {
		t.Errorf("current problems of nobody: %v", got)
	}
	if got := testutil.ToFloat64(reporter.metrics.problems.WithLabelValues("BadConfig", "error")); got != 3 {
		t.Errorf("problems: %v", got)
	}
}

// A process that knows nothing gives the first Event of a problem the same name, so that
// the API server refuses it.
func TestARestartTellsNothingTwice(t *testing.T) {
	ref := source.Ref{Namespace: "shop", Name: "web", UID: "u"}
	names := map[string]bool{}
	for i := range 2 {
		reporter := newTestReporter(t)
		reporter.report(at("shop", "web"), ref, []problem.Problem{bad("a")}, noon.Add(time.Duration(i)*time.Hour))
		for _, name := range sent(reporter.record) {
			names[name] = true
		}
	}
	if len(names) != 1 {
		t.Errorf("names: %v", names)
	}
}

func TestAtMostTenAreToldAtOnce(t *testing.T) {
	reporter := newTestReporter(t)
	var problems []problem.Problem
	for i := range 25 {
		problems = append(problems, bad(fmt.Sprint(i)))
	}
	reporter.report(at("shop", "web"), source.Ref{Name: "web"}, problems, noon)
	if got := len(sent(reporter.record)); got != maxReported {
		t.Errorf("reported %d", got)
	}
}

func TestAWarningThatFoundNoRoomIsToldLater(t *testing.T) {
	reporter := newTestReporter(t)
	reporter.record.warnings = make(chan event, 1)
	reporter.report(at("shop", "a"), source.Ref{Name: "a"}, []problem.Problem{bad("a")}, noon)
	reporter.report(at("shop", "b"), source.Ref{Name: "b"}, []problem.Problem{bad("b")}, noon)
	sent(reporter.record)
	reporter.report(at("shop", "b"), source.Ref{Name: "b"}, []problem.Problem{bad("b")}, noon)
	if got := sent(reporter.record); len(got) != 1 {
		t.Errorf("reported later: %v", got)
	}
	if got := testutil.ToFloat64(reporter.metrics.events.WithLabelValues(eventDropped)); got != 1 {
		t.Errorf("dropped: %v", got)
	}
}

// Information is in the metrics, and an Event, a Normal one, only where its reason says so.
func TestInformationIsToldWhereItsReasonSaysSo(t *testing.T) {
	reporter := newTestReporter(t)
	info := func(reason problem.Reason) problem.Problem {
		return problem.Problem{Severity: problem.Info, Reason: reason, Message: "m"}
	}
	reporter.report(at("shop", "web"), source.Ref{Name: "web"}, []problem.Problem{info(problem.BadConfig), info(problem.SecretShared)}, noon)
	for _, reason := range []string{"BadConfig", "SecretShared"} {
		if got := testutil.ToFloat64(reporter.metrics.currentProblems.WithLabelValues(reason, "info")); got != 1 {
			t.Errorf("%s: %v current problems", reason, got)
		}
	}
	if n := len(reporter.record.warnings); n != 1 {
		t.Fatalf("%d Events", n)
	}
	if e := <-reporter.record.warnings; e.Type != corev1.EventTypeNormal || e.Reason != "SecretShared" {
		t.Errorf("a %s Event %s", e.Type, e.Reason)
	}
}

func TestAnotherShimIsCounted(t *testing.T) {
	reporter, k := newTestReporter(t), at("shop", "web")
	other := problem.Problem{Severity: problem.Warning, Reason: problem.OtherShimActive, Message: "m"}
	reporter.report(k, source.Ref{}, []problem.Problem{other}, noon)
	if got := testutil.ToFloat64(reporter.metrics.otherShim); got != 1 {
		t.Errorf("other shims: %v", got)
	}
	reporter.report(k, source.Ref{}, nil, noon)
	if got := testutil.ToFloat64(reporter.metrics.otherShim); got != 0 {
		t.Errorf("other shims after it is off: %v", got)
	}
}

func TestTheMemoryOfProblemsIsBounded(t *testing.T) {
	reporter := newTestReporter(t)
	for i := range maxRemembered + 10 {
		reporter.report(at("shop", fmt.Sprint(i)), source.Ref{}, []problem.Problem{bad("a")}, noon)
		sent(reporter.record)
	}
	if len(reporter.sources) > maxRemembered {
		t.Errorf("remembers %d", len(reporter.sources))
	}
	if got := testutil.ToFloat64(reporter.metrics.currentProblems.WithLabelValues("BadConfig", "error")); got != float64(len(reporter.sources)) {
		t.Errorf("%v current problems of %d objects that are remembered", got, len(reporter.sources))
	}
}

func TestEventNames(t *testing.T) {
	web := source.Ref{Name: "web", UID: "u"}
	long := source.Ref{Name: strings.Repeat("a", 199) + "." + strings.Repeat("b", 53), UID: "u"}
	for _, name := range []string{eventName(web, "told", ""), eventName(web, "told", "1"), eventName(long, "told", "abc")} {
		if errs := validation.IsDNS1123Subdomain(name); len(errs) > 0 {
			t.Errorf("%q: %v", name, errs)
		}
	}
	if eventName(web, "a", "") == eventName(web, "b", "") {
		t.Error("two problems have one name")
	}
	if eventName(web, "a", "") == eventName(source.Ref{Name: "web", UID: "v"}, "a", "") {
		t.Error("two objects have one name")
	}
}

func TestNotesFit(t *testing.T) {
	for _, text := range []string{"short", strings.Repeat("ä", 600), "a" + strings.Repeat("ä", 600), "bad \xff byte", "\x1b[31mred"} {
		note := cut(text, maxNote)
		if len(note) > maxNote || !utf8.ValidString(note) || strings.Contains(note, "\x1b") {
			t.Errorf("%d bytes, valid: %v", len(note), utf8.ValidString(note))
		}
	}
}
