package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/ownership"
)

// The formats of audit that other commands don't have.
const (
	formatWide = "wide"
	formatCSV  = "csv"
	formatHTML = "html"
)

// rawName is the name of the flag.
const rawName = "raw-managed-fields"

func auditFormats() []string {
	return []string{formatTable, formatWide, formatJSON, formatYAML, formatCSV, formatHTML, formatJUnit}
}

type auditOptions struct {
	// plan reads the cluster or the input, and decides, as certshim plan does.
	plan   planOptions
	format string
	only   []string
	failOn []string
	// raw adds managedFields as they are.
	raw bool

	// completed:
	filter    fieldFilter
	arguments []string
}

const auditExitHelp = `Exit status:
  0  all was read, and nothing of what --fail-on names was found
  1  something of what --fail-on names was found
  2  the flags or the configuration can't be read, or a part of what was to be audited`

func newAudit(streams Streams, b build) *cobra.Command {
	o := &auditOptions{plan: planOptions{streams: streams, build: b, input: input{stdin: streams.In}}}
	o.plan.connection.instead = ", or audit saved objects by -f FILE, or -f - for standard input"
	cmd := &cobra.Command{
		Use:   "audit [KIND… | KIND NAME… | KIND/NAME…]",
		Short: "Show who owns which field of each Certificate, and what follows",
		Long: `Says of every field of each Certificate who holds it, who should, and what the next apply of
certshim does about it, in one word:

` + verdictHelp() + `
A summary comes first, then what needs attention: the fields with one of the verdicts ` + listed(attention()) + `, and what is wrong with whole objects. --only shows others. -o json, yaml, csv and
html hold every field.

With -f, audits saved objects and needs no cluster: sources, Certificates with their managedFields
(kubectl get --show-managed-fields -o yaml), issuers and Lists of them. Without -f, reads the cluster
and writes nothing. The arguments limit it to Certificates of some kinds of sources, or of some sources by
name. -o html is one file for a browser, with a search over all fields. It decides as certshim plan does, with the same flags and --config.

` + auditExitHelp,
		Example: `  certshim audit --all-namespaces
  certshim audit -n shop -o wide --only drifted,yielded
  certshim audit -A -o csv --only person > fields.csv
  certshim audit -f dump/ --fail-on contested,drifted,secret-written-twice`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.complete(cmd, args); err != nil {
				return err
			}
			if o.format == formatTable || o.format == formatWide || !isTerminal(streams.Out) {
				o.plan.progress = newProgress(streams.ErrOut)
			}
			return o.run(cmd.Context())
		},
	}
	o.bind(cmd)
	return cmd
}

func (o *auditOptions) bind(cmd *cobra.Command) {
	o.plan.bind(cmd, "audit the Certificates of sources with these labels")
	flags := cmd.Flags()
	flags.StringVarP(&o.format, "output", "o", formatTable, strings.Join(auditFormats(), ", "))
	flags.StringSliceVar(&o.only, "only", nil, "show these fields alone: verdicts, classes of managers such as person, and manager:NAME")
	flags.StringSliceVar(&o.failOn, "fail-on", nil, "verdicts and findings that give exit status 1, whatever --only shows")
	flags.BoolVar(&o.raw, rawName, false, "with -o json or yaml, add each Certificate's managedFields as they are")
	complete(cmd, "output", auditFormats()...)
	complete(cmd, "only", slices.Concat(verdictNames(), classNames())...)
	complete(cmd, "fail-on", slices.Concat(verdictNames(), findingNames())...)
}

