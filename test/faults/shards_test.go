package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certshim/certshim/test/cluster"
)

// sharing is the configuration of an instance that serves these namespaces of all that it reads.
func sharing(t *testing.T, namespaces ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	text := fmt.Sprintf("apiVersion: certshim.io/v1alpha1\nkind: ControllerConfiguration\nserve: {namespaces: [%s]}\n", strings.Join(namespaces, ", "))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "--config=" + path
}

// Two instances read the same two namespaces, and each serves one of them. They swap them, one after the other, while objects are
// edited: both serve one for a while, and nobody the other. Nothing is written twice, and nothing is lost.
func TestShards(t *testing.T) {
	t.Parallel()
	s, other := newScene(t), newScene(t)
	both := "--namespace=" + other.namespace
	first := s.launch(t, s.link, nil, "--leader-elect=false", both, sharing(t, s.namespace))
	second := s.launch(t, other.link, nil, "--leader-elect=false", both, sharing(t, other.namespace))
	s.untilRight(t)
	other.untilRight(t)
	const sources = 4
	if s.link.written() != sources || other.link.written() != sources {
		t.Errorf("the instances sent %d and %d writes for %d sources each", s.link.written(), other.link.written(), sources)
	}

	s.play(t, s.namespace, edits())
	other.play(t, other.namespace, edits())
	stop(t, first)
	before := other.link.written()
	all := sharing(t, s.namespace, other.namespace)
	s.certshim = s.launch(t, other.link, nil, "--leader-elect=false", both, all)
	other.flags = []string{"--namespace=" + s.namespace, all}
	if err := s.certshim.UntilReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	other.play(t, other.namespace, edits())
	s.play(t, s.namespace, edits())
	stop(t, second)
	for _, scene := range []*scene{s, other} {
		scene.link, scene.certshim = other.link, s.certshim
		scene.heals()
		scene.untilRight(t)
		scene.check(t, "shards", other.link.written()-before)
	}
}

// stop ends a process as a rollout does.
func stop(t *testing.T, certshim *cluster.Certshim) {
	t.Helper()
	if err := certshim.Stop(); err != nil {
		t.Error(err)
	}
}
