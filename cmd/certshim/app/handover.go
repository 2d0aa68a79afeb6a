package app

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/time/rate"
)

// handover is what adopt and release share: they look at Certificates, show what is to become of them,
// and with --yes write, one after another.
type handover struct {
	// plan reads the cluster or the input, and decides, as certshim plan does.
	plan      planOptions
	format    string
	yes       bool
	perSecond int
}

func newHandover(streams Streams, b build) handover {
	h := handover{plan: planOptions{streams: streams, build: b, input: input{stdin: streams.In}}}
	h.plan.connection.instead = ", or look at saved objects by -f FILE, or -f - for standard input"
	return h
}

func handoverFormats() []string { return []string{formatTable, formatJSON} }

const handoverExitHelp = `Exit status:
  0  all was read, and what was to be written was
  1  a Certificate couldn't be written, or a source that is named isn't there
  2  the flags, the configuration or a part of the input can't be read`

func (h *handover) bind(cmd *cobra.Command, selects string) {
	h.plan.bind(cmd, selects)
	flags := cmd.Flags()
	flags.StringVarP(&h.format, "output", "o", formatTable, strings.Join(handoverFormats(), ", "))
	flags.BoolVar(&h.yes, "yes", false, "write; without it nothing is")
	flags.IntVar(&h.perSecond, "per-second", defaultPerSecond, "how many Certificates are written a second at most")
	complete(cmd, "output", handoverFormats()...)
}

// defaultPerSecond is the pace of writes that change no value of a spec.
const defaultPerSecond = 10

// complete reads the flags and the configuration, and tells everything that is wrong.
func (h *handover) complete(cmd *cobra.Command, args []string) error {
	h.plan.format = formatTable
	err := h.plan.complete(cmd, args)
	if !slices.Contains(handoverFormats(), h.format) {
		err = errors.Join(err, badFormat(h.format, handoverFormats()...))
	}
	if h.yes && h.plan.offline() {
		err = errors.Join(err, errors.New("--yes writes to a cluster, and -f reads files; give one of them"))
	}
	if h.perSecond < 1 {
		err = errors.Join(err, fmt.Errorf("--per-second is %d, must be at least 1", h.perSecond))
	}
	return err
}

// handoverRun is one run of adopt or release.
type handoverRun interface {
	// lookAtAll says what is to become of each Certificate that is asked for.
	lookAtAll(ctx context.Context) error
	// writeAll does it. The error says why it stopped before all was done.
	writeAll(ctx context.Context) error
	print(w io.Writer) error
	// tell sums up, and gives the error that stands for the exit status.
	tell() error
}

// run looks, writes with --yes, and shows what came of it, also where that was stopped.
func (h *handover) run(ctx context.Context, begin func(known *planInventory) handoverRun) error {
	known, err := h.plan.read(ctx)
	if err != nil {
		return err
	}
	r := begin(known)
	if err := r.lookAtAll(ctx); err != nil {
		return err
	}
	var stopped error
	if h.yes {
		stopped = r.writeAll(ctx)
	}
	out := bufio.NewWriter(h.plan.streams.Out)
	if err := errors.Join(r.print(out), out.Flush()); err != nil {
		return err
	}
	if told := r.tell(); stopped == nil {
		return told
	}
	return stopped
}

// tell prints notes, the named sources that aren't there, and the summary. It gives the error that stands
// for the exit status.
func (h *handover) tell(known *planInventory, notes []string, named map[namedSource]bool, summary string, failed bool) error {
	errOut := h.plan.streams.ErrOut
	for _, note := range slices.Concat(known.notes, notes) {
		printLine(errOut, note)
	}
	missing := h.plan.selected.missing(named, known.Keys(), h.plan.where())
	for _, line := range missing {
		printLine(errOut, "error: "+line)
	}
	printLine(errOut, summary)
	switch {
	case h.plan.unreadable:
		return errUnreadable
	case len(missing) > 0 || failed:
		return errProblems
	}
	return nil
}

// countEach gives "1 same, 2 refused": how many there are of each, in an order, without those of which
// there are none.
func countEach[K comparable](order []K, of map[K]int, words func(K) string) string {
	var parts []string
	for _, each := range order {
		if n := of[each]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, words(each)))
		}
	}
	return strings.Join(parts, ", ")
}

// handoverTries is how often a Certificate is looked at anew that changes between read and write.
const handoverTries = 5

// limitOf spreads n evenly over a span of time.
func limitOf(n int, span time.Duration) *rate.Limiter {
	return rate.NewLimiter(rate.Every(span/time.Duration(max(n, 1))), 1)
}

// wait waits for the turn of what goes by all of these limits, the slowest first, or until the context ends.
func wait(ctx context.Context, limits ...*rate.Limiter) error {
	for _, limit := range limits {
		if err := limit.Wait(ctx); err != nil {
			return failure{fmt.Errorf("stopped before all was written, run it again to go on: %w", cmp.Or(context.Cause(ctx), err))}
		}
	}
	return nil
}
