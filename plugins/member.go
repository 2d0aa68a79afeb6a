package plugins

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// The load on a resolver, and how often its health is checked.
const (
	workers       = 4
	batchesPerSec = 10
	maxBatch      = 64

	firstReconnect = 250 * time.Millisecond
	lastReconnect  = 5 * time.Second
	versionPause   = 5 * time.Minute

	healthTimeout   = time.Second
	healthPeriod    = 30 * time.Second
	unhealthyPeriod = 10 * time.Second
	watchPause      = 5 * time.Second
)

// errUnhealthy ends a session's asking when the resolver reports itself unhealthy.
var errUnhealthy = errors.New("the resolver says that it can't answer")

// member is one resolver and its cached statements.
type member struct {
	Plugin
	host    *Host
	cache   *cache
	queue   *queue
	breaker *breaker
	limit   *rate.Limiter
	// size is how many issuers a batch may have: fewer after one that failed as a whole.
	size atomic.Int32
	log  *slog.Logger
	// up is set while the resolver is connected and healthy.
	up    atomic.Bool
	fault atomic.Value // resolver.Fault
	quiet logLimiter
}

func newMember(p Plugin, h *Host) *member {
	m := &member{
		Plugin: p, host: h, cache: newCache(), queue: newQueue(), breaker: &breaker{},
		limit: rate.NewLimiter(batchesPerSec, workers), log: h.log.With("resolver", p.Name),
	}
	h.metrics.begin(p.Name)
	m.size.Store(maxBatch)
	m.fault.Store(resolver.Unreachable)
	return m
}

// find returns the cached finding; an issuer that isn't cached yet is queued to be asked about.
func (m *member) find(key resolver.IssuerKey) resolver.Finding {
	f, known := m.cache.find(key)
	if !known && m.cache.add(key, m.host.now()) {
		m.queue.add(key)
	}
	f.By = m.by
	// What says that an issuer is missing counts only while the cluster doesn't say otherwise.
	f.Hold = m.Hold && (f.State == resolver.Never || f.Existence == resolver.Missing)
	if f.State == resolver.Fresh {
		f.Fault = resolver.NoFault
		return f
	}
	if f.Fault == resolver.NoFault {
		f.Fault, _ = m.fault.Load().(resolver.Fault)
	}
	return f
}

// run keeps a session open as long as possible, and reconnects.
func (m *member) run(ctx context.Context) {
	delay := firstReconnect
	for ctx.Err() == nil {
		session, err := m.connect(ctx)
		if err == nil {
			delay = firstReconnect
			m.breaker.reconnected()
			err = m.serve(ctx, session)
		}
		m.down(ctx, err)
		m.rest(ctx, session, err, spread(delay))
		if session != nil {
			session.Close()
		}
		delay = min(delay*8/5, lastReconnect)
	}
}

func (m *member) connect(ctx context.Context) (session Session, err error) {
	err = m.timed(ctx, methodHandshake, func(ctx context.Context) (err error) {
		session, err = m.Backend.Connect(ctx)
		return err
	})
	return session, err
}

// spread varies a delay by up to 20%, so that replicas don't reconnect simultaneously.
func spread(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}

// rest waits before the next attempt. After an unusable session the wait is long, but ends
// shortly after the session does.
func (m *member) rest(ctx context.Context, session Session, err error, delay time.Duration) {
	if session == nil {
		pause(ctx, delay)
		return
	}
	switch faultOf(err) {
	case resolver.WrongVersion:
		delay = versionPause
	case resolver.Rejected:
		delay = m.breaker.remaining(m.host.now())
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, max(delay, firstReconnect))
	defer cancel()
	select {
	case <-ctx.Done():
	case <-session.Lost():
		pause(ctx, firstReconnect)
	}
}

// down records why the resolver can't be used.
func (m *member) down(ctx context.Context, err error) {
	m.up.Store(false)
	if ctx.Err() != nil || err == nil {
		return
	}
	m.noteFault(err)
}

// noteFault records and logs a fault, each cause at most once per quietFor. The log quotes text from a
// resolver itself; others get it quoted.
func (m *member) noteFault(err error) {
	fault, cause := faultOf(err), causeOf(err)
	m.fault.Store(fault)
	if fault == resolver.Rejected {
		m.host.metrics.rejected.WithLabelValues(m.Name, string(cause)).Inc()
		m.breaker.overstepped(m.host.now())
	}
	if m.quiet.allows(string(fault)+string(cause), m.host.now()) {
		m.log.Warn("a resolver can't be used now; its earlier answers stay in use", "fault", fault, "error", problem.Cut(err.Error()))
		m.host.reportTrouble(m.Name, fault, problem.Quote(err.Error()))
	}
}

