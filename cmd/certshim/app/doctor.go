package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/certshim/certshim/doctor"
)

type doctorOptions struct {
	// plan has the connection and the configuration, and decides as certshim plan does.
	plan planOptions
	pre  bool
	// dryRunWrite sends Certificates as a dry run.
	dryRunWrite bool
	certManager string
	format      string
	failOn      string
}

func doctorFormats() []string { return []string{formatText, formatJSON} }

const doctorExitHelp = `Exit status:
  0  no check has found an error, or what --fail-on names
  1  a check has
  2  the flags, the configuration or the cluster can't be read`

func newDoctor(streams Streams, b build) *cobra.Command {
	o := &doctorOptions{plan: planOptions{streams: streams, build: b, format: formatTable, lenient: true, allNamespaces: true}}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check a cluster, before certshim is installed and after",
		Long: `Looks at what certshim needs of a cluster, and at certshim in it: what the API server and
cert-manager are, whether cert-manager's own shims are off, certshim's Deployment, its leader and its
permissions one by one, issuers and who approves requests to them, and what is left to write.

With --pre it asks only what matters before an installation. Each check has a code that docs/doctor.md
explains. It reads and never writes; what it may not read it says it doesn't know. With --dry-run-write it
also sends the API server Certificates that aren't stored. It runs outside of the cluster, or in certshim's
own Pod.

` + doctorExitHelp,
		Example: `  certshim doctor --pre
  certshim doctor
  certshim doctor --release-namespace platform -o json --fail-on warning`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.complete(cmd); err != nil {
				return err
			}
			return o.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	o.plan.settings = newSettings(flags, bindPolicy)
	o.plan.bindRelease(flags)
	flags.BoolVar(&o.pre, "pre", false, "ask only what matters before an installation")
	flags.BoolVar(&o.dryRunWrite, "dry-run-write", false, "send a Certificate to the release namespace as a dry run, and a wrong one, to see what admission webhooks say; nothing is stored")
	flags.StringVar(&o.certManager, "cert-manager-namespace", "cert-manager", "namespace of cert-manager")
	flags.StringVarP(&o.format, "output", "o", formatText, strings.Join(doctorFormats(), ", "))
	flags.StringVar(&o.failOn, "fail-on", string(doctor.Error), "the level that gives exit status 1: error, warning or unknown; a worse one does as well")
	bindColour(cmd, &o.plan.colour)
	o.plan.connection.bind(cmd)
	complete(cmd, "output", doctorFormats()...)
	complete(cmd, "fail-on", string(doctor.Error), string(doctor.Warning), string(doctor.Unknown))
	return cmd
}

// complete reads the flags and the configuration. Before an installation there is no controller to take it from.
func (o *doctorOptions) complete(cmd *cobra.Command) error {
	err := checkColour(o.plan.colour)
	if !slices.Contains(doctorFormats(), o.format) {
		err = errors.Join(err, badFormat(o.format, doctorFormats()...))
	}
	if !slices.Contains([]doctor.Level{doctor.Error, doctor.Warning, doctor.Unknown}, doctor.Level(o.failOn)) {
		err = errors.Join(err, fmt.Errorf("--fail-on is %q, must be error, warning or unknown", o.failOn))
	}
	if err != nil {
		return err
	}
	o.plan.streams.ErrOut = messages(o.plan.streams.ErrOut, o.plan.colour)
	if o.plan.settings.file == "" && !o.pre {
		o.plan.follow(cmd.Context())
	}
	if err := o.plan.completePolicy(cmd.Context(), cmd.Flags()); err != nil {
		return err
	}
	o.plan.selected, err = selectSources(o.plan.kinds(), nil)
	return err
}

func (o *doctorOptions) run(ctx context.Context) error {
	limitGarbage(auditGarbage)
	seen, err := o.look(ctx)
	if err != nil {
		return err
	}
	findings := doctor.Examine(seen)
	if err := o.print(findings); err != nil {
		return err
	}
	if doctor.Worst(findings).AtLeast(doctor.Level(o.failOn)) {
		return errProblems
	}
	return nil
}

// doctorReport is what -o json prints; its schema is docs/schemas/doctor-report.schema.json.
type doctorReport struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Pre says that only what matters before an installation was asked.
	Pre bool `json:"pre"`
	// Worst is the worst level of the findings.
	Worst    doctor.Level     `json:"worst"`
	Findings []doctor.Finding `json:"findings"`
}

func (o *doctorOptions) print(findings []doctor.Finding) error {
	if o.format == formatJSON {
		return writeJSON(o.plan.streams.Out, doctorReport{
			APIVersion: "certshim.io/v1alpha1", Kind: "DoctorReport", Pre: o.pre, Worst: doctor.Worst(findings), Findings: findings,
		})
	}
	return writeFindings(o.plan.streams.Out, findings, hasColour(o.plan.colour, o.plan.streams.Out))
}

// levelColours are those of levels in the text.
var levelColours = map[doctor.Level]colour{doctor.OK: green, doctor.Note: cyan, doctor.Unknown: yellow, doctor.Warning: yellow, doctor.Error: red}

// writeFindings writes a line for each finding, and one below for what helps.
func writeFindings(w io.Writer, findings []doctor.Finding, coloured bool) error {
	var b strings.Builder
	counts := map[doctor.Level]int{}
	for _, f := range findings {
		counts[f.Level]++
		level := fmt.Sprintf("%-8s", f.Level)
		if coloured {
			level = levelColours[f.Level].paint(level)
		}
		fmt.Fprintf(&b, "%s %-21s %s\n", level, f.Code, printable(f.Text))
		if f.Help != "" {
			fmt.Fprintf(&b, "%-8s %-21s   %s\n", "", "", printable(f.Help))
		}
	}
	parts := make([]string, 0, len(counts))
	for _, level := range slices.Backward(doctor.Levels()) {
		if counts[level] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[level], level))
		}
	}
	fmt.Fprintln(&b, strings.Join(parts, ", "))
	_, err := io.WriteString(w, b.String())
	return err
}
