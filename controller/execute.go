package controller

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cluster"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// takeOver is the patch of managedFields, as writes_total counts it.
const takeOver = "takeover"

// slowRetry is when a refused write is tried again, give or take a quarter.
const slowRetry = 5 * time.Minute

// quietTries is how often a write is tried again, within some seconds, that the API server
// refuses as its own error.
const quietTries = 3

// result is what became of one decision.
type result struct {
	answer cluster.Answer
	// after is when to come back at the latest; 0 means not at all, or by backoff, which soon
	// prefers.
	after time.Duration
	soon  bool
	// held says that nothing was sent though something is to be written.
	held bool
	// problem, if it has a reason, is to be reported on the source.
	problem problem.Problem
	err     error
	// written is set once the write was made.
	written bool
}

// execute carries out one decision. It sends nothing for those that write nothing.
func (c *Controller) execute(ctx context.Context, look *inventory.Look, ref source.Ref, d certificate.Decision) result {
	if !writes(d) {
		return result{answer: cluster.Done}
	}
	if wait, allowed := c.mayWrite(look, ref, d); !allowed {
		return result{answer: cluster.Done, after: wait, held: true}
	}
	if d.Action == certificate.Delete || d.Confirm {
		var proven bool
		var r result
		if d, r, proven = c.prove(ctx, look, d); !proven {
			return r
		}
	}
	s, err := c.send(ctx, look, d)
	r := c.judge(look.Key(), d, err)
	switch {
	case r.written:
		c.wrote(ctx, ref, d, s)
	case s.tookOver:
		c.tookBack(ref, d, time.Now())
	}
	return r
}

// wrote notes a write that was made, and tells of it. One that changed nothing, and one that puts
// fields back, may have been undone by admission.
func (c *Controller) wrote(ctx context.Context, ref source.Ref, d certificate.Decision, s sending) {
	now := time.Now()
	putsBack := len(d.PutBack) > 0
	if putsBack {
		c.disputes.wasPutBack(d.Guard.UID, d.PutBack, now)
	}
	if putsBack || !s.changed {
		d.PutBack = c.sayVain(ctx, ref, d, s.version, now)
	}
	if !s.changed || putsBack && len(d.PutBack) == 0 {
		return
	}
	if d.Action == certificate.Create {
		c.creates.made(ref.UID, d.At(), now)
	}
	c.say(ref, d)
	c.sayPutBack(ref, d, now)
}

// writes says whether a decision leads to a request.
func writes(d certificate.Decision) bool {
	return d.Action == certificate.Create || d.Action == certificate.Apply || d.Action == certificate.Delete
}

// mayWrite holds a write back while what it was decided by has changed, which matters little for an apply
// in the source's own namespace, its like is underway,
// its issuer may yet turn out to be missing or a webhook is down, and until its turn in a
// take-over. A create waits as [creates] says.
func (c *Controller) mayWrite(look *inventory.Look, ref source.Ref, d certificate.Decision) (wait time.Duration, allowed bool) {
	now, name := time.Now(), d.At()
	if look.Stale() && (d.Action != certificate.Apply || d.Namespace != ref.Namespace) || look.MovesBlindly(d) {
		// The source is queued already, or will be once the issuers are read.
		return 0, false
	}
	if d.Action != certificate.Delete {
		wait = c.inventory.Underway(name, d.Want, now)
	}
	if d.Action == certificate.Create && wait == 0 {
		if c.creates.blocked(look.Key()) {
			return 0, false
		}
		wait = c.creates.wait(ref.UID, d.At(), now)
	}
	if later, may := c.disputes.mayApply(d, now); !may {
		return later, false
	}
	// Only what is sent may be the one that tries whether a webhook is back.
	if wait == 0 {
		wait = c.breaker.wait(look.Key(), now)
	}
	if wait == 0 && d.Paced {
		wait = c.pace.due(name, now)
	}
	return wait, wait == 0
}

// sending is what came of the requests for one decision.
type sending struct {
	// version is the resourceVersion that an apply left, and changed whether anything changed.
	version string
	changed bool
	// tookOver is true if fields were taken over, whatever came of the apply after that.
	tookOver bool
}

