package app

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cluster"
	"github.com/certshim/certshim/cluster/codec"
	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/routes"
	"github.com/certshim/certshim/source"
)

// noCertificates is said of a cluster without cert-manager.
const noCertificates = "note: the cluster serves no Certificates, so that all are planned as if cert-manager were installed: install it, or its CRDs at least, before certshim can make any; see https://cert-manager.io/docs/installation/"

// liveReader reads one Certificate as the API server has it; nil if it isn't there.
type liveReader func(context.Context, types.NamespacedName) (*certificate.Observed, error)

// reading fills an inventory with what a cluster has. It never writes.
type reading struct {
	*planInventory
	connection *cluster.Connection
	served     inventory.Served
	// unanswered are the versions of API groups that could not be asked what they serve.
	unanswered map[schema.GroupVersion]error
	policy     *certshim.Policy
	// all are the namespaces that the controller works on, and own those of them whose sources
	// are asked for. The empty name is every namespace.
	all, own []string
	// read are the kinds that need not be read any more.
	read map[resolver.GroupKind]bool
	// hasCertificates is set once all Certificates were read.
	hasCertificates bool
	// lenient goes on where a kind may not be listed; it can't be known then.
	lenient bool
	// alongside, if it is set, looks at Certificates as they are taken in.
	alongside func(inventory.Intake) inventory.Intake
	// surveyed is as in [planOptions].
	surveyed func(*planInventory) surveyor
	// progress says how far it is; it may be nil.
	progress *progress
}

// surveyor sees the decision about a source that is looked at.
type surveyor func(*inventory.Look, certshim.Outcome)

