package controller

import (
	"maps"
	"slices"
	"sync"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/resolver"
)

// waiting remembers which sources wait for an issuer, or for another kind of issuer: those
// alone are looked at again when one appears or becomes ready.
type waiting struct {
	lock sync.Mutex
	// sources that wait, each for these issuers.
	sources map[key][]resolver.IssuerKey
	issuers map[resolver.IssuerKey]map[key]bool
	kinds   map[key]bool
}

func newWaiting() *waiting {
	return &waiting{
		sources: map[key][]resolver.IssuerKey{}, issuers: map[resolver.IssuerKey]map[key]bool{}, kinds: map[key]bool{},
	}
}

// set notes what a source waits for after a decision, in place of what it waited for.
func (w *waiting) set(k key, outcome certshim.Outcome) {
	w.lock.Lock()
	defer w.lock.Unlock()
	for _, issuer := range w.sources[k] {
		delete(w.issuers[issuer], k)
		if len(w.issuers[issuer]) == 0 {
			delete(w.issuers, issuer)
		}
	}
	delete(w.sources, k)
	delete(w.kinds, k)
	if outcome.AwaitsKinds {
		w.kinds[k] = true
	}
	for _, issuer := range outcome.Awaits {
		if w.issuers[issuer] == nil {
			w.issuers[issuer] = map[key]bool{}
		}
		w.issuers[issuer][k] = true
		w.sources[k] = append(w.sources[k], issuer)
	}
}

// forIssuer gives the sources that wait for an issuer.
func (w *waiting) forIssuer(issuer resolver.IssuerKey) []key {
	w.lock.Lock()
	defer w.lock.Unlock()
	return slices.Collect(maps.Keys(w.issuers[issuer]))
}

// forIssuersOf gives the sources that wait for an issuer of a kind.
func (w *waiting) forIssuersOf(kind resolver.GroupKind) []key {
	w.lock.Lock()
	defer w.lock.Unlock()
	var found keySet
	for issuer, sources := range w.issuers {
		if issuer.GroupKind != kind {
			continue
		}
		for k := range sources {
			found.add(k)
		}
	}
	return found.keys
}

// forKinds gives the sources that wait for another kind of issuer.
func (w *waiting) forKinds() []key {
	w.lock.Lock()
	defer w.lock.Unlock()
	return slices.Collect(maps.Keys(w.kinds))
}
