package controller

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/source"
)

// watchedSource keeps the sources of a kind.
func (c *Controller) watchedSource(kind source.Kind) watched {
	policy := c.policy.Load()
	return watched{
		resource:  kind.Resource(),
		made:      policy.Registry.CopyKeys(),
		unread:    []string{"status", "metadata.managedFields"},
		transform: sourceTransform(kind, policy),
		handler: cache.ResourceEventHandlerDetailedFuncs{
			AddFunc: func(o any, first bool) {
				item := o.(*compactSource)
				old := c.memory.putSource(item)
				if first {
					c.queue.inLine(item.key())
					return
				}
				c.sourceChanged(old, item)
			},
			UpdateFunc: func(_, o any) {
				item := o.(*compactSource)
				c.sourceChanged(c.memory.putSource(item), item)
			},
			DeleteFunc: func(o any) {
				if item, ok := last[*compactSource](o); ok {
					c.sourceGone(c.memory.dropSource(item.key()))
				}
			},
		},
		forget: func() { c.queue.inLine(c.memory.dropKind(kind)...) },
	}
}

func (c *Controller) sourceChanged(old, now *compactSource) {
	c.queue.soon(c.memory.concernedBySource(old, now)...)
	if gvk := now.kind.GroupVersionKind(); source.IsGateway(gvk.Group, gvk.Kind) {
		poke(c.look)
	}
}

// sourceGone also queues the source itself, whose problems are then forgotten.
func (c *Controller) sourceGone(old *compactSource) {
	if old == nil {
		return
	}
	c.queue.soon(old.key())
	c.queue.soon(c.memory.concernedBySource(old, nil)...)
	poke(c.look)
}

// watchedCertificates keeps the Certificates.
func (c *Controller) watchedCertificates() watched {
	return watched{
		resource:  certificates,
		unread:    []string{"status"},
		transform: certificateTransform,
		handler: cache.ResourceEventHandlerDetailedFuncs{
			AddFunc: func(o any, first bool) {
				item := o.(*compactCertificate)
				old, asWritten := c.memory.putCertificate(item)
				if !first && !asWritten {
					c.queue.soon(c.memory.concernedByCertificate(old, item)...)
				}
			},
			UpdateFunc: func(_, o any) {
				item := o.(*compactCertificate)
				if old, asWritten := c.memory.putCertificate(item); !asWritten {
					c.queue.soon(c.memory.concernedByCertificate(old, item)...)
				}
			},
			DeleteFunc: func(o any) {
				if item, ok := last[*compactCertificate](o); ok {
					if old := c.memory.dropCertificate(item.fullName()); old != nil {
						c.queue.soon(c.memory.concernedByCertificate(old, nil)...)
					}
				}
			},
		},
		forget: c.memory.dropCertificates,
	}
}

// last is the last known state of an object that is gone, also where its deletion itself
// was missed.
func last[T any](o any) (T, bool) {
	if tombstone, missed := o.(cache.DeletedFinalStateUnknown); missed {
		o = tombstone.Obj
	}
	item, ok := o.(T)
	return item, ok
}

// sourceTransform makes a source compact. What can't be read stays known, with the reason.
func sourceTransform(kind source.Kind, policy *certshim.Policy) cache.TransformFunc {
	return func(o any) (any, error) {
		object, isRaw := o.(*unstructured.Unstructured)
		if !isRaw {
			return o, nil
		}
		keep(dig(object.Object, "metadata", "annotations"), policy.Parser.Keeps)
		if labels := policy.Certificate.Labels; labels != nil {
			keep(dig(object.Object, "metadata", "labels"), labels.Copies)
		}
		reduced, err := kind.Reduce(object)
		if err != nil {
			return packSource(kind, &source.Object{Ref: source.Ref{
				Namespace: object.GetNamespace(), Name: object.GetName(), UID: string(object.GetUID()),
			}, ResourceVersion: object.GetResourceVersion()}, err), nil
		}
		return packSource(kind, reduced, nil), nil
	}
}

// keep leaves out what no decision reads: kubectl's copy of the whole object is one such
// annotation.
func keep(all map[string]any, keeps func(key string) bool) {
	for k := range all {
		if !keeps(k) {
			delete(all, k)
		}
	}
}

func certificateTransform(o any) (any, error) {
	if object, isRaw := o.(*unstructured.Unstructured); isRaw {
		return packCertificate(certificate.Observe(object.Object)), nil
	}
	return o, nil
}
