package differential

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	ingressVersion = "networking.k8s.io/v1"
	gatewayVersion = "gateway.networking.k8s.io/v1"
)

// manifest is the object as the API has it.
func (o *Object) manifest() *unstructured.Unstructured {
	content := map[string]any{"apiVersion": gatewayVersion, "kind": o.Kind, "metadata": o.metadata(), "spec": o.spec()}
	if o.Kind == ingressKind {
		content["apiVersion"] = ingressVersion
	}
	return &unstructured.Unstructured{Object: content}
}

func (o *Object) metadata() map[string]any {
	meta := map[string]any{"name": o.Name, "namespace": o.Namespace}
	putString(meta, "uid", o.UID)
	putString(meta, "creationTimestamp", o.Created)
	putMap(meta, "labels", o.Labels)
	putMap(meta, "annotations", o.Annotations)
	if len(o.Finalizers) > 0 {
		meta["finalizers"] = anys(o.Finalizers)
	}
	if o.Deleting {
		meta["deletionTimestamp"] = "2026-01-01T00:00:00Z"
	}
	return meta
}

func (o *Object) spec() map[string]any {
	spec := map[string]any{}
	if o.Kind == ingressKind {
		put(spec, "tls", o.entries(Entry.tlsItem))
		return spec
	}
	put(spec, "listeners", o.entries(Entry.listener))
	if o.Kind == gatewayKind {
		spec["gatewayClassName"] = "example"
		if o.Allowed != "" {
			spec["allowedListeners"] = map[string]any{"namespaces": map[string]any{"from": o.Allowed}}
		}
	}
	if o.Parent != nil {
		parent := map[string]any{"name": o.Parent.Name}
		putPointers(parent, o.Parent.Group, o.Parent.Kind, o.Parent.Namespace)
		spec["parentRef"] = parent
	}
	return spec
}

func (o *Object) entries(render func(Entry) map[string]any) []any {
	var out []any
	for _, entry := range o.Entries {
		out = append(out, render(entry))
	}
	return out
}

func (e Entry) tlsItem() map[string]any {
	item := map[string]any{}
	put(item, "hosts", anys(e.Hosts))
	for _, ref := range e.Refs {
		putString(item, "secretName", ref.Name)
	}
	return item
}

func (e Entry) listener() map[string]any {
	listener := map[string]any{"name": e.Name, "port": e.Port, "protocol": e.Protocol}
	if len(e.Hosts) > 0 {
		listener["hostname"] = e.Hosts[0]
	}
	if e.NoTLS {
		return listener
	}
	tls := map[string]any{}
	if e.Mode != nil {
		tls["mode"] = *e.Mode
	}
	var refs []any
	for _, ref := range e.Refs {
		item := map[string]any{"name": ref.Name}
		putPointers(item, ref.Group, ref.Kind, ref.Namespace)
		refs = append(refs, item)
	}
	put(tls, "certificateRefs", refs)
	listener["tls"] = tls
	return listener
}

func put(in map[string]any, key string, list []any) {
	if len(list) > 0 {
		in[key] = list
	}
}

func putString(in map[string]any, key, value string) {
	if value != "" {
		in[key] = value
	}
}

func putMap(in map[string]any, key string, values map[string]string) {
	if values == nil {
		return
	}
	out := map[string]any{}
	for k, v := range values {
		out[k] = v
	}
	in[key] = out
}

func putPointers(in map[string]any, group, kind, namespace *string) {
	for key, value := range map[string]*string{"group": group, "kind": kind, "namespace": namespace} {
		if value != nil {
			in[key] = *value
		}
	}
}

func anys(values []string) []any {
	var out []any
	for _, value := range values {
		out = append(out, value)
	}
	return out
}
