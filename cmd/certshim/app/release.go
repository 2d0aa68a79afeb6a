package app

import (
	"cmp"

	"github.com/spf13/cobra"

	"github.com/certshim/certshim/certificate"
)

type releaseOptions struct {
	handover
	free bool
	// stopped says that no controller runs, and namespace where its Lease is.
	stopped   bool
	namespace string
}

func newRelease(streams Streams, b build) *cobra.Command {
	o := &releaseOptions{handover: newHandover(streams, b)}
	cmd := &cobra.Command{
		Use:   "release [KIND… | KIND NAME… | KIND/NAME…]",
		Short: "Give Certificates back to cert-manager's shims, or free them for good",
		Long: `Gives up the fields that certshim holds. They become those of cert-manager's shim for the kind of the
source, which continues where certshim ended. With --free they become nobody's, and the owner reference
goes too: the Certificate stays when its source is deleted.

No value of a spec changes, so that nothing is issued. What certshim alone reads, its own annotations, is
removed. Nothing is written without --yes.

While a controller serves a source, its Certificates are refused, since it would take them over again. Stop
it, leave the namespace out of its configuration, or set certshim.io/ignore: "true" on the source first.

` + handoverExitHelp,
		Example: `  certshim release --all-namespaces
  certshim release --all-namespaces --yes
  certshim release ingress/web -n shop --free --yes`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.complete(cmd, args); err != nil {
				return err
			}
			return o.run(cmd.Context(), func(known *planInventory) handoverRun { return &releasing{o: o, known: known} })
		},
	}
	o.bind(cmd)
	return cmd
}

func (o *releaseOptions) bind(cmd *cobra.Command) {
	o.handover.bind(cmd, "release the Certificates of sources with these labels")
	flags := cmd.Flags()
	flags.BoolVar(&o.free, "free", false, "leave the Certificates to nobody, without an owner reference")
	flags.BoolVar(&o.stopped, "controller-stopped", false, "no controller runs, whatever its Lease says")
}

func (o *releaseOptions) complete(cmd *cobra.Command, args []string) error {
	err := o.handover.complete(cmd, args)
	o.namespace = cmp.Or(o.plan.configuration.LeaderElect.Namespace, o.plan.release)
	return err
}

// give says what giving up a Certificate comes to.
func (o *releaseOptions) give(one *released) certificate.Release {
	if o.free {
		return certificate.Free(one.object, one.seen)
	}
	return certificate.GiveBack(one.kind, one.object, one.seen)
}
