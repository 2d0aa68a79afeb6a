package cluster

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/inventory"
)

// What defines the kinds that come and go: CRDs, and APIServices for servers behind the API server, such as that of
// OpenShift's Routes.
var (
	crds        = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	apiServices = schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}
)

// Discovery follows a change of these by a moment, so the server is asked several times after
// one; where they can't be watched, it is asked every pollPeriod.
const (
	pollPeriod  = time.Minute
	restPeriod  = 10 * time.Minute
	retryPeriod = 5 * time.Second
	// maxRetryPeriod bounds the delays, each twice the one before, after which a group that doesn't answer is asked again.
	maxRetryPeriod = time.Minute
)

// discoveryTimeout bounds one question.
const discoveryTimeout = 32 * time.Second

func delaysAfterChange() []time.Duration {
	return []time.Duration{300 * time.Millisecond, time.Second, 4 * time.Second, 10 * time.Second}
}

// Discovery asks the API server what it serves, and knows when to ask again. Its methods are
// called from one goroutine.
type Discovery struct {
	connection *Connection
	log        *slog.Logger
	changed    chan struct{}
	crds       cache.SharedIndexInformer
	services   cache.SharedIndexInformer
	// pending are the delays until the next questions.
	pending []time.Duration
	// schemaVersion is the resourceVersion of the Certificate CRD whose fields these are.
	schemaVersion string
	fields        inventory.Fields
	failing       bool
	// unknown are the groups that matter and could not be asked the last time, and retry the delay until they are asked again.
	unknown map[string]bool
	retry   time.Duration
	// linted are the source types that were compared with their definitions, by origin and name.
	linted map[string]linted
}

// NewDiscovery asks nothing yet.
func NewDiscovery(connection *Connection, log *slog.Logger) (*Discovery, error) {
	d := &Discovery{connection: connection, log: log, changed: make(chan struct{}, 1), unknown: map[string]bool{}, linted: map[string]linted{}}
	// Of both, their identity is enough: it tells that one is there, and when it changes.
	client, err := connection.Dynamic([]string{}, nil)
	if err != nil {
		return nil, err
	}
	d.crds, d.services = d.informer(client, crds), d.informer(client, apiServices)
	return d, nil
}

func (d *Discovery) informer(client dynamic.Interface, resource schema.GroupVersionResource) cache.SharedIndexInformer {
	informer := NewInformer(client, Resource{GVR: resource}, "", Watching{})
	// It fails only for an informer that has ended.
	_, _ = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { d.noteChange() },
		UpdateFunc: func(_, _ any) { d.noteChange() },
		DeleteFunc: func(any) { d.noteChange() },
	})
	return informer
}

// noteChange leaves a signal.
func (d *Discovery) noteChange() {
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

// Run watches what defines kinds until the context ends.
func (d *Discovery) Run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { d.crds.RunWithContext(ctx) })
	running.Go(func() { d.services.RunWithContext(ctx) })
	running.Wait()
}

// Changed gives a signal after definitions of kinds have changed. Who gets it calls FollowChange.
func (d *Discovery) Changed() <-chan struct{} { return d.changed }

// FollowChange lets the next questions come soon.
func (d *Discovery) FollowChange() { d.pending = delaysAfterChange() }

// NextDelay is how long until the server should be asked again.
func (d *Discovery) NextDelay() time.Duration {
	switch {
	case len(d.pending) > 0:
		next := d.pending[0]
		d.pending = d.pending[1:]
		return next
	case d.failing:
		return retryPeriod
	case len(d.unknown) > 0:
		delay := d.retry
		d.retry = min(2*delay, maxRetryPeriod)
		return delay
	case d.crds.HasSynced() && d.services.HasSynced():
		return restPeriod
	}
	return pollPeriod
}

// Ask reads what is served. It is false for an answer that can't be had, which is logged once;
// what was known before is then still the best there is. Of the groups that matter it logs which
// can't be asked, and asks again soon.
func (d *Discovery) Ask(ctx context.Context, matters map[string]bool) (inventory.Facts, bool) {
	ctx, cancel := context.WithTimeout(ctx, discoveryTimeout)
	defer cancel()
	lists, unknown, err := d.connection.discover(ctx)
	d.logOutcome(ctx, err)
	if err != nil {
		return inventory.Facts{}, false
	}
	d.follow(unknown, matters)
	return inventory.Facts{
		Served:     inventory.ReadDiscovery(lists, unknown, d.customResources()),
		Fields:     d.certificateFields(ctx),
		Unanswered: unknown,
	}, true
}

// Facts reads once what is served, with nothing running. It is for programs that end.
func (c *Connection) Facts(ctx context.Context) (inventory.Facts, error) {
	lists, unknown, err := c.discover(ctx)
	if err != nil {
		return inventory.Facts{}, fmt.Errorf("ask the API server which kinds it serves: %w", err)
	}
	fields, _ := c.schemaFields(ctx)
	return inventory.Facts{Served: inventory.ReadDiscovery(lists, unknown, c.listCustom(ctx)), Fields: fields, Unanswered: unknown}, nil
}

