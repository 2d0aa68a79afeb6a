package differential

import (
	"maps"
	"slices"

	"github.com/certshim/certshim/test/oracle"
)

// The kinds of source.
const (
	ingressKind     = "Ingress"
	gatewayKind     = "Gateway"
	listenerSetKind = "ListenerSet"
)

// Case is one input of both sides, and what happened before.
type Case struct {
	Options oracle.Options
	// Object is the source as it is now.
	Object Object
	// Before is the source as it was when its Certificates were made; nil if they never were.
	Before *Object
	// Gateway is the parent of a ListenerSet, or nil where there is none.
	Gateway *Object
	// Rival is an older Ingress that names one of the Secrets, or nil.
	Rival *Object
	// RivalFirst is true when the rival's Certificates exist already.
	RivalFirst bool
	// Stranger is true when a Certificate of nobody's, under a name of its own, writes one
	// of the Secrets.
	Stranger bool
	// ByShim is true when the Certificates of Before were made by cert-manager's shim.
	ByShim bool
	// Edits are what other people did to the Certificates after they were made.
	Edits []Edit
}

// Object is a source as a manifest has it, without what neither side reads.
type Object struct {
	Kind            string
	Namespace, Name string
	UID             string
	Created         string
	Labels          map[string]string
	Annotations     map[string]string
	Finalizers      []string
	Deleting        bool
	Entries         []Entry
	// Parent is spec.parentRef of a ListenerSet.
	Parent *Parent
	// Allowed is spec.allowedListeners.namespaces.from of a Gateway; "" leaves it out.
	Allowed string
}

// Entry is one item of spec.tls of an Ingress, or one listener.
type Entry struct {
	// Name, Protocol, Port, NoTLS and Mode are a listener's.
	Name, Protocol string
	Port           int64
	NoTLS          bool
	Mode           *string
	// Hosts are the hosts of a tls item, or at most one hostname.
	Hosts []string
	// Refs are certificateRefs; a tls item has one, with a name that may be empty.
	Refs []Ref
}

// Ref names a Secret. What is nil isn't in the manifest.
type Ref struct {
	Name                   string
	Group, Kind, Namespace *string
}

// Parent is spec.parentRef. What is nil isn't in the manifest.
type Parent struct {
	Name                   string
	Group, Kind, Namespace *string
}

// Edit is something another person or program did to a Certificate of the source.
type Edit string

// The edits. Each is made on every Certificate that exists.
const (
	addsLabel         Edit = "adds a label"
	addsKeystore      Edit = "makes it a CA"
	changesSecretName Edit = "changes spec.secretName"
	removesOwner      Edit = "removes the ownerReference"
	changesOwnerUID   Edit = "changes the owner's uid"
	changesOwnerKind  Edit = "changes the owner's kind"
	datesOwnerVersion Edit = "puts a dead version into the ownerReference"
	removesAll        Edit = "deletes it"
	changesUsages     Edit = "changes the usages"
	changesDuration   Edit = "changes the duration"
	changesHistory    Edit = "changes the revisionHistoryLimit"
	appliesDuration   Edit = "applies another duration"
)

func (c *Case) clone() *Case {
	out := *c
	out.Object = *c.Object.clone()
	out.Before, out.Gateway, out.Rival = c.Before.clone(), c.Gateway.clone(), c.Rival.clone()
	out.Edits = slices.Clone(c.Edits)
	return &out
}

func (o *Object) clone() *Object {
	if o == nil {
		return nil
	}
	out := *o
	out.Labels, out.Annotations = maps.Clone(o.Labels), maps.Clone(o.Annotations)
	out.Finalizers = slices.Clone(o.Finalizers)
	out.Entries = slices.Clone(o.Entries)
	for i := range out.Entries {
		out.Entries[i].Hosts = slices.Clone(out.Entries[i].Hosts)
		out.Entries[i].Refs = slices.Clone(out.Entries[i].Refs)
	}
	return &out
}

// names gives every Secret name in the object, in order and each once.
func (o *Object) names() []string {
	var names []string
	for _, entry := range o.Entries {
		for _, ref := range entry.Refs {
			if !slices.Contains(names, ref.Name) {
				names = append(names, ref.Name)
			}
		}
	}
	return names
}

// firstHost gives the first host of the first entry, "" where there is none.
func (o *Object) firstHost() string {
	if len(o.Entries) == 0 || len(o.Entries[0].Hosts) == 0 {
		return ""
	}
	return o.Entries[0].Hosts[0]
}

func ptr[T any](v T) *T { return &v }
