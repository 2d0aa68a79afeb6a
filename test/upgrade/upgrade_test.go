package upgrade

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/process"
)

// As in a rolling update, the next version stands by beside the leader of the other one, and takes over when that ends: there and back.
func TestNeitherVersionWritesWhatTheOtherHasWritten(t *testing.T) {
	repository := repository(t)
	before, err := Build(t.Context(), repository, t.TempDir(), Deploy)
	if err != nil {
		t.Fatal(err)
	}
	now, err := cluster.Binary("certshim")
	if err != nil {
		t.Fatal(err)
	}
	c := cluster.Start(t)
	kubectl(t, c, "apply", "-k", filepath.Join(before.Folder, "deploy"))
	kubeconfig := account(t, c)

	leader := start(t, c, before.Program, kubeconfig, "before")
	users := Populate(t, c)
	was := users.State(t)

	// The Deployment's selector has got another label, and can't be changed: CHANGELOG.md says so.
	kubectl(t, c, "delete", "deployment", "certshim", "-n", "certshim")
	kubectl(t, c, "apply", "-k", filepath.Join(repository, "deploy"))
	for _, version := range []struct{ name, program string }{{"upgraded", now}, {"rolled-back", before.Program}} {
		next := start(t, c, version.program, kubeconfig, version.name)
		next.until(t, "certshim_leader", 0)
		leader.stop(t)
		next.hasLookedAtAll(t)
		if writes := next.metric(t, "certshim_writes_total"); writes != 0 {
			t.Errorf("%s: %v writes\n%s", version.name, writes, next.log(t))
		}
		users.PlansNothing(t, version.program)
		if diff := cmp.Diff(was, users.State(t)); diff != "" {
			t.Errorf("%s: Certificates changed (-before +after):\n%s", version.name, diff)
		}
		leader = next
	}
	leader.stop(t)
	const alone = "--leader-elect=false"
	bothAtOnce(t, users, start(t, c, before.Program, kubeconfig, "old-beside", alone), start(t, c, now, kubeconfig, "new-beside", alone))
}

// bothAtOnce lets both versions work on the same objects, as they do in a rollout without leader election: an edit leads to one change of
// its Certificate, and a new object to one Certificate.
func bothAtOnce(t *testing.T, users *Users, versions ...*version) {
	t.Helper()
	for _, v := range versions {
		v.hasLookedAtAll(t)
	}
	certificates := users.Watch(t, cluster.Certificates(), users.Namespace)
	generation := certificates.Ready(t, "second").GetGeneration()
	users.Grow(t)
	certificates.Object(t, "second", "to have the new name", func(object *unstructured.Unstructured) bool {
		names, _, _ := unstructured.NestedStringSlice(object.Object, "spec", "dnsNames")
		return slices.Contains(names, "third.example.com")
	})
	users.Get(t, "last")
	for _, v := range versions {
		v.until(t, "certshim_queue_depth", 0)
	}
	if now := certificates.Ready(t, "second").GetGeneration(); now != generation+1 {
		t.Errorf("both versions at once: an edit changed its Certificate from generation %d to %d", generation, now)
	}
	if now := certificates.Ready(t, "last").GetGeneration(); now != 1 {
		t.Errorf("both versions at once: a new Certificate has generation %d", now)
	}
}

// version is a certshim that runs.
type version struct {
	*process.Process
	address, logFile string
}

func start(t *testing.T, c *cluster.Cluster, program, kubeconfig, name string, flags ...string) *version {
	t.Helper()
	address, err := cluster.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	v := &version{address: address, logFile: filepath.Join(c.Logs, name+".log")}
	v.Process, err = process.Start(t.Context(), process.Program{
		Path: program, Log: v.logFile, Args: append([]string{
			"controller", "--kubeconfig=" + kubeconfig, "--leader-election-namespace=certshim",
			"--metrics-listen-address=" + address, "--healthz-listen-address=0",
		}, flags...),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Stop() })
	if err := cluster.Answers(t.Context(), v.Process, http.DefaultClient, "http://"+v.address+"/readyz"); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, v.log(t))
	}
	return v
}

func (v *version) stop(t *testing.T) {
	t.Helper()
	if err := v.Stop(); err != nil {
		t.Error(err)
	}
}

func (v *version) log(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(v.logFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// hasLookedAtAll waits until every object was decided once, as the leader.
func (v *version) hasLookedAtAll(t *testing.T) {
	t.Helper()
	v.until(t, "certshim_initial_reconcile_done", 1)
}

// until waits until a metric has a value.
func (v *version) until(t *testing.T, metric string, want float64) {
	t.Helper()
	err := cluster.Poll(t.Context(), fmt.Sprintf("%s to be %v", metric, want), func(context.Context) (bool, error) { return v.metric(t, metric) == want, nil })
	if err != nil {
		t.Fatalf("%v\n%s", err, v.log(t))
	}
}

// metric adds up the series of a metric.
func (v *version) metric(t *testing.T, metric string) float64 {
	t.Helper()
	total, found, err := cluster.Metric(t.Context(), v.address, metric)
	if err != nil {
		t.Fatal(err)
	}
	if !found {
		t.Fatalf("there is no metric %s", metric)
	}
	return total
}

func kubectl(t *testing.T, c *cluster.Cluster, arguments ...string) {
	t.Helper()
	if err := c.Kubectl(t.Context(), arguments...); err != nil {
		t.Fatal(err)
	}
}

func account(t *testing.T, c *cluster.Cluster) string {
	t.Helper()
	kubeconfig, err := c.AccountKubeconfig(t.Context(), "certshim", "certshim")
	if err != nil {
		t.Fatal(err)
	}
	return kubeconfig
}

func repository(t *testing.T) string {
	t.Helper()
	binary, err := cluster.Binary("certshim")
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(filepath.Dir(binary))
}
