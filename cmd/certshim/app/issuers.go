package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/resolver"
)

const formatRBAC = "rbac"

type issuersOptions struct {
	settings      *settings
	connection    connectionFlags
	streams       Streams
	namespace     string
	allNamespaces bool
	offline       bool
	format        string

	configuration configuration.Configuration
	registry      *resolver.Registry
}

func newIssuerTypes(streams Streams, b build) *cobra.Command {
	o := &issuersOptions{streams: streams}
	o.connection.instead = ", or list what is known without one by --offline"
	cmd := &cobra.Command{
		Use:   "issuers [[KIND/]NAME]",
		Short: "List the issuer types that are known, and what the cluster has of them",
		Long: `Lists the issuer types of this build and of --issuers, which of them the cluster has, how
many of their issuers are ready, and how many Certificates they have; then the kinds that no
type declares and Certificates name.

With the name of an issuer, prints the annotations that name it, ready to be pasted, and what
is known of it.

` + exitHelp,
		Example: `  certshim issuers
  certshim issuers letsencrypt
  certshim issuers -o rbac --issuers corp-ca.yaml
  certshim issuers test corp-ca.yaml`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.configuration, err = o.settings.configuration(cmd.Flags()); err != nil {
				return err
			}
			if o.registry, err = newRegistry(o.configuration, b); err != nil {
				return err
			}
			return o.run(cmd.Context(), strings.Join(args, ""))
		},
	}
	flags := cmd.Flags()
	o.settings = newSettings(flags, bindPolicy)
	flags.StringVarP(&o.namespace, "namespace", "n", "", "namespace of the issuer that is named")
	flags.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "look for the issuer that is named in all namespaces")
	flags.BoolVar(&o.offline, "offline", false, "ask no cluster: list what is known")
	flags.StringVarP(&o.format, "output", "o", formatTable, "table, json, yaml or rbac (the permissions that watching them needs)")
	o.connection.bind(cmd)
	cmd.AddCommand(newIssuerTest(streams))
	return cmd
}

func (o *issuersOptions) run(ctx context.Context, name string) error {
	switch {
	case !slices.Contains([]string{formatTable, formatJSON, formatYAML, formatRBAC}, o.format):
		return badFormat(o.format, formatTable, formatJSON, formatYAML, formatRBAC)
	case o.format == formatRBAC:
		return o.printRules()
	case name != "" && o.offline:
		return errors.New("an issuer that is named is looked for in a cluster: leave out --offline, or the name to list the types")
	case name != "":
		return o.printOne(ctx, name)
	}
	return o.printAll(ctx)
}

// printRules prints the items of a role, those of cert-manager's own issuers first.
func (o *issuersOptions) printRules() error {
	for _, entry := range entriesOf(o.registry) {
		if _, err := fmt.Fprint(o.streams.Out, resolver.RenderRule(entry.Rule())); err != nil {
			return err
		}
	}
	return nil
}

// entriesOf are the types of a registry, each once.
func entriesOf(registry *resolver.Registry) []*resolver.IssuerType {
	var entries []*resolver.IssuerType
	for _, known := range registry.Kinds() {
		if !slices.Contains(entries, known.Type) {
			entries = append(entries, known.Type)
		}
	}
	return entries
}

// issuerType is a kind of issuer as the list shows it.
type issuerType struct {
	Type  string         `json:"type"`
	Group string         `json:"group"`
	Kind  string         `json:"kind"`
	Scope resolver.Scope `json:"scope"`
	From  string         `json:"from"`
	// Installed says whether the cluster serves the kind; nil where no cluster was asked, as
	// are the numbers, which are nil as well where its issuers can't be read.
	Installed    *bool `json:"installed,omitempty"`
	Issuers      *int  `json:"issuers,omitempty"`
	Ready        *int  `json:"ready,omitempty"`
	Certificates *int  `json:"certificates,omitempty"`
}

