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
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func newTestTold(t *testing.T) *told {
	t.Helper()
	m := newMetrics(prometheus.NewRegistry(), "test", func() float64 { return 0 })
	return newTold(newRecorder(nil, m, slog.New(slog.DiscardHandler)), m)
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
	told, k, ref := newTestTold(t), at("shop", "web"), source.Ref{Namespace: "shop", Name: "web", UID: "u"}
	tell := func(now time.Time, problems ...problem.Problem) []string {
		told.tell(k, ref, problems, now)
		return sent(told.record)
	}
	first := tell(noon, bad("a"))
	if len(first) != 1 {
		t.Fatalf("first: %v", first)
	}
	if again := tell(noon, bad("a"), bad("b")); len(again) != 1 || again[0] == first[0] {
		t.Errorf("a second problem beside the first: %v", again)
	}
	tell(noon)
	returned := tell(noon.Add(time.Minute), bad("a"))
	if len(returned) != 1 || returned[0] == first[0] {
		t.Errorf("returned: %v, must have another name than %v", returned, first)
	}
	if got := testutil.ToFloat64(told.metrics.currentProblems.WithLabelValues("BadConfig", "error")); got != 1 {
		t.Errorf("current problems: %v", got)
	}
	told.forget(k)
	if got := testutil.ToFloat64(told.metrics.currentProblems.WithLabelValues("BadConfig", "error")); got != 0 {
		t.Errorf("current problems of nobody: %v", got)
	}
	if got := testutil.ToFloat64(told.metrics.problems.WithLabelValues("BadConfig", "error")); got != 3 {
		t.Errorf("problems: %v", got)
	}
}

// A process that knows nothing gives the first Event of a problem the same name, so that
// the API server refuses it.
func TestARestartTellsNothingTwice(t *testing.T) {
	ref := source.Ref{Namespace: "shop", Name: "web", UID: "u"}
	names := map[string]bool{}
	for i := range 2 {
		told := newTestTold(t)
		told.tell(at("shop", "web"), ref, []problem.Problem{bad("a")}, noon.Add(time.Duration(i)*time.Hour))
		for _, name := range sent(told.record) {
			names[name] = true
		}
	}
	if len(names) != 1 {
		t.Errorf("names: %v", names)
	}
}

func TestAtMostTenAreToldAtOnce(t *testing.T) {
	told := newTestTold(t)
	var problems []problem.Problem
	for i := range 25 {
		problems = append(problems, bad(fmt.Sprint(i)))
	}
	told.tell(at("shop", "web"), source.Ref{Name: "web"}, problems, noon)
	if got := len(sent(told.record)); got != maxTold {
		t.Errorf("told %d", got)
	}
}

func TestAWarningThatFoundNoRoomIsToldLater(t *testing.T) {
	told := newTestTold(t)
	told.record.warnings = make(chan event, 1)
	told.tell(at("shop", "a"), source.Ref{Name: "a"}, []problem.Problem{bad("a")}, noon)
	told.tell(at("shop", "b"), source.Ref{Name: "b"}, []problem.Problem{bad("b")}, noon)
	sent(told.record)
	told.tell(at("shop", "b"), source.Ref{Name: "b"}, []problem.Problem{bad("b")}, noon)
	if got := sent(told.record); len(got) != 1 {
		t.Errorf("told later: %v", got)
	}
	if got := testutil.ToFloat64(told.metrics.events.WithLabelValues(eventDropped)); got != 1 {
		t.Errorf("dropped: %v", got)
	}
}

func TestAnotherShimIsCounted(t *testing.T) {
	told, k := newTestTold(t), at("shop", "web")
	other := problem.Problem{Severity: problem.Warning, Reason: problem.OtherShimActive, Message: "m"}
	told.tell(k, source.Ref{}, []problem.Problem{other}, noon)
	if got := testutil.ToFloat64(told.metrics.otherShim); got != 1 {
		t.Errorf("other shims: %v", got)
	}
	told.tell(k, source.Ref{}, nil, noon)
	if got := testutil.ToFloat64(told.metrics.otherShim); got != 0 {
		t.Errorf("other shims after it is off: %v", got)
	}
}

func TestTheMemoryOfProblemsIsBounded(t *testing.T) {
	told := newTestTold(t)
	for i := range maxRemembered + 10 {
		told.tell(at("shop", fmt.Sprint(i)), source.Ref{}, []problem.Problem{bad("a")}, noon)
		sent(told.record)
	}
	if len(told.sources) > maxRemembered {
		t.Errorf("remembers %d", len(told.sources))
	}
	if got := testutil.ToFloat64(told.metrics.currentProblems.WithLabelValues("BadConfig", "error")); got != float64(len(told.sources)) {
		t.Errorf("%v current problems of %d objects that are remembered", got, len(told.sources))
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
