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
	m := newMetrics(prometheus.NewRegistry(), Config{Version: "test"}, func() float64 { return 0 })
	return newReporter(newRecorder(nil, m, slog.New(slog.DiscardHandler)), m, func(key, time.Duration) {})
}

// letters takes the notices of problems out of the line, as if they were sent.
func taken(r *reporter) []letter {
	var all []letter
	for l, found := r.record.warnings.take(); found; l, found = r.record.warnings.take() {
		all = append(all, l)
		r.answered(l, eventSent, false, l.at)
	}
	return all
}

// sent takes the warnings that were queued, as the names of their Events.
func sent(r *reporter) []string {
	var names []string
	for _, l := range taken(r) {
		names = append(names, l.name)
	}
	return names
}

func bad(message string) problem.Problem {
	return problem.Problem{Severity: problem.Error, Reason: problem.BadConfig, Message: message}
}

func TestAProblemIsToldOnceUntilItReturns(t *testing.T) {
	reporter, k, ref := newTestReporter(t), at("shop", "web"), source.Ref{Namespace: "shop", Name: "web", UID: "u"}
	report := func(now time.Time, problems ...problem.Problem) []string {
		reporter.report(k, found{source: ref, problems: problems}, now)
		return sent(reporter)
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
		reporter.report(at("shop", "web"), found{source: ref, problems: []problem.Problem{bad("a")}}, noon.Add(time.Duration(i)*time.Hour))
		for _, name := range sent(reporter) {
			names[name] = true
		}
	}
	if len(names) != 1 {
		t.Errorf("names: %v", names)
	}
}

// Of many problems of an object ten are told, and one Event sums up the rest.
func TestManyProblemsAreSummedUp(t *testing.T) {
	for n, want := range map[int]int{10: 10, 11: 11, 12: 11, 15: 11, 500: 11} {
		reporter := newTestReporter(t)
		var problems []problem.Problem
		for i := range n {
			problems = append(problems, bad(fmt.Sprintf("%03d", i)))
		}
		problems[n-1].Reason = problem.NothingToDo
		reporter.report(at("shop", "web"), found{source: source.Ref{Name: "web"}, problems: problems}, noon)
		all := taken(reporter)
		if len(all) != want {
			t.Errorf("of %d problems %d Events, want %d", n, len(all), want)
		}
		rest := fmt.Sprintf("and %d more: %d BadConfig, 1 NothingToDo; certshim plan lists them all", n-maxReported, n-maxReported-1)
		if last := all[len(all)-1].note; n > maxReported+1 && last != rest {
			t.Errorf("the rest of %d: %s", n, last)
		}
		if got := currently(reporter, "BadConfig", "error") + currently(reporter, "NothingToDo", "error"); got != float64(n) {
			t.Errorf("%v current problems of %d", got, n)
		}
		reporter.report(at("shop", "web"), found{source: source.Ref{Name: "web"}, problems: problems}, noon)
		if again := taken(reporter); len(again) > 0 {
			t.Errorf("told again: %v", again)
		}
		reporter.report(at("shop", "web"), found{}, noon)
		if got := currently(reporter, "BadConfig", "error") + currently(reporter, "NothingToDo", "error"); got != 0 {
			t.Errorf("%v current problems of none", got)
		}
	}
}

func currently(r *reporter, reason, severity string) float64 {
	return testutil.ToFloat64(r.metrics.currentProblems.WithLabelValues(reason, severity))
}

// Of what isn't there nothing is said for two seconds, nor is it counted: it may only be that one
// watch is behind another.
func TestWhatIsNotThereIsToldAfterTwoSeconds(t *testing.T) {
	for _, reason := range []problem.Reason{
		problem.IssuerNotFound, problem.IssuerKindNotInstalled, problem.IssuerResolverUnavailable,
		problem.ParentNotFound, problem.ParentRefuses, problem.NoLongerKept,
	} {
		reporter, k := newTestReporter(t), at("shop", "web")
		missing := problem.Problem{Severity: problem.Warning, Reason: reason, Message: "m"}
		look := func(after time.Duration, problems ...problem.Problem) (events int, again time.Duration) {
			again = reporter.report(k, found{source: source.Ref{Name: "web"}, problems: problems}, noon.Add(after))
			return len(taken(reporter)), again
		}
		for _, row := range []struct {
			at, again time.Duration
			there     bool
			events    int
			current   float64
		}{
			{0, settling, true, 0, 0},
			{settling / 2, settling / 2, true, 0, 0},
			{settling * 3 / 4, 0, false, 0, 0},
			{settling, settling, true, 0, 0},
			{2 * settling, 0, true, 1, 1},
			{3 * settling, 0, true, 0, 1},
			{4 * settling, 0, false, 0, 0},
			{5 * settling, settling, true, 0, 0},
		} {
			var problems []problem.Problem
			if row.there {
				problems = append(problems, missing)
			}
			events, again := look(row.at, problems...)
			if current := currently(reporter, string(reason), "warning"); events != row.events || again != row.again || current != row.current {
				t.Errorf("%s after %s: %d Events, %v in the gauge, again after %s; want %d, %v, %s",
					reason, row.at, events, current, again, row.events, row.current, row.again)
			}
		}
	}
}