// send is the only place from which Certificates are written.
func (c *Controller) send(ctx context.Context, look *inventory.Look, d certificate.Decision) (s sending, err error) {
	guard, name, before := d.Guard, d.At(), d.Version
	switch {
	case d.Action == certificate.Delete:
		return sending{changed: true}, c.count(string(d.Action), c.writer.Delete(ctx, name, guard))
	case d.Action == certificate.Create:
		guard = cluster.CreateOnly()
	case d.TakeOver != nil:
		c.inventory.ExpectNothing(name)
		s.version, err = c.writer.Patch(ctx, name, d.TakeOver)
		if c.count(takeOver, err) != nil {
			return sending{}, err
		}
		c.inventory.Wrote(name, guard.UID, s.version)
		s.changed, s.tookOver = true, true
		if d.Unchanged {
			return s, nil
		}
		guard.ResourceVersion, before = s.version, s.version
	}
	look.Expect(d, time.Now())
	s.version, err = c.writer.Apply(ctx, name, d.Config, guard, d.Force)
	if c.count(string(d.Action), err) != nil {
		c.inventory.ExpectNothing(name)
		return s, err
	}
	if guard.UID != "" {
		c.inventory.Wrote(name, guard.UID, s.version)
	}
	s.changed = s.version == "" || s.version != before
	return s, nil
}

func (c *Controller) count(action string, err error) error {
	c.metrics.writes.WithLabelValues(action, string(cluster.AnswerOf(err))).Inc()
	return err
}

// judge says who acts next after the API server's answer.
func (c *Controller) judge(k key, d certificate.Decision, err error) result {
	now := time.Now()
	r := result{answer: cluster.AnswerOf(err), err: err, written: err == nil}
	c.permission(k, r)
	switch r.answer {
	case cluster.Done:
		c.release(k, d, now)
	case cluster.Refused:
		c.refused(k, d, &r)
	case cluster.WebhookDown:
		var report bool
		if r.after, report = c.breaker.failed(cluster.WebhookOf(err), k, now); report {
			r.problem = problem.Problem{
				Severity: problem.Error, Reason: problem.WebhookDown,
				Message: "no Certificate has been written for minutes: " + err.Error(),
			}
		}
	case cluster.Conflict, cluster.Outdated, cluster.Terminating, cluster.Gone,
		cluster.Forbidden, cluster.Unsent, cluster.Failed:
	}
	return r
}

// release queues what waits for a write to succeed. A delete doesn't show that a webhook is back:
// the webhook may not be called for deletes.
func (c *Controller) release(k key, d certificate.Decision, now time.Time) {
	c.permitted(k)
	c.queue.inLine(c.failures.release(k, now)...)
	if d.Action != certificate.Delete {
		c.queue.inLine(c.breaker.answered(k)...)
	}
}

// refused reports what the API server refuses. What it refuses as its own error, as it does for a
// moment after the CRD has changed, is tried again soon, and reported only if that doesn't help.
func (c *Controller) refused(k key, d certificate.Decision, r *result) {
	r.after = aboutSlowRetry()
	if r.soon = apierrors.IsInternalError(r.err); r.soon && c.queue.NumRequeues(k) < quietTries {
		return
	}
	r.problem = problem.Problem{
		Severity: problem.Error, Reason: problem.Refused,
		Message: fmt.Sprintf("the API server refuses Certificate %q: %s", d.Name, r.err),
	}
}

func aboutSlowRetry() time.Duration { return slowRetry*3/4 + rand.N(slowRetry/2) }

// say tells of a write as cert-manager's shims do.
func (c *Controller) say(ref source.Ref, d certificate.Decision) {
	now := time.Now()
	c.log.Debug("wrote", "source", ref.Kind, "namespace", ref.Namespace, "name", ref.Name, "certificate", d.Name, "action", d.Action, "cause", d.Reason.Cause, "reason", d.Reason.String())
	switch {
	case d.Action == certificate.Create:
		c.recorder.did(ref, createdReason, fmt.Sprintf("Successfully created Certificate %q", nameFor(ref, d)), now)
	case d.Action == certificate.Delete:
		c.recorder.did(ref, deletedReason, fmt.Sprintf("Successfully deleted unrequired Certificate %q", nameFor(ref, d)), now)
	case !d.Unchanged:
		c.recorder.did(ref, updatedReason, fmt.Sprintf("Successfully updated Certificate %q", nameFor(ref, d)), now)
	}
}
