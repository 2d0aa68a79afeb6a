package annotations

import (
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/certshim/certshim/problem"
)

// Limits on what is read.
const (
	// maxValue is the longest value, in bytes. The API server accepts 256 KiB of annotations per
	// object, but no key needs more than some KiB.
	maxValue    = 64 << 10
	maxItems    = 1000
	maxPerKey   = 10 // problems reported per key
	maxSearches = 32 // unknown keys per object that are compared with the known ones
)

// Parser reads annotations. It is immutable and safe for concurrent use.
type Parser struct {
	options Options
	rows    []Row
	near    near
}

// NewParser returns a parser for the table and the operator's keys. If AutoKeys is nil, it is
// kubernetes.io/tls-acme, cert-manager's default; an empty list means none.
func NewParser(options Options) *Parser {
	if options.AutoKeys == nil {
		options.AutoKeys = []string{DefaultAutoKey}
	}
	rows := slices.DeleteFunc(Table(), func(row Row) bool { return row.parse == nil && row.Instead == "" })
	return &Parser{options: options, rows: rows, near: newNear(rows, options)}
}

// Parse reads all annotations in one pass and reports everything that is wrong with them. The
// result depends only on the map and shares nothing but strings with it.
func (p *Parser) Parse(in map[string]string) (Request, problem.List) {
	r := reading{in: in, parser: p}
	r.request.Sections.Unread = trim(in[SectionsKey]) != "" // until it has been read
	for i := range p.rows {
		row := &p.rows[i]
		if written, there := in[row.Key]; there {
			r.read(row, written, p.isExtra(row.Key))
		}
	}
	if r.request.DeletionPolicy == "" && trim(in[DeletionKey]) != "" {
		r.request.DeletionPolicy = RetainUnneeded // it couldn't even be looked at
	}
	r.checkTogether()
	r.request.Auto = p.auto(in)
	r.request.Extra = p.extra(in)
	p.refuseTooLong(&r)
	p.near.report(in, &r.problems)
	return r.request, r.problems
}

// ParseIssuer reads the issuer keys of an object that isn't a source, such as a Namespace, and
// reports misspelt ones. All other keys are ignored.
func (p *Parser) ParseIssuer(in map[string]string) (Issuer, problem.List) {
	var meant map[string]string
	for key, value := range in {
		if !p.MeansIssuer(key) {
			continue
		}
		if meant == nil {
			meant = map[string]string{}
		}
		meant[key] = value
	}
	request, problems := p.Parse(meant)
	return request.Issuer, problems
}

// MeansIssuer reports whether a key is one of the four issuer keys or resembles one.
func (p *Parser) MeansIssuer(key string) bool {
	keys := issuerKeys()
	if slices.Contains(keys[:], key) {
		return true
	}
	return !p.near.known[key] && p.near.prefixOf(key) != "" && slices.Contains(keys[:], p.near.nearest(key))
}

func (p *Parser) isExtra(key string) bool { return slices.Contains(p.options.ExtraKeys, key) }

func (p *Parser) auto(in map[string]string) bool {
	return slices.ContainsFunc(p.options.AutoKeys, func(key string) bool {
		on, known := truth(trim(in[key]))
		return on && known
	})
}

func (p *Parser) extra(in map[string]string) map[string]string {
	var out map[string]string
	for _, key := range p.options.ExtraKeys {
		if value, there := in[key]; there && !TooLong(value) {
			if out == nil {
				out = make(map[string]string, len(p.options.ExtraKeys))
			}
			out[key] = value
		}
	}
	return out
}

// refuseTooLong reports keys that would be copied and are too long for that.
func (p *Parser) refuseTooLong(r *reading) {
	for _, key := range slices.Sorted(maps.Keys(r.in)) {
		if TooLong(r.in[key]) && (p.isExtra(key) || p.ForIssuer(key)) {
			r.markUnread(FieldAnnotations)
			r.request.NotCopied = append(r.request.NotCopied, key)
			if !slices.ContainsFunc(p.rows, func(row Row) bool { return row.Key == key && row.Instead == "" }) {
				r.problems.Add(problemOf(problem.Error, key, shortened(r.in[key]), tooLong))
			}
		}
	}
}

// reading is the state of one Parse: the rows fill in the request and add problems.
type reading struct {
	in       map[string]string
	parser   *Parser
	request  Request
	problems problem.List

	row *Row
	raw string // the value of the row's key, untrimmed
	// written has the values of all lists.
	written map[written]bool
}

func (r *reading) read(row *Row, written string, extra bool) {
	r.row, r.raw = row, written
	value := trim(written)
	switch {
	case row.Instead != "":
		if !extra {
			r.warn(written, "has no effect here: "+row.Instead)
		}
	case value == "":
		r.warn(written, "empty value: the same as no annotation")
	case TooLong(written):
		r.refuse(shortened(written), tooLong)
	case !utf8.ValidString(written):
		r.refuse(written, "not valid UTF-8")
	default:
		row.parse(r, value)
	}
}

// refuse reports that a value can't be used, and marks the row's field as unread.
func (r *reading) refuse(value, message string, suggestion ...string) {
	r.markUnread(r.row.Field)
	r.addProblem(problem.Error, value, message, suggestion)
}

// warn reports that a value is used, but probably not as intended.
func (r *reading) warn(value, message string, suggestion ...string) {
	r.addProblem(problem.Warning, value, message, suggestion)
}

// warnLines is warn with lines that would be right, ready to paste.
func (r *reading) warnLines(value, message, lines string) {
	p := problemOf(problem.Warning, r.row.Key, value, message)
	p.Lines = lines
	r.problems.Add(p)
}

// warnInvisible warns of free text with control characters, line breaks, or characters that
// change how it is shown, such as those that turn its direction. It is written all the same, as
// cert-manager does. The grammars of names other than the common name have no such characters.
func (r *reading) warnInvisible(text string) {
	if strings.ContainsFunc(text, isInvisible) {
		r.warn(r.raw, "a character that can't be seen, or that changes how the text is shown, goes into the certificate")
	}
}

func isInvisible(c rune) bool {
	return unicode.In(c, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

func (r *reading) addProblem(severity problem.Severity, value, message string, suggestion []string) {
	p := problemOf(severity, r.row.Key, value, message)
	if severity == problem.Error {
		p.Allowed = r.row.Grammar
	}
	p.Suggestion = strings.Join(suggestion, "")
	r.problems.Add(p)
}

func (r *reading) markUnread(field Field) {
	if !slices.Contains(r.request.Unread, field) {
		r.request.Unread = append(r.request.Unread, field)
	}
}

func (r *reading) isUnread(field Field) bool { return slices.Contains(r.request.Unread, field) }

// switchTo switches to another key, for rules about two keys.
func (r *reading) switchTo(key string) {
	rows := r.parser.rows
	for i := range rows {
		if rows[i].Key == key {
			r.row, r.raw = &rows[i], r.in[key]
		}
	}
}

func problemOf(severity problem.Severity, key, value, message string) problem.Problem {
	return problem.Problem{
		Severity: severity, Path: "metadata.annotations[" + key + "]", Key: key,
		Value: value, Reason: problem.BadConfig, Message: message,
	}
}

// trim removes leading and trailing white space, as Unicode defines it.
func trim(s string) string { return strings.TrimSpace(s) }
