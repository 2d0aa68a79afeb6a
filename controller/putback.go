package controller

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// Limits of what is put back on one Certificate: so many times an hour at once, then once in a
// while. An hour without a change is peace: the next one is told again.
const (
	promptPutBacks  = 10
	putBackInterval = 6 * time.Minute
	peace           = time.Hour
)

// Limits of what is remembered of changes by others. Beyond them something is forgotten, and may
// be told or tried again early.
const (
	maxDisputes       = 4096
	maxDisputedFields = 32
)

// disputes remembers the Certificates whose fields others change, by uid.
type disputes struct {
	lock sync.Mutex
	of   map[string]*dispute
}

// dispute is what is remembered of one Certificate.
type dispute struct {
	// putBack are the last times at which fields were put back, oldest first.
	putBack []time.Time
	// told has when somebody changed a field last.
	told map[certificate.Conflict]time.Time
	// vain is what was last applied without any effect, if that is known.
	vain *vainApply
	last time.Time
}

// vainApply is an apply after which the Certificate was as before.
type vainApply struct {
	want, have certificate.Digest
	at         time.Time
}

func newDisputes() *disputes { return &disputes{of: map[string]*dispute{}} }

// mayApply says whether a decision may be sent now. If not, it may after wait, or, with none, once
// the source or the Certificate changes.
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

// due is how long the next putting back has to wait.
func (d *dispute) due(now time.Time) time.Duration {
	n := len(d.putBack)
	if n < promptPutBacks || now.Sub(d.putBack[0]) >= peace {
		return 0
	}
	return max(0, d.putBack[n-1].Add(putBackInterval).Sub(now))
}

// tries notes that fields of a Certificate are put back.
func (d *disputes) tries(uid string, now time.Time) {
	d.lock.Lock()
	defer d.lock.Unlock()
	known := d.make(uid, now)
	known.putBack = append(known.putBack, now)
	if n := len(known.putBack); n > promptPutBacks {
		known.putBack = append(known.putBack[:0], known.putBack[n-promptPutBacks:]...)
	}
}

// inVain notes that an apply had no effect.
func (d *disputes) inVain(decision certificate.Decision, now time.Time) {
	d.lock.Lock()
	defer d.lock.Unlock()
	d.make(decision.Guard.UID, now).vain = &vainApply{want: decision.Want, have: decision.Have, at: now}
}

// isNews says whether a change is to be told.
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

// make gives what is remembered of a Certificate, something new if need be.
func (d *disputes) make(uid string, now time.Time) *dispute {
	known := d.of[uid]
	if known == nil {
		makeRoom(d.of, maxDisputes, func(known *dispute) bool { return now.Sub(known.last) >= peace })
		known = &dispute{told: map[certificate.Conflict]time.Time{}}
		d.of[strings.Clone(uid)] = known
	}
	known.last = now
	return known
}

// sayPutBack tells whose changes were put back: once for each field and manager, until they leave it
// alone for an hour.
func (c *Controller) sayPutBack(ref source.Ref, d certificate.Decision, now time.Time) {
	for _, p := range d.PutBack {
		if p.Problem.Reason != "" {
			c.warnAnew(ref, d.Guard.UID, p.Conflict, p.Problem, now)
		}
	}
}

// sayVain tells that an apply had no effect, and which fields lack their value: admission has given
// them another. If none does, the Certificate was as wanted before.
func (c *Controller) sayVain(ctx context.Context, ref source.Ref, d certificate.Decision, now time.Time) {
	c.metrics.liveReads.Inc()
	live, err := c.writer.Get(ctx, nameOf(d))
	if err != nil {
		return
	}
	changed, p := certificate.ChangedOnAdmission(d.Config, live)
	if len(changed) == 0 {
		return
	}
	c.disputes.inVain(d, now)
	c.warnAnew(ref, d.Guard.UID, certificate.Conflict{Field: strings.Join(changed, " "), Operation: "admission"}, p, now)
}

// warnAnew tells a problem that passes by itself, unless it was told within the hour.
func (c *Controller) warnAnew(ref source.Ref, uid string, change certificate.Conflict, p problem.Problem, now time.Time) {
	if !c.disputes.isNews(uid, change, now) {
		return
	}
	c.recorder.warnOf(ref, string(p.Reason), p.Error(), now)
	c.metrics.problems.WithLabelValues(string(p.Reason), string(p.Severity)).Inc()
	c.log.Info("reported a problem", "source", ref.Kind, "namespace", ref.Namespace, "name", ref.Name, "reason", p.Reason, "problem", p.Error())
}
