package annotations

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/certshim/certshim/declaration"
)

// parse reads the trimmed, non-empty value of a row's key into the request.
type parse func(r *reading, value string)

// text accepts any text.
func text(field func(*Request) *string) parse {
	return func(r *reading, value string) { *field(&r.request) = value }
}

// oneOf accepts one of a few words, case-sensitively. The nearest word is suggested but not
// used: "rsa" isn't read as RSA.
func oneOf(field func(*Request) *string, words ...string) parse {
	return func(r *reading, value string) {
		for _, word := range words {
			if value == word {
				*field(&r.request) = word
				return
			}
		}
		r.refuse(r.raw, "unknown value", declaration.Nearest(trim(value), words))
	}
}

// flag accepts only true; cert-manager silently reads everything else as false.
func flag(field func(*Request) *bool) parse {
	return func(r *reading, value string) {
		on, known := truth(value)
		switch {
		case value == "true":
			*field(&r.request) = true
		case !known || on:
			r.warn(r.raw, "counts as false", suggestTrue(value))
		}
	}
}

// boolean accepts what Go's strconv.ParseBool does.
func boolean(field func(*Request) *bool) parse {
	return func(r *reading, value string) {
		on, known := truth(value)
		*field(&r.request) = on
		if !known {
			r.warn(r.raw, "counts as false", suggestTrue(value))
		}
	}
}

// truth is strconv.ParseBool without allocating an error.
func truth(value string) (on, known bool) {
	switch value {
	case "1", "t", "T", "true", "TRUE", "True":
		return true, true
	case "0", "f", "F", "false", "FALSE", "False":
		return false, true
	}
	return false, false
}

// suggestTrue returns "true" for a value that people write for it, or "".
func suggestTrue(value string) string {
	if on, _ := truth(value); on {
		return "true"
	}
	switch strings.ToLower(value) {
	case "true", "yes", "y", "on", "enable", "enabled":
		return "true"
	}
	return ""
}

// deletionPolicy keeps what exists unless it is sure that it needn't be kept.
func deletionPolicy(r *reading, value string) {
	r.request.DeletionPolicy = RetainUnneeded
	switch DeletionPolicy(value) {
	case RetainUnneeded:
	case DeleteUnneeded:
		r.request.DeletionPolicy = DeleteUnneeded
	default:
		r.warn(r.raw, "neither delete nor retain: counts as retain until it is put right", nearestPolicy(value))
	}
}

// nearestPolicy is what a value is a misspelling of, else what it counts as.
func nearestPolicy(value string) string {
	words := []string{string(DeleteUnneeded), string(RetainUnneeded)}
	return cmp.Or(declaration.Nearest(value, words), string(RetainUnneeded))
}

// number parses a decimal 32-bit number within a range.
func number(field func(*Request) **int32, low, high int32) parse {
	return func(r *reading, value string) {
		n, err := strconv.ParseInt(value, 10, 32)
		switch {
		case err != nil:
			r.refuse(r.raw, "not a whole number", leadingNumber(value, low, high))
		case n < int64(low) || n > int64(high):
			r.refuse(r.raw, fmt.Sprintf("out of range %d to %d", low, high))
		default:
			small := int32(n)
			*field(&r.request) = &small
		}
	}
}

// leadingNumber returns the whole number that a value begins with, as in 50% or 33.3, or "" if
// it is out of range.
func leadingNumber(value string, low, high int32) string {
	digits := value
	if end := strings.IndexFunc(value, func(c rune) bool { return c < '0' || c > '9' }); end >= 0 {
		digits = value[:end]
	}
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil || n < int64(low) || n > int64(high) {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// routeNames is true or false. With any other value a Certificate keeps the names that it has.
func routeNames(r *reading, value string) {
	row := *r.row
	row.Field = FieldDNSNames
	r.row = &row
	oneOf(func(q *Request) *string { return &q.RouteNames }, "true", "false")(r, value)
}
