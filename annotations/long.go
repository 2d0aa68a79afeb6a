package annotations

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/certshim/certshim/problem"
)

// tooLong is what is said of a value that is.
var tooLong = fmt.Sprintf("longer than %d bytes", maxValue)

// cutMark ends a value that was cut because it is too long. One that ends so by itself is refused
// all the same.
const cutMark = "\x00longer\x00"

// TooLong reports whether a value is longer than any may be, or was before [Parser.Shorten] cut it.
func TooLong(value string) bool { return len(value) > maxValue || strings.HasSuffix(value, cutMark) }

// Shorten cuts a value to what Parse and NearTriggers need of it: of one that is too long, and of one
// whose key does nothing, only what is shown to people. A cache that holds shortened values
// gives the same results.
func (p *Parser) Shorten(key, value string) string {
	switch {
	case TooLong(value):
		return strings.Clone(shortened(value)) + cutMark
	case len(value) > 2*problem.MaxValue && !p.near.known[key] && !p.ForIssuer(key):
		return strings.Clone(shortened(value))
	default:
		return value
	}
}

// shortened is the beginning of a value, so long that it is shown as one that is cut.
func shortened(value string) string {
	value = strings.TrimSuffix(value, cutMark)
	end := min(problem.MaxValue+utf8.UTFMax, len(value))
	for end < len(value) && !utf8.RuneStart(value[end]) {
		end--
	}
	return value[:end]
}