// serve asks while the session lasts and the resolver is healthy.
func (m *member) serve(ctx context.Context, session Session) error {
	for {
		if err := m.awaitHealth(ctx, session); err != nil {
			return err
		}
		m.log.Info("a resolver answers")
		m.up.Store(true)
		err := m.runWorkers(ctx, session)
		m.up.Store(false)
		if !errors.Is(err, errUnhealthy) {
			return err
		}
		m.noteFault(&Error{Fault: resolver.Unreachable, Err: err})
	}
}

func (m *member) awaitHealth(ctx context.Context, session Session) error {
	for {
		if err := m.checkHealth(ctx, session); err == nil {
			return nil
		}
		m.noteFault(&Error{Fault: resolver.Unreachable, Err: errUnhealthy})
		if err := m.wait(ctx, session, unhealthyPeriod); err != nil {
			return err
		}
	}
}

func (m *member) checkHealth(ctx context.Context, session Session) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	return m.timed(ctx, methodHealth, session.Healthy)
}

// wait waits for d, and returns an error if the session ends first.
func (m *member) wait(ctx context.Context, session Session, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-session.Lost():
		return &Error{Fault: resolver.Unreachable, Err: errors.New("the connection is gone")}
	case <-timer.C:
		return nil
	}
}

// runWorkers runs the workers until the session ends or the resolver becomes unhealthy. It begins with
// all findings marked as stale, since the resolver may have been replaced.
func (m *member) runWorkers(ctx context.Context, session Session) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	m.renewAll()
	var running sync.WaitGroup
	for range workers {
		running.Go(func() { m.work(ctx, session) })
	}
	running.Go(func() { m.watch(ctx, session) })
	for {
		if err := m.wait(ctx, session, healthPeriod); err != nil {
			cancel(err)
			break
		}
		if err := m.checkHealth(ctx, session); err != nil {
			cancel(errUnhealthy)
			break
		}
	}
	running.Wait()
	return context.Cause(ctx)
}

// renewAll marks all findings as stale and queues them, the oldest first.
func (m *member) renewAll() {
	m.queue.add(m.cache.markStale(func(resolver.IssuerKey) bool { return true })...)
}

// work asks about one batch after another.
func (m *member) work(ctx context.Context, session Session) {
	for m.awaitBreaker(ctx) {
		keys := m.queue.take(ctx, int(m.size.Load()))
		if len(keys) == 0 {
			return
		}
		if m.breaker.remaining(m.host.now()) > 0 {
			// It opened while this worker waited for something to ask.
			m.queue.giveBack(keys)
			continue
		}
		for _, part := range m.cache.apart(keys) {
			// Where the context ends the call fails, and the issuers are queued again.
			_ = m.limit.Wait(ctx)
			m.batch(ctx, session, part)
		}
	}
}

// awaitBreaker waits until the resolver may be asked; false means that the context ended.
func (m *member) awaitBreaker(ctx context.Context) bool {
	for d := m.breaker.remaining(m.host.now()); d > 0; d = m.breaker.remaining(m.host.now()) {
		if !pause(ctx, d) {
			return false
		}
	}
	return ctx.Err() == nil
}

// batch asks about some issuers. Each answer is judged by itself; only a call that fails, or whose
// answers aren't those to its questions, says nothing of any.
func (m *member) batch(ctx context.Context, session Session, keys []resolver.IssuerKey) {
	defer m.queue.done(keys...)
	queries := m.queries(keys)
	var replies []Reply
	call, cancel := context.WithTimeout(ctx, m.Timeout)
	defer cancel()
	err := m.timed(call, methodResolve, func(ctx context.Context) (err error) {
		replies, err = session.Ask(ctx, queries)
		return err
	})
	if err == nil && len(replies) != len(queries) {
		err = Reject(WrongIDs, fmt.Errorf("it gave %d answers to %d questions", len(replies), len(queries)))
	}
	if err != nil {
		m.batchFailed(ctx, keys, err)
		return
	}
	m.breaker.succeeded()
	m.size.Store(min(maxBatch, 2*m.size.Load()))
	m.store(queries, replies)
}

func (m *member) queries(keys []resolver.IssuerKey) []resolver.Query {
	queries := make([]resolver.Query, 0, len(keys))
	for _, key := range keys {
		q := resolver.Query{Issuer: key, Scope: m.scopes[key.GroupKind], Grant: m.Grant}
		if observed := m.host.observe(key, m.Observe); len(observed) <= resolver.MaxObserved {
			q.Observed = observed
		}
		queries = append(queries, q)
	}
	return queries
}

// judge rejects a statement that is malformed or exceeds the grant, or denies an issuer that is
// there.
func (m *member) judge(key resolver.IssuerKey, reply Reply) (resolver.Statement, error) {
	if reply.Failed != nil {
		return resolver.Statement{}, reply.Failed
	}
	statement := reply.Statement.Presentable()
	if err := statement.Check(m.Grant); err != nil {
		return resolver.Statement{}, Reject(causeIn(statement), err)
	}
	if statement.Existence == resolver.Missing && m.host.exists(key) == resolver.Exists {
		return resolver.Statement{}, &Error{Fault: resolver.Denied, Err: errors.New("it says that the issuer is missing, but the cluster has it")}
	}
	return statement, nil
}

