package simulated

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/controller"
)

// replica is one process of certshim.
type replica struct {
	t     *testing.T
	agent string
	wire  *wire
	end   context.CancelFunc
	ended chan error
}

// skews are by how much clocks of replicas are ahead, one after the other.
var skews = []time.Duration{0, time.Hour, -7 * time.Second, -time.Hour, 90 * time.Second}

func (d *day) start(t *testing.T) *replica {
	t.Helper()
	d.started++
	settings := configuration.Default()
	settings.MetricsListenAddress, settings.HealthzListenAddress, settings.ProfilerAddress = "0", "0", "0"
	settings.LeaderElect.Namespace = "certshim"
	d.configure(&settings)
	policy, err := settings.Policy(configuration.Surroundings{})
	if err != nil {
		t.Fatal(err)
	}
	r := &replica{t: t, agent: fmt.Sprintf("certshim/%d", d.started), wire: newWire(d.api, skews[d.started%len(skews)]), ended: make(chan error, 1)}
	connection := &rest.Config{Host: "http://simulated", Transport: r.wire, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}
	c, err := controller.New(controller.Config{Configuration: settings, Policy: policy, Version: fmt.Sprint(d.started)}, connection, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r.end = cancel
	go func() { r.ended <- c.Run(ctx) }()
	pass(time.Minute)
	return r
}

// stop lets a replica end by itself.
func (r *replica) stop() {
	r.end()
	if err := <-r.ended; err != nil {
		r.t.Error(err)
	}
}

// kill ends a replica that can't say any more that it goes.
func (r *replica) kill() {
	r.wire.cutAll()
	r.stop()
}

// restart starts a replica in the place of each that has ended, as the kubelet does.
func (d *day) restart(t *testing.T) {
	t.Helper()
	for i, r := range d.replicas {
		select {
		case <-r.ended:
			d.replicas[i] = d.start(t)
		default:
		}
	}
}

// leads is the place of the replica that leads; 0 if it is neither.
func (d *day) leads() int {
	d.api.lock.Lock()
	defer d.api.lock.Unlock()
	for i, r := range d.replicas {
		if r.agent == d.holder {
			return i
		}
	}
	return 0
}

// mishap is what happens to the replicas or the Lease.
type mishap struct {
	name string
	do   func(d *day, t *testing.T, leader int)
}

const perHourMishaps = 4

func mishaps() []mishap {
	return []mishap{
		{"the leader stops", func(d *day, t *testing.T, leader int) {
			t.Helper()
			d.replicas[leader].stop()
			d.replicas[leader] = d.start(t)
		}},
		{"the leader can't reach the Lease", func(d *day, _ *testing.T, leader int) { d.replicas[leader].wire.cutLeases() }},
		{"the leader is killed while the other one is behind", func(d *day, t *testing.T, leader int) {
			t.Helper()
			other := d.replicas[1-leader].wire
			other.hide("")
			for range 20 {
				d.people.doOne()
				pass(time.Second)
			}
			d.replicas[leader].kill()
			pass(20 * time.Second)
			other.show()
			d.replicas[leader] = d.start(t)
		}},
		{"the Lease is taken by a clock that is ahead", func(d *day, _ *testing.T, _ int) { d.steal(time.Hour) }},
		{"the leader is killed", func(d *day, t *testing.T, leader int) {
			t.Helper()
			d.replicas[leader].kill()
			d.replicas[leader] = d.start(t)
		}},
		{"the leader is cut off", func(d *day, _ *testing.T, leader int) { d.replicas[leader].wire.cutAll() }},
		{"the Lease is taken by a clock that is behind", func(d *day, _ *testing.T, _ int) { d.steal(-time.Hour) }},
		{"the Lease is deleted", func(d *day, _ *testing.T, _ int) { d.deleteLease() }},
	}
}

// mishap lets the nth one happen.
func (d *day) mishap(t *testing.T, n int) {
	t.Helper()
	m := mishaps()[n%len(mishaps())]
	d.mishaps[m.name]++
	m.do(d, t, d.leads())
}

func (d *day) lease() (*resource, *unstructured.Unstructured) {
	leases := d.api.resources[schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"}]
	return leases, leases.objects[types.NamespacedName{Namespace: "certshim", Name: "certshim"}]
}

// steal gives the Lease to a machine that renews it no more, and whose clock differs.
func (d *day) steal(skew time.Duration) {
	d.api.lock.Lock()
	defer d.api.lock.Unlock()
	leases, lease := d.lease()
	d.people.change(leases, "kubectl-edit", lease, func(lease *unstructured.Unstructured) {
		spec, at := lease.Object["spec"].(map[string]any), time.Now().Add(skew).UTC().Format(metav1.RFC3339Micro)
		spec["holderIdentity"], spec["acquireTime"], spec["renewTime"] = "ghost", at, at
	})
}

// deleteLease lets whoever comes first take the Lease; the one that had it sees that when it renews it.
func (d *day) deleteLease() {
	d.api.lock.Lock()
	defer d.api.lock.Unlock()
	leases, lease := d.lease()
	d.unruled = time.Now().Add(15 * time.Second)
	d.api.remove(leases, "delete", "kubectl", lease)
}
