package inventory

import (
	"slices"
	"sync"
	"time"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// Inventory is what is known of one cluster, or of documents. It is safe for concurrent use.
// Its lock is held for moments only, never during a decision, so that what fills it doesn't
// wait for what reads it.
type Inventory struct {
	lock    sync.RWMutex
	options Options
	policy  *certshim.Policy

	// owners has the sources, and the Certificates by their controller owner.
	owners map[Key]owner
	// uids has the sources by their uids, once somebody has asked for one; nil before.
	uids map[string]*Source
	// secrets has who names a Secret, and the Certificates that write it.
	secrets map[name]*secret
	// slots has who takes which slots of listeners.
	slots slots
	// whole has the Certificates of documents, which are all that there is of them.
	whole   map[name]map[string]any
	issuers map[issuerScope]map[string]*Issuer
	// issuerKinds are the kinds of issuers that are taken in.
	issuerKinds map[resolver.GroupKind]bool
	namespaces  map[string]*Namespace
	// grants are ReferenceGrants by namespace and name.
	grants map[string]map[string]*Grant
	// routes are those of all kinds, and attached has them by the Gateways and ListenerSets that they name.
	routes   map[routeKey]*Route
	attached map[fact]*attached
	known    map[resolver.GroupKind]Knowledge
	// blind are the sources whose decision waits until more is known of a kind.
	blind   map[resolver.GroupKind][]Key
	served  Served
	fields  Fields
	numbers fieldNumbers

	readers readers
	looks   map[*Look]struct{}
	// spareFacts has room for the facts of the next look: that of one that is closed.
	spareFacts []fact
	writes     writes
	edits      edits
	// judged is what was found out about the fields of some Certificates.
	judged map[*Certificate]FieldCounts
}

// Options of an inventory.
type Options struct {
	// Namespaces are those whose objects are read; empty means all.
	Namespaces []string
	// Plugins say what resolvers outside of this program know of issuers; may be nil.
	Plugins resolver.Findings
	// OnNeed is called, outside of the lock, when a decision asks for the first time for what
	// may not be read yet; see [Inventory.Needs]. It may be nil.
	OnNeed func()
	// Now gives the time; nil means that decisions go by none.
	Now func() time.Time
	// Fights are the fields of a Certificate, by uid, that somebody takes again and again; may be nil.
	Fights func(uid string) []certificate.Fight
}

// New makes an empty inventory for decisions by a policy.
func New(policy *certshim.Policy, options Options) *Inventory {
	return &Inventory{
		options: options, policy: policy,
		owners: map[Key]owner{}, secrets: map[name]*secret{}, slots: slots{},
		whole: map[name]map[string]any{}, issuers: map[issuerScope]map[string]*Issuer{}, issuerKinds: map[resolver.GroupKind]bool{},
		namespaces: map[string]*Namespace{}, grants: map[string]map[string]*Grant{}, routes: map[routeKey]*Route{}, attached: map[fact]*attached{}, known: map[resolver.GroupKind]Knowledge{}, blind: map[resolver.GroupKind][]Key{},
		readers: newReaders(), looks: map[*Look]struct{}{}, writes: newWrites(), judged: map[*Certificate]FieldCounts{},
	}
}

// Knowledge says how much is known of the objects of one kind. Its zero value is Unread.
type Knowledge uint8

const (
	// Unread means that they haven't been read yet, and will be.
	Unread Knowledge = iota
	// Whole means that all of them are known: one that isn't there doesn't exist.
	Whole
	// Unreadable means that there may be others than those that are known.
	Unreadable
)

// CertificateKind is the kind of cert-manager's Certificates.
func CertificateKind() resolver.GroupKind {
	return resolver.GroupKind{Group: resolver.CertManagerGroup, Kind: "Certificate"}
}

// NamespaceKind is the kind of Namespaces.
func NamespaceKind() resolver.GroupKind { return resolver.GroupKind{Kind: "Namespace"} }

// GrantKind is the kind of ReferenceGrants.
func GrantKind() resolver.GroupKind {
	return resolver.GroupKind{Group: source.GatewayGroup, Kind: source.GrantKind}
}

// Know notes how much is known of a kind, whose objects, if any, are here already.
func (i *Inventory) Know(kind resolver.GroupKind, now Knowledge) Wake {
	i.lock.Lock()
	defer i.lock.Unlock()
	if i.known[kind] == now {
		return Wake{}
	}
	c := i.changing()
	if kind == CertificateKind() {
		i.known[kind] = now
		c.everySource()
		return c.wake
	}
	c.compare(c.asked(func(f fact) bool { return f.isOf(kind) }), func() { i.known[kind] = now })
	c.wake.Later = append(c.wake.Later, i.blind[kind]...)
	delete(i.blind, kind)
	return c.wake
}

// KnowledgeOf says how much is known of a kind.
func (i *Inventory) KnowledgeOf(kind resolver.GroupKind) Knowledge {
	i.lock.RLock()
	defer i.lock.RUnlock()
	return i.known[kind]
}

// everySource wakes all.
func (c *change) everySource() {
	for _, o := range c.owners {
		if o.source != nil {
			c.later(o.source.Key())
		}
	}
	for look := range c.looks {
		look.stale.Store(true)
	}
}

// Watches says whether the objects of a namespace are read.
func (i *Inventory) Watches(namespace string) bool {
	return len(i.options.Namespaces) == 0 || slices.Contains(i.options.Namespaces, namespace)
}

// Policy is what decisions that begin now follow.
func (i *Inventory) Policy() *certshim.Policy {
	i.lock.RLock()
	defer i.lock.RUnlock()
	return i.policy
}

// SetPolicy lets the decisions from now on follow another policy, which all sources have to
// be decided by.
func (i *Inventory) SetPolicy(policy *certshim.Policy) Wake {
	i.lock.Lock()
	defer i.lock.Unlock()
	i.policy = policy
	i.rebuildSlots()
	c := i.changing()
	c.everySource()
	return c.wake
}

// Serve notes what the cluster serves, and which fields its Certificates have.
func (i *Inventory) Serve(served Served, fields Fields) Wake {
	i.lock.Lock()
	defer i.lock.Unlock()
	c := i.changing()
	c.compare(c.asked(fact.byDiscovery), func() { i.served, i.fields = served, fields })
	return c.wake
}

// byDiscovery says whether what is served may change the answer.
func (f fact) byDiscovery() bool {
	switch f.question {
	case asksScope, asksGroups, asksKinds, asksFields, asksIssuer:
		return true
	default:
		return false
	}
}

// Needs is what decisions ask for that is only read while somebody asks.
type Needs struct {
	// Namespaces are asked for.
	Namespaces bool
	// Grants has the namespaces whose ReferenceGrants are asked for.
	Grants map[string]bool
	// Routes are asked for.
	Routes bool
	// IssuerKinds are the kinds of issuers that decisions ask for, in no order.
	IssuerKinds map[resolver.GroupKind]bool
	// Undeclared has, for each of these kinds that nobody declares, the namespaces of the sources
	// that ask for it.
	Undeclared map[resolver.GroupKind]map[string]bool
}

// Needs gives what the last decision of any source asks for.
func (i *Inventory) Needs() Needs {
	i.lock.RLock()
	defer i.lock.RUnlock()
	needs := Needs{Grants: map[string]bool{}, IssuerKinds: map[resolver.GroupKind]bool{}, Undeclared: map[resolver.GroupKind]map[string]bool{}}
	for f, readers := range i.readers.facts {
		needs.add(f)
		if f.question == asksIssuer && !i.policy.Registry.Knows(f.kind) {
			needs.addUndeclared(readers)
		}
	}
	return needs
}

func (n *Needs) addUndeclared(a *answered) {
	namespaces := n.Undeclared[a.kind]
	if namespaces == nil {
		namespaces = map[string]bool{}
		n.Undeclared[a.kind] = namespaces
	}
	for _, set := range a.readings {
		for _, member := range set.members {
			namespaces[member.namespace.Value()] = true
		}
	}
}

func (n *Needs) add(f fact) {
	switch f.question {
	case asksLabels, asksAnnotations:
		n.Namespaces = true
	case asksGrant:
		n.Grants[f.namespace] = true
	case asksRoutes:
		n.Routes = true
	case asksIssuer:
		n.IssuerKinds[f.kind] = true
	default:
	}
}
