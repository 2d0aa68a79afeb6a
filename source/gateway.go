package source

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/problem"
)

// The values of a listener's tls.mode.
const (
	terminate   = "Terminate"
	passthrough = "Passthrough"
)

type gateway struct{ standalone }

func (gateway) GroupVersionKind() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: GatewayGroup, Version: "v1", Kind: GatewayKind}
}

func (gateway) Resources() []schema.GroupVersionResource {
	return []schema.GroupVersionResource{{Group: GatewayGroup, Version: "v1", Resource: "gateways"}}
}

func (gateway) Reads() []string {
	return slices.Concat(metadataReads(), listenerReads(), []string{"spec.allowedListeners", "spec.tls"})
}

func (k gateway) Reduce(u *unstructured.Unstructured) (*Object, error) {
	var f fields
	o := f.object(u, k)
	spec := f.mapping(u.Object["spec"], "spec")
	o.Entries = f.listeners(spec)
	noteResolved(u.Object["status"], o.Entries)
	o.Allowed = f.allowed(spec)
	o.Others = f.otherRefs(spec)
	if err := f.err(); err != nil {
		return nil, err
	}
	return o, nil
}

// otherRefs are the references of a Gateway that aren't to certificates that it serves: its own as a
// client of backends, and those of authorities that its clients' certificates are to be of.
func (f *fields) otherRefs(spec map[string]any) []SecretRef {
	const path = "spec.tls"
	tls := f.mapping(spec["tls"], path)
	var all []SecretRef
	add := func(item any, path string) {
		if ref := f.secretRef(item, path); ref.Kind == secretKind && (ref.Group == "" || ref.Group == "core") {
			all = append(all, ref)
		}
	}
	if client := f.mapping(tls["backend"], path+".backend")["clientCertificateRef"]; client != nil {
		add(client, path+".backend.clientCertificateRef")
	}
	authorities := func(tls any, path string) {
		block := f.mapping(tls, path)
		path += ".validation"
		validation := f.mapping(block["validation"], path)
		for i, item := range f.list(validation["caCertificateRefs"], path+".caCertificateRefs") {
			add(item, index(path+".caCertificateRefs", i))
		}
	}
	frontend := f.mapping(tls["frontend"], path+".frontend")
	authorities(frontend["default"], path+".frontend.default")
	for i, item := range f.list(frontend["perPort"], path+".frontend.perPort") {
		at := index(path+".frontend.perPort", i)
		authorities(f.mapping(item, at)["tls"], at+".tls")
	}
	return all
}

func (gateway) Switches() []Switch { return []Switch{SwitchGatewayAPI} }

// Shim is the gateway-shim.
func (gateway) Shim() string { return "cert-manager-gateway-shim" }

func (gateway) CrossesNamespaces() bool { return true }

func (k gateway) Joins() (GroupKind, bool) { return GroupKindOf(k), true }

func (gateway) Slots(object *Object) []Slot { return slots(object) }

func (gateway) HasRoutes() bool { return true }

// SolverParent is the Gateway itself.
func (gateway) SolverParent(object *Object, _ bool) *Parent {
	return &Parent{Kind: object.Kind, Name: object.Name}
}

func (gateway) Asks(object *Object, options Options) Asks { return listenerAsks(object, options) }

type listenerSet struct{ standalone }

func (listenerSet) GroupVersionKind() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: GatewayGroup, Version: "v1", Kind: ListenerSetKind}
}

func (listenerSet) Resources() []schema.GroupVersionResource {
	return []schema.GroupVersionResource{{Group: GatewayGroup, Version: "v1", Resource: "listenersets"}}
}

func (listenerSet) Reads() []string {
	return slices.Concat(metadataReads(), listenerReads(), []string{"spec.parentRef"})
}

func (k listenerSet) Reduce(u *unstructured.Unstructured) (*Object, error) { return reduceSet(u, k) }

