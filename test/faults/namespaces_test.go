package faults

import (
	"fmt"
	"path/filepath"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/test/proxy"
)

// byLabel is a configuration by which Certificates are made in namespaces with a label alone. Changes that no edit of a source asks for, but
// the label, are made at once.
const byLabel = `
apiVersion: certshim.io/v1alpha1
kind: ControllerConfiguration
takeover: {changesPerMinute: 6000}
policies:
  - {name: gold, namespaceSelector: tier=gold}
  - {name: rest, allowedIssuers: []}
`

// What the watch of Namespaces shows is held back while the label that the configuration selects comes, and again while it goes, and sources
// are edited: certshim goes by what it has seen, and looks again at all sources once it sees more.
func TestNamespacesThatAreBehind(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.config = filepath.Join(t.TempDir(), "certshim.yaml")
	write(t, s.config, []byte(byLabel))
	gate := &proxy.Gate{Of: "/namespaces"}
	s.link.put(s.link.gated(gate))
	s.start(t)
	s.tells(t, "IssuerNotAllowed", len(s.origins))

	gate.Lock()
	s.label(t, `"gold"`)
	s.play(t, s.namespace, edits()/2)
	s.tells(t, "IssuerNotAllowed", len(s.origins))
	if n := s.link.written(); n > 0 {
		t.Errorf("certshim sent %d writes of Certificates before it saw the label that allows them", n)
	}
	gate.Unlock()
	s.untilRight(t)

	gate.Lock()
	s.label(t, "null")
	s.play(t, s.namespace, edits()/2)
	gate.Unlock()
	s.tells(t, "IssuerNotAllowed", len(s.origins))
	s.growAll(t)
	s.label(t, `"gold"`)
	s.heals()
	s.check(t, "namespaces behind", s.link.strikes())
}

// label gives the scene's Namespace a value of the label, or takes it away.
func (s *scene) label(t *testing.T, value string) {
	t.Helper()
	namespaces := schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	patch := fmt.Sprintf(`{"metadata":{"labels":{"tier":%s}}}`, value)
	if _, err := shared.Dynamic.Resource(namespaces).Patch(t.Context(), s.namespace, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	s.edited("Namespace %s has the label %s", s.namespace, value)
}
