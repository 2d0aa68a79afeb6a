package plugins

import (
	"sync"
	"time"

	"github.com/certshim/certshim/problem"
)

// quietFor is how long the same cause isn't logged again.
const quietFor = 10 * time.Minute

// quiet lets each cause be logged once in a while. The zero value is ready.
type quiet struct {
	lock sync.Mutex
	last map[string]time.Time
}

func (q *quiet) may(cause string, now time.Time) bool {
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

// cut makes a stranger's text fit for a log.
func cut(text string) string { return problem.Quote(text) }
