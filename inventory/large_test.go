package inventory

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/annotations"
)

// What is kept of an annotation that is too long, or that does nothing, is what is shown of it.
// Of an object that asks for too much only its identity is kept.
func TestWhatIsKeptOfALargeObject(t *testing.T) {
	hosts := make([]any, 20_000)
	for i := range hosts {
		hosts[i] = strings.Repeat("a", 20) + ".example.com"
	}
	for name, row := range map[string]struct {
		annotations map[string]any
		hosts       []any
		most        int
		unreadable  bool
	}{
		"a key that is read":      {map[string]any{annotations.Prefix + "alt-names": strings.Repeat("a,", 128<<10)}, nil, 1000, false},
		"a key that is long":      {map[string]any{annotations.Prefix + "alt-names": strings.Repeat("a,", 30<<10)}, nil, 61 << 10, false},
		"a key that does nothing": {map[string]any{annotations.Prefix + "nothing": strings.Repeat("a", 60<<10)}, nil, 1000, false},
		"many hosts":              {nil, hosts, 1000, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, Options{})
			object := &unstructured.Unstructured{Object: map[string]any{
				"metadata":   map[string]any{"namespace": "shop", "name": "web", "uid": "u", "resourceVersion": "7", "annotations": row.annotations},
				"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
				"spec": map[string]any{"tls": []any{map[string]any{"secretName": "tls", "hosts": row.hosts}}},
			}}
			packed, err := s.intake(object).Pack(object)
			item := packed.(*Source)
			if got := len(item.packed); got > row.most {
				t.Errorf("%d bytes are kept", got)
			}
			read, why := item.unpack()
			if (err != nil) != row.unreadable || (why != "") != row.unreadable || read.Name != "web" || read.UID != "u" || read.ResourceVersion != "7" {
				t.Errorf("read as %+v, %q: %v", read.Ref, why, err)
			}
		})
	}
}
