package controller

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cluster"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// readSource reads one source from the API server. What it gives is what the inventory packs.
type readSource func(ctx context.Context, r cluster.Resource, ref source.Ref) (packed any, err error)

// prove gives a decision that may be sent, or what becomes of one that may not. Where the permission to read the source is
// missing, nothing is deleted until it is back, and the rest goes by what is known.
func (c *Controller) prove(ctx context.Context, look *inventory.Look, d certificate.Decision) (same certificate.Decision, r result, proven bool) {
	same, proven, err := c.decideLive(ctx, look, d)
	switch {
	case apierrors.IsForbidden(err) && d.Action != certificate.Delete:
		return d, result{}, true
	case apierrors.IsForbidden(err):
		r = result{answer: cluster.Forbidden, err: err, problem: unproven(d, err)}
	case err != nil:
		r = result{answer: cluster.Failed, err: err}
	case look.Stale():
		r = result{answer: cluster.Done}
	case !proven:
		r = result{answer: cluster.Done, after: aboutSlowRetry()}
	default:
		return same, result{}, true
	}
	return d, r, false
}

// decideLive reads the source before one of its Certificates is deleted, or gets what somebody else may know better: two
// watches may be seconds apart, so that what is in memory may be a source from before it named the Secret, or a name.
// A decision is proven if that about the source as it is now does the same to the same Certificate; this one is
// given, as the Certificate may have another resourceVersion by now. A deletion is proven too if the source is gone, or
// another object by now. Otherwise the watch is behind, and wakes the source once it isn't.
func (c *Controller) decideLive(ctx context.Context, look *inventory.Look, d certificate.Decision) (same certificate.Decision, proven bool, err error) {
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
	deletes := d.Action == certificate.Delete
	if cluster.AnswerOf(err) == cluster.Gone {
		return d, deletes, nil
	}
	if err != nil || deletes && mentioned {
		return d, false, err
	}
	live, unreadable := packed.(*inventory.Source).Object()
	switch {
	case live.UID != ref.UID:
		return d, deletes, nil
	case unreadable != "":
		return d, false, nil
	}
	same, proven = c.repeated(certshim.Decide(look.Policy(), live, look), d)
	return same, proven, nil
}

// repeated finds a decision in an outcome. A deletion isn't found in one that has a create which isn't sent yet.
func (c *Controller) repeated(outcome certshim.Outcome, decision certificate.Decision) (again certificate.Decision, found bool) {
	for _, d := range outcome.Certificates {
		if d.Action == decision.Action && d.At() == decision.At() && d.Guard.UID == decision.Guard.UID && d.Want == decision.Want {
			again, found = d, true
		}
		if decision.Action == certificate.Delete && d.Action == certificate.Create && !c.inventory.Sent(d.At(), d.Want, time.Now()) {
			return decision, false
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

// Orphans says when orphans are deleted, where the operator wants that: Certificates in another namespace than
// their source, which isn't there any more. The zero value stands for [DefaultOrphans].
type Orphans struct {
	// Pause is how often orphansAtOnce of them are looked at.
	Pause time.Duration
	// Grace is how long their source has to be missing.
	Grace time.Duration
}

// DefaultOrphans are the times that count.
func DefaultOrphans() Orphans { return Orphans{Pause: time.Minute, Grace: 10 * time.Minute} }

func (o Orphans) orDefault() Orphans {
	if o == (Orphans{}) {
		return DefaultOrphans()
	}
	return o
}

const orphansAtOnce = 10

// orphan is when the source of an orphan was found missing first, zero if it wasn't, and when it was looked at.
type orphan struct{ missing, looked time.Time }

// orphans are those that were looked at, by the uid of the Certificate.
type orphans map[string]orphan

// sweepOrphans deletes them from time to time, until the context ends.
func (c *Controller) sweepOrphans(ctx context.Context) {
	seen := orphans{}
	ticker := time.NewTicker(c.config.Orphans.orDefault().Pause)
	defer ticker.Stop()
	for c.config.CrossNamespace.Orphans == annotations.DeleteUnneeded {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			c.sweep(ctx, seen, now)
		}
	}
}

// sweep looks at some orphans, those first that weren't for the longest time, and deletes those whose source has been
// missing for long enough, unless they say that they are to outlive it.
func (c *Controller) sweep(ctx context.Context, seen orphans, now time.Time) {
	found := c.inventory.Orphans()
	maps.DeleteFunc(seen, func(uid string, _ orphan) bool {
		return !slices.ContainsFunc(found, func(o inventory.Orphan) bool { return o.UID == uid })
	})
	slices.SortStableFunc(found, func(a, b inventory.Orphan) int { return seen[a.UID].looked.Compare(seen[b.UID].looked) })
	looked := 0
	for _, o := range found {
		before := seen[o.UID].missing
		if !o.Granted || !c.policy().Serve.Has(o.Namespace) || o.Flags.Has(certificate.Retained) || !before.IsZero() && now.Sub(before) < c.config.Orphans.orDefault().Grace {
			continue
		}
		if looked++; looked > orphansAtOnce {
			return
		}
		switch gone := c.isGone(ctx, o.Observed); {
		case !gone:
			seen[o.UID] = orphan{looked: now}
		case before.IsZero():
			seen[o.UID] = orphan{missing: now, looked: now}
		default:
			seen[o.UID] = orphan{missing: before, looked: now}
			c.deleteOrphan(ctx, o.Observed)
		}
	}
}

// isGone reports whether the API server says that the source of a Certificate isn't there, though its kind
// and its Namespace are.
func (c *Controller) isGone(ctx context.Context, o certificate.Observed) bool {
	kind, known := c.policy().Kinds.Lookup(o.Owner.Group, o.Owner.Kind)
	if !known {
		return false
	}
	resource, served := c.facts.Load().Served.SourcesOf(kind)
	if !served {
		return false
	}
	c.metrics.liveReads.Inc()
	namespace := cluster.Resource{GVR: namespacesResource(), ClusterScoped: true}
	if _, err := c.readSource(ctx, namespace, source.Ref{Name: o.Owner.Namespace}); err != nil {
		c.log.Warn("a Certificate of another namespace stays: whether the namespace of its source is there can't be read",
			"namespace", o.Namespace, "certificate", o.Name, "error", err)
		return false
	}
	packed, err := c.readSource(ctx, c.sources(kind, resource), source.Ref{Namespace: o.Owner.Namespace, Name: o.Owner.Name})
	if err != nil {
		return cluster.AnswerOf(err) == cluster.Gone
	}
	live, _ := packed.(*inventory.Source).Object()
	return live.UID != o.Owner.UID
}

func (c *Controller) deleteOrphan(ctx context.Context, o certificate.Observed) {
	err := c.count(string(certificate.Delete), c.writer.Delete(ctx, o.FullName(), certificate.Guard{UID: o.UID, ResourceVersion: o.ResourceVersion}))
	if err != nil {
		c.log.Warn("a Certificate whose source is gone can't be deleted", "namespace", o.Namespace, "certificate", o.Name, "error", err)
		return
	}
	c.log.Info("deleted a Certificate of another namespace: its source is gone", "namespace", o.Namespace, "certificate", o.Name,
		"source", o.Owner.Kind, "sourceNamespace", o.Owner.Namespace, "sourceName", o.Owner.Name)
}
