package plugintest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Level says what a case that fails means.
type Level string

// The levels.
const (
	Must   Level = "MUST"
	Should Level = "SHOULD"
)

// Case is one thing that a plugin does. Its ID is stable for a version of the protocol.
type Case struct {
	ID, Title string
	Level     Level
	// Hint says what to do where it fails.
	Hint string

	// needs says why the case can't run, or "".
	needs func(*probe) string
	run   func(context.Context, *probe) error
	// asks says that it needs answers; catches are the faults, by their names, that it is for.
	asks    bool
	catches []string
}

// Outcome is what became of a case.
type Outcome string

// The outcomes.
const (
	Passed  Outcome = "passed"
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped"
)

// Result is a case that ran, or why it did not.
type Result struct {
	ID      string        `json:"id"`
	Title   string        `json:"title"`
	Level   Level         `json:"level"`
	Outcome Outcome       `json:"outcome"`
	Detail  string        `json:"detail,omitempty"`
	Hint    string        `json:"hint,omitempty"`
	Took    time.Duration `json:"took"`
}

// Report is all results, in the order of the cases.
type Report struct {
	Plugin  string   `json:"plugin"`
	Version string   `json:"version"`
	Results []Result `json:"results"`
}

// Conformant says that no case failed that must not.
func (r Report) Conformant() bool {
	return !slices.ContainsFunc(r.Results, func(one Result) bool { return one.Outcome == Failed && one.Level == Must })
}

// Verdict is the report in one line.
func (r Report) Verdict() string {
	counts := map[Outcome]int{}
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

// Cases are all of them, in the order in which they run.
func Cases() []Case {
	return slices.Concat(handshakeCases(), answerCases(), judgedCases(), nameCases(), loadCases(), watchCases(), socketCases(), lifeCases())
}

// Options are how patient the kit is. The zero value is what the protocol says.
type Options struct {
	// Beat is the longest silence of a watch, Told how long a change may take to be told, Quiet
	// how long nothing changes, Back how long a plugin may take to come back, Unread how long a
	// watcher reads nothing.
	Beat, Told, Quiet, Back, Unread time.Duration
	// Calls are made in a row.
	Calls int
	// Change, Storm, Restart and Stop stand for the fixture's commands, for a plugin in the test's
	// own process.
	Change, Storm, Restart, Stop func(context.Context) error
	// Output stands for the command that prints the plugin's standard output so far.
	Output func(context.Context) (string, error)
}

// QuickOptions are for trying out: fewer calls, and less patience with a watch that should be
// quiet.
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

// with takes the fixture's commands where there are no functions.
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

// Check runs all cases against a socket. Each result is also given to report, if that isn't
// nil, as soon as it is there. An error means that the fixture can't be used; a plugin that
// isn't there fails the cases.
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
		// The next case doesn't suffer for it, unless the plugin isn't there.
		_ = p.reconnect()
	}
	r.Took = time.Since(begin)
	return r
}
