package inventory

import (
	"cmp"
	"strings"
	"time"
	"unique"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// compact is an object as it is kept: its namespace, which many share, and one packed string
// that begins with name, uid and resourceVersion. Informers' stores hold it too. What is
// packed never changes.
type compact struct {
	namespace unique.Handle[string]
	packed    string
}

// GetObjectMeta makes meta.Accessor, and so the informers' stores, work on it.
func (c *compact) GetObjectMeta() metav1.Object { return head{&noMetadata, c} }

// noMetadata has nothing, and is never changed.
var noMetadata metav1.ObjectMeta

// head is what is known of an object's metadata. Informers ask for it again and again, so that
// it takes no copy of its own.
type head struct {
	*metav1.ObjectMeta
	of *compact
}

func (h head) GetNamespace() string { return h.of.namespace.Value() }
func (h head) GetName() string      { return h.of.name() }
func (h head) GetUID() types.UID    { return types.UID(h.of.uid()) }

func (h head) GetResourceVersion() string {
	u := unpacker(h.of.packed)
	u.text()
	u.text()
	return u.text()
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

func (c *compact) resourceVersion() string {
	u := unpacker(c.packed)
	u.text()
	u.text()
	return u.text()
}

// body is what follows the head: all by which two versions of an object differ for us.
func (c *compact) body() string {
	u := unpacker(c.packed)
	u.text()
	u.text()
	u.text()
	return string(u)
}

// same says that two versions of an object are alike for decisions: a status change is.
func (c *compact) same(other *compact) bool {
	return c.uid() == other.uid() && c.body() == other.body()
}

func (p *packer) head(name, uid, resourceVersion string) {
	p.text(name)
	p.text(uid)
	p.text(resourceVersion)
}

// Source is a source as it is kept. Make one by [Sources.Pack].
type Source struct {
	compact
	of unique.Handle[readAs]
	// reading is what its last decision read of what many sources share, and place where it
	// is among the members of that; both belong to the inventory that holds it.
	reading *reading
	place   int32
	// readsSlots is set if its last decision asked who has the slots of its listeners.
	readsSlots bool
	// edit is whether it was edited since its Certificates were last as it asks; it belongs to the
	// inventory that holds it.
	edit certificate.Edit
	// mayHaveBeenFulfilled is set once this process has done all that it asked for, or another one may have, and stays set whatever it
	// asks for later.
	mayHaveBeenFulfilled bool
}

// isOwner says whether the source is the owner of a Certificate in a namespace: by kind, namespace and
// name, and by uid where both have one.
func (s *Source) isOwner(owner certificate.Owner, of string) bool {
	if s.name() != owner.Name || s.namespace.Value() != cmp.Or(owner.Namespace, of) {
		return false
	}
	uid := s.uid()
	kind := s.of.Value().kind.Value()
	return kind.Group == owner.Group && kind.Kind == owner.Kind && (uid == owner.UID || uid == "" || owner.UID == "")
}

// readAs is a kind of source, and the version in which it is read; all sources share a few.
type readAs struct {
	kind    unique.Handle[source.GroupKind]
	version string
}

// Key of the source. It keeps no version of the source alive.
func (s *Source) Key() Key {
	return Key{kind: s.of.Value().kind, namespace: s.namespace, name: strings.Clone(s.name())}
}

// form is what follows the head of a source.
type form uint64

const (
	// plain is its age and all that decisions read, and squeezed the same, made shorter.
	plain form = iota
	// unread is why it can't be read.
	unread
	squeezed
	// failed is why its entries can't be told now, before what is plain or squeezed.
	failed
)

// packSource makes an object compact. An error, if there is one, stands in the place of
// what could not be read: the object is known, but nothing about it.
func packSource(object *source.Object, why error) *Source {
	var p packer
	p.head(object.Name, object.UID, object.ResourceVersion)
	if why != nil {
		p.number(uint64(unread))
		p.text(why.Error())
	} else {
		if object.Failed != "" {
			p.number(uint64(failed))
			p.text(object.Failed)
		}
		packBody(&p, object)
	}
	return &Source{
		compact: compact{namespace: unique.Make(object.Namespace), packed: string(p)},
		of: unique.Make(readAs{
			kind:    unique.Make(source.GroupKind{Group: object.Group, Kind: object.Kind}),
			version: object.Version,
		}),
	}
}

func packBody(p *packer, object *source.Object) {
	var rest packer
	packRest(&rest, object)
	f := plain
	if len(rest) > largeSource && len(rest) <= maxAsked {
		f, rest = squeezed, squeeze(rest)
	}
	p.number(uint64(f))
	p.number(uint64(object.Created.Unix()))
	*p = append(*p, rest...)
}

func packRest(p *packer, object *source.Object) {
	p.number(partsOf(object))
	p.table(object.Labels)
	p.table(object.Annotations)
	p.number(uint64(len(object.Entries)))
	for _, entry := range object.Entries {
		packEntry(p, entry)
	}
	if parent := object.Parent; parent != nil {
		p.texts([]string{parent.Group, parent.Kind, parent.Namespace, parent.Name})
	}
	if allowed := object.Allowed; allowed != nil {
		p.texts([]string{allowed.From, allowed.Selector})
	}
	if len(object.Others) > 0 {
		packRefs(p, object.Others)
	}
}

// What an object is and has, as the bits of one number.
const (
	isDeleting uint64 = 1 << iota
	withParent
	withAllowed
	withOthers
)

func partsOf(object *source.Object) uint64 {
	var parts uint64
	if object.Deleting {
		parts |= isDeleting
	}
	if object.Parent != nil {
		parts |= withParent
	}
	if object.Allowed != nil {
		parts |= withAllowed
	}
	if len(object.Others) > 0 {
		parts |= withOthers
	}
	return parts
}

func packEntry(p *packer, entry source.Entry) {
	p.text(entry.Section)
	p.text(entry.Path)
	p.texts(entry.Hosts)
	packRefs(p, entry.Secrets)
	p.text(entry.Protocol)
	p.text(entry.Mode)
	packListener(p, entry)
}

func packRefs(p *packer, refs []source.SecretRef) {
	p.number(uint64(len(refs)))
	for _, ref := range refs {
		p.text(ref.Path)
		p.text(ref.Group)
		p.text(ref.Kind)
		p.text(ref.Name)
		p.truth(ref.Namespace != nil)
		if ref.Namespace != nil {
			p.text(*ref.Namespace)
		}
	}
}

// What follows of an entry, as the bits of one number: a TLS entry of an Ingress has nothing else.
const (
	withTLS uint64 = 1 << iota
	withPort
	withRoutes
	resolved
)

func packListener(p *packer, entry source.Entry) {
	var has uint64
	if entry.HasTLS {
		has |= withTLS
	}
	if entry.Port != 0 {
		has |= withPort
	}
	if entry.Routes != nil {
		has |= withRoutes
	}
	if entry.Resolved {
		has |= resolved
	}
	p.number(has)
	if entry.Port != 0 {
		p.number(uint64(entry.Port))
	}
	if routes := entry.Routes; routes != nil {
		p.text(routes.From)
		p.text(routes.Selector)
		p.number(uint64(len(routes.Kinds)))
		for _, kind := range routes.Kinds {
			p.text(kind.Group)
			p.text(kind.Kind)
		}
	}
}

// Object is the source. Where it can't be read, unreadable says why, and the object has only its
// reference.
func (s *Source) Object() (object *source.Object, unreadable string) { return s.unpack() }

// unpack gives the object as it was packed, or, with an object that has only its
// reference, why it could not be read.
func (s *Source) unpack() (object *source.Object, why string) {
	object, f, rest := s.unpackHead()
	switch f {
	case unread:
		return object, rest.text()
	case squeezed:
		rest = rest.expanded()
	case plain, failed:
	}
	unpackRest(&rest, object)
	return object, ""
}

// unpackHead gives the object with its reference and its age, and what follows.
func (s *Source) unpackHead() (object *source.Object, f form, rest unpacker) {
	u := unpacker(s.packed)
	of := s.of.Value()
	kind := of.kind.Value()
	object = &source.Object{Ref: source.Ref{
		Group: kind.Group, Version: of.version, Kind: kind.Kind,
		Namespace: s.namespace.Value(), Name: u.text(), UID: u.text(),
	}}
	object.ResourceVersion = u.text()
	f = form(u.number())
	if f == failed {
		object.Failed = u.text()
		f = form(u.number())
	}
	if f == unread {
		return object, f, u
	}
	if seconds := int64(u.number()); seconds != (time.Time{}).Unix() {
		object.Created = time.Unix(seconds, 0).UTC()
	}
	return object, f, u
}

// hasFailed reports whether the entries can't be told now. Each version of each source is asked, so that
// nothing is unpacked for it.
func (s *Source) hasFailed() bool {
	body := unpacker(s.body())
	return form(body.number()) == failed
}

// head is the object with what [source.CompareAge] reads.
func (s *Source) head() *source.Object {
	object, _, _ := s.unpackHead()
	return object
}

func unpackRest(u *unpacker, object *source.Object) {
	parts := u.number()
	object.Deleting = parts&isDeleting != 0
	object.Labels = u.table()
	object.Annotations = u.table()
	if n := u.count(); n > 0 {
		object.Entries = make([]source.Entry, n)
		for i := range object.Entries {
			object.Entries[i] = unpackEntry(u)
		}
	}
	if parts&withParent != 0 {
		if texts := u.texts(); len(texts) == 4 {
			object.Parent = &source.Parent{Group: texts[0], Kind: texts[1], Namespace: texts[2], Name: texts[3]}
		}
	}
	if parts&withAllowed != 0 {
		if texts := u.texts(); len(texts) == 2 {
			object.Allowed = &source.AllowedListeners{From: texts[0], Selector: texts[1]}
		}
	}
	if parts&withOthers != 0 {
		object.Others = unpackRefs(u)
	}
}

func unpackEntry(u *unpacker) source.Entry {
	entry := source.Entry{Section: u.text(), Path: u.text(), Hosts: u.texts(), Secrets: unpackRefs(u)}
	entry.Protocol, entry.Mode = u.text(), u.text()
	unpackListener(u, &entry)
	return entry
}

func unpackRefs(u *unpacker) []source.SecretRef {
	n := u.count()
	if n == 0 {
		return nil
	}
	refs := make([]source.SecretRef, n)
	for i := range refs {
		refs[i] = source.SecretRef{Path: u.text(), Group: u.text(), Kind: u.text(), Name: u.text()}
		if u.truth() {
			namespace := u.text()
			refs[i].Namespace = &namespace
		}
	}
	return refs
}

func unpackListener(u *unpacker, entry *source.Entry) {
	has := u.number()
	entry.HasTLS, entry.Resolved = has&withTLS != 0, has&resolved != 0
	if has&withPort != 0 {
		entry.Port = int(u.number())
	}
	if has&withRoutes == 0 {
		return
	}
	entry.Routes = &source.AllowedRoutes{From: u.text(), Selector: u.text()}
	if n := u.count(); n > 0 {
		entry.Routes.Kinds = make([]source.GroupKind, n)
	}
	for i := range entry.Routes.Kinds {
		entry.Routes.Kinds[i] = source.GroupKind{Group: u.text(), Kind: u.text()}
	}
}

// Certificate is a Certificate as it is kept. Make one by [Certificates.Pack].
type Certificate struct {
	compact
	have certificate.Digest
	// others stands for the values that others hold beside us.
	others uint64
	// standing is how many fields are whose.
	standing certificate.Standing
	flags    certificate.Flags
	// known are flags that belong to the inventory that holds it: what only this process knows. So
	// does asked, which is set if a source that owns it asks for it.
	known certificate.Flags
	asked bool
	// issuer is shared by all Certificates that have the same.
	issuer unique.Handle[resolver.Ref]
	// next of the Certificates of one owner; it belongs to the inventory that holds it.
	next *Certificate
}

func packCertificate(o certificate.Observed) *Certificate {
	var p packer
	p.head(o.Name, o.UID, o.ResourceVersion)
	p.text(o.Secret)
	p.text(o.Owner.UID)
	p.text(o.Owner.Group)
	p.text(o.Owner.Kind)
	p.text(o.Owner.Name)
	p.text(o.Owner.Namespace)
	p.text(o.Held.Encode())
	p.text(o.Tie)
	p.text(o.Respected)
	p.text(o.Routed.Encode())
	return &Certificate{
		compact: compact{namespace: unique.Make(o.Namespace), packed: string(p)},
		have:    o.Have, flags: o.Flags, standing: o.Standing, others: o.Others, issuer: unique.Make(o.Issuer),
	}
}

func (c *Certificate) unpack() certificate.Observed {
	u := unpacker(c.packed)
	o := certificate.Observed{Namespace: c.namespace.Value(), Name: u.text(), UID: u.text(), ResourceVersion: u.text()}
	o.Secret = u.text()
	o.Owner = u.owner()
	o.Held = certificate.DecodeHeld(u.text())
	o.Tie = u.text()
	o.Respected = u.text()
	o.Routed = certificate.DecodeRouted(u.text())
	o.Have, o.Flags, o.Standing, o.Others, o.Issuer = c.have, c.flags, c.standing, c.others, c.issuer.Value()
	return o
}

// owner is the source that it belongs to.
func (c *Certificate) owner() certificate.Owner {
	u := unpacker(c.body())
	u.text()
	return u.owner()
}

func (u *unpacker) owner() certificate.Owner {
	return certificate.Owner{UID: u.text(), Group: u.text(), Kind: u.text(), Name: u.text(), Namespace: u.text()}
}

func (c *Certificate) fullName() name { return name{c.namespace, c.name()} }

// identity is what sources see of a Certificate that another object controls.
func identity(o certificate.Observed) certificate.Observed {
	return certificate.Observed{
		Namespace: o.Namespace, Name: o.Name, UID: o.UID, Owner: o.Owner,
		Flags: o.Flags & (certificate.Deleting | certificate.Tied),
	}
}

// same says that nothing changed by which decisions go.
func (c *Certificate) same(other *Certificate) bool {
	return c.have == other.have && c.flags == other.flags && c.others == other.others && c.issuer == other.issuer && c.compact.same(&other.compact)
}

// Issuer is an issuer as it is kept: what resolvers read of it. Make one by [Issuers.Pack].
type Issuer struct {
	compact
	seen resolver.Seen
	// observed is what its plugin sees of it, as JSON.
	observed string
}

// Namespace is a Namespace as it is kept: its labels, and the annotations that name issuers.
// Make one by [Namespaces.Pack].
type Namespace struct {
	compact
}

func packNamespace(object metav1.Object, annotations map[string]string) *Namespace {
	var p packer
	p.head(object.GetName(), string(object.GetUID()), object.GetResourceVersion())
	p.truth(object.GetDeletionTimestamp() != nil)
	p.table(object.GetLabels())
	p.table(annotations)
	return &Namespace{compact{namespace: unique.Make(""), packed: string(p)}}
}

func (n *Namespace) unpack() (labels, annotations map[string]string) {
	u := unpacker(n.body())
	u.truth()
	return u.table(), u.table()
}

// ends says whether the Namespace is being deleted.
func (n *Namespace) ends() bool {
	u := unpacker(n.body())
	return u.truth()
}
