package serve

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/certshim/certshim/resolver"
)

// maxNamed is how many issuers one message names; beyond it, it names their kinds.
const maxNamed = 64

// hub forwards a resolver's changes to all watchers. Changes that a slow watcher hasn't received
// yet are merged, so that memory stays bounded.
type hub struct {
	lock          sync.Mutex
	subscriptions map[*subscription]bool
}

// subscription holds the changes that one watcher hasn't received yet.
type subscription struct {
	lock    sync.Mutex
	issuers map[resolver.IssuerKey]bool
	kinds   map[resolver.GroupKind]bool
	more    chan struct{}
}

func newHub() *hub { return &hub{subscriptions: map[*subscription]bool{}} }

// run watches the resolver, repeatedly, until the context ends.
func (h *hub) run(ctx context.Context, r resolver.Resolver) {
	watcher, watches := r.(resolver.Watcher)
	for watches && ctx.Err() == nil {
		// Logging the cause is up to the author.
		_ = watcher.Watch(ctx, h.publish)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func (h *hub) publish(change resolver.Change) {
	h.lock.Lock()
	defer h.lock.Unlock()
	for s := range h.subscriptions {
		s.add(change)
	}
}

func (h *hub) subscribe() *subscription {
	s := &subscription{more: make(chan struct{}, 1)}
	s.clear()
	h.lock.Lock()
	defer h.lock.Unlock()
	h.subscriptions[s] = true
	return s
}

func (h *hub) unsubscribe(s *subscription) {
	h.lock.Lock()
	defer h.lock.Unlock()
	delete(h.subscriptions, s)
}

func (s *subscription) clear() {
	s.issuers, s.kinds = map[resolver.IssuerKey]bool{}, map[resolver.GroupKind]bool{}
}

func (s *subscription) add(change resolver.Change) {
	s.lock.Lock()
	defer s.lock.Unlock()
	for _, kind := range change.Kinds {
		s.kinds[kind] = true
	}
	for _, key := range change.Issuers {
		s.issuers[key] = true
	}
	if len(s.issuers) > maxNamed {
		for key := range s.issuers {
			s.kinds[key.GroupKind] = true
		}
		clear(s.issuers)
	}
	select {
	case s.more <- struct{}{}:
	default:
	}
}

func (s *subscription) take() resolver.Change {
	s.lock.Lock()
	defer s.lock.Unlock()
	change := resolver.Change{Issuers: slices.Collect(maps.Keys(s.issuers)), Kinds: slices.Collect(maps.Keys(s.kinds))}
	s.clear()
	return change
}
