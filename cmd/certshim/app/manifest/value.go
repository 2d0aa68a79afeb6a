package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strconv"
	"strings"

	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/declaration"
)

// value is what one document holds, before anything is known of it.
type value struct {
	line     int
	content  any
	warnings []remark
	err      error
	text     *text
}

// remark is something noticed a number of lines below a value's first.
type remark struct {
	line int
	err  error
}

// values reads a chunk that begins with content: JSON values one after another, or one
// YAML document.
func (c chunk) values() []value {
	if !looksLikeJSON(c.text) {
		return c.yaml()
	}
	values := c.json()
	// YAML may look like JSON and say more: unquoted values, comments.
	if values[0].err != nil {
		if asYAML := c.yaml(); len(asYAML) == 0 || asYAML[0].err == nil {
			return asYAML
		}
	}
	return values
}

// looksLikeJSON is true for text that begins as a JSON object with a key, or an empty one.
func looksLikeJSON(text []byte) bool {
	rest, found := bytes.CutPrefix(bytes.TrimSpace(text), []byte("{"))
	rest = bytes.TrimSpace(rest)
	return found && len(rest) > 0 && (rest[0] == '"' || rest[0] == '}')
}

// json reads one value after another, up to the first that is broken: where the next one
// would begin can't be known.
func (c chunk) json() []value {
	var values []value
	decoder := json.NewDecoder(bytes.NewReader(c.text))
	for {
		start := decoder.InputOffset()
		var raw json.RawMessage
		err := decoder.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return values
		}
		if err != nil {
			if len(values) > 0 && (chunk{text: c.text[start:]}).onlyBlank() {
				return values
			}
			return append(values, value{line: c.lineAt(jsonOffset(err, len(c.text))), err: fmt.Errorf("invalid JSON: %w", err)})
		}
		v := value{line: c.lineAt(int(decoder.InputOffset()) - len(raw))}
		v.text = &text{line: v.line, content: raw}
		v.err = utiljson.Unmarshal(raw, &v.content)
		values = append(values, v)
	}
}

func (c chunk) onlyBlank() bool { return len(c.skipBlank().text) == 0 }

// lineAt is the line of an offset into the text.
func (c chunk) lineAt(offset int) int {
	return c.line + bytes.Count(c.text[:min(max(offset, 0), len(c.text))], []byte("\n"))
}

// jsonOffset is where the byte is that a JSON error is about.
func jsonOffset(err error, end int) int {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return int(syntax.Offset) - 1
	}
	return end
}

// yaml reads one YAML document, as kubectl does: a key that occurs twice is no error, its
// last value counts.
func (c chunk) yaml() []value {
	content, isPlain := plain(c.text)
	switch {
	case !isPlain:
		return c.converted()
	case content == nil:
		return nil
	}
	return []value{{line: c.line, content: content, text: &text{line: c.line, content: c.text}}}
}

// converted reads a YAML document by way of JSON, and says what is wrong.
func (c chunk) converted() []value {
	asJSON, err := toJSON(c.text, yaml.YAMLToJSONStrict)
	var warnings []remark
	if err != nil {
		strict := err
		if asJSON, err = toJSON(c.text, yaml.YAMLToJSON); err != nil {
			below := errorLine(c.text, err)
			return []value{{line: c.line + below, err: errors.New(withoutLine(err) + c.hint(below))}}
		}
		// To the strict reader, a key over one that is merged in by << occurs twice.
		if !bytes.Contains(c.text, []byte("<<")) {
			warnings = repeatedKeys(strict)
		}
	}
	v := value{line: c.line, warnings: warnings, text: &text{line: c.line, content: c.text}}
	if v.err = utiljson.Unmarshal(asJSON, &v.content); v.err == nil && v.content == nil {
		return nil
	}
	return []value{v}
}

// hint says what is often wrong with a document that is no YAML.
func (c chunk) hint(line int) string {
	_, template, _ := bytes.Cut(c.text, []byte("{{"))
	if bytes.Contains(template, []byte("}}")) {
		return "; it has {{ … }}, a template that isn't rendered, as by helm template"
	}
	return declaration.TabHint(c.text, line)
}

// toJSON keeps what the YAML library panics with, on text that nobody would write, from
// ending the run.
func toJSON(text []byte, convert func([]byte) ([]byte, error)) (out []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("it can't be read as YAML: %v", r)
		}
	}()
	return convert(text)
}

// errorLine is how many lines below the first the YAML error is: in the first line without
// which it would not occur. The library's own line is often the next, or missing.
func errorLine(text []byte, failure error) int {
	const most = 1 << 20 // reading more again and again would take seconds
	if len(text) > most {
		return max(0, libraryLine(failure.Error())-1)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	ends := make([]int, len(lines))
	for i, end := 0, 0; i < len(lines); i++ {
		end += len(lines[i])
		ends[i] = end
	}
	fails := func(i int) error {
		_, err := toJSON(text[:ends[i]], yaml.YAMLToJSON)
		return err
	}
	if strings.Contains(failure.Error(), "unexpected end of stream") {
		return openLine(len(lines), func(i int) bool { return fails(i) != nil })
	}
	return min(len(lines)-1, sort.Search(len(lines), func(i int) bool {
		err := fails(i)
		return err != nil && err.Error() == failure.Error()
	}))
}

// openLine is the line of a quote that is never closed. All text from it on fails; so does
// text that ends within an earlier quoted text of several lines, hence the search from the
// end on, in steps that double.
func openLine(lines int, fails func(int) bool) int {
	good := lines - 1
	for step := 1; good >= 0 && fails(good); step *= 2 {
		good -= step
	}
	after := max(good, -1) + 1
	return after + sort.Search(lines-1-after, func(i int) bool { return fails(after + i) })
}

var lineNumber = regexp.MustCompile(`line (\d+): `)

func libraryLine(message string) int {
	match := lineNumber.FindStringSubmatch(message)
	if match == nil {
		return 1
	}
	line, _ := strconv.Atoi(match[1])
	return line
}

// withoutLine is the message without the line, which counts from the document's start.
func withoutLine(err error) string {
	message := strings.TrimPrefix(err.Error(), "error converting YAML to JSON: ")
	message = strings.TrimPrefix(message, "yaml: ")
	return "invalid YAML: " + lineNumber.ReplaceAllString(message, "")
}

// repeatedKeys reads the keys that occur twice from the strict reader's error.
func repeatedKeys(strict error) []remark {
	var remarks []remark
	for line := range strings.SplitSeq(strict.Error(), "\n") {
		_, about, found := strings.Cut(line, ": key ")
		key, _, _ := strings.Cut(about, " already set")
		if found {
			remarks = append(remarks, remark{
				line: libraryLine(line) - 1,
				err:  fmt.Errorf("the key %s occurs twice, its last value counts", key),
			})
		}
	}
	return remarks
}