// newReading asks the cluster what it serves. The namespace is the one whose sources are asked
// for, or empty for all.
func newReading(ctx context.Context, flags *connectionFlags, policy *certshim.Policy, c configuration.Configuration, namespace string) (*reading, error) {
	config, err := flags.config()
	if err != nil {
		return nil, err
	}
	// Lists and discovery are few requests; a limit would only slow them.
	settings := cluster.Settings{UserAgent: "certshim/" + readVersion().Version, QPS: -1}
	connection, err := cluster.Connect(ctx, config, settings, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	facts, err := connection.Facts(ctx)
	if err != nil {
		return nil, err
	}
	r := &reading{
		planInventory: newPlanInventory(policy, c), connection: connection, served: facts.Served, unanswered: facts.Unanswered, policy: policy,
		all: c.Namespaces, own: []string{namespace}, read: map[resolver.GroupKind]bool{},
	}
	switch {
	case len(r.all) == 0:
		r.all = []string{metav1.NamespaceAll}
	case namespace == metav1.NamespaceAll:
		r.own = r.all
	case !slices.Contains(r.all, namespace):
		r.own = nil
	}
	r.Serve(facts.Served, facts.Fields)
	r.live, r.whole, r.events, r.cluster = r.readLive, r.wholeCertificates, r.readEvents, r
	return r, nil
}

// readAll reads the sources, Certificates and issuers, and what else decisions ask for.
func (r *reading) readAll(ctx context.Context) error {
	for _, kind := range r.policy.Kinds.All() {
		err := r.permitted(r.readSources(ctx, kind))
		if declared, is := source.TypeOf(kind); is && apierrors.IsForbidden(err) {
			r.notes = append(r.notes, fmt.Sprintf("note: objects of kind %s of group %s are left out: they may not be listed", declared.Kind, declared.Group))
			continue
		}
		if err != nil {
			return err
		}
	}
	if err := r.readIssuers(ctx); err != nil {
		return err
	}
	if err := r.permitted(r.readCertificates(ctx)); err != nil {
		return err
	}
	if r.served.Lacks(inventory.CertificateKind()) {
		r.notes = append(r.notes, noCertificates)
	}
	if err := r.readNeeds(ctx); err != nil {
		return err
	}
	r.begin()
	return nil
}

// permitted leaves out the error of a kind that may not be listed, where that is no failure.
func (r *reading) permitted(err error) error {
	if r.lenient && apierrors.IsForbidden(err) {
		return nil
	}
	return err
}

// readSources lists those of a kind. A Gateway may have ListenerSets of other namespaces, whose listeners
// may conflict; where they may not be listed, those of the own namespace are all that is known.
func (r *reading) readSources(ctx context.Context, kind source.Kind) error {
	named := resolver.GroupKind(source.GroupKindOf(kind))
	resource, served := r.served.SourcesOf(kind)
	if !served {
		r.notServed(named, r.served.LacksSourcesOf(kind))
		return nil
	}
	joined, joins := kind.Joins()
	if !joins {
		return r.list(ctx, resource, named, r.own, r.sourcesOf(kind))
	}
	err := r.list(ctx, resource, named, r.all, r.sourcesOf(kind))
	if apierrors.IsForbidden(err) && resolver.GroupKind(joined) != named && !slices.Equal(r.own, r.all) {
		delete(r.forbidden, named)
		err = r.list(ctx, resource, named, r.own, r.sourcesOf(kind))
	}
	return err
}

// readCertificates lists the Certificates. A cluster that is known not to serve them has none.
func (r *reading) readCertificates(ctx context.Context) error {
	if !r.served.Has(certificate.Resource()) {
		r.notServed(inventory.CertificateKind(), r.served.Lacks(inventory.CertificateKind()))
		return nil
	}
	intake := r.Certificates()
	if r.alongside != nil {
		intake = r.alongside(intake)
	}
	err := r.list(ctx, certificate.Resource(), inventory.CertificateKind(), r.own, intake)
	r.hasCertificates = err == nil
	return err
}

// notServed says how much is known of a kind that discovery doesn't show: that there are none, or nothing.
func (r *reading) notServed(kind resolver.GroupKind, lacks bool) {
	knowledge := inventory.Unreadable
	if lacks {
		knowledge = inventory.Whole
	}
	r.Know(kind, knowledge)
}

// readIssuers lists those of every declared kind. What may not be read can't be known.
func (r *reading) readIssuers(ctx context.Context) error {
	for _, declared := range r.policy.Registry.Kinds() {
		resource, _, served := r.served.IssuersOf(declared)
		if !served {
			r.notServed(declared.GroupKind, r.served.Lacks(declared.GroupKind))
			continue
		}
		err := r.listIssuers(ctx, declared.GroupKind, &declared, resource, declared.Scope)
		if err != nil && !apierrors.IsForbidden(err) {
			return err
		}
	}
	return nil
}

func (r *reading) listIssuers(ctx context.Context, kind resolver.GroupKind, known *resolver.Known, resource schema.GroupVersionResource, scope resolver.Scope) error {
	namespaces := r.own
	if scope == resolver.Cluster {
		namespaces = []string{metav1.NamespaceAll}
	}
	return r.list(ctx, resource, kind, namespaces, r.Issuers(kind, known, resolver.ObserveNone, nil))
}

// readNeeds reads what is only read because a decision asks for it, as the controller does,
// until none asks for more.
func (r *reading) readNeeds(ctx context.Context) error {
	for {
		needs := r.survey()
		more, err := r.readNamespaces(ctx, needs.Namespaces || r.policy.ReadsNamespaces())
		if err != nil {
			return err
		}
		granted, err := r.readGrants(ctx, needs.Grants)
		if err != nil {
			return err
		}
		routed, err := r.readRoutes(ctx, needs.Routes)
		if err != nil {
			return err
		}
		more = more || granted || routed
		for kind := range needs.IssuerKinds {
			one, err := r.readUndeclared(ctx, kind)
			if err != nil {
				return err
			}
			more = more || one
		}
		if !more {
			return nil
		}
	}
}

// survey gives what decisions ask for.
func (r *reading) survey() inventory.Needs {
	see := func(*inventory.Look, certshim.Outcome) {}
	if r.surveyed != nil {
		see = r.surveyed(r.planInventory)
	}
	for _, key := range r.Keys() {
		look := r.Look(key)
		outcome := decide(look)
		look.Keep(outcome, func(object *source.Object, secret types.NamespacedName) certificate.Claim {
			return certshim.Claim(look.Policy(), object, look, secret)
		})
		see(look, outcome)
		look.Close()
	}
	return r.Needs()
}

// readNamespaces lists them, once. What may not be read can't be known.
func (r *reading) readNamespaces(ctx context.Context, needed bool) (read bool, err error) {
	if !needed || r.read[inventory.NamespaceKind()] {
		return false, nil
	}
	resource := schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	err = r.list(ctx, resource, inventory.NamespaceKind(), []string{metav1.NamespaceAll}, r.Namespaces())
	if apierrors.IsForbidden(err) {
		err = nil
	}
	return true, err
}

// readRoutes lists those of the kinds that may bring names, once. What may not be read, or isn't served, can't be
// known.
func (r *reading) readRoutes(ctx context.Context, needed bool) (read bool, err error) {
	for _, kind := range r.policy.Routes.Reads() {
		if !needed || r.read[inventory.RouteKind(kind)] {
			continue
		}
		read = true
		if !r.served.Has(routes.Resource(kind)) {
			r.read[inventory.RouteKind(kind)] = true
			r.Know(inventory.RouteKind(kind), inventory.Unreadable)
			continue
		}
		namespaces := r.own
		if !slices.Contains(namespaces, metav1.NamespaceAll) {
			namespaces = slices.DeleteFunc(slices.Sorted(maps.Keys(r.policy.Routes.Suffixes)), func(namespace string) bool { return !r.Watches(namespace) })
		}
		err := r.list(ctx, routes.Resource(kind), inventory.RouteKind(kind), namespaces, r.Routes(kind))
		if err != nil && !apierrors.IsForbidden(err) {
			return read, err
		}
	}
	return read, nil
}

// readGrants lists the ReferenceGrants of namespaces of which sources ask for Secrets, and, of those whose
// objects aren't read otherwise, what else decisions about these Secrets read. What may not be read can't
// be known.
func (r *reading) readGrants(ctx context.Context, namespaces map[string]bool) (read bool, err error) {
	if len(namespaces) == 0 || r.read[inventory.GrantKind()] {
		return false, nil
	}
	resource, served := r.served.Grants()
	if !served {
		r.read[inventory.GrantKind()] = true
		r.Know(inventory.GrantKind(), inventory.Unreadable)
		return true, nil
	}
	targets := slices.Sorted(maps.Keys(namespaces))
	targets = slices.DeleteFunc(targets, func(namespace string) bool { return !r.Watches(namespace) })
	err = r.list(ctx, resource, inventory.GrantKind(), targets, r.Grants())
	if apierrors.IsForbidden(err) {
		return true, nil
	}
	if err != nil {
		return true, err
	}
	if slices.Contains(r.own, metav1.NamespaceAll) {
		return true, nil
	}
	targets = slices.DeleteFunc(targets, func(namespace string) bool { return slices.Contains(r.own, namespace) })
	return true, r.permitted(r.list(ctx, certificate.Resource(), inventory.CertificateKind(), targets, r.Certificates()))
}

// readUndeclared lists the issuers of a kind, once, if it is a custom one that nobody declares.
// It is the authors of sources who name it: what the API server doesn't list, for whatever
// reason, can't be known.
func (r *reading) readUndeclared(ctx context.Context, kind resolver.GroupKind) (read bool, err error) {
	if !r.isUndeclared(kind) || r.read[kind] {
		return false, nil
	}
	resource, _ := r.served.CustomKind(kind)
	scope, _ := r.served.Scope(kind)
	err = r.listIssuers(ctx, kind, resolver.Undeclared(), resource, scope)
	if answer := apierrors.APIStatus(nil); errors.As(err, &answer) {
		err = nil
	}
	return true, err
}

// isUndeclared says that a kind is a custom one that is served and that nobody declares.
func (r *reading) isUndeclared(kind resolver.GroupKind) bool {
	_, custom := r.served.CustomKind(kind)
	return custom && !r.policy.Registry.Knows(kind)
}

// list takes all objects of a resource in, a page at a time, and notes that they are known; with
// an error, that they can't be. Of an object that can't be read no more is known than that.
func (r *reading) list(ctx context.Context, resource schema.GroupVersionResource, kind resolver.GroupKind, namespaces []string, intake inventory.Intake) error {
	r.read[kind] = true
	listed := cluster.Resource{GVR: resource, Paths: intake.Paths, Reader: intake.Read}
	for _, namespace := range namespaces {
		err := cluster.List(ctx, r.connection, listed, namespace, func(item any) error {
			if object, isWhole := item.(*unstructured.Unstructured); isWhole {
				item, _ = intake.Pack(object)
			}
			intake.Put(item)
			r.progress.count(resource.Resource + " read")
			return nil
		})
		if err != nil {
			if apierrors.IsForbidden(err) {
				r.forbidden[kind] = true
			}
			r.Know(kind, inventory.Unreadable)
			return err
		}
	}
	r.Know(kind, inventory.Whole)
	return nil
}

// errNotPermitted is that of a Certificate that may not be read, where that is no failure.
var errNotPermitted = errors.New("it may not be read")

// readLive is a [liveReader].
func (r *reading) readLive(ctx context.Context, name types.NamespacedName) (*certificate.Observed, error) {
	client, err := r.connection.Dynamic(nil, nil)
	if err != nil {
		return nil, err
	}
	object, err := client.Resource(certificate.Resource()).Namespace(name.Namespace).Get(ctx, name.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if r.lenient && apierrors.IsForbidden(err) {
		return nil, errNotPermitted
	}
	if err != nil {
		return nil, fmt.Errorf("read Certificate %s: %w", name, err)
	}
	observed := certificate.Observe(object.Object)
	observed.Live = object.Object
	return &observed, nil
}

// errEnough ends a list whose reader has seen enough.
var errEnough = errors.New("enough")

// wholeCertificates lists them again, with all that they have.
func (r *reading) wholeCertificates(ctx context.Context) iter.Seq2[map[string]any, error] {
	return func(yield func(map[string]any, error) bool) {
		if !r.served.Has(certificate.Resource()) || r.forbidden[inventory.CertificateKind()] {
			return
		}
		for _, namespace := range slices.Sorted(slices.Values(r.own)) {
			listed := cluster.Resource{GVR: certificate.Resource(), Reader: codec.KeepRaw}
			err := cluster.List(ctx, r.connection, listed, namespace, func(item any) error {
				r.progress.count(certificate.Resource().Resource + " looked at")
				object, err := decoded(item)
				if err == nil && !yield(object, nil) {
					return errEnough
				}
				return err
			})
			if errors.Is(err, errEnough) {
				return
			}
			if err != nil && !yield(nil, err) {
				return
			}
		}
	}
}

// decoded is an object of a list whose objects are kept as JSON.
func decoded(item any) (map[string]any, error) {
	switch object := item.(type) {
	case *codec.Raw:
		return object.Decode()
	case *unstructured.Unstructured:
		return object.Object, nil
	}
	return nil, fmt.Errorf("%T is no object", item)
}
