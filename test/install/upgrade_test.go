package install

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/upgrade"
)

// values are those of somebody who has installed the version before.
const values = `
replicaCount: 2
commonLabels: {team: platform}
podAnnotations: {example.com/owner: platform}
logLevel: debug
logFormat: json
config:
  defaultIssuer: {name: upgrade, kind: ClusterIssuer}
  workers: 4
  takeover: {changesPerMinute: 600}
  ownership: {reports: auto}
  policies:
    - {name: hosts, allowedHosts: [example.com, 10.0.0.1]}
rbac: {issuers: [step-issuer], sources: [contour-httpproxy]}
resources: {requests: {cpu: 50m}, limits: {memory: 192Mi}}
networkPolicy: {metricsFrom: [{namespaceSelector: {matchLabels: {team: platform}}}]}
extraArgs: {kube-api-qps: 30}
`

// Somebody who has installed the chart of the version before upgrades to this one, goes back, upgrades again with the values that Helm
// has kept, and uninstalls it. No version writes a Certificate that another has made, each goes on serving, and nothing is lost.
func TestAnUpgradeFromTheVersionBefore(t *testing.T) {
	t.Parallel()
	r := newRelease(t, cluster.Start(t), "certshim")
	before, err := upgrade.Build(t.Context(), r.repository, t.TempDir(), upgrade.Chart)
	if err != nil {
		t.Fatal(err)
	}
	now, chart := r.program, filepath.Join(r.repository, "deploy/chart")
	types := "--set-file=issuerTypes.corp-ca=" + filepath.Join(r.repository, "examples/deploy/issuers/corp-ca.yaml")

	r.program = before.Program
	r.helm(t, values, "install", r.name, filepath.Join(before.Folder, "deploy/chart"), "--create-namespace", "--values=-", types)
	r.run(t)
	users := upgrade.Populate(t, r.Cluster)
	for _, step := range []struct {
		name, program string
		helm          []string
	}{
		{"upgraded", now, []string{"upgrade", r.name, chart, "--values=-", types}},
		{"back", before.Program, []string{"rollback", r.name, "1"}},
		{"again", now, []string{"upgrade", r.name, chart, "--reuse-values"}},
	} {
		was := users.State(t)
		r.program = step.program
		r.helm(t, values, step.helm...)
		r.run(t)
		r.writesNothing(t, step.name)
		users.PlansNothing(t, step.program)
		if diff := cmp.Diff(was, users.State(t)); diff != "" {
			t.Errorf("%s: what users have has changed (-before +after)\n%s", step.name, diff)
		}
		users.Get(t, step.name)
	}

	was := users.State(t)
	r.helm(t, "", "uninstall", r.name)
	if left := r.left(t); left != "" {
		t.Errorf("after helm uninstall there are\n%s", left)
	}
	r.stop(t)
	if diff := cmp.Diff(was, users.State(t)); diff != "" {
		t.Errorf("uninstalled: what users have has changed (-before +after)\n%s", diff)
	}
}

// writesNothing waits until what runs, as the leader, has decided about all objects. It has written nothing.
func (r *release) writesNothing(t *testing.T, step string) {
	t.Helper()
	err := cluster.Await(t.Context(), "all to be decided", func(ctx context.Context) error {
		for metric, want := range map[string]float64{"certshim_initial_reconcile_done": 1, "certshim_queue_depth": 0} {
			if got, _, err := cluster.Metric(ctx, r.metrics, metric); err != nil || got != want {
				return fmt.Errorf("%s is %v, want %v: %w", metric, got, want, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	writes, found, err := cluster.Metric(t.Context(), r.metrics, "certshim_writes_total")
	if err != nil || !found || writes != 0 {
		log, _ := os.ReadFile(filepath.Join(r.Logs, r.name+"-certshim.log"))
		t.Errorf("%s: %v writes, %v\n%s", step, writes, err, log)
	}
}
