package differential

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/certshim/certshim/test/oracle"
)

// generator draws one case. Its weights keep every difference rare, so that what is
// compared is mostly what people write.
type generator struct{ *rand.Rand }

// Generate gives the case of a seed: the same seed, the same case.
func Generate(seed uint64) *Case {
	g := generator{rand.New(rand.NewPCG(seed, 0x5eed))}
	c := &Case{Options: g.options()}
	c.Object = g.object()
	if c.Object.Kind == listenerSetKind {
		c.Gateway = g.parent(&c.Object)
	}
	switch {
	case g.chance(0.35):
		g.history(c)
	case g.chance(0.02):
		c.Stranger = true
	case c.Object.Kind != listenerSetKind && g.chance(0.03):
		c.Rival, c.RivalFirst = g.rival(&c.Object), g.chance(0.5)
	}
	if g.chance(0.03) {
		c.Object.Annotations[sectionsKey] = pick(g, []string{"{}", `{"nowhere": {"duration": "24h"}}`})
	}
	g.ports(c)
	if g.chance(0.03) {
		c.Object.Annotations[routeNamesKey] = pick(g, []string{"true", "false", ""})
	}
	return c
}

// ports mostly gives each listener one of its own. Where they have the same, some conflict with each other
// or with one of the Gateway.
func (g generator) ports(c *Case) {
	apart := func(o *Object) {
		for i := range o.Entries {
			o.Entries[i].Port = int64(443 + i)
		}
	}
	apart(&c.Object)
	if c.Before != nil {
		apart(c.Before)
	}
	if c.Object.Kind == ingressKind {
		return
	}
	if g.chance(0.15) {
		for i := range c.Object.Entries {
			c.Object.Entries[i].Port = 443
		}
	}
	if n := len(c.Object.Entries); c.Gateway != nil && n > 0 && g.chance(0.05) {
		rival := c.Object.Entries[g.IntN(n)]
		c.Gateway.Entries = []Entry{{Name: "rival", Protocol: pick(g, []string{rival.Protocol, "TCP"}), Port: rival.Port, Hosts: rival.Hosts, NoTLS: true}}
	}
}

func (g generator) chance(p float64) bool { return g.Float64() < p }

func pick[T any](g generator, from []T) T { return from[g.IntN(len(from))] }

// pickKey draws a key of a map, in an order that the seed alone decides.
func pickKey(g generator, from map[string]string) string {
	return pick(g, slices.Sorted(maps.Keys(from)))
}

func (g generator) options() oracle.Options {
	options := oracle.Defaults()
	options.ExtraAnnotations = []string{extraKey}
	options.ExtraProtocols = []string{extraProtocol}
	switch p := g.Float64(); {
	case p < 0.25:
		options.DefaultIssuerName = "default"
	case p < 0.28:
		options.DefaultIssuerName, options.DefaultIssuerKind, options.DefaultIssuerGroup = "default", "AWSPCAClusterIssuer", "awspca.cert-manager.io"
	}
	return options
}

func (g generator) object() Object {
	o := Object{Namespace: "shop", Name: "web", UID: "uid-web", Created: "2026-01-02T00:00:00Z", Labels: g.labels()}
	switch p := g.Float64(); {
	case p < 0.5:
		o.Kind = ingressKind
		o.Entries = g.tlsItems()
	case p < 0.75:
		o.Kind = gatewayKind
		o.Entries = g.listeners()
	default:
		o.Kind = listenerSetKind
		o.Entries = g.listeners()
	}
	o.Annotations = g.issuerAnnotations(o.Kind)
	g.annotate(&o)
	if g.chance(0.01) {
		o.Finalizers = []string{"foregroundDeletion"}
	}
	o.Deleting = g.chance(0.01)
	return o
}

func (g generator) labels() map[string]string {
	if g.chance(0.3) {
		return nil
	}
	labels := map[string]string{}
	for range g.IntN(3) {
		key := pickKey(g, plainLabels)
		labels[key] = plainLabels[key]
	}
	if g.chance(0.03) {
		key := pickKey(g, markers)
		labels[key] = markers[key]
	}
	if g.chance(0.02) {
		labels[applySetLabel] = "x"
	}
	return labels
}

