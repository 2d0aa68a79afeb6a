package annotations

import (
	"encoding/csv"
	"errors"
	"io"
	"strings"
)

// csvRecord parses one CSV record, in which a quoted item may hold a comma: "A, Inc.",B. Items
// without quotes keep their white space, as in cert-manager, since another subject would cause a
// new certificate.
func csvRecord(field func(*Subject) *[]string) parse {
	return func(r *reading, value string) {
		if tooMany(r, value) {
			return
		}
		items, why := oneRecord(closeUpQuotes(value))
		if why != "" {
			r.refuse(r.raw, why)
			return
		}
		into := field(&r.request.Subject)
		c, padded := collector{reading: r}, 0
		for _, part := range items {
			if part != trim(part) {
				padded++
			}
			c.add(part, func(_ *reading, part string) listItem { return listItem{into: into, value: part} })
		}
		c.finish()
		if padded > 0 {
			r.warn(r.raw, "white space around an item is part of it")
		}
	}
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
