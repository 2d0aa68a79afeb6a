package controller

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cluster"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// readSource reads one source from the API server. What it gives is what the inventory packs.
type readSource func(ctx context.Context, r cluster.Resource, ref source.Ref) (packed any, err error)

// prove gives a deletion that may be sent, or what becomes of one that may not.
func (c *Controller) prove(ctx context.Context, look *inventory.Look, d certificate.Decision) (deletion certificate.Decision, r result, proven bool) {
	deletion, proven, err := c.decideLive(ctx, look, d)
	switch {
	case apierrors.IsForbidden(err):
		r = result{answer: cluster.Refused, after: aboutSlowRetry(), problem: unproven(d, err)}
	case err != nil:
		r = result{answer: cluster.Failed, err: err}
	case look.Stale():
		r = result{answer: cluster.Done}
	case !proven:
		r = result{answer: cluster.Done, after: aboutSlowRetry()}
	default:
		return deletion, result{}, true
	}
	return d, r, false
}

// decideLive reads the source before one of its Certificates is deleted: two watches may be
// seconds apart, so that what is in memory may be a source from before it named the Secret. The
// deletion is proven if the source is gone, or another object by now, or if the decision about the
// source as it is now deletes the same Certificate; that decision is given, as the Certificate may
// have another resourceVersion by now. Otherwise the watch is behind, and wakes the source once it
// isn't.
func (c *Controller) decideLive(ctx context.Context, look *inventory.Look, d certificate.Decision) (deletion certificate.Decision, proven bool, err error) {
	remembered, _ := look.Object()
	ref := remembered.Ref
	kind, known := look.Policy().Kinds.Lookup(ref.Group, ref.Kind)
	if !known {
		return d, false, nil
	}
	resource, served := c.facts.Load().Served.SourcesOf(kind)
	if !served {
		return d, false, nil
	}
	c.metrics.liveReads.Inc()
	mentioned := false
	r := c.sources(kind, resource)
	transform := r.Transform
	// All of the object is read, as the Secret may be mentioned anywhere.
	r.Paths, r.Transform = nil, func(o any) (any, error) {
		if object, is := o.(*unstructured.Unstructured); is {
			mentioned = kind.Mentions(object, d.Name)
		}
		return transform(o)
	}
	packed, err := c.readSource(ctx, r, ref)
	if cluster.AnswerOf(err) == cluster.Gone {
		return d, true, nil
	}
	if err != nil || mentioned {
		return d, false, err
	}
	live, unreadable := packed.(*inventory.Source).Object()
	switch {
	case live.UID != ref.UID:
		return d, true, nil
	case unreadable != "":
		return d, false, nil
	}
	deletion, proven = c.repeated(certshim.Decide(look.Policy(), live, look), d)
	return deletion, proven, nil
}

// repeated finds a deletion in an outcome, unless that has a create that isn't sent yet.
func (c *Controller) repeated(outcome certshim.Outcome, deletion certificate.Decision) (again certificate.Decision, found bool) {
	for _, d := range outcome.Certificates {
		switch d.Action {
		case certificate.Create:
			if c.inventory.Underway(nameOf(d), d.Want, time.Now()) == 0 {
				return deletion, false
			}
		case certificate.Delete:
			if d.Name == deletion.Name && d.Guard.UID == deletion.Guard.UID {
				again, found = d, true
			}
		default:
		}
	}
	return again, found
}

func unproven(d certificate.Decision, err error) problem.Problem {
	return problem.Problem{
		Severity: problem.Warning, Path: "spec", Value: d.Name, Reason: problem.NoLongerKept,
		Message: fmt.Sprintf("Certificate %s stays although nothing seems to name it any more: the object can't be read again to be sure: %s", problem.Name(d.Name), err),
	}
}
