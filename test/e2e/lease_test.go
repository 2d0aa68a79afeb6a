package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/proxy"
)

// A replica that is stopped in the middle of a burst, past its Lease, writes nothing more when
// it goes on: by then the burst is another's.
func TestReplicaThatWakesUpAfterItsLeaseWritesNothing(t *testing.T) {
	t.Parallel()
	const workers, burst = 8, 100
	d := startDeployed(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	writes := &proxy.Barrier{Matches: func(r *http.Request) bool {
		return r.Method != http.MethodGet && strings.Contains(r.URL.Path, "/certificates")
	}}
	leases := &proxy.Barrier{Matches: func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/leases/") }}
	var watched proxy.Gate
	lease := []string{"--leader-election-lease-duration=6s", "--leader-election-renew-deadline=4s", "--leader-election-retry-period=1s"}
	before := func(r *http.Request) {
		leases.Before(r)
		writes.Before(r)
	}
	leading := d.launchThrough(t, before, watched.See, append(lease, fmt.Sprint("--concurrent-workers=", workers))...)
	d.untilMetric(t, "certshim_leader 1")
	namespace := d.Namespace(t)
	certificates := d.Watch(t, cluster.Certificates(), namespace)

	writes.Shut()
	for i := range burst {
		d.Apply(t, namespace, ingress(fmt.Sprintf("web-%d", i), annotations{issuerKey: "ca"}, "a.example.com"))
	}
	if err := cluster.Poll(t.Context(), "the burst to be written", func(context.Context) (bool, error) {
		depth, err := d.metric(t, "certshim", "certshim_queue_depth")
		return writes.Count() == workers && depth == burst-workers, err
	}); err != nil {
		t.Fatal(err)
	}
	// Nothing that is asked of the Lease is answered any more, and what the other replica makes
	// isn't shown: all of the burst is left to write, and no answer says that the Lease is lost.
	leases.Shut()
	watched.Lock()
	t.Cleanup(watched.Unlock)
	if err := leading.Pause(); err != nil {
		t.Fatal(err)
	}
	d.startFor(t, "second", lease...)
	certificates.Until(t, "the burst to be through by the second replica", func(state cluster.State) bool { return len(state) == burst })

	sent := writes.Count()
	writes.Open()
	if err := leading.Resume(); err != nil {
		t.Fatal(err)
	}
	<-leading.Done()
	if got := writes.Count() - sent; got > workers {
		t.Errorf("the first replica sent %d writes after its Lease was lost, want one a worker, %d, at most", got, workers)
	}
	d.madeOnce(t, namespace)
}
