package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/issuance"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// formatText is the story for people.
const formatText = "text"

func explainFormats() []string { return []string{formatText, formatJSON} }

// The pause between two looks of --watch: it grows while nothing changes.
const (
	firstPause   = 2 * time.Second
	longestPause = 15 * time.Second
)

type explainOptions struct {
	// plan decides about the sources, as certshim plan does.
	plan   planOptions
	format string
	watch  bool
	now    func() time.Time

	// completed:
	asked askedObject
}

// askedObject is what is to be explained: a source, or a Certificate if there is no kind.
type askedObject struct {
	kind source.Kind
	name string
}

func (a askedObject) String() string {
	if a.kind == nil {
		return issuance.KindCertificate + " " + fmt.Sprintf("%q", a.name)
	}
	return a.kind.GroupVersionKind().Kind + " " + fmt.Sprintf("%q", a.name)
}

func newExplain(streams Streams, b build) *cobra.Command { return newExplainAt(streams, b, time.Now) }

// newExplainAt goes by a clock.
func newExplainAt(streams Streams, b build, now func() time.Time) *cobra.Command {
	o := &explainOptions{plan: planOptions{streams: streams, build: b, format: formatDiff, input: input{stdin: streams.In}}, now: now}
	o.plan.connection.instead = ", or explain saved objects by -f FILE, or -f - for standard input"
	cmd := &cobra.Command{
		Use:   "explain KIND/NAME | explain KIND NAME",
		Short: "Show why an object has, or has not, a certificate, and what helps",
		Long: `Follows one Ingress, Gateway, ListenerSet or Certificate from its annotations to the signed
certificate: what was read and where each value came from, which issuer is meant, what certshim
decides, and then cert-manager's side, from the Certificate over CertificateRequest, Order and
Challenge to the issuer. Where it hangs comes first, with a code that docs/hangs.md explains, and
the commands that help.

With -f, it explains saved objects and needs no cluster: sources, Certificates with their managedFields,
CertificateRequests, Orders, Challenges, issuers and Events, as kubectl get --show-managed-fields -o yaml
prints them. What isn't among them can't be known, and is said to be so.

It reads and never writes, and reads no Secret. Where a permission is missing, a line says what
couldn't be seen. It decides as certshim plan does, with the same flags and --config.

` + explainExitHelp,
		Example: `  certshim explain ingress/web -n shop
  certshim explain certificate web-tls -n shop --watch
  certshim explain gateway/edge -o json
  certshim explain ingress/web -f dump.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.complete(cmd, args); err != nil {
				return err
			}
			return o.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	o.plan.settings = newSettings(flags, bindPolicy)
	o.plan.bindRelease(flags)
	flags.StringSliceVarP(&o.plan.input.paths, "filename", "f", nil, "explain saved objects, in files, folders, patterns, or - for standard input, and ask no cluster")
	flags.BoolVarP(&o.plan.input.recursive, "recursive", "R", false, "read the subfolders of -f too")
	flags.StringVarP(&o.plan.namespace, "namespace", "n", "", "namespace of the object")
	flags.StringVarP(&o.format, "output", "o", formatText, strings.Join(explainFormats(), ", "))
	flags.BoolVarP(&o.watch, "watch", "w", false, "look again until the certificate is there, and print what changed")
	bindColour(cmd, &o.plan.colour)
	o.plan.connection.bind(cmd)
	complete(cmd, "output", explainFormats()...)
	o.plan.connection.completeNamespaces(cmd)
	cmd.ValidArgsFunction = o.completeObjects
	return cmd
}

const explainExitHelp = `Exit status:
  0  nothing is broken: all is issued, or waits for something
  1  a step is broken, the object has a problem of severity error, or it isn't there
  2  the flags, the configuration or the cluster can't be read`

func (o *explainOptions) complete(cmd *cobra.Command, args []string) error {
	err := o.plan.complete(cmd, nil)
	if o.plan.policy != nil {
		o.plan.policy.Explain = true
	}
	if !slices.Contains(explainFormats(), o.format) {
		err = errors.Join(err, badFormat(o.format, explainFormats()...))
	}
	if o.watch && o.plan.offline() {
		err = errors.Join(err, errors.New("--watch has no place with -f: files don't change"))
	}
	var failed error
	o.asked, failed = parseObject(o.plan.kinds(), args)
	return errors.Join(err, failed)
}

// parseObject reads KIND/NAME or KIND NAME.
func parseObject(among source.Kinds, args []string) (askedObject, error) {
	if len(args) == 1 {
		args = strings.SplitN(args[0], "/", 2)
	}
	if len(args) != 2 || args[0] == "" || args[1] == "" || strings.Contains(args[1], "/") {
		return askedObject{}, errors.New("one object is explained: KIND/NAME or KIND NAME, such as ingress/web")
	}
	if isCertificate(args[0]) {
		return askedObject{name: args[1]}, nil
	}
	kind := kindNamed(among, strings.ToLower(args[0]))
	if kind == nil {
		all := append(kindNames(source.Builtin()), "certificate")
		hint := ""
		if near := declaration.Nearest(args[0], append(kindNames(among), "certificate")); near != "" {
			hint = fmt.Sprintf(", did you mean %q?", near)
		}
		return askedObject{}, fmt.Errorf("%q is no kind that can be explained, must be one of %s, or another that certshim sources lists%s", args[0], strings.Join(all, ", "), hint)
	}
	return askedObject{kind: kind, name: args[1]}, nil
}

// isCertificate says whether a kind is that of Certificates, in the forms that kubectl takes.
func isCertificate(kind string) bool {
	name, group, _ := strings.Cut(strings.ToLower(kind), ".")
	resource := certificate.Resource()
	named := slices.Contains([]string{"certificate", "certificates", "cert", "certs"}, name)
	return named && slices.Contains([]string{"", resource.Group, resource.Version + "." + resource.Group}, group)
}

// run explains once, or again and again until nothing is left to wait for.
func (o *explainOptions) run(ctx context.Context) error {
	var last string
	pause := firstPause
	for {
		e, err := o.explain(ctx)
		if err != nil {
			return err
		}
		if now := e.Story(); now != last {
			if err := o.print(e); err != nil {
				return err
			}
			last, pause = now, firstPause
		}
		if !o.watch || e.Outcome == issuance.OK {
			return e.exit()
		}
		select {
		case <-ctx.Done():
			return e.exit()
		case <-time.After(pause):
			pause = min(pause*3/2, longestPause)
		}
	}
}

func (o *explainOptions) print(e *explanation) error {
	if o.format == formatJSON {
		return writeJSON(o.plan.streams.Out, e)
	}
	return e.writeText(o.plan.streams.Out, hasColour(o.plan.colour, o.plan.streams.Out))
}

// explain reads the cluster and explains the object as it is now.
func (o *explainOptions) explain(ctx context.Context) (*explanation, error) {
	chains, err := o.read(ctx)
	if err != nil {
		return nil, err
	}
	known := chains.known
	e := newExplanation(o.asked, chains.namespace)
	keys, err := o.sources(ctx, known, e)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		one, err := o.plan.decide(ctx, key, known)
		if err != nil {
			return nil, err
		}
		if err := e.addSource(ctx, one, chains); err != nil {
			return nil, err
		}
	}
	if len(keys) == 0 {
		if err := e.addAlone(ctx, chains); err != nil {
			return nil, err
		}
	}
	e.finish(chains)
	return e, nil
}

// read fills the inventory as plan does, and gives what reads the rest.
func (o *explainOptions) read(ctx context.Context) (*chainReader, error) {
	if o.plan.offline() {
		return o.readSaved(ctx)
	}
	namespace, err := o.plan.clusterNamespace()
	if err != nil {
		return nil, err
	}
	o.plan.within = namespace
	known, err := o.readCluster(ctx, namespace)
	if err != nil {
		return nil, err
	}
	return ofCluster(known, namespace, o.now()), nil
}

// readSaved reads documents. Without a namespace, that of the one object of the name counts.
func (o *explainOptions) readSaved(ctx context.Context) (*chainReader, error) {
	saved := &savedObjects{}
	o.plan.saved = saved.add
	known, err := o.plan.readInput(ctx)
	if err != nil {
		return nil, err
	}
	return ofDocuments(known, o.plan.policy, saved, cmp.Or(o.plan.namespace, o.onlyNamespace(known, saved), metav1.NamespaceDefault), o.now()), nil
}

// onlyNamespace is where the object is, if there is just one of its kind and name.
func (o *explainOptions) onlyNamespace(known *planInventory, saved *savedObjects) string {
	var namespaces []string
	for _, key := range known.Keys() {
		if o.asked.kind != nil && key.Kind() == source.GroupKindOf(o.asked.kind) && key.Name() == o.asked.name {
			namespaces = append(namespaces, key.Namespace())
		}
	}
	for _, object := range saved.all {
		if o.asked.kind == nil && object.GetKind() == issuance.KindCertificate && object.GetName() == o.asked.name {
			namespaces = append(namespaces, object.GetNamespace())
		}
	}
	if len(namespaces) != 1 {
		return ""
	}
	return namespaces[0]
}

// readCluster leaves unknown what may not be listed.
func (o *explainOptions) readCluster(ctx context.Context, namespace string) (*reading, error) {
	r, err := newReading(ctx, &o.plan.connection, o.plan.policy, o.plan.configuration, namespace)
	if err != nil {
		return nil, err
	}
	r.lenient = true
	if o.asked.kind != nil && o.asked.kind.GroupVersionKind().Kind != source.ListenerSetKind {
		r.all = r.own // only a ListenerSet has a parent elsewhere
	}
	return r, r.readAll(ctx)
}

// sources are those to decide about: the one that is asked for, or that of a Certificate.
func (o *explainOptions) sources(ctx context.Context, known *planInventory, e *explanation) ([]inventory.Key, error) {
	if o.asked.kind != nil {
		key := inventory.NewKey(source.GroupKindOf(o.asked.kind), e.Object.Namespace, o.asked.name)
		if slices.Contains(known.Keys(), key) {
			return []inventory.Key{key}, nil
		}
		e.missing(o.notThere(known))
		return nil, nil
	}
	return o.owners(ctx, known, e)
}

// owners is the source of the Certificate that is asked for. One that is refused it is none, but
// where there is no such Certificate, it is the one to explain.
func (o *explainOptions) owners(ctx context.Context, known *planInventory, e *explanation) ([]inventory.Key, error) {
	var refused []inventory.Key
	there := false
	for _, key := range known.sorted() {
		look := known.Look(key)
		outcome := decide(look)
		_, presence := look.Certificate(e.Object.Namespace, o.asked.name)
		look.Close()
		there = there || presence == certshim.Present
		for _, c := range outcome.Certificates {
			switch {
			case c.Namespace != e.Object.Namespace || c.Name != o.asked.name:
			case c.Action == certificate.Refuse:
				refused = append(refused, key)
			default:
				return []inventory.Key{key}, ctx.Err()
			}
		}
	}
	if !there {
		return refused[:min(len(refused), 1)], ctx.Err()
	}
	for _, key := range refused {
		e.Steps = append(e.Steps, explainedStep{
			Object:  problem.Object{Group: key.Kind().Group, Kind: key.Kind().Kind, Namespace: key.Namespace(), Name: key.Name()},
			Outcome: issuance.OK, Text: "it asks for this Secret too, and is refused: explain it to see why",
		})
	}
	return nil, ctx.Err()
}

// notThere says of a source that it isn't there, and which may be meant.
func (o *explainOptions) notThere(known *planInventory) string {
	named := selection{named: []namedSource{{source.GroupKindOf(o.asked.kind), o.asked.name}}}
	return strings.Join(named.missing(nil, known.Keys(), o.plan.where()), "; ")
}