// annotate sets a few of the keys, mostly to good values.
func (g generator) annotate(o *Object) {
	all := pools()
	for range []int{0, 0, 1, 1, 2, 3, 4, 6}[g.IntN(8)] {
		p := pick(g, all)
		o.Annotations[p.key] = g.value(p)
	}
	if _, sized := o.Annotations[sizeKey]; sized && o.Annotations[algorithmKey] == "ECDSA" {
		o.Annotations[sizeKey] = pick(g, []string{"256", "384", "521"})
	}
	if host := o.firstHost(); g.chance(0.02) && slices.Contains(goodHosts, host) {
		o.Annotations[commonNameKey] = strings.ToUpper(host)
	}
	if g.chance(0.02) {
		o.Annotations[ownIgnoreKey] = pick(g, []string{"true", "a-tls", "l0", "", "yes"})
	}
}

func (g generator) value(p pool) string {
	switch w := g.Float64(); {
	case len(p.odd) > 0 && (w < 0.08 || len(p.good) == 0 && w < 0.4):
		return pick(g, p.odd)
	case len(p.bad) > 0 && (w < 0.12 || len(p.good) == 0):
		return pick(g, p.bad)
	case len(p.good) == 0:
		return pick(g, p.odd)
	}
	return pick(g, p.good)
}

// issuerAnnotations mostly names one issuer in one of the ways that both sides take.
func (g generator) issuerAnnotations(kind string) map[string]string {
	switch p := g.Float64(); {
	case p < 0.35:
		return map[string]string{issuerKey: "ca"}
	case p < 0.70:
		return map[string]string{clusterIssuerKey: "ca"}
	case p < 0.76:
		return map[string]string{issuerKey: "pca", issuerKindKey: "AWSPCAClusterIssuer", issuerGroupKey: "awspca.cert-manager.io"}
	case p < 0.80:
		return map[string]string{issuerKey: "ca", issuerKindKey: "ClusterIssuer"}
	case p < 0.83:
		return map[string]string{issuerKey: "x", issuerKindKey: "Unheard", issuerGroupKey: "issuers.example.com"}
	case p < 0.90 && kind == ingressKind:
		return map[string]string{autoKey: pick(g, []string{"true", "1", "false", "yes", "TRUE", "true", "t", " true"})}
	case p < 0.95:
		return g.oddIssuer()
	}
	return map[string]string{}
}

// oddIssuer is any mixture of the four keys, with what people get wrong among them.
func (g generator) oddIssuer() map[string]string {
	values := map[string][]string{
		issuerKey:        {"ca", "ca", " ca", "", "not/aname"},
		clusterIssuerKey: {"ca", "ca", ""},
		issuerKindKey:    {"Issuer", "ClusterIssuer", "AWSPCAClusterIssuer", "StepIssuer", "clusterissuer", "", "Unheard"},
		issuerGroupKey:   {"cert-manager.io", "awspca.cert-manager.io", "certmanager.step.sm", "certmanager.step.sm/v1beta1", "awspca.cert-manager.io/v1beta1", "", "issuers.example.com"},
	}
	out := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if g.chance(0.5) {
			out[key] = pick(g, values[key])
		}
	}
	return out
}

func (g generator) hosts(n int) []string {
	var hosts []string
	for range n {
		hosts = append(hosts, g.host())
	}
	return hosts
}

func (g generator) host() string {
	switch p := g.Float64(); {
	case p < 0.92:
		return pick(g, goodHosts)
	case p < 0.97:
		return pick(g, ipHosts)
	case p < 0.99:
		return pick(g, caseHosts)
	}
	return pick(g, oddHosts)
}

func (g generator) tlsItems() []Entry {
	var entries []Entry
	for i := range g.IntN(4) {
		name := secretNames[i]
		switch p := g.Float64(); {
		case p < 0.05:
			name = ""
		case p < 0.07:
			name = secretNames[0]
		case p < 0.075:
			name = "No_Name"
		}
		hosts := g.hosts(1 + g.IntN(3))
		if g.chance(0.02) {
			hosts = nil
		}
		entries = append(entries, Entry{Hosts: hosts, Refs: []Ref{{Name: name}}})
	}
	return entries
}

