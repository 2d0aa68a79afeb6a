package simulated

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/certshim/certshim/test/cluster"
)

const shop = "shop"

// asked is a request, made of what is there at the time. Where it is nil, nothing is asked.
type asked struct {
	name string
	send func(t *testing.T, c dynamic.ResourceInterface, live *unstructured.Unstructured) (*unstructured.Unstructured, error)
}

// applied is an apply of a Certificate, with changes to its configuration.
func applied(name, manager string, force bool, change func(config, live *unstructured.Unstructured)) asked {
	return asked{name, func(t *testing.T, c dynamic.ResourceInterface, live *unstructured.Unstructured) (*unstructured.Unstructured, error) {
		config := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": map[string]any{"namespace": shop, "name": "tls"},
			"spec": map[string]any{},
		}}
		change(config, live)
		text, err := json.Marshal(config.Object)
		if err != nil {
			t.Fatal(err)
		}
		return c.Patch(t.Context(), "tls", types.ApplyPatchType, text, metav1.PatchOptions{FieldManager: manager, Force: &force})
	}}
}

// ours is what certshim applies. The owner is of a kind that isn't served, so that the garbage collector of the real
// control plane doesn't miss it.
func ours(config *unstructured.Unstructured) {
	config.SetLabels(map[string]string{"app": "web"})
	config.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "example.com/v1", Kind: "Owner", Name: "x", UID: "6c3b2a1e-0000-4000-8000-000000000001"}})
	config.Object["spec"] = map[string]any{
		"secretName": "tls", "dnsNames": []any{"a.example.com"}, "duration": "2160h0m0s", "usages": []any{"server auth"},
		"issuerRef":  map[string]any{"group": "cert-manager.io", "kind": "Issuer", "name": "ca"},
		"privateKey": map[string]any{"algorithm": "ECDSA"},
	}
}

func patch(name string, kind types.PatchType, manager, text string) asked {
	return asked{name, func(t *testing.T, c dynamic.ResourceInterface, _ *unstructured.Unstructured) (*unstructured.Unstructured, error) {
		return c.Patch(t.Context(), "tls", kind, []byte(text), metav1.PatchOptions{FieldManager: manager})
	}}
}

func deletion(name string, only func(live *unstructured.Unstructured) *metav1.Preconditions) asked {
	return asked{name, func(t *testing.T, c dynamic.ResourceInterface, live *unstructured.Unstructured) (*unstructured.Unstructured, error) {
		return nil, c.Delete(t.Context(), "tls", metav1.DeleteOptions{Preconditions: only(live)})
	}}
}

func requests() []asked {
	stranger, old := types.UID("6c3b2a1e-0000-4000-8000-00000000dead"), "1"
	just := func(config, _ *unstructured.Unstructured) { ours(config) }
	return []asked{
		applied("of what isn't there, by a uid", "certshim", false, func(config, _ *unstructured.Unstructured) { ours(config); config.SetUID(stranger) }),
		applied("that creates", "certshim", false, func(config, _ *unstructured.Unstructured) { ours(config); config.SetResourceVersion("1") }),
		applied("that would create again", "certshim", false, func(config, _ *unstructured.Unstructured) { ours(config); config.SetResourceVersion("1") }),
		applied("of the same", "certshim", false, just),
		applied("by another uid", "certshim", false, func(config, _ *unstructured.Unstructured) { ours(config); config.SetUID(stranger) }),
		applied("by its uid, of less", "certshim", false, func(config, live *unstructured.Unstructured) {
			ours(config)
			config.SetUID(live.GetUID())
			unstructured.RemoveNestedField(config.Object, "spec", "privateKey")
		}),
		patch("a label and a duration by hand", types.MergePatchType, "kubectl-edit", `{"metadata":{"labels":{"mine":"too"}},"spec":{"duration":"100h0m0s"}}`),
		applied("against an update", "certshim", false, just),
		applied("by force, with an old resourceVersion", "certshim", true, func(config, live *unstructured.Unstructured) { ours(config); config.SetResourceVersion("1") }),
		applied("by force", "certshim", true, func(config, live *unstructured.Unstructured) {
			ours(config)
			config.SetUID(live.GetUID())
			config.SetResourceVersion(live.GetResourceVersion())
		}),
		applied("of another manager, against ours", "helm", false, func(config, _ *unstructured.Unstructured) {
			config.Object["spec"] = map[string]any{"duration": "300h0m0s"}
		}),
		applied("of another manager, of an equal value", "helm", false, func(config, _ *unstructured.Unstructured) {
			config.Object["spec"] = map[string]any{"duration": "2160h0m0s"}
		}),
		applied("of less than is shared", "certshim", false, func(config, _ *unstructured.Unstructured) {
			ours(config)
			unstructured.RemoveNestedField(config.Object, "spec", "duration")
		}),
		patch("a JSON patch whose test fails", types.JSONPatchType, "certshim", `[{"op":"test","path":"/spec/secretName","value":"other"},{"op":"remove","path":"/spec/usages"}]`),
		patch("a JSON patch of managedFields", types.JSONPatchType, "certshim", `[{"op":"remove","path":"/metadata/managedFields/1"}]`),
		patch("nothing by hand", types.MergePatchType, "kubectl-edit", `{"metadata":{"labels":{"mine":"too"}}}`),
		deletion("by another uid", func(*unstructured.Unstructured) *metav1.Preconditions { return &metav1.Preconditions{UID: &stranger} }),
		deletion("by an old resourceVersion", func(*unstructured.Unstructured) *metav1.Preconditions {
			return &metav1.Preconditions{ResourceVersion: &old}
		}),
		deletion("by its uid", func(live *unstructured.Unstructured) *metav1.Preconditions {
			uid := live.GetUID()
			return &metav1.Preconditions{UID: &uid}
		}),
		deletion("of what has gone", func(*unstructured.Unstructured) *metav1.Preconditions { return nil }),
		patch("of what has gone", types.MergePatchType, "kubectl-edit", `{"metadata":{"labels":{"mine":"too"}}}`),
	}
}

