package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/source"
	"github.com/certshim/certshim/test/cluster"
)

// definitionOf is a CRD for the kind of a source type, whose objects may hold anything.
func definitionOf(of source.Type) string {
	var versions strings.Builder
	for i, version := range of.Versions {
		fmt.Fprintf(&versions, `
  - name: %s
    served: true
    storage: %t
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}`, version, i == 0)
	}
	return fmt.Sprintf(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: %[1]s.%[2]s}
spec:
  group: %[2]s
  names: {kind: %[3]s, plural: %[1]s}
  scope: Namespaced
  versions:%[4]s
`, of.Resource, of.Group, of.Kind, versions.String())
}

func shippedTypes(t *testing.T) []source.Type {
	t.Helper()
	types, err := source.ShippedTypes()
	if err != nil {
		t.Fatal(err)
	}
	return types
}

// exampleIn is the example of a type in a namespace, with an issuer that is there.
func exampleIn(t *testing.T, of source.Type, namespace string) *unstructured.Unstructured {
	t.Helper()
	text, err := yaml.Marshal(declaration.AsJSON(of.Example))
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(strings.ReplaceAll(string(text), "namespace: "+fmt.Sprint(of.Example["metadata"].(map[string]any)["namespace"]), "namespace: "+namespace)), &u.Object); err != nil {
		t.Fatal(err)
	}
	u.SetAnnotations(annotations{issuerKey: "ca"})
	return u
}

// Each type of the catalogue: an object gets its Certificate, an edit reaches it, and an entry that is
// removed takes it along.
func TestKindsOfTheCatalogue(t *testing.T) {
	// All kinds at once: admission hears of a new kind half a minute after its CRD at the latest, and refuses until then
	// what has an owner of the kind.
	for _, of := range shippedTypes(t) {
		shared.define(t, definitionOf(of))
	}
	for _, of := range shippedTypes(t) {
		t.Run(of.ID, func(t *testing.T) {
			t.Parallel()
			namespace := shared.Namespace(t)
			shared.Issuer(t, namespace, "ca")
			certificates := shared.Watch(t, cluster.Certificates(), namespace)

			client := shared.Dynamic.Resource(schema.GroupVersionResource{Group: of.Group, Version: of.Versions[0], Resource: of.Resource}).Namespace(namespace)
			object := exampleIn(t, of, namespace)
			secret, hosts := entryOf(t, of, object)
			createServed(t, client, object)
			made := certificates.Ready(t, secret)
			if got, _, _ := unstructured.NestedStringSlice(made.Object, "spec", "dnsNames"); !slices.Equal(got, hosts) {
				t.Errorf("the Certificate is for %v, want %v", got, hosts)
			}
			if owner := metav1.GetControllerOf(made); owner == nil || owner.Kind != of.Kind || owner.APIVersion != of.Group+"/"+of.Versions[0] {
				t.Errorf("its owner is %+v", owner)
			}
			patch := `{"metadata":{"annotations":{"cert-manager.io/duration":"720h"}}}`
			if _, err := client.Patch(t.Context(), object.GetName(), "application/merge-patch+json", []byte(patch), metav1.PatchOptions{}); err != nil {
				t.Fatal(err)
			}
			certificates.Object(t, secret, "to have the duration", func(c *unstructured.Unstructured) bool {
				duration, _, _ := unstructured.NestedString(c.Object, "spec", "duration")
				return duration == "720h0m0s" || duration == "720h"
			})
			if _, err := client.Patch(t.Context(), object.GetName(), "application/merge-patch+json", []byte(`{"spec":null}`), metav1.PatchOptions{}); err != nil {
				t.Fatal(err)
			}
			certificates.Gone(t, secret)
		})
	}
}

// createServed creates an object once its kind, whose CRD was just made, is served.
func createServed(t *testing.T, client dynamic.ResourceInterface, object *unstructured.Unstructured) {
	t.Helper()
	err := poll(t.Context(), "the kind "+object.GetKind()+" to be served", func() (bool, error) {
		_, err := client.Create(t.Context(), object, metav1.CreateOptions{})
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return true, err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// entryOf is what a type reads of an object.
func entryOf(t *testing.T, of source.Type, object *unstructured.Unstructured) (secret string, hosts []string) {
	t.Helper()
	kind, err := source.Declared(of, nil)
	if err != nil {
		t.Fatal(err)
	}
	reduced, err := kind.Reduce(object.DeepCopy())
	if err != nil || len(reduced.Entries) != 1 {
		t.Fatalf("%+v, %v", reduced, err)
	}
	return reduced.Entries[0].Secrets[0].Name, reduced.Entries[0].Hosts
}

// A Secret that the expression no longer gives, and that the object still mentions, keeps its
// Certificate. What the expression can't read keeps everything.
func TestADeclaredObjectThatMentionsASecretKeepsIt(t *testing.T) {
	types := shippedTypes(t)
	of := types[slices.IndexFunc(types, func(of source.Type) bool { return of.ID == "contour-httpproxy" })]
	namespace := shared.Namespace(t)
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	events := shared.Watch(t, cluster.Events(), namespace)
	shared.define(t, definitionOf(of))
	client := shared.Dynamic.Resource(schema.GroupVersionResource{Group: of.Group, Version: "v1", Resource: of.Resource}).Namespace(namespace)
	object := exampleIn(t, of, namespace)
	createServed(t, client, object)
	certificates.Object(t, "wiki-tls", "to be made", exists)
	edit := func(patch string) {
		t.Helper()
		if _, err := client.Patch(t.Context(), object.GetName(), "application/merge-patch+json", []byte(patch), metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	edit(`{"spec":{"virtualhost":{"tls":{"secretName":7}}}}`)
	awaitWarning(t, events, "wiki", "BadConfig")
	edit(`{"spec":{"virtualhost":{"tls":{"secretName":"other-tls"}},"routes":[{"note":"certs/wiki-tls"}]}}`)
	certificates.Object(t, "other-tls", "to be made", exists)
	shared.settled(t, namespace)
	if _, there := certificates.State()["wiki-tls"]; !there {
		t.Error("the Certificate of a Secret that is mentioned was deleted")
	}
	edit(`{"spec":{"routes":[]}}`)
	certificates.Gone(t, "wiki-tls")
}

// The command lists what the cluster has.
func TestSourcesOfTheClusterAreListed(t *testing.T) {
	types := shippedTypes(t)
	of := types[slices.IndexFunc(types, func(of source.Type) bool { return of.ID == "skipper-routegroup" })]
	namespace := shared.Namespace(t)
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	shared.define(t, definitionOf(of))
	client := shared.Dynamic.Resource(schema.GroupVersionResource{Group: of.Group, Version: "v1", Resource: of.Resource}).Namespace(namespace)
	createServed(t, client, exampleIn(t, of, namespace))
	certificates.Object(t, "retail-tls", "to be made", exists)
	list := shared.command(t, "sources")
	wantRow(t, list, "Skipper RouteGroup", "RouteGroup", "zalando.org", "active", "1", "1", "catalogue/skipper-routegroup")
	wantRow(t, list, "Contour HTTPProxy", "HTTPProxy", "projectcontour.io", "not served", "-", "-", "catalogue/contour-httpproxy")
	wantIn(t, shared.command(t, "plan", "routegroup/shop", "-n", namespace), "none")
}

// wantRow looks for a row of a table.
func wantRow(t *testing.T, table string, columns ...string) {
	t.Helper()
	for line := range strings.Lines(table) {
		if slices.Equal(columnsOf(line), columns) {
			return
		}
	}
	t.Errorf("no row %q in\n%s", columns, table)
}

// columnsOf are what two blanks or more separate.
func columnsOf(line string) []string {
	var columns []string
	for _, column := range strings.Split(strings.TrimSpace(line), "  ") {
		if column = strings.TrimSpace(column); column != "" {
			columns = append(columns, column)
		}
	}
	return columns
}
