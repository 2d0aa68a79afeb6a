package plugintest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Level says what a failed case means.
type Level string

// The levels.
const (
	Must   Level = "MUST"
	Should Level = "SHOULD"
)

// Case is one requirement for plugins. Its ID is stable within a version of the protocol.
type Case struct {
	ID, Title string
	Level     Level
	// Hint says what to do if it fails.
	Hint string

	// needs returns why the case can't run, or "".
	needs func(*probe) string
	run   func(context.Context, *probe) error
	// asks is set for cases that need answers; catches names the faults that the case detects.
	asks    bool
	catches []string
}

// CaseResult says how a case ended.
type CaseResult string

// The results of a case.
const (
	Passed  CaseResult = "passed"
	Failed  CaseResult = "failed"
	Skipped CaseResult = "skipped"
)

// Result is the result of a case, or why it didn't run.
type Result struct {
	ID      string        `json:"id"`
	Title   string        `json:"title"`
	Level   Level         `json:"level"`
	Outcome CaseResult    `json:"outcome"`
	Detail  string        `json:"detail,omitempty"`
	Hint    string        `json:"hint,omitempty"`
	Took    time.Duration `json:"took"`
}

// Report holds all results, in the order of the cases.
type Report struct {
	Plugin  string   `json:"plugin"`
	Version string   `json:"version"`
	Results []Result `json:"results"`
}

// Conformant reports whether no case of level MUST failed.
func (r Report) Conformant() bool {
	return !slices.ContainsFunc(r.Results, func(one Result) bool { return one.Outcome == Failed && one.Level == Must })
}

// Verdict summarizes the report in one line.
func (r Report) Verdict() string {
	counts := map[CaseResult]int{}
	var failed, skipped []string
	for _, one := range r.Results {
		counts[one.Outcome]++
		switch one.Outcome {
		case Failed:
			failed = append(failed, one.ID)
		case Skipped:
			skipped = append(skipped, one.ID)
		case Passed:
		}
	}
	word := "conformant"
	if !r.Conformant() {
		word = "NOT conformant"
	}
	parts := []string{fmt.Sprintf("%d passed", counts[Passed])}
	if len(failed) > 0 {
		parts = append(parts, fmt.Sprintf("%d failed: %s", len(failed), strings.Join(failed, " ")))
	}
	if len(skipped) > 0 {
		parts = append(parts, fmt.Sprintf("%d skipped: %s", len(skipped), strings.Join(skipped, " ")))
	}
	return word + " (" + strings.Join(parts, "; ") + ")"
}

// Cases returns all cases, in the order in which they run.
func Cases() []Case {
	return slices.Concat(handshakeCases(), answerCases(), judgedCases(), nameCases(), loadCases(), watchCases(), socketCases(), lifeCases())
}

// Options set the kit's timings. The zero value uses those of the protocol.
type Options struct {
	// Beat is the longest silence of a watch, Told how long it may take to report a change,
	// Quiet how long nothing must change, Back how long a plugin may take to come back, Unread
	// how long a watcher reads nothing.
	Beat, Told, Quiet, Back, Unread time.Duration
	// Calls is the number of consecutive calls.
	Calls int
	// Change, Storm, Restart and Stop replace the fixture's commands, for a plugin in the test's
	// own process.
	Change, Storm, Restart, Stop func(context.Context) error
	// Output replaces the command that prints the plugin's standard output so far.
	Output func(context.Context) (string, error)
}

// QuickOptions are for trying things out: fewer calls, and a shorter wait on a watch that should
// be quiet.
func QuickOptions() Options {
	return Options{Quiet: 3 * time.Second, Unread: 3 * time.Second, Calls: 200}
}

func (o Options) filled() Options {
	set := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	set(&o.Beat, 15*time.Second)
	set(&o.Told, 5*time.Second)
	set(&o.Quiet, 60*time.Second)
	set(&o.Back, 10*time.Second)
	set(&o.Unread, 30*time.Second)
	if o.Calls == 0 {
		o.Calls = 2000
	}
	return o
}

// with runs the fixture's commands where no functions are set.
func (o Options) with(f Fixture) Options {
	set := func(do *func(context.Context) error, command string) {
		if *do == nil && command != "" {
			*do = func(ctx context.Context) error { _, err := shell(ctx, command); return err }
		}
	}
	set(&o.Change, f.Change)
	set(&o.Storm, f.Storm)
	set(&o.Restart, f.Restart)
	set(&o.Stop, f.Stop)
	if o.Output == nil && f.Output != "" {
		o.Output = func(ctx context.Context) (string, error) { return shell(ctx, f.Output) }
	}
	return o
}

// Check runs all cases against a socket. If report isn't nil, it receives each result as soon as
// it is known. An error means that the fixture can't be used; if there is no plugin, the cases
// fail.
func Check(ctx context.Context, socket string, fixture Fixture, o Options, report func(Result)) (Report, error) {
	if err := fixture.mistakes().Err(); err != nil {
		return Report{}, fmt.Errorf("the fixture: %w", err)
	}
	p, err := newProbe(socket, fixture, o.filled().with(fixture))
	if err != nil {
		return Report{}, err
	}
	defer p.close()
	p.begin(ctx)
	out := Report{Plugin: p.hello.GetName(), Version: p.hello.GetVersion()}
	for _, c := range Cases() {
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		result := c.result(ctx, p)
		if report != nil {
			report(result)
		}
		out.Results = append(out.Results, result)
	}
	return out, nil
}

func (c Case) result(ctx context.Context, p *probe) Result {
	r := Result{ID: c.ID, Title: c.Title, Level: c.Level, Outcome: Passed}
	if c.needs != nil {
		if why := c.needs(p); why != "" {
			r.Outcome, r.Detail = Skipped, why
			return r
		}
	}
	begin := time.Now()
	if err := errors.Join(p.connect(), c.run(ctx, p)); err != nil {
		r.Outcome, r.Detail, r.Hint = Failed, err.Error(), c.Hint
		// Later cases shouldn't suffer for it, unless the plugin is gone.
		_ = p.reconnect()
	}
	r.Took = time.Since(begin)
	return r
}