// The same requests to both have the same answers, uids, times and resourceVersions excepted.
func TestAnswersAsTheAPIServer(t *testing.T) {
	server := cluster.Start(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	of := emptyAPI(t)
	simulated, err := dynamic.NewForConfig(&rest.Config{Host: "http://simulated", Transport: of})
	if err != nil {
		t.Fatal(err)
	}
	var answers [2][]any
	forget := []func(){func() {}, func() {
		of.lock.Lock()
		defer of.lock.Unlock()
		of.compact()
	}}
	for i, client := range []dynamic.Interface{server.Dynamic, simulated} {
		namespaces := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"})
		namespace := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": shop}}}
		if _, err := namespaces.Create(t.Context(), namespace, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		answers[i] = slices.Concat(ask(t, client), leases(t, client), madeSources(t, client))
		forget[i]()
		answers[i] = append(answers[i], expiry(t, client))
	}
	for i := range answers[0] {
		if diff := cmp.Diff(answers[0][i], answers[1][i]); diff != "" {
			t.Errorf("answer %d (-API server +simulated):\n%s", i, diff)
		}
	}
}

// ask sends the requests about a Certificate, and tells its answers and what two watches showed of them.
func ask(t *testing.T, client dynamic.Interface) (answers []any) {
	t.Helper()
	c := client.Resource(Certificates()).Namespace(shop)
	before, err := c.List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range requests() {
		live, err := c.Get(t.Context(), "tls", metav1.GetOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			t.Fatal(err)
		}
		got, err := r.send(t, c, live)
		answers = append(answers, map[string]any{"request": r.name, "answer": masked(got), "error": refusal(err), "unchanged": got != nil && err == nil && live != nil && got.GetResourceVersion() == live.GetResourceVersion()})
	}
	answers = append(answers, events(t, c, metav1.ListOptions{ResourceVersion: before.GetResourceVersion()}, watch.Deleted))
	if _, err := requests()[1].send(t, c, nil); err != nil {
		t.Fatal(err)
	}
	initial := true
	return append(answers, events(t, c, metav1.ListOptions{
		SendInitialEvents: &initial, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan, AllowWatchBookmarks: true,
	}, watch.Bookmark))
}

// events are what a watch shows, up to the first event of a kind.
func events(t *testing.T, c dynamic.ResourceInterface, options metav1.ListOptions, last watch.EventType) (shown []any) {
	t.Helper()
	w, err := c.Watch(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	for event := range w.ResultChan() {
		object, is := event.Object.(*unstructured.Unstructured)
		if !is {
			t.Fatalf("%s: %v", event.Type, event.Object)
		}
		if event.Type == watch.Bookmark {
			object = &unstructured.Unstructured{Object: map[string]any{"kind": object.GetKind(), "metadata": map[string]any{"annotations": object.Object["metadata"].(map[string]any)["annotations"]}}}
		}
		shown = append(shown, map[string]any{"type": string(event.Type), "object": masked(object)})
		if event.Type == last {
			break
		}
	}
	return shown
}

// leases are an update by an old version, and creates of what is there, of a Lease and of an Event.
func leases(t *testing.T, client dynamic.Interface) (answers []any) {
	t.Helper()
	for _, object := range []map[string]any{
		{"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": map[string]any{"name": "one", "namespace": shop}, "spec": map[string]any{"holderIdentity": "a"}},
		{
			"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": map[string]any{"name": "one", "namespace": shop}, "eventTime": "2026-01-01T00:00:00.000000Z",
			"type": "Normal", "action": "Test", "reason": "Test", "note": "a", "reportingController": "certshim.io/test", "reportingInstance": "a",
			"regarding": map[string]any{"kind": "Ingress", "apiVersion": "networking.k8s.io/v1", "namespace": shop, "name": "web"},
		},
	} {
		gvk := schema.FromAPIVersionAndKind(object["apiVersion"].(string), object["kind"].(string))
		c := client.Resource(gvk.GroupVersion().WithResource(map[string]string{"Lease": "leases", "Event": "events"}[gvk.Kind])).Namespace(shop)
		made, err := c.Create(t.Context(), &unstructured.Unstructured{Object: object}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		_, again := c.Create(t.Context(), &unstructured.Unstructured{Object: object}, metav1.CreateOptions{})
		answers = append(answers, refusal(again))
		if gvk.Kind != "Lease" {
			continue
		}
		old := made.DeepCopy()
		made.Object["spec"] = map[string]any{"holderIdentity": "b"}
		_, first := c.Update(t.Context(), made, metav1.UpdateOptions{})
		_, second := c.Update(t.Context(), old, metav1.UpdateOptions{})
		answers = append(answers, refusal(first), refusal(second))
	}
	return answers
}

// madeSources are sources of each kind as people make them in a day, an edit of each, and what a watch shows of them. Who
// manages their fields isn't tracked.
func madeSources(t *testing.T, client dynamic.Interface) (answers []any) {
	t.Helper()
	for _, object := range []map[string]any{source(0), edge("team-00"), source(gatewayAt), source(listenerSetAt)} {
		made := &unstructured.Unstructured{Object: object}
		made.SetNamespace(shop)
		gvr := schema.GroupVersionResource{Group: made.GroupVersionKind().Group, Version: "v1", Resource: strings.ToLower(made.GetKind()) + "s"}
		if made.GetKind() == "Ingress" {
			gvr.Resource = "ingresses"
		}
		c := client.Resource(gvr).Namespace(shop)
		before, err := c.List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		stored, err := c.Create(t.Context(), made, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		setAsks(stored, []asking{{"other-tls", []string{"b.example.com", "c.example.com"}}})
		edited, err := c.Update(t.Context(), stored, metav1.UpdateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		_, again := c.Update(t.Context(), stored, metav1.UpdateOptions{})
		deleted := c.Delete(t.Context(), made.GetName(), metav1.DeleteOptions{})
		shown := events(t, c, metav1.ListOptions{ResourceVersion: before.GetResourceVersion()}, watch.Deleted)
		answers = append(answers, map[string]any{"edited": plain(edited), "again": refusal(again), "deleted": refusal(deleted), "shown": len(shown)})
	}
	return answers
}

// plain is an object without managedFields, and without the status that a controller of its kind may have begun.
func plain(object *unstructured.Unstructured) any {
	object = object.DeepCopy()
	object.SetManagedFields(nil)
	unstructured.RemoveNestedField(object.Object, "status")
	return masked(object)
}

// expiry is what a watch answers from where it can't go on.
func expiry(t *testing.T, client dynamic.Interface) any {
	t.Helper()
	w, err := client.Resource(Certificates()).Namespace(shop).Watch(t.Context(), metav1.ListOptions{ResourceVersion: "1"})
	if err != nil {
		return refusal(err)
	}
	defer w.Stop()
	event := <-w.ResultChan()
	return []any{event.Type, refusal(apierrors.FromObject(event.Object))}
}

// masked is an object without what no two servers have in common.
func masked(object *unstructured.Unstructured) any {
	if object == nil {
		return nil
	}
	object = object.DeepCopy()
	object.SetUID("")
	object.SetResourceVersion("")
	object.SetCreationTimestamp(metav1.Time{})
	fields := object.GetManagedFields()
	for i := range fields {
		fields[i].Time = nil
	}
	slices.SortFunc(fields, func(a, b metav1.ManagedFieldsEntry) int { return bytes.Compare([]byte(a.Manager), []byte(b.Manager)) })
	object.SetManagedFields(fields)
	return object.Object
}

// refusal is what a client goes by of an error.
func refusal(err error) string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return fmt.Sprint(err)
	}
	told := fmt.Sprintf("%d %s", status.Status().Code, status.Status().Reason)
	if details := status.Status().Details; details != nil {
		for _, cause := range details.Causes {
			told += fmt.Sprintf("; %s %s", cause.Type, cause.Field)
		}
	}
	return told
}