func (g generator) listeners() []Entry {
	var entries []Entry
	for i := range g.IntN(5) {
		entries = append(entries, g.listener(fmt.Sprintf("l%d", i)))
	}
	return entries
}

func (g generator) listener(name string) Entry {
	entry := Entry{Name: name, Protocol: "HTTPS", Mode: ptr("Terminate"), Hosts: g.hosts(1)}
	switch p := g.Float64(); {
	case p < 0.10:
		return Entry{Name: name, Protocol: "HTTP", Hosts: entry.Hosts, NoTLS: true}
	case p < 0.20:
		entry.Protocol = "TLS"
	case p < 0.24:
		entry.Protocol = extraProtocol
	case p < 0.27:
		entry.Protocol = pick(g, []string{"https", "TCP"})
	}
	for range []int{1, 1, 1, 1, 1, 1, 1, 2}[g.IntN(8)] {
		entry.Refs = append(entry.Refs, Ref{Name: pick(g, secretNames), Group: ptr(""), Kind: ptr("Secret")})
	}
	g.damage(&entry)
	return entry
}

// damage makes a listener now and then one that does not count, or one that upstream can't take.
func (g generator) damage(entry *Entry) {
	ref := &entry.Refs[g.IntN(len(entry.Refs))]
	switch p := g.Float64(); {
	case p < 0.02:
		entry.Hosts = nil
	case p < 0.03:
		entry.NoTLS, entry.Refs = true, nil
	case p < 0.04:
		entry.Refs = nil
	case p < 0.06:
		entry.Mode = ptr("Passthrough")
	case p < 0.065:
		entry.Mode = pick(g, []*string{nil, ptr("Foo")})
	case p < 0.075:
		ref.Group = pick(g, []*string{ptr("core"), ptr("v1"), ptr("example.com")})
	case p < 0.085:
		ref.Kind = pick(g, []*string{ptr(""), ptr("ConfigMap")})
	case p < 0.10:
		ref.Namespace = pick(g, []*string{ptr("shop"), ptr("other"), ptr("")})
	case p < 0.11:
		ref.Name = pick(g, []string{"No_Name", " a-tls"})
	case p < 0.115:
		ref.Group, ref.Kind = nil, pick(g, []*string{nil, ptr("Secret")})
	}
}

// parent gives a ListenerSet its Gateway, which mostly admits it.
func (g generator) parent(set *Object) *Object {
	set.Parent = &Parent{Name: "edge", Group: ptr("gateway.networking.k8s.io"), Kind: ptr("Gateway")}
	gateway := &Object{Kind: gatewayKind, Namespace: "shop", Name: "edge", UID: "uid-edge", Allowed: "All"}
	if g.chance(0.1) {
		gateway.Namespace, set.Parent.Namespace = "infra", ptr("infra")
	}
	g.admission(set, gateway)
	if g.chance(0.5) {
		gateway.Annotations = g.issuerAnnotations(gatewayKind)
		if g.chance(0.7) {
			for _, key := range []string{issuerKey, clusterIssuerKey, issuerKindKey, issuerGroupKey} {
				delete(set.Annotations, key)
			}
		}
	}
	if g.chance(0.1) {
		gateway.Annotations = maps.Clone(gateway.Annotations)
		if gateway.Annotations == nil {
			gateway.Annotations = map[string]string{}
		}
		gateway.Annotations[durationKey] = "24h"
	}
	if g.chance(0.03) {
		return nil
	}
	return gateway
}

func (g generator) admission(set, gateway *Object) {
	switch p := g.Float64(); {
	case p < 0.03:
		gateway.Allowed = pick(g, []string{"", "None"})
	case p < 0.10:
		gateway.Allowed = "Same"
	case p < 0.12:
		set.Parent.Kind = ptr("Service")
	case p < 0.14:
		set.Parent.Group, set.Parent.Kind = nil, nil
	case p < 0.15:
		set.Parent.Group = ptr("") // the core group, which is not the default
	case p < 0.17:
		gateway.Deleting = true
	}
}

