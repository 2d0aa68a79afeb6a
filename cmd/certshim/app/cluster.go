package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/pager"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cmd/certshim/app/manifest"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// liveReader reads one Certificate as the API server has it; nil if it isn't there.
type liveReader func(ctx context.Context, namespace, name string) (map[string]any, error)

func certificates() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: resolver.CertManagerGroup, Version: "v1", Resource: "certificates"}
}

// cluster reads, and never writes.
type cluster struct {
	client    dynamic.Interface
	namespace string
	known     *inventory
}

// readCluster fills an inventory with what the cluster has.
func (o *planOptions) readCluster(ctx context.Context) (*inventory, liveReader, error) {
	namespace, err := o.clusterNamespace()
	if err != nil {
		return nil, nil, err
	}
	o.within = namespace
	c, finder, err := newCluster(&o.connection, namespace, o.policy.Registry)
	if err != nil {
		return nil, nil, err
	}
	if err := c.read(ctx, finder, o.sourceKinds()); err != nil {
		return nil, nil, err
	}
	if o.policy.ReadsNamespaces() || c.known.gatewaysSelect() {
		if err := c.readNamespaces(ctx); err != nil {
			return nil, nil, err
		}
	}
	if err := c.listNamed(ctx, o.policy); err != nil {
		return nil, nil, err
	}
	return c.known, c.live, nil
}

// newCluster makes the clients; nothing is sent yet. The namespace is empty for all.
func newCluster(connection *connectionFlags, namespace string, registry *resolver.Registry) (cluster, discovery.DiscoveryInterface, error) {
	config, err := connection.config()
	if err != nil {
		return cluster{}, nil, err
	}
	// Lists and discovery are few requests; the client's default limit would only slow them.
	config.QPS = -1
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return cluster{}, nil, err
	}
	finder, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return cluster{}, nil, err
	}
	c := cluster{client: client, namespace: namespace, known: newInventory("")}
	c.known.registry = registry
	return c, finder, nil
}

// sourceKinds are the kinds that the configuration has on; a ListenerSet's Gateway is read
// even if Gateways aren't asked for.
func (o *planOptions) sourceKinds() []source.Kind {
	var on []source.Kind
	for _, kind := range source.Kinds() {
		isGateway := kind.GroupVersionKind().Group == source.GatewayGroup
		isSet := isGateway && kind.GroupVersionKind().Kind != source.GatewayKind
		if (isGateway && !o.configuration.GatewayAPI.Enabled) || (isSet && !o.configuration.GatewayAPI.ListenerSets) {
			continue
		}
		on = append(on, kind)
	}
	return on
}

// clusterNamespace is -n, or the context's, or "" for all.
func (o *planOptions) clusterNamespace() (string, error) {
	if o.allNamespaces || o.namespace != "" {
		return o.namespace, nil
	}
	return o.connection.namespace()
}

func (c cluster) read(ctx context.Context, finder discovery.DiscoveryInterface, sources []source.Kind) error {
	resources, err := c.discover(finder)
	if err != nil {
		return err
	}
	for _, kind := range sources {
		if !resources[kind.Resource()] {
			continue
		}
		namespace := c.namespace
		if kind.GroupVersionKind().Kind == source.GatewayKind {
			namespace = metav1.NamespaceAll
		}
		if err := c.list(ctx, kind.Resource(), namespace); err != nil {
			return err
		}
	}
	if err := c.listIssuers(ctx, resources); err != nil {
		return err
	}
	return c.list(ctx, certificates(), c.namespace)
}

// readNamespaces lists them. What may not be read stays unknown.
func (c cluster) readNamespaces(ctx context.Context) error {
	err := c.list(ctx, schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}, "")
	if apierrors.IsForbidden(err) {
		return nil
	}
	return err
}

// listIssuers lists those of every declared kind that is served. What may not be read stays
// unknown.
func (c cluster) listIssuers(ctx context.Context, resources map[schema.GroupVersionResource]bool) error {
	c.known.issuers.served = c.known.served
	for _, known := range c.known.registry.Kinds() {
		resource, served := c.servedIssuers(known, resources)
		if !served {
			c.known.issuers.missing[known.GroupKind] = true
			continue
		}
		if err := c.listKind(ctx, known.GroupKind, resource, known.Scope); err != nil {
			return err
		}
	}
	return nil
}