// complete reads the flags and the configuration, and tells everything that is wrong.
func (o *auditOptions) complete(cmd *cobra.Command, args []string) error {
	o.plan.format, o.arguments = formatTable, args
	err := o.plan.complete(cmd, args)
	if !slices.Contains(auditFormats(), o.format) {
		err = errors.Join(err, badFormat(o.format, auditFormats()...))
	}
	var failed error
	if o.filter, failed = parseOnly(o.only); failed != nil {
		err = errors.Join(err, failed)
	}
	if o.raw && o.format != formatJSON && o.format != formatYAML {
		err = errors.Join(err, fmt.Errorf("--%s has no place in -o %s, only in json and yaml", rawName, o.format))
	}
	for _, word := range o.failOn {
		if !slices.Contains(failures(), word) {
			err = errors.Join(err, unknownWord("--fail-on", word, failures()))
		}
	}
	return err
}

func (o *auditOptions) run(ctx context.Context) error {
	o.plan.lenient = true
	if !o.plan.offline() {
		limitGarbage(auditGarbage)
	}
	defer o.plan.progress.end()
	a, err := readAudit(ctx, o)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(o.plan.streams.Out)
	w := o.writer(ctx, out, a)
	for one, err := range a.certificates(ctx) {
		if err == nil {
			a.tally.add(one)
			err = w.write(one)
		}
		if err != nil {
			return err
		}
	}
	o.plan.progress.end()
	findings := a.findings()
	a.tally.addFindings(findings)
	if err := errors.Join(w.close(a.tally.summary(), findings), out.Flush()); err != nil {
		return err
	}
	return o.tell(a)
}

// writer gives that of the format; those that programs read are never in colour.
func (o *auditOptions) writer(ctx context.Context, out io.Writer, a *auditing) auditWriter {
	switch o.format {
	case formatHTML:
		return a.newHTML(ctx, out)
	case formatJSON:
		return &auditJSON{w: out, filter: o.filter}
	case formatYAML:
		return &auditYAML{w: out, filter: o.filter}
	case formatCSV:
		return newAuditCSV(out, o.filter)
	case formatJUnit:
		return &auditJUnit{w: out, failOn: o.failOn, byName: map[string]*junitSuite{}}
	}
	return &auditTable{
		w: out, filter: o.filter.orAttention(), wide: o.format == formatWide, noHeaders: o.plan.noHeaders,
		coloured: hasColour(o.plan.colour, o.plan.streams.Out),
	}
}

// showsAll reports whether every field of every Certificate is shown.
func (o *auditOptions) showsAll() bool {
	switch o.format {
	case formatTable, formatWide:
		return o.filter.orAttention().shows(ownership.Field{Verdict: ownership.Ours, Holders: ownHolder()})
	case formatJUnit:
		return slices.Contains(o.failOn, string(ownership.Ours))
	case formatHTML:
		return false
	}
	return true
}

// tell says what couldn't be read, and gives the error that stands for the exit status.
func (o *auditOptions) tell(a *auditing) error {
	errOut := o.plan.streams.ErrOut
	for _, note := range a.known.notes {
		printLine(errOut, note)
	}
	for _, line := range a.tally.idle() {
		printLine(errOut, "warning: "+line)
	}
	unread := a.unread()
	for _, line := range unread {
		printLine(errOut, "error: "+line)
	}
	failing := a.tally.failing(o.failOn)
	for _, line := range failing {
		printLine(errOut, "error: "+line)
	}
	switch {
	case o.plan.unreadable || len(unread) > 0:
		return errUnreadable
	case len(failing) > 0:
		return errProblems
	}
	return nil
}

// verdictHelp has a line for each verdict.
func verdictHelp() string {
	var b strings.Builder
	for _, v := range ownership.Verdicts() {
		fmt.Fprintf(&b, "  %-10s %s\n", v, v.Words())
	}
	return b.String()
}

// unknownWord says which words a flag takes, or which one may be meant.
func unknownWord(flag, word string, words []string) error {
	if near := declaration.Nearest(word, words); near != "" {
		return fmt.Errorf("%s has %q; did you mean %q?", flag, word, near)
	}
	return fmt.Errorf("%s has %q, must be of %s", flag, word, strings.Join(words, ", "))
}
