package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/test/cluster"
)

const coldNamespace = "cold"

// contestant makes the Certificates of all Ingresses and says how it went.
type contestant struct {
	name string
	run  func(context.Context) (lap, error)
}

// lap is one cold start.
type lap struct {
	// took is from the start of the process, or of the loop, to the last Certificate;
	// server is the CPU of API server and etcd in that time.
	took, cpu, server time.Duration
	peak              int64
}

// cold measures the cold start in turns: the limit is a loop that sends the very bodies
// that certshim sends, from the same parallelism.
func (b *bench) cold(ctx context.Context, out io.Writer) error {
	note("making %d Ingresses", b.size.cold)
	if err := b.makeNamespace(ctx, coldNamespace, b.size.cold); err != nil {
		return err
	}
	note("warming up")
	if _, err := b.coldCertshim(ctx); err != nil {
		return err
	}
	bodies, err := b.bodies(ctx)
	if err != nil {
		return err
	}
	contestants := []contestant{
		{limitName, func(ctx context.Context) (lap, error) { return b.loop(ctx, bodies) }},
		{certshimName, b.coldCertshim},
		{shimName, b.coldShim},
	}
	r := coldReport{size: b.size}
	for turn := range b.size.turns {
		laps := map[string]lap{}
		for i := range contestants {
			c := contestants[(i+turn)%len(contestants)]
			if err := b.empty(ctx, coldNamespace); err != nil {
				return err
			}
			if laps[c.name], err = c.run(ctx); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			note("turn %d: %s: %.1fs", turn+1, c.name, laps[c.name].took.Seconds())
		}
		r.turns = append(r.turns, laps)
	}
	if r.urgent, err = b.urgent(ctx); err != nil {
		return err
	}
	return r.write(out)
}

// body is an apply configuration on the wire.
type body struct {
	name    string
	content []byte
}

// bodies are those that certshim sent for the Certificates that exist now.
func (b *bench) bodies(ctx context.Context) ([]body, error) {
	list, err := b.Dynamic.Resource(cluster.Certificates()).Namespace(coldNamespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	var bodies []body
	for _, c := range list.Items {
		// The resourceVersion is certshim's guard: such an apply creates, or fails.
		metadata := map[string]any{
			"name": c.GetName(), "namespace": c.GetNamespace(), "labels": c.GetLabels(), "ownerReferences": c.GetOwnerReferences(),
			"resourceVersion": "1",
		}
		content, err := json.MarshalIndent(map[string]any{
			"apiVersion": c.GetAPIVersion(), "kind": c.GetKind(), "metadata": metadata, "spec": c.Object["spec"],
		}, "", "")
		if err != nil {
			return nil, err
		}
		bodies = append(bodies, body{c.GetName(), content})
	}
	return bodies, nil
}

// loop applies the bodies, nothing else: what no controller can be faster than.
func (b *bench) loop(ctx context.Context, bodies []body) (lap, error) {
	client := b.Dynamic.Resource(cluster.Certificates()).Namespace(coldNamespace)
	options := metav1.PatchOptions{FieldManager: "limit", FieldValidation: metav1.FieldValidationIgnore}
	cpu, err := ownUsage()
	if err != nil {
		return lap{}, err
	}
	l, err := b.lap(ctx, len(bodies), func() error {
		return parallel(ctx, b.size.workers, len(bodies), func(ctx context.Context, i int) error {
			_, err := client.Patch(ctx, bodies[i].name, types.ApplyPatchType, bodies[i].content, options)
			return err
		})
	})
	if err != nil {
		return l, err
	}
	after, err := ownUsage()
	l.cpu = after - cpu
	return l, err
}

// lap takes the time from now until all Certificates have arrived.
func (b *bench) lap(ctx context.Context, count int, run func() error) (lap, error) {
	arrivals, err := b.watchArrivals(ctx)
	if err != nil {
		return lap{}, err
	}
	defer arrivals.stop()
	server, err := b.server()
	if err != nil {
		return lap{}, err
	}
	began := time.Now()
	if err := run(); err != nil {
		return lap{}, err
	}
	last, err := arrivals.until(ctx, count)
	if err != nil {
		return lap{}, err
	}
	after, err := b.server()
	return lap{took: last.Sub(began), server: after - server}, err
}

func (b *bench) coldCertshim(ctx context.Context) (lap, error) {
	return b.started(ctx, b.size.cold, func() (*controller, error) { return b.certshim(ctx, "--namespace="+coldNamespace) })
}

func (b *bench) coldShim(ctx context.Context) (lap, error) {
	return b.started(ctx, b.size.cold, func() (*controller, error) { return b.shim(ctx) })
}

// started is a lap of a program.
func (b *bench) started(ctx context.Context, count int, start func() (*controller, error)) (lap, error) {
	var c *controller
	l, err := b.lap(ctx, count, func() (err error) {
		c, err = start()
		return err
	})
	if c == nil {
		return l, err
	}
	defer func() { _ = c.Stop() }()
	if err != nil {
		return l, err
	}
	u, err := usageOf(c.Pid())
	l.cpu, l.peak = u.cpu, u.peak
	return l, err
}

// urgent makes one Ingress in the middle of each of some cold starts, and gives the times
// until its Certificate is there.
func (b *bench) urgent(ctx context.Context) ([]time.Duration, error) {
	var all []time.Duration
	for range b.size.turns {
		if err := b.empty(ctx, coldNamespace); err != nil {
			return nil, err
		}
		waited, err := b.oneUrgent(ctx)
		if err != nil {
			return nil, err
		}
		note("one change during a burst: %s", waited)
		all = append(all, waited)
	}
	return all, nil
}

func (b *bench) oneUrgent(ctx context.Context) (time.Duration, error) {
	arrivals, err := b.watchArrivals(ctx)
	if err != nil {
		return 0, err
	}
	defer arrivals.stop()
	running, err := b.certshim(ctx, "--namespace="+coldNamespace)
	if err != nil {
		return 0, err
	}
	defer func() { _ = running.Stop() }()
	if _, err := arrivals.until(ctx, b.size.cold/4); err != nil {
		return 0, err
	}
	client := b.Dynamic.Resource(ingresses).Namespace(coldNamespace)
	began := time.Now()
	if _, err := client.Create(ctx, ingress(coldNamespace, "urgent"), metav1.CreateOptions{}); err != nil {
		return 0, err
	}
	if _, err := arrivals.until(ctx, b.size.cold+1); err != nil {
		return 0, err
	}
	if err := client.Delete(ctx, "urgent", metav1.DeleteOptions{}); err != nil {
		return 0, err
	}
	at, _ := arrivals.at(coldNamespace, "urgent-tls")
	return at.Sub(began), nil
}
