package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/test/cluster"
)

var (
	ingresses    = schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"}
	gateways     = schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "gateways"}
	listenerSets = schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "listenersets"}
)

// annotations of a source, by key.
type annotations map[string]string

func (a annotations) yaml() string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(a)) {
		fmt.Fprintf(&b, "    %s: %q\n", key, a[key])
	}
	return b.String()
}

// ingress is a manifest with one TLS entry; its Secret is NAME-tls.
func ingress(name string, set annotations, hosts ...string) string {
	return fmt.Sprintf(`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: %[1]s
  annotations:
%[2]sspec:
  tls: [{hosts: [%[3]s], secretName: %[1]s-tls}]
  rules: [{host: %[4]s, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]
`, name, set.yaml(), strings.Join(hosts, ", "), hosts[0])
}

// gateway is a manifest with one HTTPS listener; its Secret is NAME-tls.
func gateway(name string, set annotations, host string) string {
	return fmt.Sprintf(`
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: %[1]s
  annotations:
%[2]sspec:
  gatewayClassName: any
  allowedListeners: {namespaces: {from: Same}}
  listeners:
  - {name: https, port: 443, protocol: HTTPS, hostname: %[3]s, tls: {mode: Terminate, certificateRefs: [{name: %[1]s-tls}]}}
`, name, set.yaml(), host)
}

// listenerSet is a manifest with one HTTPS listener that attaches to a Gateway.
func listenerSet(name, parent string, set annotations, host string) string {
	return fmt.Sprintf(`
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata:
  name: %[1]s
  annotations:
%[2]sspec:
  parentRef: {name: %[4]s}
  listeners:
  - {name: https, port: 443, protocol: HTTPS, hostname: %[3]s, tls: {mode: Terminate, certificateRefs: [{name: %[1]s-tls}]}}
`, name, set.yaml(), host, parent)
}

// patch changes an object as kubectl would, by a merge patch.
func (d *deployed) patch(t *testing.T, resource schema.GroupVersionResource, namespace, name, patch string) {
	t.Helper()
	_, err := d.Dynamic.Resource(resource).Namespace(namespace).Patch(
		t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: "kubectl-edit"})
	if err != nil {
		t.Fatalf("patch %s %s: %v", resource.Resource, name, err)
	}
}

// annotate sets one annotation; nil removes it.
func (d *deployed) annotate(t *testing.T, resource schema.GroupVersionResource, namespace, name, key string, value *string) {
	t.Helper()
	text := "null"
	if value != nil {
		text = fmt.Sprintf("%q", *value)
	}
	d.patch(t, resource, namespace, name, fmt.Sprintf(`{"metadata":{"annotations":{%q:%s}}}`, key, text))
}

func (d *deployed) delete(t *testing.T, resource schema.GroupVersionResource, namespace, name string) {
	t.Helper()
	if err := d.Dynamic.Resource(resource).Namespace(namespace).Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatalf("delete %s %s: %v", resource.Resource, name, err)
	}
}

func (d *deployed) certificate(t *testing.T, namespace, name string) *unstructured.Unstructured {
	t.Helper()
	got, err := d.Dynamic.Resource(cluster.Certificates()).Namespace(namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatalf("get Certificate %s: %v", name, err)
	}
	return got
}

// field is the value at a path whose steps are separated by "|".
func field(object *unstructured.Unstructured, path string) any {
	value, _, _ := unstructured.NestedFieldNoCopy(object.Object, strings.Split(path, "|")...)
	return value
}

// warnings waits for an Event of type Warning about an object with that reason.
func awaitWarning(t *testing.T, events *cluster.Watch, name, reason string) *unstructured.Unstructured {
	t.Helper()
	var found *unstructured.Unstructured
	events.Until(t, fmt.Sprintf("a Warning %s about %s", reason, name), func(state cluster.State) bool {
		for _, event := range state {
			if about(event, name) && field(event, "type") == "Warning" && field(event, "reason") == reason {
				found = event
			}
		}
		return found != nil
	})
	return found
}

// awaitNote waits for an Event about an object with that reason, and a part of its note.
func awaitNote(t *testing.T, events *cluster.Watch, name, reason, part string) {
	t.Helper()
	events.Until(t, fmt.Sprintf("an Event %s about %s that says %q", reason, name, part), func(state cluster.State) bool {
		for _, event := range state {
			if about(event, name) && field(event, "reason") == reason && strings.Contains(fmt.Sprint(field(event, "note")), part) {
				return true
			}
		}
		return false
	})
}

func about(event *unstructured.Unstructured, name string) bool {
	return field(event, "regarding|name") == name
}

// warningsAbout counts the Events of type Warning about an object, by reason.
func warningsAbout(state cluster.State, name string) map[string]int {
	count := map[string]int{}
	for _, event := range state {
		if about(event, name) && field(event, "type") == "Warning" {
			count[fmt.Sprint(field(event, "reason"))]++
		}
	}
	return count
}
