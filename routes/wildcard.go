package routes

import (
	"slices"

	"github.com/certshim/certshim/names"
)

// replace finds the wildcards that aren't asked for. Which these are changes only together with the names, so that
// a route that goes and comes back costs no certificate.
func (c *chooser) replace(changes bool) {
	for _, w := range c.Wildcards {
		is := c.isReplaced(w)
		if changes {
			is = c.givesWay(w)
		}
		if is && c.hasInstead(w) {
			c.Replaced = append(c.Replaced, w.Hostname)
		}
	}
}

// givesWay reports whether a wildcard isn't to be asked for. Where it can't be known, that stays as it is.
func (c *chooser) givesWay(w Wildcard) bool {
	if !c.isCertain(w) {
		return c.isReplaced(w)
	}
	return w.Brought == Allowed
}

func (c *chooser) isCertain(w Wildcard) bool { return c.Complete && w.Brought != Uncertain }

// isReplaced reports whether the Certificate does without a wildcard now: as it says itself, or as the listener is
// new and routes bring names to it.
func (c *chooser) isReplaced(w Wildcard) bool {
	switch {
	case c.Present == nil || c.present[names.DNS(w.Hostname)]:
		return false
	case slices.ContainsFunc(c.Present.Replaced, func(host string) bool { return names.DNS(host) == names.DNS(w.Hostname) }):
		return c.Present.Known || !c.isCertain(w) || w.Brought == Allowed
	}
	return c.Present.Known && c.Complete && w.Brought == Allowed
}

// hasInstead reports whether a wildcard is left out for a name that is asked for now or soon, as far as the names are known.
func (c *chooser) hasInstead(w Wildcard) bool {
	if c.Present != nil && !c.Present.Known && len(c.Present.Replaced) > 0 {
		return true
	}
	return slices.ContainsFunc(slices.Concat(c.Hosts, c.Names, c.Later), func(name string) bool {
		_, meet := Intersect(w.Hostname, name)
		return meet && isName(name)
	})
}
