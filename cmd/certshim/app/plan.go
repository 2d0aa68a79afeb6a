package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cmd/certshim/app/manifest"
	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/source"
)

type planOptions struct {
	settings      *settings
	connection    connectionFlags
	streams       Streams
	build         build
	input         input
	namespace     string
	allNamespaces bool
	selector      string
	format        string
	noHeaders     bool

	// completed:
	configuration configuration.Configuration
	policy        *certshim.Policy
	labels        labels.Selector
	kinds         []source.Kind
	unreadable    bool
	// within is the one namespace of a cluster that is looked at, or empty.
	within string
}

func newPlan(streams Streams, b build) *cobra.Command {
	o := &planOptions{streams: streams, build: b, input: input{stdin: streams.In}}
	cmd := &cobra.Command{
		Use:   "plan [KIND…]",
		Short: "Show which Certificates manifests lead to, or what would change in a cluster",
		Long: `With -f, reads manifests and needs no cluster: Certificates in the input are what exists
already, other kinds are ignored and counted. Without -f, reads the cluster and writes
nothing. KIND limits it to ingress, gateway or listenerset.

The table, the manifests or the report go to standard output, problems to standard error, one
a line. The manifests of -o yaml and -o json are fit for
kubectl apply --server-side --field-manager=certshim.

` + exitHelp,
		Example: `  certshim plan -f examples/
  helm template ./chart | certshim plan -f - -o diff
  certshim plan --all-namespaces`,
		ValidArgs: kindNames(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.complete(cmd, args); err != nil {
				return err
			}
			return o.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	o.settings = newSettings(flags, bindPolicy)
	flags.StringSliceVarP(&o.input.paths, "filename", "f", nil, "files, folders, or - for standard input")
	flags.BoolVarP(&o.input.recursive, "recursive", "R", false, "read the subfolders of -f too")
	flags.StringVarP(&o.namespace, "namespace", "n", "", "namespace to look at; with -f, the one of objects that have none")
	flags.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "look at all namespaces of the cluster")
	flags.StringVarP(&o.selector, "selector", "l", "", "look at sources with these labels")
	flags.StringVarP(&o.format, "output", "o", "table", strings.Join(formats(), ", "))
	flags.BoolVar(&o.noHeaders, "no-headers", false, "leave the table's header line out")
	o.connection.bind(flags)
	complete(cmd, "output", formats()...)
	return cmd
}

// complete reads the flags and the configuration, and tells everything that is wrong.
func (o *planOptions) complete(cmd *cobra.Command, args []string) error {
	var err, failed error
	o.configuration, failed = o.settings.configuration(cmd.Flags())
	err = errors.Join(err, failed)
	if failed == nil {
		o.policy, failed = newPolicy(o.configuration, o.build, o.knowledge())
		err = errors.Join(err, failed)
	}
	if o.policy != nil {
		o.policy.Explain = o.format == formatReport
	}
	if o.labels, failed = labels.Parse(o.selector); failed != nil {
		err = errors.Join(err, fmt.Errorf("--selector is %q: %w", o.selector, failed))
	}
	if o.kinds, failed = kindsNamed(args); failed != nil {
		err = errors.Join(err, failed)
	}
	if !slices.Contains(formats(), o.format) {
		err = errors.Join(err, badFormat(o.format, formats()...))
	}
	if o.allNamespaces && o.namespace != "" {
		err = errors.Join(err, errors.New("--namespace and --all-namespaces exclude each other"))
	}
	return err
}

func (o *planOptions) offline() bool { return len(o.input.paths) > 0 }

func (o *planOptions) knowledge() knowledge {
	if o.offline() {
		return fromFiles
	}
	return inCluster
}

// kindNames are the names of kinds as people type them.
func kindNames() []string {
	var names []string
	for _, kind := range source.Kinds() {
		names = append(names, strings.ToLower(kind.GroupVersionKind().Kind))
	}
	return names
}

// kindsNamed finds kinds as kubectl does: by kind or plural, in any case.
func kindsNamed(names []string) ([]source.Kind, error) {
	if len(names) == 0 {
		return source.Kinds(), nil
	}
	var found []source.Kind
	var err error
	for _, name := range names {
		i := slices.IndexFunc(source.Kinds(), func(k source.Kind) bool {
			return strings.EqualFold(name, k.GroupVersionKind().Kind) || strings.EqualFold(name, k.Resource().Resource)
		})
		if i < 0 {
			err = errors.Join(err, fmt.Errorf("%q is no kind of source, must be one of %s; files are named by -f", name, strings.Join(kindNames(), ", ")))
			continue
		}
		found = append(found, source.Kinds()[i])
	}
	return found, err
}

func (o *planOptions) run(ctx context.Context) error {
	known, live, err := o.read(ctx)
	if err != nil {
		return err
	}
	known.index()
	p := plan{ignored: known.ignored, noHeaders: o.noHeaders}
	for _, object := range known.sorted() {
		if !o.wants(object) {
			continue
		}
		outcome, err := o.decide(ctx, object, known, live)
		if err != nil {
			return err
		}
		p.add(planned{object: object, outcome: outcome}, known)
	}
	return o.print(p)
}

// read fills the inventory; live reads what decisions need of a Certificate in a cluster.
func (o *planOptions) read(ctx context.Context) (*inventory, liveReader, error) {
	if !o.offline() {
		return o.readCluster(ctx)
	}
	namespace := o.namespace
	if namespace == "" {
		namespace = "default"
	}
	known := newInventory(namespace)
	known.keepsLive = true
	known.registry = o.policy.Registry
	o.input.each(func(d manifest.Document, err error) { o.take(known, d, err) })
	return known, nil, nil
}

// take adds a document to the inventory, and says what is wrong with it.
func (o *planOptions) take(known *inventory, d manifest.Document, err error) {
	if err == nil {
		for _, w := range d.Warnings {
			printLine(o.streams.ErrOut, "warning: "+w.Error())
		}
		var replaced bool
		if replaced, err = known.add(d.Object, d.At); err != nil {
			named := strings.TrimSpace(d.Object.GetKind() + " " + d.Object.GetName())
			err = &manifest.BrokenError{At: d.At, Err: fmt.Errorf("%s: %w", named, err)}
		}
		if replaced {
			printLine(o.streams.ErrOut, fmt.Sprintf("warning: %s: %s %s/%s occurs twice, the last one counts",
				d.At, d.Object.GetKind(), d.Object.GetNamespace(), d.Object.GetName()))
		}
	}
	if err != nil {
		o.unreadable = true
		printLine(o.streams.ErrOut, "error: "+err.Error())
	}
}

// wants says whether a source is among those that were asked for.
func (o *planOptions) wants(object *source.Object) bool {
	if o.within != "" && object.Namespace != o.within {
		return false
	}
	if only := o.configuration.Namespaces; len(only) > 0 && !slices.Contains(only, object.Namespace) {
		return false
	}
	return o.labels.Matches(labels.Set(object.Labels)) && slices.ContainsFunc(o.kinds, func(k source.Kind) bool {
		return k.GroupVersionKind().Kind == object.Kind && k.GroupVersionKind().Group == object.Group
	})
}

// decide decides, with the live values of what a decision needs them of.
func (o *planOptions) decide(ctx context.Context, object *source.Object, known *inventory, live liveReader) (certshim.Outcome, error) {
	outcome := certshim.Decide(o.policy, object, known)
	if live == nil {
		return outcome, nil
	}
	again := false
	for _, c := range outcome.Certificates {
		if !c.NeedsLive && (c.Action != certificate.Apply || o.format != formatDiff) {
			continue
		}
		content, err := live(ctx, c.Namespace, c.Name)
		if err != nil {
			return outcome, err
		}
		again = known.setLive(c.Namespace, c.Name, content) || again
	}
	if again {
		outcome = certshim.Decide(o.policy, object, known)
	}
	return outcome, nil
}

// print writes the plan in its format, the problems and the summary, and gives the error
// that stands for the exit status.
func (o *planOptions) print(p plan) error {
	if err := p.write(o.streams.Out, o.format); err != nil {
		return err
	}
	failed := false
	for _, one := range p.sources {
		failed = failed || one.outcome.Problems.HasErrors()
		for _, found := range one.outcome.Problems.All() {
			printLine(o.streams.ErrOut, one.problemLine(found))
		}
	}
	for _, line := range o.build.unasked(o.configuration, p.sources) {
		printLine(o.streams.ErrOut, line)
	}
	printLine(o.streams.ErrOut, p.summary())
	switch {
	case o.unreadable:
		return errUnreadable
	case failed:
		return errProblems
	}
	return nil
}