func (o *issuersOptions) printAll(ctx context.Context) error {
	var known *reading
	if !o.offline {
		var err error
		if known, err = o.read(ctx, metav1.NamespaceAll); err != nil {
			printLine(o.streams.ErrOut, "warning: no cluster was asked: "+err.Error())
		}
	}
	types := o.types(known)
	switch o.format {
	case formatJSON:
		return writeJSON(o.streams.Out, types)
	case formatYAML:
		text, err := yaml.Marshal(types)
		if err != nil {
			return fmt.Errorf("write the issuer types: %w", err)
		}
		_, err = o.streams.Out.Write(text)
		return err
	}
	table := tabwriter.NewWriter(o.streams.Out, 0, 0, 2, ' ', 0)
	row(table, "TYPE", "KIND", "GROUP", "SCOPE", "INSTALLED", "ISSUERS", "READY", "CERTIFICATES", "FROM")
	for _, t := range types {
		row(table, t.Type, t.Kind, t.Group, string(t.Scope), yesNo(t.Installed), number(t.Issuers), number(t.Ready), number(t.Certificates), t.From)
	}
	return table.Flush()
}

func yesNo(value *bool) string {
	switch {
	case value == nil:
		return "-"
	case *value:
		return "yes"
	}
	return "no"
}

func number(value *int) string {
	if value == nil {
		return "-"
	}
	return fmt.Sprint(*value)
}

// types counts what the cluster has of each kind; without one, known is nil.
func (o *issuersOptions) types(known *reading) []issuerType {
	var types []issuerType
	for _, kind := range o.registry.Kinds() {
		types = append(types, issuerType{
			Type: cmp.Or(kind.Type.Title, kind.Type.ID), Group: kind.Group, Kind: kind.GroupKind.Kind,
			Scope: kind.Scope, From: kind.By(),
		})
	}
	if known == nil {
		return types
	}
	used, issuers := known.CertificatesByIssuer(), known.CountIssuers()
	types = append(types, undeclaredTypes(known, used)...)
	for i := range types {
		types[i].count(known, used, issuers)
	}
	return types
}

// undeclaredTypes are the kinds that Certificates name, that the cluster serves, and that nobody
// declares.
func undeclaredTypes(known *reading, used map[resolver.GroupKind]int) []issuerType {
	var types []issuerType
	byName := func(a, b resolver.GroupKind) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Kind, b.Kind))
	}
	for _, kind := range slices.SortedFunc(maps.Keys(used), byName) {
		if known.isUndeclared(kind) {
			scope, _ := known.served.Scope(kind)
			types = append(types, issuerType{
				Type: "not declared", Group: kind.Group, Kind: kind.Kind, Scope: scope, From: resolver.Undeclared().By(),
			})
		}
	}
	return types
}

func (t *issuerType) count(known *reading, used map[resolver.GroupKind]int, issuers map[inventory.KindAndReadiness]int) {
	kind := resolver.GroupKind{Group: t.Group, Kind: t.Kind}
	if _, served := known.served.Scope(kind); served || known.served.Lacks(kind) {
		t.Installed = &served
	}
	if ready, whole := issuers[inventory.KindAndReadiness{GroupKind: kind, Ready: resolver.Ready}]; whole {
		all := ready
		for _, other := range []resolver.Readiness{resolver.NotReady, resolver.ReadyUnknown} {
			all += issuers[inventory.KindAndReadiness{GroupKind: kind, Ready: other}]
		}
		t.Issuers, t.Ready = &all, &ready
	}
	certificates := used[kind]
	t.Certificates = &certificates
}

// read reads the issuers of the cluster, and its Certificates.
func (o *issuersOptions) read(ctx context.Context, namespace string) (*reading, error) {
	policy := &certshim.Policy{Registry: o.registry}
	known, err := newReading(ctx, &o.connection, policy, o.configuration, namespace)
	if err != nil {
		return nil, err
	}
	if err := known.readIssuers(ctx); err != nil {
		return nil, err
	}
	if !known.served.Has(certificate.Resource()) {
		return known, nil
	}
	if err := known.readCertificates(ctx); err != nil {
		return nil, err
	}
	for kind := range known.CertificatesByIssuer() {
		if _, err := known.readUndeclared(ctx, kind); err != nil {
			return nil, err
		}
	}
	return known, nil
}

