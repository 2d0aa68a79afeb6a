package controller

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// Limits on putting fields of one Certificate back: promptPutBacks times an hour at once, then one
// try per putBackInterval. A change after an hour of peace is reported anew.
const (
	promptPutBacks  = 10
	putBackInterval = 6 * time.Minute
	peace           = time.Hour
)

// Limits on what is remembered of changes by others. What is forgotten beyond them may be reported
// or tried again too early.
const (
	maxDisputes       = 4096
	maxDisputedFields = 32
)

// disputes remembers the Certificates whose fields others change, by uid.
type disputes struct {
	limits Fights
	lock   sync.Mutex
	of     map[string]*dispute
}

// dispute is what is remembered of one Certificate.
type dispute struct {
	// putBack are the last times at which fields were put back, oldest first.
	putBack []time.Time
	// told has when somebody changed a field last.
	told map[certificate.Conflict]time.Time
	// contests are about single fields.
	contests map[certificate.Conflict]*contest
	// vain is what was last applied without any effect, if that is known.
	vain *vainApply
	last time.Time
}

// vainApply is an apply after which the Certificate had other values than it was to have.
type vainApply struct {
	want, have certificate.Digest
	at         time.Time
}

func newDisputes(limits Fights) *disputes {
	return &disputes{limits: limits.orDefault(), of: map[string]*dispute{}}
}

// mayApply reports whether a decision may be sent now. If not, it may be sent after wait; a wait of 0
// means not before the source or the Certificate changes.
func (d *disputes) mayApply(decision certificate.Decision, now time.Time) (wait time.Duration, may bool) {
	d.lock.Lock()
	defer d.lock.Unlock()
	known := d.of[decision.Guard.UID]
	switch {
	case known == nil:
		return 0, true
	case known.isVain(decision, now):
		return 0, false
	case len(decision.PutBack) == 0:
		return 0, true
	}
	wait = known.due(now)
	return wait, wait <= 0
}

func (d *dispute) isVain(decision certificate.Decision, now time.Time) bool {
	v := d.vain
	return v != nil && v.want == decision.Want && v.have == decision.Have && now.Sub(v.at) < peace
}

// due returns how long to wait before fields may be put back again.
func (d *dispute) due(now time.Time) time.Duration {
	n := len(d.putBack)
	if n < promptPutBacks || now.Sub(d.putBack[0]) >= peace {
		return 0
	}
	return max(0, d.putBack[n-1].Add(putBackInterval).Sub(now))
}

// wasPutBack notes that fields of a Certificate were put back.
func (d *disputes) wasPutBack(uid string, fields []certificate.PutBack, now time.Time) {
	d.lock.Lock()
	defer d.lock.Unlock()
	known := d.make(uid, now)
	for _, field := range fields {
		known.contest(who(field.Conflict), now, d.limits).wasPutBack(now, d.limits)
	}
	known.putBack = append(known.putBack, now)
	if n := len(known.putBack); n > promptPutBacks {
		known.putBack = append(known.putBack[:0], known.putBack[n-promptPutBacks:]...)
	}
}

// inVain notes that an apply had no effect, or not all of it, and what the Certificate has after it.
func (d *disputes) inVain(uid string, want, have certificate.Digest, now time.Time) {
	d.lock.Lock()
	defer d.lock.Unlock()
	d.make(uid, now).vain = &vainApply{want: want, have: have, at: now}
}

// isNews reports whether a change is to be reported: it wasn't within the last hour.
func (d *disputes) isNews(uid string, change certificate.Conflict, now time.Time) bool {
	d.lock.Lock()
	defer d.lock.Unlock()
	known := d.make(uid, now)
	last, before := known.told[change]
	if !before && len(known.told) >= maxDisputedFields {
		clear(known.told)
	}
	known.told[change] = now
	return !before || now.Sub(last) >= peace
}

// make returns the dispute about a Certificate, a new one if there is none.
func (d *disputes) make(uid string, now time.Time) *dispute {
	known := d.of[uid]
	if known == nil {
		makeRoom(d.of, maxDisputes, func(known *dispute) bool { return known.isOver(now, d.limits) })
		known = &dispute{told: map[certificate.Conflict]time.Time{}, contests: map[certificate.Conflict]*contest{}}
		d.of[strings.Clone(uid)] = known
	}
	known.last = now
	return known
}

// isOver reports whether nothing that is remembered matters any more.
func (d *dispute) isOver(now time.Time, limits Fights) bool {
	for _, c := range d.contests {
		if !c.isOver(now, limits) {
			return false
		}
	}
	return now.Sub(d.last) >= peace
}

// contest is that about one field, a new one if there is none.
func (d *dispute) contest(about certificate.Conflict, now time.Time, limits Fights) *contest {
	known := d.contests[about]
	if known == nil {
		makeRoom(d.contests, maxDisputedFields, func(c *contest) bool { return c.isOver(now, limits) })
		known = &contest{}
		d.contests[certificate.Conflict{Field: strings.Clone(about.Field), Manager: strings.Clone(about.Manager), Operation: about.Operation}] = known
	}
	return known
}

// sayPutBack tells whose changes were put back: once for each field and manager, until they leave it
// alone for an hour.
func (c *Controller) sayPutBack(ref source.Ref, d certificate.Decision, now time.Time) {
	for _, p := range d.PutBack {
		if p.Problem.Reason != "" {
			c.warnHourly(ref, d.Guard.UID, p.Conflict, p.Problem, now)
		}
	}
}

// tookBack notes and tells what was taken from its holders by a take-over of which the apply failed. The
// next try puts it back, but finds nobody who held it.
func (c *Controller) tookBack(ref source.Ref, d certificate.Decision, now time.Time) {
	d.PutBack = slices.DeleteFunc(slices.Clone(d.PutBack), func(p certificate.PutBack) bool { return !p.ByTakeOver })
	if len(d.PutBack) > 0 {
		c.disputes.wasPutBack(d.Guard.UID, d.PutBack, now)
		c.sayPutBack(ref, d, now)
	}
}

// sayVain reports the fields that don't have the value that was just applied, because admission has
// changed them. If all have it, the Certificate is as wanted; if it has another resourceVersion than
// the apply left, who changed it can't be known. It returns the fields that were put back in fact.
func (c *Controller) sayVain(ctx context.Context, ref source.Ref, d certificate.Decision, version string, now time.Time) []certificate.PutBack {
	c.metrics.liveReads.Inc()
	live, err := c.writer.Get(ctx, d.At())
	if err != nil || (&unstructured.Unstructured{Object: live}).GetResourceVersion() != version {
		return d.PutBack
	}
	changed, p := certificate.ChangedOnAdmission(d.Config, live)
	if len(changed) == 0 {
		return d.PutBack
	}
	c.disputes.inVain(d.Guard.UID, d.Want, certificate.Observe(live).Have, now)
	c.warnHourly(ref, d.Guard.UID, certificate.Conflict{Field: strings.Join(changed, " "), Operation: "admission"}, p, now)
	return slices.DeleteFunc(slices.Clone(d.PutBack), func(p certificate.PutBack) bool { return slices.Contains(changed, p.Field) })
}

// warnHourly reports a problem that no later look at its source finds, once an hour at most.
func (c *Controller) warnHourly(ref source.Ref, uid string, change certificate.Conflict, p problem.Problem, now time.Time) {
	if !c.disputes.isNews(uid, change, now) {
		return
	}
	c.recorder.warnOf(ref, string(p.Reason), p.Error(), now)
	c.metrics.problems.WithLabelValues(string(p.Reason), string(p.Severity)).Inc()
	logProblem(c.log, ref, p)
}
