package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// The exit statuses of every command.
const (
	exitOK = 0
	// exitProblems means that the command did its work, and an object has a problem of
	// severity error; or that the controller ended by an error.
	exitProblems = 1
	// exitUsage means that the flags, the configuration or a part of the input can't be read.
	exitUsage = 2
)

const exitHelp = `Exit status:
  0  no problem of severity error
  1  one at least, or the controller ended by an error
  2  the flags, the configuration or a part of the input can't be read`

// errProblems ends a command whose problems are printed already.
var errProblems = errors.New("there are problems")

// errUnreadable ends a command that named what it could not read already.
var errUnreadable = errors.New("a part of the input can't be read")

// failure is an error of the work itself, as against one of flags and input.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

// Main runs the command line of this process until it ends or is told to, and gives the
// exit status. Options are what a build of one's own has beside the usual.
func Main(options ...Option) int {
	ctx, stop := untilSignal()
	defer stop()
	return Run(ctx, os.Args, Streams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}, options...)
}

// untilSignal gives a context that ends with the first signal. From then on signals have their
// usual effect again: the second one kills.
func untilSignal() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// Run runs one command line, args[0] being the name of the program, and gives the exit
// status. It may be called again and again; the log of client libraries goes where the
// last `controller` sent it.
func Run(ctx context.Context, args []string, streams Streams, options ...Option) int {
	root := newRoot(programName(args), streams, newBuild(options))
	root.SetArgs(args[min(1, len(args)):])
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !errors.Is(err, errProblems) && !errors.Is(err, errUnreadable) {
		printError(messagesOf(cmd, streams.ErrOut), err)
	}
	return exitStatus(err)
}

// exitStatus is the one place where an error becomes an exit status.
func exitStatus(err error) int {
	var failed failure
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errProblems), errors.As(err, &failed):
		return exitProblems
	default:
		return exitUsage
	}
}

// programName is what usage texts say: kubectl finds its plugins by their file's name.
func programName(args []string) string {
	if len(args) > 0 && strings.HasPrefix(filepath.Base(args[0]), "kubectl-") {
		return "kubectl certshim"
	}
	return "certshim"
}

func newRoot(name string, streams Streams, b build) *cobra.Command {
	version := false
	root := &cobra.Command{
		Use:   "certshim",
		Short: "Annotated Ingresses, Gateways and ListenerSets to cert-manager Certificates",
		Long: `certshim turns annotated Ingress, Gateway and ListenerSet objects into cert-manager
Certificates: a drop-in replacement for cert-manager's ingress-shim, gateway-shim and
listenerset-shim.

` + exitHelp,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: name},
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if version {
				return printVersion(streams, readVersion(), "")
			}
			return cmd.Help()
		},
	}
	// cobra's own flag needs text/template, which keeps the linker from leaving unused methods out.
	root.Flags().BoolVar(&version, "version", false, "print the version of this build")
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return errors.Join(err, errors.New("see '"+cmd.CommandPath()+" --help'"))
	})
	root.AddCommand(
		newController(streams, b), newPlan(streams, b), newExplain(streams, b), newDoctor(streams, b), newAudit(streams, b), newAdopt(streams, b), newRelease(streams, b), newAnnotations(streams),
		newIssuerTypes(streams, b), newSources(streams, b), newAdmission(streams, b), newPlugin(streams), newVersion(streams),
	)
	completeNothing(root)
	for _, cmd := range root.Commands() {
		cmd.Example = strings.ReplaceAll(cmd.Example, "certshim "+cmd.Name(), name+" "+cmd.Name())
	}
	return root
}

// noArgs is for commands without arguments. A value of true or false is most often that of a flag,
// which takes it after = alone.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("%s takes no arguments, not %q", cmd.CommandPath(), args[0])
	if _, failed := strconv.ParseBool(args[0]); failed == nil {
		return errors.Join(err, errors.New("a flag that is true or false takes its value after =, such as --leader-elect=false"))
	}
	return err
}

// complete makes the shell complete a flag that takes one of a few words.
func complete(cmd *cobra.Command, flag string, words ...string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)) // fails for an unknown flag only
}
