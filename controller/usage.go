package controller

import (
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
)

// keepUnused is how long an issuer kind that nobody declares is watched after its last user
// is gone.
const keepUnused = 10 * time.Minute

// readFirst is how long the issuers of a kind that comes into use may take to be read before a
// Certificate is changed for one of them: it keeps its present issuer if that one isn't there.
const readFirst = 10 * time.Second

// usage remembers which sources name an issuer of a kind that nobody declares.
type usage struct {
	lock  sync.Mutex
	kinds map[key]resolver.GroupKind
	// used are the kinds, in the order of their first use.
	used []usedKind
}

type usedKind struct {
	resolver.GroupKind
	users int
	// since is when it came into use.
	since time.Time
	// left is when the last user went.
	left time.Time
}

// set notes what kind a source names, the zero kind for none, in place of what it named. It
// says whether other kinds may have to be watched now, and after which time again.
func (u *usage) set(k key, kind resolver.GroupKind, now time.Time) (changed bool, recheck time.Duration) {
	u.lock.Lock()
	defer u.lock.Unlock()
	before := u.kinds[k]
	if before == kind {
		return false, 0
	}
	delete(u.kinds, k)
	if i := u.index(before); i >= 0 {
		if u.used[i].users--; u.used[i].users == 0 {
			u.used[i].left, recheck = now, keepUnused
		}
	}
	if kind.Kind == "" {
		return false, recheck
	}
	if u.kinds == nil {
		u.kinds = map[key]resolver.GroupKind{}
	}
	u.kinds[k] = kind
	i := u.index(kind)
	if i < 0 {
		i = len(u.used)
		u.used = append(u.used, usedKind{GroupKind: kind, since: now})
	}
	u.used[i].users++
	return u.used[i].users == 1, recheck
}

func (u *usage) index(kind resolver.GroupKind) int {
	return slices.IndexFunc(u.used, func(other usedKind) bool { return other.GroupKind == kind })
}

// current are the kinds that are in use, or were shortly before; others are forgotten.
func (u *usage) current(now time.Time) []resolver.GroupKind {
	u.lock.Lock()
	defer u.lock.Unlock()
	u.used = slices.DeleteFunc(u.used, func(kind usedKind) bool {
		return kind.users == 0 && now.Sub(kind.left) >= keepUnused
	})
	var kinds []resolver.GroupKind
	for _, kind := range u.used {
		kinds = append(kinds, kind.GroupKind)
	}
	return kinds
}

// unread is the kind that a source names, and how much longer its issuers may take to be read.
func (u *usage) unread(k key, now time.Time) (resolver.GroupKind, time.Duration) {
	u.lock.Lock()
	defer u.lock.Unlock()
	kind := u.kinds[k]
	i := u.index(kind)
	if i < 0 {
		return kind, 0
	}
	return kind, max(0, readFirst-now.Sub(u.used[i].since))
}

// keys of the sources that name such a kind.
func (u *usage) keys() []key {
	u.lock.Lock()
	defer u.lock.Unlock()
	return slices.Collect(maps.Keys(u.kinds))
}

// noteUse notes what a source turned out to name, so that its kind is watched.
func (c *Controller) noteUse(k key, outcome certshim.Outcome) {
	kind := resolver.GroupKind{Group: outcome.Issuer.Group, Kind: outcome.Issuer.Kind}
	if c.policy.Load().Registry.Knows(kind) {
		kind = resolver.GroupKind{}
	}
	changed, recheck := c.usage.set(k, kind, time.Now())
	if changed {
		poke(c.look)
	}
	if recheck > 0 {
		time.AfterFunc(recheck, func() { poke(c.look) })
	}
}

// untilRead is how long a Certificate that moves to another issuer has to wait for those of the
// kind that its source names; once they are known, the source is looked at again.
func (c *Controller) untilRead(k key, name types.NamespacedName, d certificate.Decision, now time.Time) time.Duration {
	kind, wait := c.usage.unread(k, now)
	if wait == 0 || d.Action != certificate.Apply || !c.memory.moves(name, d.Config) {
		return 0
	}
	whole := c.whole.Load()
	if _, custom := c.discoverer.facts.Load().served.customKind(kind); !custom || whole != nil && (*whole)[kind] {
		return 0
	}
	return wait
}

// moves says whether a configuration has another issuer than the Certificate.
func (m *memory) moves(name types.NamespacedName, config map[string]any) bool {
	m.lock.RLock()
	defer m.lock.RUnlock()
	item, ref := m.certificates[name], dig(config, "spec", "issuerRef")
	if item == nil {
		return false
	}
	is := item.issuer.Value()
	return ref["name"] != is.Name || ref["kind"] != is.Kind || ref["group"] != is.Group
}
