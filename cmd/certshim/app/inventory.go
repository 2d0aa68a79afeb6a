package app

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cmd/certshim/app/manifest"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

const (
	certificateKind = "Certificate"
	crdGroup        = "apiextensions.k8s.io"
	crdKind         = "CustomResourceDefinition"
)

// inventory is all that a plan knows: sources and what decisions observe, from documents
// or from a cluster. Fill it with add, then read.
type inventory struct {
	// namespace of objects that have none.
	namespace string
	// keepsLive holds for documents: what they say of a Certificate is all there is.
	keepsLive bool
	// registry says which kinds are issuers, and reads them.
	registry *resolver.Registry

	sources map[source.Ref]*source.Object
	// places has where sources of documents stand.
	places       map[source.Ref]manifest.Position
	bySecret     map[types.NamespacedName][]*source.Object
	certificates map[types.NamespacedName]*certificate.Observed
	byOwner      map[ownerKey][]*certificate.Observed
	bySpecSecret map[types.NamespacedName][]*certificate.Observed
	namespaces   map[string]certshim.Namespace
	served       kinds
	issuers      issuers
	fields       certificate.Fields
	ignored      ignored
}

// ownerKey is an owner without its uid, which a manifest doesn't have.
type ownerKey struct{ namespace, group, kind, name string }

// ignored counts the documents that are none of a plan's business.
type ignored struct {
	Documents int            `json:"documents"`
	Kinds     map[string]int `json:"kinds"`
}

var _ certshim.Observed = (*inventory)(nil)

func newInventory(namespace string) *inventory {
	return &inventory{
		namespace:    namespace,
		sources:      map[source.Ref]*source.Object{},
		places:       map[source.Ref]manifest.Position{},
		certificates: map[types.NamespacedName]*certificate.Observed{},
		namespaces:   map[string]certshim.Namespace{},
		issuers:      newIssuers(),
		served:       newKinds(),
		ignored:      ignored{Kinds: map[string]int{}},
	}
}

// add takes an object in, from a place in the input or, without one, from a cluster. It says
// whether one of the same name was there before, which it replaces. An error names the
// field that can't be read.
func (i *inventory) add(object *unstructured.Unstructured, at manifest.Position) (replaced bool, err error) {
	kind := object.GroupVersionKind().GroupKind()
	if reader, isSource := source.Lookup(kind.Group, kind.Kind); isSource {
		return i.addSource(reader, object, at)
	}
	switch {
	case kind.Group == resolver.CertManagerGroup && kind.Kind == certificateKind:
		return i.addCertificate(object)
	case kind.Group == crdGroup && kind.Kind == crdKind:
		i.served.addDefinition(object.Object)
	case kind.Group == "" && kind.Kind == "Namespace":
		i.addNamespace(object)
	case i.addIssuer(object):
	default:
		i.ignored.Documents++
		i.ignored.Kinds[strings.TrimSpace(object.GetAPIVersion()+" "+kind.Kind)]++
	}
	return false, nil
}

func (i *inventory) addSource(reader source.Kind, object *unstructured.Unstructured, at manifest.Position) (bool, error) {
	if err := i.complete(object); err != nil {
		return false, err
	}
	generated := object.GetName() == ""
	if generated {
		object.SetName(object.GetGenerateName() + "*")
	}
	reduced, err := reader.Reduce(object)
	if err != nil {
		return false, err
	}
	key := keyOf(reduced.Ref)
	for n := 2; generated && i.sources[key] != nil; n++ {
		reduced.Name = fmt.Sprintf("%s*(%d)", object.GetGenerateName(), n)
		key = keyOf(reduced.Ref)
	}
	_, replaced := i.sources[key]
	i.sources[key] = reduced
	if at != (manifest.Position{}) {
		i.places[key] = at
	}
	return replaced, nil
}

// keyOf is the reference without what differs between two documents of one object.
func keyOf(ref source.Ref) source.Ref {
	ref.Version, ref.UID = "", ""
	return ref
}

func (i *inventory) addCertificate(object *unstructured.Unstructured) (bool, error) {
	if err := i.complete(object); err != nil {
		return false, err
	}
	if object.GetName() == "" {
		return false, errors.New("metadata.name is missing")
	}
	observed := certificate.Observe(object.Object)
	if i.keepsLive {
		observed.Live = object.Object
	}
	key := types.NamespacedName{Namespace: observed.Namespace, Name: observed.Name}
	_, replaced := i.certificates[key]
	i.certificates[key] = &observed
	return replaced, nil
}

