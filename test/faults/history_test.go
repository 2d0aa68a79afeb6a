package faults

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/test/cluster"
)

// origin is a source as it was applied last.
type origin struct {
	kind, name, secret string
	uid                types.UID
	hosts              []string
	// more are further Secrets, each with one name.
	more    []string
	touched int
	// parent is the Gateway of a ListenerSet, "gateway" if empty.
	parent string
	signer signer
	// silent is set while it has no trigger, and broken while one of its values can't be read.
	silent, broken bool
	// retains is set if its Certificates are to outlive it.
	retains bool
	// elsewhere is the namespace of its Secrets, its own if empty.
	elsewhere string
	// waits is the source that has the Secret which this one names, too; nil if there is none.
	waits *origin
}

// signer is an issuer as annotations name it.
type signer struct {
	name string
	// kind are the annotations for its kind and group, none for cert-manager's own.
	kind string
}

// names are the names that it gives for each Secret.
func (o *origin) names() map[string][]string {
	all := map[string][]string{o.secret: o.hosts}
	for _, name := range o.more {
		all[name] = []string{name + ".example.com"}
	}
	return all
}

// asks are the names that each of its Certificates is to have, by the Certificate.
func (o *origin) asks() map[string][]string {
	all := o.names()
	if o.waits != nil {
		delete(all, o.secret)
	}
	return all
}

// want is what a history asks for of one Certificate, which is known by the uid of its source and by its name.
type want struct {
	// made is how often it may come into being, and specs how many specs it may have, one after the other. Each
	// is a new certificate at most.
	made, specs int
	// last is the spec that was asked for last.
	last string
	// young is set if its source came while certshim ran.
	young bool
}

// history edits sources, and counts what must come of that at most.
type history struct {
	where   *cluster.Cluster
	random  *rand.Rand
	origins []*origin
	// wants are by [keyOf].
	wants map[string]*want
	edits int
	// told are the edits in words, for a failure.
	told []string
	// replacesNothing is set where the cluster's garbage collector meets the fault too: it may miss that an owner was
	// deleted if another of its name is there once it watches again.
	replacesNothing bool
	// started is set once a process was, and young are the sources that came since.
	started bool
	young   map[types.UID]bool
	// guest is a source that comes and goes; nil while there is none.
	guest *origin
	// kindGone is set while no Certificate can be made.
	kindGone bool
}

// newHistory is one that the seed and the name of its scene determine.
func newHistory(where *cluster.Cluster, seed uint64, name string) *history {
	of := fnv.New64a()
	_, _ = of.Write([]byte(name))
	return &history{where: where, random: rand.New(rand.NewPCG(seed, of.Sum64())), wants: map[string]*want{}, young: map[types.UID]bool{}}
}

// keyOf is what a Certificate is known by.
func keyOf(uid types.UID, name string) string { return string(uid) + "/" + name }

func (h *history) want(o *origin) *want {
	return h.wantOf(o, o.secret)
}

func (h *history) wantOf(o *origin, name string) *want {
	key := keyOf(o.uid, name)
	if h.wants[key] == nil {
		h.wants[key] = &want{young: h.young[o.uid]}
	}
	return h.wants[key]
}

// asked is how many certificates the history asks for at most.
func (h *history) asked() (specs int) {
	for _, w := range h.wants {
		specs += w.specs
	}
	return specs
}

// add makes a source.
func (h *history) add(t *testing.T, namespace, kind, name string) *origin {
	t.Helper()
	return h.addOf(t, namespace, kind, name, signer{name: issuer})
}

// addOf makes a source that names an issuer.
func (h *history) addOf(t *testing.T, namespace, kind, name string, of signer) *origin {
	t.Helper()
	o := &origin{kind: kind, name: name, secret: name + "-tls", hosts: []string{name + ".example.com"}, signer: of}
	h.origins = append(h.origins, o)
	h.apply(t, namespace, o)
	return o
}

// apply makes a source, or changes it.
func (h *history) apply(t *testing.T, namespace string, o *origin) {
	t.Helper()
	uid := h.where.Apply(t, namespace, o.manifest())[0].GetUID()
	if uid != o.uid && h.started {
		h.young[uid] = true
	}
	o.uid = uid
	h.edited("%s %s: %v for Secret %s, and %v, labelled %d; annotations %v", o.kind, o.name, o.hosts, o.secret, o.more, o.touched, o.annotations())
	h.count(o)
}

// edited notes an edit, with when it was made.
func (h *history) edited(format string, about ...any) {
	h.edits++
	h.told = append(h.told, time.Now().UTC().Format("15:04:05.000 ")+fmt.Sprintf(format, about...))
}

