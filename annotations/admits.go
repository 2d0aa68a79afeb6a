package annotations

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Admits writes a CEL expression that is true for what a row's parser can read. of gives the expression of the trimmed
// value of a key, which is never empty for the row's own key. What such an expression refuses, the parser refuses
// too; some that the parser refuses it can't tell. It uses what API servers from Kubernetes 1.34 on take in a
// ValidatingAdmissionPolicy, fails for no value, and costs little for values of up to [MaxValue] characters.
type Admits func(of func(key string) string) string

// MaxValue is the longest value of an annotation that is read, in bytes.
const MaxValue = maxValue

// admitsOwn makes Admits of an expression about the row's own value.
func admitsOwn(key string, expression func(value string) string) Admits {
	return func(of func(string) string) string { return expression(of(key)) }
}

// celWords is a CEL list of texts.
func celWords(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = "'" + word + "'"
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func admitsOneOf(key string, words ...string) Admits {
	return admitsOwn(key, func(value string) string { return value + " in " + celWords(words) })
}

// admitsItems is for lists: an expression about an item that isn't empty, which is called item.
func admitsItems(key, expression string) Admits {
	return admitsOwn(key, func(value string) string {
		return fmt.Sprintf("%[1]s.split(',').size() <= %[2]d && %[1]s.split(',').map(part, part.trim()).all(item, item == '' || %[3]s)", value, maxItems, expression)
	})
}

// admitsRange is for decimal numbers of at most ten digits.
func admitsRange(key string, low, high int64) Admits {
	return admitsOwn(key, func(value string) string { return celRange(value, low, high) })
}

func celRange(value string, low, high int64) string {
	return fmt.Sprintf(`%[1]s.matches(r'^[+]?0*[0-9]{1,10}$') && int(%[1]s) >= %[2]d && int(%[1]s) <= %[3]d`, value, low, high)
}

const (
	// units of Go's durations; the two micro signs are U+00B5 and U+03BC.
	celUnits = `(ns|us|µs|μs|ms|s|m|h)`
	// celPlain are durations that are surely within the range of Go's.
	celPlain = `r'^[+]?(([0-9]{1,6}([.][0-9]{0,9})?|[.][0-9]{1,9})` + celUnits + `){1,2}$'`
	// celAny are those and all others that aren't negative.
	celAny = `r'^[+]?(([0-9]+([.][0-9]*)?|[.][0-9]+)` + celUnits + `)+$'`
)

// admitsDuration compares only what CEL surely can.
func admitsDuration(key string, low time.Duration) Admits {
	return admitsOwn(key, func(value string) string { return celDuration(value, low) })
}

func celDuration(value string, low time.Duration) string {
	return fmt.Sprintf("(%[1]s.matches(%[2]s) ? duration(string(%[1]s)) >= duration('%[4]s') : %[1]s.matches(%[3]s))", value, celPlain, celAny, low)
}

// celSurely is true for a duration of at least low that CEL is sure of.
func celSurely(value string, low time.Duration) string {
	return fmt.Sprintf("(%[1]s.matches(%[2]s) && duration(string(%[1]s)) >= duration('%[3]s'))", value, celPlain, low)
}

// admitsShorterThan is a duration that is shorter than that of another key, or than a default. One of the other key that is
// shorter than least is told for that key alone.
func admitsShorterThan(key, other string, low, least, otherwise time.Duration) Admits {
	return func(of func(string) string) string {
		value, limit := of(key), of(other)
		compared := fmt.Sprintf("(!%[1]s.matches(%[2]s) || (%[3]s == '' ? duration(string(%[1]s)) < duration('%[4]s') : !%[5]s || duration(string(%[1]s)) < duration(string(%[3]s))))",
			value, celPlain, limit, otherwise, celSurely(limit, least))
		return celDuration(value, low) + " && " + compared
	}
}

// admitsAlone is a number that can't stand beside another key whose value is a duration of at least least. A value of the other key that can't
// be read is told for that key alone.
func admitsAlone(key, other string, least time.Duration, low, high int64) Admits {
	return func(of func(string) string) string {
		return "!" + celSurely(of(other), least) + " && " + celRange(of(key), low, high)
	}
}

// admitsKeySize goes by the algorithm; one that is wrong is told for its own key.
func admitsKeySize(key, algorithm string) Admits {
	return func(of func(string) string) string {
		value, chosen := of(key), of(algorithm)
		var sizes []string
		for _, size := range ecdsaSizes() {
			sizes = append(sizes, strconv.Itoa(size))
		}
		return fmt.Sprintf("(%[2]s == 'ECDSA' ? %[1]s.matches(r'^[+]?0*(%[3]s)$') : %[2]s in ['', 'RSA'] ? %[4]s : %[1]s.matches(r'^[+-]?[0-9]+$'))",
			value, chosen, strings.Join(sizes, "|"), celRange(value, minRSA, maxRSA))
	}
}

const (
	celLabel = `[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?`
	// celDNSName is what [badDNSName] lets through.
	celDNSName = `item.size() <= 253 && item.matches(r'^([*][.])?(` + celLabel + `[.])*` + celLabel + `$')`
	// celIP is more than an IP address: not all that Go reads are addresses to CEL.
	celIP = `item.matches(r'^([0-9]{1,3}[.]){3}[0-9]{1,3}$|^[0-9A-Fa-f]*:[0-9A-Fa-f:.]*$')`
	// celURI is an absolute URI in ASCII, loosely.
	celURI = `item.matches(r'^[A-Za-z][A-Za-z0-9+.-]*:[!-~]+$')`
	// celRecord is one CSV record.
	celRecord = `r'^([ \t]*"([^"]|"")*"|[^"\n]*)(,([ \t]*"([^"]|"")*"|[^"\n]*))*$'`
)
