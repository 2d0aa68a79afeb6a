package faults

import (
	"testing"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/upgrade"
)

// The version before and this one work at once, as in a rollout where somebody has switched leader election off. The histories edit
// nothing of which the two want different things by design. The version before has to be built, so it's for the long form.
func TestTwoVersionsAtOnce(t *testing.T) {
	if !*full {
		t.Skip("the version before is built for the long form alone: -args -full")
	}
	t.Parallel()
	before, err := upgrade.Build(t.Context(), root(t), t.TempDir(), upgrade.Chart)
	if err != nil {
		t.Fatal(err)
	}
	s := steady(t)
	s.overlap = 1
	through := newLink(t, shared, kubeconfig)
	s.besideAnother(t, "two versions at once", through, s.launchOlder(t, before.Program, through))
}

// launchOlder starts another program for the scene's namespace, beside the scene's certshim.
func (s *scene) launchOlder(t *testing.T, program string, through *link) *cluster.Certshim {
	t.Helper()
	older := *shared
	older.Certshim = program
	certshim, err := older.LaunchCertshim(t.Context(), s.namespace+"-older", nil,
		"--namespace="+s.namespace, "--kubeconfig="+through.kubeconfig, "--log-level=debug", "--leader-elect=false")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = certshim.Stop()
		if t.Failed() {
			t.Logf("the version before said last:\n%s", certshim.LogTail())
		}
	})
	return certshim
}
