package plugins_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/certshim/certshim/plugins"
	"github.com/certshim/certshim/plugins/plugintest/faulty"
	"github.com/certshim/certshim/plugins/remote"
	"github.com/certshim/certshim/resolver"
)

// timeout is the deadline of a question in these tests.
const timeout = 300 * time.Millisecond

// running is a running host and its notifications.
type running struct {
	*plugins.Host
	registry *prometheus.Registry
	lock     sync.Mutex
	told     []resolver.IssuerKey
	troubles []string
	news     chan struct{}
	stop     func()
}

func run(t testing.TB, all ...plugins.Plugin) *running {
	t.Helper()
	host, err := plugins.New(all, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	r := &running{Host: host, registry: prometheus.NewRegistry(), news: make(chan struct{}, 1)}
	r.registry.MustRegister(host)
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() { host.Run(ctx, resolver.Callbacks{Changed: r.tell, Trouble: r.troubled}) })
	r.stop = func() { cancel(); ended.Wait() }
	t.Cleanup(r.stop)
	return r
}

func (r *running) tell(keys []resolver.IssuerKey) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.told = append(r.told, keys...)
	select {
	case r.news <- struct{}{}:
	default:
	}
}

func (r *running) troubled(name string, fault resolver.Fault, text string) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.troubles = append(r.troubles, name+" "+string(fault)+" "+text)
}

// await waits until the finding about an issuer is as expected.
func (r *running) await(t testing.TB, key resolver.IssuerKey, is func(resolver.Finding) bool) resolver.Finding {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		found, speaks := r.Find(key)
		if speaks && is(found) {
			return found
		}
		select {
		case <-deadline:
			t.Fatalf("it stays %+v", found)
		case <-tick.C:
		}
	}
}

