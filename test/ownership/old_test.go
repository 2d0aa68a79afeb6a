package ownership

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/test/cluster"
)

// old is a version of Certificates that the cluster serves for a while, as cert-manager before 1.6 did.
const old = "v1alpha2"

// oneIn is how many histories there are for one that begins with an entry of the old version.
const oneIn = 5

// age makes Certificates while the old version is served, and has another manager write them in it: by name, each out
// of what its number gives. When it returns the version is no longer served.
func (p *players) age(t *testing.T, aged map[string]int) {
	t.Helper()
	ctx := t.Context()
	inOld := shared.Dynamic.Resource(cluster.Certificates().GroupResource().WithVersion(old)).Namespace(p.namespace)
	if err := serveOld(ctx, true); err != nil {
		t.Fatal(err)
	}
	served := func(want bool) {
		t.Helper()
		err := cluster.Poll(ctx, fmt.Sprintf("%s to be served: %t", old, want), func(ctx context.Context) (bool, error) {
			_, err := inOld.List(ctx, metav1.ListOptions{Limit: 1})
			return (err == nil) == want, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	served(true)
	for name, i := range aged {
		h := &history{target: target{p.client, name}, owners: p.owners}
		r := rand.New(rand.NewPCG(uint64(i), 9))
		if err := h.make(ctx, h.config(r, true), i%2 == 0); err != nil {
			t.Fatal(err)
		}
		part := h.config(r, false)
		part["apiVersion"] = "cert-manager.io/" + old
		put(part, "metadata/labels/"+old, "yes")
		if _, err := (target{inOld, h.name}).apply(ctx, part, "helm", true); err != nil && !apierrors.IsInvalid(err) {
			t.Fatal(err)
		}
	}
	if err := serveOld(ctx, false); err != nil {
		t.Fatal(err)
	}
	served(false)
}

// serveOld adds the old version to the definition of Certificates, or takes it out.
func serveOld(ctx context.Context, serve bool) error {
	client := shared.Dynamic.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	definition, err := client.Get(ctx, "certificates.cert-manager.io", metav1.GetOptions{})
	if err != nil {
		return err
	}
	versions, _, err := unstructured.NestedSlice(definition.Object, "spec", "versions")
	if err != nil || len(versions) == 0 {
		return errors.Join(err, errors.New("the definition has no versions"))
	}
	versions = versions[:1]
	if serve {
		version := runtime.DeepCopyJSON(versions[0].(map[string]any))
		version["name"], version["storage"] = old, false
		versions = append(versions, version)
	}
	if err := unstructured.SetNestedSlice(definition.Object, versions, "spec", "versions"); err != nil {
		return err
	}
	_, err = client.Update(ctx, definition, metav1.UpdateOptions{})
	return err
}
