package inventory

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// Certificates is the intake of cert-manager's Certificates.
func (i *Inventory) Certificates() Intake {
	return Intake{
		Paths: certificate.Reads(),
		Pack: func(object *unstructured.Unstructured) (any, error) {
			return packCertificate(certificate.Observe(object.Object)), nil
		},
		Read: func(object []byte) (metav1.ObjectMetaAccessor, error) {
			observed, err := certificate.Read(object)
			return packCertificate(observed), err
		},
		Put:   func(packed any) Wake { return i.putCertificate(packed.(*Certificate)) },
		Drop:  func(packed any) Wake { return i.dropCertificate(packed.(*Certificate).fullName()) },
		Clear: i.dropCertificates,
	}
}

// wholeCertificate is a Certificate of a document.
type wholeCertificate struct {
	*Certificate
	document map[string]any
}

// WholeCertificates is the intake of the Certificates of documents. Each stays whole: for a
// decision that goes by its values there is no server to read them from.
func (i *Inventory) WholeCertificates() Intake {
	intake := i.Certificates()
	return Intake{
		Pack: func(object *unstructured.Unstructured) (any, error) {
			packed, err := intake.Pack(object)
			return wholeCertificate{packed.(*Certificate), object.Object}, err
		},
		Put: func(packed any) Wake {
			item := packed.(wholeCertificate)
			i.keepWhole(item.fullName(), item.document)
			return intake.Put(item.Certificate)
		},
		Drop: func(packed any) Wake {
			item := packed.(wholeCertificate)
			i.keepWhole(item.fullName(), nil)
			return intake.Drop(item.Certificate)
		},
		Clear: func() Wake {
			i.lock.Lock()
			clear(i.whole)
			i.lock.Unlock()
			return intake.Clear()
		},
	}
}

func (i *Inventory) keepWhole(n name, document map[string]any) {
	i.lock.Lock()
	defer i.lock.Unlock()
	if delete(i.whole, n); document != nil {
		i.whole[n] = document
	}
}

// CertificateDocuments are the Certificates that [Inventory.WholeCertificates] took in, by namespace
// and name.
func (i *Inventory) CertificateDocuments() []map[string]any {
	i.lock.RLock()
	defer i.lock.RUnlock()
	byName := func(a, b name) int {
		return cmp.Or(cmp.Compare(a.namespace.Value(), b.namespace.Value()), cmp.Compare(a.name, b.name))
	}
	var all []map[string]any
	for _, n := range slices.SortedFunc(maps.Keys(i.whole), byName) {
		all = append(all, i.whole[n])
	}
	return all
}

// CountCertificates says how many are known.
func (i *Inventory) CountCertificates() int {
	i.lock.RLock()
	defer i.lock.RUnlock()
	n := 0
	for _, s := range i.secrets {
		if s.certificate != nil {
			n++
		}
	}
	return n
}

// CertificatesByIssuer counts them by the kind of their issuer.
func (i *Inventory) CertificatesByIssuer() map[resolver.GroupKind]int {
	i.lock.RLock()
	defer i.lock.RUnlock()
	count := map[resolver.GroupKind]int{}
	for _, s := range i.secrets {
		if s.certificate != nil {
			issuer := s.certificate.unpack().Issuer
			count[resolver.GroupKind{Group: issuer.Group, Kind: issuer.Kind}]++
		}
	}
	return count
}

// CertificatesByOwner counts them by the kind of the source that controls them.
func (i *Inventory) CertificatesByOwner() map[source.GroupKind]int {
	i.lock.RLock()
	defer i.lock.RUnlock()
	count := map[source.GroupKind]int{}
	for _, s := range i.secrets {
		if s.certificate != nil {
			owner := s.certificate.owner()
			count[source.GroupKind{Group: strings.Clone(owner.Group), Kind: strings.Clone(owner.Kind)}]++
		}
	}
	return count
}

func (i *Inventory) putCertificate(item *Certificate) Wake {
	i.lock.Lock()
	defer i.lock.Unlock()
	c, n := i.changing(), item.fullName()
	old := c.certificateAt(n)
	i.writes.carryOver(n, old, item)
	c.own = i.writes.shown(n, item)
	c.replaceCertificate(n, old, item)
	return c.wake
}

func (i *Inventory) certificateAt(n name) *Certificate {
	if s := i.secrets[n]; s != nil {
		return s.certificate
	}
	return nil
}

func (i *Inventory) dropCertificate(n name) Wake {
	i.lock.Lock()
	defer i.lock.Unlock()
	c := i.changing()
	if old := i.certificateAt(n); old != nil {
		i.writes.gone(old.uid())
		c.replaceCertificate(n, old, nil)
	}
	return c.wake
}

// dropCertificates forgets all of them. Nobody is woken: while Certificates aren't known
// nothing is decided.
func (i *Inventory) dropCertificates() Wake {
	i.lock.Lock()
	defer i.lock.Unlock()
	for n, s := range i.secrets {
		s.certificate, s.writers = nil, nil
		i.tidy(n)
	}
	for k, o := range i.owners {
		if o.certificates != nil {
			i.setOwner(k, func(o *owner) { o.certificates = nil })
		}
	}
	i.writes = newWrites()
	clear(i.judged)
	return Wake{}
}

// replaceCertificate puts a version in the place of another; either may be nil.
func (c *change) replaceCertificate(n name, old, item *Certificate) {
	c.index(old, item)
	c.forgetJudged(old, item)
	c.secret(n, func(s *secret) { s.certificate = item })
	for _, secretName := range otherSecrets(old, item) {
		c.secret(name{n.namespace, secretName}, func(s *secret) {
			s.writers = slices.DeleteFunc(slices.Clone(s.writers), func(w *Certificate) bool { return w == old })
			if item != nil && item.unpack().Secret == secretName {
				s.writers = append(s.writers, item)
			}
		})
	}
}

// otherSecrets are those of another name than its own that a Certificate writes or wrote.
func otherSecrets(versions ...*Certificate) []string {
	var names []string
	for _, version := range versions {
		if version == nil {
			continue
		}
		if o := version.unpack(); o.Secret != o.Name && !slices.Contains(names, o.Secret) {
			names = append(names, o.Secret)
		}
	}
	return names
}

// index keeps the index by owner, and wakes the owners, who read all of their Certificates.
func (c *change) index(old, item *Certificate) {
	changed := old == nil || item == nil || !old.same(item)
	for _, version := range []*Certificate{old, item} {
		if version == nil {
			continue
		}
		o := version.unpack()
		if o.Owner == (certificate.Owner{}) {
			continue
		}
		k := ownerOf(o)
		c.setOwner(k, func(o *owner) {
			if o.remove(version); version == item {
				o.add(item)
			}
		})
		if owner := c.source(k); owner != nil && owner.uid() == o.Owner.UID && changed {
			c.now(owner.Key())
		}
	}
}

// ownerOf is the key of a Certificate's owner, whatever its uid.
func ownerOf(o certificate.Observed) Key {
	return NewKey(source.GroupKind{Group: o.Owner.Group, Kind: o.Owner.Kind}, o.OwnerNamespace(), o.Owner.Name)
}
