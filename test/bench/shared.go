package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// touches is how many changes of one Ingress are measured together: the clock of /proc has ticks of 10 ms.
const touches = 50

const commonName = "cert-manager.io/common-name"

func crowds() []int { return []int{1, 100, 1000, 5000} }

// crowd is what one of so many Ingresses on one Secret costs.
type crowd struct {
	count int
	// change is the CPU of a change that changes no answer, looks how often certshim looks at an
	// Ingress for it.
	change time.Duration
	looks  float64
}

// shared measures Ingresses that share a Secret: what a change of one costs, and how long
// another tenant waits while one tenant changes many.
func (b *bench) shared(ctx context.Context, out io.Writer) error {
	r := sharedReport{}
	for _, count := range crowds() {
		c, err := b.crowd(ctx, count)
		if err != nil {
			return fmt.Errorf("%d Ingresses on one Secret: %w", count, err)
		}
		note("%d Ingresses on one Secret: a change costs %s and %.1f looks", count, c.change, c.looks)
		r.crowds = append(r.crowds, c)
	}
	var err error
	if r.flood, err = b.flood(ctx); err != nil {
		return fmt.Errorf("flood: %w", err)
	}
	return r.write(out)
}

// share makes a namespace whose Ingresses all name one Secret.
func (b *bench) share(ctx context.Context, namespace string, count int) error {
	if err := b.makeNamespace(ctx, namespace, 0); err != nil {
		return err
	}
	return parallel(ctx, loaders, count, func(ctx context.Context, i int) error {
		object := ingress(namespace, fmt.Sprintf("web-%d", i))
		tls, _, _ := unstructured.NestedSlice(object.Object, "spec", "tls")
		tls[0].(map[string]any)["secretName"] = "one"
		if err := unstructured.SetNestedSlice(object.Object, tls, "spec", "tls"); err != nil {
			return err
		}
		_, err := b.Dynamic.Resource(ingresses).Namespace(namespace).Create(ctx, object, metav1.CreateOptions{})
		return err
	})
}

// crowd changes one Ingress that has not got the Secret, and doesn't get it by that, again and again.
func (b *bench) crowd(ctx context.Context, count int) (c crowd, err error) {
	namespace := fmt.Sprintf("crowd-%d", count)
	if err := b.share(ctx, namespace, count); err != nil {
		return c, err
	}
	running, err := b.calm(ctx, "--namespace="+namespace)
	if err != nil {
		return c, err
	}
	defer func() { _ = running.Stop() }()
	cpu, looks, err := running.spent(ctx)
	if err != nil {
		return c, err
	}
	name := fmt.Sprintf("web-%d", count-1)
	for i := range touches {
		if err := b.annotate(ctx, namespace, name, commonName, fmt.Sprintf("d%d.example.com", i)); err != nil {
			return c, err
		}
		if err := running.untilLooks(ctx, looks+float64(i)+1); err != nil {
			return c, err
		}
	}
	after, seen, err := running.spent(ctx)
	return crowd{count: count, change: (after - cpu) / touches, looks: (seen - looks) / touches}, err
}

// calm starts certshim and waits until it has nothing to do, Events included.
func (b *bench) calm(ctx context.Context, flags ...string) (*controller, error) {
	running, err := b.certshim(ctx, flags...)
	if err != nil {
		return nil, err
	}
	if err = running.untilDone(ctx); err == nil {
		err = untilIdle(ctx, 3, running.Pid())
	}
	if err != nil {
		_ = running.Stop()
		return nil, err
	}
	return running, nil
}

func (b *bench) annotate(ctx context.Context, namespace, name, key, value string) error {
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, key, value)
	_, err := b.Dynamic.Resource(ingresses).Namespace(namespace).Patch(ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	return err
}

// spent is the CPU that certshim has used, and how often it has looked at an object.
func (c *controller) spent(ctx context.Context) (cpu time.Duration, looks float64, err error) {
	if cpu, err = used([]int{c.Pid()}); err != nil {
		return cpu, 0, err
	}
	body, err := get(ctx, "http://"+c.address+"/metrics")
	if err != nil {
		return cpu, 0, err
	}
	_, rest, _ := strings.Cut(body, "\ncertshim_reconciles_total ")
	_, err = fmt.Sscan(rest, &looks)
	return cpu, looks, err
}

// untilLooks waits until certshim has looked at so many objects.
func (c *controller) untilLooks(ctx context.Context, wanted float64) error {
	for {
		_, looks, err := c.spent(ctx)
		if err != nil || looks >= wanted {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.Done():
			return fmt.Errorf("certshim ended after %v looks", looks)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// sharedReport is what Ingresses that share a Secret gave.
type sharedReport struct {
	crowds []crowd
	flood  flood
}

// crowdRow is one number of Ingresses on one Secret.
type crowdRow struct {
	Count       int
	Change      string
	Looks, Look string
}

func (r sharedReport) write(out io.Writer) error {
	var rows []crowdRow
	for _, c := range r.crowds {
		rows = append(rows, crowdRow{
			Count: c.count, Change: fmt.Sprintf("%.1f", milliseconds(c.change)), Looks: fmt.Sprintf("%.1f", c.looks),
			Look: fmt.Sprintf("%.2f", milliseconds(c.change)/c.looks),
		})
	}
	f := r.flood
	return pages.ExecuteTemplate(out, "shared", map[string]any{
		"Touches": touches, "Rows": rows, "Edits": floodEdits, "Sources": floodSources,
		"Took": fmt.Sprintf("%.1f", f.took.Seconds()), "Rounds": len(f.during),
		"Quiet": waits(f.quiet), "During": waits(f.during),
		"CPU": fmt.Sprintf("%.1f", f.cpu.Seconds()), "Calm": fmt.Sprintf("%.1f", f.calm.Seconds()),
	})
}
