package inventory

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim"
)

// Namespaces is the intake of Namespaces: their labels, and the annotations that name issuers.
func (i *Inventory) Namespaces() Intake {
	i.lock.RLock()
	policy := i.policy
	i.lock.RUnlock()
	return Intake{
		Paths: []string{"metadata.labels", "metadata.annotations", "metadata.deletionTimestamp"},
		Pack: func(object *unstructured.Unstructured) (any, error) {
			return reduceNamespace(policy, object), nil
		},
		Put:   func(packed any) Wake { return i.setNamespace(packed.(*Namespace), true) },
		Drop:  func(packed any) Wake { return i.setNamespace(packed.(*Namespace), false) },
		Clear: i.dropNamespaces,
	}
}

func reduceNamespace(policy *certshim.Policy, object *unstructured.Unstructured) *Namespace {
	annotations := object.GetAnnotations()
	for key := range annotations {
		if !policy.Parser.MeansIssuer(key) {
			delete(annotations, key)
		}
	}
	return packNamespace(object, annotations)
}

// Ends says whether a Namespace is known to be being deleted.
func (i *Inventory) Ends(namespace string) bool {
	i.lock.RLock()
	defer i.lock.RUnlock()
	item := i.namespaces[namespace]
	return item != nil && item.ends()
}

func (i *Inventory) setNamespace(item *Namespace, there bool) Wake {
	i.lock.Lock()
	defer i.lock.Unlock()
	c, named := i.changing(), item.name()
	c.compare(c.those(fact{question: asksLabels, kind: NamespaceKind(), name: named}, fact{question: asksAnnotations, kind: NamespaceKind(), name: named}), func() {
		// The map's key shares the packed string of the version that it was made of.
		delete(i.namespaces, named)
		if there {
			i.namespaces[named] = item
		}
	})
	return c.wake
}

func (i *Inventory) dropNamespaces() Wake {
	i.lock.Lock()
	defer i.lock.Unlock()
	c := i.changing()
	c.compare(c.asked(func(f fact) bool { return f.kind == NamespaceKind() }), func() { clear(i.namespaces) })
	return c.wake
}
