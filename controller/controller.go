package controller

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/clientmetrics"
	"github.com/certshim/certshim/cluster"
	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/reports"
	"github.com/certshim/certshim/source"
)

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
	// Fights are limits on what is fought over.
	Fights Fights
	// Orphans is when Certificates go whose source in another namespace is gone.
	Orphans Orphans
	// Version of the program, for the User-Agent and the build_info metric, and the commit that it was built from.
	Version, Revision string
}

// Controller works on one cluster. Make one by [New].
type Controller struct {
	config     Config
	base       *rest.Config
	log        *slog.Logger
	registry   *prometheus.Registry
	metrics    *metrics
	inventory  *inventory.Inventory
	queue      *queue
	breaker    *breaker
	failures   *failures
	creates    *creates
	pace       *pace
	disputes   *disputes
	connection *cluster.Connection
	discovery  *cluster.Discovery
	// facts are what the cluster said of itself at last: a snapshot, replaced as a whole.
	facts    atomic.Pointer[inventory.Facts]
	feeds    *cluster.Feeds
	recorder *recorder
	reporter *reporter
	reports  *reports.Keeper
	waiting  *waiting
	large    *gate
	// undeclared are the issuer kinds that sources name and nobody declares.
	undeclared []usedKind
	writer     cluster.Writer
	readSource readSource
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
		pace: newPace(config.Takeover.ChangesPerMinute), disputes: newDisputes(config.Fights),
		look: make(chan struct{}, 1),
	}
	c.inventory = inventory.New(config.Policy, inventory.Options{
		Now:        time.Now,
		Namespaces: config.Namespaces, Plugins: config.Plugins, OnNeed: func() { poke(c.look) },
		Fights: func(uid string) []certificate.Fight { return c.disputes.fights(uid, time.Now()) },
	})
	c.facts.Store(&inventory.Facts{})
	c.queue = newQueue(clientmetrics.Queues(registry))
	c.metrics = newMetrics(registry, config, func() float64 { return float64(c.queue.Len()) })
	registry.MustRegister(newIssuersMetric(c.inventory), newFieldsMetric(c.inventory), newOrphansMetric(c.inventory), newGroupsMetric(c))
	c.breaker, c.failures, c.creates = newBreaker(c.metrics.pendingWrites), newFailures(), newCreates()
	c.waiting, c.large = newWaiting(c.metrics.held), newGate()
	return c, nil
}

// Run works until the context ends; then it finishes the writes in flight, releases the
// Lease and returns nil. It returns an error when the Lease was lost or the listener for
// metrics and health can't be opened.
func (c *Controller) Run(ctx context.Context) error {
	// Of a replica that never led, no worker has ended it.
	defer c.queue.ShutDown()
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
	connection, err := cluster.Connect(ctx, c.base, cluster.Settings{
		UserAgent: "certshim/" + c.config.Version, QPS: c.config.KubernetesAPI.QPS, Burst: c.config.KubernetesAPI.Burst,
	}, c.log)
	if err != nil {
		return err
	}
	c.connection = connection
	// No write begins when the Lease may be another's.
	connection.Gate(c.tenure.until)
	if c.writer, err = connection.Writer(); err != nil {
		return err
	}
	c.readSource = func(ctx context.Context, r cluster.Resource, ref source.Ref) (any, error) {
		return cluster.Get(ctx, connection, r, ref.Namespace, ref.Name)
	}
	c.recorder = newRecorder(connection.Events, c.metrics, c.log)
	c.reporter = newReporter(c.recorder, c.metrics, c.queue.after)
	if c.discovery, err = cluster.NewDiscovery(connection, c.log); err != nil {
		return err
	}
	c.feeds = c.newFeeds(connection)
	c.reports = c.newReports(connection)
	return nil
}

// newReports keeps the reports of fields, where the operator wants any.
func (c *Controller) newReports(at reports.Cluster) *reports.Keeper {
	return reports.New(reports.Options{
		Setting: c.config.Ownership.Reports, Namespaces: c.config.Namespaces, Serves: func(namespace string) bool { return c.policy().Serve.Has(namespace) }, Cluster: at,
		Served: func() inventory.Served { return c.facts.Load().Served }, Fields: c.inventory.FieldsByNamespace,
		Idle: c.idle, Read: c.queue.inLine, Log: c.log,
	})
}

func (c *Controller) newFeeds(clients cluster.Clients) *cluster.Feeds {
	return &cluster.Feeds{
		Clients: clients, Namespaces: c.config.Namespaces, Look: func() { poke(c.look) }, Report: c.feedChanged, Log: c.log,
	}
}