// metric returns the value of a metric of the only resolver, summed over other labels.
func (r *running) metric(t *testing.T, name string) float64 {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, family := range families {
		if family.GetName() == "certshim_resolver_"+name {
			for _, m := range family.GetMetric() {
				sum += m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

func remotePlugin(socket string) plugins.Plugin {
	return plugins.Plugin{
		Name: "corp-ca", Tier: "plugin", Kinds: faulty.Kinds(), Grant: faulty.Grant(), Observe: resolver.ObserveNone,
		Hold: true, Timeout: timeout,
		Backend: remote.New(remote.Config{Socket: socket, Kinds: faulty.Kinds(), Grant: faulty.Grant(), Timeout: timeout, Version: "v0.0.0"}),
	}
}

// socketPath returns a path that is short enough for a socket.
func socketPath(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "p.sock")
}

func start(t *testing.T, p *faulty.Plugin, socket string) (stop func()) {
	t.Helper()
	stop, err := p.Start(socket)
	if err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(stop)
	t.Cleanup(stop)
	return stop
}

func fresh(f resolver.Finding) bool { return f.State == resolver.Fresh }

func TestAnIssuerIsAskedForOnceAndItsAnswerHeld(t *testing.T) {
	socket := socketPath(t)
	plugin := faulty.New(faulty.None)
	start(t, plugin, socket)
	r := run(t, remotePlugin(socket))

	first, speaks := r.Find(faulty.Namespaced("shop", "ready"))
	if !speaks || first.State != resolver.Never || !first.Hold || first.By != "plugin/corp-ca" {
		t.Errorf("before it answered: %+v", first)
	}
	found := r.await(t, faulty.Namespaced("shop", "ready"), fresh)
	if found.Ready != resolver.Ready || !slices.Equal(found.Values.Usages, []string{"server auth"}) || found.Hold {
		t.Errorf("got %+v", found)
	}
	for range 1000 {
		r.Find(faulty.Namespaced("shop", "ready"))
	}
	// Once more where its stream of changes began after the answer.
	if asked := plugin.Asked(); asked != 1 && asked != 2 {
		t.Errorf("it was asked %d times", asked)
	}
	if found, err := testutil.GatherAndLint(r.registry); err != nil || len(found) > 0 {
		t.Errorf("against the conventions of Prometheus: %v, %v", err, found)
	}
	// A handshake, a look at its health, the questions.
	if calls, timed := r.metric(t, "requests_total"), r.metric(t, "request_duration_seconds"); calls < 3 || calls > 4 || timed < 3 || timed > 4 {
		t.Errorf("%v calls, of which %v are timed", calls, timed)
	}
	if _, speaks := r.Find(resolver.IssuerKey{GroupKind: resolver.GroupKind{Group: "other.example", Kind: "Issuer"}}); speaks {
		t.Error("somebody speaks for a kind that nobody was granted")
	}
	missing := r.await(t, faulty.Cluster("nobody"), fresh)
	if missing.Existence != resolver.Missing {
		t.Errorf("got %+v", missing)
	}
}

func TestAChangeIsHeardOf(t *testing.T) {
	socket := socketPath(t)
	plugin := faulty.New(faulty.None)
	start(t, plugin, socket)
	r := run(t, remotePlugin(socket))
	key := faulty.Cluster("ready")
	r.await(t, key, fresh)
	changed := faulty.ReadyStatement()
	changed.Ready, changed.Reason, changed.Message = resolver.NotReady, "CASealed", "sealed"
	plugin.Set(key, changed)
	r.await(t, key, func(f resolver.Finding) bool { return f.Ready == resolver.NotReady && fresh(f) })
	r.lock.Lock()
	defer r.lock.Unlock()
	if n := len(r.told); n != 2 {
		t.Errorf("told of %d news, want 2: %v", n, r.told)
	}
}

func TestAGoodAnswerOutlivesItsPlugin(t *testing.T) {
	socket := socketPath(t)
	plugin := faulty.New(faulty.None)
	stop := start(t, plugin, socket)
	r := run(t, remotePlugin(socket))
	key := faulty.Namespaced("shop", "ready")
	before := r.await(t, key, fresh)
	stop()

	r.awaitDown(t)
	r.lock.Lock()
	if len(r.troubles) > 0 {
		t.Errorf("one that is gone is no trouble of its own: %q", r.troubles)
	}
	r.lock.Unlock()
	if f, _ := r.Find(key); f.Ready != before.Ready || f.Hold {
		t.Errorf("while it is gone: %+v", f)
	}
	never, _ := r.Find(faulty.Namespaced("shop", "unready"))
	if never.State != resolver.Never || never.Fault != resolver.Unreachable {
		t.Errorf("what it never answered: %+v", never)
	}

	// It is back, with other news.
	again := faulty.New(faulty.None)
	changed := faulty.ReadyStatement()
	changed.Values.Usages = []string{"client auth"}
	again.Set(key, changed)
	start(t, again, socket)
	r.await(t, key, func(f resolver.Finding) bool { return fresh(f) && f.Values.Usages[0] == "client auth" })
	r.await(t, faulty.Namespaced("shop", "unready"), fresh)
}

func (r *running) awaitDown(t *testing.T) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for r.metric(t, "up") != 0 {
		select {
		case <-deadline:
			t.Fatal("it stays up")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// After each fault, the sound plugin's answers stay in use, and the metrics show the fault.
func TestFaultsLeaveTheLastAnswer(t *testing.T) {
	for _, fault := range []faulty.Fault{
		faulty.Silent, faulty.DiesMidway, faulty.Endless, faulty.Huge, faulty.OldVersion,
		faulty.LieKind, faulty.LieDefault, faulty.LieRefuse, faulty.LieAnnotation,
		faulty.DropID, faulty.DuplicateID, faulty.BadEnum, faulty.ShortTTL,
	} {
		t.Run(string(fault), func(t *testing.T) {
			socket := socketPath(t)
			stop := start(t, faulty.New(faulty.None), socket)
			r := run(t, remotePlugin(socket))
			keys := []resolver.IssuerKey{faulty.Namespaced("shop", "ready"), faulty.Cluster("ready")}
			for _, key := range keys {
				r.await(t, key, fresh)
			}
			// So many that they fill a batch.
			for i := range 40 {
				r.Find(faulty.Cluster("nobody-" + strconv.Itoa(i)))
			}
			for i := range 40 {
				r.await(t, faulty.Cluster("nobody-"+strconv.Itoa(i)), fresh)
			}
			good, _ := r.Find(keys[0])
			stop()
			start(t, faulty.New(fault), socket)
			r.awaitTrouble(t)
			for _, key := range keys {
				f, _ := r.Find(key)
				if f.State == resolver.Never || f.Ready != resolver.Ready || f.Hold || !slices.Equal(f.Values.Usages, good.Values.Usages) || f.Values.Duration != 0 {
					t.Errorf("now it is %+v", f)
				}
			}
		})
	}
}

// A plugin that was fixed and restarted is asked at once.
func TestAMendedPluginIsAskedAgain(t *testing.T) {
	socket := socketPath(t)
	stop := start(t, faulty.New(faulty.LieDefault), socket)
	r := run(t, remotePlugin(socket))
	key := faulty.Namespaced("shop", "ready")
	r.Find(key)
	r.awaitTrouble(t)
	if f, _ := r.Find(key); f.State != resolver.Never || !f.Hold {
		t.Errorf("of a liar alone: %+v", f)
	}
	r.lock.Lock()
	troubles := slices.Clone(r.troubles)
	r.lock.Unlock()
	if len(troubles) != 1 || !strings.HasPrefix(troubles[0], `corp-ca Rejected "`) || !strings.Contains(troubles[0], "duration") {
		t.Errorf("about its lie %q was reported", troubles)
	}
	stop()
	start(t, faulty.New(faulty.None), socket)
	r.await(t, key, fresh)
}

// awaitTrouble waits until something other than a lost connection went wrong, or that too often.
func (r *running) awaitTrouble(t *testing.T) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for r.metric(t, "breaker_open") == 0 && r.metric(t, "rejected_total") == 0 && !r.saw(t, "Timeout", "Version", "Rejected", "Broken") {
		select {
		case <-deadline:
			t.Fatal("nothing went wrong")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// saw reports whether a call ended with one of these codes.
func (r *running) saw(t *testing.T, codes ...string) bool {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				if label.GetName() == "code" && slices.Contains(codes, label.GetValue()) {
					return true
				}
			}
		}
	}
	return false
}

func TestRefusalsAreCountedByCause(t *testing.T) {
	for fault, want := range map[faulty.Fault]string{
		faulty.LieKind: "PastGrant", faulty.LieDefault: "PastGrant", faulty.LieRefuse: "PastGrant", faulty.LieAnnotation: "PastGrant",
		faulty.DropID: "WrongIDs", faulty.DuplicateID: "WrongIDs",
		faulty.BadEnum: "Malformed", faulty.ShortTTL: "Malformed",
	} {
		t.Run(string(fault), func(t *testing.T) {
			socket := socketPath(t)
			r := run(t, remotePlugin(socket))
			// They wait in line when it comes, and are asked for at once.
			r.Find(faulty.Namespaced("shop", "ready"))
			r.Find(faulty.Cluster("ready"))
			for cause, n := range r.refusals(t) {
				if n != 0 {
					t.Errorf("before it is there, %v are %s", n, cause)
				}
			}
			start(t, faulty.New(fault), socket)
			deadline := time.After(30 * time.Second)
			for r.metric(t, "rejected_total") == 0 {
				select {
				case <-deadline:
					t.Fatal("nothing was refused")
				case <-time.After(5 * time.Millisecond):
				}
			}
			for cause, n := range r.refusals(t) {
				if (n > 0) != (cause == want) {
					t.Errorf("%v are %s", n, cause)
				}
			}
		})
	}
}

// refusals counts the rejections by cause.
func (r *running) refusals(t *testing.T) map[string]float64 {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]float64{}
	for _, family := range families {
		if family.GetName() != "certshim_resolver_rejected_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				if label.GetName() == "cause" {
					counts[label.GetValue()] = m.GetCounter().GetValue()
				}
			}
		}
	}
	if len(counts) != 3 {
		t.Errorf("the causes are %v", counts)
	}
	return counts
}