// history makes the object one that had Certificates before: the same with a few changes
// between, and now and then with somebody's hand in it.
func (g generator) history(c *Case) {
	before := c.Object.clone()
	before.Deleting, before.Finalizers = false, nil
	c.Before, c.ByShim = before, g.chance(0.3)
	for range 1 + g.IntN(2) {
		g.change(&c.Object)
	}
	if g.chance(0.03) && len(c.Object.Entries) > 0 && len(c.Object.Entries[0].Refs) > 0 {
		c.Object.Entries[0].Refs[0].Name = "renamed-tls"
		c.Object.annotate(issuerKey, "ca")
		c.Object.annotate(clusterIssuerKey, "ca")
	}
	if n := len(c.Object.Entries); g.chance(0.03) && n > 1 {
		c.Object.Entries = c.Object.Entries[:n-1]
		c.Object.annotate(issuerKey, "ca")
		c.Object.annotate(clusterIssuerKey, "ca")
	}
	if g.chance(0.2) {
		c.Edits = []Edit{pick(g, []Edit{
			addsLabel, addsKeystore, changesSecretName, removesOwner, changesOwnerUID, changesOwnerKind, datesOwnerVersion, removesAll,
			changesUsages, changesDuration, changesHistory, appliesDuration,
		})}
	}
}

// change edits one thing.
func (g generator) change(o *Object) {
	o.Annotations, o.Labels = maps.Clone(o.Annotations), maps.Clone(o.Labels)
	switch p := g.Float64(); {
	case p < 0.65:
		g.changeAnnotation(o)
	case p < 0.71:
		o.Labels = g.labels()
	case p < 0.73 && o.Annotations[issuerGroupKey] != "":
		o.Annotations[issuerGroupKey] = "issuers.example.com"
	case p < 0.76:
		maps.DeleteFunc(o.Annotations, func(key, _ string) bool {
			return key == issuerKey || key == clusterIssuerKey || key == issuerKindKey || key == issuerGroupKey
		})
		maps.Copy(o.Annotations, g.issuerAnnotations(o.Kind))
	case len(o.Entries) > 0:
		g.changeEntry(o)
	}
}

func (g generator) changeAnnotation(o *Object) {
	all := pools()
	set := slices.DeleteFunc(slices.Clone(all), func(p pool) bool { _, found := o.Annotations[p.key]; return !found })
	if len(set) > 0 && g.chance(0.4) {
		delete(o.Annotations, pick(g, set).key)
		return
	}
	p := pick(g, all)
	o.Annotations[p.key] = g.value(p)
}

func (g generator) changeEntry(o *Object) {
	o.Entries = o.clone().Entries
	i := g.IntN(len(o.Entries))
	entry := &o.Entries[i]
	switch p := g.Float64(); {
	case p < 0.3:
		o.Entries = slices.Delete(o.Entries, i, i+1)
	case p < 0.5 && len(entry.Refs) > 0:
		entry.Refs[0].Name = "renamed-tls"
	case p < 0.8:
		entry.Hosts = g.hosts(1)
	case o.Kind != ingressKind:
		*entry = g.listener(entry.Name)
	default:
		slices.Reverse(entry.Hosts)
	}
}

// rival is an older Ingress that asks for one of the object's Secrets, and now and then has a
// mistake of its own for which it gets none.
func (g generator) rival(o *Object) *Object {
	names := o.names()
	if len(names) == 0 || names[0] == "" {
		return nil
	}
	annotations := map[string]string{issuerKey: "ca"}
	if g.chance(0.3) {
		annotations[durationKey] = "90d"
	}
	return &Object{
		Kind: ingressKind, Namespace: o.Namespace, Name: "elder", UID: "uid-elder", Created: "2025-01-02T00:00:00Z",
		Annotations: annotations,
		Entries:     []Entry{{Hosts: []string{"elder.example.com"}, Refs: []Ref{{Name: names[0]}}}},
	}
}