// reduceSet reads an object of ListenerSet's form.
func reduceSet(u *unstructured.Unstructured, kind Kind) (*Object, error) {
	var f fields
	o := f.object(u, kind)
	spec := f.mapping(u.Object["spec"], "spec")
	o.Entries = f.listeners(spec)
	noteResolved(u.Object["status"], o.Entries)
	ref := f.mapping(spec["parentRef"], "spec.parentRef")
	o.Parent = &Parent{
		Group:     f.textOr(ref["group"], GatewayGroup, "spec.parentRef.group"),
		Kind:      orElse(f.text(ref["kind"], "spec.parentRef.kind"), GatewayKind),
		Namespace: orElse(f.text(ref["namespace"], "spec.parentRef.namespace"), o.Namespace),
		Name:      f.text(ref["name"], "spec.parentRef.name"),
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	return o, nil
}

func (listenerSet) Switches() []Switch { return []Switch{SwitchGatewayAPI, SwitchListenerSets} }

func (listenerSet) CrossesNamespaces() bool { return true }

// Joins is the Gateway's kind.
func (listenerSet) Joins() (GroupKind, bool) { return GroupKindOf(gateway{}), true }

func (listenerSet) Slots(object *Object) []Slot { return slots(object) }

func (listenerSet) HasRoutes() bool { return true }

// Parent is the Gateway that the set attaches to.
func (listenerSet) Parent(object *Object) (parent *Parent, wrong string) {
	parent = object.Parent
	switch {
	case parent == nil:
	case parent.Name == "":
		wrong = "it has no parentRef with a name: it attaches to no Gateway"
	case parent.Group == "" && parent.Kind == GatewayKind:
		wrong = "its parent is a Gateway of the core group, which has none: leave out spec.parentRef.group, or set it to " + GatewayGroup
	case parent.Group != GatewayGroup || parent.Kind != GatewayKind:
		wrong = fmt.Sprintf("its parent is a %s of group %q, not a Gateway", problem.Name(parent.Kind), parent.Group)
	}
	return parent, wrong
}

func (listenerSet) Refused(object, parent *Object, namespaceLabels func() (map[string]string, bool)) Refusal {
	return refused(parent, object, namespaceLabels)
}

// Shim is the listenerset-shim.
func (listenerSet) Shim() string { return "cert-manager-listenerset" }

// SolverParent is the set itself, or with fallback its Gateway, for implementations that
// don't serve routes of ListenerSets.
func (listenerSet) SolverParent(object *Object, fallback bool) *Parent {
	if fallback && object.Parent != nil {
		return &Parent{Kind: GatewayKind, Namespace: object.Parent.Namespace, Name: object.Parent.Name}
	}
	return &Parent{Kind: object.Kind, Name: object.Name}
}

func (listenerSet) Asks(object *Object, options Options) Asks { return listenerAsks(object, options) }

// experimentalSet is ListenerSet as it was called up to version 1.4 of the Gateway API, in a group of its
// own. Where both are served, ListenerSet counts alone: whoever moves copies the object.
type experimentalSet struct{ listenerSet }

func (experimentalSet) GroupVersionKind() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: experimentalGroup, Version: "v1alpha1", Kind: experimentalSetKind}
}

func (experimentalSet) Resources() []schema.GroupVersionResource {
	return []schema.GroupVersionResource{{Group: experimentalGroup, Version: "v1alpha1", Resource: "xlistenersets"}}
}

func (experimentalSet) InsteadOf() (GroupKind, bool) { return GroupKindOf(listenerSet{}), true }

func (k experimentalSet) Reduce(u *unstructured.Unstructured) (*Object, error) {
	return reduceSet(u, k)
}

// Shim is none: cert-manager's shim reads ListenerSets.
func (experimentalSet) Shim() string { return "" }

// SolverParent is always the Gateway: an annotation of cert-manager has no group of a parent.
func (experimentalSet) SolverParent(object *Object, _ bool) *Parent {
	return listenerSet{}.SolverParent(object, true)
}

// listenerReads are the paths that listeners reads.
func listenerReads() []string {
	return []string{
		"spec.listeners.name", "spec.listeners.port", "spec.listeners.protocol", "spec.listeners.hostname", "spec.listeners.allowedRoutes",
		"spec.listeners.tls.mode", "spec.listeners.tls.certificateRefs",
		"status.listeners.name", "status.listeners.conditions.type", "status.listeners.conditions.status",
	}
}

func (f *fields) listeners(spec map[string]any) []Entry {
	items := f.list(spec["listeners"], "spec.listeners")
	var entries []Entry
	for i, item := range items {
		path := index("spec.listeners", i)
		entries = append(entries, f.listener(f.mapping(item, path), path))
	}
	return entries
}

// noteResolved marks the listeners whose status says that what they reference is there. A status is a hint:
// what can't be read of one says nothing.
func noteResolved(status any, entries []Entry) {
	block, _ := status.(map[string]any)
	items, _ := block["listeners"].([]any)
	for _, item := range items {
		listener, _ := item.(map[string]any)
		name, _ := listener["name"].(string)
		at := slices.IndexFunc(entries, func(e Entry) bool { return e.Section == name && name != "" })
		if at >= 0 {
			entries[at].Resolved = isResolved(listener["conditions"])
		}
	}
}

func isResolved(conditions any) bool {
	items, _ := conditions.([]any)
	return slices.ContainsFunc(items, func(item any) bool {
		condition, _ := item.(map[string]any)
		return condition["type"] == "ResolvedRefs" && condition["status"] == "True"
	})
}

