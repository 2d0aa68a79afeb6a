package app

import (
	"io"
	"log/slog"
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
