package controller

import (
	"slices"
	"time"

	"github.com/certshim/certshim/certificate"
)

// Fights says when a field counts as fought over, and for how long it is then left alone. The zero
// value has the defaults.
type Fights struct {
	// Within is the time in which the same manager takes a field for the third time.
	Within time.Duration
	// Pause is how long the field is left alone then. It doubles each time that the field is taken again
	// after it was tried, up to LongestPause.
	Pause, LongestPause time.Duration
}

// roundsOfFight is how often a field is taken until that is a fight.
const roundsOfFight = 3

// DefaultFights are the times that count.
func DefaultFights() Fights {
	return Fights{Within: 10 * time.Minute, Pause: 10 * time.Minute, LongestPause: 24 * time.Hour}
}

func (f Fights) orDefault() Fights {
	if f == (Fights{}) {
		return DefaultFights()
	}
	return f
}

// contest is what is remembered of one field and of one manager who changes it.
type contest struct {
	// putBack are the last times at which the field was put back, oldest first, and count how often it was.
	putBack []time.Time
	count   int
	// until is the end of the last pause, and pause how long that was; both are zero before the first.
	until time.Time
	pause time.Duration
}

// who is a change without what was decided about it.
func who(c certificate.Conflict) certificate.Conflict {
	return certificate.Conflict{Field: c.Field, Manager: c.Manager, Operation: c.Operation}
}

// wasPutBack notes that the field was put back.
func (c *contest) wasPutBack(now time.Time, limits Fights) {
	if c.isOver(now, limits) {
		*c = contest{}
	}
	c.count++
	c.putBack = append(c.putBack, now)
	if n := len(c.putBack); n > roundsOfFight-1 {
		c.putBack = c.putBack[n-roundsOfFight+1:]
	}
}

// isOver reports whether there has been peace for so long that the next change is the first.
func (c *contest) isOver(now time.Time, limits Fights) bool {
	last := c.until
	if n := len(c.putBack); n > 0 && c.putBack[n-1].After(last) {
		last = c.putBack[n-1]
	}
	return now.Sub(last) > max(c.pause, limits.Within)
}

// isFight reports whether the field is to be left to the manager, if it was taken now.
func (c *contest) isFight(now time.Time, limits Fights) bool {
	n := len(c.putBack)
	switch {
	case now.Before(c.until):
		return true
	case n == 0, c.isOver(now, limits):
		return false
	case c.pause > 0:
		// It was tried since the pause.
		return !c.putBack[n-1].Before(c.until)
	}
	return n == roundsOfFight-1 && now.Sub(c.putBack[0]) <= limits.Within
}

// rest is how long the field is left alone. A pause begins unless there is one.
func (c *contest) rest(now time.Time, limits Fights) time.Duration {
	if !now.Before(c.until) {
		c.pause = min(max(2*c.pause, limits.Pause), limits.LongestPause)
		c.until = now.Add(c.pause)
	}
	return c.until.Sub(now)
}

// fights are the fields of a Certificate that are left to whoever takes them, if they do.
func (d *disputes) fights(uid string, now time.Time) []certificate.Fight {
	d.lock.Lock()
	defer d.lock.Unlock()
	known := d.of[uid]
	if known == nil {
		return nil
	}
	var fights []certificate.Fight
	for c, of := range known.contests {
		if of.isFight(now, d.limits) {
			fights = append(fights, certificate.Fight{Field: c.Field, Manager: c.Manager, Operation: c.Operation, Rounds: of.count + 1})
		}
	}
	return fights
}

// left notes which fields a decision leaves to those who take them again and again. It gives the time
// until the next of them is to be tried again, 0 for none.
func (d *disputes) left(decision certificate.Decision, now time.Time) (next time.Duration) {
	d.lock.Lock()
	defer d.lock.Unlock()
	known := d.of[decision.Guard.UID]
	if known == nil {
		return 0
	}
	for _, c := range slices.Concat(decision.Yielded, decision.Failed) {
		if of := known.contests[who(c)]; of != nil && c.Rounds > 0 {
			next = sooner(next, of.rest(now, d.limits))
		}
	}
	return next
}