// panics is a broken compiled-in resolver.
type panics struct{}

func (panics) Describe() resolver.Description {
	return resolver.Description{Name: "broken", Kinds: faulty.Kinds()}
}

func (panics) Resolve(context.Context, resolver.Query) (resolver.Statement, error) { panic("oh") }

func TestAPanicIsTroubleOfTheResolver(t *testing.T) {
	r := run(t, plugins.Compiled(panics{}))
	r.Find(faulty.Namespaced("shop", "ready"))
	deadline := time.After(30 * time.Second)
	for {
		r.lock.Lock()
		troubles := slices.Clone(r.troubles)
		r.lock.Unlock()
		if len(troubles) > 0 {
			if troubles[0] != `broken Broken "the resolver panicked: oh"` {
				t.Errorf("got %q", troubles)
			}
			return
		}
		select {
		case <-deadline:
			t.Fatal("nothing was reported")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, fault := range []faulty.Fault{faulty.None, faulty.Silent, faulty.Storm, faulty.DiesMidway, faulty.Endless, faulty.LieDefault} {
		t.Run(string(fault), func(t *testing.T) {
			socket := socketPath(t)
			stop := start(t, faulty.New(fault), socket)
			r := run(t, remotePlugin(socket))
			for _, name := range []string{"a", "b", "ready"} {
				r.Find(faulty.Namespaced("shop", name))
			}
			r.awaitCalls(t)
			r.stop()
			stop()
		})
	}
	deadline := time.After(30 * time.Second)
	for runtime.NumGoroutine() > before {
		select {
		case <-deadline:
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, before %d:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (r *running) awaitCalls(t *testing.T) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for r.metric(t, "requests_total") < 3 {
		select {
		case <-deadline:
			t.Fatal("nothing was asked")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// A plugin that reports changes without end, for a thousand issuers, is asked in bounded
// batches.
func TestAStormIsBounded(t *testing.T) {
	socket := socketPath(t)
	plugin := faulty.New(faulty.Storm)
	start(t, plugin, socket)
	r := run(t, remotePlugin(socket))
	keys := make([]resolver.IssuerKey, 0, 1000)
	for i := range 1000 {
		keys = append(keys, faulty.Namespaced("shop", "n"+strconv.Itoa(i)))
	}
	for _, key := range keys {
		r.Find(key)
	}
	for _, key := range keys {
		r.await(t, key, func(f resolver.Finding) bool { return f.Existence == resolver.Missing })
	}
	// 10 batches of 64 a second, and 4 at once.
	if depth := r.metric(t, "queue_depth"); depth > 1000 {
		t.Errorf("%v issuers wait", depth)
	}
}

func TestFindingIsCheap(t *testing.T) {
	socket := socketPath(t)
	start(t, faulty.New(faulty.None), socket)
	r := run(t, remotePlugin(socket))
	key := faulty.Namespaced("shop", "ready")
	r.await(t, key, fresh)
	if n := testing.AllocsPerRun(1000, func() { r.Find(key) }); n != 0 {
		t.Errorf("finding an answer allocates %v times", n)
	}
}

func BenchmarkFind(b *testing.B) {
	socket := filepath.Join(b.TempDir(), "p.sock")
	stop, err := faulty.New(faulty.None).Start(socket)
	if err != nil {
		b.Fatal(err)
	}
	defer stop()
	r := run(b, remotePlugin(socket))
	key := faulty.Namespaced("shop", "ready")
	r.await(b, key, fresh)
	b.ReportAllocs()
	for b.Loop() {
		if finding, _ := r.Find(key); finding.Ready != resolver.Ready {
			b.Fatal("not ready")
		}
	}
}