// count counts what a source asks for, as it is now: nothing without a trigger, and no new Certificate with a value that
// can't be read. Edits that are seen together lead to less.
func (h *history) count(o *origin) {
	if o.silent || h.kindGone {
		return
	}
	for name, hosts := range o.asks() {
		w, spec := h.wantOf(o, name), fmt.Sprint(o.signer, hosts)
		switch {
		case w.made == 0 && o.broken, w.last == spec:
			continue
		case w.made == 0:
			w.made = 1
		}
		w.specs++
		w.last = spec
	}
}

// play makes that many random edits. At the end, each source has its trigger and values that can be read.
func (h *history) play(t *testing.T, namespace string, edits int) {
	t.Helper()
	for range edits {
		h.edit(t, namespace, h.origins[h.random.IntN(len(h.origins))])
	}
	for _, o := range h.origins {
		if o.silent || o.broken {
			o.silent, o.broken = false, false
			h.apply(t, namespace, o)
		}
	}
}

func (h *history) edit(t *testing.T, namespace string, o *origin) {
	t.Helper()
	switch h.random.IntN(14) {
	case 0, 1:
		h.grow(t, namespace, o)
	case 2:
		h.rename(t, namespace, o)
	case 3:
		h.touch(t, namespace, o)
	case 4:
		h.steal(t, namespace, o)
	case 5, 6:
		h.extend(t, namespace, o)
	case 7:
		h.replace(t, namespace, o)
	case 8:
		h.silence(t, namespace, o)
	case 9:
		h.spoil(t, namespace, o)
	case 10:
		h.move(t, namespace, o)
	default:
		h.visit(t, namespace, o)
	}
}

var ingresses = schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"}

// issuer is the name of the CA in each scene, and otherIssuer another one of that CA.
const issuer, otherIssuer = "faults", "other"

func (o *origin) manifest() string {
	about := fmt.Sprintf("metadata: {name: %s, labels: {touched: %q}, annotations: {%s}}",
		o.name, fmt.Sprint(o.touched), strings.Join(o.annotations(), ", "))
	var entries, listeners strings.Builder
	names, in := o.names(), ""
	if o.elsewhere != "" {
		in = ", namespace: " + o.elsewhere
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		fmt.Fprintf(&entries, "  - {hosts: [%s], secretName: %s}\n", strings.Join(names[name], ", "), name)
		for i, host := range names[name] {
			fmt.Fprintf(&listeners, "  - {name: %s-%d, port: 443, protocol: HTTPS, hostname: %s, tls: {mode: Terminate, certificateRefs: [{name: %[1]s%[4]s}]}}\n", name, i, host, in)
		}
	}
	if o.kind == "Ingress" {
		return fmt.Sprintf("apiVersion: networking.k8s.io/v1\nkind: Ingress\n%s\nspec:\n  defaultBackend: {service: {name: web, port: {number: 80}}}\n  tls:\n%s", about, entries.String())
	}
	if o.kind == routeGroup {
		return fmt.Sprintf("apiVersion: zalando.org/v1\nkind: RouteGroup\n%s\nspec:\n  hosts: [all.example.com]\n  backends: [{name: app, type: shunt}]\n  routes: [{pathSubtree: /, backends: [{backendName: app}]}]\n  tls:\n%s", about, entries.String())
	}
	spec := "  gatewayClassName: any\n  allowedListeners: {namespaces: {from: Same}}\n"
	if o.kind == "ListenerSet" {
		spec = fmt.Sprintf("  parentRef: {name: %s}\n", cmp.Or(o.parent, "gateway"))
	}
	return fmt.Sprintf("apiVersion: gateway.networking.k8s.io/v1\nkind: %s\n%s\nspec:\n%s  listeners:\n%s", o.kind, about, spec, listeners.String())
}

func (o *origin) annotations() []string {
	algorithm := "ECDSA"
	if o.broken {
		algorithm = "nonsense"
	}
	all := []string{"cert-manager.io/private-key-algorithm: " + algorithm}
	if !o.silent {
		all = append(all, "cert-manager.io/issuer: "+o.signer.name)
	}
	if o.retains {
		all = append(all, "certshim.io/deletion-policy: retain")
	}
	if !o.silent && o.signer.kind != "" {
		all = append(all, o.signer.kind)
	}
	return all
}

// made is a Certificate as it is, or was at some time.
type made struct {
	uid, owner types.UID
	name       string
	hosts      []string
	issuer     string
	// specs is how many there were of it, one after the other: its generation.
	specs int
}

func (m made) key() string { return keyOf(m.owner, m.name) }

// request is what a CertificateRequest is for.
type request struct {
	revision string
	// names are those of its certificate, one after the other.
	names, issuer string
}

// seen is what the API server showed: the Certificates that are there, and all that ever were, each in its last version.
type seen struct {
	now, ever []made
	// owners are those that each Certificate ever had, one after the other, by its uid; empty for none.
	owners map[types.UID][]types.UID
	// overlap is how many other processes work at the same time, each of which may be behind.
	overlap int
	// requests are all CertificateRequests that ever were, by the uid of their Certificate, in the order of their creation.
	requests map[types.UID][]request
}

