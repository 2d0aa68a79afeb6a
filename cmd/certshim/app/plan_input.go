package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certshim/certshim/cmd/certshim/app/manifest"
	"github.com/certshim/certshim/problem"
)

// readInput fills the inventory with the documents of -f.
func (o *planOptions) readInput(ctx context.Context) (*planInventory, error) {
	limitGarbage(planGarbage) // a large input is mostly garbage once it is read
	d := newDocuments(o.policy, o.configuration, cmp.Or(o.namespace, metav1.NamespaceDefault))
	d.labels, d.ignoreOther = o.labels, o.ignoreOther
	o.input.withoutPatches = o.ignoreOther
	o.input.each(ctx, func(document manifest.Document, err error) {
		if ctx.Err() == nil {
			o.take(d, document, err)
		}
	})
	if ctx.Err() != nil {
		return nil, stopped(ctx)
	}
	d.ignored.add(kustomizePatch, o.input.patches)
	if o.input.values == 0 && !o.unreadable {
		return nil, errors.New("there is no document in the input: nothing was read")
	}
	return d.finish()
}

func stopped(ctx context.Context) error {
	return fmt.Errorf("stopped before the plan was complete: %w", context.Cause(ctx))
}

// take adds a document to the inventory, and says what can't be read of it.
func (o *planOptions) take(known *documents, d manifest.Document, err error) {
	if err != nil {
		o.takeBroken(known, err)
		return
	}
	if !o.ignoreOther || known.reads(d.Object) {
		for _, w := range d.Warnings {
			printLine(o.streams.ErrOut, "warning: "+w.Error())
		}
	}
	if o.saved != nil {
		o.saved(d.Object)
	}
	replaced, err := known.add(d)
	named := strings.TrimSpace(d.Object.GetKind() + " " + d.Object.GetName())
	for _, one := range problem.Each(err) {
		o.cannotRead(&manifest.BrokenError{At: d.At, Err: fmt.Errorf("%s: %w", named, one)})
	}
	if replaced {
		printLine(o.streams.ErrOut, fmt.Sprintf("warning: %s: %s %s/%s occurs twice, the last one counts",
			d.At, d.Object.GetKind(), d.Object.GetNamespace(), d.Object.GetName()))
	}
}

// How documents are counted that --ignore-other leaves out.
const (
	notAnObject     = "not a Kubernetes object"
	kustomizePatch  = "Kustomize patch"
	withPlaceholder = "with placeholders"
)

// takeBroken says what can't be read, or with --ignore-other counts it where it may be meant for
// something else.
func (o *planOptions) takeBroken(known *documents, err error) {
	var broken *manifest.BrokenError
	if o.ignoreOther && errors.As(err, &broken) && broken.Other {
		known.ignored.count(notAnObject)
		return
	}
	o.cannotRead(err)
}

func (o *planOptions) cannotRead(err error) {
	o.unreadable = true
	printLine(o.streams.ErrOut, "error: "+err.Error())
}
