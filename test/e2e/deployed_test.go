package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/certshim/certshim/test/cluster"
)

// account is the namespace and name of the ServiceAccount in deploy/.
const account = "certshim"

// deployed is a cluster in which deploy/ was applied, and the certshim processes that
// run with its ServiceAccount. There is no kubelet, so the Deployment itself starts none.
type deployed struct {
	*cluster.Cluster
	// kubeconfig carries a token of the ServiceAccount.
	kubeconfig string
	running    map[string]*cluster.Certshim
}

func deploy(ctx context.Context, running *cluster.Cluster) (*deployed, error) {
	kubeconfig, err := running.Deploy(ctx)
	return &deployed{Cluster: running, kubeconfig: kubeconfig, running: map[string]*cluster.Certshim{}}, err
}

func startDeployed(t *testing.T, options ...cluster.Option) *deployed {
	t.Helper()
	d, err := deploy(t.Context(), cluster.Start(t, options...))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func repository() (string, error) {
	binary, err := cluster.Binary("certshim")
	return filepath.Dir(filepath.Dir(binary)), err
}

// start runs certshim until stop, and returns when it is ready.
func (d *deployed) start(ctx context.Context, name string, flags ...string) error {
	if err := d.launch(ctx, name, flags...); err != nil {
		return err
	}
	return d.untilReady(ctx, name)
}

// launch runs certshim until stop, as the ServiceAccount.
func (d *deployed) launch(ctx context.Context, name string, flags ...string) error {
	return d.launchWith(ctx, name, nil, append([]string{"--kubeconfig=" + d.kubeconfig}, flags...)...)
}

// launchWith runs certshim until stop, with additions to its environment.
func (d *deployed) launchWith(ctx context.Context, name string, env []string, flags ...string) error {
	running, err := d.LaunchCertshim(ctx, name, env, flags...)
	if err != nil {
		return err
	}
	d.running[name] = running
	return nil
}

func (d *deployed) startFor(t *testing.T, name string, flags ...string) *cluster.Certshim {
	t.Helper()
	if err := d.start(t.Context(), name, flags...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.stop(name) })
	return d.running[name]
}

func (d *deployed) stop(name string) {
	if running := d.running[name]; running != nil {
		delete(d.running, name)
		if err := running.Stop(); err != nil {
			fmt.Fprintf(os.Stderr, "stop %s: %v\n", name, err)
		}
	}
}

func (d *deployed) untilReady(ctx context.Context, name string) error {
	if err := d.running[name].UntilReady(ctx); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// get returns body and status; status 0 means that nobody answered.
func get(ctx context.Context, url string) (string, int) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err.Error(), 0
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err.Error(), 0
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil {
		return err.Error(), 0
	}
	return body.String(), response.StatusCode
}
