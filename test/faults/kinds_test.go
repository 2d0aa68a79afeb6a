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
// objects are made again. Meanwhile Ingresses are edited. certshim deletes nothing: the garbage collector does.
func TestKindsThatFlap(t *testing.T) {
	definition := routeGroups(t)
	s := newScene(t)
	s.add(t, s.namespace, routeGroup, "routes")
	s.start(t)
	s.untilRight(t)
	s.goroutines, s.watches = s.metric(t, "go_goroutines"), s.link.open()
	all := s.origins
	s.origins = all[:2] // the Ingresses
	before := s.link.deleted()
	for range flaps() {
		s.while(t, func() error {
			if err := crds.Remove(t.Context(), shared.Config, crds.Gateway); err != nil {
				return err
			}
			return removeDefinition(t.Context(), definition.GetName())
		})
		s.untilUnwatched(t, "/gateways", "/listenersets", "/routegroups")
		// Here the Certificates of the others must be gone.
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
		s.make(t, s.namespace, o)
	}
	s.heals()
	s.check(t, "kinds that flap", flaps())
}

// flaps is how often the kinds come and go.
func flaps() int {
	if *full {
		return 10
	}
	return 3
}

const routeGroup = "RouteGroup"

var definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// routeGroups defines a kind that certshim's catalogue declares, until the end of the test, and returns its definition. The garbage collector
// knows it then.
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
	namespace := shared.Namespace(t)
	owner := shared.Apply(t, namespace, (&origin{kind: routeGroup, name: "owner", secret: "owner-tls", hosts: []string{"owner.example.com"}}).manifest())[0]
	owned := shared.Watch(t, schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}, namespace)
	shared.Apply(t, namespace, fmt.Sprintf(`
apiVersion: v1
kind: ConfigMap
metadata:
  name: owned
  ownerReferences: [{apiVersion: zalando.org/v1, kind: RouteGroup, name: owner, uid: %s}]
`, owner.GetUID()))
	shared.Delete(t, schema.GroupVersionResource{Group: "zalando.org", Version: "v1", Resource: "routegroups"}, namespace, "owner")
	owned.Gone(t, "owned")
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
