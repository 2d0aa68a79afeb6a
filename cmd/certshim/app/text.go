package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// printable is text from an object as it may stand on a terminal: what could move the
// cursor, change colours or turn the writing direction is escaped.
func printable(text string) string {
	var b strings.Builder
	for i, r := range text {
		_, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}

// printLine writes text as one line, whatever it holds. Where a message goes over several
// lines they are joined. Errors of writing to a terminal are nobody's to mend.
func printLine(w io.Writer, text string) {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	_, _ = fmt.Fprintln(w, printable(strings.Join(lines, " ")))
}

// writeJSON writes indented JSON in which strings hold no character that a terminal acts
// on; encoding/json leaves DEL, C1 controls and direction marks as they are.
func writeJSON(w io.Writer, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	_, err = w.Write(append(escapeJSON(text), '\n'))
	return err
}

func escapeJSON(text []byte) []byte {
	var b bytes.Buffer
	for _, r := range string(text) {
		if r < unicode.MaxASCII || unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.Bytes()
}

// badFormat is the error of a -o that a command doesn't have.
func badFormat(format string, formats ...string) error {
	return fmt.Errorf("--output is %q, must be one of %s", format, strings.Join(formats, ", "))
}
