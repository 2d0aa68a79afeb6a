package app

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/certshim/certshim/ownership"
	"github.com/certshim/certshim/problem"
)

// NewReloadMetric lets the test of the documentation see the metric.
var NewReloadMetric = newReloadMetric

// UntilSignal lets the test of signals be a program that doesn't end by the first.
var UntilSignal = untilSignal

// NewLogger is the logger of a command with that --log-format.
func NewLogger(w io.Writer, format string) (*slog.Logger, error) {
	flags := logFlags{format: format}
	return flags.logger(w)
}

// WantsColour lets a test decide without a terminal.
var WantsColour = wantsColour

// ExplainAt runs explain at a time, and gives its exit status.
func ExplainAt(ctx context.Context, args []string, streams Streams, now time.Time) int {
	cmd := newExplainAt(streams, build{}, func() time.Time { return now })
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(ctx)
	if err != nil && !errors.Is(err, errProblems) {
		printError(streams.ErrOut, err)
	}
	return exitStatus(err)
}

// AuditJSON is a Certificate of an AuditReport by the encoder, and by encoding/json.
func AuditJSON(r ownership.Report, secret string, source *problem.Object, raw any) (got, want []byte, err error) {
	c, _ := fieldFilter{}.reported(audited{Report: r, Secret: secret, Source: source, Raw: raw})
	var e jsonEncoder
	e.certificate(c)
	want, err = json.Marshal(c)
	return e.text, escaped(want, utf16Escape), errors.Join(e.err, err)
}
