package faults

import (
	"fmt"
	"slices"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/test/cluster"
)

// A quota of the namespace allows no further Certificate, while sources are edited: what is there gets its edits, what is to be made is
// refused, and isn't tried again and again. Once the quota is lifted, an edit brings what is missing.
func TestAQuotaThatIsUsedUp(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	all := s.origins
	served := s.add(t, s.namespace, "Ingress", "served")
	s.start(t)
	s.untilRight(t)
	s.measures(t)
	lift := s.limit(t)
	before, edited := s.link.forbids(), s.edits
	s.origins = slices.Clone(all)
	s.play(t, s.namespace, edits())
	for _, o := range s.origins {
		s.extendBy(t, s.namespace, o, o.name+"-refused")
	}
	s.untilRefused(t, func() int { return len(s.missing()) })
	most := refusalsPerEdit * (s.edits - edited)
	s.origins = append(s.origins, served)
	s.touchServed(t, served)
	strikes := s.link.forbids() - before
	if strikes > most {
		t.Errorf("%d creates were refused, want %d at most for what was edited", strikes, most)
	}
	lift()
	for _, o := range s.origins {
		s.touch(t, s.namespace, o)
	}
	s.heals()
	s.check(t, "quota used up", strikes)
	s.untilRefused(t, func() int { return 0 })
}

// refusalsPerEdit is how many creates may be refused for an edit: a look tries the few Certificates that its source lacks, and a conflict
// leads to another look.
const refusalsPerEdit = 4

// missing are the Certificates that sources ask for and that aren't there.
func (s *scene) missing() (names []string) {
	state := s.certificates.State()
	for _, o := range s.origins {
		for name := range o.asks() {
			if state[name] == nil {
				names = append(names, name)
			}
		}
	}
	return names
}

// untilRefused waits until certshim tells of so many refusals.
func (s *scene) untilRefused(t *testing.T, all func() int) {
	t.Helper()
	s.await(t, "certshim to tell of refusals", func() error {
		want := all()
		if n := s.metric(t, "certshim_current_problems", `reason="Refused"`); int(n) != want {
			return fmt.Errorf("it knows of %v, want %d", n, want)
		}
		return nil
	})
}

// touchServed edits a source again and again, and waits each time until its Certificate has what was edited.
func (s *scene) touchServed(t *testing.T, o *origin) {
	t.Helper()
	const many = 40
	for range many {
		s.touch(t, s.namespace, o)
		s.certificates.Object(t, o.secret, "to have the label of its source", func(c *unstructured.Unstructured) bool {
			return c.GetLabels()["touched"] == fmt.Sprint(o.touched)
		})
	}
}

// limit makes a quota by which no Certificate can be made in the scene's namespace, and returns once it is enforced. Nobody counts what is
// used of it: there is no such controller here. lift takes it away, and returns once Certificates can be made.
func (s *scene) limit(t *testing.T) (lift func()) {
	t.Helper()
	const name = "certificates"
	quotas := schema.GroupVersionResource{Version: "v1", Resource: "resourcequotas"}
	shared.Apply(t, s.namespace, fmt.Sprintf("{apiVersion: v1, kind: ResourceQuota, metadata: {name: %s}, spec: {hard: {count/certificates.cert-manager.io: 0}}}", name))
	counted := []byte(`{"status":{"hard":{"count/certificates.cert-manager.io":"0"},"used":{"count/certificates.cert-manager.io":"0"}}}`)
	if _, err := shared.Dynamic.Resource(quotas).Namespace(s.namespace).Patch(t.Context(), name, types.MergePatchType, counted, metav1.PatchOptions{}, "status"); err != nil {
		t.Fatal(err)
	}
	s.await(t, "the quota to be enforced", func() error {
		if err := s.tryCreate(t); !apierrors.IsForbidden(err) {
			return fmt.Errorf("to make a Certificate: %w", err)
		}
		return nil
	})
	return func() {
		shared.Delete(t, quotas, s.namespace, name)
		s.await(t, "the quota to be lifted", func() error { return s.tryCreate(t) })
	}
}

// tryCreate asks the API server whether a Certificate could be made now.
func (s *scene) tryCreate(t *testing.T) error {
	t.Helper()
	probe := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": map[string]any{"name": "probe"},
		"spec": map[string]any{"secretName": "probe", "issuerRef": map[string]any{"name": issuer}, "dnsNames": []any{"probe.example.com"}},
	}}
	_, err := shared.Dynamic.Resource(cluster.Certificates()).Namespace(s.namespace).Create(t.Context(), probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}
