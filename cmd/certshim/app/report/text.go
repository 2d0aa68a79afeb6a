package report

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/certshim/certshim/ownership"
)

// The most that is written of a name or sentence and of a value, in bytes, and of one Certificate's
// fields and entries. An API server has no use for more; what was cut is said.
const (
	maxText    = 2000
	maxValue   = 1000
	maxFields  = 2000
	maxEntries = 1000
)

// shown is text from an object as a person may see it: what moves, hides or turns other text is
// escaped, and what is very long is cut.
func shown(text string) string { return visible(cut(text, maxText)) }

// visible escapes what isn't printable.
func visible(text string) string {
	if !strings.ContainsFunc(text, isUnsafe) {
		return text
	}
	var b strings.Builder
	for i, r := range text {
		_, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case isUnsafe(r):
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isUnsafe(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }

// cut shortens text to most bytes, at the boundary of a character, and says how much is missing.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end := most
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return fmt.Sprintf("%s… (%d bytes more)", text[:end], len(text)-end)
}

// managerOf is a manager's name; one that nobody knows is quoted, and so is none.
func managerOf(name string, class ownership.Class) string {
	if class == ownership.Unknown {
		return strconv.Quote(cut(name, maxText))
	}
	return shown(name)
}
