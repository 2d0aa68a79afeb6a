package controller

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/resolver"
)

// waiting remembers which sources wait for an issuer, or for another kind of issuer, and
// which go by their Namespace: those alone are looked at again when one appears or changes.
type waiting struct {
	lock sync.Mutex
	// sources that wait, each for these issuers.
	sources map[key][]resolver.IssuerKey
	issuers map[resolver.IssuerKey]map[key]bool
	kinds   map[key]bool
	// labels and annotations have the sources that go by those of their Namespace.
	labels, annotations byNamespace
	// heldBy has the resolver for whose first answer a source's Certificates wait.
	heldBy map[key]string
	held   *prometheus.GaugeVec
}

// byNamespace has sources by their namespace.
type byNamespace map[string]map[key]bool

func (b byNamespace) set(k key, in bool) {
	if !in {
		delete(b[k.namespace], k)
		if len(b[k.namespace]) == 0 {
			delete(b, k.namespace)
		}
		return
	}
	if b[k.namespace] == nil {
		b[k.namespace] = map[key]bool{}
	}
	b[k.namespace][k] = true
}

// addTo gives the sources of a namespace, or all for an empty one.
func (b byNamespace) addTo(found *keySet, namespace string) {
	if namespace != "" {
		b = byNamespace{namespace: b[namespace]}
	}
	for _, sources := range b {
		for k := range sources {
			found.add(k)
		}
	}
}

func newWaiting(held *prometheus.GaugeVec) *waiting {
	return &waiting{
		heldBy: map[key]string{}, held: held,
		sources: map[key][]resolver.IssuerKey{}, issuers: map[resolver.IssuerKey]map[key]bool{}, kinds: map[key]bool{},
		labels: byNamespace{}, annotations: byNamespace{},
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
	w.labels.set(k, outcome.OnLabels)
	w.annotations.set(k, outcome.OnAnnotations)
	w.hold(k, outcome.HeldBy)
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

// hold counts a source at the resolver that it waits for, "" for none.
func (w *waiting) hold(k key, by string) {
	was := w.heldBy[k]
	if was == by {
		return
	}
	delete(w.heldBy, k)
	if was != "" {
		w.held.WithLabelValues(bareName(was)).Dec()
	}
	if by != "" {
		w.heldBy[k] = by
		w.held.WithLabelValues(bareName(by)).Inc()
	}
}

// bareName is a resolver's name, without its tier: that of other metrics.
func bareName(by string) string { return by[strings.LastIndex(by, "/")+1:] }

// keys of the sources that wait for anything.
func (w *waiting) keys() []key {
	w.lock.Lock()
	defer w.lock.Unlock()
	var found keySet
	w.labels.addTo(&found, "")
	w.annotations.addTo(&found, "")
	for k := range w.sources {
		found.add(k)
	}
	for k := range w.kinds {
		found.add(k)
	}
	for k := range w.heldBy {
		found.add(k)
	}
	return found.keys
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

// forNamespace gives the sources that go by what changed of their Namespace; an empty name
// is every Namespace.
func (w *waiting) forNamespace(name string, what namespaceChange) []key {
	w.lock.Lock()
	defer w.lock.Unlock()
	var found keySet
	if what.labels {
		w.labels.addTo(&found, name)
	}
	if what.annotations {
		w.annotations.addTo(&found, name)
	}
	return found.keys
}
