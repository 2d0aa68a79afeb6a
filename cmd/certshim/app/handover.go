package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
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

// handoverTries is how often a Certificate is looked at anew that changes between read and write.
const handoverTries = 5

// pace spreads what is done: by the second, or some of it by the minute.
type pace struct {
	every time.Duration
	// next is when the next may be done.
	next time.Time
}

// newPace is n in a span of time.
func newPace(n int, span time.Duration) *pace { return &pace{every: span / time.Duration(max(n, 1))} }

// wait waits for the turn of what goes by all of these paces, or until the context ends.
func wait(ctx context.Context, paces ...*pace) error {
	now := time.Now()
	turn := now
	for _, p := range paces {
		if p.next.After(turn) {
			turn = p.next
		}
	}
	timer := time.NewTimer(turn.Sub(now))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return failure{fmt.Errorf("stopped before all was written, run it again to go on: %w", context.Cause(ctx))}
	case <-timer.C:
	}
	for _, p := range paces {
		p.next = turn.Add(p.every)
	}
	return nil
}