func (c cluster) listKind(ctx context.Context, kind resolver.GroupKind, resource schema.GroupVersionResource, scope resolver.Scope) error {
	namespace := c.namespace
	if scope == resolver.Cluster {
		namespace = metav1.NamespaceAll
	}
	err := c.list(ctx, resource, namespace)
	if apierrors.IsForbidden(err) {
		return nil
	}
	c.known.issuers.whole[kind] = err == nil
	return err
}

// servedIssuers is the first known version of a kind that is served, or the one that the
// cluster prefers.
func (c cluster) servedIssuers(known resolver.Known, resources map[schema.GroupVersionResource]bool) (schema.GroupVersionResource, bool) {
	if resource, listed := known.ServedResource(resources); listed {
		return resource, true
	}
	resource, found := c.known.served.resources[known.GroupKind]
	return resource, found
}

// listNamed lists the issuers of the kinds that sources, or their Namespaces, name and nobody
// declares.
func (c cluster) listNamed(ctx context.Context, policy *certshim.Policy) error {
	c.known.index()
	for _, object := range c.known.sources {
		if err := c.listUndeclared(ctx, certshim.Decide(policy, object, c.known).Issuer.Ref); err != nil {
			return err
		}
	}
	return nil
}

// listUndeclared lists the issuers of a kind, if it is a custom one that is served and that
// nobody declares. What the API server doesn't list, for whatever reason, stays unknown: it is
// the authors of sources who name it.
func (c cluster) listUndeclared(ctx context.Context, of resolver.Ref) error {
	kind := resolver.GroupKind{Group: of.Group, Kind: of.Kind}
	resource, served := c.known.served.resources[kind]
	if !served || !resolver.CustomGroup(kind.Group) || c.known.registry.Knows(kind) || c.known.issuers.undeclared[kind] {
		return nil
	}
	c.known.issuers.undeclared[kind] = true
	err := c.listKind(ctx, kind, resource, c.known.served.scopes[kind])
	if status := apierrors.APIStatus(nil); errors.As(err, &status) {
		return nil
	}
	return err
}

// discover notes the kinds that the cluster serves. An API group that is down hides only
// its own kinds.
func (c cluster) discover(finder discovery.DiscoveryInterface) (map[schema.GroupVersionResource]bool, error) {
	_, lists, err := finder.ServerGroupsAndResources()
	if err != nil && len(lists) == 0 {
		return nil, fmt.Errorf("ask the API server which kinds it serves: %w", err)
	}
	resources := map[schema.GroupVersionResource]bool{}
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			continue
		}
		for _, resource := range list.APIResources {
			resources[version.WithResource(resource.Name)] = true
			scope := resolver.Cluster
			if resource.Namespaced {
				scope = resolver.Namespaced
			}
			kind := resolver.GroupKind{Group: version.Group, Kind: resource.Kind}
			c.known.served.add(kind, scope)
			if _, preferred := c.known.served.resources[kind]; !preferred && !strings.Contains(resource.Name, "/") {
				c.known.served.resources[kind] = version.WithResource(resource.Name)
			}
		}
	}
	return resources, nil
}

// list adds all objects of a resource, a page at a time.
func (c cluster) list(ctx context.Context, resource schema.GroupVersionResource, namespace string) error {
	pages := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		return c.client.Resource(resource).Namespace(namespace).List(ctx, options)
	})
	err := pages.EachListItem(ctx, metav1.ListOptions{}, func(item runtime.Object) error {
		object, isObject := item.(*unstructured.Unstructured)
		if !isObject {
			return fmt.Errorf("%T is no object", item)
		}
		_, err := c.known.add(object, manifest.Position{})
		return err
	})
	if err != nil {
		return fmt.Errorf("list %s: %w", resource.GroupResource(), err)
	}
	return nil
}

// live is a [liveReader].
func (c cluster) live(ctx context.Context, namespace, name string) (map[string]any, error) {
	object, err := c.client.Resource(certificates()).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read Certificate %s/%s: %w", namespace, name, err)
	}
	return object.Object, nil
}

// setLive puts the live values of a Certificate into the inventory; it is false when they
// were there already, or there is no such Certificate.
func (i *inventory) setLive(namespace, name string, live map[string]any) bool {
	observed := i.certificates[types.NamespacedName{Namespace: namespace, Name: name}]
	if observed == nil || observed.Live != nil || live == nil {
		return false
	}
	*observed = certificate.Observe(live)
	observed.Live = live
	return true
}
