package plugins

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/certshim/certshim/resolver"
)

// Observe says how much of an issuer's object a resolver sees.
type Observe string

// The choices: nothing, metadata and status, or all of it.
const (
	ObserveNone   Observe = "None"
	ObserveStatus Observe = "Status"
	ObserveFull   Observe = "Full"
)

// DefaultTimeout is the deadline of a question where the operator sets none.
const DefaultTimeout = 2 * time.Second

// Holds says whether new Certificates wait for a resolver that has not spoken yet, where the
// operator doesn't say: if it may change what a Certificate is.
func Holds(g resolver.Grant) bool { return len(g.Values) > 0 || g.MayRefuse }

// Plugin is one resolver as the operator configured it.
type Plugin struct {
	// Name is a DNS label, unique: it stands in metrics and logs.
	Name string
	// Tier says what it is in words: plugin, or compiled-in.
	Tier    string
	Kinds   []resolver.DescribedKind
	Grant   resolver.Grant
	Observe Observe
	// Hold keeps new Certificates waiting until the resolver has spoken of their issuer once.
	Hold bool
	// Timeout is the deadline of a question.
	Timeout time.Duration
	Backend Backend

	by     string
	scopes map[resolver.GroupKind]resolver.Scope
}

// Options are what a host needs beside its resolvers.
type Options struct {
	Log *slog.Logger
	// Observed gives an issuer's object as JSON, reduced to what is to be seen of it, or nil.
	// A nil function shows nothing.
	Observed func(resolver.IssuerKey, Observe) []byte
}

// Host asks resolvers and keeps what they said. Make one by [New]; it asks nobody before
// [Host.Run].
type Host struct {
	members  []*member
	byKind   map[resolver.GroupKind]*member
	observed func(resolver.IssuerKey, Observe) []byte
	log      *slog.Logger
	now      func() time.Time
	changed  atomic.Pointer[func([]resolver.IssuerKey)]
}

var (
	_ resolver.Findings    = (*Host)(nil)
	_ prometheus.Collector = (*Host)(nil)
)

// sweepPeriod is how often the age of answers is looked at.
const sweepPeriod = time.Second

// New gives an error for a name or a kind that occurs twice.
func New(all []Plugin, o Options) (*Host, error) {
	h := &Host{byKind: map[resolver.GroupKind]*member{}, observed: o.Observed, log: o.Log, now: time.Now}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	var errs []error
	names := map[string]bool{}
	for _, p := range all {
		if names[p.Name] {
			errs = append(errs, fmt.Errorf("two resolvers are called %s", p.Name))
		}
		names[p.Name] = true
		errs = append(errs, h.add(p))
	}
	return h, errors.Join(errs...)
}

func (h *Host) add(p Plugin) error {
	p.by = p.Tier + "/" + p.Name
	p.scopes = map[resolver.GroupKind]resolver.Scope{}
	m := newMember(p, h)
	var errs []error
	for _, kind := range p.Kinds {
		if other := h.byKind[kind.GroupKind]; other != nil {
			errs = append(errs, fmt.Errorf("resolvers %s and %s both speak for kind %s of group %s", other.Name, p.Name, kind.Kind, kind.Group))
			continue
		}
		p.scopes[kind.GroupKind] = kind.Scope
		h.byKind[kind.GroupKind] = m
	}
	h.members = append(h.members, m)
	return errors.Join(errs...)
}

// Run asks until the context ends, and then waits for the calls in flight. Changed is told of
// issuers of which something else is known than before; it must not block for long.
func (h *Host) Run(ctx context.Context, changed func([]resolver.IssuerKey)) {
	h.changed.Store(&changed)
	var running sync.WaitGroup
	defer running.Wait()
	for _, m := range h.members {
		running.Go(func() { m.run(ctx) })
	}
	ticker := time.NewTicker(sweepPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			for _, m := range h.members {
				m.sweep(h.now())
			}
		}
	}
}

// Find gives what is known of an issuer; false means that no resolver speaks for its kind. It
// waits for nobody. What nobody asked for before is then asked for.
func (h *Host) Find(key resolver.IssuerKey) (resolver.Finding, bool) {
	m := h.byKind[key.GroupKind]
	if m == nil {
		return resolver.Finding{}, false
	}
	return m.find(key), true
}

// ObjectChanged asks again for an issuer whose object changed.
func (h *Host) ObjectChanged(key resolver.IssuerKey) {
	if m := h.byKind[key.GroupKind]; m != nil && m.Observe != ObserveNone {
		m.queue.add(m.cache.doubtThese([]resolver.IssuerKey{key})...)
	}
}

func (h *Host) observe(key resolver.IssuerKey, how Observe) []byte {
	if h.observed == nil || how == ObserveNone {
		return nil
	}
	return h.observed(key, how)
}

func (h *Host) tell(keys []resolver.IssuerKey) {
	if changed := h.changed.Load(); changed != nil && len(keys) > 0 {
		(*changed)(keys)
	}
}
