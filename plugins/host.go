package plugins

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// DefaultTimeout is the deadline of a question unless the operator sets one.
const DefaultTimeout = 2 * time.Second

// Holds reports whether, by default, new Certificates wait for a resolver's first answer: if it
// may change what a Certificate holds.
func Holds(g resolver.Grant) bool { return len(g.Values) > 0 || g.MayRefuse }

// Plugin is one resolver as the operator configured it.
type Plugin struct {
	// Name is a DNS label, unique among the resolvers. It appears in metrics and logs.
	Name string
	// Tier is the kind of resolver: plugin, or compiled-in.
	Tier    string
	Kinds   []resolver.DescribedKind
	Grant   resolver.Grant
	Observe resolver.Observe
	// Hold makes new Certificates wait for the resolver's first answer about their issuer.
	Hold bool
	// Timeout is the deadline of a question.
	Timeout time.Duration
	Backend Backend

	by     string
	scopes map[resolver.GroupKind]resolver.Scope
}

// Host asks resolvers and caches their statements. It asks nobody before [Host.Run].
type Host struct {
	members []*member
	byKind  map[resolver.GroupKind]*member
	log     *slog.Logger
	now     func() time.Time
	cluster atomic.Pointer[resolver.Callbacks]
	metrics *metrics
}

var (
	_ resolver.Findings    = (*Host)(nil)
	_ prometheus.Collector = (*Host)(nil)
)

// sweepPeriod is how often the age of statements is checked.
const sweepPeriod = time.Second

// New returns a Host, or an error if a name or a kind occurs twice.
func New(all []Plugin, log *slog.Logger) (*Host, error) {
	h := &Host{byKind: map[resolver.GroupKind]*member{}, log: log, now: time.Now, metrics: newMetrics()}
	var errs []error
	names := map[string]bool{}
	for _, p := range all {
		if names[p.Name] {
			errs = append(errs, fmt.Errorf("two resolvers are called %s", p.Name))
		}
		names[p.Name] = true
		errs = append(errs, h.add(p))
	}
	return h, problem.Join(errs...)
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
	return problem.Join(errs...)
}

// Run asks the resolvers until the context ends, and then waits for the calls in flight. The
// caller must reduce observed objects as [Host.Observes] says.
func (h *Host) Run(ctx context.Context, cluster resolver.Callbacks) {
	h.cluster.Store(&cluster)
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

// Find returns what is known about an issuer; false means that no resolver answers for its kind.
// It never waits: an issuer that isn't cached yet is queued to be asked about.
func (h *Host) Find(key resolver.IssuerKey) (resolver.Finding, bool) {
	m := h.byKind[key.GroupKind]
	if m == nil {
		return resolver.Finding{}, false
	}
	return m.find(key), true
}

// Observes returns how much of a kind's objects its resolver sees.
func (h *Host) Observes(kind resolver.GroupKind) resolver.Observe {
	if m := h.byKind[kind]; m != nil {
		return m.Observe
	}
	return resolver.ObserveNone
}

// ObjectChanged asks again about an issuer whose object changed.
func (h *Host) ObjectChanged(key resolver.IssuerKey) {
	if m := h.byKind[key.GroupKind]; m != nil && m.Observe != resolver.ObserveNone {
		m.queue.add(m.cache.markTheseStale([]resolver.IssuerKey{key})...)
	}
}

func (h *Host) observe(key resolver.IssuerKey, how resolver.Observe) []byte {
	cluster := h.cluster.Load()
	if cluster == nil || cluster.Observed == nil || how == resolver.ObserveNone {
		return nil
	}
	return cluster.Observed(key)
}

// exists says whether the cluster has an issuer.
func (h *Host) exists(key resolver.IssuerKey) resolver.Existence {
	cluster := h.cluster.Load()
	if cluster == nil || cluster.Exists == nil {
		return resolver.MayExist
	}
	return cluster.Exists(key)
}

func (h *Host) notify(keys []resolver.IssuerKey) {
	if cluster := h.cluster.Load(); cluster != nil && cluster.Changed != nil && len(keys) > 0 {
		cluster.Changed(keys)
	}
}

// reportTrouble reports a fault of the resolver itself. One that is only unreachable may come back.
func (h *Host) reportTrouble(name string, fault resolver.Fault, text string) {
	switch fault {
	case resolver.WrongVersion, resolver.Rejected, resolver.Broken:
	default:
		return
	}
	if cluster := h.cluster.Load(); cluster != nil && cluster.Trouble != nil {
		cluster.Trouble(name, fault, text)
	}
}
