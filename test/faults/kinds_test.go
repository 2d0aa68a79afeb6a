package faults

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/crds"
)

// The CRDs of Gateways, ListenerSets and of a declared kind are deleted with all objects, come and go without any, and stay; then the
// objects are made again. Meanwhile Ingresses are edited. certshim deletes nothing.
func TestKindsThatFlap(t *testing.T) {
	definition := routeGroups(t)
	s := newScene(t)
	s.add(t, s.namespace, routeGroup, "routes")
	s.start(t)
	s.untilRight(t)
	s.measures(t)
	all := s.origins
	s.origins = all[:2] // the Ingresses
	before := s.link.deleted()
	flapped := 0
	for range flaps() {
		s.while(t, func() error {
			if err := crds.Remove(t.Context(), shared.Config, crds.Gateway); err != nil {
				return err
			}
			return removeDefinition(t.Context(), definition.GetName())
		})
		s.untilUnwatched(t, "/gateways", "/listenersets", "/routegroups")
		flapped++
		s.collect(t)
		s.untilRight(t)
		s.while(t, func() error {
			if err := crds.InstallAll(t.Context(), shared.Config, definition); err != nil {
				return err
			}
			return crds.Install(t.Context(), shared.Config, crds.Gateway)
		})
	}
	if n := s.link.deleted() - before; n > 0 {
		t.Errorf("certshim deleted %d Certificates", n)
	}
	s.origins = all
	for _, o := range all[2:] {
		s.apply(t, s.namespace, o)
	}
	s.heals()
	s.check(t, "kinds that flap", flapped)
}

// collect deletes the Certificates of sources that are gone, as the garbage collector does. It may miss that an object went with its CRD.
func (s *scene) collect(t *testing.T) {
	t.Helper()
	for _, m := range s.seen(t).now {
		if !slices.ContainsFunc(s.origins, func(o *origin) bool { return o.uid == m.owner }) {
			shared.Delete(t, cluster.Certificates(), s.namespace, m.name)
		}
	}
}

// flaps is how often the kinds come and go.
func flaps() int {
	if *full {
		return 10
	}
	return 3
}

// The group of Gateways doesn't answer when certshim starts, as its server is down. Ingresses are served meanwhile, and nothing is deleted;
// once the group is back, Gateways are served too.
func TestAGroupThatIsDownAtTheStart(t *testing.T) {
	s := newScene(t)
	s.start(t)
	s.untilRight(t)
	if err := s.certshim.Stop(); err != nil {
		t.Fatal(err)
	}
	before := s.link.deleted()
	mend := shared.BreakGroup(t, "gateway.networking.k8s.io", "v1")
	s.start(t)
	if unknown := s.metric(t, groupUnknown); unknown != 1 {
		t.Errorf("%v groups are unknown, want 1", unknown)
	}
	if log := s.certshim.LogTail(); strings.Count(log, "an API group can't be asked what it serves") != 1 {
		t.Errorf("it doesn't say once which group is down:\n%s", log)
	}
	for _, ingress := range s.origins[:2] {
		s.grow(t, s.namespace, ingress)
	}
	s.untilRight(t)
	mend()
	for _, o := range s.origins[2:] {
		s.grow(t, s.namespace, o)
	}
	s.heals()
	s.check(t, "group down at the start", 1)
	if unknown := s.metric(t, groupUnknown); unknown != 0 {
		t.Errorf("%v groups are still unknown", unknown)
	}
	if n := s.link.deleted() - before; n > 0 {
		t.Errorf("certshim deleted %d Certificates", n)
	}
}

const groupUnknown = "certshim_api_group_unknown"

const routeGroup = "RouteGroup"

var definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// routeGroups defines a kind that certshim's catalogue declares, until the end of the test, and returns its definition.
func routeGroups(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	definition, err := crds.Kind(t.Context(), schema.GroupVersionResource{Group: "zalando.org", Version: "v1", Resource: "routegroups"})
	if err != nil {
		t.Fatal(err)
	}
	if err := crds.InstallAll(t.Context(), shared.Config, definition); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := removeDefinition(context.Background(), definition.GetName()); err != nil {
			t.Error(err)
		}
	})
	return definition
}

// removeDefinition deletes a CRD with all objects, and returns once it is gone.
func removeDefinition(ctx context.Context, name string) error {
	client := shared.Dynamic.Resource(definitions)
	if err := client.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		return err
	}
	return cluster.Poll(ctx, name+" to be gone", func(ctx context.Context) (bool, error) {
		_, err := client.Get(ctx, name, metav1.GetOptions{})
		return apierrors.IsNotFound(err), nil
	})
}

// while lets Ingresses grow while something else happens.
func (s *scene) while(t *testing.T, happens func() error) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- happens() }()
	const few = 4
	for range few {
		s.grow(t, s.namespace, s.origins[s.random.IntN(len(s.origins))])
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// untilUnwatched waits until no watch of these resources is open.
func (s *scene) untilUnwatched(t *testing.T, resources ...string) {
	t.Helper()
	s.await(t, "the watches to end", func() error {
		for path := range s.link.open() {
			if slices.ContainsFunc(resources, func(resource string) bool { return strings.HasSuffix(path, resource) }) {
				return fmt.Errorf("%s is watched", path)
			}
		}
		return nil
	})
}
