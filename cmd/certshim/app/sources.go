package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

type sourcesOptions struct {
	listing

	// completed:
	policy *certshim.Policy
	types  []source.Type
	// ownFiles is set if --sources names files.
	ownFiles bool
}

func newSources(streams Streams, b build) *cobra.Command {
	o := &sourcesOptions{listing: listing{streams: streams, build: b}}
	o.connection.instead = ", or list what is known without one by --offline"
	cmd := &cobra.Command{
		Use:   "sources [TYPE]…",
		Short: "List the kinds of objects that may ask for certificates, and what the cluster has of them",
		Long: `Lists the kinds of objects of which certshim makes Certificates: those of this build and those
that the files of --sources declare; which of them the cluster has, how many objects there are, and
how many Certificates they have.

With a type, by its short name, its group or its kind, prints what is known of it: an example, what is
read of an object, and which permissions that needs.

-o rbac prints the permissions as manifests that kubectl apply takes: of all types, of those of
--sources, or of those that are named.

` + exitHelp,
		Example: `  certshim sources
  certshim sources HTTPProxy --offline
  certshim sources -o rbac --sources corp-proxy.yaml
  certshim sources test corp-proxy.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.prepare(cmd); err != nil {
				return err
			}
			return o.run(cmd.Context(), args)
		},
	}
	cmd.ValidArgsFunction = o.completeTypes
	o.bind(cmd, "count the objects and Certificates of this namespace only", "they need")
	cmd.AddCommand(newSourceTest(streams))
	return cmd
}

func (o *sourcesOptions) prepare(cmd *cobra.Command) error {
	o.ownFiles = cmd.Flags().Changed("sources")
	return o.listing.prepare(cmd, o.readPolicy)
}

func (o *sourcesOptions) readPolicy() error {
	surroundings, err := o.build.surroundings(o.configuration)
	if err != nil {
		return err
	}
	if o.policy, err = o.configuration.Policy(surroundings); err != nil {
		return err
	}
	o.types = nil
	for _, kind := range o.policy.Kinds.All() {
		if t, declared := source.TypeOf(kind); declared {
			o.types = append(o.types, t)
		}
	}
	return nil
}

func (o *sourcesOptions) run(ctx context.Context, words []string) error {
	types, err := o.named(words)
	switch {
	case err != nil:
		return err
	case o.format == formatRBAC:
		return o.printRoles(types)
	case len(words) > 0:
		return o.printTypes(types)
	}
	return o.printAll(ctx)
}

// named gives the types that are meant by words: by short name, kind or group; all without words.
func (o *sourcesOptions) named(words []string) ([]source.Type, error) {
	if len(words) == 0 {
		return o.types, nil
	}
	var found []source.Type
	var failed error
	for _, word := range words {
		of := o.typesNamed(word)
		if len(of) == 0 {
			failed = errors.Join(failed, o.noType(word))
		}
		found = append(found, of...)
	}
	return found, failed
}

func (o *sourcesOptions) typesNamed(word string) []source.Type {
	var found []source.Type
	kind, group, qualified := strings.Cut(word, ".")
	for _, t := range o.types {
		isKind := strings.EqualFold(kind, t.Kind) || strings.EqualFold(kind, t.Resource)
		if word == t.ID || strings.EqualFold(word, t.Group) || isKind && (!qualified || group == t.Group) {
			found = append(found, t)
		}
	}
	return found
}

// noType is the error of a word by which no type is called.
func (o *sourcesOptions) noType(word string) error {
	kind, _, _ := strings.Cut(word, ".")
	for _, builtin := range source.Builtin().All() {
		if strings.EqualFold(kind, builtin.GroupVersionKind().Kind) {
			return failure{fmt.Errorf("%s is built in, and has no type; see docs/annotations.md for what its objects may say", builtin.GroupVersionKind().Kind)}
		}
	}
	hint := ""
	if near := declaration.Nearest(word, o.typeWords()); near != "" {
		hint = fmt.Sprintf("; did you mean %q?", near)
	}
	return failure{fmt.Errorf("no source type has the short name, the group or the kind %q%s", word, hint)}
}

func (o *sourcesOptions) typeWords() []string {
	var words []string
	for _, t := range o.types {
		words = append(words, t.ID, t.Kind, t.Group)
	}
	return words
}

func (o *sourcesOptions) completeTypes(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	if err := o.prepare(cmd); err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	words := make([]string, len(o.types))
	for i, t := range o.types {
		words[i] = t.ID
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

func (o *sourcesOptions) printTypes(types []source.Type) error {
	switch o.format {
	case formatJSON:
		return writeJSON(o.streams.Out, summaries(types))
	case formatYAML:
		return writeYAML(o.streams.Out, summaries(types))
	}
	texts := make([]string, len(types))
	for i, t := range types {
		_, texts[i], _ = strings.Cut(source.RenderPage(t), "\n\n") // the first lines are for the repository
	}
	return writeLines(o.streams.Out, strings.Join(texts, "---\n"))
}

func summaries(types []source.Type) []source.Summary {
	all := make([]source.Summary, len(types))
	for i, t := range types {
		all[i] = t.Summarize()
	}
	return all
}

// allSources is the name of the ClusterRole of deploy/, which is that of all types too.
const allSources = "certshim-sources"

// printRoles prints the permissions that types need: one role for all that are known, or one for each
// type that was named or declared by --sources.
func (o *sourcesOptions) printRoles(types []source.Type) error {
	all := role{name: allSources}
	var each []role
	for _, t := range types {
		all.rules = append(all.rules, t.Rules()...)
		if !o.ownFiles || t.Level == source.LevelOperator {
			each = append(each, role{name: allSources + "-" + t.ID, rules: t.Rules()})
		}
	}
	if o.ownFiles || len(types) < len(o.types) {
		return writeRoles(o.streams.Out, each)
	}
	return writeRoles(o.streams.Out, []role{all})
}

// sourceKind is a kind of source as the list shows it.
type sourceKind struct {
	Type  string `json:"type"`
	Group string `json:"group"`
	Kind  string `json:"kind"`
	From  string `json:"from"`
	// State says whether the objects are looked at, and if not, why.
	State string `json:"state,omitempty"`
	// Objects and Certificates are nil if no cluster was asked or they can't be read.
	Objects      *int `json:"objects,omitempty"`
	Certificates *int `json:"certificates,omitempty"`
}

// The states of a kind of source in a cluster.
const (
	stateActive    = "active"
	stateOff       = "switched off"
	stateNotServed = "not served"
	// stateReplaced is that of a kind in whose place another one is read.
	stateReplaced  = "replaced"
	stateForbidden = "forbidden"
	stateUnknown   = "not known"
)

func (o *sourcesOptions) printAll(ctx context.Context) error {
	kinds := o.kinds()
	if !o.offline {
		if err := o.count(ctx, kinds); err != nil {
			printLine(o.streams.ErrOut, "warning: no cluster was asked: "+err.Error())
		}
	}
	switch o.format {
	case formatJSON:
		return writeJSON(o.streams.Out, kinds)
	case formatYAML:
		return writeYAML(o.streams.Out, kinds)
	}
	list := table{w: o.streams.Out}
	list.row("TYPE", "KIND", "GROUP", "STATE", "OBJECTS", "CERTIFICATES", "FROM")
	for _, k := range kinds {
		list.row(k.Type, k.Kind, k.Group, cmp.Or(k.State, "-"), number(k.Objects), number(k.Certificates), k.From)
	}
	return list.flush()
}

// kinds are all that are known, those that are switched off included.
func (o *sourcesOptions) kinds() []sourceKind {
	var kinds []sourceKind
	for _, kind := range source.Builtin().All() {
		gvk := kind.GroupVersionKind()
		kinds = append(kinds, sourceKind{Type: gvk.Kind, Group: gvk.Group, Kind: gvk.Kind, From: "built in"})
	}
	for _, t := range o.types {
		kinds = append(kinds, sourceKind{Type: cmp.Or(t.Title, t.ID), Group: t.Group, Kind: t.Kind, From: t.By()})
	}
	shipped, _ := source.ShippedTypes() // what can't be read is told already
	for _, t := range shipped {
		if slices.Contains(o.configuration.Sources.Disable, t.By()) {
			kinds = append(kinds, sourceKind{Type: t.Title, Group: t.Group, Kind: t.Kind, From: t.By()})
		}
	}
	for i := range kinds {
		if _, on := o.policy.Kinds.Lookup(kinds[i].Group, kinds[i].Kind); !on {
			kinds[i].State = stateOff
		}
	}
	return kinds
}

// count asks the cluster which kinds it has, and how many objects and Certificates of them.
func (o *sourcesOptions) count(ctx context.Context, kinds []sourceKind) error {
	known, err := newReading(ctx, &o.connection, o.policy, o.configuration, o.namespace)
	if err != nil {
		return err
	}
	for _, kind := range o.policy.Kinds.All() {
		if err := known.readSources(ctx, kind); err != nil && !apierrors.IsForbidden(err) {
			return err
		}
	}
	if err := known.readCertificates(ctx); err != nil && !apierrors.IsForbidden(err) {
		return err
	}
	objects := map[source.GroupKind]int{}
	for _, key := range known.Keys() {
		objects[key.Kind()]++
	}
	owned := known.CertificatesByOwner()
	for i := range kinds {
		if kinds[i].State == "" {
			kinds[i].count(known, objects, owned)
		}
	}
	return nil
}

// count says whether the cluster has the kind, and how many objects and Certificates of it.
func (k *sourceKind) count(known *reading, objects, owned map[source.GroupKind]int) {
	named := resolver.GroupKind{Group: k.Group, Kind: k.Kind}
	kind, _ := known.policy.Kinds.Lookup(k.Group, k.Kind)
	_, served := known.served.SourcesOf(kind)
	switch {
	case !served && known.served.LacksSourcesOf(kind) && !known.served.Lacks(named):
		k.State = stateReplaced
		return
	case !served && known.served.Lacks(named):
		k.State = stateNotServed
		return
	case !served:
		k.State = stateUnknown
		return
	case known.forbidden[named]:
		k.State = stateForbidden
		return
	}
	k.State = stateActive
	n, certificates := objects[source.GroupKind(named)], owned[source.GroupKind(named)]
	k.Objects = &n
	if !known.forbidden[inventory.CertificateKind()] {
		k.Certificates = &certificates
	}
}
