package controller

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// namespaceFile tells a pod in which namespace it runs.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// lead calls work once this replica holds the Lease. Work's context ends when the Lease may
// no longer be held, which is an error: another replica may be at work by then. So it is if the cluster went back to an
// earlier state, whether this replica leads or not. If ctx ends first, work returns by itself, and only then is the Lease given back.
func (c *Controller) lead(ctx context.Context, work func(held context.Context)) error {
	settings := c.config.LeaderElect
	if !settings.Enabled {
		c.metrics.leader.Set(1)
		work(context.WithoutCancel(ctx))
		return nil
	}
	namespace, err := leaseNamespace(settings.Namespace, namespaceFile)
	if err != nil {
		return err
	}
	return c.elect(ctx, c.lease(namespace), work)
}

// elect is lead with a given lock.
func (c *Controller) elect(ctx context.Context, lock resourcelock.Interface, work func(held context.Context)) error {
	held, lose := context.WithCancel(context.WithoutCancel(ctx))
	defer lose()
	c.tenure.onEnd(lose)
	observed := observedLock{lock, c.tenure}
	elected := make(chan struct{})
	elector, err := c.newElector(observed, func(context.Context) { close(elected) })
	if err != nil {
		return err
	}
	electing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// Nobody renews the Lease any more.
		defer lose()
		elector.Run(electing)
	}()
	select {
	case <-ctx.Done():
	case <-c.tenure.back:
	case <-elected:
		c.metrics.leader.Set(1)
		c.log.Info("this replica leads", "lease", lock.Describe())
		work(held)
	}
	lost := held.Err() != nil
	stop()
	<-ended
	if past := c.tenure.wentBack(); past != nil && ctx.Err() == nil {
		return fmt.Errorf("the Lease %s: %w; exiting, to be restarted and to read all anew", lock.Describe(), past)
	}
	if lost && ctx.Err() == nil {
		return fmt.Errorf("the Lease %s was lost, perhaps to another replica: exiting, to be restarted", lock.Describe())
	}
	if !lost && c.tenure.active() {
		c.giveBack(ctx, observed)
	}
	return nil
}

// newElector makes an elector that leaves giving the Lease back to us: client-go would do so
// after a loss, too, and before work's context has ended.
func (c *Controller) newElector(lock resourcelock.Interface, elected func(context.Context)) (*leaderelection.LeaderElector, error) {
	settings := c.config.LeaderElect
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock:          lock,
		LeaseDuration: settings.LeaseDuration,
		RenewDeadline: settings.RenewDeadline,
		RetryPeriod:   settings.RetryPeriod,
		Name:          settings.LeaseName,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: elected,
			OnStoppedLeading: func() { c.metrics.leader.Set(0) },
		},
	})
	if err != nil {
		return nil, fmt.Errorf("leader election: %w", err)
	}
	return elector, nil
}

// giveBack lets another replica take the Lease at once. Without it the Lease just expires.
func (c *Controller) giveBack(ctx context.Context, lock observedLock) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.config.LeaderElect.RenewDeadline)
	defer cancel()
	if err := lock.release(ctx); err != nil {
		c.log.Warn("the Lease could not be given back; another replica leads once it has expired", "lease", lock.Describe(), "error", err)
	}
}

func (c *Controller) lease(namespace string) resourcelock.Interface {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: namespace, Name: c.config.LeaderElect.LeaseName},
		Client:     notedLeases{c.connection.Leases, c.tenure},
		LockConfig: resourcelock.ResourceLockConfig{Identity: host + "_" + string(uuid.NewUUID())},
	}
}

// leaseNamespace is the one that was set, else the pod's own, which stands in a file.
func leaseNamespace(set, file string) (string, error) {
	if set != "" {
		return set, nil
	}
	own, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return "", errors.New("leader election needs a namespace outside of a pod: name one by --leader-election-namespace, or run a single replica by --leader-elect=false (leaderElection.namespace and leaderElection.enabled in the configuration file)")
	}
	return strings.TrimSpace(string(own)), err
}
