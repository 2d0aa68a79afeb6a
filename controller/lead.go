package controller

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// namespaceFile tells a pod in which namespace it runs.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// lead calls work once this replica holds the Lease, and gives the Lease back after work
// has returned. Work's context ends at once when the Lease is lost, which is an error: another
// replica may be at work already.
func (c *Controller) lead(ctx context.Context, work func(lost context.Context)) error {
	settings := c.config.LeaderElect
	if !settings.Enabled {
		c.metrics.leader.Set(1)
		work(context.WithoutCancel(ctx))
		return nil
	}
	namespace, err := leaseNamespace(settings.Namespace)
	if err != nil {
		return err
	}
	electing, release := context.WithCancel(context.WithoutCancel(ctx))
	defer release()
	finished := make(chan struct{})
	started := make(chan struct{})
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock:            c.lease(namespace),
		LeaseDuration:   time.Duration(settings.LeaseDuration),
		RenewDeadline:   time.Duration(settings.RenewDeadline),
		RetryPeriod:     time.Duration(settings.RetryPeriod),
		ReleaseOnCancel: true,
		Name:            settings.LeaseName,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(held context.Context) {
				close(started)
				defer close(finished)
				c.metrics.leader.Set(1)
				c.log.Info("this replica leads", "lease", namespace+"/"+settings.LeaseName)
				work(held)
			},
			OnStoppedLeading: func() { c.metrics.leader.Set(0) },
		},
	})
	if err != nil {
		return fmt.Errorf("leader election: %w", err)
	}
	workDone := func() {
		select {
		case <-started:
			<-finished
		default:
		}
	}
	context.AfterFunc(ctx, func() {
		workDone()
		release()
	})
	elector.Run(electing)
	workDone()
	if ctx.Err() == nil {
		return fmt.Errorf("the Lease %s/%s was lost, perhaps to another replica: ending, to be started anew", namespace, settings.LeaseName)
	}
	return nil
}

func (c *Controller) lease(namespace string) resourcelock.Interface {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: namespace, Name: c.config.LeaderElect.LeaseName},
		Client:     c.connection.leases,
		LockConfig: resourcelock.ResourceLockConfig{Identity: host + "_" + string(uuid.NewUUID())},
	}
}

// leaseNamespace is the one that was set, else the pod's own.
func leaseNamespace(set string) (string, error) {
	if set != "" {
		return set, nil
	}
	own, err := os.ReadFile(namespaceFile)
	if errors.Is(err, os.ErrNotExist) {
		return "", errors.New("leader election needs a namespace outside of a pod: set leaderElection.namespace, or leaderElection.enabled: false")
	}
	return strings.TrimSpace(string(own)), err
}
