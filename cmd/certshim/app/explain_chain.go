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
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cluster"
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
	known     *reading
	namespace string
	now       time.Time
	listed    bool

	certificates []issuance.Certificate
	// state has what Certificates of the namespace share.
	state issuance.State
	// unread are lines about what couldn't be read.
	unread []string
}

func newChainReader(known *reading, namespace string, now time.Time) *chainReader {
	return &chainReader{known: known, namespace: namespace, now: now, state: issuance.State{Unread: map[string]string{}}}
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
		kind     string
		resource schema.GroupVersionResource
		paths    []string
		take     func(map[string]any)
	}{
		{issuance.KindCertificate, certificate.Resource(), issuance.CertificatePaths(), func(o map[string]any) {
			c.certificates = append(c.certificates, issuance.ReadCertificate(o))
		}},
		{issuance.KindRequest, certificateRequests(), issuance.RequestPaths(), func(o map[string]any) {
			c.state.Requests = append(c.state.Requests, issuance.ReadRequest(o))
		}},
		{issuance.KindOrder, acme("orders"), issuance.OrderPaths(), func(o map[string]any) {
			c.state.Orders = append(c.state.Orders, issuance.ReadOrder(o))
		}},
		{issuance.KindChallenge, acme("challenges"), issuance.ChallengePaths(), func(o map[string]any) {
			c.state.Challenges = append(c.state.Challenges, issuance.ReadChallenge(o))
		}},
	} {
		if c.known.served.Lacks(resolver.GroupKind{Group: each.resource.Group, Kind: each.kind}) {
			continue
		}
		err := c.each(ctx, each.resource, c.namespace, each.paths, each.take)
		if err := c.notRead(c.state.Unread, err, each.kind, "list "+each.resource.GroupResource().String()+" in namespace "+c.namespace); err != nil {
			return err
		}
	}
	return nil
}

// each reads the objects of a resource in a namespace, or in all.
func (c *chainReader) each(ctx context.Context, resource schema.GroupVersionResource, namespace string, paths []string, take func(map[string]any)) error {
	return cluster.List(ctx, c.known.connection, cluster.Resource{GVR: resource, Paths: paths}, namespace, func(item any) error {
		if object, is := item.(*unstructured.Unstructured); is {
			take(object.Object)
		}
		return nil
	})
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
	resource, namespace, signers, served := c.issuerResource(kind)
	if !served {
		if !c.known.served.Lacks(kind) {
			state.Unread[issuance.KindIssuer] = "it can't be known whether the cluster serves " + kind.Kind + " of group " + kind.Group
		}
		return nil
	}
	client, err := c.known.connection.Dynamic(issuance.IssuerPaths(), nil)
	if err != nil {
		return err
	}
	object, err := client.Resource(resource).Namespace(namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return c.notRead(state.Unread, err, issuance.KindIssuer, "get "+resource.GroupResource().String()+inNamespace(namespace))
	}
	issuer := issuance.ReadIssuer(object.Object, kind)
	issuer.Signers = signers
	state.Issuer = &issuer
	return nil
}

// issuerResource is where issuers of a kind are, and under which names requests to them are approved.
func (c *chainReader) issuerResource(kind resolver.GroupKind) (resource schema.GroupVersionResource, namespace string, signers []string, served bool) {
	known, declared := c.known.policy.Registry.Known(kind)
	if declared {
		resource, _, served = c.known.served.IssuersOf(*known)
	} else {
		resource, served = c.known.served.CustomKind(kind)
	}
	if served {
		signers = []string{resource.GroupResource().String() + "/*"}
	}
	if scope, _ := c.known.served.Scope(kind); scope == resolver.Namespaced {
		namespace = c.namespace
	}
	return resource, namespace, signers, served
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
	err := c.each(ctx, acme("challenges"), metav1.NamespaceAll, issuance.ChallengePaths(), func(o map[string]any) {
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
	client, err := c.known.connection.Dynamic(issuance.CertificatePaths(), nil)
	if err != nil {
		return err
	}
	list, err := client.Resource(certificate.Resource()).List(ctx, metav1.ListOptions{Limit: maxAll})
	if err != nil {
		return c.notRead(state.Unread, err, "all Certificates", "list "+certificate.Resource().GroupResource().String()+" in all namespaces")
	}
	for _, item := range list.Items {
		if other := issuance.ReadCertificate(item.Object); other.Written.After(state.Written) {
			state.Written = other.Written
		}
	}
	return nil
}

// events reads those of the Certificate and of what is being made for it.
func (c *chainReader) events(ctx context.Context, state *issuance.State) error {
	client, err := c.known.connection.Dynamic(issuance.EventPaths(), nil)
	if err != nil {
		return err
	}
	events := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "events"}).Namespace(c.namespace)
	about := state.UIDs()
	for _, uid := range about[:min(len(about), maxAbout)] {
		list, err := events.List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.uid=" + uid, Limit: maxEvents})
		if err != nil {
			return c.notRead(state.Unread, err, issuance.KindEvent, "list events in namespace "+c.namespace)
		}
		for _, item := range list.Items {
			state.Events = append(state.Events, issuance.ReadEvent(item.Object))
		}
	}
	return nil
}
