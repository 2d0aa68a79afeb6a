package app

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/issuance"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// How much is asked for where there may be very much: Events of one object, objects of one chain
// whose Events are asked for, Certificates of other namespaces.
const (
	maxEvents = 100
	maxAbout  = 20
	maxAll    = 500
)

// chainReader reads what cert-manager has made of Certificates: most of it once, for all of them.
type chainReader struct {
	known     *planInventory
	policy    *certshim.Policy
	from      chainObjects
	issuers   issuerResources
	namespace string
	now       time.Time
	listed    bool

	certificates []issuance.Certificate
	// state has what Certificates of the namespace share.
	state issuance.State
	// unread are lines about what couldn't be read.
	unread []string
	// others read other namespaces.
	others map[string]*chainReader
}

// in reads another namespace.
func (c *chainReader) in(namespace string) *chainReader {
	if namespace == c.namespace {
		return c
	}
	other := c.others[namespace]
	if other == nil {
		other = &chainReader{
			known: c.known, policy: c.policy, from: c.from, issuers: c.issuers, namespace: namespace, now: c.now,
			state: issuance.State{Unread: map[string]string{}},
		}
		if c.others == nil {
			c.others = map[string]*chainReader{}
		}
		c.others[namespace] = other
	}
	return other
}

// issuerResources says how issuers of a kind are served.
type issuerResources func(kind resolver.GroupKind) (resource schema.GroupVersionResource, scope resolver.Scope, served, unserved bool)

// ofCluster reads a cluster.
func ofCluster(known *reading, namespace string, now time.Time) *chainReader {
	return &chainReader{
		known: known.planInventory, policy: known.policy, from: clusterObjects{known}, issuers: known.issuerResource,
		namespace: namespace, now: now, state: issuance.State{Unread: map[string]string{}},
	}
}

// ofDocuments reads saved objects. A kind of which there is none can't be known.
func ofDocuments(known *planInventory, policy *certshim.Policy, saved *savedObjects, namespace string, now time.Time) *chainReader {
	c := &chainReader{
		known: known, policy: policy, from: saved, namespace: namespace, now: now, state: issuance.State{Unread: map[string]string{}},
		issuers: func(kind resolver.GroupKind) (schema.GroupVersionResource, resolver.Scope, bool, bool) {
			scope := resolver.Namespaced
			if declared, is := policy.Registry.Known(kind); is {
				scope = declared.Scope
			}
			return schema.GroupVersionResource{Group: kind.Group}, scope, true, false
		},
	}
	missing := saved.missing()
	for _, kind := range missing {
		c.state.Unread[kind] = "the input has no " + kind
	}
	if len(missing) > 0 {
		c.unread = append(c.unread, "the input has no objects of kind "+strings.Join(missing, ", ")+": what they would say can't be known")
	}
	return c
}

func acme(resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "acme.cert-manager.io", Version: "v1", Resource: resource}
}

func certificateRequests() schema.GroupVersionResource {
	return certificate.Resource().GroupVersion().WithResource("certificaterequests")
}

// list reads the objects of the namespace, once.
func (c *chainReader) list(ctx context.Context) error {
	if c.listed {
		return nil
	}
	c.listed = true
	for _, each := range []struct {
		kindList
		take func(map[string]any)
	}{
		{allCertificates(), func(o map[string]any) { c.certificates = append(c.certificates, issuance.ReadCertificate(o)) }},
		{kindList{kind: issuance.KindRequest, resource: certificateRequests(), paths: issuance.RequestPaths()}, func(o map[string]any) {
			c.state.Requests = append(c.state.Requests, issuance.ReadRequest(o))
		}},
		{kindList{kind: issuance.KindOrder, resource: acme("orders"), paths: issuance.OrderPaths()}, func(o map[string]any) {
			c.state.Orders = append(c.state.Orders, issuance.ReadOrder(o))
		}},
		{allChallenges(), func(o map[string]any) { c.state.Challenges = append(c.state.Challenges, issuance.ReadChallenge(o)) }},
	} {
		if c.from.lacks(resolver.GroupKind{Group: each.resource.Group, Kind: each.kind}) {
			continue
		}
		err := c.from.each(ctx, each.kindList, c.namespace, each.take)
		if err := c.notRead(c.state.Unread, err, each.kind, "list "+each.resource.GroupResource().String()+" in namespace "+c.namespace); err != nil {
			return err
		}
	}
	return nil
}

func allCertificates() kindList {
	return kindList{kind: issuance.KindCertificate, resource: certificate.Resource(), paths: issuance.CertificatePaths()}
}

func allChallenges() kindList {
	return kindList{kind: issuance.KindChallenge, resource: acme("challenges"), paths: issuance.ChallengePaths()}
}

// notRead notes what the API server doesn't give, which then can't be known. Any other error stays
// one.
func (c *chainReader) notRead(unread map[string]string, err error, kind, what string) error {
	answer := apierrors.APIStatus(nil)
	if err == nil || !errors.As(err, &answer) {
		return err
	}
	why := "you may not " + what
	if !apierrors.IsForbidden(err) {
		why = "can't " + what + ": " + err.Error()
	}
	unread[kind] = why
	if !slices.Contains(c.unread, why) {
		c.unread = append(c.unread, why)
	}
	return nil
}

