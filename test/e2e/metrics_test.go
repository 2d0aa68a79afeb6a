package e2e

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"

	"github.com/certshim/certshim/test/cluster"
)

// The program counts its writes and what client-go does for them.
func TestMetricsOfAWrite(t *testing.T) {
	t.Parallel()
	d := startDeployed(t, cluster.WithoutCertManager())
	d.startFor(t, "counting")
	namespace := d.Namespace(t)
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	d.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca"}, "a.example.com"))
	certificates.Object(t, "web-tls", "to be made", exists)
	for metric, least := range map[string]float64{
		"leader_election_master_status": 1, "rest_client_requests_total": 2, "rest_client_request_duration_seconds_count": 2,
		"workqueue_adds_total": 1, "workqueue_work_duration_seconds_count": 1, "certshim_event_to_write_seconds_count": 1,
	} {
		err := cluster.Poll(t.Context(), metric, func(context.Context) (bool, error) {
			got, err := d.metric(t, "counting", metric)
			return got >= least, err
		})
		if err != nil {
			t.Error(err)
		}
	}
	d.startFor(t, "standing by")
	d.logsNothingAtRest(t, namespace, "counting", "standing by")
}

// logsNothingAtRest waits until the last problem is told, and then while the Lease is renewed some times, as the clock of a
// cluster in which nothing happens. Neither the leader nor who stands by logs anything meanwhile.
func (d *deployed) logsNothingAtRest(t *testing.T, namespace string, names ...string) {
	t.Helper()
	events := d.Watch(t, cluster.Events(), namespace)
	awaitWarning(t, events, "web", "IssuerNotFound")
	leases := d.Watch(t, schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"}, account)
	renewals := map[any]bool{}
	renewed := func(times int) {
		leases.Until(t, "the Lease to be renewed", func(state cluster.State) bool {
			if lease := state["certshim"]; lease != nil {
				renewals[field(lease, "spec|renewTime")] = true
			}
			return len(renewals) > times
		})
	}
	logs := func(name string) []byte { return must(os.ReadFile(filepath.Join(d.Logs, name+".log")))(t) }
	renewed(1)
	before := map[string][]byte{}
	for _, name := range names {
		before[name] = logs(name)
	}
	renewed(4)
	for name, was := range before {
		if now := logs(name); !bytes.Equal(was, now) || len(was) == 0 {
			t.Errorf("at rest, what is %s logged\n%s\nafter\n%s", name, now[len(was):], was)
		}
	}
}

// serverMetrics are the API server's own, in Prometheus' text form.
func (d *deployed) serverMetrics(t *testing.T) string {
	t.Helper()
	client, err := kubernetes.NewForConfig(d.Config)
	if err != nil {
		t.Fatal(err)
	}
	body, err := client.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(t.Context())
	if err != nil {
		t.Fatal("metrics of the API server: ", err)
	}
	return string(body)
}

// series adds up those series of a metric that have all the labels.
func series(t *testing.T, body, metric string, labels ...string) float64 {
	t.Helper()
	var lines strings.Builder
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, metric+"{") && containsAll(line, labels) {
			lines.WriteString(line)
		}
	}
	total, _, err := cluster.Sum(lines.String(), metric)
	if err != nil {
		t.Fatal(err)
	}
	return total
}

func containsAll(line string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(line, part) {
			return false
		}
	}
	return true
}

// must turns (value, error) into the value, or the end of the test.
func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// cleanup is the context of what runs when the test's own is done.
func cleanup() context.Context { return context.Background() }
