package app

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/cmd/certshim/app/manifest"
	"github.com/certshim/certshim/cmd/certshim/app/report"
	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// planInventory is what a plan goes by: an inventory of documents or of a cluster, and what the plan
// itself has to say of the documents.
type planInventory struct {
	*inventory.Inventory
	// labels selects the sources that are asked for. others has the sources that don't match, and
	// those that can't be read.
	labels labels.Selector
	others map[inventory.Key]bool
	// places has where the sources and Certificates of documents stand.
	places  map[inventory.Key]manifest.Position
	ignored ignored
	// bad are the fields of sources that API servers refuse, or that do nothing; faults what is wrong with
	// documents that aren't planned.
	bad    map[inventory.Key][]located
	faults []located
	// hosts are those of Ingresses' rules that no TLS entry covers.
	hosts map[inventory.Key][]located
	// secrets has where the Secrets of documents stand that cert-manager didn't make.
	secrets map[inventory.Key]manifest.Position
	// acme are the ACME issuers of documents, and equal the first Certificate of each request to one.
	acme  map[resolver.IssuerKey]bool
	equal map[request]types.NamespacedName
	// namespaces has those of namespaced issuers in documents, by kind and name.
	namespaces map[resolver.IssuerKey][]string
	// triggers counts the documents of other kinds that name an issuer, and placeholders the sources
	// with a part that something else fills in.
	triggers, placeholders int
	// notes are for whoever asked, in whole lines.
	notes []string
	// live reads from a cluster what decisions need of a Certificate; nil for documents.
	live liveReader
	// whole gives the Certificates as they are on the server or in documents, by namespace and name.
	whole func(context.Context) iter.Seq2[map[string]any, error]
	// events gives some Events of a Certificate; nil for documents.
	events func(context.Context, types.NamespacedName) ([]report.Event, error)
	// cluster is what reads it; nil for documents.
	cluster *reading
	// forbidden are the kinds that may not be listed.
	forbidden map[resolver.GroupKind]bool
}

// ignored counts the documents that are none of a plan's business.
type ignored struct {
	Documents int            `json:"documents"`
	Kinds     map[string]int `json:"kinds"`
}

func (i *ignored) count(kind string) { i.add(kind, 1) }

func (i *ignored) add(kind string, n int) {
	if n > 0 {
		i.Documents += n
		i.Kinds[kind] += n
	}
}

// newPlanInventory returns an empty one. As in the controller, nothing is known outside of the namespaces that the
// configuration limits it to.
func newPlanInventory(policy *certshim.Policy, c configuration.Configuration) *planInventory {
	k := &planInventory{
		Inventory:  inventory.New(policy, inventory.Options{Namespaces: c.Namespaces}),
		labels:     labels.Everything(),
		others:     map[inventory.Key]bool{},
		places:     map[inventory.Key]manifest.Position{},
		ignored:    ignored{Kinds: map[string]int{}},
		bad:        map[inventory.Key][]located{},
		hosts:      map[inventory.Key][]located{},
		secrets:    map[inventory.Key]manifest.Position{},
		acme:       map[resolver.IssuerKey]bool{},
		equal:      map[request]types.NamespacedName{},
		namespaces: map[resolver.IssuerKey][]string{},
		forbidden:  map[resolver.GroupKind]bool{},
	}
	k.whole = k.documents
	return k
}

// begin ends the reading. Nothing is remembered, as for a controller that starts now: whatever isn't as a source asks
// may differ for another reason than its edit.
func (k *planInventory) begin() { k.Begin("", "") }

// documents are the Certificates of documents.
func (k *planInventory) documents(context.Context) iter.Seq2[map[string]any, error] {
	return func(yield func(map[string]any, error) bool) {
		for _, object := range k.CertificateDocuments() {
			if !yield(object, nil) {
				return
			}
		}
	}
}

// sourcesOf is the intake of a kind of source. The labels are looked at as an object comes in,
// for the inventory keeps those alone that decisions read.
func (k *planInventory) sourcesOf(kind source.Kind) inventory.Intake {
	intake := k.Sources(kind)
	return inventory.Intake{
		Paths: intake.Paths,
		Pack: func(object *unstructured.Unstructured) (any, error) {
			key := inventory.NewKey(source.GroupKindOf(kind), object.GetNamespace(), object.GetName())
			delete(k.others, key)
			if !k.labels.Matches(labels.Set(object.GetLabels())) {
				k.others[key] = true
			}
			return intake.Pack(object)
		},
		Put: intake.Put, Drop: intake.Drop, Clear: intake.Clear,
	}
}

// sorted gives the sources by namespace, kind and name.
func (k *planInventory) sorted() []inventory.Key {
	return slices.SortedFunc(slices.Values(k.Keys()), func(a, b inventory.Key) int {
		return cmp.Or(
			cmp.Compare(a.Namespace(), b.Namespace()), cmp.Compare(a.Kind().Kind, b.Kind().Kind),
			cmp.Compare(a.Name(), b.Name()), cmp.Compare(a.Kind().Group, b.Kind().Group),
		)
	})
}

// decide decides about the source that is looked at.
func decide(look *inventory.Look) certshim.Outcome {
	object, unreadable := look.Object()
	if unreadable != "" {
		return certshim.Unreadable(object, unreadable)
	}
	return certshim.Decide(look.Policy(), object, look)
}