// complete gives an object the namespace that kubectl would.
func (i *inventory) complete(object *unstructured.Unstructured) error {
	if object.GetName() == "" && object.GetGenerateName() == "" {
		return errors.New("metadata.name is missing")
	}
	if object.GetNamespace() == "" {
		object.SetNamespace(i.namespace)
	}
	return nil
}

// addNamespace keeps its annotations, and its labels with the one that every server adds.
func (i *inventory) addNamespace(object *unstructured.Unstructured) {
	labels := object.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels["kubernetes.io/metadata.name"] = object.GetName()
	i.namespaces[object.GetName()] = certshim.Namespace{Labels: labels, Annotations: object.GetAnnotations()}
}

// index makes what is added readable by Secret and owner.
func (i *inventory) index() {
	i.bySecret = map[types.NamespacedName][]*source.Object{}
	for _, object := range i.sorted() {
		for _, secret := range secretsOf(object) {
			key := types.NamespacedName{Namespace: object.Namespace, Name: secret}
			i.bySecret[key] = append(i.bySecret[key], object)
		}
	}
	i.byOwner = map[ownerKey][]*certificate.Observed{}
	i.bySpecSecret = map[types.NamespacedName][]*certificate.Observed{}
	for _, key := range slices.SortedFunc(maps.Keys(i.certificates), compareNames) {
		c := i.certificates[key]
		owner := ownerKey{c.Namespace, c.Owner.Group, c.Owner.Kind, c.Owner.Name}
		i.byOwner[owner] = append(i.byOwner[owner], c)
		secret := types.NamespacedName{Namespace: c.Namespace, Name: c.Secret}
		i.bySpecSecret[secret] = append(i.bySpecSecret[secret], c)
	}
}

func compareNames(a, b types.NamespacedName) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// sorted gives the sources by namespace, kind and name.
func (i *inventory) sorted() []*source.Object {
	return slices.SortedFunc(maps.Values(i.sources), func(a, b *source.Object) int {
		return cmp.Or(
			cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.Name, b.Name), cmp.Compare(a.Group, b.Group),
		)
	})
}

// secretsOf gives the Secrets that a source names in any form, each once.
func secretsOf(object *source.Object) []string {
	var names []string
	for _, entry := range object.Entries {
		for _, ref := range entry.Secrets {
			if !slices.Contains(names, ref.Name) {
				names = append(names, ref.Name)
			}
		}
	}
	return names
}

// Certificate of that name.
func (i *inventory) Certificate(namespace, name string) (certificate.Observed, bool) {
	c, found := i.certificates[types.NamespacedName{Namespace: namespace, Name: name}]
	if !found {
		return certificate.Observed{}, false
	}
	return *c, true
}

// CertificatesOf gives those whose controller owner is the source.
func (i *inventory) CertificatesOf(ref source.Ref) []certificate.Observed {
	var found []certificate.Observed
	for _, c := range i.byOwner[ownerKey{ref.Namespace, ref.Group, ref.Kind, ref.Name}] {
		if c.Owner.UID == ref.UID || c.Owner.UID == "" || ref.UID == "" {
			found = append(found, *c)
		}
	}
	return found
}

// CertificatesWriting gives those whose spec.secretName is the Secret.
func (i *inventory) CertificatesWriting(namespace, secret string) []certificate.Observed {
	var found []certificate.Observed
	for _, c := range i.bySpecSecret[types.NamespacedName{Namespace: namespace, Name: secret}] {
		found = append(found, *c)
	}
	return found
}

// Claimants are the sources that name the Secret in any form.
func (i *inventory) Claimants(namespace, secret string) []*source.Object {
	return i.bySecret[types.NamespacedName{Namespace: namespace, Name: secret}]
}

// Gateway of that name.
func (i *inventory) Gateway(namespace, name string) (*source.Object, bool) {
	object, found := i.sources[source.Ref{Group: source.GatewayGroup, Kind: source.GatewayKind, Namespace: namespace, Name: name}]
	return object, found
}

// Namespace of that name; false where it isn't known.
func (i *inventory) Namespace(name string) (certshim.Namespace, bool) {
	namespace, found := i.namespaces[name]
	return namespace, found
}

// gatewaysSelect says whether any Gateway admits ListenerSets by namespace labels.
func (i *inventory) gatewaysSelect() bool {
	for _, object := range i.sources {
		if object.SelectsNamespaces() {
			return true
		}
	}
	return false
}

// CertificateFields of the served CRD; nil where all are taken to be there.
func (i *inventory) CertificateFields() certificate.Fields { return i.fields }

// Served issuer kinds; nil where nothing is known of the cluster.
func (i *inventory) Served() resolver.Served {
	if len(i.served.scopes) == 0 {
		return nil
	}
	return i.served
}
