package inventory

import (
	"slices"
	"strings"
	"unique"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// Grant is a ReferenceGrant as it is kept. Make one by [Grants.Pack]. One that can't be read grants
// nothing.
type Grant struct {
	compact
}

func packGrant(object *unstructured.Unstructured, grant source.Grant) *Grant {
	var p packer
	p.head(object.GetName(), string(object.GetUID()), object.GetResourceVersion())
	p.number(uint64(len(grant.From)))
	for _, from := range grant.From {
		p.text(from.Group)
		p.text(from.Kind)
		p.text(from.Namespace)
	}
	p.number(uint64(len(grant.To)))
	for _, to := range grant.To {
		p.text(to.Group)
		p.text(to.Kind)
		p.text(to.Name)
	}
	return &Grant{compact{namespace: unique.Make(object.GetNamespace()), packed: string(p)}}
}

func (g *Grant) unpack() source.Grant {
	u := unpacker(g.body())
	var grant source.Grant
	for range u.count() {
		grant.From = append(grant.From, source.GrantFrom{Group: u.text(), Kind: u.text(), Namespace: u.text()})
	}
	for range u.count() {
		grant.To = append(grant.To, source.GrantTo{Group: u.text(), Kind: u.text(), Name: u.text()})
	}
	return grant
}

// Grants is the intake of ReferenceGrants.
func (i *Inventory) Grants() Intake {
	return Intake{
		Paths: source.GrantReads(),
		Pack: func(object *unstructured.Unstructured) (any, error) {
			grant, err := source.ReduceGrant(object)
			return packGrant(object, grant), err
		},
		Put:   func(packed any) Wake { return i.setGrant(packed.(*Grant), true) },
		Drop:  func(packed any) Wake { return i.setGrant(packed.(*Grant), false) },
		Clear: i.dropGrants,
	}
}

func (i *Inventory) setGrant(item *Grant, there bool) Wake {
	i.lock.Lock()
	defer i.lock.Unlock()
	c, namespace, named := i.changing(), item.namespace.Value(), item.name()
	of := i.grants[namespace]
	c.compare(c.askedOfGrants(namespace, of[named], item), func() {
		// The map's key shares the packed string of the version that it was made of.
		delete(of, named)
		switch {
		case there && of == nil:
			i.grants[namespace] = map[string]*Grant{named: item}
		case there:
			of[named] = item
		case len(of) == 0:
			delete(i.grants, namespace)
		}
	})
	return c.wake
}

func (i *Inventory) dropGrants() Wake {
	i.lock.Lock()
	defer i.lock.Unlock()
	c := i.changing()
	c.compare(c.asked(func(f fact) bool { return f.question == asksGrant }), func() { clear(i.grants) })
	return c.wake
}

// askedOfGrants are the questions that have readers and whose answer versions of a grant can change:
// those of sources in the namespaces that it is addressed to.
func (c *change) askedOfGrants(namespace string, versions ...*Grant) []fact {
	scopes := map[issuerScope]bool{}
	for _, version := range versions {
		if version == nil {
			continue
		}
		for _, from := range version.unpack().From {
			scopes[grantScope(from.Namespace, namespace)] = true
		}
	}
	var facts []fact
	for at := range scopes {
		facts = append(facts, c.readers.scoped[at]...)
	}
	for look := range c.looks {
		for _, f := range look.facts {
			if f.question == asksGrant && scopes[f.scope()] && c.readers.facts[f] == nil && !slices.Contains(facts, f) {
				facts = append(facts, f)
			}
		}
	}
	return facts
}

// grantScope is that of the grants of a namespace that are addressed to another one. No name of a
// namespace has a slash.
func grantScope(from, namespace string) issuerScope {
	return issuerScope{GrantKind(), from + "/" + namespace}
}

// grantFact is what the grants let sources do with a Secret.
func grantFact(from source.GrantFrom, secret types.NamespacedName) fact {
	return fact{
		question: asksGrant, kind: resolver.GroupKind{Group: from.Group, Kind: from.Kind}, from: from.Namespace,
		namespace: secret.Namespace, name: secret.Name,
	}
}

// isOf says whether a question is about the objects of a kind.
func (f fact) isOf(kind resolver.GroupKind) bool {
	switch f.question {
	case asksGrant:
		return kind == GrantKind()
	case asksRoutes:
		return IsRouteKind(kind)
	default:
	}
	return f.kind == kind
}

func (i *Inventory) granted(f fact) source.Granted {
	of := i.grants[f.namespace]
	if len(of) == 0 {
		return source.Granted{}
	}
	grants := make([]source.Grant, 0, len(of))
	for _, item := range of {
		grants = append(grants, item.unpack())
	}
	return source.GrantedTo(source.GrantFrom{Group: f.kind.Group, Kind: f.kind.Kind, Namespace: f.from}, f.name, grants)
}

// Orphan is a Certificate in another namespace than its source, which isn't there.
type Orphan struct {
	certificate.Observed
	// Granted is set if the source would still be granted the Secret.
	Granted bool
}

// Orphans are those whose source is known not to be there, by namespace and name.
func (i *Inventory) Orphans() []Orphan {
	i.lock.RLock()
	defer i.lock.RUnlock()
	var found []Orphan
	for key, o := range i.owners {
		for item := range o.certificates.all() {
			owner := item.owner()
			isForeign := owner.Namespace != ""
			if isForeign && i.knowledgeOf(resolver.GroupKind(key.Kind()), key.Namespace()) == Whole && (o.source == nil || o.source.uid() != owner.UID) {
				found = append(found, Orphan{item.unpack(), i.isGrantedTo(key, item.fullName())})
			}
		}
	}
	slices.SortFunc(found, func(a, b Orphan) int { return strings.Compare(a.FullName().String(), b.FullName().String()) })
	return found
}

// grantAnswer is what is granted, or how much is known of grants if that isn't all.
func (i *Inventory) grantAnswer(f fact) any {
	if known := i.knowledgeOf(GrantKind(), f.namespace); known != Whole {
		return known
	}
	return i.granted(f)
}

// isGranted says whether a source of another namespace is known to be granted a Secret.
func (i *Inventory) isGranted(item *Source, secret name) bool {
	return i.isGrantedTo(item.Key(), secret)
}

func (i *Inventory) isGrantedTo(of Key, secret name) bool {
	from := source.GrantFrom{Group: of.Kind().Group, Kind: of.Kind().Kind, Namespace: of.Namespace()}
	answer, known := i.grantAnswer(grantFact(from, secret.full())).(source.Granted)
	return known && i.policy.CrossNamespace.Allows(answer)
}
