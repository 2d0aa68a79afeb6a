package inventory

import (
	"slices"
	"unique"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/source"
)

// Intake is how the objects of one resource come into an inventory: from the feed of a
// cluster, from a list, or from documents.
type Intake struct {
	// Paths are the fields that are read of an object, beside what identifies it.
	Paths []string
	// Pack makes of a decoded object what is kept of it. An object that can't be read is
	// known, but nothing about it: Pack gives it together with the error.
	Pack func(*unstructured.Unstructured) (any, error)
	// Read, if it is set, makes the same of the object's JSON, at less cost. It gives an error
	// for what Pack is to look at.
	Read func(object []byte) (metav1.ObjectMetaAccessor, error)
	// Put takes in what Pack gave, in place of an earlier version; Drop forgets it.
	Put, Drop func(packed any) Wake
	// Clear forgets all of them.
	Clear func() Wake
}

// Sources is the intake of a kind of source. It follows the policy of the moment: once that
// changes, the objects have to be read again.
func (i *Inventory) Sources(kind source.Kind) Intake {
	i.lock.RLock()
	policy := i.policy
	i.lock.RUnlock()
	return Intake{
		Paths: kind.Reads(),
		Pack:  func(object *unstructured.Unstructured) (any, error) { return reduce(kind, policy, object) },
		Put:   func(packed any) Wake { return i.putSource(packed.(*Source)) },
		Drop:  func(packed any) Wake { return i.dropSource(packed.(*Source).Key()) },
		Clear: func() Wake { return i.dropSources(source.GroupKindOf(kind)) },
	}
}

// reduce makes a source compact.
func reduce(kind source.Kind, policy *certshim.Policy, object *unstructured.Unstructured) (*Source, error) {
	metadata, _ := object.Object["metadata"].(map[string]any)
	keep(metadata["annotations"], policy.Parser.Keeps)
	shorten(metadata["annotations"], policy.Parser)
	if policy.Routes == nil || object.GetAnnotations()[annotations.RouteNamesKey] != "true" {
		// Only names of routes go by the status of listeners: others aren't to be woken by it.
		delete(object.Object, "status")
	}
	if labels := policy.Certificate.Labels; labels != nil {
		keep(metadata["labels"], labels.Copies)
	}
	reduced, err := kind.Reduce(object)
	if err != nil {
		gvk := kind.GroupVersionKind()
		reduced = &source.Object{Ref: source.Ref{
			Group: gvk.Group, Version: gvk.Version, Kind: gvk.Kind,
			Namespace: object.GetNamespace(), Name: object.GetName(), UID: string(object.GetUID()),
		}, ResourceVersion: object.GetResourceVersion()}
	}
	packed := packSource(reduced, err)
	if err == nil {
		if err = packed.checkSize(reduced); err != nil {
			packed = packSource(reduced, err)
		}
	}
	return packed, err
}

// shorten leaves of values what decisions read.
func shorten(field any, parser *annotations.Parser) {
	all, _ := field.(map[string]any)
	for key, value := range all {
		if text, isText := value.(string); isText {
			all[key] = parser.Shorten(key, text)
		}
	}
}

// keep leaves out what no decision reads: kubectl's copy of the whole object is one such
// annotation.
func keep(field any, keeps func(key string) bool) {
	all, _ := field.(map[string]any)
	for k := range all {
		if !keeps(k) {
			delete(all, k)
		}
	}
}

func (i *Inventory) putSource(item *Source) Wake {
	i.lock.Lock()
	defer i.lock.Unlock()
	c, key := i.changing(), item.Key()
	old := i.source(key)
	if old == item {
		return Wake{}
	}
	item = item.withEntriesOf(old)
	item.edit, item.mayHaveBeenFulfilled = i.edits.of(old, item), i.edits.mayHaveBeenFulfilled(old, item)
	c.compare(c.about(key), func() { c.replace(key, old, item) })
	if old == nil || !old.same(&item.compact) {
		c.now(key)
	}
	return c.wake
}

// about are the questions that anybody asked about a source.
func (c *change) about(k Key) []fact {
	return c.those(sourceFact(k.Kind(), k.Namespace(), k.name), inheritedFact(k.Kind(), k.Namespace(), k.name))
}

// withEntriesOf gives a source whose entries can't be told now those of its last version, if that
// is the same object and had some.
func (s *Source) withEntriesOf(old *Source) *Source {
	if old == nil || !s.hasFailed() || old.uid() != s.uid() {
		return s
	}
	now, _ := s.unpack()
	before, _ := old.unpack()
	now.Entries = before.Entries
	return packSource(now, nil)
}

// replace puts a version of a source in the place of another; either may be nil.
func (c *change) replace(key Key, old, item *Source) {
	c.setOwner(key, func(o *owner) { o.source = item })
	switch {
	case item == nil:
		c.readers.leave(old)
	case old != nil:
		c.readers.take(item, old)
	}
	c.retake(old, item)
	before, now := claimsOf(old), claimsOf(item)
	for _, at := range before {
		if !slices.Contains(now, at) {
			c.secret(at, func(s *secret) { s.remove(old) })
		}
	}
	for _, at := range now {
		switch {
		case !slices.Contains(before, at):
			c.secret(at, func(s *secret) { s.enter(item) })
		case old.uid() == item.uid():
			c.make(at).hand(old, item)
		default:
			c.secret(at, func(s *secret) {
				s.remove(old)
				s.enter(item)
			})
		}
	}
}

// hand gives a claim to the next version of its source.
func (s *secret) hand(old, item *Source) {
	if claim := s.claimOf(old); claim != nil {
		claim.source, claim.doubted = item, claim.doubted || !old.same(&item.compact)
	}
}

// claimsOf are the Secrets that a source names; none for nil.
func claimsOf(item *Source) []name {
	if item == nil {
		return nil
	}
	object, _ := item.unpack()
	return namedSecrets(object)
}

func (i *Inventory) dropSource(k Key) Wake {
	i.lock.Lock()
	defer i.lock.Unlock()
	c := i.changing()
	c.dropSource(k)
	return c.wake
}

func (c *change) dropSource(k Key) {
	old := c.source(k)
	if old == nil {
		return
	}
	c.compare(c.about(k), func() { c.replace(k, old, nil) })
	c.now(old.Key())
}

// dropSources forgets all sources of a kind.
func (i *Inventory) dropSources(kind source.GroupKind) Wake {
	i.lock.Lock()
	defer i.lock.Unlock()
	c := i.changing()
	i.edits.rest()
	of := unique.Make(kind)
	for k, o := range c.owners {
		if k.kind == of && o.source != nil {
			c.dropSource(k)
		}
	}
	return c.wake
}

// Keys of all sources, in no order.
func (i *Inventory) Keys() []Key {
	i.lock.RLock()
	defer i.lock.RUnlock()
	keys := make([]Key, 0, len(i.owners))
	for _, o := range i.owners {
		if o.source != nil {
			keys = append(keys, o.source.Key())
		}
	}
	return keys
}

// inherited are the annotations that other sources inherit of one.
func (s *Source) inherited() map[string]string {
	object, _ := s.unpack()
	return annotations.Inherit(nil, object.Annotations)
}

// seenByOthers is what other sources see of one but for its annotations: which object it is, whom it
// admits, and whether it is going away.
func (s *Source) seenByOthers() string {
	object, unreadable := s.unpack()
	if unreadable != "" {
		return "unreadable"
	}
	var p packer
	p.text(object.UID)
	p.truth(object.Deleting)
	if allowed := object.Allowed; allowed != nil {
		p.texts([]string{allowed.From, allowed.Selector})
	}
	return string(p)
}
