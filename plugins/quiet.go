package plugins

import (
	"sync"
	"time"
)

// quietFor is how long a cause isn't logged again.
const quietFor = 10 * time.Minute

// logLimiter limits how often each cause is logged. The zero value is ready to use.
type logLimiter struct {
	lock sync.Mutex
	last map[string]time.Time
}

func (q *logLimiter) allows(cause string, now time.Time) bool {
	q.lock.Lock()
	defer q.lock.Unlock()
	if last, told := q.last[cause]; told && now.Sub(last) < quietFor {
		return false
	}
	if q.last == nil {
		q.last = map[string]time.Time{}
	}
	q.last[cause] = now
	return true
}
