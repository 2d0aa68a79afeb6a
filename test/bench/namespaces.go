package main

import (
	"context"
	"fmt"
	"io"
	"strings"
)

const (
	largeNamespace = "large"
	smallOnes      = 10
)

// namespaces makes the Certificates of one large namespace, and of as many Ingresses in
// ten smaller ones, compares the CPU of a Certificate, and restarts over them all.
func (b *bench) namespaces(ctx context.Context, out io.Writer) error {
	note("making %d Ingresses", 2*b.size.namespace)
	if err := b.makeNamespace(ctx, largeNamespace, b.size.namespace); err != nil {
		return err
	}
	small, err := b.makeNamespaces(ctx, "small", smallOnes, b.size.namespace)
	if err != nil {
		return err
	}
	r := namespacesReport{size: b.size}
	if r.small, err = b.in(ctx, small...); err != nil {
		return err
	}
	if r.large, err = b.in(ctx, largeNamespace); err != nil {
		return err
	}
	if err := b.issue(ctx); err != nil {
		return err
	}
	if r.restarts, err = b.inTurns(ctx, 1, b.certshimProgram()); err != nil {
		return err
	}
	if err := b.handOver(ctx); err != nil {
		return err
	}
	shim, err := b.inTurns(ctx, 1, b.shimProgram())
	if err != nil {
		return err
	}
	r.restarts = append(r.restarts, shim...)
	return r.write(out)
}

// in makes the Certificates of some namespaces.
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

// makeNamespaces makes some namespaces, with as many Ingresses in all of them together.
func (b *bench) makeNamespaces(ctx context.Context, prefix string, namespaces, ingresses int) ([]string, error) {
	var names []string
	for i := range namespaces {
		name := fmt.Sprintf("%s-%d", prefix, i)
		if err := b.makeNamespace(ctx, name, ingresses/namespaces); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}
