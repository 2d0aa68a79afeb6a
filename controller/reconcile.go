package controller

import (
	"context"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cluster"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// requeue says whether a source must be looked at again, and when.
type requeue struct {
	// retry asks for another look after the backoff, after one at that time.
	retry bool
	after time.Duration
	// held says that a write was held back, so that what the API server answered before stands.
	held bool
	// written says that the API server took a write.
	written bool
	// left says that a write that is to be made wasn't.
	left bool
	// aside says that the source waits for its turn among the large ones.
	aside bool
}

// reconcile looks at one source: reads it, decides, executes, and says so.
func (c *Controller) reconcile(ctx context.Context, k key) requeue {
	c.metrics.reconciles.Inc()
	look := c.inventory.Look(k)
	if look == nil {
		c.forget(k)
		return requeue{}
	}
	defer look.Close()
	if look.Large() && !c.large.enter(k) {
		return requeue{aside: true}
	}
	outcome := c.decide(look)
	if look.Unread() {
		// The source wakes once what was asked for is known.
		return requeue{}
	}
	if names := c.toRead(k, outcome.Certificates); len(names) > 0 {
		if err := c.readLive(ctx, look, names); err != nil {
			return c.failed(k, outcome.Source, err)
		}
		outcome = c.decide(look)
		c.judgeFields(look, outcome)
	}
	next, problems, conflicts := c.executeAll(ctx, look, outcome, nil)
	if len(conflicts) > 0 {
		if err := c.readLive(ctx, look, conflicts); err != nil {
			return c.failed(k, outcome.Source, err)
		}
		outcome = c.decide(look)
		again, more, still := c.executeAll(ctx, look, outcome, conflicts)
		next.merge(again)
		next.retry = next.retry || len(still) > 0
		problems.Merge(more)
	}
	if !next.left && !awaits(outcome) {
		look.Fulfilled()
	}
	problems.Merge(outcome.Problems)
	next.merge(requeue{after: c.report(look, outcome, problems, next)})
	next.held, next.left = false, false
	return next
}

// awaits reports whether what a source asks for isn't all decided yet: it goes on once an issuer is
// there, or is known, or once others let it: a Gateway, who has its listener, or a grant.
func awaits(outcome certshim.Outcome) bool {
	return outcome.HeldBy != "" ||
		slices.ContainsFunc(outcome.Certificates, func(d certificate.Decision) bool { return d.Action == certificate.Wait }) ||
		slices.ContainsFunc(outcome.Problems.All(), func(p problem.Problem) bool { return isOfOthers(p.Reason) })
}

// isOfOthers reports whether a problem is over without an edit of the source or of the operator's configuration.
func isOfOthers(reason problem.Reason) bool {
	switch reason {
	case problem.IssuerNotFound, problem.IssuerKindNotInstalled, problem.IssuerResolverUnavailable,
		problem.ParentNotFound, problem.ParentRefuses, problem.ListenerConflict, problem.NotGranted:
		return true
	default:
		return false
	}
}

// report tells of the problems that a source has now. It gives the time after which the source is
// to be looked at for them again.
func (c *Controller) report(look *inventory.Look, outcome certshim.Outcome, problems problem.List, next requeue) time.Duration {
	f := found{source: outcome.Source, problems: lasting(problems.For(outcome.Source.Object()).All()), held: next.held || next.retry}
	if len(f.problems) > 0 {
		object, _ := look.Object()
		f.leaving = object.Deleting || c.inventory.Ends(outcome.Source.Namespace)
	}
	return c.reporter.report(look.Key(), f, time.Now())
}

// lasting drops problems that the write itself mends; they are reported with the write.
func lasting(problems []problem.Problem) []problem.Problem {
	return slices.DeleteFunc(problems, func(p problem.Problem) bool { return p.Reason == problem.EditPutBack })
}

// forget drops what is remembered of a source that is gone. One may be gone because objects are
// read again; then all that is remembered is looked at once they are known.
func (c *Controller) forget(k key) {
	if c.informed.Load() {
		c.reporter.forget(k)
		c.waiting.set(k, "")
	}
}

// decide asks certshim.Decide, and notes what the decision goes by.
func (c *Controller) decide(look *inventory.Look) certshim.Outcome {
	object, unreadable := look.Object()
	if unreadable != "" {
		return certshim.Unreadable(object, unreadable)
	}
	outcome := certshim.Decide(look.Policy(), object, look)
	c.wake(look.Keep(outcome, func(object *source.Object, secret types.NamespacedName) certificate.Claim {
		return certshim.Claim(look.Policy(), object, look, secret)
	}))
	c.waiting.set(look.Key(), outcome.HeldBy)
	return outcome
}

// toRead are the Certificates whose live values a decision needs, or a report.
func (c *Controller) toRead(k key, decisions []certificate.Decision) []types.NamespacedName {
	names := c.reports.Wanted(k)
	for _, d := range decisions {
		if d.NeedsLive && !slices.Contains(names, d.At()) {
			names = append(names, d.At())
		}
	}
	return names
}

// readLive reads Certificates from the API server, for the look to go by.
func (c *Controller) readLive(ctx context.Context, look *inventory.Look, names []types.NamespacedName) error {
	for _, name := range names {
		c.metrics.liveReads.Inc()
		object, err := c.writer.Get(ctx, name)
		switch {
		case apierrors.IsNotFound(err):
			look.SetLive(name, nil)
		case err != nil:
			return err
		default:
			observed := certificate.Observe(object)
			observed.Live = object
			look.SetLive(name, &observed)
		}
	}
	return nil
}

// executeAll carries out the decisions, one after another; one that fails stops no other, except
// that nothing is deleted while a create isn't done. With only, it carries out no decision but
// those about these Certificates.
func (c *Controller) executeAll(ctx context.Context, look *inventory.Look, outcome certshim.Outcome, only []types.NamespacedName) (next requeue, problems problem.List, conflicts []types.NamespacedName) {
	unmade := false
	for _, d := range outcome.Certificates {
		name := d.At()
		switch {
		case only != nil && !slices.Contains(only, name):
			continue
		case d.Action == certificate.Delete && unmade:
			if len(conflicts) > 0 {
				conflicts = append(conflicts, name)
			}
			continue
		}
		next.merge(requeue{after: c.disputes.left(d, time.Now())})
		next.merge(requeue{after: until(d.Again, time.Now())})
		r := c.execute(ctx, look, outcome.Source, d)
		unmade = unmade || d.Action == certificate.Create && !r.written
		if r.problem.Reason != "" {
			problems.Add(r.problem)
		}
		switch r.answer {
		case cluster.Conflict:
			conflicts = append(conflicts, name)
		case cluster.Outdated, cluster.Forbidden, cluster.Unsent, cluster.Failed:
			next.merge(c.failed(look.Key(), outcome.Source, r.err))
		case cluster.Terminating:
			c.reporter.ends(d.Namespace, time.Now())
		case cluster.Done, cluster.Refused, cluster.Gone, cluster.WebhookDown:
		}
		next.merge(requeue{retry: r.soon, after: r.after, held: r.held, written: r.written, left: r.leaves(d, only != nil)})
	}
	return next, problems, conflicts
}

// leaves reports whether what a decision is to write isn't written. One that met a conflict is made once again.
func (r result) leaves(d certificate.Decision, again bool) bool {
	return writes(d) && !r.written && (again || r.answer != cluster.Conflict)
}

// failed asks for another try. What an API server that can't be reached says is no news at
// every try.
func (c *Controller) failed(k key, ref source.Ref, err error) requeue {
	if answer := cluster.AnswerOf(err); answer == cluster.Failed || answer == cluster.Forbidden {
		c.failures.add(k, time.Now())
		c.tryOne()
	}
	c.log.Debug("a write failed; it is tried again", "source", ref.Kind, "namespace", ref.Namespace, "name", ref.Name, "error", err)
	return requeue{retry: true}
}

// until is how long it is until a time, 0 for the zero time; at least a moment for one that is past.
func until(at, now time.Time) time.Duration {
	if at.IsZero() {
		return 0
	}
	return max(at.Sub(now), time.Millisecond)
}

// merge takes the earlier of two times.
func (q *requeue) merge(other requeue) {
	q.retry, q.held, q.written, q.left = q.retry || other.retry, q.held || other.held, q.written || other.written, q.left || other.left
	if q.after == 0 || (other.after > 0 && other.after < q.after) {
		q.after = other.after
	}
}
