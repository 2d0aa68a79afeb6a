package cluster

import (
	"fmt"
	"strconv"
	"sync"
	"time"
)

// newest is the greatest resourceVersion up to which an informer knows all. A list of a lower one comes from a server that is
// behind, or from an etcd that was restored.
type newest struct {
	lock    sync.Mutex
	version uint64
	// behind is when lists began to be older; the zero time if the last one wasn't.
	behind time.Time
}

// note notes the version from which a list or a watch is to go on, as the informer has it. An empty one is none.
func (n *newest) note(version string) {
	n.lock.Lock()
	defer n.lock.Unlock()
	if number, err := strconv.ParseUint(version, 10, 64); err == nil {
		n.version = max(n.version, number)
	}
}

// holds is an error for the version of a list that is older, for [Patience]: by then a server that is behind has come to it, and one that
// hasn't was restored.
func (n *newest) holds(version string) error {
	n.lock.Lock()
	defer n.lock.Unlock()
	number, err := strconv.ParseUint(version, 10, 64)
	if err != nil || number >= n.version {
		n.behind = time.Time{}
		return nil
	}
	if n.behind.IsZero() {
		n.behind = time.Now()
	}
	if time.Since(n.behind) < Patience {
		return fmt.Errorf("the server is behind: its list is of resourceVersion %d, and %d is known", number, n.version)
	}
	n.version, n.behind = number, time.Time{}
	return nil
}
