package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"

	"github.com/certshim/certshim/cluster/codec"
	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/process"
)

// bench is one scene on its control plane.
type bench struct {
	*cluster.Cluster
	size size
	// before is the path of an older build of certshim, if there is one.
	before string
	// seed is that of the attacks, and attack a part of the names of those that are run.
	seed   uint64
	attack string
	// record is the file for the scene dashboard.
	record string
	client *discovery.DiscoveryClient
}

// rest waits until server and etcd have nothing to do.
func (b *bench) rest(ctx context.Context) error {
	pids, err := b.ControlPlane.Pids()
	if err != nil {
		return err
	}
	return untilIdle(ctx, 1, pids.APIServer, pids.Etcd)
}

// server is what the API server and etcd have used so far.
func (b *bench) server() (time.Duration, error) {
	pids, err := b.ControlPlane.Pids()
	if err != nil {
		return 0, err
	}
	return used([]int{pids.APIServer, pids.Etcd})
}

// controller is a program under test that runs.
type controller struct {
	*process.Process
	// address is that of its metrics, if it tells when it has looked at everything.
	address string
}

// certshim starts certshim as it is shipped.
func (b *bench) certshim(ctx context.Context, flags ...string) (*controller, error) {
	path, err := cluster.Binary("certshim")
	if err != nil {
		return nil, err
	}
	return b.build(ctx, path, nil, append(flags, "--healthz-listen-address=0")...)
}

// build starts a build of certshim.
func (b *bench) build(ctx context.Context, path string, env []string, flags ...string) (*controller, error) {
	address, err := cluster.FreeAddress(ctx)
	if err != nil {
		return nil, err
	}
	args := append([]string{
		"controller", "--kubeconfig=" + b.Kubeconfig, "--leader-elect=false", "--metrics-listen-address=" + address,
		fmt.Sprintf("--concurrent-workers=%d", b.size.workers),
	}, flags...)
	return b.launch(ctx, path, address, args, env...)
}

// shim starts cert-manager's ingress-shim, by server-side apply.
func (b *bench) shim(ctx context.Context) (*controller, error) {
	path, err := cluster.Binary("certmanager")
	if err != nil {
		return nil, err
	}
	return b.launch(ctx, path, "", []string{
		"--kubeconfig=" + b.Kubeconfig, "--controllers=ingress-shim", "--server-side-apply=true",
		fmt.Sprintf("--concurrent-workers=%d", b.size.shimWorkers),
	})
}

// reader starts one of the readers.
func (b *bench) reader(ctx context.Context, name string) (*controller, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return b.launch(ctx, path, "", []string{"-read=" + name, "-kubeconfig=" + b.Kubeconfig})
}

func (b *bench) launch(ctx context.Context, path, address string, args []string, env ...string) (*controller, error) {
	p, err := process.Start(ctx, process.Program{
		Path: path, Args: args, Log: filepath.Join(b.Logs, filepath.Base(path)+".log"), Env: append(env, "TMPDIR="+b.Logs),
	})
	if err != nil {
		return nil, err
	}
	return &controller{Process: p, address: address}, nil
}

// arrivals counts Certificates as a watch shows them, and decodes next to nothing of them.
type arrivals struct {
	stop func()
	mu   sync.Mutex
	seen map[types.NamespacedName]time.Time
	last time.Time
	// changed holds one token while something is unread.
	changed chan struct{}
}

// watchArrivals watches the Certificates that are made from now on, as whole objects, like
// cert-manager's controllers in every cluster: the API server encodes an event once for all
// who watch alike.
func (b *bench) watchArrivals(ctx context.Context) (*arrivals, error) {
	identity, err := codec.Select([]string{})
	if err != nil {
		return nil, err
	}
	config := dynamic.ConfigFor(b.Config)
	config.NegotiatedSerializer = codec.New(identity, nil)
	config.AcceptContentTypes, config.ContentType = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	config.GroupVersion, config.APIPath = nil, "/"
	client, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		return nil, err
	}
	certificates := dynamic.New(client).Resource(cluster.Certificates())
	list, err := certificates.List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return nil, err
	}
	// A watch that begins soon after its CRD was installed may end when the API server takes the
	// CRD in again.
	events, err := watchtools.NewRetryWatcherWithContext(ctx, list.GetResourceVersion(), &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return certificates.Watch(ctx, options)
		},
	})
	if err != nil {
		return nil, err
	}
	a := &arrivals{stop: events.Stop, seen: map[types.NamespacedName]time.Time{}, changed: make(chan struct{}, 1)}
	go a.follow(events)
	return a, nil
}

func (a *arrivals) follow(events watch.Interface) {
	for event := range events.ResultChan() {
		object, ok := event.Object.(*unstructured.Unstructured)
		if !ok || event.Type != watch.Added {
			continue
		}
		a.mu.Lock()
		a.last = time.Now()
		a.seen[types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetName()}] = a.last
		a.mu.Unlock()
		select {
		case a.changed <- struct{}{}:
		default:
		}
	}
}

// until waits for as many Certificates and returns when the last of them came.
func (a *arrivals) until(ctx context.Context, count int) (time.Time, error) {
	for {
		a.mu.Lock()
		have, last := len(a.seen), a.last
		a.mu.Unlock()
		if have >= count {
			return last, nil
		}
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case <-a.changed:
		case <-time.After(patience):
			return last, fmt.Errorf("%d of %d Certificates, and no more for %s", have, count, patience)
		}
	}
}

// at is when a Certificate came; false if it hasn't.
func (a *arrivals) at(namespace, name string) (time.Time, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	when, found := a.seen[types.NamespacedName{Namespace: namespace, Name: name}]
	return when, found
}

// patience ends a wait in which nothing happens any more.
const patience = time.Minute

func ownUsage() (time.Duration, error) { return used([]int{os.Getpid()}) }
