package app_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/certshim/certshim/cmd/certshim/app"
)

// No line is longer than 4 kB, whatever it quotes, and one that was cut is a whole line still.
func TestNoLogLineIsLong(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		for name, unit := range map[string]string{
			"letters": "k", "wide": "ä", "wider": "🦀", "controls": "\x1b\n", "quotes": `"\`, "invalid": "\xff", "bidi": "\u202e", "html": "<&>", "emoji joined": "\U000e0001",
		} {
			var out bytes.Buffer
			log, err := app.NewLogger(&out, format)
			if err != nil {
				t.Fatal(err)
			}
			long := strings.Repeat(unit, 240_000/len(unit))
			//nolint:sloglint // The message is long, too.
			log.With("component", long).WithGroup("source").Info(long, "reason", "BadConfig", "problem", long, "error", errors.New(long), "values", []string{long}, slog.Group("in", "it", long))
			line := out.String()
			if len(line) > 4096 || len(line) < 500 || strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "\n") || !utf8.ValidString(line) || !strings.Contains(line, "…") {
				t.Errorf("%s, %s: a line of %d bytes: %.200s", format, name, len(line), line)
			}
			if !strings.Contains(line, "BadConfig") {
				t.Errorf("%s, %s: a short value is missing", format, name)
			}
			if format == "json" && !json.Valid(out.Bytes()) {
				t.Errorf("%s: not JSON: %s", name, line)
			}
		}
	}
}

func TestAShortLogLineStaysAsItIs(t *testing.T) {
	var out bytes.Buffer
	log, err := app.NewLogger(&out, "json")
	if err != nil {
		t.Fatal(err)
	}
	log.Info("m", "n", 7, "ok", true, "of", []string{"a", "b"})
	if line := out.String(); !strings.Contains(line, `"msg":"m","n":7,"ok":true,"of":["a","b"]}`) {
		t.Errorf("got %s", line)
	}
}
