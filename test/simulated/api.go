package simulated

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/watch"
)

// historyLength is how many events of a resource are kept for watches that begin later; an older start is answered by 410.
const historyLength = 1000

var errModified = errors.New("it isn't the object or the version that the request names")

// API holds objects as an API server does. Its methods may be called at the same time.
type API struct {
	lock      sync.Mutex
	revision  int64
	made      int64
	resources map[schema.GroupVersionResource]*resource
	// fields know who manages which field of a Certificate.
	fields *managedfields.FieldManager
	// onWrite is called, with the lock held, for each write that changed something.
	onWrite func(Write)
	// agent is the User-Agent of the request that is answered; empty for what is done without one.
	agent string
}

// Write is a request that changed something.
type Write struct {
	Verb, Manager, Agent string
	Resource             schema.GroupVersionResource
	// Before and After are the object; nil where there was or is none. They must not be changed.
	Before, After *unstructured.Unstructured
}

type resource struct {
	gvr        schema.GroupVersionResource
	kind       schema.GroupVersionKind
	namespaced bool
	objects    map[types.NamespacedName]*unstructured.Unstructured
	history    []event
	// forgotten is the revision of the last event that isn't in the history any more.
	forgotten int64
	watches   map[*stream]bool
}

// event is a change. Object is as it is after it, or, where it is gone, as it was.
type event struct {
	kind     watch.EventType
	revision int64
	object   *unstructured.Unstructured
}

// New returns an API that serves what certshim reads and writes, and holds nothing. The schema of Certificates is that of
// their definition, which is one of those given.
func New(definitions []*unstructured.Unstructured) (*API, error) {
	for _, definition := range definitions {
		if definition.GetName() != Certificates().GroupResource().String() {
			continue
		}
		fields, err := newFields(definition)
		return newAPI(fields), err
	}
	return nil, errors.New("the definition of Certificates isn't among those given")
}

func newAPI(fields *managedfields.FieldManager) *API {
	a := &API{fields: fields, resources: map[schema.GroupVersionResource]*resource{}, revision: 1, onWrite: func(Write) {}}
	for _, r := range served() {
		a.resources[r.gvr] = &r
	}
	return a
}

// served are those that are served.
func served() []resource {
	of := func(group, plural, kind string, namespaced bool) resource {
		gv := schema.GroupVersion{Group: group, Version: "v1"}
		return resource{
			gvr: gv.WithResource(plural), kind: gv.WithKind(kind), namespaced: namespaced,
			objects: map[types.NamespacedName]*unstructured.Unstructured{}, watches: map[*stream]bool{},
		}
	}
	return []resource{
		of("", "namespaces", "Namespace", false),
		of("networking.k8s.io", "ingresses", "Ingress", true),
		of("gateway.networking.k8s.io", "gateways", "Gateway", true),
		of("gateway.networking.k8s.io", "listenersets", "ListenerSet", true),
		of("gateway.networking.k8s.io", "referencegrants", "ReferenceGrant", true),
		of("cert-manager.io", "certificates", "Certificate", true),
		of("cert-manager.io", "issuers", "Issuer", true),
		of("cert-manager.io", "clusterissuers", "ClusterIssuer", false),
		of("coordination.k8s.io", "leases", "Lease", true),
		of("events.k8s.io", "events", "Event", true),
		of("apiextensions.k8s.io", "customresourcedefinitions", "CustomResourceDefinition", false),
		of("apiregistration.k8s.io", "apiservices", "APIService", false),
	}
}

// store puts a version of an object in its place, if it differs from the last but for times in managedFields.
func (a *API) store(r *resource, verb, manager string, before, after *unstructured.Unstructured) *unstructured.Unstructured {
	if before != nil && same(before, after) {
		return before
	}
	a.revision++
	kind := watch.Modified
	if before == nil {
		kind = watch.Added
		a.made++
		after.SetUID(types.UID(fmt.Sprintf("00000000-0000-4000-8000-%012d", a.made)))
		after.SetCreationTimestamp(metav1.NewTime(time.Now().UTC().Truncate(time.Second)))
		after.SetGeneration(1)
	} else if !equal(before.Object["spec"], after.Object["spec"]) {
		after.SetGeneration(before.GetGeneration() + 1)
	}
	after.SetResourceVersion(strconv.FormatInt(a.revision, 10))
	r.objects[nameOf(after)] = after
	r.tell(event{kind, a.revision, after})
	a.onWrite(Write{verb, manager, a.agent, r.gvr, before, after})
	return after
}

// remove deletes an object, and what it owned, as the garbage collector does a moment later.
func (a *API) remove(r *resource, verb, manager string, object *unstructured.Unstructured) {
	a.revision++
	delete(r.objects, nameOf(object))
	last := object.DeepCopy()
	last.SetResourceVersion(strconv.FormatInt(a.revision, 10))
	r.tell(event{watch.Deleted, a.revision, last})
	a.onWrite(Write{verb, manager, a.agent, r.gvr, object, nil})
	certificates := a.resources[Certificates()]
	for _, name := range sortedNames(certificates.objects) {
		owned := certificates.objects[name]
		if owners := owned.GetOwnerReferences(); len(owners) == 1 && owners[0].UID == object.GetUID() {
			a.remove(certificates, "collect", "garbage collector", owned)
		}
	}
}

// tell keeps an event and sends it to all watches.
func (r *resource) tell(e event) {
	r.history = append(r.history, e)
	if len(r.history) > historyLength {
		r.forgotten = r.history[0].revision
		r.history = r.history[1:]
	}
	for w := range r.watches {
		w.send(e)
	}
}