// printOne prints what is known of the issuers of a name, KIND/NAME or NAME.
func (o *issuersOptions) printOne(ctx context.Context, name string) error {
	kind, bare, qualified := strings.Cut(name, "/")
	if !qualified {
		kind, bare = "", name
	}
	namespace, err := o.oneNamespace()
	if err != nil {
		return err
	}
	known, err := o.read(ctx, namespace)
	if err != nil {
		return err
	}
	found := issuersNamed(known, kind, bare)
	if len(found) == 0 {
		return o.notFound(known, name, bare)
	}
	for i, key := range found {
		if i > 0 {
			_, _ = fmt.Fprintln(o.streams.Out, "---")
		}
		if _, err := fmt.Fprint(o.streams.Out, o.block(known, key)); err != nil {
			return err
		}
	}
	return nil
}

func (o *issuersOptions) oneNamespace() (string, error) {
	if o.allNamespaces || o.namespace != "" {
		return o.namespace, nil
	}
	return o.connection.namespace()
}

// issuersNamed are the issuers of a name, and of a kind if it isn't "", in any case.
func issuersNamed(known *reading, kind, name string) []resolver.IssuerKey {
	var found []resolver.IssuerKey
	for key := range known.AllIssuers() {
		if key.Name == name && (kind == "" || strings.EqualFold(kind, key.Kind)) {
			found = append(found, key)
		}
	}
	slices.SortFunc(found, func(a, b resolver.IssuerKey) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace))
	})
	return found
}

func (o *issuersOptions) notFound(known *reading, name, bare string) error {
	var near []string
	for key := range known.AllIssuers() {
		if declaration.Nearest(bare, []string{key.Name}) != "" {
			near = append(near, key.Kind+"/"+key.Name)
		}
	}
	slices.Sort(near)
	message := fmt.Sprintf("there is no issuer %q here", name)
	if len(near) > 0 {
		message += "; did you mean " + strings.Join(slices.Compact(near), ", ") + "?"
	}
	return failure{errors.New(message)}
}

// block is the annotations that name an issuer, with what is known of it as comments.
func (o *issuersOptions) block(known *reading, key resolver.IssuerKey) string {
	kind, declared := o.registry.Known(key.GroupKind)
	if !declared {
		kind = resolver.Undeclared()
	}
	seen := known.AllIssuers()[key]
	statement := kind.Statement(seen)
	var b strings.Builder
	comment := func(text string) { fmt.Fprintf(&b, "# %s\n", printable(text)) }
	where := "for all namespaces"
	if key.Namespace != "" {
		where = "for namespace " + key.Namespace
	}
	comment(fmt.Sprintf("%s %s of group %s, %s: %s", key.Kind, key.Name, key.Group, where, readiness(seen)))
	b.WriteString("metadata:\n  annotations:\n")
	ref := resolver.Issuer{Ref: resolver.Ref{Group: key.Group, Kind: key.Kind, Name: key.Name}}
	for _, line := range certshim.IssuerLines(ref) {
		b.WriteString("    " + line + "\n")
	}
	for _, words := range statement.Constraints.Words() {
		comment(words)
	}
	if words := kind.Recommended(seen.Variant).Words(); words != "" {
		comment("recommended: " + words)
	}
	for _, annotation := range kind.Type.Annotations {
		if annotation.Copied() {
			comment("may have " + annotation.Key + ": " + annotation.Doc)
		}
	}
	return b.String()
}

// readiness is what is known of an issuer, in words.
func readiness(seen resolver.Seen) string {
	text := map[resolver.Readiness]string{
		resolver.Ready: "ready", resolver.NotReady: "not ready", resolver.ReadyUnknown: "not known to be ready",
	}[seen.Ready]
	if why := strings.Trim(seen.Reason+": "+seen.Message, ": "); why != "" && seen.Ready != resolver.Ready {
		text += ", " + why
	}
	return text
}
