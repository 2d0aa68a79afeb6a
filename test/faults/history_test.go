package faults

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

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
	// issuer are the annotations that name it, those of the scene's CA if empty.
	issuer string
}

// asks are the names that each Certificate is to have, by the Certificate.
func (o *origin) asks() map[string][]string {
	all := map[string][]string{o.secret: o.hosts}
	for _, name := range o.more {
		all[name] = []string{name + ".example.com"}
	}
	return all
}

// want is what a history asks for of one Certificate, which is known by the uid of its source and by its name.
type want struct {
	// made is how often it may come into being, and specs how many specs it may have, one after the other. Each
	// is a new certificate at most.
	made, specs int
}

// history edits sources, and counts what must come of that at most.
type history struct {
	where   *cluster.Cluster
	random  *rand.Rand
	origins []*origin
	// wants are by [keyOf].
	wants map[string]*want
	edits int
	// replacesNothing is set where the cluster's garbage collector meets the fault too: it may miss that an owner was
	// deleted if another of its name is there once it watches again.
	replacesNothing bool
}

func newHistory(where *cluster.Cluster, seed uint64) *history {
	return &history{where: where, random: rand.New(rand.NewPCG(seed, 0)), wants: map[string]*want{}}
}

// keyOf is what a Certificate is known by.
func keyOf(uid types.UID, name string) string { return string(uid) + "/" + name }

func (h *history) want(o *origin) *want {
	return h.wantOf(o, o.secret)
}

