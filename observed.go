package certshim

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/routes"
	"github.com/certshim/certshim/source"
)

// Presence says whether something that a decision asked for is there.
type Presence uint8

const (
	// Unknown means that it can't be known: forbidden, not yet read, or outside the watched
	// namespaces. It never counts as Absent.
	Unknown Presence = iota
	// Absent means that it isn't there.
	Absent
	// Present means that it is there.
	Present
)

// Observed is what a decision may read besides its source: a view of the cluster, or of
// the documents given to plan, that does not change during one decision. What it returns
// must not be modified.
type Observed interface {
	// Certificate of that name. Of one that another object controls, only Namespace, Name,
	// UID, Owner and the flags Deleting and Tied are filled in, unless the policy has an adoption.
	Certificate(namespace, name string) (certificate.Observed, Presence)
	// CertificatesOf gives those whose owner is the source: by group, kind, namespace and name, and by
	// uid where both have one. They may be in other namespaces.
	CertificatesOf(source.Ref) []certificate.Observed
	// CertificatesWriting gives those of another name whose spec.secretName is the Secret:
	// their name and owner, and the flag Deleting.
	CertificatesWriting(namespace, secret string) []certificate.Observed
	// First gives the source that comes first for a Secret that has no Certificate: the
	// oldest by [source.CompareAge] of those that name it and whose claim stands; one of another
	// namespace counts only if it is granted the Secret. It is
	// nil for none, and may be nil where it would be the source that is decided about. It may
	// call claim for any source that names the Secret, and remembers the answer while that
	// source and what it read stay as they are.
	First(namespace, secret string, claim func(*source.Object) certificate.Claim) *certificate.Rival
	// Rival gives the source that is the owner of a Secret's Certificate, with its claim. It is nil for one that isn't known as a source, or doesn't name the Secret, and
	// calls claim as First does.
	Rival(owner certificate.Owner, namespace, secret string, claim func(*source.Object) certificate.Claim) *certificate.Rival
	// OtherNaming gives a source of the Secret's namespace besides the one that is decided about that
	// names it, in whatever form: the oldest, nil for none.
	OtherNaming(namespace, secret string) *source.Ref
	// IsGone reports whether it is certain that no source has a uid: all kinds of sources are known
	// for the namespace, beyond which owner references don't go.
	IsGone(namespace, uid string) bool
	// Granted is what the ReferenceGrants of a Secret's namespace let sources of a kind and a namespace do
	// with it.
	Granted(from source.GrantFrom, secret types.NamespacedName) (source.Granted, Presence)
	// RoutesOf a Gateway or ListenerSet. It is asked only by a policy that has [RouteNames].
	RoutesOf(parent source.Ref) Attached
	// Edit is whether the source that is decided about was edited since its Certificates were last as it asks.
	Edit() certificate.Edit
	// MayHaveBeenFulfilled is whether all that it asked for may have been done at some time, by this process or by one before it.
	MayHaveBeenFulfilled() bool
	// Now is when the decision is made, zero where that doesn't count.
	Now() time.Time
	// Source of another kind, without its annotations: the Gateway of a ListenerSet.
	Source(kind source.GroupKind, namespace, name string) (*source.Object, Presence)
	// Inherited are the annotations of such a source that others inherit.
	Inherited(kind source.GroupKind, namespace, name string) map[string]string
	// KnowsJoining says whether all objects are known that bring listeners to those of a kind.
	KnowsJoining(kind source.GroupKind) bool
	// Holder gives who has the slot of a listener at the Gateway that an object brings its listeners to,
	// of those that come before the object: the Gateway itself, and what it admits. It is nil for none.
	Holder(object *source.Object, slot source.Slot) (*source.Ref, Presence)
	// NamespaceLabels of a Namespace.
	NamespaceLabels(name string) (map[string]string, Presence)
	// NamespaceAnnotations of a Namespace, at least those that
	// annotations.Parser.ParseIssuer reads.
	NamespaceAnnotations(name string) (map[string]string, Presence)
	// HasField says whether the served Certificate CRD has a field, by its path
	// (spec.renewBeforePercentage); true where that can't be known.
	HasField(path string) bool
	// Served issuer kinds; nil where nothing is known of the cluster.
	Served() resolver.Served
	// Issuers of the cluster; nil where nothing is known of any.
	Issuers() resolver.Issuers
}

// Attached are the routes that name a Gateway or ListenerSet as their parent.
type Attached struct {
	Routes []routes.Route
	// Complete is set if there are no others.
	Complete bool
	// Changed is when they changed last.
	Changed routes.Burst
}