// chain explains the Certificate of a name; nil if there is none.
func (c *chainReader) chain(ctx context.Context, name string) (*issuance.Certificate, *issuance.Chain, error) {
	if err := c.list(ctx); err != nil {
		return nil, nil, err
	}
	at := slices.IndexFunc(c.certificates, func(one issuance.Certificate) bool { return one.Name == name })
	if at < 0 {
		return nil, nil, nil
	}
	state := c.state
	state.Certificate, state.Unread = c.certificates[at], maps.Clone(c.state.Unread)
	for n, one := range c.certificates {
		if n != at {
			state.Others = append(state.Others, one)
		}
		if one.Written.After(state.Written) {
			state.Written = one.Written
		}
	}
	if !issuance.Explain(state, c.now).Done {
		if err := c.more(ctx, &state); err != nil {
			return nil, nil, err
		}
	}
	chain := issuance.Explain(state, c.now)
	return &state.Certificate, &chain, nil
}

// more reads what is of interest while a Certificate isn't issued.
func (c *chainReader) more(ctx context.Context, state *issuance.State) error {
	for _, read := range []func(context.Context, *issuance.State) error{c.issuer, c.queue, c.anyWritten, c.events} {
		if err := read(ctx, state); err != nil {
			return err
		}
	}
	return nil
}

// issuer reads the one that the Certificate names, and finds others of its name.
func (c *chainReader) issuer(ctx context.Context, state *issuance.State) error {
	ref := state.Certificate.Issuer
	kind := resolver.GroupKind{Group: ref.Group, Kind: ref.Kind}
	for key := range c.known.AllIssuers() {
		if key.Name == ref.Name && key.GroupKind != kind && (key.Namespace == "" || key.Namespace == c.namespace) {
			state.Namesakes = append(state.Namesakes, problem.Object{Group: key.Group, Kind: key.Kind, Namespace: key.Namespace, Name: key.Name})
		}
	}
	slices.SortFunc(state.Namesakes, func(a, b problem.Object) int { return strings.Compare(a.String(), b.String()) })
	resource, scope, served, unserved := c.issuers(kind)
	if !served {
		if !unserved {
			state.Unread[issuance.KindIssuer] = "it can't be known whether the cluster serves " + kind.Kind + " of group " + kind.Group
		}
		return nil
	}
	namespace := ""
	if scope == resolver.Namespaced {
		namespace = c.namespace
	}
	object, err := c.from.one(ctx, kindList{kind: ref.Kind, resource: resource, paths: issuance.IssuerPaths()}, namespace, ref.Name)
	if err != nil {
		return c.notRead(state.Unread, err, issuance.KindIssuer, "get "+resource.GroupResource().String()+inNamespace(namespace))
	}
	if object == nil {
		return nil
	}
	issuer := issuance.ReadIssuer(object, kind)
	if resource.Resource != "" {
		issuer.Signers = []string{resource.GroupResource().String() + "/*"}
	}
	state.Issuer = &issuer
	return nil
}

// issuerResource is an [issuerResources].
func (r *reading) issuerResource(kind resolver.GroupKind) (resource schema.GroupVersionResource, scope resolver.Scope, served, unserved bool) {
	if known, declared := r.policy.Registry.Known(kind); declared {
		resource, _, served = r.served.IssuersOf(*known)
	} else {
		resource, served = r.served.CustomKind(kind)
	}
	scope, _ = r.served.Scope(kind)
	return resource, scope, served, r.served.Lacks(kind)
}

// inNamespace says where namespaced objects are looked for.
func inNamespace(name string) string {
	if name == "" {
		return ""
	}
	return " in namespace " + name
}

// queue reads the Challenges of all namespaces where one of this waits for them.
func (c *chainReader) queue(ctx context.Context, state *issuance.State) error {
	if !slices.ContainsFunc(state.Challenges, func(one issuance.Challenge) bool { return !one.Processing && one.State == "" }) {
		return nil
	}
	var all []issuance.Challenge
	err := c.from.each(ctx, allChallenges(), metav1.NamespaceAll, func(o map[string]any) {
		all = append(all, issuance.ReadChallenge(o))
	})
	if err != nil {
		return c.notRead(state.Unread, err, "the queue", "list "+acme("challenges").GroupResource().String()+" in all namespaces")
	}
	state.Challenges = all
	return nil
}

// anyWritten looks in other namespaces for whether cert-manager writes anything at all, where it
// has written nothing in this one.
func (c *chainReader) anyWritten(ctx context.Context, state *issuance.State) error {
	if !state.Written.IsZero() {
		return nil
	}
	some := allCertificates()
	some.most = maxAll
	err := c.from.each(ctx, some, metav1.NamespaceAll, func(o map[string]any) {
		if other := issuance.ReadCertificate(o); other.Written.After(state.Written) {
			state.Written = other.Written
		}
	})
	return c.notRead(state.Unread, err, "all Certificates", "list "+certificate.Resource().GroupResource().String()+" in all namespaces")
}

// events reads those of the Certificate and of what is being made for it.
func (c *chainReader) events(ctx context.Context, state *issuance.State) error {
	events := kindList{
		kind: issuance.KindEvent, resource: schema.GroupVersionResource{Version: "v1", Resource: "events"}, paths: issuance.EventPaths(), most: maxEvents,
	}
	about := state.UIDs()
	for _, events.about = range about[:min(len(about), maxAbout)] {
		err := c.from.each(ctx, events, c.namespace, func(o map[string]any) { state.Events = append(state.Events, issuance.ReadEvent(o)) })
		if err != nil {
			return c.notRead(state.Unread, err, issuance.KindEvent, "list events in namespace "+c.namespace)
		}
	}
	return nil
}
