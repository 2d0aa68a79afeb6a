package plugintest_test

import (
	"context"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/certshim/certshim/plugins/plugintest"
	"github.com/certshim/certshim/plugins/plugintest/faulty"
	"github.com/certshim/certshim/plugins/plugintest/gotest"
)

const fixture = `
grant:
  kinds:
  - {group: pki.corp.example, kind: CorpIssuer, resource: corpissuers, scope: Namespaced}
  - {group: pki.corp.example, kind: CorpClusterIssuer, resource: corpclusterissuers, scope: Cluster}
  defaults: [usages]
  annotations: [pki.corp.example/]
issuers:
- {kind: CorpIssuer, namespace: shop, ready: ready, unready: unready, missing: nobody, restricted: restricted}
- kind: CorpClusterIssuer
  ready: ready
  unready: unready
  missing: nobody
  restricted: restricted
  observed:
    ready: {metadata: {generation: 3}, status: {sealed: false}}
    unready: {metadata: {generation: 2}, status: {sealed: true}}
timeout: 10s
`

// lab is a faulty plugin and what the kit needs to change, restart and stop it.
type lab struct {
	socket string
	fault  faulty.Fault
	plugin *faulty.Plugin
	output written
	stop   func()
}

// written is what a plugin wrote to its standard output.
type written struct {
	lock sync.Mutex
	text strings.Builder
}

func (w *written) Write(p []byte) (int, error) {
	w.lock.Lock()
	defer w.lock.Unlock()
	return w.text.Write(p)
}

func (w *written) read(context.Context) (string, error) {
	w.lock.Lock()
	defer w.lock.Unlock()
	return w.text.String(), nil
}

func newLab(t *testing.T, fault faulty.Fault) *lab {
	t.Helper()
	l := &lab{socket: filepath.Join(t.TempDir(), "p.sock"), fault: fault}
	if err := l.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.stop() })
	return l
}

func (l *lab) start() (err error) {
	old := l.plugin
	l.plugin = faulty.New(l.fault)
	l.plugin.Out = &l.output
	if old != nil {
		l.plugin.Table = old.Table
	}
	l.stop, err = l.plugin.Start(l.socket)
	if err != nil {
		l.stop = func() {}
		return err
	}
	l.stop = sync.OnceFunc(l.stop)
	return nil
}

// options are short, to match the plugin's heartbeat.
func (l *lab) options() plugintest.Options {
	return plugintest.Options{
		Beat: 3 * time.Second, Told: 3 * time.Second, Quiet: time.Second, Back: 3 * time.Second, Unread: time.Second, Calls: 200,
		Output: l.output.read,
		Change: func(context.Context) error {
			s := l.plugin.Get(faulty.Namespaced("shop", "unready"))
			s.Message += " again"
			if s.Reason += "Again"; strings.Count(s.Reason, "Again") > 1 {
				s.Reason = "CASealed"
			}
			l.plugin.Set(faulty.Namespaced("shop", "unready"), s)
			return nil
		},
		Storm: func(context.Context) error {
			s := l.plugin.Get(faulty.Namespaced("shop", "unready"))
			// As fast as a CA may be, and slower than messages are sent.
			ticker := time.NewTicker(time.Millisecond)
			defer ticker.Stop()
			for i := range 1000 {
				<-ticker.C
				s.Message = "the CA is sealed, says note " + strconv.Itoa(i)
				l.plugin.Set(faulty.Namespaced("shop", "unready"), s)
			}
			return nil
		},
		Restart: func(context.Context) error {
			l.stop()
			// What it can't do, the kit sees.
			_ = l.start()
			return nil
		},
	}
}

func TestEachFaultFailsTheCasesThatNameIt(t *testing.T) {
	f, err := plugintest.ReadFixture([]byte(fixture), "fixture.yaml")
	if err != nil {
		t.Fatal(err)
	}
	faults := slices.DeleteFunc(append(faulty.Faults(), faulty.None), func(f faulty.Fault) bool { return slices.Contains(ofAProcess(), f) })
	reports := make([]plugintest.Report, len(faults))
	// They wait more than they work.
	var running errgroup.Group
	running.SetLimit(12)
	for i, fault := range faults {
		l, f := newLab(t, fault), f
		f.Timeout = patience(fault)
		running.Go(func() (err error) {
			reports[i], err = plugintest.Check(t.Context(), l.socket, f, l.options(), nil)
			return err
		})
	}
	if err := running.Wait(); err != nil {
		t.Fatal(err)
	}
	for i, fault := range faults {
		t.Run("fault "+string(fault), func(t *testing.T) { compare(t, fault, reports[i]) })
	}
}

