package e2e

import (
	"context"
	"errors"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/proxy"
)

// The first signal lets a write that is in flight end, however slow it is. The second one kills the process, write or no
// write.
func TestTheFirstSignalWaitsForWritesAndTheSecondKills(t *testing.T) {
	t.Parallel()
	// Less than the controller waits for a write by itself.
	const atOnce = 10 * time.Second
	d := startDeployed(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	writes := &proxy.Barrier{Matches: func(r *http.Request) bool {
		return r.Method != http.MethodGet && strings.Contains(r.URL.Path, "/certificates")
	}}
	for _, kills := range []bool{false, true} {
		t.Run(map[bool]string{false: "one signal", true: "two signals"}[kills], func(t *testing.T) {
			running := d.launchThrough(t, writes.Before, nil)
			d.untilMetric(t, "certshim_leader 1")
			namespace := d.Namespace(t)
			writes.Shut()
			before := writes.Count()
			d.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca"}, "a.example.com"))
			d.poll(t, "a write to be in flight", func() bool { return writes.Count() > before })
			d.signal(t, running)
			d.poll(t, "the process to stop serving", func() bool {
				_, status := get(t.Context(), "http://"+running.Address+"/readyz")
				return status != http.StatusOK
			})
			select {
			case <-running.Done():
				t.Fatalf("it ended before its write: %v", running.Result())
			default:
			}
			if !kills {
				writes.Open()
				if err := running.Result(); err != nil {
					t.Errorf("it ended with %v", err)
				}
				if _, err := d.Dynamic.Resource(cluster.Certificates()).Namespace(namespace).Get(t.Context(), "web-tls", metav1.GetOptions{}); apierrors.IsNotFound(err) {
					t.Error("its write was lost")
				}
				return
			}
			defer writes.Open()
			began := time.Now()
			// What the signal does changes a moment after the first one is noticed.
			for ended := false; !ended; {
				d.signal(t, running)
				select {
				case <-running.Done():
					ended = true
				case <-time.After(10 * time.Millisecond):
				}
			}
			var exit *exec.ExitError
			if took := time.Since(began); !errors.As(running.Result(), &exit) || took > atOnce {
				t.Fatalf("after %s it ended with %v", took, running.Result())
			}
			if status, is := exit.Sys().(syscall.WaitStatus); !is || !status.Signaled() || status.Signal() != syscall.SIGTERM {
				t.Errorf("it ended by itself: %v", exit)
			}
		})
	}
}

func (d *deployed) signal(t *testing.T, running *cluster.Certshim) {
	t.Helper()
	if err := running.Terminate(); err != nil {
		t.Fatal(err)
	}
}

func (d *deployed) poll(t *testing.T, what string, condition func() bool) {
	t.Helper()
	if err := cluster.Poll(t.Context(), what, func(context.Context) (bool, error) { return condition(), nil }); err != nil {
		t.Fatal(err)
	}
}