// verdict is what went wrong, each with its text, and what is tolerated.
type verdict struct{ lost, doubled, reissued, left, taken, unasked, tolerated []string }

// all are the texts of what went wrong, each with what that is.
func (v verdict) all() []string {
	var all []string
	for _, one := range []struct {
		what  string
		texts []string
	}{{lost, v.lost}, {doubled, v.doubled}, {reissued, v.reissued}, {left, v.left}, {taken, v.taken}, {unasked, v.unasked}} {
		for _, text := range one.texts {
			all = append(all, one.what+": "+text)
		}
	}
	return all
}

// What may go wrong.
const (
	lost, doubled, reissued, left, taken, unasked = "lost", "doubled", "re-issued", "left", "taken", "not asked for"
	// late is a write by a leader that holds the Lease no longer.
	late = "late"
	// stays is a process that goes on though what it knows was undone.
	stays = "stays"
)

// judge holds what was seen to what a history asks for. Of two processes that work at the same time, which happens without leader election
// alone, one doesn't ask whether a source that came meanwhile is still as it sees it: it may make again what such a source asked for and
// no longer does, for a moment. That is tolerated, once for each other process, and counted.
func judge(origins []*origin, wants map[string]*want, s seen) verdict {
	var v verdict
	wanted := map[string]bool{}
	for _, o := range origins {
		for name, hosts := range o.asks() {
			wanted[keyOf(o.uid, name)] = true
			if i := slices.IndexFunc(s.now, func(m made) bool { return m.key() == keyOf(o.uid, name) }); i < 0 {
				v.lost = append(v.lost, fmt.Sprintf("%s %s asks for Certificate %s, which isn't there", o.kind, o.name, name))
			} else if !slices.Equal(s.now[i].hosts, hosts) {
				v.lost = append(v.lost, fmt.Sprintf("%s %s asks for %v, and Certificate %s has %v", o.kind, o.name, hosts, name, s.now[i].hosts))
			} else if s.now[i].issuer != o.signer.name {
				v.lost = append(v.lost, fmt.Sprintf("%s %s asks for issuer %s, and Certificate %s has %s", o.kind, o.name, o.signer.name, name, s.now[i].issuer))
			}
		}
	}
	for _, m := range s.now {
		if !wanted[m.key()] {
			v.left = append(v.left, fmt.Sprintf("Certificate %s is left, which nobody asks for any more", m.name))
		}
	}
	uids, specs := map[string]int{}, map[string]int{}
	for _, m := range s.ever {
		uids[m.key()]++
		specs[m.key()] += m.specs
	}
	for key, count := range uids {
		asked, more := wants[key], 0
		if asked != nil && asked.young && !wanted[key] {
			more = s.overlap
		}
		switch {
		case asked == nil:
			v.doubled = append(v.doubled, fmt.Sprintf("Certificate %s was made, which nobody asked for", key))
		case count > asked.made+more:
			v.doubled = append(v.doubled, fmt.Sprintf("Certificate %s was made %d times, %d were asked for", key, count, asked.made))
		case specs[key] > asked.specs+more:
			v.reissued = append(v.reissued, fmt.Sprintf("Certificate %s had %d specs, %d were asked for", key, specs[key], asked.specs))
		case count > asked.made, specs[key] > asked.specs:
			v.tolerated = append(v.tolerated, fmt.Sprintf("Certificate %s was made %d times with %d specs, %d and %d were asked for", key, count, specs[key], asked.made, asked.specs))
		}
	}
	for uid, owners := range s.owners {
		if len(owners) > 1 {
			v.taken = append(v.taken, fmt.Sprintf("Certificate %s, by its uid, went from owner to owner: %q", uid, owners))
		}
	}
	for _, m := range s.ever {
		requests := s.requests[m.uid]
		more := len(requests) - m.specs
		switch {
		case distinct(requests) > m.specs, more > repeats:
			v.unasked = append(v.unasked, fmt.Sprintf("Certificate %s had %d specs, and %d requests: %v", m.name, m.specs, len(requests), requests))
		case more > 0:
			v.tolerated = append(v.tolerated, fmt.Sprintf("Certificate %s had %d specs, and %d requests: %v", m.name, m.specs, len(requests), requests))
		}
	}
	return v
}

// repeats is how many CertificateRequests a Certificate may have beyond one for each spec, if none has another content. cert-manager itself makes some
// now and then, where its caches are behind: twice for one revision, as it doesn't see the first, or for one more revision, as it doesn't see the Secret.
const repeats = 2

// distinct is how many requests differ in content.
func distinct(requests []request) int {
	different := map[request]bool{}
	for _, r := range requests {
		r.revision = ""
		different[r] = true
	}
	return len(different)
}

// listAll is for lists of a whole namespace.
var listAll = metav1.ListOptions{}