// A refusal stands while the write is held back, and is told once, whatever the usage of a quota is by then.
func TestARefusalThatIsHeldBackIsOneEvent(t *testing.T) {
	reporter, k := newTestReporter(t), at("shop", "web")
	refused := func(used int) problem.Problem {
		return problem.Problem{Severity: problem.Error, Reason: problem.Refused, Message: fmt.Sprintf(`Certificate "web": used: %d`, used)}
	}
	for i, f := range []found{
		{problems: []problem.Problem{refused(1)}}, {held: true}, {held: true}, {problems: []problem.Problem{refused(2)}}, {held: true},
	} {
		reporter.report(k, f, noon)
		if got := len(taken(reporter)); (i == 0) != (got == 1) {
			t.Errorf("look %d: %d Events", i, got)
		}
		if got := currently(reporter, "Refused", "error"); got != 1 {
			t.Errorf("look %d: %v in the gauge", i, got)
		}
	}
	reporter.report(k, found{}, noon)
	if got := currently(reporter, "Refused", "error"); got != 0 {
		t.Errorf("taken at last, and %v in the gauge", got)
	}
	reporter.report(k, found{problems: []problem.Problem{bad("a")}}, noon)
	reporter.report(k, found{held: true}, noon)
	if got := currently(reporter, "BadConfig", "error"); got != 0 {
		t.Error("what isn't an answer of the API server stays while a write is held back")
	}
}

// Nothing is said of what is being deleted, and of a namespace for a while after it refused something.
func TestNothingIsToldOfWhatIsBeingDeleted(t *testing.T) {
	reporter, k := newTestReporter(t), at("shop", "web")
	wrong := found{source: source.Ref{Namespace: "shop", Name: "web"}, problems: []problem.Problem{bad("a")}}
	leaving := wrong
	leaving.leaving = true
	reporter.report(k, leaving, noon)
	if n, current := len(taken(reporter)), currently(reporter, "BadConfig", "error"); n > 0 || current > 0 {
		t.Errorf("leaving: %d Events, %v in the gauge", n, current)
	}
	reporter.report(k, wrong, noon)
	l, _ := reporter.record.warnings.take()
	reporter.answered(l, eventTerminating, false, noon)
	if again := reporter.report(k, wrong, noon); again != endingFor || currently(reporter, "BadConfig", "error") > 0 {
		t.Errorf("the namespace ends: again after %s, %v in the gauge", again, currently(reporter, "BadConfig", "error"))
	}
	if again := reporter.report(at("other", "web"), wrong, noon); again != 0 || len(taken(reporter)) != 1 {
		t.Error("another namespace is silent, too")
	}
	if again := reporter.report(k, wrong, noon.Add(endingFor)); again != 0 || len(taken(reporter)) != 1 {
		t.Error("a namespace that goes on is silent for ever")
	}
}

// What waits and isn't so any more isn't sent.
func TestWhatVanishesBeforeItsTurnIsNotSent(t *testing.T) {
	reporter, k := newTestReporter(t), at("shop", "web")
	reporter.report(k, found{source: source.Ref{Name: "web"}, problems: []problem.Problem{bad("a"), bad("b")}}, noon)
	reporter.report(k, found{source: source.Ref{Name: "web"}, problems: []problem.Problem{bad("b"), bad("c")}}, noon)
	var notes []string
	for _, l := range taken(reporter) {
		notes = append(notes, l.note)
	}
	if got := strings.Join(notes, " "); got != "b c" {
		t.Errorf("sent: %s", got)
	}
	reporter.report(k, found{source: source.Ref{Name: "web"}, problems: []problem.Problem{bad("d")}}, noon)
	reporter.forget(k)
	if got := len(taken(reporter)); got > 0 || len(reporter.sources) > 0 || reporter.record.warnings.size != 0 || len(reporter.record.warnings.sizes) > 0 {
		t.Errorf("of a source that is gone %d Events", got)
	}
}

