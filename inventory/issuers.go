package inventory

import (
	"encoding/json"
	"maps"
	"slices"
	"unique"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/resolver"
)

// Issuers is the intake of a kind of issuer. Known reads its objects, observe says how much of
// them a plugin sees; changed, which may be nil, is told of an issuer of which a plugin sees
// something else than before.
func (i *Inventory) Issuers(kind resolver.GroupKind, known *resolver.Known, observe resolver.Observe, changed func(resolver.IssuerKey)) Intake {
	i.lock.Lock()
	i.issuerKinds[kind] = true
	i.lock.Unlock()
	take := func(packed any, there bool) Wake {
		item := packed.(*Issuer)
		wake, news := i.putIssuer(kind, item, there)
		if news && changed != nil {
			changed(item.key(kind))
		}
		return wake
	}
	return Intake{
		Pack: func(object *unstructured.Unstructured) (any, error) {
			var p packer
			p.head(object.GetName(), string(object.GetUID()), object.GetResourceVersion())
			return &Issuer{
				compact: compact{namespace: unique.Make(object.GetNamespace()), packed: string(p)},
				seen:    known.Read(object.Object), observed: visible(object.Object, observe),
			}, nil
		},
		Put:   func(packed any) Wake { return take(packed, true) },
		Drop:  func(packed any) Wake { return take(packed, false) },
		Clear: func() Wake { return i.dropIssuers(kind) },
	}
}

func (n *Issuer) key(kind resolver.GroupKind) resolver.IssuerKey {
	return resolver.IssuerKey{GroupKind: kind, Namespace: n.namespace.Value(), Name: n.name()}
}

// putIssuer takes an issuer in, or forgets it. News says that a plugin sees something else.
func (i *Inventory) putIssuer(kind resolver.GroupKind, item *Issuer, there bool) (wake Wake, news bool) {
	i.lock.Lock()
	defer i.lock.Unlock()
	c, key := i.changing(), item.key(kind)
	old := c.issuer(key)
	appears := (old == nil) == there
	c.compare(c.those(issuerFact(asksIssuer, key), issuerFact(asksReadiness, key)), func() { c.setIssuer(key, item, there) })
	if appears {
		c.nearTo(key)
	}
	return c.wake, seenByPlugin(old) != seenByPlugin(c.issuer(key))
}

func seenByPlugin(item *Issuer) string {
	if item == nil {
		return ""
	}
	return item.observed
}

func (i *Inventory) issuer(key resolver.IssuerKey) *Issuer {
	return i.issuers[issuerScope{key.GroupKind, key.Namespace}][key.Name]
}

func (i *Inventory) setIssuer(key resolver.IssuerKey, item *Issuer, there bool) {
	at := issuerScope{key.GroupKind, key.Namespace}
	// A map's key shares the packed string of the version that it was made of.
	delete(i.issuers[at], key.Name)
	if !there {
		if len(i.issuers[at]) == 0 {
			delete(i.issuers, at)
		}
		return
	}
	if i.issuers[at] == nil {
		i.issuers[at] = map[string]*Issuer{}
	}
	i.issuers[at][item.name()] = item
}

// nearTo wakes who looked for an issuer of nearly this name, which appears or is gone.
func (c *change) nearTo(key resolver.IssuerKey) {
	at := issuerScope{key.GroupKind, key.Namespace}
	isNear := func(f fact) bool {
		return f.isNear() && f.scope() == at && f.nearest([]string{key.Name}) != ""
	}
	for _, f := range slices.Clone(c.readers.scoped[at]) {
		if isNear(f) {
			c.fact(f)
		}
	}
	c.laterIf(func(look *Look) bool { return slices.ContainsFunc(look.facts, isNear) })
}

// dropIssuers forgets all of a kind.
func (i *Inventory) dropIssuers(kind resolver.GroupKind) Wake {
	i.lock.Lock()
	defer i.lock.Unlock()
	delete(i.issuerKinds, kind)
	c := i.changing()
	c.compare(c.asked(func(f fact) bool { return f.kind == kind && f.question != asksSource }), func() {
		maps.DeleteFunc(i.issuers, func(at issuerScope, _ map[string]*Issuer) bool { return at.kind == kind })
	})
	return c.wake
}

// PluginSays wakes who read what a plugin says of these issuers, which is something else now.
func (i *Inventory) PluginSays(keys []resolver.IssuerKey) Wake {
	i.lock.Lock()
	defer i.lock.Unlock()
	c := i.changing()
	for _, key := range keys {
		c.fact(issuerFact(asksIssuer, key))
		c.fact(issuerFact(asksReadiness, key))
	}
	return c.wake
}

// Exists says whether an issuer is there, as far as that can be known.
func (i *Inventory) Exists(key resolver.IssuerKey) resolver.Existence {
	i.lock.RLock()
	defer i.lock.RUnlock()
	finding, _ := i.finding(key)
	return finding.Existence
}

// Observed is what a plugin sees of an issuer, as JSON, or nil.
func (i *Inventory) Observed(key resolver.IssuerKey) []byte {
	i.lock.RLock()
	defer i.lock.RUnlock()
	if item := i.issuer(key); item != nil && item.observed != "" {
		return []byte(item.observed)
	}
	return nil
}

// AllIssuers are those that are known, with what their type reads of each.
func (i *Inventory) AllIssuers() map[resolver.IssuerKey]resolver.Seen {
	i.lock.RLock()
	defer i.lock.RUnlock()
	all := map[resolver.IssuerKey]resolver.Seen{}
	for at, items := range i.issuers {
		for _, item := range items {
			all[item.key(at.kind)] = item.seen
		}
	}
	return all
}

// KindAndReadiness is what issuers are counted by.
type KindAndReadiness struct {
	resolver.GroupKind
	Ready resolver.Readiness
}

// CountIssuers counts the issuers of the kinds of which all are known.
func (i *Inventory) CountIssuers() map[KindAndReadiness]int {
	i.lock.RLock()
	defer i.lock.RUnlock()
	count := map[KindAndReadiness]int{}
	for kind := range i.issuerKinds {
		if i.known[kind] == Whole {
			for _, ready := range []resolver.Readiness{resolver.Ready, resolver.NotReady, resolver.ReadyUnknown} {
				count[KindAndReadiness{kind, ready}] = 0
			}
		}
	}
	for at, items := range i.issuers {
		if i.known[at.kind] != Whole {
			continue
		}
		for _, item := range items {
			count[KindAndReadiness{at.kind, item.seen.Ready}]++
		}
	}
	return count
}

// visible is what a plugin may see of an issuer's object; "" is nothing.
func visible(object map[string]any, how resolver.Observe) string {
	var seen map[string]any
	switch how {
	case resolver.ObserveFull:
		seen = maps.Clone(object)
	case resolver.ObserveStatus:
		seen = map[string]any{"metadata": object["metadata"]}
		if status, has := object["status"]; has {
			seen["status"] = status
		}
	default:
		return ""
	}
	if metadata, has := seen["metadata"].(map[string]any); has {
		// Who wrote which field is large, and of no use.
		metadata = maps.Clone(metadata)
		delete(metadata, "managedFields")
		seen["metadata"] = metadata
	}
	text, err := json.Marshal(seen)
	if err != nil || len(text) > resolver.MaxObserved {
		return ""
	}
	return string(text)
}