// patience is the deadline of a question: long, since the machine may be busy, except for faults
// that would use it up.
func patience(fault faulty.Fault) time.Duration {
	switch fault {
	case faulty.Silent:
		return 500 * time.Millisecond
	case faulty.Slow:
		return 3 * time.Second
	default:
		return 10 * time.Second
	}
}

func compare(t *testing.T, fault faulty.Fault, report plugintest.Report) {
	t.Helper()
	for i, c := range plugintest.Cases() {
		result := report.Results[i]
		// A plugin that gives no answer may have said nothing of watching either.
		unwatched := result.Outcome == plugintest.Skipped && strings.HasSuffix(result.Detail, "watches: false")
		// What a process does isn't seen of a plugin in this one.
		unseen := result.Outcome == plugintest.Skipped && strings.HasSuffix(result.Detail, "the kit's own process")
		switch wants := c.Catches(fault); {
		case wants && result.Outcome != plugintest.Failed && !unwatched && !unseen:
			t.Errorf("%s (%s) %s %s", c.ID, c.Title, result.Outcome, result.Detail)
		case !wants && result.Outcome == plugintest.Failed:
			t.Errorf("%s (%s) failed: %s", c.ID, c.Title, result.Detail)
		}
	}
	broken := slices.ContainsFunc(plugintest.Cases(), func(c plugintest.Case) bool { return c.Level == plugintest.Must && c.Catches(fault) })
	if report.Conformant() == broken {
		t.Errorf("the verdict is %s", report.Verdict())
	}
}

func TestEveryFaultIsCaught(t *testing.T) {
	for _, fault := range faulty.Faults() {
		if !slices.ContainsFunc(plugintest.Cases(), func(c plugintest.Case) bool { return c.Catches(fault) }) {
			t.Errorf("no case names %s", fault)
		}
	}
	seen := map[string]bool{}
	for _, c := range plugintest.Cases() {
		if seen[c.ID] || c.Title == "" || c.Hint == "" {
			t.Errorf("case %s: twice, or without title or hint", c.ID)
		}
		seen[c.ID] = true
	}
}

func TestAnAuthorRunsItInATest(t *testing.T) {
	f, err := plugintest.ReadFixture([]byte(fixture), "fixture.yaml")
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(t, faulty.None)
	gotest.Run(t, l.socket, f, l.options())
}

// A name that the plugin doesn't know is asked about once; what follows from it is skipped.
func TestAFixtureThatNamesNoIssuer(t *testing.T) {
	f, err := plugintest.ReadFixture([]byte(strings.Replace(fixture, "shop, ready: ready, ", "shop, ready: raedy, ", 1)), "fixture.yaml")
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(t, faulty.None)
	report, err := plugintest.Check(t.Context(), l.socket, f, l.options(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range report.Results {
		mistaken := strings.Contains(result.Detail, `CorpIssuer "raedy" of namespace "shop"`)
		switch result.ID {
		case "R1":
			if result.Outcome != plugintest.Failed || !mistaken || strings.Count(result.Detail, "is the fixture right?") != 1 {
				t.Errorf("%s %s: %s", result.ID, result.Outcome, result.Detail)
			}
		case "H5", "R4", "R8":
			if result.Outcome != plugintest.Skipped || !mistaken {
				t.Errorf("%s %s: %s", result.ID, result.Outcome, result.Detail)
			}
		default:
			if result.Outcome == plugintest.Failed {
				t.Errorf("%s failed: %s", result.ID, result.Detail)
			}
		}
	}
}

func TestAFixtureIsReadStrictly(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"unknown field": {fixture + "isuers: []\n", "fixture.yaml:" + strconv.Itoa(1+strings.Count(fixture, "\n")) + `: unknown field "isuers", did you mean "issuers"?`},
		"no kinds":      {"issuers: []\n", "grant.kinds"},
		"scope":         {strings.Replace(fixture, "scope: Cluster", "scope: cluster", 1), `].scope: "cluster" is none of Namespaced, Cluster, did you mean "Cluster"?`},
		"strange kind":  {strings.Replace(fixture, "kind: CorpIssuer, namespace", "kind: Issuer, namespace", 1), "no such kind"},
		"namespace":     {strings.Replace(fixture, "namespace: shop, ", "", 1), "namespace goes"},
		"no ready one":  {strings.Replace(fixture, "shop, ready: ready, ", "shop, ", 1), ".ready: it names no issuer"},
	} {
		if _, err := plugintest.ReadFixture([]byte(c.text), "fixture.yaml"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
}
