package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/certshim/certshim/plugins/plugintest"
)

func newPlugin(streams Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plugin",
		Short: "Work on resolver plugins",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newPluginTest(streams))
	return cmd
}

type pluginTestOptions struct {
	streams Streams
	fixture string
	format  string
	quick   bool
}

func newPluginTest(streams Streams) *cobra.Command {
	o := &pluginTestOptions{streams: streams}
	cmd := &cobra.Command{
		Use:   "test SOCKET --fixture FILE",
		Short: "Test whether a resolver plugin keeps the protocol",
		Long: `Runs the conformance cases against a plugin that listens on SOCKET, with no cluster. The
fixture says which issuers the plugin knows. A case of level MUST that fails makes the exit
status 1; one that is skipped proves nothing and is counted by itself. It waits some seconds for
the socket, and takes two to three minutes, most of it waiting for a watch that should say
nothing. The last line of the table is the verdict, which goes to standard error beside data.

` + exitHelp,
		Example: `  certshim plugin test /run/corp-ca/plugin.sock --fixture fixture.yaml
  certshim plugin test /run/corp-ca/plugin.sock --fixture fixture.yaml -o junit > report.xml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(args); err != nil {
				return err
			}
			return o.run(cmd, args[0])
		},
	}
	cmd.Flags().StringVar(&o.fixture, "fixture", "", "file that says which issuers the plugin knows")
	cmd.Flags().StringVarP(&o.format, "output", "o", formatTable, "table, json, or junit for CI systems")
	complete(cmd, "output", testFormats()...)
	cmd.Flags().BoolVar(&o.quick, "quick", false, "make fewer calls, and wait a few seconds for silence instead of a minute")
	return cmd
}

// check tells everything that is wrong with the command line.
func (o *pluginTestOptions) check(args []string) error {
	var err error
	if len(args) != 1 {
		err = fmt.Errorf("name one SOCKET on which the plugin listens, not %d: certshim plugin test SOCKET --fixture FILE", len(args))
	}
	if o.fixture == "" {
		err = errors.Join(err, errors.New("--fixture is needed: the file that says which issuers the plugin knows"))
	}
	if !slices.Contains(testFormats(), o.format) {
		err = errors.Join(err, badFormat(o.format, testFormats()...))
	}
	return err
}

func (o *pluginTestOptions) run(cmd *cobra.Command, socket string) error {
	data, err := readRegular(o.fixture)
	if err != nil {
		return fmt.Errorf("read --fixture: %w", err)
	}
	fixture, err := plugintest.ReadFixture(data, o.fixture)
	if err != nil {
		return err
	}
	if err := o.listens(cmd.Context(), socket); err != nil {
		return err
	}
	show := func(r plugintest.Result) { o.row(r) }
	if o.format != formatTable {
		show = nil
	}
	report, err := plugintest.Check(cmd.Context(), socket, fixture, o.options(), show)
	if err != nil {
		return failure{err}
	}
	if err := o.write(report); err != nil {
		return err
	}
	verdict := o.streams.Out
	if o.format != formatTable {
		verdict = o.streams.ErrOut
	}
	printLine(verdict, report.Verdict())
	if !report.Conformant() {
		return errProblems
	}
	return nil
}

// A plugin that was just started has so long until it must listen.
const (
	socketPatience = 5 * time.Second
	socketPeriod   = 50 * time.Millisecond
)

// listens waits until the plugin accepts connections: otherwise forty cases would fail for one
// reason. It doesn't wait if the connection is forbidden.
func (o *pluginTestOptions) listens(ctx context.Context, socket string) error {
	patience, cancel := context.WithTimeout(ctx, socketPatience)
	defer cancel()
	for {
		var dialer net.Dialer
		connection, err := dialer.DialContext(ctx, "unix", socket)
		if err == nil {
			return connection.Close()
		}
		wait := errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED)
		if !wait || !restFor(patience, socketPeriod) {
			return fmt.Errorf("no plugin can be reached: %w; start it before the test, and run the test as its user or in its group", err)
		}
	}
}

// restFor waits; it is false once the context has ended.
func restFor(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// write prints the report as a whole; as a table it is there already.
func (o *pluginTestOptions) write(report plugintest.Report) error {
	switch o.format {
	case formatJSON:
		return writeJSON(o.streams.Out, report)
	case formatJUnit:
		text, err := report.JUnit()
		if err != nil {
			return err
		}
		_, err = o.streams.Out.Write(text)
		return err
	default:
		return nil
	}
}

func (o *pluginTestOptions) options() plugintest.Options {
	if !o.quick {
		return plugintest.Options{}
	}
	return plugintest.QuickOptions()
}

// row prints a result as soon as it is there: what failed with its cause and what to do. What
// a plugin said is quoted.
func (o *pluginTestOptions) row(r plugintest.Result) {
	printLine(o.streams.Out, fmt.Sprintf("%-4s %-7s %-6s %s", r.ID, r.Outcome, r.Level, r.Title))
	for line := range strings.SplitSeq(r.Detail, "\n") {
		if line != "" {
			printLine(o.streams.Out, "       "+line)
		}
	}
	if r.Hint != "" {
		printLine(o.streams.Out, "       → "+r.Hint)
	}
}
