package controller

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// key names a source in the queue: its kind, and where it is.
type key struct {
	kind            source.Kind
	namespace, name string
}

// maxExpected bounds the writes whose watch event has not come yet. Beyond it they are
// forgotten, which costs one more look at each source and nothing else.
const maxExpected = 4096

// expectation is a write of ours that the watch has not shown yet. An apply that changed
// nothing never shows, so that it is believed in for watchDelay only.
type expectation struct {
	by   key
	want certificate.Digest
	at   time.Time
	// doubted is set by a later look at the source that doesn't repeat the write. It may have
	// gone by a Certificate from before it, so that one more look is due when the watch shows it.
	doubted atomic.Bool
}

const watchDelay = 2 * time.Second

// memory is what is known of the cluster: sources and Certificates with their indexes,
// all under one lock, so that a decision that holds it sees one state.
type memory struct {
	lock sync.RWMutex

	sources map[key]*compactSource
	// bySecret has the sources that name a Secret of their namespace in any form.
	bySecret index[types.NamespacedName, *compactSource]
	// byParent has the ListenerSets of a Gateway.
	byParent index[types.NamespacedName, *compactSource]
	// selecting counts the Gateways that admit ListenerSets by a label of the namespace.
	selecting int

	// issuers that are there.
	issuers map[resolver.IssuerKey]resolver.Seen
	// observed is what plugins see of their issuers' objects, as JSON.
	observed map[resolver.IssuerKey]string

	certificates map[types.NamespacedName]*compactCertificate
	// byOwner has the Certificates of a controller owner, by its uid.
	byOwner index[string, *compactCertificate]
	// writing has the Certificates that write a Secret of another name than their own.
	writing index[types.NamespacedName, *compactCertificate]
	// expected are our writes that the watch has not shown yet.
	expected map[types.NamespacedName]*expectation
	// expectedBy has their names by the source that they are made for.
	expectedBy index[key, types.NamespacedName]
	// written are the uids of the Certificates that this process wrote.
	written map[string]bool
}

func newMemory() *memory {
	return &memory{
		sources: map[key]*compactSource{}, bySecret: index[types.NamespacedName, *compactSource]{},
		issuers:      map[resolver.IssuerKey]resolver.Seen{},
		observed:     map[resolver.IssuerKey]string{},
		byParent:     index[types.NamespacedName, *compactSource]{},
		certificates: map[types.NamespacedName]*compactCertificate{},
		byOwner:      index[string, *compactCertificate]{}, writing: index[types.NamespacedName, *compactCertificate]{},
		expected: map[types.NamespacedName]*expectation{}, expectedBy: index[key, types.NamespacedName]{},
		written: map[string]bool{},
	}
}

// index is a map to several values: nearly always to one.
type index[K, V comparable] map[K][]V

func (x index[K, V]) add(k K, v V) { x[k] = append(x[k], v) }

func (x index[K, V]) remove(k K, v V) {
	values := x[k]
	i := slices.Index(values, v)
	switch {
	case i < 0:
	case len(values) == 1:
		delete(x, k)
	default:
		x[k] = slices.Delete(values, i, i+1)
	}
}

// putSource remembers a source and gives the version that was known, or nil.
func (m *memory) putSource(item *compactSource) (old *compactSource) {
	m.lock.Lock()
	defer m.lock.Unlock()
	old = m.forgetSource(item.key())
	m.sources[item.key()] = item
	m.indexSource(item)
	return old
}

// dropSource forgets a source and gives the version that was known, or nil.
func (m *memory) dropSource(k key) (old *compactSource) {
	m.lock.Lock()
	defer m.lock.Unlock()
	return m.forgetSource(k)
}

// forgetSource deletes the map's key as well, which else kept the old packed string.
func (m *memory) forgetSource(k key) (old *compactSource) {
	old = m.sources[k]
	if old != nil {
		m.unindexSource(old)
		delete(m.sources, k)
	}
	return old
}

// dropKind forgets all sources of a kind, and gives their keys.
func (m *memory) dropKind(kind source.Kind) []key {
	m.lock.Lock()
	defer m.lock.Unlock()
	var dropped []key
	for k := range m.sources {
		if k.kind == kind {
			m.forgetSource(k)
			dropped = append(dropped, k)
		}
	}
	return dropped
}

// keys of all sources.
func (m *memory) keys() []key {
	m.lock.RLock()
	defer m.lock.RUnlock()
	return slices.Collect(maps.Keys(m.sources))
}

func (m *memory) indexSource(item *compactSource) {
	object, _ := item.unpack()
	for _, secret := range named(object) {
		m.bySecret.add(types.NamespacedName{Namespace: object.Namespace, Name: secret}, item)
	}
	if parent, found := parentGateway(object); found {
		m.byParent.add(parent, item)
	}
	if object.SelectsNamespaces() {
		m.selecting++
	}
}

func (m *memory) unindexSource(item *compactSource) {
	object, _ := item.unpack()
	for _, secret := range named(object) {
		m.bySecret.remove(types.NamespacedName{Namespace: object.Namespace, Name: secret}, item)
	}
	if parent, found := parentGateway(object); found {
		m.byParent.remove(parent, item)
	}
	if object.SelectsNamespaces() {
		m.selecting--
	}
}

