package app

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/certshim/certshim/certificate"
)

type adoptOptions struct {
	handover
	from         []string
	to           string
	own          bool
	allowReissue bool
	leftGit      bool

	// completed:
	adoption certificate.Adoption
	// target is the source of --to, nil for none.
	target *namedSource
}

func newAdopt(streams Streams, b build) *cobra.Command {
	o := &adoptOptions{handover: newHandover(streams, b)}
	cmd := &cobra.Command{
		Use:   "adopt [KIND… | KIND NAME… | KIND/NAME…]",
		Short: "Take Certificates over from cert-manager's shims and others, with no re-issue",
		Long: `Makes the fields that a source asks for certshim's own, as if it had made the Certificate. It decides as
the controller does, earlier and by your choice. Nothing is written without --yes; the table says of
each Certificate what would be:

` + adoptVerdictHelp() + `
Certificates of cert-manager's three shims are taken over in both of their modes. --from names other
field managers: those of Certificates made by hand (kubectl-client-side-apply), by other tools, or before
anything was recorded (before-first-apply). What had no owner then outlives its source, unless --own gives
it an owner reference.

--to moves the Certificates of one source to another, such as from an Ingress to a Gateway. A
Certificate that would lose a name doesn't move.

With --yes, managedFields are patched first, in a request that changes no value, and what differs is applied
after that. Each Certificate and its source are read again just before. What is stopped is finished
by running it again.

` + handoverExitHelp,
		Example: `  certshim adopt --all-namespaces
  certshim adopt --all-namespaces --yes
  certshim adopt ingress/web -n shop --from kubectl-client-side-apply
  certshim adopt ingress/web -n shop --to gateway/edge`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.complete(cmd, args); err != nil {
				return err
			}
			return o.run(cmd.Context(), func(known *planInventory) handoverRun { return &adopting{o: o, known: known} })
		},
	}
	o.bind(cmd)
	return cmd
}

func (o *adoptOptions) bind(cmd *cobra.Command) {
	o.handover.bind(cmd, "adopt the Certificates of sources with these labels")
	flags := cmd.Flags()
	flags.StringSliceVar(&o.from, "from", nil, "field managers to take over from, by their exact names, besides cert-manager's shims")
	flags.StringVar(&o.to, "to", "", "move the Certificates of the one source that is named to this one of its namespace, KIND/NAME")
	flags.BoolVar(&o.own, "own", false, "give what has no owner an owner reference to its source, with which it is then deleted")
	flags.BoolVar(&o.allowReissue, "allow-reissue", false, "with --yes, change those too that are issued again, at the pace of takeover.changesPerMinute")
	flags.BoolVar(&o.leftGit, "yes-it-left-git", false, "take over what Flux, Argo CD or Helm applied; they must not apply it any more")
}

// complete reads the flags and the configuration, and tells everything that is wrong.
func (o *adoptOptions) complete(cmd *cobra.Command, args []string) error {
	err := o.handover.complete(cmd, args)
	for _, manager := range o.from {
		err = errors.Join(err, checkManager(manager))
	}
	if o.allowReissue && o.plan.configuration.Takeover.ChangesPerMinute == 0 {
		err = errors.Join(err, errors.New("--allow-reissue goes at the pace of takeover.changesPerMinute, which is 0 and lets nothing be issued again"))
	}
	err = errors.Join(err, o.completeTo())
	o.adoption = certificate.Adoption{Managers: o.from, Own: o.own}
	if o.plan.policy != nil {
		o.plan.policy.Certificate.Adoption = &o.adoption
		o.plan.policy.Certificate.HoldPaced = false
	}
	return err
}

// completeTo reads --to, which goes with one source by name.
func (o *adoptOptions) completeTo() error {
	if o.to == "" {
		return nil
	}
	target, err := selectSources(o.plan.kinds(), []string{o.to})
	switch {
	case err != nil:
		return fmt.Errorf("--to: %w", err)
	case len(target.named) != 1:
		return fmt.Errorf("--to is %q, must be KIND/NAME, such as gateway/edge", o.to)
	case len(o.plan.selected.named) != 1:
		return errors.New("--to goes with one source by name, whose Certificates move, such as ingress/web")
	case o.plan.selected.named[0] == target.named[0]:
		return fmt.Errorf("--to is %q, which has the Certificates already", o.to)
	case o.plan.allNamespaces:
		return errors.New("--to moves Certificates within one namespace, and --all-namespaces is given")
	}
	o.target = &target.named[0]
	return nil
}

// checkManager refuses what names more than one field manager, or one that can't be taken over from.
func checkManager(manager string) error {
	switch {
	case manager == "" || strings.ContainsAny(manager, "*?"):
		return fmt.Errorf("--from has %q, must be the exact name of a field manager, as certshim audit shows it", manager)
	case manager == certificate.FieldManager:
		return fmt.Errorf("--from has %q, which is certshim's own name", manager)
	}
	return nil
}