func (h *history) wantOf(o *origin, name string) *want {
	key := keyOf(o.uid, name)
	if h.wants[key] == nil {
		h.wants[key] = &want{}
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
	return h.addOf(t, namespace, kind, name, "")
}

// addOf makes a source with annotations that name another issuer.
func (h *history) addOf(t *testing.T, namespace, kind, name, issuer string) *origin {
	t.Helper()
	o := &origin{kind: kind, name: name, secret: name + "-tls", hosts: []string{name + ".example.com"}, issuer: issuer}
	h.origins = append(h.origins, o)
	h.make(t, namespace, o)
	return o
}

// make makes a source for the first time, or again after it was deleted.
func (h *history) make(t *testing.T, namespace string, o *origin) {
	t.Helper()
	h.apply(t, namespace, o)
	for name := range o.asks() {
		h.wantOf(o, name).made++
		h.wantOf(o, name).specs++
	}
}

func (h *history) apply(t *testing.T, namespace string, o *origin) {
	t.Helper()
	o.uid = h.where.Apply(t, namespace, o.manifest())[0].GetUID()
	h.edits++
}

// play makes that many random edits.
func (h *history) play(t *testing.T, namespace string, edits int) {
	t.Helper()
	for range edits {
		h.edit(t, namespace, h.origins[h.random.IntN(len(h.origins))])
	}
}

func (h *history) edit(t *testing.T, namespace string, o *origin) {
	t.Helper()
	switch h.random.IntN(8) {
	case 0, 1:
		h.grow(t, namespace, o)
	case 2:
		h.rename(t, namespace, o)
	case 3:
		o.touched++
		h.apply(t, namespace, o)
	case 4:
		h.steal(t, namespace, o)
	case 5, 6:
		h.extend(t, namespace, o)
	default:
		h.replace(t, namespace, o)
	}
}

// grow asks for one more name, which is a new certificate.
func (h *history) grow(t *testing.T, namespace string, o *origin) {
	t.Helper()
	o.hosts = append(o.hosts, fmt.Sprintf("h%d.%s.example.com", len(o.hosts), o.name))
	h.apply(t, namespace, o)
	h.want(o).specs++
}

// extend asks for one more Secret, or, if there are some already, for the oldest of them no longer.
func (h *history) extend(t *testing.T, namespace string, o *origin) {
	t.Helper()
	const some = 2
	if len(o.more) == some {
		o.more = o.more[1:]
		h.apply(t, namespace, o)
		return
	}
	h.extendBy(t, namespace, o, fmt.Sprintf("%s-more-%d", o.name, h.edits))
}

// extendBy asks for one more Secret.
func (h *history) extendBy(t *testing.T, namespace string, o *origin, added string) {
	t.Helper()
	o.more = append(o.more, added)
	h.apply(t, namespace, o)
	h.wantOf(o, added).made++
	h.wantOf(o, added).specs++
}

// rename asks for another Secret; the Certificate of the former one is to go.
func (h *history) rename(t *testing.T, namespace string, o *origin) {
	t.Helper()
	o.secret = fmt.Sprintf("%s-%d", o.name, h.edits)
	h.apply(t, namespace, o)
	h.want(o).made++
	h.want(o).specs++
}

// steal deletes the Certificate by hand, if it is there; it is to be made again.
func (h *history) steal(t *testing.T, namespace string, o *origin) {
	t.Helper()
	h.want(o).made++
	h.want(o).specs++
	h.edits++
	h.where.Delete(t, cluster.Certificates(), namespace, o.secret)
}

// replace deletes an Ingress and makes another one of that name. Others are only touched: the garbage collector takes
// a while until it sees objects of their kinds go.
func (h *history) replace(t *testing.T, namespace string, o *origin) {
	t.Helper()
	if o.kind == "Ingress" && !h.replacesNothing {
		h.where.Delete(t, ingresses, namespace, o.name)
		h.make(t, namespace, o)
		return
	}
	o.touched++
	h.apply(t, namespace, o)
}

var ingresses = schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"}

// issuer is the name of the CA in each scene.
const issuer = "faults"

func (o *origin) manifest() string {
	about := fmt.Sprintf("metadata: {name: %s, labels: {touched: %q}, annotations: {cert-manager.io/private-key-algorithm: ECDSA, %s}}",
		o.name, fmt.Sprint(o.touched), cmp.Or(o.issuer, "cert-manager.io/issuer: "+issuer))
	var entries, listeners strings.Builder
	asks := o.asks()
	for _, name := range slices.Sorted(maps.Keys(asks)) {
		fmt.Fprintf(&entries, "  - {hosts: [%s], secretName: %s}\n", strings.Join(asks[name], ", "), name)
		for i, host := range asks[name] {
			fmt.Fprintf(&listeners, "  - {name: %s-%d, port: 443, protocol: HTTPS, hostname: %s, tls: {mode: Terminate, certificateRefs: [{name: %[1]s}]}}\n", name, i, host)
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

// made is a Certificate as it is, or was at some time.
type made struct {
	uid, owner types.UID
	name       string
	hosts      []string
	// specs is how many there were of it, one after the other: its generation.
	specs int
}

func (m made) key() string { return keyOf(m.owner, m.name) }

// seen is what the API server showed: the Certificates that are there, and all that ever were, each in its last version.
type seen struct {
	now, ever []made
	// owners are those that each Certificate ever had, one after the other, by its uid; empty for none.
	owners map[types.UID][]types.UID
}

// verdict is what went wrong, each with its text.
type verdict struct{ lost, doubled, reissued, left, taken []string }

// all are the texts, each with what it says went wrong.
func (v verdict) all() []string {
	var all []string
	for _, one := range []struct {
		what  string
		texts []string
	}{{lost, v.lost}, {doubled, v.doubled}, {reissued, v.reissued}, {left, v.left}, {taken, v.taken}} {
		for _, text := range one.texts {
			all = append(all, one.what+": "+text)
		}
	}
	return all
}

// What may go wrong.
const (
	lost, doubled, reissued, left, taken = "lost", "doubled", "re-issued", "left", "taken"
	// late is a write by a leader that holds the Lease no longer.
	late = "late"
)

// judge holds what was seen to what a history asks for.
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
		asked := wants[key]
		switch {
		case asked == nil:
			v.doubled = append(v.doubled, fmt.Sprintf("Certificate %s was made, which nobody asked for", key))
		case count > asked.made:
			v.doubled = append(v.doubled, fmt.Sprintf("Certificate %s was made %d times, %d were asked for", key, count, asked.made))
		case specs[key] > asked.specs:
			v.reissued = append(v.reissued, fmt.Sprintf("Certificate %s had %d specs, %d were asked for", key, specs[key], asked.specs))
		}
	}
	for uid, owners := range s.owners {
		if len(owners) > 1 {
			v.taken = append(v.taken, fmt.Sprintf("Certificate %s, by its uid, went from owner to owner: %q", uid, owners))
		}
	}
	return v
}

// listAll is for lists of a whole namespace.
var listAll = metav1.ListOptions{}
