package app

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/cmd/certshim/app/manifest"
	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// documents takes documents into an inventory, one after another.
type documents struct {
	*planInventory
	// namespace of objects that have none.
	namespace string
	policy    *certshim.Policy
	// ignoreOther leaves out what isn't an object yet, since something fills it in.
	ignoreOther bool
	// definitions are the CRDs.
	definitions []map[string]any
	// strange are issuers, by their names, of kinds that nobody declares.
	strange []*unstructured.Unstructured
	// requests are those of Certificates that no source controls.
	requests map[types.NamespacedName]request
}

func newDocuments(policy *certshim.Policy, c configuration.Configuration, namespace string) *documents {
	return &documents{
		planInventory: newPlanInventory(policy, c), namespace: namespace, policy: policy,
		requests: map[types.NamespacedName]request{},
	}
}

// add adds a document, unless no API server would accept it. It reports whether the document
// replaces an earlier one for the same object. The error names the fields that can't be read.
func (d *documents) add(document manifest.Document) (replaced bool, err error) {
	if fault, is := notServed(document); is {
		d.faults = append(d.faults, fault)
		return false, nil
	}
	object := document.Object
	kind := resolver.GroupKind(object.GroupVersionKind().GroupKind())
	if d.ignoreOther && d.reads(object) && hasPlaceholder(object) {
		d.ignored.count(object.GetAPIVersion() + " " + object.GetKind() + " " + withPlaceholder)
		return false, nil
	}
	if reader, isSource := d.policy.Kinds.Lookup(kind.Group, kind.Kind); isSource {
		return d.addSource(reader, document)
	}
	d.faults = append(d.faults, badFields(document)...)
	if intake, is := d.about(kind); is {
		d.setNamespace(object)
		return d.addNamed(kind, intake, object, document.At)
	}
	switch kind {
	case inventory.CertificateKind():
		d.setNamespace(object)
		d.noteRequest(object)
		return d.addNamed(kind, d.WholeCertificates(), object, document.At)
	case inventory.NamespaceKind():
		addServerLabel(object)
		return false, put(d.Namespaces(), object)
	case resolver.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}:
		d.definitions = append(d.definitions, object.Object)
		return false, nil
	case resolver.GroupKind(secretKind()):
		d.addSecret(document)
	}
	if declared, is := d.policy.Registry.Known(kind); is {
		return false, d.addIssuer(kind, declared, declared.Scope, object)
	}
	if strings.HasSuffix(kind.Kind, resolver.IssuerKind) && resolver.CustomGroup(kind.Group) {
		d.strange = append(d.strange, object)
		return false, nil
	}
	d.tellTrigger(document)
	d.ignore(object)
	return false, nil
}

// about is the intake of what says how far sources reach: ReferenceGrants, and routes if these bring names.
func (d *documents) about(kind resolver.GroupKind) (intake inventory.Intake, is bool) {
	if kind == inventory.GrantKind() {
		return d.Grants(), true
	}
	for _, route := range d.policy.Routes.Reads() {
		if kind == inventory.RouteKind(route) {
			return d.Routes(route), true
		}
	}
	return inventory.Intake{}, false
}

// reads says whether a plan has Certificates for an object, or whether it is one.
func (d *documents) reads(object *unstructured.Unstructured) bool {
	kind := object.GroupVersionKind().GroupKind()
	_, isSource := d.policy.Kinds.Lookup(kind.Group, kind.Kind)
	return isSource || resolver.GroupKind(kind) == inventory.CertificateKind()
}

func (d *documents) ignore(object *unstructured.Unstructured) {
	d.ignored.count(strings.TrimSpace(object.GetAPIVersion() + " " + object.GetKind()))
}

// addSource takes a source in, under a name of its own if the server is to make one.
func (d *documents) addSource(reader source.Kind, document manifest.Document) (replaced bool, err error) {
	kind, object := source.GroupKindOf(reader), document.Object
	d.setNamespace(object)
	bad := badFields(document)
	if object.GetName() == "" && object.GetGenerateName() != "" {
		object.SetName(object.GetGenerateName() + "*")
		for n := 2; d.isKnown(kind, object); n++ {
			object.SetName(fmt.Sprintf("%s*(%d)", object.GetGenerateName(), n))
		}
	}
	bad = append(bad, triggerLabels(document)...)
	for i := range bad {
		bad[i].problem.Object = objectOf(object)
	}
	if hasPlaceholder(object) {
		d.placeholders++
	}
	key := keyOf(kind, object)
	// The inventory drops fields that no decision reads, so look at them first.
	var hosts []located
	if isIngress(kind) {
		hosts = hostsWithoutTLS(document)
	}
	replaced, err = d.addNamed(resolver.GroupKind(kind), d.sourcesOf(reader), object, document.At)
	delete(d.bad, key)
	delete(d.hosts, key)
	if err == nil && len(hosts) > 0 {
		d.hosts[key] = hosts
	}
	switch {
	case err != nil:
		// An object that can't be read is reported, but still counts as present.
		d.others[key] = true
		d.faults = append(d.faults, notIn(err, bad)...)
	case len(bad) > 0:
		d.bad[key] = bad
	}
	return replaced, err
}