// listCustom gives the resources that CRDs define; nil where they can't be listed.
func (c *Connection) listCustom(ctx context.Context) map[schema.GroupResource]bool {
	custom := map[schema.GroupResource]bool{}
	err := List(ctx, c, Resource{GVR: crds, Paths: []string{}}, "", func(object any) error {
		if crd, isObject := object.(metav1.Object); isObject {
			custom[schema.ParseGroupResource(crd.GetName())] = true
		}
		return nil
	})
	if err != nil {
		return nil
	}
	return custom
}

// discover reads the lists of all groups; those that can't be read are unknown.
func (c *Connection) discover(ctx context.Context) (_ []*metav1.APIResourceList, unknown map[schema.GroupVersion]error, _ error) {
	// The client for discovery takes no context, so that its transport brings it.
	over := *c.http
	over.Transport = inContext{ctx: ctx, next: transportOf(c.http)}
	client, err := discovery.NewDiscoveryClientForConfigAndClient(c.config, &over)
	if err != nil {
		return nil, nil, err
	}
	groups, lists, err := client.ServerGroupsAndResources()
	var partly *discovery.ErrGroupDiscoveryFailed
	if errors.As(err, &partly) && ctx.Err() == nil {
		unknown, err = partly.Groups, nil
	}
	return inOrder(groups, lists), unknown, err
}

// inOrder sorts lists as their groups come, and within a group by its preference: client-go
// gives them in no order.
func inOrder(groups []*metav1.APIGroup, lists []*metav1.APIResourceList) []*metav1.APIResourceList {
	var versions []string
	for _, group := range groups {
		versions = append(versions, group.PreferredVersion.GroupVersion)
		for _, version := range group.Versions {
			versions = append(versions, version.GroupVersion)
		}
	}
	place := func(list *metav1.APIResourceList) int {
		if i := slices.Index(versions, list.GroupVersion); i >= 0 {
			return i
		}
		return len(versions)
	}
	slices.SortStableFunc(lists, func(a, b *metav1.APIResourceList) int { return cmp.Compare(place(a), place(b)) })
	return lists
}

// inContext sends every request in a context. It lives for one question.
type inContext struct {
	ctx  context.Context
	next http.RoundTripper
}

func (t inContext) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(r.WithContext(t.ctx))
	if err == nil && response.StatusCode >= http.StatusBadRequest {
		err = inWords(response)
	}
	return response, err
}

// maxStatus is far more than a Status has.
const maxStatus = 1 << 16

// inWords replaces a Status by its message: of an answer that is no text, the client for discovery says "unknown".
func inWords(response *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxStatus))
	_ = response.Body.Close()
	if err != nil {
		return err
	}
	var status metav1.Status
	if json.Unmarshal(body, &status) == nil && status.Message != "" {
		body = []byte(status.Message)
		response.Header.Set("Content-Type", "text/plain")
	}
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return nil
}

// customResources are those that CRDs define, which are named after them; nil while they
// aren't known.
func (d *Discovery) customResources() map[schema.GroupResource]bool {
	if !d.crds.HasSynced() {
		return nil
	}
	custom := map[schema.GroupResource]bool{}
	for _, name := range d.crds.GetStore().ListKeys() {
		custom[schema.ParseGroupResource(name)] = true
	}
	return custom
}

func (d *Discovery) logOutcome(ctx context.Context, err error) {
	if err != nil && !errors.Is(ctx.Err(), context.Canceled) && !d.failing {
		d.log.Warn("the cluster can't be asked what it serves", "error", err)
	}
	if err == nil && d.failing {
		d.log.Info("the cluster says again what it serves")
	}
	d.failing = err != nil
}

// follow logs once which groups can't be asked, and which answer again.
func (d *Discovery) follow(unknown map[schema.GroupVersion]error, matters map[string]bool) {
	errs := map[string]error{}
	for version, err := range unknown {
		if matters[version.Group] {
			errs[version.Group] = err
		}
	}
	for _, group := range slices.Sorted(maps.Keys(errs)) {
		if !d.unknown[group] {
			d.log.Warn("an API group can't be asked what it serves", "group", group, "error", errs[group])
			d.unknown[group], d.retry = true, retryPeriod
		}
	}
	for _, group := range slices.Sorted(maps.Keys(d.unknown)) {
		if errs[group] == nil {
			d.log.Info("an API group says again what it serves", "group", group)
			delete(d.unknown, group)
		}
	}
}

// certificateFields reads the schema of the Certificate CRD, once for each version of it.
func (d *Discovery) certificateFields(ctx context.Context) inventory.Fields {
	name := certificate.Resource().GroupResource().String()
	item, found, _ := d.crds.GetStore().GetByKey(name)
	if known, isObject := item.(metav1.Object); found && isObject && known.GetResourceVersion() == d.schemaVersion {
		return d.fields
	}
	d.fields, d.schemaVersion = d.connection.schemaFields(ctx)
	return d.fields
}

// schemaFields reads the schema of the Certificate CRD, of which it gives the resourceVersion,
// too. Where it can't be read, the fields are nil.
func (c *Connection) schemaFields(ctx context.Context) (_ inventory.Fields, resourceVersion string) {
	client, err := c.Dynamic([]string{"spec.versions"}, nil)
	if err != nil {
		return nil, ""
	}
	resource := certificate.Resource()
	crd, err := client.Resource(crds).Get(ctx, resource.GroupResource().String(), metav1.GetOptions{})
	if err != nil {
		return nil, ""
	}
	return inventory.SchemaFields(crd.Object, resource.Version), crd.GetResourceVersion()
}
