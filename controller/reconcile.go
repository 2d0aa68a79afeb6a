package controller

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// verdict is what follows from one look at a source.
type verdict struct {
	// retry asks for another look after the backoff, after one at that time.
	retry bool
	after time.Duration
}

// reconcile looks at one source: reads it, decides, executes, and says so.
func (c *Controller) reconcile(ctx context.Context, k key) verdict {
	c.metrics.reconciles.Inc()
	outcome, state := c.decide(k, nil)
	switch state {
	case unclear:
		return verdict{}
	case gone:
		c.told.forget(k)
		c.waiting.set(k, certshim.Outcome{})
		c.noteUse(k, certshim.Outcome{})
		return verdict{}
	case decidable:
	}
	live := liveCertificates{}
	if names := needLive(outcome.Certificates); len(names) > 0 {
		if err := c.readLive(ctx, names, live); err != nil {
			return c.failed(outcome.Source, err)
		}
		if outcome, state = c.decide(k, live); state != decidable {
			return verdict{retry: true}
		}
	}
	v, problems, conflicts := c.executeAll(ctx, k, outcome, nil)
	if len(conflicts) > 0 {
		if err := c.readLive(ctx, conflicts, live); err != nil {
			return c.failed(outcome.Source, err)
		}
		if outcome, state = c.decide(k, live); state != decidable {
			return verdict{retry: true}
		}
		again, more, still := c.executeAll(ctx, k, outcome, live)
		v.merge(again)
		v.retry = v.retry || len(still) > 0
		problems.Merge(more)
	}
	problems.Merge(outcome.Problems)
	c.told.tell(k, outcome.Source, problems.For(outcome.Source.Object()).All(), time.Now())
	return v
}

// knowledge is what is known of a source.
type knowledge uint8

const (
	gone knowledge = iota
	// unclear is one about which nothing can be decided yet: it is queued once that can be.
	unclear
	decidable
)

// decide asks certshim.Decide about one state of memory.
func (c *Controller) decide(k key, live liveCertificates) (certshim.Outcome, knowledge) {
	c.memory.lock.RLock()
	defer c.memory.lock.RUnlock()
	if !c.informed.Load() {
		return certshim.Outcome{}, unclear
	}
	item := c.memory.sources[k]
	if item == nil {
		return certshim.Outcome{}, gone
	}
	object, unreadable := item.unpack()
	if unreadable != "" {
		return unreadableOutcome(object, unreadable), decidable
	}
	// Once it is known, who is noted to go by Namespaces is queued.
	awaited := c.namespaces.awaited(k.namespace)
	outcome := certshim.Decide(c.policy.Load(), object, c.view(live))
	// While memory is locked, so that no issuer and no write can appear unseen in between.
	c.memory.doubt(k, outcome)
	c.waiting.set(k, outcome)
	c.noteUse(k, outcome)
	if awaited && (outcome.OnLabels || outcome.OnAnnotations) {
		return outcome, unclear
	}
	return outcome, decidable
}

// view is what a decision sees; the caller holds the lock of memory.
func (c *Controller) view(live liveCertificates) view {
	v := view{
		memory: c.memory, live: live, cluster: c.discoverer.facts.Load(), namespace: c.namespaces.of,
		registry: c.policy.Load().Registry, plugins: c.config.Plugins,
	}
	if whole := c.whole.Load(); whole != nil {
		v.whole = *whole
	}
	return v
}

// unreadableOutcome leaves everything as it is and says why.
func unreadableOutcome(object *source.Object, why string) certshim.Outcome {
	outcome := certshim.Outcome{Source: object.Ref, Ignored: "it can't be read"}
	outcome.Problems.Add(problem.Problem{
		Severity: problem.Error, Object: object.Object(), Reason: problem.BadConfig,
		Message: "the object can't be read, so that its Certificates stay as they are: " + why,
	})
	return outcome
}

func needLive(decisions []certificate.Decision) []types.NamespacedName {
	var names []types.NamespacedName
	for _, d := range decisions {
		if d.NeedsLive {
			names = append(names, types.NamespacedName{Namespace: d.Namespace, Name: d.Name})
		}
	}
	return names
}

// readLive reads Certificates from the API server; one that is gone stands there as nil.
func (c *Controller) readLive(ctx context.Context, names []types.NamespacedName, live liveCertificates) error {
	for _, name := range names {
		c.metrics.liveReads.Inc()
		object, err := c.writer.Get(ctx, name)
		switch {
		case apierrors.IsNotFound(err):
			live[name] = nil
		case err != nil:
			return err
		default:
			observed := certificate.Observe(object)
			observed.Live = object
			live[name] = &observed
		}
	}
	return nil
}

// executeAll carries out the decisions, one after another; one that fails stops no other.
// With only, it carries out no decision but those about these Certificates.
func (c *Controller) executeAll(ctx context.Context, k key, outcome certshim.Outcome, only liveCertificates) (v verdict, problems problem.List, conflicts []types.NamespacedName) {
	for _, d := range outcome.Certificates {
		name := types.NamespacedName{Namespace: d.Namespace, Name: d.Name}
		if _, meant := only[name]; only != nil && !meant {
			continue
		}
		r := c.execute(ctx, k, outcome.Source, d)
		if r.problem.Reason != "" {
			problems.Add(r.problem)
		}
		switch r.answer {
		case conflict:
			conflicts = append(conflicts, name)
		case outdated, forbidden, failed:
			v.merge(c.failed(outcome.Source, r.err))
		case done, refused, terminating, webhookDown:
		}
		v.merge(verdict{after: r.after})
	}
	return v, problems, conflicts
}

// failed asks for another try. What an API server that can't be reached says is no news at
// every try.
func (c *Controller) failed(ref source.Ref, err error) verdict {
	c.log.Debug("a write failed; it is tried again", "source", ref.Kind, "namespace", ref.Namespace, "name", ref.Name, "error", err)
	return verdict{retry: true}
}

// merge takes the earlier of two times.
func (v *verdict) merge(other verdict) {
	v.retry = v.retry || other.retry
	if v.after == 0 || (other.after > 0 && other.after < v.after) {
		v.after = other.after
	}
}
