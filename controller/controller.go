package controller

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

const (
	gatewayGroup    = "gateway.networking.k8s.io"
	gatewayKind     = "Gateway"
	listenerSetKind = "ListenerSet"
)

// stopTimeout bounds a write in flight when the controller is asked to stop.
const stopTimeout = 20 * time.Second

// Config is what a Controller is made of: the operator's settings, and what was built
// from them.
type Config struct {
	configuration.Configuration
	// Policy is what decisions follow; each that comes from Policies takes its place.
	Policy   *certshim.Policy
	Policies <-chan *certshim.Policy
	// Plugins say what resolvers outside of this program know of issuers; nil where none
	// are configured. Where one speaks for a kind, it does so alone.
	Plugins Plugins
	// Pod is the one that this program runs in, for Events about itself; its name is empty
	// elsewhere.
	Pod source.Ref
	// AfterPeak, if not nil, is called after each peak of memory of a start: once the first lists
	// are in memory, and once nothing is left to do.
	AfterPeak func()
	// Version of the program, for the User-Agent and the build_info metric.
	Version string
}

// Controller works on one cluster. Make one by [New].
type Controller struct {
	config     Config
	policy     atomic.Pointer[certshim.Policy]
	base       *rest.Config
	log        *slog.Logger
	registry   *prometheus.Registry
	metrics    *metrics
	memory     *memory
	queue      *queue
	breaker    *breaker
	pace       *pace
	connection *connection
	discoverer *discoverer
	watcher    *watcher
	namespaces *namespaces
	recorder   *recorder
	told       *told
	waiting    *waiting
	usage      usage
	// whole has the issuer kinds of which every issuer is in memory.
	whole  atomic.Pointer[map[resolver.GroupKind]bool]
	writer Writer
	// tenure is the time in which this replica may write.
	tenure *tenure

	// look wakes the loop that watches: something may have to be started or attached.
	look chan struct{}
	// ready is set while all that is enabled and served is in memory, Certificates too.
	ready atomic.Bool
	// informed is set while enough is in memory to decide: Certificates, and at the start, and
	// after a change of policy, every kind that can be read.
	informed atomic.Bool
	// working counts the sources that are being worked on.
	working   atomic.Int64
	firstIdle sync.Once
	forbidden atomic.Bool
}

// New registers the metrics and connects nothing yet. It gives an error when the
// configuration is invalid.
func New(config Config, base *rest.Config, log *slog.Logger, registry *prometheus.Registry) (*Controller, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if config.Policy == nil {
		return nil, errors.New("controller: Config.Policy is nil")
	}
	if config.Plugins == nil {
		config.Plugins = noPlugins{}
	}
	if config.AfterPeak == nil {
		config.AfterPeak = func() {}
	}
	c := &Controller{
		config: config, base: base, log: log, registry: registry,
		memory: newMemory(), pace: newPace(config.Takeover.ChangesPerMinute),
		look: make(chan struct{}, 1),
	}
	c.policy.Store(config.Policy)
	c.queue = newQueue(nil)
	c.metrics = newMetrics(registry, config.Version, func() float64 { return float64(c.queue.Len()) })
	registry.MustRegister(newIssuersMetric(c))
	c.breaker = newBreaker(c.metrics.pendingWrites)
	c.waiting = newWaiting(c.metrics.held)
	return c, nil
}

