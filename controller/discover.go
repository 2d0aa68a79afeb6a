package controller

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"

	"github.com/certshim/certshim/certificate"
)

var crds = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// Discovery follows a CRD's change by a moment, so it is asked several times after one;
// where CRDs can't be watched, it is asked every pollPeriod.
const (
	pollPeriod  = time.Minute
	restPeriod  = 10 * time.Minute
	retryPeriod = 5 * time.Second
)

func delaysAfterChange() []time.Duration {
	return []time.Duration{300 * time.Millisecond, time.Second, 4 * time.Second, 10 * time.Second}
}

// discoverer knows what the cluster serves.
type discoverer struct {
	connection *connection
	log        *slog.Logger
	facts      atomic.Pointer[clusterFacts]
	changed    chan struct{}
	crds       cache.SharedIndexInformer
	// pending are the delays until the next questions.
	pending []time.Duration
	// schemaVersion is the resourceVersion of the Certificate CRD that was read.
	schemaVersion string
	fields        certificate.Fields
	failing       bool
}

func newDiscoverer(connection *connection, log *slog.Logger) *discoverer {
	d := &discoverer{connection: connection, log: log, changed: make(chan struct{}, 1)}
	d.facts.Store(&clusterFacts{})
	d.crds = metadatainformer.NewFilteredMetadataInformer(connection.metadata, crds, "", 0, cache.Indexers{}, nil).Informer()
	// These fail only for an informer that runs already.
	_ = d.crds.SetTransform(onlyVersion)
	_ = d.crds.SetWatchErrorHandlerWithContext(func(context.Context, *cache.Reflector, error) {})
	_, _ = d.crds.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { poke(d.changed) },
		UpdateFunc: func(_, _ any) { poke(d.changed) },
		DeleteFunc: func(any) { poke(d.changed) },
	})
	return d
}

// onlyVersion keeps of a CRD's metadata its name and resourceVersion.
func onlyVersion(o any) (any, error) {
	if object, isMetadata := o.(*metav1.PartialObjectMetadata); isMetadata {
		return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
			Name: object.Name, UID: object.UID, ResourceVersion: object.ResourceVersion,
		}}, nil
	}
	return o, nil
}

// poke leaves a signal in a channel of length one.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// noteChange plans the questions after a change.
func (d *discoverer) noteChange() { d.pending = delaysAfterChange() }

// nextDelay is how long until the cluster should be asked again.
func (d *discoverer) nextDelay() time.Duration {
	switch {
	case len(d.pending) > 0:
		next := d.pending[0]
		d.pending = d.pending[1:]
		return next
	case d.failing:
		return retryPeriod
	case d.crds.HasSynced():
		return restPeriod
	}
	return pollPeriod
}

// ask reads what is served. An answer that can't be had leaves the old one standing, and
// is logged once.
func (d *discoverer) ask(ctx context.Context) {
	_, lists, err := d.connection.discovery.ServerGroupsAndResources()
	var partly *discovery.ErrGroupDiscoveryFailed
	if err != nil && !errors.As(err, &partly) {
		d.tell(ctx, err)
		return
	}
	d.tell(ctx, nil)
	facts := &clusterFacts{}
	if partly != nil {
		facts.served = readDiscovery(lists, partly.Groups)
	} else {
		facts.served = readDiscovery(lists, nil)
	}
	facts.served.custom = d.customResources()
	facts.fields = d.certificateFields(ctx)
	d.facts.Store(facts)
}

// customResources are those that CRDs make, which are named after them; nil while they aren't
// known.
func (d *discoverer) customResources() map[schema.GroupResource]bool {
	if !d.crds.HasSynced() {
		return nil
	}
	custom := map[schema.GroupResource]bool{}
	for _, name := range d.crds.GetStore().ListKeys() {
		custom[schema.ParseGroupResource(name)] = true
	}
	return custom
}

func (d *discoverer) tell(ctx context.Context, err error) {
	if ctx.Err() == nil && err != nil && !d.failing {
		d.log.Warn("the cluster can't be asked what it serves", "error", err)
	}
	if err == nil && d.failing {
		d.log.Info("the cluster says again what it serves")
	}
	d.failing = err != nil
}

// certificateFields reads the schema of the Certificate CRD, once for each version of it.
// Where CRDs can't be read, all fields are taken to be there.
func (d *discoverer) certificateFields(ctx context.Context) certificate.Fields {
	name := certificates.GroupResource().String()
	item, found, _ := d.crds.GetStore().GetByKey(name)
	known, isMetadata := item.(*metav1.PartialObjectMetadata)
	if found && isMetadata && known.ResourceVersion == d.schemaVersion {
		return d.fields
	}
	client, err := d.connection.dynamic("status", "metadata.managedFields")
	if err != nil {
		return nil
	}
	crd, err := client.Resource(crds).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		d.schemaVersion, d.fields = "", nil
		return nil
	}
	d.schemaVersion, d.fields = crd.GetResourceVersion(), schemaFields(crd.Object, certificates.Version)
	return d.fields
}
