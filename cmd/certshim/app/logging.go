package app

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strconv"

	"github.com/spf13/cobra"
	"k8s.io/klog/v2"
)

// logFlags say what is logged and how.
type logFlags struct {
	format, level string
	verbosity     int
}

// verboseDebug is the -v from which on debug lines are logged, as in cert-manager.
const verboseDebug = 4

func (l *logFlags) bind(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&l.format, "log-format", "text", "text or json")
	flags.StringVar(&l.format, "logging-format", "text", "text or json")
	_ = flags.MarkHidden("logging-format") // fails for an unknown flag only
	flags.StringVar(&l.level, "log-level", "", "debug, info, warn or error; empty means info, or debug with -v=4 and more")
	flags.IntVarP(&l.verbosity, "v", "v", 0, "verbosity of the client libraries' log lines, 0 to 10")
	complete(cmd, "log-format", "text", "json")
	complete(cmd, "log-level", "debug", "info", "warn", "error")
}

// logger makes the one handler, and sends the client libraries' logs (klog, logr) there.
func (l *logFlags) logger(w io.Writer) (*slog.Logger, error) {
	level, err := l.slogLevel()
	options := &slog.HandlerOptions{Level: level}
	var handler slog.Handler
	switch l.format {
	case "text":
		handler = slog.NewTextHandler(w, options)
	case "json":
		handler = slog.NewJSONHandler(w, options)
	default:
		err = errors.Join(err, fmt.Errorf("--log-format is %q, must be text or json", l.format))
	}
	if err != nil {
		return nil, err
	}
	log := slog.New(boundedHandler{Handler: handler})
	return log, l.routeKlog(log)
}

func (l *logFlags) slogLevel() (slog.Level, error) {
	if l.level != "" {
		var level slog.Level
		if err := level.UnmarshalText([]byte(l.level)); err != nil {
			return 0, fmt.Errorf("--log-level is %q, must be debug, info, warn or error", l.level)
		}
		return level, nil
	}
	if l.verbosity >= verboseDebug {
		return min(slog.LevelDebug, slog.Level(-l.verbosity)), nil
	}
	return slog.LevelInfo, nil
}

func (l *logFlags) routeKlog(log *slog.Logger) error {
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	if err := flags.Set("v", strconv.Itoa(l.verbosity)); err != nil {
		return fmt.Errorf("-v is %d, must be 0 to 10: %w", l.verbosity, err)
	}
	klog.SetSlogLogger(log)
	return nil
}
