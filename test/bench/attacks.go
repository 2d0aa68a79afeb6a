package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/test/cluster"
)

const (
	// Large objects: so many, each of so many bytes.
	largeObjects = 1000
	largeSize    = 250 << 10
	// memoryLimit is that of deploy/.
	memoryLimit = "GOMEMLIMIT=220MiB"
)

// attack is what one tenant does, in a namespace of its own, to make certshim take more than its share.
type attack struct {
	name string
	run  func(*attacker, context.Context) error
}

func attacks() []attack {
	return []attack{
		{"1000 objects of 250 KiB: annotations", (*attacker).largeAnnotations},
		{"1000 objects of 250 KiB: hosts like no other", (*attacker).randomHosts},
		{"1000 objects of 250 KiB: hosts that are numbered", (*attacker).numberedHosts},
		{"1000 objects of 250 KiB: a Secret for each host", (*attacker).secrets},
		{"1000 objects of 250 KiB: all of one Secret", (*attacker).oneSecret},
		{"1000 objects of what is just kept", (*attacker).justKept},
		{"1000 objects of 165 Secrets, just kept", (*attacker).justIndexed},
		{"60 objects with 240 kB in an annotation, 24 edits of another", (*attacker).pin},
		{"keys of 240 kB in a value", (*attacker).longKeys},
		{"4000 connections that never read the metrics", (*attacker).connections},
	}
}

// attacker is the tenant.
type attacker struct {
	*bench
	*rand.Rand
	namespace string
	// metrics is the address of certshim's metrics.
	metrics string
}

// strain is what an attack did.
type strain struct {
	name string
	// peak is the largest resident set during the attack, restarted that of a start after it.
	peak, restarted int64
	// health is the longest time until /healthz answered, waits are those of another tenant for a
	// Certificate.
	health time.Duration
	waits  []time.Duration
	// line is the longest line of the log.
	line int
}

// attacked measures one attack after the other.
func (b *bench) attacked(ctx context.Context, out io.Writer) error {
	if err := b.makeNamespace(ctx, tenantNamespace, 0); err != nil {
		return err
	}
	var rows []strainRow
	made := 0
	for n, a := range attacks() {
		if !strings.Contains(a.name, b.attack) {
			continue
		}
		s, err := b.strain(ctx, a, n, made)
		if err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
		made += len(s.waits)
		note("%s: %d MB, %d MB after a restart, health after %s, longest line %d", a.name, s.peak>>20, s.restarted>>20, s.health, s.line)
		rows = append(rows, newStrainRow(s))
	}
	return pages.ExecuteTemplate(out, "attacks", map[string]any{"Rows": rows, "Seed": b.seed, "Limit": memoryLimit})
}

// strain measures certshim under an attack, and once more when it is started after it.
func (b *bench) strain(ctx context.Context, a attack, n, made int) (s strain, err error) {
	s.name = a.name
	by := &attacker{bench: b, Rand: rand.New(rand.NewPCG(b.seed, uint64(n))), namespace: fmt.Sprintf("attack-%d", n)}
	if err := b.makeNamespace(ctx, by.namespace, 0); err != nil {
		return s, err
	}
	if err := b.struck(ctx, a, by, made, &s); err != nil {
		return s, err
	}
	running, _, err := b.deployed(ctx)
	if err != nil {
		return s, err
	}
	s.restarted, err = b.settled(ctx, running)
	if err := running.Stop(); err != nil {
		return s, err
	}
	if err == nil {
		err = by.cleanUp(ctx)
	}
	return s, err
}

// struck lets the attack run while another tenant makes Ingresses, one after another.
func (b *bench) struck(ctx context.Context, a attack, by *attacker, made int, s *strain) error {
	log := filepath.Join(b.Logs, "certshim.log")
	if err := os.Remove(log); err != nil && !os.IsNotExist(err) {
		return err
	}
	running, health, err := b.deployed(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = running.Stop() }()
	by.metrics = running.address
	if err := running.untilDone(ctx); err != nil {
		return err
	}
	arrivals, err := b.watchArrivals(ctx)
	if err != nil {
		return err
	}
	defer arrivals.stop()
	probed := probe(ctx, "http://"+health+"/healthz")
	over := make(chan error, 1)
	go func() { over <- a.run(by, ctx) }()
	for lasts := true; lasts; {
		waited, err := b.tenant(ctx, arrivals, made+len(s.waits))
		if err != nil {
			return err
		}
		s.waits = append(s.waits, waited)
		select {
		case err = <-over:
			if lasts = false; err != nil {
				return err
			}
		default:
		}
	}
	if s.peak, err = b.settled(ctx, running); err != nil {
		return err
	}
	s.health = probed()
	s.line, err = longestLine(log)
	return err
}

