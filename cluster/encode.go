package cluster

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// encode gives an apply configuration as JSON, with one field on a line and fields in order.
//
// The API server parses applies as YAML, and buffers up to 1,024 characters of a line, since
// they could still be a key. One field on a line saves an eighth of what it allocates for an
// apply.
func encode(config map[string]any) ([]byte, error) {
	body, err := json.Marshal(config, jsontext.WithIndent(""), json.Deterministic(true))
	if err != nil {
		return nil, err
	}
	return escapeForYAML(body), nil
}

// escapeForYAML writes as escapes what is plain text in a JSON string, but not in YAML.
func escapeForYAML(body []byte) []byte {
	if !slices.ContainsFunc(body, func(b byte) bool { return b >= firstNotInYAML }) {
		return body
	}
	escaped := make([]byte, 0, len(body)+16)
	for len(body) > 0 {
		r, size := utf8.DecodeRune(body)
		if notInYAML(r) {
			escaped = fmt.Appendf(escaped, `\u%04x`, r)
		} else {
			escaped = append(escaped, body[:size]...)
		}
		body = body[size:]
	}
	return escaped
}

// notInYAML says whether YAML refuses a character unescaped (1.2.2, section 5.1), or takes it
// for a line break (1.1, section 4.2) or a byte order mark.
func notInYAML(r rune) bool {
	switch r {
	case '\u2028', '\u2029', '\ufeff', '\ufffe', '\uffff':
		return true
	}
	return firstNotInYAML <= r && r <= 0x9f
}

// firstNotInYAML is the least of them, and no byte of another character is below it.
const firstNotInYAML = 0x7f
