package certshim

import (
	"cmp"

	"github.com/certshim/certshim/source"
)

// before says which of two sources keeps a Secret that both ask for and that nobody has
// yet: the older one, and among equals the smaller by kind and name.
func before(a, b *source.Object) bool {
	return cmp.Or(
		a.Created.Compare(b.Created),
		cmp.Compare(a.Group, b.Group),
		cmp.Compare(a.Kind, b.Kind),
		cmp.Compare(a.Name, b.Name),
	) < 0
}

// wants says whether another source really asks for the Secret: it has a trigger, isn't
// ignored, and a valid entry names it.
func (d *decision) wants(other *source.Object, secret string) bool {
	if other.Deleting {
		return false
	}
	o := decision{policy: d.policy, object: other, seen: d.seen, annotations: other.Annotations}
	why := o.counts()
	d.out.OnLabels = d.out.OnLabels || o.out.OnLabels
	if why != "" || !o.ask() {
		return false
	}
	for _, ask := range o.asks.Asks {
		if ask.Secret == secret {
			return len(ask.Hosts) > 0
		}
	}
	return false
}
