package cluster

import (
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"

	"github.com/certshim/certshim/cluster/codec"
)

// clientsOf gives the same client for any paths.
type clientsOf struct{ dynamic.Interface }

func (c clientsOf) Dynamic([]string, codec.Reader) (dynamic.Interface, error) {
	return c.Interface, nil
}

// slow is a server of the resources a, with one object, and b; b can't be listed while it is
// down.
func slow(down *atomic.Bool) Clients {
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "g.a/v1", "kind": "Thing", "metadata": map[string]any{"name": "one"},
	}}
	client := fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{
		resourceOf("a"): "ThingList", resourceOf("b"): "ThingList",
	})
	if err := client.Tracker().Create(resourceOf("a"), object, ""); err != nil {
		panic(err)
	}
	client.PrependReactor("list", "b", func(clienttesting.Action) (bool, runtime.Object, error) {
		return down.Load(), nil, errors.New("etcd is slow")
	})
	return clientsOf{client}
}

func slowFeeds(down *atomic.Bool, looks *atomic.Int64) *Feeds {
	return &Feeds{Clients: slow(down), Look: func() { looks.Add(1) }, Log: slog.New(slog.DiscardHandler)}
}

// seenBy is a resource whose handler notes the names that it gets, of what its transform makes.
func seenBy(name string, seen *[]string) Resource {
	r := wanted(name, nil)
	r.Transform = func(o any) (any, error) {
		if object, isRaw := o.(*unstructured.Unstructured); isRaw {
			return &compact{metav1.ObjectMeta{Name: object.GetName(), ResourceVersion: object.GetResourceVersion()}}, nil
		}
		return o, nil
	}
	r.Handler = cache.ResourceEventHandlerFuncs{AddFunc: func(o any) { *seen = append(*seen, o.(*compact).Name) }}
	return r
}

// compact is what a transform makes of an object: no runtime.Object, but it has metadata.
type compact struct{ metav1.ObjectMeta }

// What isn't seen might yet come: nothing is handed on before every feed has its first list, or
// was waited for long enough. Time is that of the bubble.
func TestFeedsAreAttachedTogether(t *testing.T) {
	for _, recovers := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			var down atomic.Bool
			var looks atomic.Int64
			down.Store(true)
			w := slowFeeds(&down, &looks)
			defer w.Stop()
			var seen []string
			w.Update(t.Context(), []Resource{seenBy("a", &seen), seenBy("b", &seen)}, func(string) bool { return false })
			<-time.After(Patience / 2)
			if w.Attach(t.Context()); w.Attached(resourceOf("a")) || len(seen) > 0 || w.Ready() {
				t.Errorf("attached before all have synced: %v", seen)
			}
			if recovers {
				down.Store(false)
			}
			before := looks.Load()
			<-time.After(2 * Patience)
			if looks.Load() == before {
				t.Error("nobody was woken to look")
			}
			w.Attach(t.Context())
			if !w.Attached(resourceOf("a")) || !slices.Equal(seen, []string{"one"}) {
				t.Errorf("attached %v, seen %v", w.Attached(resourceOf("a")), seen)
			}
			if w.Attached(resourceOf("b")) != recovers || w.Ready() != recovers {
				t.Errorf("recovers %v: b attached %v, ready %v", recovers, w.Attached(resourceOf("b")), w.Ready())
			}
		})
	}
}
