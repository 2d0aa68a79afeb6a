package differential

import (
	"maps"
	"slices"

	"github.com/certshim/certshim/test/oracle"
)

// Shrink makes a case smaller as long as it fails.
func Shrink(c *Case, fails func(*Case) bool) *Case {
	for {
		smaller := firstThat(fails, c.smaller())
		if smaller == nil {
			return c
		}
		c = smaller
	}
}

func firstThat(fails func(*Case) bool, candidates []*Case) *Case {
	for _, candidate := range candidates {
		if fails(candidate) {
			return candidate
		}
	}
	return nil
}

// smaller gives the cases that lack one thing of this one, the largest things first.
func (c *Case) smaller() []*Case {
	var out []*Case
	without := func(has bool, change func(*Case)) {
		if has {
			smaller := c.clone()
			change(smaller)
			out = append(out, smaller)
		}
	}
	without(c.Before != nil, func(c *Case) { c.Before, c.Edits = nil, nil })
	without(c.Rival != nil, func(c *Case) { c.Rival = nil })
	without(c.Stranger, func(c *Case) { c.Stranger = false })
	without(len(c.Edits) > 0, func(c *Case) { c.Edits = nil })
	without(c.ByShim, func(c *Case) { c.ByShim = false })
	without(c.Options.DefaultIssuerName != "", func(c *Case) {
		defaults := oracle.Defaults()
		c.Options.DefaultIssuerName, c.Options.DefaultIssuerKind, c.Options.DefaultIssuerGroup = "", defaults.DefaultIssuerKind, defaults.DefaultIssuerGroup
	})
	for _, of := range []func(*Case) *Object{
		func(c *Case) *Object { return &c.Object },
		func(c *Case) *Object { return c.Before },
		func(c *Case) *Object { return c.Gateway },
	} {
		if of(c) == nil {
			continue
		}
		for _, change := range of(c).less() {
			without(true, func(c *Case) { change(of(c)) })
		}
	}
	return out
}

// less gives the changes that each take one thing away from an object.
func (o *Object) less() []func(*Object) {
	var out []func(*Object)
	for i := range o.Entries {
		out = append(out, func(o *Object) { o.Entries = slices.Delete(o.Entries, i, i+1) })
	}
	for _, key := range slices.Sorted(maps.Keys(o.Annotations)) {
		out = append(out, func(o *Object) { delete(o.Annotations, key) })
	}
	for _, key := range slices.Sorted(maps.Keys(o.Labels)) {
		out = append(out, func(o *Object) { delete(o.Labels, key) })
	}
	if len(o.Finalizers) > 0 {
		out = append(out, func(o *Object) { o.Finalizers = nil })
	}
	if o.Deleting {
		out = append(out, func(o *Object) { o.Deleting = false })
	}
	for i, entry := range o.Entries {
		out = append(out, entry.less(i)...)
	}
	return out
}

func (e Entry) less(at int) []func(*Object) {
	var out []func(*Object)
	for i := range e.Hosts {
		out = append(out, func(o *Object) { o.Entries[at].Hosts = slices.Delete(o.Entries[at].Hosts, i, i+1) })
	}
	for i := range e.Refs {
		if len(e.Refs) > 1 {
			out = append(out, func(o *Object) { o.Entries[at].Refs = slices.Delete(o.Entries[at].Refs, i, i+1) })
		}
	}
	return out
}
