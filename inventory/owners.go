package inventory

import "iter"

// owner is a source, and the Certificates whose controller owner it is. Either may be there
// without the other.
type owner struct {
	source *Source
	// certificates is the first of them; each knows the next, so that an owner takes no list.
	certificates *Certificate
}

// source is that of a key; nil if there is none.
func (i *Inventory) source(k Key) *Source { return i.owners[k].source }

// setOwner changes an owner, and forgets one of which nothing is left. The map's key shares the
// packed string of what it was made of: that of the newest version of the source, if it is there.
func (i *Inventory) setOwner(k Key, mutate func(*owner)) {
	o := i.owners[k]
	before := o.source
	mutate(&o)
	i.indexUID(before, o.source)
	delete(i.owners, k)
	switch {
	case o.source != nil:
		i.owners[o.source.Key()] = o
	case o.certificates != nil:
		i.owners[ownerOf(o.certificates.unpack())] = o
	}
}

// sourceOfUID is the source of a uid; nil if there is none. Only restored Certificates ask, so that the
// index is made at the first question. After that it is kept up to date.
func (i *Inventory) sourceOfUID(uid string) *Source {
	if i.uids == nil {
		i.uids = map[string]*Source{}
		for _, o := range i.owners {
			i.indexUID(nil, o.source)
		}
	}
	return i.uids[uid]
}

// indexUID puts one version of a source in the place of another, nil for none.
func (i *Inventory) indexUID(old, now *Source) {
	if i.uids == nil || old == now {
		return
	}
	if old != nil {
		delete(i.uids, old.uid())
	}
	if now != nil {
		i.uids[now.uid()] = now
	}
}

// all are a Certificate and those behind it.
func (c *Certificate) all() iter.Seq[*Certificate] {
	return func(yield func(*Certificate) bool) {
		for ; c != nil; c = c.next {
			if !yield(c) {
				return
			}
		}
	}
}

// remove takes a Certificate off the list, if it is there.
func (o *owner) remove(left *Certificate) {
	for at := &o.certificates; *at != nil; at = &(*at).next {
		if *at == left {
			*at, left.next = left.next, nil
			return
		}
	}
}

// add puts a Certificate on the list.
func (o *owner) add(c *Certificate) { o.certificates, c.next = c, o.certificates }
