package controller

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/plugins"
	"github.com/certshim/certshim/plugins/plugintest/faulty"
	"github.com/certshim/certshim/plugins/remote"
	"github.com/certshim/certshim/resolver"
)

// bench is a controller with 1,000 sources, half of them on issuers of a plugin.
type bench struct {
	*Controller
	store  *store
	socket string
	stop   func()
}

const (
	sources      = 1000
	corpIssuers  = 50
	pluginTime   = 200 * time.Millisecond
	benchWorkers = 8
)

func corpName(i int) string { return fmt.Sprintf("ca-%d", i%corpIssuers) }

// soundPlugin knows the issuers of the bench.
func soundPlugin(fault faulty.Fault) *faulty.Plugin {
	p := faulty.New(fault)
	for i := range corpIssuers {
		p.Set(faulty.Namespaced("shop", corpName(i)), faulty.ReadyStatement())
	}
	return p
}

func newBench(t *testing.T) *bench {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "p.sock")
	registry, err := resolver.NewRegistry(resolver.Defaults{}, []resolver.IssuerType{{
		ID: "corp-ca", Group: faulty.Group, Versions: []string{"v1"}, Level: resolver.LevelOperator,
		Kinds: []resolver.DeclaredKind{{Kind: "CorpIssuer", Resource: "corpissuers", Scope: resolver.Namespaced}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	host, err := plugins.New([]plugins.Plugin{{
		Name: "corp-ca", Tier: "plugin", Kinds: faulty.Kinds(), Grant: faulty.Grant(), Observe: resolver.ObserveNone, Hold: true, Timeout: pluginTime,
		Backend: remote.New(remote.Config{Socket: socket, Kinds: faulty.Kinds(), Grant: faulty.Grant(), Timeout: pluginTime}),
	}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{socket: socket, Controller: newTestController(t, nil, func(config *Config) {
		config.Policy.Registry = registry
		config.Policy.Parser = annotations.NewParser(annotations.Options{IssuerKeys: faulty.Grant().Annotations})
		config.Plugins = host
	})}
	b.store = newStore(t, b.Controller)
	b.writer = b.store
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { b.askPlugins(ctx) })
	for range benchWorkers {
		running.Go(func() {
			for b.workOnOne(ctx, ctx) {
			}
		})
	}
	b.stop = sync.OnceFunc(func() { cancel(); b.queue.ShutDown(); running.Wait() })
	t.Cleanup(b.stop)
	return b
}

// plug puts a plugin behind the socket, until it is pulled.
func (b *bench) plug(t *testing.T, fault faulty.Fault) (pull func()) {
	t.Helper()
	stop, err := soundPlugin(fault).Start(b.socket)
	if err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(stop)
	t.Cleanup(stop)
	return stop
}

// change makes or changes a source, and with it the only host of its Certificate.
func (b *bench) change(t *testing.T, name, issuer, host string) {
	t.Helper()
	w := b.sources(ingressKind(t), ingressKind(t).Resources()[0])
	keys := map[string]any{"cert-manager.io/issuer": "ca"}
	if issuer != "" {
		keys = map[string]any{
			"cert-manager.io/issuer": issuer, "cert-manager.io/issuer-kind": "CorpIssuer",
			"cert-manager.io/issuer-group": faulty.Group, faulty.Group + "/profile": "web",
		}
	}
	item, err := w.Transform(&unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
		"metadata": map[string]any{"namespace": "shop", "name": name, "uid": "uid-" + name, "resourceVersion": host, "annotations": keys},
		"spec":     map[string]any{"tls": []any{map[string]any{"hosts": []any{host}, "secretName": name}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.Handler.OnAdd(item, false)
}

// changeAll changes every source.
func (b *bench) changeAll(t *testing.T, host string) {
	for i := range sources / 2 {
		b.change(t, fmt.Sprintf("plain-%d", i), "", host)
		b.change(t, fmt.Sprintf("corp-%d", i), corpName(i), host)
	}
}

// await waits until so many Certificates have a host.
func (b *bench) await(t *testing.T, prefix, host string, n int) {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		have := 0
		for name, config := range b.store.all() {
			hosts, _, _ := unstructured.NestedSlice(config, "spec", "dnsNames")
			if strings.HasPrefix(name, prefix) && len(hosts) == 1 && hosts[0] == host {
				have++
			}
		}
		if have == n {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("%d Certificates of %s… have the host %s, want %d", have, prefix, host, n)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Whatever a plugin does, a source's own change comes through and nothing else changes; sources
// of other issuers go on; and what the plugin never spoke of waits until it does.
func TestFaultyPluginsAlterNothingAndHoldUpNobodyElse(t *testing.T) {
	mute := []faulty.Fault{faulty.Silent, faulty.DiesMidway, faulty.Endless, faulty.OldVersion, faulty.LieKind}
	before := weigh()
	for _, fault := range []faulty.Fault{
		faulty.Silent, faulty.Slow, faulty.DiesMidway, faulty.Endless, faulty.Huge, faulty.OldVersion,
		faulty.LieKind, faulty.LieDefault, faulty.LieRefuse, faulty.LieAnnotation, faulty.DropID, faulty.DuplicateID,
		faulty.BadEnum, faulty.ShortTTL, faulty.Storm, faulty.LieNamespace, faulty.Flap, faulty.NUL, faulty.Secret,
		faulty.NewInstance, faulty.NoHealth, faulty.NoHeartbeat, faulty.Deaf, faulty.Hoard,
	} {
		t.Run(string(fault), func(t *testing.T) {
			b := newBench(t)
			pull := b.plug(t, faulty.None)
			b.changeAll(t, "one.example.com")
			b.await(t, "corp-", "one.example.com", sources/2)
			b.await(t, "plain-", "one.example.com", sources/2)
			first := b.store.all()
			if usages, _, _ := unstructured.NestedStringSlice(first["corp-0"], "spec", "usages"); !slices.Equal(usages, []string{"server auth"}) {
				t.Fatalf("the plugin's default isn't there: %v", first["corp-0"])
			}
			sound := weigh()

			pull()
			pull = b.plug(t, fault)
			b.change(t, "late", "never-asked-before", "two.example.com")
			b.changeAll(t, "two.example.com")
			b.await(t, "plain-", "two.example.com", sources/2)
			b.await(t, "corp-", "two.example.com", sources/2)
			b.sameButForHosts(t, first)
			if slices.Contains(mute, fault) && b.store.all()["late"] != nil {
				t.Error("a Certificate was made before the plugin spoke of its issuer")
			}

			// The plugin is gone, and back.
			pull()
			b.plug(t, faulty.None)
			b.changeAll(t, "three.example.com")
			b.await(t, "corp-", "three.example.com", sources/2)
			b.await(t, "plain-", "three.example.com", sources/2)
			if fault == faulty.OldVersion {
				b.await(t, "late", "two.example.com", 1)
			}
			b.sameButForHosts(t, first)
			if b.store.deleted > 0 {
				t.Errorf("%d Certificates were deleted", b.store.deleted)
			}
			returnTo(t, sound)
			b.stop()
		})
	}
	returnTo(t, before)
}

// sameButForHosts compares with what was applied at first.
func (b *bench) sameButForHosts(t *testing.T, first map[string]map[string]any) {
	t.Helper()
	for name, config := range b.store.all() {
		then, known := first[name]
		if !known {
			continue
		}
		was, is := (&unstructured.Unstructured{Object: then}).DeepCopy().Object, (&unstructured.Unstructured{Object: config}).DeepCopy().Object
		unstructured.RemoveNestedField(was, "spec", "dnsNames")
		unstructured.RemoveNestedField(is, "spec", "dnsNames")
		if !reflect.DeepEqual(was, is) {
			t.Fatalf("Certificate %s was %v, is %v", name, was, is)
		}
	}
}

// weight is what the process holds.
type weight struct {
	goroutines int
	heap       uint64
}

// weigh counts what is in use: what nobody holds any more is collected first.
func weigh() weight {
	var m runtime.MemStats
	// What a finalizer or a pool lets go of, the second collection takes.
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return weight{goroutines: runtime.NumGoroutine(), heap: m.HeapAlloc}
}

// spareHeap is what may be held beyond: half of what 1,000 sources and their Certificates take.
const spareHeap = 4 << 20

// returnTo waits until no more is held than before.
func returnTo(t *testing.T, before weight) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		now := weigh()
		if now.goroutines <= before.goroutines && now.heap <= before.heap+spareHeap {
			return
		}
		select {
		case <-deadline:
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines and %d bytes, before %d and %d:\n%s",
				now.goroutines, now.heap, before.goroutines, before.heap, stacks[:runtime.Stack(stacks, true)])
		case <-time.After(10 * time.Millisecond):
		}
	}
}