// putCertificate remembers a Certificate and gives the version that was known, or nil.
// asWritten says that a write of ours was awaited there, and that this is its result.
func (m *memory) putCertificate(item *compactCertificate) (old *compactCertificate, asWritten bool) {
	m.lock.Lock()
	defer m.lock.Unlock()
	name := item.fullName()
	old = m.forgetCertificate(name)
	m.certificates[name] = item
	m.indexCertificate(item)
	expected := m.expected[name]
	if expected == nil {
		return old, false
	}
	m.written[strings.Clone(item.uid())] = true
	const unsettled = certificate.ShimEntries | certificate.UnservedEntries | certificate.Deleting
	if expected.want != item.have || item.flags&unsettled != 0 {
		return old, false
	}
	m.unexpect(name)
	return old, !expected.doubted.Load()
}

// wrote notes that this process has written the Certificate with that uid: what a shim
// writes from now on, it writes beside us.
func (m *memory) wrote(uid string) {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.written[strings.Clone(uid)] = true
}

// dropCertificate forgets a Certificate and gives the version that was known, or nil.
func (m *memory) dropCertificate(name types.NamespacedName) (old *compactCertificate) {
	m.lock.Lock()
	defer m.lock.Unlock()
	old = m.forgetCertificate(name)
	if old != nil {
		delete(m.written, old.uid())
	}
	return old
}

func (m *memory) forgetCertificate(name types.NamespacedName) (old *compactCertificate) {
	old = m.certificates[name]
	if old != nil {
		m.unindexCertificate(old)
		delete(m.certificates, name)
	}
	return old
}

// dropCertificates forgets all of them.
func (m *memory) dropCertificates() {
	m.lock.Lock()
	defer m.lock.Unlock()
	clear(m.certificates)
	clear(m.byOwner)
	clear(m.writing)
	m.unexpectAll()
	clear(m.written)
}

func (m *memory) indexCertificate(item *compactCertificate) {
	o := item.unpack()
	if o.Owner.UID != "" {
		m.byOwner.add(o.Owner.UID, item)
	}
	if o.Secret != o.Name {
		m.writing.add(types.NamespacedName{Namespace: o.Namespace, Name: o.Secret}, item)
	}
}

func (m *memory) unindexCertificate(item *compactCertificate) {
	o := item.unpack()
	m.byOwner.remove(o.Owner.UID, item)
	m.writing.remove(types.NamespacedName{Namespace: o.Namespace, Name: o.Secret}, item)
}

// expect announces a write for a source before it is sent; the answer to it says what
// becomes of that.
func (m *memory) expect(by key, name types.NamespacedName, want certificate.Digest, now time.Time) {
	m.lock.Lock()
	defer m.lock.Unlock()
	if len(m.expected) >= maxExpected {
		m.unexpectAll()
	}
	m.unexpect(name)
	m.expected[name] = &expectation{by: by, want: want, at: now}
	m.expectedBy.add(by, name)
}

// unexpect forgets an announcement; the caller holds the lock.
func (m *memory) unexpect(name types.NamespacedName) {
	if expected := m.expected[name]; expected != nil {
		m.expectedBy.remove(expected.by, name)
		delete(m.expected, name)
	}
}

func (m *memory) unexpectAll() {
	clear(m.expected)
	clear(m.expectedBy)
}

// doubt notes which writes for a source, still under way, its latest outcome doesn't repeat.
// The caller has held the lock since before the decision.
func (m *memory) doubt(by key, outcome certshim.Outcome) {
	for _, name := range m.expectedBy[by] {
		expected := m.expected[name]
		repeats := func(d certificate.Decision) bool { return d.Name == name.Name && d.Want == expected.want }
		if !slices.ContainsFunc(outcome.Certificates, repeats) {
			expected.doubted.Store(true)
		}
	}
}

// underway is how long to wait before the same is written again: the cache that asks for it
// may only be behind. It is 0 where no such write is awaited.
func (m *memory) underway(name types.NamespacedName, want certificate.Digest, now time.Time) time.Duration {
	m.lock.RLock()
	defer m.lock.RUnlock()
	expected := m.expected[name]
	if expected == nil || expected.want != want {
		return 0
	}
	return max(0, watchDelay-now.Sub(expected.at))
}

// expectNothing takes an announcement back: the write was refused.
func (m *memory) expectNothing(name types.NamespacedName) {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.unexpect(name)
}

// decided waits until the decisions that are being made have noted what they wait for: those
// that come after it see what was there before.
func (m *memory) decided() {
	m.lock.Lock()
	defer m.lock.Unlock()
}

// gatewaysSelect says whether any Gateway admits ListenerSets by namespace labels.
func (m *memory) gatewaysSelect() bool {
	m.lock.RLock()
	defer m.lock.RUnlock()
	return m.selecting > 0
}

func (s *compactSource) key() key {
	return key{kind: s.kind, namespace: s.namespace.Value(), name: s.name()}
}

func (c *compactCertificate) fullName() types.NamespacedName {
	return types.NamespacedName{Namespace: c.namespace.Value(), Name: c.name()}
}

// named are the Secrets of its own namespace that a source names, each once.
func named(object *source.Object) []string {
	var secrets []string
	for _, entry := range object.Entries {
		for _, ref := range entry.Secrets {
			if ref.Name != "" && (ref.Namespace == nil || *ref.Namespace == object.Namespace) {
				secrets = append(secrets, ref.Name)
			}
		}
	}
	slices.Sort(secrets)
	return slices.Compact(secrets)
}

func parentGateway(object *source.Object) (types.NamespacedName, bool) {
	if object.Parent == nil || !source.IsGateway(object.Parent.Group, object.Parent.Kind) {
		return types.NamespacedName{}, false
	}
	return types.NamespacedName{Namespace: object.Parent.Namespace, Name: object.Parent.Name}, true
}
