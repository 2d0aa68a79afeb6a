package simulated

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// request is what is asked of a resource.
type request struct {
	*http.Request
	resource  *resource
	namespace string
	// name is empty for a list, a watch or a create.
	name string
	body []byte
}

// RoundTrip implements [http.RoundTripper]: it is the network, the server, and its answer at once.
func (a *API) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		_ = r.Body.Close() // all of it is read
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if r.Method == http.MethodHead {
		response := answer(r, http.StatusOK, io.NopCloser(strings.NewReader("")))
		response.Header.Set(flowcontrolv1.ResponseHeaderMatchedFlowSchemaUID, "any")
		return response, nil
	}
	a.lock.Lock()
	defer a.lock.Unlock()
	a.agent = r.UserAgent()
	defer func() { a.agent = "" }()
	if found, is := a.discovery(r.URL.Path); is {
		return reply(r, http.StatusOK, found)
	}
	asked, found := a.parse(r, body)
	if !found {
		return refuse(r, apierrors.NewGenericServerResponse(http.StatusNotFound, r.Method, schema.GroupResource{}, "", "404 page not found", 0, true))
	}
	if r.Method == http.MethodGet && asked.name == "" {
		return a.read(asked)
	}
	status := http.StatusOK
	object, err := a.do(asked)
	if err != nil {
		return refuse(r, err)
	}
	if r.Method == http.MethodPost {
		status = http.StatusCreated
	}
	return reply(r, status, shapeOf(r)(object))
}

// parse finds the resource of a path.
func (a *API) parse(r *http.Request, body []byte) (request, bool) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	gv := schema.GroupVersion{Version: "v1"}
	switch {
	case len(parts) > 3 && parts[0] == "apis":
		gv, parts = schema.GroupVersion{Group: parts[1], Version: parts[2]}, parts[3:]
	case len(parts) > 2 && parts[0] == "api":
		parts = parts[2:]
	case len(parts) == 4 && parts[0] == "apis":
		return request{}, false
	}
	asked := request{Request: r, body: body}
	if len(parts) > 2 && parts[0] == "namespaces" {
		asked.namespace, parts = parts[1], parts[2:]
	}
	asked.resource = a.resources[gv.WithResource(parts[0])]
	if len(parts) > 1 {
		asked.name = parts[1]
	}
	return asked, asked.resource != nil && len(parts) <= 2
}

// do answers what is about one object.
func (a *API) do(r request) (*unstructured.Unstructured, error) {
	name := types.NamespacedName{Namespace: r.namespace, Name: r.name}
	live := r.resource.objects[name]
	manager := r.URL.Query().Get("fieldManager")
	if manager == "" {
		manager, _, _ = strings.Cut(r.UserAgent(), "/")
	}
	switch r.Method {
	case http.MethodGet:
		if live == nil {
			return nil, apierrors.NewNotFound(r.resource.gvr.GroupResource(), r.name)
		}
		return live, nil
	case http.MethodPost:
		object, err := r.object()
		if err != nil {
			return nil, err
		}
		return a.create(r.resource, manager, object)
	case http.MethodDelete:
		var options metav1.DeleteOptions
		if err := json.Unmarshal(r.body, &options); err != nil && len(r.body) > 0 {
			return nil, apierrors.NewBadRequest(err.Error())
		}
		return a.delete(r.resource, manager, name, options.Preconditions)
	case http.MethodPut:
		object, err := r.object()
		if err != nil {
			return nil, err
		}
		if live == nil {
			return nil, apierrors.NewNotFound(r.resource.gvr.GroupResource(), r.name)
		}
		kept(live, object)
		return a.update(r.resource, "update", manager, live, object)
	case http.MethodPatch:
		return a.patch(r, manager, live)
	}
	return nil, apierrors.NewMethodNotSupported(r.resource.gvr.GroupResource(), r.Method)
}

func (a *API) patch(r request, manager string, live *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	kind := types.PatchType(r.Header.Get("Content-Type"))
	if kind == types.ApplyPatchType || kind == types.ApplyYAMLPatchType {
		config, err := r.object()
		if err != nil {
			return nil, err
		}
		return a.apply(r.resource, manager, r.URL.Query().Get("force") == "true", config)
	}
	if live == nil {
		return nil, apierrors.NewNotFound(r.resource.gvr.GroupResource(), r.name)
	}
	before, err := json.Marshal(live.Object)
	if err != nil {
		return nil, err
	}
	after, err := patched(kind, before, r.body)
	if err != nil {
		return nil, err
	}
	changed := &unstructured.Unstructured{}
	if err := changed.UnmarshalJSON(after); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	return a.update(r.resource, "patch", manager, live, changed)
}

func patched(kind types.PatchType, before, patch []byte) ([]byte, error) {
	if kind == types.MergePatchType {
		return jsonpatch.MergePatch(before, patch)
	}
	operations, err := jsonpatch.DecodePatch(patch)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	after, err := operations.Apply(before)
	if errors.Is(err, jsonpatch.ErrTestFailed) {
		return nil, apierrors.NewGenericServerResponse(http.StatusUnprocessableEntity, "", schema.GroupResource{}, "", err.Error(), 0, false)
	}
	return after, err
}

// object decodes the body, in the namespace of the path.
func (r request) object() (*unstructured.Unstructured, error) {
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(r.body); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	if r.resource.namespaced {
		object.SetNamespace(r.namespace)
	}
	return object, nil
}