// deployed starts certshim with the limits of deploy/, and gives the address of its health.
func (b *bench) deployed(ctx context.Context) (running *controller, health string, err error) {
	path, err := cluster.Binary("certshim")
	if err != nil {
		return nil, "", err
	}
	if health, err = cluster.FreeAddress(ctx); err != nil {
		return nil, "", err
	}
	running, err = b.build(ctx, path, []string{memoryLimit}, "--healthz-listen-address="+health)
	return running, health, err
}

// settled waits until certshim rests, and gives its peak.
func (b *bench) settled(ctx context.Context, running *controller) (int64, error) {
	if err := running.untilDone(ctx); err != nil {
		return 0, err
	}
	if err := untilIdle(ctx, 3, running.Pid()); err != nil {
		return 0, err
	}
	return peakOf(running.Pid())
}

// probe asks for the URL again and again, until the function that it gives is called for the
// longest time that an answer took.
func probe(ctx context.Context, url string) (longest func() time.Duration) {
	ctx, stop := context.WithCancel(ctx)
	took := make(chan time.Duration)
	go func() {
		var most time.Duration
		for ctx.Err() == nil {
			began := time.Now()
			_, _ = get(ctx, url) // whatever the answer, it is how long it takes that counts
			if ctx.Err() == nil {
				most = max(most, time.Since(began))
			}
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
		took <- most
	}()
	return func() time.Duration {
		stop()
		return <-took
	}
}

func longestLine(log string) (int, error) {
	content, err := os.ReadFile(log)
	longest := 0
	for line := range strings.Lines(string(content)) {
		longest = max(longest, len(line))
	}
	return longest, err
}

// cleanUp deletes what the attack made, one by one: a collection comes back in the answer to its
// deletion, and that of large objects takes the server longer than it gives a request.
func (a *attacker) cleanUp(ctx context.Context) error {
	err := parallel(ctx, loaders/4, largeObjects, func(ctx context.Context, i int) error {
		err := a.Dynamic.Resource(ingresses).Namespace(a.namespace).Delete(ctx, fmt.Sprintf("web-%d", i), metav1.DeleteOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	return a.empty(ctx, a.namespace)
}

// text is of letters and digits that can't be foreseen.
func (a *attacker) text(length int) string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	text := make([]byte, length)
	for i := range text {
		text[i] = letters[a.IntN(len(letters))]
	}
	return string(text)
}

// make makes Ingresses with what content gives for each.
func (a *attacker) make(ctx context.Context, count int, content func(i int) (annotations map[string]any, tls []any)) error {
	objects := make(chan *unstructured.Unstructured)
	failed := make(chan error, 1)
	go func() {
		failed <- parallel(ctx, loaders/4, count, func(ctx context.Context, _ int) error {
			_, err := a.Dynamic.Resource(ingresses).Namespace(a.namespace).Create(ctx, <-objects, metav1.CreateOptions{})
			return err
		})
	}()
	for i := range count {
		object := ingress(a.namespace, fmt.Sprintf("web-%d", i))
		annotations, tls := content(i)
		values := object.Object["metadata"].(map[string]any)["annotations"].(map[string]any)
		for key, value := range annotations {
			values[key] = value
		}
		if tls != nil {
			object.Object["spec"].(map[string]any)["tls"] = tls
		}
		select {
		case objects <- object:
		case err := <-failed:
			return err
		}
	}
	return <-failed
}

func (a *attacker) largeAnnotations(ctx context.Context) error {
	return a.make(ctx, largeObjects, func(int) (map[string]any, []any) {
		values := map[string]any{}
		for _, key := range []string{"cert-manager.io/alt-names", "cert-manager.io/subject-organizations", "certshim.io/ignore", "cert-manager.io/common-name"} {
			values[key] = a.text(largeSize / 4 * 98 / 100)
		}
		return values, nil
	})
}

// entry is a TLS entry of so many bytes.
func (a *attacker) entry(secret string, size int, host func(i int) string) any {
	var hosts []any
	for taken := 0; taken < size; {
		next := host(len(hosts))
		hosts = append(hosts, next)
		taken += len(next) + len(`"",`)
	}
	return map[string]any{"secretName": secret, "hosts": hosts}
}

func (a *attacker) randomHost(int) string { return a.text(50) + ".example.com" }

func (a *attacker) randomHosts(ctx context.Context) error {
	return a.make(ctx, largeObjects, func(i int) (map[string]any, []any) {
		return nil, []any{a.entry(fmt.Sprint("tls-", i), largeSize, a.randomHost)}
	})
}

func (a *attacker) numberedHosts(ctx context.Context) error {
	return a.make(ctx, largeObjects, func(i int) (map[string]any, []any) {
		return nil, []any{a.entry(fmt.Sprint("tls-", i), largeSize, func(n int) string { return fmt.Sprintf("host-%d.shop-%d.example.com", n, i) })}
	})
}

func (a *attacker) secrets(ctx context.Context) error {
	return a.make(ctx, largeObjects, func(i int) (map[string]any, []any) {
		var tls []any
		for n := range 2500 {
			tls = append(tls, map[string]any{"secretName": fmt.Sprintf("tls-%d-%d", i, n), "hosts": []any{fmt.Sprintf("host-%d.shop-%d.team.example.com", n, i)}})
		}
		return nil, tls
	})
}

func (a *attacker) oneSecret(ctx context.Context) error {
	return a.make(ctx, largeObjects, func(i int) (map[string]any, []any) {
		return nil, []any{a.entry("one", largeSize, func(n int) string { return fmt.Sprintf("host-%d.shop-%d.example.com", n, i) })}
	})
}

func (a *attacker) justKept(ctx context.Context) error {
	return a.make(ctx, largeObjects, func(i int) (map[string]any, []any) {
		return nil, []any{a.entry(fmt.Sprint("tls-", i), 70<<10, a.randomHost)}
	})
}

// justIndexed asks for no Certificate, which would be objects themselves.
func (a *attacker) justIndexed(ctx context.Context) error {
	return a.make(ctx, largeObjects, func(i int) (map[string]any, []any) {
		var tls []any
		for n := range 165 {
			tls = append(tls, map[string]any{"secretName": fmt.Sprintf("tls-%d-%d", i, n)})
		}
		return nil, tls
	})
}

// pin gives each of 60 objects a large annotation, and edits another one again and again.
func (a *attacker) pin(ctx context.Context) error {
	const count, edits = 60, 24
	err := a.make(ctx, count, func(int) (map[string]any, []any) {
		return map[string]any{"certshim.io/ignore": a.text(240_000)}, nil
	})
	if err != nil {
		return err
	}
	return parallel(ctx, floodWorkers, count*edits, func(ctx context.Context, i int) error {
		return a.annotate(ctx, a.namespace, fmt.Sprintf("web-%d", i%count), "cert-manager.io/duration", fmt.Sprintf("y%d", i/count))
	})
}

func (a *attacker) longKeys(ctx context.Context) error {
	return a.make(ctx, 60, func(int) (map[string]any, []any) {
		return map[string]any{"cert-manager.io/secret-template": `{"annotations":{"cert-manager.io/` + a.text(240_000) + `":"v"}}`}, nil
	})
}

// connections asks for the metrics on many connections, again and again, and reads none.
func (a *attacker) connections(ctx context.Context) error {
	const count, lasts = 4000, 20 * time.Second
	ctx, stop := context.WithTimeout(ctx, lasts)
	defer stop()
	for range count {
		connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", a.metrics)
		if err != nil {
			break // the kernel keeps no more waiting
		}
		defer func() { _ = connection.Close() }()
		_ = connection.SetWriteDeadline(time.Now().Add(time.Second))
		text := bufio.NewWriter(connection)
		for range 100 {
			_, _ = text.WriteString("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n") // one that is hung up on is hung up on
		}
		_ = text.Flush()
	}
	<-ctx.Done()
	return nil
}

// strainRow is one attack.
type strainRow struct {
	Name, Peak, Restarted, Health, Waits string
	Line                                 int
}

func newStrainRow(s strain) strainRow {
	return strainRow{
		Name: s.name, Peak: fmt.Sprint(s.peak >> 20), Restarted: fmt.Sprint(s.restarted >> 20),
		Health: fmt.Sprintf("%.0f", milliseconds(s.health)), Waits: waits(s.waits), Line: s.line,
	}
}
