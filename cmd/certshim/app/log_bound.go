package app

import (
	"context"
	"log/slog"
	"unicode"
	"unicode/utf8"
)

const (
	// maxLogLine is the longest line of the log, in bytes. Errors quote what a stranger wrote, which
	// may be as long as an object.
	maxLogLine = 4096
	// logLineRest is left for the time, the level, names and punctuation.
	logLineRest = 512
)

// boundedHandler cuts the values of a line that would be too long, so that it stays whole JSON or
// text. Short values stay as they are.
type boundedHandler struct {
	slog.Handler
	// used is the size of the values that every line of this handler has, in bytes.
	used int
}

// Handle implements [slog.Handler].
func (h boundedHandler) Handle(ctx context.Context, record slog.Record) error {
	names := 0
	values := []string{record.Message}
	record.Attrs(func(a slog.Attr) bool {
		values = append(values, a.Value.String())
		names += len(a.Key) + len(` "":""`)
		return true
	})
	room := maxLogLine - logLineRest - h.used - names
	if written(values...) <= room {
		return h.Handler.Handle(ctx, record)
	}
	share := max(room, 0) / len(values)
	cut := slog.NewRecord(record.Time, record.Level, cutTo(record.Message, share), record.PC)
	record.Attrs(func(a slog.Attr) bool {
		cut.AddAttrs(cutAttr(a, share))
		return true
	})
	return h.Handler.Handle(ctx, cut)
}

// WithAttrs implements [slog.Handler].
func (h boundedHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	const share = maxLogLine / 32
	all := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		all[i] = cutAttr(a, share)
		h.used += len(a.Key) + written(all[i].Value.String())
	}
	h.Handler = h.Handler.WithAttrs(all)
	return h
}

// WithGroup implements [slog.Handler].
func (h boundedHandler) WithGroup(name string) slog.Handler {
	h.used += len(name)
	h.Handler = h.Handler.WithGroup(name)
	return h
}

func cutAttr(a slog.Attr, share int) slog.Attr {
	if text := a.Value.String(); written(text) > share {
		return slog.String(a.Key, cutTo(text, share))
	}
	return a
}

// cutTo shortens text at a character boundary, so that it takes at most so many bytes in a line.
func cutTo(text string, most int) string {
	if written(text) <= most {
		return text
	}
	most -= len("…")
	for at, r := range text {
		if most -= writtenRune(r); most < 0 {
			return text[:at] + "…"
		}
	}
	return text
}

// written returns how many bytes texts may take in a line, quoted and escaped.
func written(texts ...string) int {
	n := 0
	for _, text := range texts {
		for _, r := range text {
			n += writtenRune(r)
		}
	}
	return n
}

func writtenRune(r rune) int {
	switch {
	case r == '"', r == '\\':
		return len(`\"`)
	case r == utf8.RuneError, !unicode.IsPrint(r):
		return len(`\U0010ffff`)
	default:
		return utf8.RuneLen(r)
	}
}
