package external

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

var ingresses = schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"}

// annotations of a source, by key.
type annotations map[string]string

// ingress is a manifest with one TLS entry; its Secret is NAME-tls. Its class is one that nobody serves, if empty.
func ingress(name, class string, set annotations, host string) string {
	var lines strings.Builder
	for _, key := range slices.Sorted(maps.Keys(set)) {
		fmt.Fprintf(&lines, "    %s: %q\n", key, set[key])
	}
	if class == "" {
		class = "nobody"
	}
	return fmt.Sprintf(`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: %[1]s
  annotations:
%[2]sspec:
  ingressClassName: %[4]s
  tls: [{hosts: [%[3]s], secretName: %[1]s-tls}]
  rules: [{host: %[3]s, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]
`, name, lines.String(), host, class)
}

// patch changes an object as kubectl would, by a merge patch.
func patch(t *testing.T, resource schema.GroupVersionResource, namespace, name, change string) {
	t.Helper()
	_, err := shared.Dynamic.Resource(resource).Namespace(namespace).Patch(
		t.Context(), name, types.MergePatchType, []byte(change), metav1.PatchOptions{FieldManager: cluster.FieldManager})
	if err != nil {
		t.Fatalf("patch %s %s: %v", resource.Resource, name, err)
	}
}

// field is the value at a path whose steps are separated by "|".
func field(object *unstructured.Unstructured, path string) any {
	value, _, _ := unstructured.NestedFieldNoCopy(object.Object, strings.Split(path, "|")...)
	return value
}

// condition is the status of a condition, "" if it isn't there.
func condition(object *unstructured.Unstructured, kind string) string {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, condition := range conditions {
		if fields, ok := condition.(map[string]any); ok && fields["type"] == kind {
			return fmt.Sprint(fields["status"])
		}
	}
	return ""
}

// awaitWarning waits for an Event of type Warning about an object with that reason.
func awaitWarning(t *testing.T, events *cluster.Watch, name, reason string) {
	t.Helper()
	events.Until(t, fmt.Sprintf("a Warning %s about %s", reason, name), func(state cluster.State) bool {
		for _, event := range state {
			if field(event, "regarding|name") == name && field(event, "type") == "Warning" && field(event, "reason") == reason {
				return true
			}
		}
		return false
	})
}

func exists(*unstructured.Unstructured) bool { return true }

// wantNoWarnings fails for each Event of type Warning about the object, but for those of some reasons, and for one that an
// issuer isn't ready: certshim may see that it is a moment after the test.
func wantNoWarnings(t *testing.T, namespace, name string, but ...string) {
	t.Helper()
	list, err := shared.Dynamic.Resource(cluster.Events()).Namespace(namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range list.Items {
		event := &list.Items[i]
		reason := fmt.Sprint(field(event, "reason"))
		if field(event, "regarding|name") == name && field(event, "type") == "Warning" && !slices.Contains(append(but, "IssuerNotReady", "IssuerNotFound"), reason) {
			t.Errorf("Event about %s: %s: %v", name, reason, field(event, "note"))
		}
	}
}
