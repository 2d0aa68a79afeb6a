package app

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cluster"
	"github.com/certshim/certshim/doctor"
)

// shimPrefix is what the field managers of cert-manager's shims have before the shim's name.
const shimPrefix = "cert-manager-"

// shimWrites finds by managedFields what cert-manager's shims have written, in the namespaces that certshim works on.
func (e *examination) shimWrites(ctx context.Context) ([]doctor.ShimWrites, error) {
	if !e.reading.served.Has(certificate.Resource()) {
		return nil, nil
	}
	by := map[string]doctor.ShimWrites{}
	listed := cluster.Resource{GVR: certificate.Resource(), Paths: []string{"metadata.managedFields"}}
	for _, namespace := range e.reading.own {
		err := cluster.List(ctx, e.reading.connection, listed, namespace, func(item any) error {
			if object, is := item.(metav1.Object); is {
				noteShims(by, object)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return slices.SortedFunc(maps.Values(by), func(a, b doctor.ShimWrites) int { return cmp.Compare(a.Shim, b.Shim) }), nil
}

// noteShims counts a Certificate for each shim that holds fields of it.
func noteShims(by map[string]doctor.ShimWrites, object metav1.Object) {
	counted := map[string]bool{}
	for _, entry := range object.GetManagedFields() {
		if !certificate.IsShim(entry.Manager) || entry.Subresource != "" || entry.Time == nil {
			continue
		}
		w := by[entry.Manager]
		if w.Shim = strings.TrimPrefix(entry.Manager, shimPrefix); !counted[entry.Manager] {
			w.Certificates++
		}
		if entry.Time.After(w.Last) {
			w.Last, w.Example = entry.Time.Time, object.GetNamespace()+"/"+object.GetName()
		}
		counted[entry.Manager], by[entry.Manager] = true, w
	}
}
