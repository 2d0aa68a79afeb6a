package faults

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/proxy"
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
	// While they swap, both serve the one of them.
	other.overlap = 1
	s.link.put(s.fence(t))
	other.link.put(other.fence(t))
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
	other.link.put(nil)
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

// Two releases have a namespace and a Lease each, and read no more than that. The leader of one dies while its replica stands by, and the
// other release goes on meanwhile. Then the namespace moves to the other release.
func TestShardsWithLeasesOfTheirOwn(t *testing.T) {
	t.Parallel()
	s, other := newScene(t), newScene(t)
	through := newLink(t, shared, kubeconfig)
	s.link.put(s.fence(t))
	through.put(s.fence(t))
	other.link.put(other.fence(t))
	first := s.launch(t, s.link, nil, s.ownLease(t)...)
	s.untilLeads(t, first)
	second := s.launch(t, through, nil, s.ownLease(t)...)
	neighbour := other.launch(t, other.link, nil, other.ownLease(t)...)
	other.untilLeads(t, neighbour)
	s.play(t, s.namespace, edits()/2)
	if err := first.Kill(); err != nil {
		t.Fatal(err)
	}
	s.play(t, s.namespace, edits()/2)
	other.play(t, other.namespace, edits())
	other.untilRight(t)
	s.untilLeads(t, second)
	s.untilRight(t)

	stop(t, neighbour)
	other.link.put(nil)
	all := other.launch(t, other.link, nil, append(other.ownLease(t), "--namespace="+s.namespace)...)
	other.untilLeads(t, all)
	before := other.link.written()
	s.play(t, s.namespace, edits()/2)
	stop(t, second)
	s.play(t, s.namespace, edits()/2)
	s.flags = []string{"--namespace=" + other.namespace}
	for _, scene := range []*scene{s, other} {
		scene.link, scene.certshim = other.link, all
		scene.heals()
		scene.untilRight(t)
		scene.check(t, "shards with Leases", other.link.written()-before)
	}
}

// ownLease are flags for a Lease in the scene's namespace, which certshim's account may have there.
func (s *scene) ownLease(t *testing.T) []string {
	t.Helper()
	shared.Apply(t, s.namespace, `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: lease}
rules:
  - {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [create]}
  - {apiGroups: [coordination.k8s.io], resources: [leases], resourceNames: [certshim], verbs: [get, update]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: lease}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: lease}
subjects: [{kind: ServiceAccount, name: certshim, namespace: certshim}]
`)
	return append([]string{"--leader-election-namespace=" + s.namespace}, lease...)
}

// fence fails the test if a Certificate of another namespace is written.
func (s *scene) fence(t *testing.T) proxy.Around {
	return func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if writesCertificate(request) && !strings.Contains(request.URL.Path, "/namespaces/"+s.namespace+"/") {
			t.Errorf("%s %s is another release's", request.Method, request.URL.Path)
		}
		return next.RoundTrip(request)
	}
}

// stop ends a process as a rollout does.
func stop(t *testing.T, certshim *cluster.Certshim) {
	t.Helper()
	if err := certshim.Stop(); err != nil {
		t.Error(err)
	}
}
