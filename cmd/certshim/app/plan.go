package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

type planOptions struct {
	settings      *settings
	connection    connectionFlags
	streams       Streams
	build         build
	input         input
	namespace     string
	release       string
	allNamespaces bool
	selector      string
	format        string
	noHeaders     bool
	colour        string

	// completed:
	configuration configuration.Configuration
	policy        *certshim.Policy
	labels        labels.Selector
	selected      selection
	unreadable    bool
	ignoreOther   bool
	// lenient goes on where a kind of a cluster may not be listed.
	lenient bool
	// surveyed, if it is set, gives what sees each decision of a survey of a cluster. Where more is
	// read because of them, another survey begins.
	surveyed func(*planInventory) surveyor
	// running is the controller whose configuration is followed; nil where it is given, or not known.
	running *running
	// saved, if it is set, sees each object of documents.
	saved func(*unstructured.Unstructured)
	// progress, if it isn't nil, says how far the reading of a cluster is.
	progress *progress
	// within is the one namespace of a cluster that is looked at, or empty.
	within string
}

func newPlan(streams Streams, b build) *cobra.Command {
	o := &planOptions{streams: streams, build: b, input: input{stdin: streams.In}}
	o.connection.instead = ", or plan manifests by -f FILE, or -f - for standard input"
	cmd := &cobra.Command{
		Use:   "plan [KIND… | KIND NAME… | KIND/NAME…]",
		Short: "Show which Certificates manifests lead to, or what would change in a cluster",
		Long: `With -f, reads manifests and needs no cluster: Certificates in the input are what exists
already, other kinds are ignored and counted. Without -f, reads the cluster and writes
nothing. The arguments limit it to kinds (ingress, gateway, listenerset, or their short names
ing, gtw, lset), or to some objects by their names.

The table, the manifests or the report go to standard output, problems to standard error, one
a line. The manifests of -o yaml and -o json are fit for
kubectl apply --server-side --field-manager=certshim. Those of objects that are in no cluster yet
carry the annotation certshim.io/source, by which the controller makes the objects their owners once
they are there.

` + exitHelp,
		Example: `  certshim plan -f examples/
  helm template ./chart | certshim plan -f - -o diff
  certshim plan --all-namespaces
  certshim plan ingress/web -n shop --config certshim.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.complete(cmd, args); err != nil {
				return err
			}
			return o.run(cmd.Context())
		},
	}
	o.bind(cmd, "look at sources with these labels")
	cmd.Flags().StringVarP(&o.format, "output", "o", "table", strings.Join(formats(), ", "))
	complete(cmd, "output", formats()...)
	return cmd
}

// bind adds the flags that choose what is read, of a cluster or of files, and how it is shown.
func (o *planOptions) bind(cmd *cobra.Command, selects string) {
	flags := cmd.Flags()
	o.settings = newSettings(flags, bindPolicy)
	o.bindRelease(flags)
	flags.StringSliceVarP(&o.input.paths, "filename", "f", nil, "files, folders, patterns, or - for standard input")
	flags.BoolVarP(&o.input.recursive, "recursive", "R", false, "read the subfolders of -f too")
	flags.BoolVar(&o.ignoreOther, "ignore-other", false, "with -f, leave out what isn't YAML or has no apiVersion and kind, such as values files, Kustomize's patches, and what has placeholders")
	flags.StringVarP(&o.namespace, "namespace", "n", "", "namespace to look at; with -f, the one of objects that have none")
	flags.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "look at all namespaces of the cluster")
	flags.StringVarP(&o.selector, "selector", "l", "", selects)
	flags.BoolVar(&o.noHeaders, "no-headers", false, "leave the header line of tables out")
	bindColour(cmd, &o.colour)
	o.connection.bind(cmd)
	o.connection.completeNamespaces(cmd)
	cmd.ValidArgsFunction = o.completeSources
}

// complete reads the flags and the configuration, and tells everything that is wrong.
func (o *planOptions) complete(cmd *cobra.Command, args []string) error {
	o.streams.ErrOut = messages(o.streams.ErrOut, o.colour)
	wrong := o.completeSelection()
	if wrong == nil && !o.offline() && o.settings.file == "" {
		o.follow(cmd.Context())
	}
	err := o.completePolicy(cmd.Context(), cmd.Flags())
	if o.policy != nil {
		o.policy.Explain = o.format == formatReport
	}
	var failed error
	o.selected, failed = selectSources(o.kinds(), args)
	return errors.Join(err, wrong, failed)
}

// completePolicy reads the configuration, and what decisions follow by it.
func (o *planOptions) completePolicy(ctx context.Context, given *pflag.FlagSet) (err error) {
	if o.configuration, err = o.settings.configuration(given); err != nil {
		return err
	}
	surroundings := configuration.Surroundings{Compiled: o.build.compiled, Offline: o.offline()}
	surroundings.Types, err = typesFor(ctx, o, given.Changed("issuers"), "issuer types", o.configuration.Resolvers.Types, decodeIssuerType)
	var failed error
	surroundings.SourceTypes, failed = typesFor(ctx, o, given.Changed("sources"), "source types", o.configuration.Sources.Types, decodeSourceType)
	if err = problem.Join(err, failed); err != nil {
		return err
	}
	o.policy, err = o.configuration.Policy(surroundings)
	return err
}

// typesFor reads types from files here, or where the configuration is that of the controller and names
// them, from its ConfigMaps.
func typesFor[T any](ctx context.Context, o *planOptions, here bool, what string, paths []string, decode decodeType[T]) ([]T, error) {
	if o.running == nil || here {
		return readTypes(paths, decode)
	}
	types, err := typesOf(ctx, o.running, paths, decode)
	if err != nil {
		o.note(fmt.Sprintf("%s of %s can't be read, and are left out: %v", what, o.running, err))
	}
	return types, nil
}

// completeSelection reads the flags that choose what is looked at.
func (o *planOptions) completeSelection() error {
	var err, failed error
	if o.labels, failed = labels.Parse(o.selector); failed != nil {
		err = errors.Join(err, fmt.Errorf("--selector is %q: %w", o.selector, failed))
	}
	if !slices.Contains(formats(), o.format) {
		err = errors.Join(err, badFormat(o.format, formats()...))
	}
	err = errors.Join(err, checkColour(o.colour))
	if o.allNamespaces && o.namespace != "" {
		err = errors.Join(err, errors.New("--namespace and --all-namespaces exclude each other"))
	}
	return err
}

// kinds are those of the policy, or where that can't be made, those of this build.
func (o *planOptions) kinds() source.Kinds {
	if o.policy != nil {
		return o.policy.Kinds
	}
	return configuration.ShippedKinds()
}

func (o *planOptions) offline() bool { return len(o.input.paths) > 0 }

func (o *planOptions) run(ctx context.Context) error {
	known, err := o.read(ctx)
	if err != nil {
		return err
	}
	p := newPlanOf(known)
	out := bufio.NewWriter(o.streams.Out)
	w := newPlanWriter(out, o.format, o.noHeaders, hasColour(o.colour, o.streams.Out))
	for one, err := range o.decisions(ctx, known) {
		if err == nil {
			err = w.write(one)
		}
		if err != nil {
			return err
		}
		p.add(one, o.selected)
	}
	p.missing = o.selected.missing(p.named, known.Keys(), o.where())
	if err := errors.Join(w.close(p), out.Flush()); err != nil {
		return err
	}
	return o.tell(p)
}

// decisions yields the outcome of each source. For a cluster, where a read may fail halfway, all
// decisions are made before the first is yielded.
func (o *planOptions) decisions(ctx context.Context, known *planInventory) iter.Seq2[planned, error] {
	each := func(yield func(planned, error) bool) {
		for _, key := range known.sorted() {
			if ctx.Err() != nil {
				yield(planned{}, stopped(ctx))
				return
			}
			if !o.wants(key, known) {
				continue
			}
			if one, err := o.decide(ctx, key, known); !yield(one, err) || err != nil {
				return
			}
		}
	}
	if known.live == nil {
		return each
	}
	var all []planned
	for one, err := range each {
		if err != nil {
			return func(yield func(planned, error) bool) { yield(one, err) }
		}
		all = append(all, one)
	}
	return func(yield func(planned, error) bool) {
		for _, one := range all {
			if !yield(one, nil) {
				return
			}
		}
	}
}

// read fills the inventory.
func (o *planOptions) read(ctx context.Context) (*planInventory, error) {
	if o.offline() {
		return o.readInput(ctx)
	}
	return o.readCluster(ctx)
}

func (o *planOptions) readCluster(ctx context.Context) (*planInventory, error) {
	var err error
	if o.within, err = o.clusterNamespace(); err != nil {
		return nil, err
	}
	r, err := newReading(ctx, &o.connection, o.policy, o.configuration, o.within)
	if err != nil {
		return nil, err
	}
	r.labels, r.lenient, r.surveyed = o.labels, o.lenient, o.surveyed
	r.progress = o.progress
	return r.planInventory, r.readAll(ctx)
}

// clusterNamespace is -n, or the context's, or "" for all.
func (o *planOptions) clusterNamespace() (string, error) {
	if o.allNamespaces || o.namespace != "" {
		return o.namespace, nil
	}
	return o.connection.namespace()
}

// wants says whether a source is among those that were asked for.
func (o *planOptions) wants(key inventory.Key, known *planInventory) bool {
	if known.others[key] || o.within != "" && key.Namespace() != o.within {
		return false
	}
	return o.selected.has(key)
}

// decide decides, with the live values of what a decision needs them of.
func (o *planOptions) decide(ctx context.Context, key inventory.Key, known *planInventory) (planned, error) {
	look := known.Look(key)
	defer look.Close()
	outcome := decide(look)
	if known.live != nil {
		read, err := o.readLive(ctx, look, outcome, known.live)
		if err != nil {
			return planned{}, err
		}
		if read {
			outcome = decide(look)
		}
	}
	object, _ := look.Object()
	one := planned{object: object, outcome: outcome, at: known.places[key], lines: places{}, live: map[types.NamespacedName]map[string]any{}, owners: map[types.NamespacedName]*owners{}}
	for _, bad := range known.bad[key] {
		one.addLocated(bad)
	}
	one.addHosts(known.hosts[key])
	one.addSecrets(known.secrets)
	one.addEqual(known)
	one.addElsewhere(known.namespaces)
	for _, c := range outcome.Certificates {
		if existing, presence := look.Certificate(c.Namespace, c.Name); presence == certshim.Present {
			one.live[c.At()] = existing.Live
			if o.showsOwners() {
				one.owners[c.At()] = ownersOf(existing, c)
			}
			one.applied = one.applied || isOwnApplied(existing, object) && (c.Action == certificate.Apply || outcome.Issuer.Name == "")
		}
	}
	return one, nil
}

// showsOwners says whether the output tells who holds fields of Certificates that change.
func (o *planOptions) showsOwners() bool { return o.format == formatDiff || o.format == formatReport }

// readLive reads the Certificates that decisions need whole, and those whose owners are shown. It
// says whether there were any.
func (o *planOptions) readLive(ctx context.Context, look *inventory.Look, outcome certshim.Outcome, live liveReader) (read bool, err error) {
	for _, c := range outcome.Certificates {
		if !c.NeedsLive && (c.Action != certificate.Apply || !o.showsOwners()) {
			continue
		}
		name := types.NamespacedName{Namespace: c.Namespace, Name: c.Name}
		observed, err := live(ctx, name)
		if errors.Is(err, errNotPermitted) {
			continue
		}
		if err != nil {
			return false, err
		}
		look.SetLive(name, observed)
		read = true
	}
	return read, nil
}

// tell says what is wrong and sums up, and gives the error that stands for the exit status.
func (o *planOptions) tell(p *plan) error {
	for _, line := range p.lines {
		printLine(o.streams.ErrOut, line)
	}
	for _, line := range p.missing {
		printLine(o.streams.ErrOut, "error: "+line)
	}
	for _, line := range o.notes(p) {
		printLine(o.streams.ErrOut, line)
	}
	if line := p.reissues.line(o.configuration.Takeover.ChangesPerMinute); line != "" {
		printLine(o.streams.ErrOut, line)
	}
	printLine(o.streams.ErrOut, p.summary())
	switch {
	case o.unreadable:
		return errUnreadable
	case p.severities[problem.Error] > 0 || len(p.missing) > 0:
		return errProblems
	}
	return nil
}
