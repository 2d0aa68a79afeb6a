package source

import (
	"cmp"
	"iter"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/problem"
)

// Ref names a source object. UID is empty for a manifest that no server has seen.
type Ref struct {
	Group, Version, Kind string
	Namespace, Name      string
	UID                  string
}

// APIVersion is group/version, or the version alone in the core group.
func (r Ref) APIVersion() string {
	if r.Group == "" {
		return r.Version
	}
	return r.Group + "/" + r.Version
}

// Object is the reference as problems carry it.
func (r Ref) Object() problem.Object {
	return problem.Object{Group: r.Group, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name}
}

// Object is a source reduced to what decisions read. It is plain data: whoever holds
// one must not change it, as caches share it.
type Object struct {
	Ref
	ResourceVersion string
	// Created is metadata.creationTimestamp, zero for a manifest.
	Created time.Time
	// Deleting is true once metadata.deletionTimestamp is set.
	Deleting    bool
	Labels      map[string]string
	Annotations map[string]string
	// Entries are spec.tls[] of an Ingress, spec.listeners[] of a Gateway or ListenerSet, or what a
	// source type reads of an object, all of them and in their order.
	Entries []Entry
	// Parent is spec.parentRef of a ListenerSet, else nil.
	Parent *Parent
	// Allowed is spec.allowedListeners of a Gateway, else nil.
	Allowed *AllowedListeners
	// Others are references to Secrets that aren't for a certificate that the object serves, such as that
	// of a Gateway's certificate as a client. Nothing is asked for them, and what they name isn't deleted.
	Others []SecretRef
	// Failed says why a source type can't tell which entries the object has now; those that it has
	// are from before.
	Failed string
}

// Entry is one spec.tls[] item or one listener, as it is written and with the defaults
// that the API server would have filled in.
type Entry struct {
	// Section is the listener's name; an Ingress has none.
	Section string
	// Path is the entry's field path, such as spec.tls[0].
	Path string
	// Hosts are tls[].hosts, or the listener's hostname if it isn't empty.
	Hosts []string
	// Secrets are the Secrets that it names: tls[].secretName or tls.certificateRefs[].
	Secrets []SecretRef
	// Protocol and Mode are a listener's; HasTLS says whether it has a tls block.
	Protocol, Mode string
	HasTLS         bool
	// Port is a listener's, 0 where it has none.
	Port int
	// Routes is a listener's allowedRoutes; nil is the default, which admits routes of the object's own
	// namespace and of the kinds that fit the protocol.
	Routes *AllowedRoutes
	// Resolved is set if the status of a listener says that its Secrets are there.
	Resolved bool
}

// AllowedRoutes says which routes may attach to a listener.
type AllowedRoutes struct {
	// From is All, Same (the default), Selector or None; Selector is written as in [AllowedListeners].
	From, Selector string
	// Kinds are those of the routes, with the group's default filled in; empty means those that fit
	// the protocol.
	Kinds []GroupKind
}

// SecretRef is one reference of an entry to a Secret.
type SecretRef struct {
	// Path is the reference's field path, such as spec.listeners[0].tls.certificateRefs[1].
	Path string
	// Group and Kind are "" and Secret where the object leaves them out.
	Group, Kind string
	Name        string
	// Namespace is as written; nil means the object's own.
	Namespace *string
}

// In reports whether the Secret of an object in that namespace is in the same one.
func (r SecretRef) In(namespace string) bool {
	return r.Namespace == nil || *r.Namespace == namespace
}

// At is where the Secret is that an object in that namespace references.
func (r SecretRef) At(namespace string) types.NamespacedName {
	if r.Namespace != nil {
		namespace = cmp.Or(*r.Namespace, namespace)
	}
	return types.NamespacedName{Namespace: namespace, Name: r.Name}
}

// Named are all references of the object that have a name.
func (o *Object) Named() iter.Seq[SecretRef] {
	return func(yield func(SecretRef) bool) {
		for _, entry := range o.Entries {
			for _, ref := range entry.Secrets {
				if ref.Name != "" && !yield(ref) {
					return
				}
			}
		}
		for _, ref := range o.Others {
			if ref.Name != "" && !yield(ref) {
				return
			}
		}
	}
}

// Parent is the Gateway a ListenerSet attaches to. Group and Kind have the CRD's defaults
// filled in, Namespace the ListenerSet's own.
type Parent struct {
	Group, Kind, Namespace, Name string
}

// AllowedListeners is a Gateway's spec.allowedListeners.namespaces.
type AllowedListeners struct {
	// From is All, Same, Selector or None (the default).
	From string
	// Selector is the label selector in the form that metav1.FormatLabelSelector gives:
	// <none> is one without requirements, which every namespace meets, and "" is none at
	// all, which no namespace meets.
	Selector string
}

// Ask is what one source says about one Secret.
type Ask struct {
	Secret string
	// Namespace of the Secret if that isn't the source's own, else "".
	Namespace string
	// Hosts are the hosts of the valid entries, in their order, each once. Empty means
	// that the Secret is named but nothing valid asks for it.
	Hosts []string
	// Entries are the valid entries behind it.
	Entries []EntryRef
	// Broken are the entries that name this Secret and don't count although they are
	// meant to. While there is one, the Certificate loses no name.
	Broken []EntryRef
}

// At is where the Secret is that an object asks for.
func (a Ask) At(object *Object) types.NamespacedName {
	return types.NamespacedName{Namespace: cmp.Or(a.Namespace, object.Namespace), Name: a.Secret}
}

// EntryRef points to an entry of a source.
type EntryRef struct {
	Path string
	// Section is the entry's, "" where it has none.
	Section string
}

// Asks is everything one source asks for.
type Asks struct {
	// Asks has one item a Secret, in the order in which the object names them first.
	Asks []Ask
	// Named is every Secret that occurs in the object in any form, valid or not, ignored or not: the
	// Certificate of one that isn't in it may be deleted.
	Named map[types.NamespacedName]bool
	// TLSEntries counts the entries that are about TLS at all, before any is left out.
	TLSEntries int
	Problems   problem.List
}

// Options is the operator's and the object's own say in which entries count.
type Options struct {
	// ExtraProtocols count as TLS besides HTTPS and TLS: --gateway-api-extra-protocols.
	ExtraProtocols []string
	// IgnoreSections and IgnoreSecrets leave entries out by name, before they are judged.
	IgnoreSections, IgnoreSecrets []string
	// RouteNames lets listeners have no hostname of their own, as routes bring names.
	RouteNames bool
	// CrossNamespace lets the object ask for Secrets of other namespaces.
	CrossNamespace bool
	// Holder says in words which other object has the slot of a listener, "" for none. It is asked for
	// listeners that are to have a certificate, and may be nil.
	Holder func(Slot) string
}