// kept is what no update changes.
func kept(live, changed *unstructured.Unstructured) {
	changed.SetUID(live.GetUID())
	changed.SetCreationTimestamp(live.GetCreationTimestamp())
	changed.SetGeneration(live.GetGeneration())
}

// read answers a list or a watch.
func (a *API) read(r request) (*http.Response, error) {
	if r.URL.Query().Get("watch") != "" {
		return a.watch(r)
	}
	shape, items := shapeOf(r.Request), []any{}
	for _, name := range sortedNames(r.resource.objects) {
		if r.namespace == "" || name.Namespace == r.namespace {
			items = append(items, shape(r.resource.objects[name]))
		}
	}
	kind := r.resource.kind
	list := map[string]any{"apiVersion": kind.GroupVersion().String(), "kind": kind.Kind + "List"}
	if onlyMetadata(r.Request) {
		list = map[string]any{"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList"}
	}
	list["items"], list["metadata"] = items, map[string]any{"resourceVersion": strconv.FormatInt(a.revision, 10)}
	return reply(r.Request, http.StatusOK, list)
}

// watch begins with all objects, or after a resourceVersion.
func (a *API) watch(r request) (*http.Response, error) {
	query := r.URL.Query()
	s := &stream{
		ctx: r.Context(), namespace: r.namespace, shape: shapeOf(r.Request), more: make(chan struct{}, 1),
		close: func(s *stream) {
			a.lock.Lock()
			defer a.lock.Unlock()
			delete(r.resource.watches, s)
		},
	}
	begun, _ := strconv.ParseInt(query.Get("resourceVersion"), 10, 64)
	initial := query.Get("sendInitialEvents") == "true"
	if !initial && begun < r.resource.forgotten {
		return expired(r.Request, fmt.Sprintf("too old resource version: %d (%d)", begun, r.resource.forgotten))
	}
	bookmark := func() map[string]any {
		return map[string]any{"apiVersion": r.resource.kind.GroupVersion().String(), "kind": r.resource.kind.Kind}
	}
	if onlyMetadata(r.Request) {
		bookmark = func() map[string]any {
			return map[string]any{"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata"}
		}
	}
	seconds, _ := strconv.Atoi(query.Get("timeoutSeconds"))
	if seconds == 0 {
		seconds = 1800
	}
	// A watch that comes to its end tells how far it has come.
	s.timer = time.AfterFunc(time.Duration(seconds)*time.Second, func() {
		a.lock.Lock()
		defer a.lock.Unlock()
		s.bookmark(bookmark(), a.revision, false)
		s.end()
	})
	if initial {
		for _, name := range sortedNames(r.resource.objects) {
			s.send(event{"ADDED", 0, r.resource.objects[name]})
		}
		s.bookmark(bookmark(), a.revision, true)
	}
	for _, e := range r.resource.history {
		if !initial && e.revision > begun {
			s.send(e)
		}
	}
	r.resource.watches[s] = true
	return answer(r.Request, http.StatusOK, s), nil
}

// expired is the answer to a watch from where it can't go on: one event.
func expired(r *http.Request, why string) (*http.Response, error) {
	told := apierrors.NewResourceExpired(why).Status()
	told.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
	return reply(r, http.StatusOK, map[string]any{"type": watch.Error, "object": told})
}

// discovery answers what is served.
func (a *API) discovery(path string) (any, bool) {
	groups := metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}}
	lists := map[string]metav1.APIResourceList{}
	for _, r := range served() {
		version := metav1.GroupVersionForDiscovery{GroupVersion: r.gvr.GroupVersion().String(), Version: r.gvr.Version}
		at := "/apis/" + version.GroupVersion
		if r.gvr.Group == "" {
			at = "/api/" + version.GroupVersion
		}
		list, known := lists[at]
		if !known && r.gvr.Group != "" {
			groups.Groups = append(groups.Groups, metav1.APIGroup{
				Name: r.gvr.Group, Versions: []metav1.GroupVersionForDiscovery{version}, PreferredVersion: version,
			})
		}
		list.TypeMeta, list.GroupVersion = metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, version.GroupVersion
		list.APIResources = append(list.APIResources, metav1.APIResource{
			Name: r.gvr.Resource, Kind: r.kind.Kind, Namespaced: r.namespaced,
			Verbs: metav1.Verbs{"create", "delete", "get", "list", "patch", "update", "watch"},
		})
		lists[at] = list
	}
	switch path {
	case "/api":
		return metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"}}, true
	case "/apis":
		return groups, true
	}
	list, is := lists[path]
	return list, is
}

func onlyMetadata(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadata")
}

// shapeOf is what of an object the client wants.
func shapeOf(r *http.Request) func(*unstructured.Unstructured) map[string]any {
	if !onlyMetadata(r) {
		return func(object *unstructured.Unstructured) map[string]any { return object.Object }
	}
	return func(object *unstructured.Unstructured) map[string]any {
		return map[string]any{"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object.Object["metadata"]}
	}
}

func answer(r *http.Request, status int, body io.ReadCloser) *http.Response {
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, Body: body,
		Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: -1,
	}
}

func reply(r *http.Request, status int, body any) (*http.Response, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return answer(r, status, io.NopCloser(bytes.NewReader(text))), nil
}

// refuse answers by a Status.
func refuse(r *http.Request, err error) (*http.Response, error) {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		status = apierrors.NewInternalError(err)
	}
	told := status.Status()
	told.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
	return reply(r, int(told.Code), told)
}
