package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// The flood of edits: so many, to so many Ingresses of one Secret, by so many workers.
	floodEdits   = 4000
	floodSources = 300
	floodWorkers = 2
	// quietRounds is how many Ingresses another tenant makes before the flood.
	quietRounds = 20

	floodNamespace, tenantNamespace = "flood", "tenant"
)

// flood is how long another tenant waits for a Certificate.
type flood struct {
	quiet, during []time.Duration
	// took is how long the edits took, calm how long certshim was busy after that.
	took, calm time.Duration
	cpu        time.Duration
}

func (b *bench) flood(ctx context.Context) (f flood, err error) {
	if err := b.share(ctx, floodNamespace, floodSources); err != nil {
		return f, err
	}
	if err := b.makeNamespace(ctx, tenantNamespace, 0); err != nil {
		return f, err
	}
	running, err := b.calm(ctx)
	if err != nil {
		return f, err
	}
	defer func() { _ = running.Stop() }()
	arrivals, err := b.watchArrivals(ctx)
	if err != nil {
		return f, err
	}
	defer arrivals.stop()
	for i := range quietRounds {
		waited, err := b.tenant(ctx, arrivals, i)
		if err != nil {
			return f, err
		}
		f.quiet = append(f.quiet, waited)
	}
	err = b.flooded(ctx, &f, running, arrivals)
	return f, err
}

// flooded lets the other tenant make Ingresses, one after another, while the edits last.
func (b *bench) flooded(ctx context.Context, f *flood, running *controller, arrivals *arrivals) error {
	before, err := used([]int{running.Pid()})
	if err != nil {
		return err
	}
	began := time.Now()
	over := make(chan error, 1)
	go func() {
		err := b.edits(ctx)
		f.took = time.Since(began)
		over <- err
	}()
	for lasts := true; lasts; {
		waited, err := b.tenant(ctx, arrivals, quietRounds+len(f.during))
		if err != nil {
			return err
		}
		f.during = append(f.during, waited)
		select {
		case err := <-over:
			if err != nil {
				return err
			}
			lasts = false
		default:
		}
	}
	note("%d edits in %s; %d Certificates of another tenant meanwhile, the slowest after %s",
		floodEdits, f.took, len(f.during), slices.Max(f.during))
	if err := untilIdle(ctx, 3, running.Pid()); err != nil {
		return err
	}
	// The three seconds in which it is idle are no work.
	f.calm = max(0, time.Since(began)-f.took-3*time.Second)
	after, err := used([]int{running.Pid()})
	f.cpu = after - before
	return err
}

// edits gives the Ingresses of the flood other common names.
func (b *bench) edits(ctx context.Context) error {
	return parallel(ctx, floodWorkers, floodEdits, func(ctx context.Context, i int) error {
		return b.annotate(ctx, floodNamespace, fmt.Sprintf("web-%d", i%floodSources), commonName, fmt.Sprintf("d%d.example.com", i))
	})
}

// tenant makes one Ingress and gives the time until its Certificate is there.
func (b *bench) tenant(ctx context.Context, arrivals *arrivals, i int) (time.Duration, error) {
	name := fmt.Sprintf("web-%d", i)
	began := time.Now()
	if _, err := b.Dynamic.Resource(ingresses).Namespace(tenantNamespace).Create(ctx, ingress(tenantNamespace, name), metav1.CreateOptions{}); err != nil {
		return 0, err
	}
	for {
		if at, found := arrivals.at(tenantNamespace, name+"-tls"); found {
			return at.Sub(began), nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-arrivals.changed:
		case <-time.After(patience):
			return 0, fmt.Errorf("no Certificate of %s within %s", name, patience)
		}
	}
}

// waits is the median of times, and the longest.
func waits(all []time.Duration) string {
	sorted := slices.Sorted(slices.Values(all))
	return fmt.Sprintf("%.0f | %.0f", milliseconds(sorted[len(sorted)/2]), milliseconds(sorted[len(sorted)-1]))
}
