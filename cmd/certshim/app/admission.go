package app

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/certshim/certshim/admission"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/source"
)

// policyFlags are those of each command that prints a policy.
type policyFlags struct {
	streams Streams
	name    string
	action  string
	format  string
}

func (f *policyFlags) bind(cmd *cobra.Command, name string) {
	cmd.Flags().StringVar(&f.name, "name", name, "name of the policy and of its binding")
	cmd.Flags().StringVar(&f.action, "action", "warn", "warn or deny")
	cmd.Flags().StringVarP(&f.format, "output", "o", formatYAML, "yaml or json")
	complete(cmd, "action", "warn", "deny")
	complete(cmd, "output", formatYAML, formatJSON)
}

// check gives the action, if the flags can be read.
func (f *policyFlags) check() (admission.Action, error) {
	action, err := admissionAction(f.action)
	if f.format != formatYAML && f.format != formatJSON {
		err = errors.Join(err, badFormat(f.format, formatYAML, formatJSON))
	}
	return action, err
}

type policyOptions struct {
	policyFlags
	settings *settings
	build    build
}

func newAdmission(streams Streams, b build) *cobra.Command {
	o := &policyOptions{policyFlags: policyFlags{streams: streams}, build: b}
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Print an admission policy that tells of annotations that certshim can't read",
		Long: `Prints a ValidatingAdmissionPolicy and its binding, made of the annotation table: the API server
then tells whoever writes an object of a value that certshim can't read, at once, or refuses it.
Objects without an issuer's annotation, values that an update leaves as they were, and objects
that are being deleted are let through.

The kinds are those of the configuration. What the policy refuses, the controller refuses too;
what depends on other objects is told by the controller alone.

` + exitHelp,
		Example: `  certshim policy | kubectl apply -f -
  certshim policy --action deny --config certshim.yaml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.settings = newSettings(cmd.Flags(), bindKinds)
	o.bind(cmd, "certshim-annotations")
	cmd.AddCommand(newTiePolicy(streams))
	return cmd
}

type tieOptions struct {
	policyFlags
	users, groups []string
}

func newTiePolicy(streams Streams) *cobra.Command {
	o := &tieOptions{policyFlags: policyFlags{streams: streams}}
	cmd := &cobra.Command{
		Use:   "ties",
		Short: "Print an admission policy that protects the ties of Certificates in other namespaces",
		Long: `Prints a ValidatingAdmissionPolicy and its binding, by which only exempt accounts may write the
annotation ` + certificate.TieKey + ` where it ties a Certificate to an object of another namespace.
Such a tie is a claim and gives no right, but without it certshim leaves the Certificate alone.

` + exitHelp,
		Example: `  certshim policy ties | kubectl apply -f -
  certshim policy ties --action deny --exempt-user system:serviceaccount:certshim:certshim,system:serviceaccount:velero:velero`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return o.run() },
	}
	cmd.Flags().StringSliceVar(&o.users, "exempt-user", []string{"system:serviceaccount:certshim:certshim"}, "users who may write ties: certshim's own, and those that restore backups")
	cmd.Flags().StringSliceVar(&o.groups, "exempt-group", nil, "groups whose users may write ties")
	o.bind(cmd, "certshim-ties")
	return cmd
}

func (o *tieOptions) run() error {
	action, err := o.check()
	if err != nil {
		return err
	}
	return o.print(admission.Ties(admission.TieOptions{Name: o.name, Key: certificate.TieKey, Users: o.users, Groups: o.groups, Action: action}))
}

func (o *policyOptions) run(cmd *cobra.Command) error {
	configuration, err := o.settings.configuration(cmd.Flags())
	if err != nil {
		return err
	}
	action, err := o.check()
	if err != nil {
		return err
	}
	policy, err := newPolicy(configuration, o.build)
	if err != nil {
		return err
	}
	return o.print(admission.New(admission.Options{
		Name: o.name, Resources: admissionResources(policy.Kinds), Action: action,
		AutoKeys: configuration.Annotations.Auto, AutoKinds: configuration.Annotations.AutoKinds,
	}))
}

func admissionAction(word string) (admission.Action, error) {
	switch word {
	case "warn":
		return admission.Warn, nil
	case "deny":
		return admission.Deny, nil
	default:
		return "", fmt.Errorf("--action is %q, must be warn or deny", word)
	}
}

// admissionResources are the kinds whose annotations are where a policy looks for them.
func admissionResources(kinds source.Kinds) []admission.Resource {
	var all []admission.Resource
	for _, kind := range kinds.All() {
		if t, declared := source.TypeOf(kind); declared && t.AnnotationsField != "" {
			continue
		}
		all = append(all, admissionResource(kind))
	}
	return all
}

func admissionResource(kind source.Kind) admission.Resource {
	gvk, served := kind.GroupVersionKind(), kind.Resources()
	r := admission.Resource{Group: gvk.Group, Kind: gvk.Kind, Resource: served[0].Resource}
	for _, each := range served {
		if !slices.Contains(r.Versions, each.Version) {
			r.Versions = append(r.Versions, each.Version)
		}
	}
	return r
}

func (f *policyFlags) print(objects ...admission.Object) error {
	if f.format == formatJSON {
		return writeJSON(f.streams.Out, map[string]any{"apiVersion": "v1", "kind": "List", "items": objects})
	}
	texts := make([]string, len(objects))
	for i, object := range objects {
		text, err := yamlText(object)
		if err != nil {
			return err
		}
		texts[i] = string(text)
	}
	_, err := fmt.Fprint(f.streams.Out, strings.Join(texts, "---\n"))
	return err
}
