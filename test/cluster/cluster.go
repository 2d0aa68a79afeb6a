package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"

	"github.com/certshim/certshim/test/crds"
	"github.com/certshim/certshim/test/envtest"
	"github.com/certshim/certshim/test/process"
)

// startTimeout is for everything but the builds, on a machine that is busy.
const startTimeout = 3 * time.Minute

// Cluster is a cluster that runs.
type Cluster struct {
	// ControlPlane is etcd, the API server and the few controllers of the control plane.
	ControlPlane *envtest.ControlPlane
	// Kubeconfig is the path of a cluster administrator's kubeconfig, Config the same without client-side rate limit.
	Kubeconfig string
	Config     *rest.Config
	Dynamic    dynamic.Interface
	// Logs is the folder with one log of each program.
	Logs string
	// CertManager and Webhook are nil if the cluster was started without.
	CertManager, Webhook *process.Process
	// Certshim is the program that [Cluster.LaunchCertshim] runs, if it isn't that of bin/.
	Certshim string

	mapper    *restmapper.DeferredDiscoveryRESTMapper
	bundles   []crds.Bundle
	shim      *process.Process
	ownedLogs bool
}

// Option is a choice at the start of a cluster.
type Option func(*settings)

type settings struct {
	bundles              []crds.Bundle
	certManager, webhook bool
	flags, environment   []string
	logs, folder         string
	up                   func(part string)
}

// WithoutGatewayAPI leaves out the Gateway API's CRDs; crds.Install brings them later.
func WithoutGatewayAPI() Option {
	return func(s *settings) { s.bundles = []crds.Bundle{crds.CertManager} }
}

// WithoutCertManager leaves out cert-manager's controllers: nothing gets signed.
func WithoutCertManager() Option { return func(s *settings) { s.certManager = false } }

// WithoutWebhook leaves out cert-manager's webhook: the CRDs' schemas alone judge what is written.
func WithoutWebhook() Option { return func(s *settings) { s.webhook = false } }

// WithCertManagerFlags adds flags to cert-manager's controllers.
func WithCertManagerFlags(flags ...string) Option {
	return func(s *settings) { s.flags = append(s.flags, flags...) }
}

// WithCertManagerEnv adds variables, each NAME=VALUE, to the environment of cert-manager's controllers.
func WithCertManagerEnv(variables ...string) Option {
	return func(s *settings) { s.environment = append(s.environment, variables...) }
}

// WithLogs puts the logs into an existing folder, where they stay. By default they go with the cluster.
func WithLogs(folder string) Option { return func(s *settings) { s.logs = folder } }

// WithFolder runs the control plane in an existing folder, which stays: its etcd can be restored from a snapshot.
func WithFolder(folder string) Option { return func(s *settings) { s.folder = folder } }

// WithProgress calls a function as soon as each part of the cluster is up, with the part's name. Parts start at the
// same time, so the calls may come at the same time too.
func WithProgress(up func(part string)) Option { return func(s *settings) { s.up = up } }

// Start starts a cluster for one test and stops it at the end of that test. The logs go to the test's artifacts.
func Start(t testing.TB, options ...Option) *Cluster {
	t.Helper()
	options = append([]Option{WithLogs(t.ArtifactDir())}, options...)
	cluster, err := StartMain(t.Context(), options...)
	if err != nil {
		t.Fatal("start a cluster: ", err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error("stop the cluster: ", err)
		}
	})
	return cluster
}

// StartMain starts a cluster that many tests share, from a TestMain or a program, and returns when everything in it is
// ready. The caller calls Stop. What had started when something failed is stopped again.
func StartMain(ctx context.Context, options ...Option) (*Cluster, error) {
	chosen := settings{
		certManager: true, webhook: true, bundles: []crds.Bundle{crds.CertManager, crds.Gateway}, up: func(string) {},
	}
	for _, option := range options {
		option(&chosen)
	}
	if err := buildPrograms(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	controlPlane, err := chosen.controlPlane(ctx)
	if err != nil {
		return nil, fmt.Errorf("control plane: %w", err)
	}
	chosen.up("etcd and kube-apiserver")
	cluster := &Cluster{ControlPlane: controlPlane, Kubeconfig: controlPlane.Kubeconfig, bundles: chosen.bundles}
	if err := cluster.equip(ctx, chosen); err != nil {
		return nil, errors.Join(err, cluster.Stop())
	}
	return cluster, nil
}

func (s settings) controlPlane(ctx context.Context) (*envtest.ControlPlane, error) {
	if s.folder == "" {
		return envtest.StartMain(ctx)
	}
	return envtest.StartIn(ctx, s.folder)
}

// equip makes a cluster of a bare control plane.
func (c *Cluster) equip(ctx context.Context, chosen settings) error {
	if err := c.openLogs(chosen.logs); err != nil {
		return err
	}
	if err := c.connect(); err != nil {
		return err
	}
	if err := crds.Install(ctx, c.Config, chosen.bundles...); err != nil {
		return err
	}
	chosen.up("the CRDs")
	group, ctx := errgroup.WithContext(ctx)
	start := func(part string, into **process.Process, run func() (*process.Process, error)) {
		group.Go(func() (err error) {
			if *into, err = run(); err == nil {
				chosen.up(part)
			}
			return err
		})
	}
	if chosen.certManager {
		start("cert-manager's controllers", &c.CertManager, func() (*process.Process, error) {
			return c.run(ctx, "certmanager", "certmanager", c.Kubeconfig, chosen.environment, chosen.flags)
		})
	}
	if chosen.webhook {
		start("cert-manager's webhook", &c.Webhook, func() (*process.Process, error) { return c.runWebhook(ctx) })
	}
	return group.Wait()
}

// runWebhook starts it once more if it ends before it is ready: it looks for a free port, which another process may take first.
func (c *Cluster) runWebhook(ctx context.Context) (*process.Process, error) {
	webhook, err := c.Run(ctx, "webhook", "webhook")
	if err == nil || ctx.Err() != nil {
		return webhook, err
	}
	return c.Run(ctx, "webhook-again", "webhook")
}

func (c *Cluster) openLogs(folder string) (err error) {
	c.Logs = folder
	if folder == "" {
		c.ownedLogs = true
		c.Logs, err = os.MkdirTemp("", "certshim-cluster-")
	}
	return err
}

func (c *Cluster) connect() (err error) {
	c.Config = rest.CopyConfig(c.ControlPlane.Config)
	c.Config.QPS = -1
	if c.Dynamic, err = dynamic.NewForConfig(c.Config); err != nil {
		return err
	}
	client, err := discovery.NewDiscoveryClientForConfig(c.Config)
	if err != nil {
		return err
	}
	c.mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client))
	return nil
}

// Stop stops every program of the cluster, the control plane last.
func (c *Cluster) Stop() error {
	var errs []error
	for _, running := range []*process.Process{c.shim, c.CertManager, c.Webhook} {
		if running != nil {
			errs = append(errs, running.Stop())
		}
	}
	errs = append(errs, c.ControlPlane.Stop())
	if c.ownedLogs {
		errs = append(errs, os.RemoveAll(c.Logs))
	}
	return errors.Join(errs...)
}
