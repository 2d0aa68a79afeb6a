package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	largeNamespace = "large"
	smallOnes      = 10
)

// namespaces makes the Certificates of one large namespace, and of as many Ingresses in
// ten smaller ones, and compares the CPU of a Certificate.
func (b *bench) namespaces(ctx context.Context) error {
	note("making %d Ingresses", 2*b.size.namespace)
	if err := b.makeNamespace(ctx, largeNamespace, b.size.namespace); err != nil {
		return err
	}
	var small []string
	for i := range smallOnes {
		name := fmt.Sprintf("small-%d", i)
		small = append(small, name)
		if err := b.makeNamespace(ctx, name, b.size.namespace/smallOnes); err != nil {
			return err
		}
	}
	var err error
	if b.report.small, err = b.in(ctx, small...); err != nil {
		return err
	}
	b.report.large, err = b.in(ctx, largeNamespace)
	return err
}

func (b *bench) in(ctx context.Context, names ...string) (lap, error) {
	if err := b.rest(ctx); err != nil {
		return lap{}, err
	}
	l, err := b.started(ctx, b.size.namespace, func() (*controller, error) {
		return b.certshim(ctx, "--namespace="+strings.Join(names, ","))
	})
	note("%d namespaces, %d Certificates: %.1fs, %s of CPU", len(names), b.size.namespace, l.took.Seconds(), l.cpu)
	return l, err
}

// restart is a start over Certificates that are up to date.
type restart struct {
	usage
	took   time.Duration
	writes float64
}

// restarts starts certshim, then cert-manager's shim, over all Certificates made so far.
func (b *bench) restarts(ctx context.Context) error {
	if err := b.empty(ctx, coldNamespace); err != nil {
		return err
	}
	if err := b.coldAgain(ctx); err != nil {
		return err
	}
	note("giving every Certificate a status")
	if err := b.issue(ctx); err != nil {
		return err
	}
	var err error
	if b.report.restart, err = b.restart(ctx, func() (*controller, error) { return b.certshim(ctx) }); err != nil {
		return err
	}
	// cert-manager's shim writes under a field manager of its own and so takes the fields
	// of certshim's Certificates first; what is measured is its second start.
	if _, err = b.restart(ctx, func() (*controller, error) { return b.shim(ctx) }); err != nil {
		return err
	}
	b.report.shimRestart, err = b.restart(ctx, func() (*controller, error) { return b.shim(ctx) })
	return err
}

// coldAgain makes the Certificates of the cold start once more, so that all are there.
func (b *bench) coldAgain(ctx context.Context) error {
	_, err := b.coldCertshim(ctx)
	return err
}

func (b *bench) restart(ctx context.Context, start func() (*controller, error)) (restart, error) {
	if err := b.rest(ctx); err != nil {
		return restart{}, err
	}
	before, err := b.writes(ctx)
	if err != nil {
		return restart{}, err
	}
	began := time.Now()
	c, err := start()
	if err != nil {
		return restart{}, err
	}
	defer func() { _ = c.Stop() }()
	r := restart{}
	if c.address != "" {
		if err := c.untilIdle(ctx); err != nil {
			return r, err
		}
		r.took = time.Since(began)
	}
	if err := untilIdle(ctx, c.Pid()); err != nil {
		return r, err
	}
	if r.usage, err = usageOf(c.Pid()); err != nil {
		return r, err
	}
	after, err := b.writes(ctx)
	r.writes = after - before
	note("restart: %s of CPU, %d MB, %v writes", r.cpu, r.peak>>20, r.writes)
	return r, err
}

// untilIdle waits until certshim has looked at everything once.
func (c *controller) untilIdle(ctx context.Context) error {
	for {
		body, err := get(ctx, "http://"+c.address+"/metrics")
		if err == nil && strings.Contains(body, "\ncertshim_initial_reconcile_done 1\n") {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.Done():
			return errors.New("certshim has ended")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func get(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(response.Body)
	return string(body), errors.Join(err, response.Body.Close())
}