// Run works until the context ends; then it finishes the writes in flight, releases the
// Lease and returns nil. It returns an error when the Lease was lost or the listener for
// metrics and health can't be opened.
func (c *Controller) Run(ctx context.Context) error {
	if err := c.serve(ctx); err != nil {
		return err
	}
	if c.config.LeaderElect.Enabled {
		c.tenure = newTenure()
	}
	if err := c.connect(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	firstReady := make(chan struct{})
	running.Go(func() { c.watch(background, firstReady) })
	running.Go(func() { c.recorder.run(background) })
	running.Go(func() { c.askPlugins(background) })
	return c.lead(ctx, func(lost context.Context) {
		select {
		case <-firstReady:
			c.work(ctx, lost)
		case <-ctx.Done():
		case <-lost.Done():
		}
	})
}

func (c *Controller) connect(ctx context.Context) error {
	connection, err := connect(ctx, c.base, c.config, c.log)
	if err != nil {
		return err
	}
	c.connection = connection
	writer, err := newWriter(connection)
	if err != nil {
		return err
	}
	c.writer = heldWriter{writer, c.tenure}
	c.recorder = newRecorder(connection.events, c.metrics, c.log)
	c.told = newTold(c.recorder, c.metrics)
	c.discoverer = newDiscoverer(connection, c.log)
	c.namespaces = &namespaces{
		client: connection.metadata, metrics: c.metrics, log: c.log,
		keeps: c.config.Policy.Parser.MeansIssuer, changed: c.namespaceChanged,
	}
	c.watcher = c.newWatcher()
	return nil
}

func (c *Controller) newWatcher() *watcher {
	w := &watcher{
		connection: c.connection, namespaces: c.config.Namespaces, metrics: c.metrics, log: c.log,
		look: func() { poke(c.look) }, feeds: map[schema.GroupVersionResource]*feed{},
	}
	if len(w.namespaces) == 0 {
		w.namespaces = []string{""}
	}
	return w
}

// enables says whether a kind is switched on.
func (c Config) enables(kind source.Kind) bool {
	gvk := kind.GroupVersionKind()
	if gvk.Group != gatewayGroup {
		return true
	}
	return c.GatewayAPI.Enabled && (gvk.Kind != listenerSetKind || c.GatewayAPI.ListenerSets)
}

// watch keeps the informers in step with what the cluster serves, until the context ends.
// It closes firstReady when there is something to work with for the first time.
func (c *Controller) watch(ctx context.Context, firstReady chan struct{}) {
	defer c.watcher.endAll()
	go c.discoverer.crds.RunWithContext(ctx)
	c.discoverer.ask(ctx)
	c.tellMissing()
	timer := time.NewTimer(c.discoverer.nextDelay())
	for {
		c.settle(ctx, firstReady)
		select {
		case <-ctx.Done():
			return
		case <-c.look:
			continue
		case <-c.discoverer.changed:
			c.discoverer.noteChange()
		case policy := <-c.config.Policies:
			c.adopt(policy)
			continue
		case <-timer.C:
			c.askAgain(ctx)
		}
		timer.Reset(c.discoverer.nextDelay())
	}
}

// askAgain asks what is served, and looks again at what waits for another kind of issuer.
func (c *Controller) askAgain(ctx context.Context) {
	before := c.discoverer.facts.Load().served
	c.discoverer.ask(ctx)
	now := c.discoverer.facts.Load().served
	c.follow(ctx)
	if !maps.Equal(before.scopes, now.scopes) {
		c.memory.decided()
		c.queue.inLine(c.waiting.forKinds()...)
	}
}

// adopt lets decisions follow another policy. Nothing is decided until what has to be read anew
// for it is in memory; then every source is looked at.
func (c *Controller) adopt(policy *certshim.Policy) {
	c.informed.Store(false)
	c.memory.lock.Lock()
	defer c.memory.lock.Unlock()
	c.policy.Store(policy)
}

// tellMissing says once at the start what everything waits for.
func (c *Controller) tellMissing() {
	if !c.discoverer.facts.Load().served.resources[certificates] {
		c.log.Warn("nothing is done until the cluster serves Certificates: install cert-manager's CRDs", "resource", certificates.String())
	}
}

// settle attaches what has synced. Once Certificates are known, for the first time or
// again, every source is looked at.
func (c *Controller) settle(ctx context.Context, firstReady chan struct{}) {
	c.follow(ctx)
	c.watcher.attach(ctx)
	c.noteWhole()
	rereads := c.watcher.rereads()
	if !rereads {
		c.namespaces.need(ctx, c.memory.gatewaysSelect() || c.policy.Load().ReadsNamespaces())
	}
	c.ready.Store(c.watcher.ready())
	informed := c.watcher.attached(certificates) && !rereads
	if was := c.informed.Swap(informed); was || !informed {
		return
	}
	c.queue.inLine(c.memory.keys()...)
	// Of sources that went away meanwhile, nothing is to remain.
	c.queue.inLine(slices.Concat(c.told.keys(), c.waiting.keys(), c.usage.keys())...)
	select {
	case <-firstReady:
	default:
		c.config.AfterPeak()
		close(firstReady)
	}
}

// work runs the workers until the context ends and each has finished what it was at, or
// until the Lease is lost.
func (c *Controller) work(ctx, lost context.Context) {
	writing, abort := context.WithCancel(lost)
	defer abort()
	stop := context.AfterFunc(ctx, func() {
		c.queue.ShutDown()
		time.AfterFunc(stopTimeout, abort)
	})
	defer stop()
	shut := context.AfterFunc(lost, c.queue.ShutDown)
	defer shut()
	c.noteIdle()
	var workers sync.WaitGroup
	for range c.config.Workers {
		workers.Go(func() {
			for c.workOnOne(ctx, writing) {
				c.noteIdle()
			}
		})
	}
	workers.Wait()
}

// workOnOne looks at the next source; false means that there is no more to do.
func (c *Controller) workOnOne(ctx, writing context.Context) bool {
	k, ended := c.queue.Get()
	if ended {
		return false
	}
	defer c.queue.Done(k)
	if ctx.Err() != nil || writing.Err() != nil || !c.informed.Load() {
		// Once enough is known again, every source is queued.
		return true
	}
	c.working.Add(1)
	v := c.reconcile(writing, k)
	c.working.Add(-1)
	if v.retry {
		c.queue.again(k)
		return true
	}
	c.queue.Forget(k)
	if v.after > 0 {
		c.queue.after(k, v.after)
	}
	return true
}

// noteIdle notes the first time at which nothing is left to do.
func (c *Controller) noteIdle() {
	if c.informed.Load() && c.working.Load() == 0 && c.queue.Len() == 0 {
		c.firstIdle.Do(func() {
			c.metrics.initialDone.Set(1)
			c.config.AfterPeak()
		})
	}
}
