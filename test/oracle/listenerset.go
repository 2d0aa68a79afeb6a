package oracle

import (
	"context"
	_ "unsafe" // for go:linkname

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	gwlisters "sigs.k8s.io/gateway-api/pkg/client/listers/apis/v1"

	shim "github.com/cert-manager/cert-manager/pkg/controller/certificate-shim"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificate-shim/listenerset" // has processItem
)

// listenerSetController has the fields of upstream's controller, in its order. Upstream exports no way to one, and
// what a ListenerSet inherits is decided in that controller, not in the sync that all shims share. The tests of the
// inheritance hold the two together.
type listenerSetController struct {
	gateways     gwlisters.GatewayLister
	listenerSets gwlisters.ListenerSetLister
	sync         shim.SyncFn
	_            workqueue.TypedRateLimitingInterface[types.NamespacedName]
}

//go:linkname processItem github.com/cert-manager/cert-manager/pkg/controller/certificate-shim/listenerset.(*controller).ProcessItem
func processItem(c *listenerSetController, ctx context.Context, key types.NamespacedName) error

func processListenerSet(ctx context.Context, caches *caches, sync shim.SyncFn, key types.NamespacedName) error {
	return processItem(&listenerSetController{
		gateways:     caches.gateways,
		listenerSets: caches.listenerSets,
		sync:         sync,
	}, ctx, key)
}
