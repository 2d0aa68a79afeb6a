package differential

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// read is the way back from a manifest: what neither side reads is lost.
func read(manifest *unstructured.Unstructured) (*Object, error) {
	o := &Object{
		Kind: manifest.GetKind(), Namespace: manifest.GetNamespace(), Name: manifest.GetName(),
		UID: string(manifest.GetUID()), Labels: manifest.GetLabels(), Annotations: manifest.GetAnnotations(),
		Finalizers: manifest.GetFinalizers(), Deleting: manifest.GetDeletionTimestamp() != nil,
	}
	spec := at(manifest.Object, "spec")
	switch o.Kind {
	case ingressKind:
		o.Entries = readEach(spec["tls"], readTLSItem)
	case gatewayKind, listenerSetKind:
		o.Entries = readEach(spec["listeners"], readListener)
	default:
		return nil, fmt.Errorf("%s is no kind of source", o.Kind)
	}
	o.Allowed = text(at(spec, "allowedListeners", "namespaces"), "from")
	if ref := at(spec, "parentRef"); ref != nil {
		o.Parent = &Parent{Name: text(ref, "name"), Group: pointer(ref, "group"), Kind: pointer(ref, "kind"), Namespace: pointer(ref, "namespace")}
	}
	return o, nil
}

func readEach(value any, read func(map[string]any) Entry) []Entry {
	items, _ := value.([]any)
	var out []Entry
	for _, item := range items {
		content, _ := item.(map[string]any)
		out = append(out, read(content))
	}
	return out
}

func readTLSItem(item map[string]any) Entry {
	return Entry{Hosts: list(item, "hosts"), Refs: []Ref{{Name: text(item, "secretName")}}}
}

func readListener(listener map[string]any) Entry {
	entry := Entry{Name: text(listener, "name"), Protocol: text(listener, "protocol")}
	entry.Port, _ = listener["port"].(int64)
	if hostname := text(listener, "hostname"); hostname != "" {
		entry.Hosts = []string{hostname}
	}
	tls, found := listener["tls"].(map[string]any)
	if !found {
		entry.NoTLS = true
		return entry
	}
	entry.Mode = pointer(tls, "mode")
	refs, _ := tls["certificateRefs"].([]any)
	for _, item := range refs {
		ref, _ := item.(map[string]any)
		entry.Refs = append(entry.Refs, Ref{Name: text(ref, "name"), Group: pointer(ref, "group"), Kind: pointer(ref, "kind"), Namespace: pointer(ref, "namespace")})
	}
	return entry
}

func text(in map[string]any, key string) string {
	value, _ := in[key].(string)
	return value
}

func pointer(in map[string]any, key string) *string {
	if value, found := in[key].(string); found {
		return &value
	}
	return nil
}
