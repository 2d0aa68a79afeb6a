package controller

import (
	"time"
	"unique"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// compact is an object as the caches keep it: its namespace, which many share, and one
// packed string that begins with name, uid, resourceVersion and generation. It is what
// the informers' stores hold, and must not be changed.
type compact struct {
	namespace unique.Handle[string]
	packed    string
}

// GetObjectMeta makes meta.Accessor, and so the informers' stores, work on it.
func (c *compact) GetObjectMeta() metav1.Object {
	u := unpacker(c.packed)
	return &metav1.ObjectMeta{
		Namespace: c.namespace.Value(), Name: u.text(),
		UID: types.UID(u.text()), ResourceVersion: u.text(),
	}
}

func (c *compact) name() string {
	u := unpacker(c.packed)
	return u.text()
}

func (c *compact) uid() string {
	u := unpacker(c.packed)
	u.text()
	return u.text()
}

// body is what follows the head: all by which two versions of an object differ for us.
func (c *compact) body() string {
	u := unpacker(c.packed)
	u.text()
	u.text()
	u.text()
	u.number()
	return string(u)
}

// same says that two versions of an object are alike for decisions: a status change is.
func (c *compact) same(other *compact) bool {
	return c.uid() == other.uid() && c.body() == other.body()
}

// compactSource is a source in the cache.
type compactSource struct {
	compact
	kind source.Kind
}

// packSource makes an object compact. An error, if there is one, stands in the place of
// what could not be read: the object is known, but nothing about it.
func packSource(kind source.Kind, object *source.Object, unreadable error) *compactSource {
	var p packer
	p.text(object.Name)
	p.text(object.UID)
	p.text(object.ResourceVersion)
	p.number(uint64(object.Generation))
	p.truth(unreadable != nil)
	if unreadable != nil {
		p.text(unreadable.Error())
	} else {
		packBody(&p, object)
	}
	return &compactSource{
		compact: compact{namespace: unique.Make(object.Namespace), packed: string(p)},
		kind:    kind,
	}
}

func packBody(p *packer, object *source.Object) {
	p.number(uint64(object.Created.Unix()))
	p.truth(object.Deleting)
	p.table(object.Labels)
	p.table(object.Annotations)
	p.number(uint64(len(object.Entries)))
	for _, entry := range object.Entries {
		packEntry(p, entry)
	}
	p.truth(object.Parent != nil)
	if parent := object.Parent; parent != nil {
		p.texts([]string{parent.Group, parent.Kind, parent.Namespace, parent.Name})
	}
	p.truth(object.Allowed != nil)
	if allowed := object.Allowed; allowed != nil {
		p.texts([]string{allowed.From, allowed.Selector})
	}
}

func packEntry(p *packer, entry source.Entry) {
	p.text(entry.Section)
	p.text(entry.Path)
	p.texts(entry.Hosts)
	p.number(uint64(len(entry.Secrets)))
	for _, ref := range entry.Secrets {
		p.text(ref.Path)
		p.text(ref.Group)
		p.text(ref.Kind)
		p.text(ref.Name)
		p.truth(ref.Namespace != nil)
		if ref.Namespace != nil {
			p.text(*ref.Namespace)
		}
	}
	p.text(entry.Protocol)
	p.text(entry.Mode)
	p.truth(entry.HasTLS)
}

// unpack gives the object as it was packed, or, with an object that has only its
// reference, why it could not be read.
func (s *compactSource) unpack() (object *source.Object, unreadable string) {
	u := unpacker(s.packed)
	gvk := s.kind.GroupVersionKind()
	object = &source.Object{Ref: source.Ref{
		Group: gvk.Group, Version: gvk.Version, Kind: gvk.Kind,
		Namespace: s.namespace.Value(), Name: u.text(), UID: u.text(),
	}}
	object.ResourceVersion = u.text()
	object.Generation = int64(u.number())
	if u.truth() {
		return object, u.text()
	}
	unpackBody(&u, object)
	return object, ""
}

func unpackBody(u *unpacker, object *source.Object) {
	if seconds := int64(u.number()); seconds != (time.Time{}).Unix() {
		object.Created = time.Unix(seconds, 0).UTC()
	}
	object.Deleting = u.truth()
	object.Labels = u.table()
	object.Annotations = u.table()
	if n := u.count(); n > 0 {
		object.Entries = make([]source.Entry, n)
		for i := range object.Entries {
			object.Entries[i] = unpackEntry(u)
		}
	}
	if u.truth() {
		if texts := u.texts(); len(texts) == 4 {
			object.Parent = &source.Parent{Group: texts[0], Kind: texts[1], Namespace: texts[2], Name: texts[3]}
		}
	}
	if u.truth() {
		if texts := u.texts(); len(texts) == 2 {
			object.Allowed = &source.AllowedListeners{From: texts[0], Selector: texts[1]}
		}
	}
}

func unpackEntry(u *unpacker) source.Entry {
	entry := source.Entry{Section: u.text(), Path: u.text(), Hosts: u.texts()}
	if n := u.count(); n > 0 {
		entry.Secrets = make([]source.SecretRef, n)
	}
	for i := range entry.Secrets {
		ref := source.SecretRef{Path: u.text(), Group: u.text(), Kind: u.text(), Name: u.text()}
		if u.truth() {
			namespace := u.text()
			ref.Namespace = &namespace
		}
		entry.Secrets[i] = ref
	}
	entry.Protocol, entry.Mode, entry.HasTLS = u.text(), u.text(), u.truth()
	return entry
}

// compactCertificate is a Certificate in the cache.
type compactCertificate struct {
	compact
	have  certificate.Digest
	flags certificate.Flags
	// issuer is shared by all Certificates that have the same.
	issuer unique.Handle[resolver.Ref]
}

func packCertificate(o certificate.Observed) *compactCertificate {
	var p packer
	p.text(o.Name)
	p.text(o.UID)
	p.text(o.ResourceVersion)
	p.number(0)
	p.text(o.Secret)
	p.text(o.Owner.UID)
	p.text(o.Owner.Group)
	p.text(o.Owner.Kind)
	p.text(o.Owner.Name)
	p.text(o.Held.Encode())
	return &compactCertificate{
		compact: compact{namespace: unique.Make(o.Namespace), packed: string(p)},
		have:    o.Have, flags: o.Flags, issuer: unique.Make(o.Issuer),
	}
}

func (c *compactCertificate) unpack() certificate.Observed {
	u := unpacker(c.packed)
	o := certificate.Observed{Namespace: c.namespace.Value(), Name: u.text(), UID: u.text(), ResourceVersion: u.text()}
	u.number()
	o.Secret = u.text()
	o.Owner = certificate.Owner{UID: u.text(), Group: u.text(), Kind: u.text(), Name: u.text()}
	o.Held = certificate.DecodeHeld(u.text())
	o.Have, o.Flags, o.Issuer = c.have, c.flags, c.issuer.Value()
	return o
}

// same says that nothing changed by which decisions go.
func (c *compactCertificate) same(other *compactCertificate) bool {
	return c.have == other.have && c.flags == other.flags && c.issuer == other.issuer && c.compact.same(&other.compact)
}