// causeIn distinguishes a statement that a larger grant would allow from a malformed one. Keys
// that may never be copied count as exceeding the grant.
func causeIn(s resolver.Statement) Cause {
	s.CopyAnnotations = nil
	if s.Check(resolver.Grant{Values: resolver.ValueFields(), MayRefuse: true}) != nil {
		return Malformed
	}
	return PastGrant
}

// batchFailed keeps the cached statements, and queues the issuers again, for smaller batches: it
// may be one of them that makes every call fail. That one waits, once it is alone.
func (m *member) batchFailed(ctx context.Context, keys []resolver.IssuerKey, err error) {
	fault := faultOf(err)
	if ctx.Err() != nil || len(keys) > 1 || fault == resolver.Unreachable {
		m.queue.add(keys...)
	}
	if ctx.Err() != nil {
		return
	}
	m.size.Store(int32(max(1, len(keys)/2)))
	m.noteFault(err)
	if fault != resolver.Rejected {
		m.breaker.failed(m.host.now())
	}
	if len(keys) == 1 && fault != resolver.Unreachable {
		m.cache.failed(keys[0], fault, m.host.now())
	}
}

// store caches the statements, and reports those that changed.
func (m *member) store(queries []resolver.Query, replies []Reply) {
	now := m.host.now()
	var changed []resolver.IssuerKey
	for i, reply := range replies {
		key := queries[i].Issuer
		statement, err := m.judge(key, reply)
		switch {
		case faultOf(err) == resolver.Rejected:
			m.cache.failed(key, resolver.Rejected, now)
			m.noteRejected(key, err, now)
			continue
		case faultOf(err) == resolver.Denied:
			if m.cache.denied(key, now) {
				changed = append(changed, key)
			}
			m.noteFailure(key, err, now)
			continue
		case err != nil:
			m.cache.postpone(key, now.Add(failureTTL))
			m.noteFailure(key, err, now)
			continue
		}
		// The renewal is due after 70 to 90% of the lifetime.
		if m.cache.put(key, statement, now, 0.7+0.2*rand.Float64()) {
			changed = append(changed, key)
		}
	}
	m.host.notify(changed)
}

// noteRejected counts and logs that an answer about an issuer was rejected, each cause once in a
// while.
func (m *member) noteRejected(key resolver.IssuerKey, err error, now time.Time) {
	cause := causeOf(err)
	m.host.metrics.rejected.WithLabelValues(m.Name, string(cause)).Inc()
	if m.quiet.allows(string(resolver.Rejected)+string(cause), now) {
		m.log.Warn("a resolver's answer about an issuer is refused; its earlier one stays in use",
			"kind", key.Kind, "namespace", key.Namespace, "name", key.Name, "cause", cause, "error", problem.Cut(err.Error()))
		m.host.reportTrouble(m.Name, resolver.Rejected, problem.Quote(err.Error()))
	}
}

// noteFailure logs that a resolver couldn't answer for an issuer, once in a while.
func (m *member) noteFailure(key resolver.IssuerKey, err error, now time.Time) {
	if fault := faultOf(err); m.quiet.allows("failure "+string(fault), now) {
		m.log.Info("a resolver can't tell about an issuer",
			"kind", key.Kind, "namespace", key.Namespace, "name", key.Name, "error", problem.Cut(err.Error()))
		m.host.reportTrouble(m.Name, fault, problem.Quote(err.Error()))
	}
}

// watch receives changes. After an interruption, all findings are marked as stale.
func (m *member) watch(ctx context.Context, session Session) {
	for {
		err := session.Watch(ctx, m.changed)
		if errors.Is(err, ErrNoWatch) || ctx.Err() != nil {
			return
		}
		if err == nil {
			err = &Error{Fault: resolver.Unreachable, Err: errors.New("the stream of changes ended")}
		}
		m.noteFault(err)
		if !pause(ctx, watchPause) {
			return
		}
		m.renewAll()
	}
}

// changed asks again about what may have changed. Kinds that aren't granted match nothing.
func (m *member) changed(change resolver.Change) {
	m.queue.add(m.cache.markTheseStale(change.Issuers)...)
	if len(change.Kinds) > 0 {
		m.queue.add(m.cache.markStale(func(key resolver.IssuerKey) bool { return slices.Contains(change.Kinds, key.GroupKind) })...)
	}
}

// sweep queues the issuers that are due, and reports findings that changed with time.
func (m *member) sweep(now time.Time) {
	due, changed := m.cache.sweep(now)
	m.queue.add(due...)
	m.host.notify(changed)
}

// timed runs a call and records its duration and result.
func (m *member) timed(ctx context.Context, method string, call func(context.Context) error) error {
	begin := m.host.now()
	err := call(ctx)
	m.host.metrics.called(m.Name, method, faultOf(err), m.host.now().Sub(begin))
	return err
}
