package annotations

import (
	"encoding/csv"
	"errors"
	"io"
	"strings"
)

// csvRecord takes one CSV record, so that an item may hold a comma: "A, Inc.",B. Items
// without quotes keep their white space, as in cert-manager, since another subject
// would re-issue the certificate.
func csvRecord(field func(*Subject) *[]string) parse {
	return func(r *reading, value string) {
		if tooMany(r, value) {
			return
		}
		items, why := oneRecord(closeUpQuotes(value))
		if why != "" {
			r.refuse(r.written, why)
			return
		}
		into := field(&r.request.Subject)
		c, padded := collector{reading: r}, 0
		for _, part := range items {
			if part != trim(part) {
				padded++
			}
			c.add(part, func(_ *reading, part string) verdict { return verdict{into: into, value: part} })
		}
		c.finish()
		if padded > 0 {
			r.warn(r.written, "white space around an item is part of it")
		}
	}
}

// oneRecord reads exactly one CSV record, or says why it isn't one.
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

// closeUpQuotes drops spaces and tabs between a comma and an opening quote, where
// encoding/csv takes none.
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

// beforeQuote is the white space with which an item begins, if a quote follows it.
func beforeQuote(item string) string {
	bare := strings.TrimLeft(item, " \t")
	if strings.HasPrefix(bare, `"`) {
		return item[:len(item)-len(bare)]
	}
	return ""
}

// itemEnd is the length of the first item of a record, its comma included. Inside
// quotes a comma doesn't count; a doubled quote closes and opens again.
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
