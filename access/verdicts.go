package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// verdict is what is known of a token and a path.
type verdict int

const (
	noToken verdict = iota
	unknownToken
	forbidden
	allowed
	tooMany
)

// Bounds of what strangers can cause: verdicts in memory, how long one holds, how long it is known who was allowed, and
// questions to the cluster.
const (
	maxVerdicts    = 512
	verdictHolds   = time.Minute
	allowedIsKnown = 10 * time.Minute
	reviewTimeout  = 5 * time.Second
	reviewsASecond = 5
	reviewsAtOnce  = 20
)

// question is a token, of which only a hash is kept, and a path.
type question struct {
	token [sha256.Size]byte
	path  string
}

type kept struct {
	verdict verdict
	until   time.Time
}

// verdicts remembers what the cluster said.
type verdicts struct {
	reviewer Reviewer
	now      func() time.Time
	limit    *rate.Limiter

	mu    sync.Mutex
	known map[question]kept
}

func newVerdicts(reviewer Reviewer) *verdicts {
	return &verdicts{
		reviewer: reviewer, now: time.Now, limit: rate.NewLimiter(reviewsASecond, reviewsAtOnce), known: map[question]kept{},
	}
}

func (v *verdicts) of(ctx context.Context, token, path string) (verdict, error) {
	q := question{sha256.Sum256([]byte(token)), path}
	known, holds := v.lookUp(q)
	if holds {
		return known, nil
	}
	// Whoever was allowed before isn't kept out by strangers who try tokens.
	if known != allowed && !v.limit.AllowN(v.now(), 1) {
		return tooMany, nil
	}
	ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
	defer cancel()
	found, err := v.ask(ctx, token, path)
	if err == nil {
		v.keep(q, found)
	}
	return found, err
}

func (v *verdicts) ask(ctx context.Context, token, path string) (verdict, error) {
	user, err := v.reviewer.WhoIs(ctx, token)
	if err != nil {
		return unknownToken, errors.Join(errors.New("TokenReview"), err)
	}
	if user == nil {
		return unknownToken, nil
	}
	may, err := v.reviewer.May(ctx, *user, "get", path)
	if err != nil {
		return forbidden, errors.Join(errors.New("SubjectAccessReview"), err)
	}
	if !may {
		return forbidden, nil
	}
	return allowed, nil
}

// lookUp gives what was known at last, and whether it still holds.
func (v *verdicts) lookUp(q question) (last verdict, holds bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	found := v.known[q]
	return found.verdict, v.now().Before(found.until)
}

// isOver says that a verdict is of no more use.
func (k kept) isOver(now time.Time) bool {
	if k.verdict == allowed {
		return !now.Before(k.until.Add(allowedIsKnown))
	}
	return !now.Before(k.until)
}

// keep makes room by forgetting what is over, and all if that isn't enough: who asks then is asked about again.
func (v *verdicts) keep(q question, found verdict) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.known) >= maxVerdicts {
		for other, k := range v.known {
			if k.isOver(v.now()) {
				delete(v.known, other)
			}
		}
	}
	if len(v.known) >= maxVerdicts {
		clear(v.known)
	}
	v.known[q] = kept{found, v.now().Add(verdictHolds)}
}
