package app

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/doctor"
	"github.com/certshim/certshim/inventory"
)

// shimPrefix is what the field managers of cert-manager's shims have before the shim's name.
const shimPrefix = "cert-manager-"

// shims counts by managedFields what cert-manager's shims have written, by field manager. One page is read while the one before is taken in.
type shims struct {
	lock sync.Mutex
	by   map[string]doctor.ShimWrites
}

// alongside notes the Certificates that an intake takes in.
func (s *shims) alongside(intake inventory.Intake) inventory.Intake {
	read, pack := intake.Read, intake.Pack
	intake.Read = func(object []byte) (metav1.ObjectMetaAccessor, error) {
		packed, err := read(object)
		if err != nil {
			return packed, err
		}
		var only metav1.PartialObjectMetadata
		if err := json.Unmarshal(object, &only); err != nil {
			return nil, err
		}
		s.note(&only)
		return packed, nil
	}
	intake.Pack = func(object *unstructured.Unstructured) (any, error) {
		s.note(object)
		return pack(object)
	}
	return intake
}

// sorted gives them by the names of the shims.
func (s *shims) sorted() []doctor.ShimWrites {
	return slices.SortedFunc(maps.Values(s.by), func(a, b doctor.ShimWrites) int { return cmp.Compare(a.Shim, b.Shim) })
}

// note counts a Certificate for each shim that holds fields of it.
func (s *shims) note(object metav1.Object) {
	s.lock.Lock()
	defer s.lock.Unlock()
	counted := map[string]bool{}
	for _, entry := range object.GetManagedFields() {
		if !certificate.IsShim(entry.Manager) || entry.Subresource != "" || entry.Time == nil {
			continue
		}
		w := s.by[entry.Manager]
		if w.Shim = strings.TrimPrefix(entry.Manager, shimPrefix); !counted[entry.Manager] {
			w.Certificates++
		}
		if entry.Time.After(w.Last) {
			w.Last, w.Example = entry.Time.Time, object.GetNamespace()+"/"+object.GetName()
		}
		counted[entry.Manager], s.by[entry.Manager] = true, w
	}
}
