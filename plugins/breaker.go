package plugins

import (
	"context"
	"sync"
	"time"
)

// After that many failures in a row, a resolver isn't asked for a while. After each rejected
// introduction or batch, the pause is longer than before; so is that of an issuer after each
// rejected answer.
const (
	failuresInARow = 5
	breakerPause   = 30 * time.Second
	firstRejection = time.Minute
	lastRejection  = 15 * time.Minute
)

// breaker decides when a resolver may be asked.
type breaker struct {
	lock       sync.Mutex
	failures   int
	rejections int
	// until and rejected are the ends of the pauses after failures and after rejections.
	until, rejected time.Time
}

func (b *breaker) succeeded() {
	b.lock.Lock()
	defer b.lock.Unlock()
	b.failures, b.rejections = 0, 0
}

func (b *breaker) failed(now time.Time) {
	b.lock.Lock()
	defer b.lock.Unlock()
	if b.failures++; b.failures >= failuresInARow {
		b.until = later(b.until, now.Add(breakerPause))
	}
}

func (b *breaker) overstepped(now time.Time) {
	b.lock.Lock()
	defer b.lock.Unlock()
	pause := min(firstRejection<<min(b.rejections, 10), lastRejection)
	b.rejections++
	b.rejected = later(b.rejected, now.Add(pause))
}

// reconnected ends the pause after a rejection, since a resolver that reconnects may have been
// fixed. If it wasn't, the next pause is longer.
func (b *breaker) reconnected() {
	b.lock.Lock()
	defer b.lock.Unlock()
	b.rejected = time.Time{}
}

func (b *breaker) remaining(now time.Time) time.Duration {
	b.lock.Lock()
	defer b.lock.Unlock()
	return max(0, b.until.Sub(now), b.rejected.Sub(now))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// pause waits for d; it returns false if the context ends first.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
