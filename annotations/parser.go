package annotations

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/certshim/certshim/problem"
)

// The bounds of what is read. The API server holds at most 256 KiB of annotations an
// object; documents from elsewhere may hold anything.
const (
	maxValue    = 256 << 10
	maxItems    = 1000
	maxPerKey   = 10 // problems told of one key
	maxSearches = 32 // unknown keys of an object whose nearest is looked for
)

// Parser reads annotations. It is fixed once made, and safe for concurrent use.
type Parser struct {
	options Options
	rows    []Row
	near    near
}

// NewParser gives a parser of the table and the operator's keys. AutoKeys that are nil
// are cert-manager's default, kubernetes.io/tls-acme; an empty list means none.
func NewParser(options Options) *Parser {
	if options.AutoKeys == nil {
		options.AutoKeys = []string{DefaultAutoKey}
	}
	rows := slices.DeleteFunc(Table(), func(row Row) bool { return row.parse == nil && row.Instead == "" })
	return &Parser{options: options, rows: rows, near: newNear(rows, options)}
}

// Parse reads all annotations in one pass and tells everything that is wrong with them.
// What it returns depends on the map alone. It shares no memory with the map but strings.
func (p *Parser) Parse(in map[string]string) (Request, problem.List) {
	r := reading{in: in, rows: p.rows}
	for i := range p.rows {
		row := &p.rows[i]
		if written, there := in[row.Key]; there {
			r.read(row, written, p.isExtra(row.Key))
		}
	}
	r.checkTogether()
	r.request.Auto = p.auto(in)
	r.request.Extra = p.extra(in)
	p.near.report(in, &r.problems)
	return r.request, r.problems
}

// ParseIssuer reads the issuer keys of an object that is no source, such as a Namespace, and
// tells of the keys that were probably meant to be one. All other keys are left alone.
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

// MeansIssuer says whether a key is one of the four issuer keys, or was probably meant to
// be one.
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
		if value, there := in[key]; there {
			if out == nil {
				out = make(map[string]string, len(p.options.ExtraKeys))
			}
			out[key] = value
		}
	}
	return out
}

// reading is one run of Parse: the rows fill in the request and add problems.
type reading struct {
	in       map[string]string
	rows     []Row
	request  Request
	problems problem.List

	row     *Row
	written string // the value of the row's key, as it stands there
}

func (r *reading) read(row *Row, written string, extra bool) {
	r.row, r.written = row, written
	value := trim(written)
	switch {
	case row.Instead != "":
		if !extra {
			r.warn(written, "has no effect here: "+row.Instead)
		}
	case value == "":
		r.warn(written, "empty value: the same as no annotation")
	case len(written) > maxValue:
		r.refuse(written[:problem.MaxValue+1], fmt.Sprintf("longer than %d bytes", maxValue))
	case !utf8.ValidString(written):
		r.refuse(written, "not valid UTF-8")
	default:
		row.parse(r, value)
	}
}

// refuse tells that a value can't be used, and marks the row's field as unread.
func (r *reading) refuse(value, message string, suggestion ...string) {
	r.unread(r.row.Field)
	r.tell(problem.Error, value, message, suggestion)
}

// warn tells that a value is used, but probably not as it was meant.
func (r *reading) warn(value, message string, suggestion ...string) {
	r.tell(problem.Warning, value, message, suggestion)
}

func (r *reading) tell(severity problem.Severity, value, message string, suggestion []string) {
	p := problemOf(severity, r.row.Key, value, message)
	if severity == problem.Error {
		p.Allowed = r.row.Grammar
	}
	p.Suggestion = strings.Join(suggestion, "")
	r.problems.Add(p)
}

func (r *reading) unread(field Field) {
	if !slices.Contains(r.request.Unread, field) {
		r.request.Unread = append(r.request.Unread, field)
	}
}

func (r *reading) isUnread(field Field) bool { return slices.Contains(r.request.Unread, field) }

// about turns to another key, for rules that hold between two keys.
func (r *reading) about(key string) *reading {
	for i := range r.rows {
		if r.rows[i].Key == key {
			r.row, r.written = &r.rows[i], r.in[key]
		}
	}
	return r
}

func problemOf(severity problem.Severity, key, value, message string) problem.Problem {
	return problem.Problem{
		Severity: severity, Path: "metadata.annotations[" + key + "]", Key: key,
		Value: value, Reason: problem.BadConfig, Message: message,
	}
}

// trim takes white space from both ends, all that Unicode calls so.
func trim(s string) string { return strings.TrimSpace(s) }