// compact forgets all events, so that a watch from before can't go on, and ends the watches.
func (a *API) compact() {
	for _, r := range a.resources {
		r.history, r.forgotten = nil, a.revision
		for w := range r.watches {
			w.end()
		}
	}
}

// apply is a server-side apply.
func (a *API) apply(r *resource, manager string, force bool, config *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	name := nameOf(config)
	live := r.objects[name]
	base := live
	if live == nil {
		base = &unstructured.Unstructured{}
		base.SetGroupVersionKind(r.kind)
	}
	if err := r.sameUID(live, config); err != nil {
		return nil, err
	}
	if version := config.GetResourceVersion(); live != nil && version != "" && version != live.GetResourceVersion() {
		return nil, apierrors.NewConflict(r.gvr.GroupResource(), name.Name, errModified)
	}
	out, err := a.fields.Apply(base.DeepCopy(), config.DeepCopy(), manager, force)
	if err != nil {
		return nil, err
	}
	return a.store(r, "apply", manager, live, out.(*unstructured.Unstructured)), nil
}

// sameUID refuses an apply to another object than its configuration names, as the API server does: where there is none by a
// precondition, else by its validation, which says so twice.
func (r *resource) sameUID(live, config *unstructured.Unstructured) error {
	uid := config.GetUID()
	switch {
	case uid == "":
		return nil
	case live == nil:
		return apierrors.NewConflict(r.gvr.GroupResource(), config.GetName(), fmt.Errorf("precondition failed: there is no object with uid %s", uid))
	case uid == live.GetUID():
		return nil
	}
	immutable := field.Invalid(field.NewPath("metadata", "uid"), uid, "field is immutable")
	return apierrors.NewInvalid(r.kind.GroupKind(), config.GetName(), field.ErrorList{immutable, immutable})
}

// update puts a changed version in place of the one that it came of.
func (a *API) update(r *resource, verb, manager string, live, changed *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	name := nameOf(changed)
	if version := changed.GetResourceVersion(); version != "" && version != live.GetResourceVersion() {
		return nil, apierrors.NewConflict(r.gvr.GroupResource(), name.Name, errModified)
	}
	if r.gvr != Certificates() {
		return a.store(r, verb, manager, live, changed), nil
	}
	out, err := a.fields.Update(live.DeepCopy(), changed, manager)
	if err != nil {
		return nil, err
	}
	return a.store(r, verb, manager, live, out.(*unstructured.Unstructured)), nil
}

// create makes an object that isn't there.
func (a *API) create(r *resource, manager string, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	name := nameOf(object)
	if r.objects[name] != nil {
		return nil, apierrors.NewAlreadyExists(r.gvr.GroupResource(), name.Name)
	}
	if object.GetResourceVersion() != "" {
		return nil, apierrors.NewBadRequest("resourceVersion should not be set on objects to be created")
	}
	if r.gvr != Certificates() {
		return a.store(r, "create", manager, nil, object), nil
	}
	empty := &unstructured.Unstructured{}
	empty.SetGroupVersionKind(r.kind)
	out, err := a.fields.Update(empty, object, manager)
	if err != nil {
		return nil, err
	}
	return a.store(r, "create", manager, nil, out.(*unstructured.Unstructured)), nil
}

// delete removes an object if it is the one that the preconditions name.
func (a *API) delete(r *resource, manager string, name types.NamespacedName, only *metav1.Preconditions) (*unstructured.Unstructured, error) {
	live := r.objects[name]
	if live == nil {
		return nil, apierrors.NewNotFound(r.gvr.GroupResource(), name.Name)
	}
	if only != nil && (only.UID != nil && *only.UID != live.GetUID() || only.ResourceVersion != nil && *only.ResourceVersion != live.GetResourceVersion()) {
		return nil, apierrors.NewConflict(r.gvr.GroupResource(), name.Name, errModified)
	}
	a.remove(r, "delete", manager, live)
	return live, nil
}

// Certificates is the one resource whose fields have managers here.
func Certificates() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "cert-manager.io", Version: "v1", Resource: "certificates"}
}

func nameOf(object *unstructured.Unstructured) types.NamespacedName {
	return types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetName()}
}

func sortedNames(objects map[types.NamespacedName]*unstructured.Unstructured) []types.NamespacedName {
	return slices.SortedFunc(maps.Keys(objects), func(a, b types.NamespacedName) int {
		return slices.Compare([]string{a.Namespace, a.Name}, []string{b.Namespace, b.Name})
	})
}

// same says whether two versions differ in nothing but times of managedFields.
func same(a, b *unstructured.Unstructured) bool {
	return equal(withoutTimes(a), withoutTimes(b))
}

func withoutTimes(object *unstructured.Unstructured) map[string]any {
	object = object.DeepCopy()
	fields := object.GetManagedFields()
	for i := range fields {
		fields[i].Time = nil
	}
	object.SetManagedFields(fields)
	object.SetResourceVersion("")
	return object.Object
}

func equal(a, b any) bool {
	one, errOne := json.Marshal(a)
	other, errOther := json.Marshal(b)
	return errOne == nil && errOther == nil && string(one) == string(other)
}

// expireEvents forgets Events that were made before.
func (a *API) expireEvents(before time.Time) {
	for _, r := range a.resources {
		if r.kind.Kind != "Event" {
			continue
		}
		for name, object := range r.objects {
			if object.GetCreationTimestamp().Time.Before(before) {
				delete(r.objects, name)
			}
		}
	}
}
