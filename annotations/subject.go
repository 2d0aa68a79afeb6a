package annotations

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/certshim/certshim/names"
	"github.com/certshim/certshim/problem"
)

// csvRecord parses one CSV record, in which a quoted item may hold a comma: "A, Inc.",B. Items
// without quotes keep their white space, as in cert-manager, since another subject would cause a
// new certificate. what are the items, in the plural.
func csvRecord(what string, field func(*Subject) *[]string) parse {
	return func(r *reading, value string) {
		if tooMany(r, value) {
			return
		}
		record := closeUpQuotes(value)
		items, why := oneRecord(record)
		if why != "" {
			r.refuse(r.raw, why)
			return
		}
		into := field(&r.request.Subject)
		c := collector{reading: r}
		for _, part := range items {
			c.add(part, func(_ *reading, part string) listItem {
				return listItem{into: into, value: part, form: names.Exact}
			})
		}
		c.finish()
		warnItems(r, what, items, rawItems(record))
		r.warnInvisible(strings.Join(items, ","))
	}
}

// warnItems warns of items that look like the halves of a single one with a comma in it, and of
// white space around items.
func warnItems(r *reading, what string, items, raw []string) {
	whole, padded := []string(nil), false
	for i, item := range items {
		continues := i > 0 && mayHaveCommas(what, items, raw) && continuesItem(what, raw[i])
		padded = padded || !continues && item != trim(item)
		if !continues {
			whole = append(whole, item)
			continue
		}
		whole[len(whole)-1] += "," + item
	}
	if len(whole) < len(items) {
		message := fmt.Sprintf("these are %d %s, as a comma without quotes separates them; one with a comma in it needs quotes", len(items), what)
		r.warnLines(r.raw, message, pasteLine(r.row.Key, formatRecord(whole)))
	}
	if padded {
		r.warn(r.raw, "white space around an item is part of it")
	}
}

// The lists that are treated in a way of their own: organizations have commas most often, as in
// "Example, Inc.".
const (
	organizations = "organizations"
	countries     = "countries"
	postalCodes   = "postal codes"
)

// mayHaveCommas reports whether an item of a list may be meant to have a comma in it: no country and
// no postal code has one, and who quotes an item knows how.
func mayHaveCommas(what string, items, raw []string) bool {
	return what != countries && what != postalCodes && len(raw) == len(items) &&
		!slices.ContainsFunc(raw, func(item string) bool { return strings.HasPrefix(item, `"`) })
}

// continuesItem guesses that an item without quotes is the rest of the one before it: it begins
// with white space, or is the legal form of a company.
func continuesItem(what, raw string) bool {
	if raw == "" || strings.HasPrefix(raw, `"`) || trim(raw) == "" {
		return false
	}
	return trim(raw[:1]) == "" || what == organizations && isLegalForm(trim(raw))
}

func isLegalForm(item string) bool {
	return slices.Contains([]string{
		"inc", "incorporated", "llc", "l.l.c", "llp", "ltd", "limited", "corp", "corporation", "co", "plc",
		"gmbh", "ag", "s.a", "srl", "s.r.l", "s.p.a", "bv", "b.v", "n.v",
	}, strings.ToLower(strings.TrimSuffix(item, ".")))
}

// rawItems splits a record into its items as they are written.
func rawItems(record string) []string {
	var items []string
	for rest := record; ; {
		end := itemEnd(rest)
		item, more := strings.CutSuffix(rest[:end], ",")
		items, rest = append(items, item), rest[end:]
		if !more || end == 0 {
			return items
		}
	}
}

// formatRecord is the inverse of oneRecord.
func formatRecord(items []string) string {
	quoted := make([]string, len(items))
	for i, item := range items {
		if quoted[i] = item; strings.ContainsAny(item, "\",\r\n") {
			quoted[i] = `"` + strings.ReplaceAll(item, `"`, `""`) + `"`
		}
	}
	return strings.Join(quoted, ",")
}

// pasteLine is an annotation as a line of YAML; "" where it would be too long to be read.
func pasteLine(key, value string) string {
	if len(value) > problem.MaxValue {
		return ""
	}
	return "  " + key + ": " + yamlText(value)
}

// yamlText is a text as YAML reads it, in quotes.
func yamlText(text string) string {
	if strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) || c == '\'' }) {
		return strconv.Quote(text)
	}
	return "'" + text + "'"
}

// oneRecord parses exactly one CSV record, or says why that failed.
func oneRecord(value string) (items []string, why string) {
	reader := csv.NewReader(strings.NewReader(value))
	items, err := reader.Read()
	if parse, ok := errors.AsType[*csv.ParseError](err); ok {
		return nil, "not a list of comma-separated values: " + parse.Err.Error()
	}
	if err != nil {
		return nil, "not a list of comma-separated values"
	}
	if _, err := reader.Read(); !errors.Is(err, io.EOF) {
		return nil, "more than one line"
	}
	return items, ""
}

// closeUpQuotes removes spaces and tabs before opening quotes, which encoding/csv doesn't
// accept.
func closeUpQuotes(value string) string {
	var out strings.Builder
	rest := value
	for rest != "" {
		rest = strings.TrimPrefix(rest, beforeQuote(rest))
		end := itemEnd(rest)
		out.WriteString(rest[:end])
		rest = rest[end:]
	}
	return out.String()
}

// beforeQuote returns the leading white space of an item if a quote follows it.
func beforeQuote(item string) string {
	bare := strings.TrimLeft(item, " \t")
	if strings.HasPrefix(bare, `"`) {
		return item[:len(item)-len(bare)]
	}
	return ""
}

// itemEnd returns the length of the first item of a record, including its comma. Commas inside
// quotes don't count; a doubled quote closes and opens again.
func itemEnd(record string) int {
	quoted := false
	for i := range len(record) {
		switch {
		case record[i] == '"' && record[0] == '"':
			quoted = !quoted
		case record[i] == ',' && !quoted:
			return i + 1
		}
	}
	return len(record)
}

func serialNumber(r *reading, value string) {
	r.warnInvisible(value)
	r.request.Subject.SerialNumber = value
}