// notIn leaves out the problems whose paths are those of fields that an error is about.
func notIn(err error, found []located) []located {
	told := map[string]bool{}
	for _, one := range problem.Each(err) {
		path, _, _ := strings.Cut(one.Error(), ": ")
		told[path] = true
	}
	return slices.DeleteFunc(found, func(l located) bool { return told[l.problem.Path] })
}

// setNamespace puts an object of a namespaced kind where kubectl would put it.
func (d *documents) setNamespace(object *unstructured.Unstructured) {
	if object.GetNamespace() == "" {
		object.SetNamespace(d.namespace)
	}
}

func keyOf(kind source.GroupKind, object *unstructured.Unstructured) inventory.Key {
	return inventory.NewKey(kind, object.GetNamespace(), object.GetName())
}

func (d *documents) isKnown(kind source.GroupKind, object *unstructured.Unstructured) bool {
	_, is := d.places[keyOf(kind, object)]
	return is
}

// addNamed takes an object in, if the controller would see it, and notes where it stands.
func (d *documents) addNamed(kind resolver.GroupKind, intake inventory.Intake, object *unstructured.Unstructured, at manifest.Position) (replaced bool, err error) {
	if object.GetName() == "" {
		return false, errors.New("metadata.name is missing")
	}
	key := keyOf(source.GroupKind(kind), object)
	_, replaced = d.places[key]
	d.places[key] = at
	if d.Watches(key.Namespace()) {
		err = put(intake, object)
	}
	return replaced, err
}

// put adds an object to the inventory. If it can't be read, the inventory only knows that it exists.
func put(intake inventory.Intake, object *unstructured.Unstructured) error {
	packed, err := intake.Pack(object)
	intake.Put(packed)
	return err
}

// addServerLabel adds the label that every server gives a Namespace.
func addServerLabel(namespace *unstructured.Unstructured) {
	labels := namespace.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels["kubernetes.io/metadata.name"] = namespace.GetName()
	namespace.SetLabels(labels)
}

func (d *documents) addIssuer(kind resolver.GroupKind, known *resolver.Known, scope resolver.Scope, object *unstructured.Unstructured) error {
	if scope == resolver.Cluster {
		object.SetNamespace("")
	} else {
		d.setNamespace(object)
		d.noteNamespace(kind, object)
	}
	d.noteACME(kind, object)
	return put(d.Issuers(kind, known, resolver.ObserveNone, nil), object)
}

// finish gives what is known once all documents are in. Of Certificates they are all that there
// is, and of sources: what it means that one isn't there is the policy's to say. There may be
// other issuers and Namespaces.
func (d *documents) finish() (*planInventory, error) {
	facts := inventory.ReadDefinitions(d.definitions)
	d.Serve(facts.Served, facts.Fields)
	if err := d.addStrange(facts.Served); err != nil {
		return nil, err
	}
	d.tellEqual()
	d.Know(inventory.CertificateKind(), inventory.Whole)
	d.Know(inventory.GrantKind(), inventory.Whole)
	d.Know(inventory.NamespaceKind(), inventory.Unreadable)
	for _, kind := range d.policy.Routes.Reads() {
		d.Know(inventory.RouteKind(kind), inventory.Whole)
	}
	for _, kind := range d.policy.Kinds.All() {
		d.Know(resolver.GroupKind(source.GroupKindOf(kind)), inventory.Whole)
	}
	for _, declared := range d.policy.Registry.Kinds() {
		d.Know(declared.GroupKind, inventory.Unreadable)
	}
	d.begin()
	return d.planInventory, nil
}

// addStrange takes the issuers in whose kind a CRD of the input defines.
func (d *documents) addStrange(served inventory.Served) error {
	for _, object := range d.strange {
		kind := resolver.GroupKind(object.GroupVersionKind().GroupKind())
		scope, defined := served.Scope(kind)
		if !defined {
			d.ignore(object)
			continue
		}
		d.Know(kind, inventory.Unreadable)
		if err := d.addIssuer(kind, resolver.Undeclared(), scope, object); err != nil {
			return err
		}
	}
	return nil
}
