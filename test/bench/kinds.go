package main

import (
	"context"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/test/crds"
)

// sourceKind is a kind of source, with a namespace for its objects.
type sourceKind struct {
	name, namespace string
	resource        schema.GroupVersionResource
	object          func(namespace, name string) *unstructured.Unstructured
}

var routeGroups = schema.GroupVersionResource{Group: "zalando.org", Version: "v1", Resource: "routegroups"}

func sourceKinds() []sourceKind {
	return []sourceKind{
		{"Ingress", "kinds-ingress", ingresses, ingress},
		{"Gateway", "kinds-gateway", schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "gateways"}, gateway},
		{"RouteGroup, a declared kind", "kinds-routegroup", routeGroups, routeGroup},
	}
}

// like gives an Ingress another kind and spec: the same identity, labels, annotations and names.
func like(namespace, name, apiVersion, kind string, spec func(host string) map[string]any) *unstructured.Unstructured {
	object := ingress(namespace, name)
	object.SetAPIVersion(apiVersion)
	object.SetKind(kind)
	object.Object["spec"] = spec(name + "." + namespace + ".example.com")
	return object
}

// gateway has a listener for each name, since a listener has one.
func gateway(namespace, name string) *unstructured.Unstructured {
	return like(namespace, name, "gateway.networking.k8s.io/v1", "Gateway", func(host string) map[string]any {
		listener := func(section, host string) any {
			return map[string]any{
				"name": section, "protocol": "HTTPS", "port": int64(443), "hostname": host,
				"tls": map[string]any{"mode": "Terminate", "certificateRefs": []any{map[string]any{"kind": "Secret", "name": name + "-tls"}}},
			}
		}
		return map[string]any{"gatewayClassName": "company", "listeners": []any{listener("apex", host), listener("www", "www."+host)}}
	})
}

func routeGroup(namespace, name string) *unstructured.Unstructured {
	return like(namespace, name, "zalando.org/v1", "RouteGroup", func(host string) map[string]any {
		hosts := []any{host, "www." + host}
		return map[string]any{
			"hosts":           hosts,
			"backends":        []any{map[string]any{"name": name, "type": "service", "serviceName": name, "servicePort": int64(8080)}},
			"defaultBackends": []any{map[string]any{"backendName": name}},
			"routes":          []any{map[string]any{"pathSubtree": "/"}},
			"tls":             []any{map[string]any{"hosts": hosts, "secretName": name + "-tls"}},
		}
	})
}

// kinds measures the cold start over as many objects of each kind, in turns.
func (b *bench) kinds(ctx context.Context, out io.Writer) error {
	if err := b.serveRouteGroups(ctx); err != nil {
		return err
	}
	kinds := sourceKinds()
	for _, kind := range kinds {
		note("making %d objects: %s", b.size.cold, kind.name)
		if err := b.makeObjects(ctx, kind, b.size.cold); err != nil {
			return err
		}
	}
	r := kindsReport{size: b.size}
	for turn := range b.size.turns + 1 { // the first one warms up
		laps := map[string]lap{}
		for i := range kinds {
			kind := kinds[(i+turn)%len(kinds)]
			if err := b.empty(ctx, kind.namespace); err != nil {
				return err
			}
			l, err := b.started(ctx, b.size.cold, func() (*controller, error) { return b.certshim(ctx, "--namespace="+kind.namespace) })
			if err != nil {
				return fmt.Errorf("%s: %w", kind.name, err)
			}
			laps[kind.name] = l
			note("turn %d: %s: %.1fs", turn, kind.name, l.took.Seconds())
		}
		if turn > 0 {
			r.turns = append(r.turns, laps)
		}
	}
	return r.write(out)
}

func (b *bench) serveRouteGroups(ctx context.Context) error {
	definition, err := crds.Kind(ctx, routeGroups)
	if err != nil {
		return err
	}
	return crds.InstallAll(ctx, b.Config, definition)
}