func (f *fields) listener(listener map[string]any, path string) Entry {
	entry := Entry{
		Section:  f.text(listener["name"], path+".name"),
		Path:     path,
		Protocol: f.text(listener["protocol"], path+".protocol"),
		Port:     f.number(listener["port"], path+".port"),
		Routes:   f.allowedRoutes(listener, path),
	}
	if host := f.text(listener["hostname"], path+".hostname"); host != "" {
		entry.Hosts = []string{host}
	}
	tls := f.mapping(listener["tls"], path+".tls")
	if tls == nil {
		return entry
	}
	entry.HasTLS = true
	entry.Mode = orElse(f.text(tls["mode"], path+".tls.mode"), terminate)
	refs := path + ".tls.certificateRefs"
	for i, item := range f.list(tls["certificateRefs"], refs) {
		entry.Secrets = append(entry.Secrets, f.secretRef(item, index(refs, i)))
	}
	return entry
}

func (f *fields) secretRef(item any, path string) SecretRef {
	ref := f.mapping(item, path)
	out := SecretRef{
		Path:  path,
		Group: f.text(ref["group"], path+".group"),
		Kind:  orElse(f.text(ref["kind"], path+".kind"), secretKind),
		Name:  f.text(ref["name"], path+".name"),
	}
	if ref["namespace"] != nil {
		namespace := f.text(ref["namespace"], path+".namespace")
		out.Namespace = &namespace
	}
	return out
}

func listenerAsks(object *Object, options Options) Asks {
	j := newJudge(object, options)
	j.hostPath = func(entry Entry, _ int) string { return entry.Path + ".hostname" }
	j.conflicts = conflicts(object.Entries)
	for i, entry := range object.Entries {
		j.listener(i, entry)
	}
	return j.done()
}

// listener judges one listener. One that doesn't terminate TLS is none of ours, and no
// mistake either; it shrinks its Certificate, as in cert-manager's shim.
func (j *judge) listener(i int, entry Entry) {
	if entry.Mode == passthrough {
		j.leave(entry)
		return
	}
	if !j.terminatesTLS(entry.Protocol) {
		j.otherProtocol(entry)
		j.leave(entry)
		return
	}
	j.asks.TLSEntries++
	if j.ignored(entry) {
		j.leave(entry)
		return
	}
	checked := j.hosts(entry)
	if !j.goodListener(entry) || len(checked.Hosts) > 0 && j.contested(i, entry) {
		checked.Hosts, checked.broken = nil, true
	}
	j.refs(checked)
}

// otherProtocol warns of a listener that names a Secret although its protocol isn't one of TLS.
func (j *judge) otherProtocol(entry Entry) {
	if len(entry.Secrets) == 0 || j.ignored(entry) {
		return
	}
	known, why := j.protocols(), "its protocol isn't one of TLS"
	if entry.Protocol == "" {
		why = "it has no protocol"
	}
	j.asks.Problems.Add(problem.Problem{
		Severity: problem.Warning, Path: entry.Path + ".protocol", Value: entry.Protocol, Reason: problem.BadConfig,
		Message: "the listener " + problem.Quote(entry.Section) + " names a Secret, but " + why + ": it gets no certificate",
		Allowed: strings.Join(known, ", "), Suggestion: spelt(entry.Protocol, known...),
	})
}

// goodListener reports what is wrong with a listener as a whole. One in an unknown mode is broken
// for each of its Secrets; what else is missing shows in its hosts and references.
func (j *judge) goodListener(entry Entry) bool {
	name := "the listener " + problem.Quote(entry.Section)
	if len(entry.Hosts) == 0 && !j.options.RouteNames {
		j.refuse(entry.Path+".hostname", "", name+" has no hostname, so there is no name to put into a certificate: give it one, or leave it out by an ignore annotation")
	}
	switch {
	case !entry.HasTLS:
		j.refuse(entry.Path+".tls", "", name+" has no tls block: it names no Secret")
	case len(entry.Secrets) == 0:
		j.refuse(entry.Path+".tls.certificateRefs", "", name+" has no certificateRefs: it names no Secret")
	}
	if !entry.HasTLS || entry.Mode == terminate {
		return true
	}
	j.refuseOf(entry.Path+".tls.mode", entry.Mode, name+" has an unknown mode", terminate+", "+passthrough, spelt(entry.Mode, terminate, passthrough))
	return false
}

func (j *judge) terminatesTLS(protocol string) bool {
	return protocol == "HTTPS" || protocol == "TLS" || slices.Contains(j.options.ExtraProtocols, protocol)
}

// protocols are those of listeners that terminate TLS, in words.
func (j *judge) protocols() []string {
	return append([]string{"HTTPS", "TLS"}, j.options.ExtraProtocols...)
}

func orElse(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}
