package oracle

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/go-logr/logr"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	gwapi "sigs.k8s.io/gateway-api/apis/v1"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/cert-manager/cert-manager/pkg/controller"
	shim "github.com/cert-manager/cert-manager/pkg/controller/certificate-shim"
)

// Options are the flags of cert-manager's controller that its shims read. The zero value is not its default: see
// [Defaults].
type Options struct {
	DefaultIssuerName  string
	DefaultIssuerKind  string
	DefaultIssuerGroup string
	// AutoAnnotations ask for the default issuer, on Ingresses only.
	AutoAnnotations []string
	// ExtraAnnotations are copied from the object to its Certificates.
	ExtraAnnotations []string
	// ExtraProtocols are listener protocols that count as TLS beside HTTPS and TLS.
	ExtraProtocols []string
}

// Defaults are the options of a controller started without flags.
func Defaults() Options {
	return Options{
		DefaultIssuerKind:  "Issuer",
		DefaultIssuerGroup: "cert-manager.io",
		AutoAnnotations:    []string{"kubernetes.io/tls-acme"},
	}
}

// Result is what one sync did. The lists are sorted by name and text, as the shim's own order is that of a Go map.
type Result struct {
	// Created and Updated are the whole objects that were sent.
	Created []*cmapi.Certificate
	Updated []*cmapi.Certificate
	// Deleted are names, in the namespace of the source.
	Deleted []string
	Events  []Event
	// Err is what the sync returned; the shim logs it and tries again, forever.
	Err error
	// Panic is the recovered value and the stack of a sync that panicked, else empty.
	Panic string
}

// Event is a core/v1 Event on the source object.
type Event struct {
	Type, Reason, Message string
}

// Run syncs one source, an Ingress, a Gateway or a ListenerSet, as the shim for its kind would. The shim's caches hold
// the source and whatever else is given: Certificates, and the Gateways that a ListenerSet may name as its parent.
// Objects may be typed or unstructured, and are not changed. The error is the caller's: an object of another kind, or
// one that can't be decoded. What the shim says is all in the Result.
func Run(options Options, source runtime.Object, cached ...runtime.Object) (Result, error) {
	caches := newCaches()
	typed, err := caches.add(source)
	if err != nil {
		return Result{}, fmt.Errorf("source: %w", err)
	}
	for i, object := range cached {
		if _, err := caches.add(object); err != nil {
			return Result{}, fmt.Errorf("cached object %d: %w", i, err)
		}
	}
	recorded := &recording{}
	sync := shim.SyncFnFor(recorded, logr.Discard(), client{recording: recorded}, caches.certificates,
		options.upstream(), "oracle")
	process, err := processFor(typed, caches, sync)
	if err != nil {
		return Result{}, err
	}
	return recorded.result(process), nil
}

func (o Options) upstream() controller.IngressShimOptions {
	return controller.IngressShimOptions{
		DefaultIssuerName:                 o.DefaultIssuerName,
		DefaultIssuerKind:                 o.DefaultIssuerKind,
		DefaultIssuerGroup:                o.DefaultIssuerGroup,
		DefaultAutoCertificateAnnotations: o.AutoAnnotations,
		ExtraCertificateAnnotations:       o.ExtraAnnotations,
		GatewayAPIExtraProtocols:          sets.New(o.ExtraProtocols...),
	}
}

// processFor returns one turn of the queue of the controller for that kind. For Ingress and Gateway it is the sync of
// an object that isn't being deleted; for a ListenerSet inheritance comes first.
func processFor(source runtime.Object, caches *caches, sync shim.SyncFn) (func() error, error) {
	ctx := context.Background()
	switch source := source.(type) {
	case *networkingv1.Ingress:
		return func() error { return sync(ctx, source) }, nil
	case *gwapi.Gateway:
		return func() error { return sync(ctx, source) }, nil
	case *gwapi.ListenerSet:
		key := types.NamespacedName{Namespace: source.Namespace, Name: source.Name}
		return func() error { return processListenerSet(ctx, caches, sync, key) }, nil
	}
	return nil, fmt.Errorf("source: a %T is none; an Ingress, a Gateway or a ListenerSet is", source)
}

// result runs one sync and reads off what was recorded meanwhile.
func (r *recording) result(process func() error) Result {
	result := Result{}
	func() {
		defer func() {
			if recovered := recover(); recovered != nil {
				result.Panic = fmt.Sprintf("%v\n%s", recovered, debug.Stack())
			}
		}()
		result.Err = process()
	}()
	result.Created, result.Updated = byName(r.created), byName(r.updated)
	result.Deleted, result.Events = r.deleted, r.events
	slices.Sort(result.Deleted)
	slices.SortFunc(result.Events, func(a, b Event) int {
		return strings.Compare(a.Type+a.Reason+a.Message, b.Type+b.Reason+b.Message)
	})
	return result
}

func byName(certificates []*cmapi.Certificate) []*cmapi.Certificate {
	slices.SortFunc(certificates, func(a, b *cmapi.Certificate) int { return strings.Compare(a.Name, b.Name) })
	return certificates
}
