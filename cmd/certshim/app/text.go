package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	goyaml "go.yaml.in/yaml/v2"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/problem"
)

// printable is text from an object as it may stand on a terminal: what could move the
// cursor, change colours or turn the writing direction is escaped.
func printable(text string) string {
	if isPlainASCII(text) || utf8.ValidString(text) && !strings.ContainsFunc(text, isUnprintable) {
		return text
	}
	var b strings.Builder
	for i, r := range text {
		_, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case !isUnprintable(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}

// printError writes each line of an error as one. What cobra suggests in lines of its own is put
// behind the mistake.
func printError(w io.Writer, err error) {
	const suggestion = "\n\nDid you mean this?\n\t"
	text, meant, suggested := strings.Cut(err.Error(), suggestion)
	if suggested {
		text += "; did you mean " + strings.Join(strings.Fields(meant), " or ") + "?"
	}
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			printLine(w, "error: "+line)
		}
	}
}

// printLine writes text as one line, whatever it holds. Errors of writing to a terminal are
// nobody's to mend.
func printLine(w io.Writer, text string) {
	_, _ = fmt.Fprintln(w, printable(problem.OneLine(text)))
}

// writeJSON writes indented JSON in which strings hold no character that a terminal acts
// on; encoding/json leaves DEL, C1 controls and direction marks as they are.
func writeJSON(w io.Writer, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	_, err = w.Write(append(escaped(text, utf16Escape), '\n'))
	return err
}

// writeYAML writes YAML as [yamlText] has it.
func writeYAML(w io.Writer, v any) error {
	text, err := yamlText(v)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// yamlText is YAML in which strings hold no character that a terminal acts on. What has one
// is written in YAML's JSON form, the only one in which all can be escaped; the library
// refuses some of them.
func yamlText(v any) ([]byte, error) {
	if isPlain(v) {
		return goyaml.Marshal(v)
	}
	text, err := yaml.Marshal(v)
	if err == nil && !bytes.ContainsFunc(text, unsafeOnTerminal) {
		return text, nil
	}
	if text, err = json.MarshalIndent(v, "", "  "); err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	return append(escaped(text, utf32Escape), '\n'), nil
}

// isPlain says whether a value is as it would come back from JSON, and holds nothing that has to be
// escaped: the library's detour by JSON gives the same text at a multiple of the cost.
func isPlain(value any) bool {
	switch v := value.(type) {
	case bool, int64:
		return true
	case string:
		return utf8.ValidString(v) && !strings.ContainsFunc(v, unsafeOnTerminal)
	case []any:
		return v != nil && !slices.ContainsFunc(v, func(item any) bool { return !isPlain(item) })
	case map[string]any:
		for key, item := range v {
			if !isPlain(key) || !isPlain(item) {
				return false
			}
		}
		return v != nil
	default:
		return false
	}
}

// isPlainASCII is quick, and true of nearly all text.
func isPlainASCII(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

func unsafeOnTerminal(r rune) bool { return r != '\n' && isUnprintable(r) }

func isUnprintable(r rune) bool { return !unicode.IsPrint(r) }

// escaped replaces what is unsafe on a terminal in JSON, where it occurs in strings alone.
func escaped(text []byte, escape func(rune) string) []byte {
	if !bytes.ContainsFunc(text, unsafeOnTerminal) {
		return text
	}
	var b bytes.Buffer
	for _, r := range string(text) {
		if unsafeOnTerminal(r) {
			b.WriteString(escape(r))
			continue
		}
		b.WriteRune(r)
	}
	return b.Bytes()
}

// utf16Escape is how JSON escapes a character: in one unit of UTF-16, or two.
func utf16Escape(r rune) string {
	escape := ""
	for _, unit := range utf16.AppendRune(nil, r) {
		escape += fmt.Sprintf(`\u%04x`, unit)
	}
	return escape
}

// utf32Escape is how YAML does: it knows no pairs of units.
func utf32Escape(r rune) string {
	const widest = 0xffff
	if r > widest {
		return fmt.Sprintf(`\U%08x`, r)
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// badFormat is the error of a -o that a command doesn't have.
func badFormat(format string, formats ...string) error {
	return fmt.Errorf("--output is %q, must be one of %s", format, strings.Join(formats, ", "))
}