// Information is in the metrics, and an Event, a Normal one, only where its reason says so.
func TestInformationIsToldWhereItsReasonSaysSo(t *testing.T) {
	reporter := newTestReporter(t)
	info := func(reason problem.Reason) problem.Problem {
		return problem.Problem{Severity: problem.Info, Reason: reason, Message: "m"}
	}
	reporter.report(at("shop", "web"), found{source: source.Ref{Name: "web"}, problems: []problem.Problem{info(problem.BadConfig), info(problem.SecretShared)}}, noon)
	for _, reason := range []string{"BadConfig", "SecretShared"} {
		if got := testutil.ToFloat64(reporter.metrics.currentProblems.WithLabelValues(reason, "info")); got != 1 {
			t.Errorf("%s: %v current problems", reason, got)
		}
	}
	all := taken(reporter)
	if len(all) != 1 || all[0].kind != corev1.EventTypeNormal || all[0].reason != "SecretShared" {
		t.Errorf("Events: %+v", all)
	}
}

func TestAnotherShimIsCounted(t *testing.T) {
	reporter, k := newTestReporter(t), at("shop", "web")
	other := problem.Problem{Severity: problem.Warning, Reason: problem.OtherShimActive, Message: "m"}
	reporter.report(k, found{source: source.Ref{}, problems: []problem.Problem{other}}, noon)
	if got := testutil.ToFloat64(reporter.metrics.otherShim); got != 1 {
		t.Errorf("other shims: %v", got)
	}
	reporter.report(k, found{source: source.Ref{}, problems: nil}, noon)
	if got := testutil.ToFloat64(reporter.metrics.otherShim); got != 0 {
		t.Errorf("other shims after it is off: %v", got)
	}
}

// What is remembered of an object has a bound, whatever it was like before.
func TestTheMemoryOfAnObjectIsBounded(t *testing.T) {
	reporter, k := newTestReporter(t), at("shop", "web")
	for edit := range 50 {
		var problems []problem.Problem
		for i := range 2 * maxKnown {
			problems = append(problems, bad(fmt.Sprint(edit, "/", i)))
		}
		reporter.report(k, found{source: source.Ref{Name: "web"}, problems: problems}, noon)
		taken(reporter)
	}
	if got := len(reporter.sources[k].known); got > maxKnown+maxPast+1 {
		t.Errorf("%d problems are remembered", got)
	}
	if got := currently(reporter, "BadConfig", "error"); got != 2*maxKnown {
		t.Errorf("%v current problems", got)
	}
}

// An object may have so many problems that must last a moment that the first one to be told is not
// among those that are known one by one.
func TestAProblemBeyondThoseThatAreKnownIsTold(t *testing.T) {
	reporter, k := newTestReporter(t), at("shop", "web")
	reporter.patience = settling
	var problems []problem.Problem
	for i := range maxKnown {
		problems = append(problems, problem.Problem{Severity: problem.Error, Reason: problem.IssuerNotFound, Message: fmt.Sprint(i)})
	}
	problems = append(problems, bad("beyond"))
	for range 2 {
		reporter.report(k, found{source: source.Ref{Name: "web"}, problems: problems}, noon)
	}
	if got := taken(reporter); len(got) != 1 {
		t.Errorf("told are %v", got)
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
	for _, text := range []string{"short", strings.Repeat("ä", 600), "a" + strings.Repeat("ä", 600), "bad \xff byte", "\x1b[31mred", "two\nlines"} {
		note := cut(text, maxNote)
		if len(note) > maxNote || !utf8.ValidString(note) || strings.ContainsAny(note, "\x1b\n") {
			t.Errorf("%d bytes, valid: %v", len(note), utf8.ValidString(note))
		}
	}
}

// However long a message is, what to write instead is told, on the one line that kubectl shows.
func TestANoteKeepsTheCure(t *testing.T) {
	note := noteOf(problem.Problem{
		Key: "k", Value: strings.Repeat("v", 5000), Message: strings.Repeat("long ", 1000), Lines: "  a: b\n  c: d", Reason: problem.BadIssuer,
	})
	if len(note) > maxNote || strings.Contains(note, "\n") || !strings.HasSuffix(note, "; write a: b, c: d") {
		t.Errorf("%d bytes: %s", len(note), note)
	}
}
