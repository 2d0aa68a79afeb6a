package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
)

var apiServices = schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}

// BreakGroup lets the API server ask a Service that isn't there for a version of a group, until mend is called or the test ends. It
// returns once discovery of that version fails, and mend once it doesn't any more.
func (c *Cluster) BreakGroup(t *testing.T, group, version string) (mend func()) {
	t.Helper()
	services, name := c.Dynamic.Resource(apiServices), version+"."+group
	// Without the label, the API server leaves it so.
	const broken = `{"metadata":{"labels":{"kube-aggregator.kubernetes.io/automanaged":null}},
		"spec":{"service":{"namespace":"default","name":"missing"},"insecureSkipTLSVerify":true}}`
	if _, err := services.Patch(t.Context(), name, types.MergePatchType, []byte(broken), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	mend = sync.OnceFunc(func() {
		// The API server makes it anew for the group's CRDs.
		if err := services.Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
		if err := Await(context.Background(), name+" to answer", func(context.Context) error { return c.discovered(group, version) }); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(mend)
	err := Await(t.Context(), name+" to be down", func(context.Context) error {
		if c.discovered(group, version) == nil {
			return errors.New("it answers")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return mend
}

// discovered asks for what a version of a group serves, as certshim does.
func (c *Cluster) discovered(group, version string) error {
	client, err := discovery.NewDiscoveryClientForConfig(c.Config)
	if err != nil {
		return err
	}
	_, lists, err := client.ServerGroupsAndResources()
	if err == nil && !slices.ContainsFunc(lists, func(l *metav1.APIResourceList) bool { return l.GroupVersion == group+"/"+version }) {
		err = fmt.Errorf("%s/%s isn't served", group, version)
	}
	return err
}
