package app

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/resolver"
)

type issuersOptions struct {
	listing
	allNamespaces bool
	installed     bool

	// completed:
	registry *resolver.Registry
	// ownFiles is set if --issuers names files.
	ownFiles bool
}

func newIssuerTypes(streams Streams, b build) *cobra.Command {
	o := &issuersOptions{listing: listing{streams: streams, build: b}}
	o.connection.instead = ", or list what is known without one by --offline"
	cmd := &cobra.Command{
		Use:   "issuers [[KIND/]NAME | TYPE]…",
		Short: "List the issuer types that are known, and what the cluster has of them",
		Long: `Lists the issuer types of this build and of --issuers, which of them the cluster has, how
many of their issuers are ready, and how many Certificates they have. Kinds of the cluster that
no type declares are listed if they are called issuers or Certificates name them.

With the name of an issuer, prints the annotations that name it, ready to be pasted, and what
is known of it. Issuers are looked for in all namespaces unless -n is given.

With a type, by its short name, its group or one of its kinds, prints what is known of its
issuers: how they are named, when they are ready, what they can't sign, who approves their
requests.

-o rbac prints what certshim needs to watch issuers, as manifests that kubectl apply takes: of
all types, of those of --issuers, or of those that are named.

` + exitHelp,
		Example: `  certshim issuers --installed
  certshim issuers letsencrypt
  certshim issuers awspca --offline
  certshim issuers -o rbac --issuers corp-ca.yaml
  certshim issuers test corp-ca.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.prepare(cmd); err != nil {
				return err
			}
			return o.run(cmd.Context(), args)
		},
	}
	cmd.ValidArgsFunction = o.completeIssuers
	o.bind(cmd)
	cmd.AddCommand(newIssuerTest(streams))
	return cmd
}

func (o *issuersOptions) bind(cmd *cobra.Command) {
	o.listing.bind(cmd, "look at the issuers and Certificates of this namespace only, and at cluster-scoped issuers", "watching them needs")
	flags := cmd.Flags()
	flags.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "look at all namespaces, which is the default")
	flags.BoolVar(&o.installed, "installed", false, "list only the kinds that the cluster has")
}

// prepare reads the flags and the configuration, and tells everything that is wrong.
func (o *issuersOptions) prepare(cmd *cobra.Command) error {
	o.ownFiles = cmd.Flags().Changed("issuers")
	err := o.listing.prepare(cmd, func() (err error) {
		o.registry, err = newRegistry(o.configuration, o.build)
		return err
	})
	if o.allNamespaces && o.namespace != "" {
		err = errors.Join(err, errors.New("--namespace and --all-namespaces exclude each other"))
	}
	if o.installed && o.offline {
		err = errors.Join(err, errors.New("--installed and --offline exclude each other: only a cluster has kinds installed"))
	}
	return err
}

func (o *issuersOptions) run(ctx context.Context, words []string) error {
	switch {
	case o.format == formatRBAC:
		return o.printRoles(ctx, words)
	case len(words) > 0:
		return o.printNamed(ctx, words)
	}
	return o.printAll(ctx)
}

// read reads the issuers of the cluster, those of kinds that nobody declares included, and its
// Certificates. What may not be read isn't known.
func (o *issuersOptions) read(ctx context.Context, namespace string) (*reading, error) {
	known, err := o.readIssuers(ctx, namespace)
	if err != nil {
		return nil, err
	}
	if err := known.readCertificates(ctx); err != nil && !apierrors.IsForbidden(err) {
		return nil, err
	}
	for kind := range known.CertificatesByIssuer() {
		if _, err := known.readUndeclared(ctx, kind); err != nil {
			return nil, err
		}
	}
	return known, nil
}

// readIssuers reads the issuers of the cluster, also those of kinds that nobody declares and whose
// names end in Issuer.
func (o *issuersOptions) readIssuers(ctx context.Context, namespace string) (*reading, error) {
	policy := &certshim.Policy{Registry: o.registry}
	known, err := newReading(ctx, &o.connection, policy, o.configuration, namespace)
	if err != nil {
		return nil, err
	}
	if err := known.readIssuers(ctx); err != nil {
		return nil, err
	}
	for _, kind := range known.served.Issuers() {
		if _, err := known.readUndeclared(ctx, kind); err != nil {
			return nil, err
		}
	}
	return known, nil
}
