package annotations

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/certshim/certshim/problem"
)

// tooLong is the message for a value of more than maxValue bytes.
var tooLong = fmt.Sprintf("longer than %d bytes", maxValue)

// cutMark ends a value that was cut because it was too long. An original value that ends in it is
// refused as well.
const cutMark = "\x00longer\x00"

// TooLong reports whether a value is longer than any may be, or was before [Parser.Shorten] cut it.
func TooLong(value string) bool { return len(value) > maxValue || strings.HasSuffix(value, cutMark) }

// Shorten cuts a value to what Parse and NearTriggers need. A value that is too long, or whose key
// does nothing, is cut to the part that messages show. Shortened values give the same results as
// the originals, so that a cache may hold them instead.
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

// shortened returns the beginning of a value, just long enough that a message shows it as cut.
func shortened(value string) string {
	value = strings.TrimSuffix(value, cutMark)
	end := min(problem.MaxValue+utf8.UTFMax, len(value))
	for end < len(value) && !utf8.RuneStart(value[end]) {
		end--
	}
	return value[:end]
}
