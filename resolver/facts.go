package resolver

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/certshim/certshim/problem"
)

// Facts are what rules read of a Certificate: of its spec, as it will be written.
type Facts struct {
	DNSNames, IPAddresses, URIs, Emails, OtherNames int
	// Wildcard is a name that begins with "*.", or "".
	Wildcard              string
	CommonName            string
	CommonNameIsSAN       bool
	Key                   string // algorithm; RSA where none is asked for
	KeySize               int    // of the algorithm's default where none is asked for
	Duration, RenewBefore time.Duration
	Usages                []string // nil: none is asked for
	CA                    bool
}

// FactsOf reads the spec of a Certificate, decoded from JSON or YAML or built as such.
func FactsOf(spec map[string]any) Facts {
	f := Facts{
		IPAddresses: countOf(spec["ipAddresses"]), URIs: countOf(spec["uris"]), Emails: countOf(spec["emailAddresses"]),
		OtherNames: countOf(spec["otherNames"]), DNSNames: countOf(spec["dnsNames"]),
		Duration: durationOf(spec["duration"]), RenewBefore: durationOf(spec["renewBefore"]),
	}
	f.CommonName, _ = spec["commonName"].(string)
	f.CA, _ = spec["isCA"].(bool)
	each(spec["usages"], func(usage string) { f.Usages = append(f.Usages, usage) })
	each(spec["dnsNames"], func(name string) {
		if f.Wildcard == "" && strings.HasPrefix(name, "*.") {
			f.Wildcard = name
		}
		f.CommonNameIsSAN = f.CommonNameIsSAN || strings.EqualFold(name, f.CommonName)
	})
	each(spec["ipAddresses"], func(name string) { f.CommonNameIsSAN = f.CommonNameIsSAN || name == f.CommonName })
	f.readKey(spec)
	return f
}

// readKey fills in cert-manager's defaults: RSA of 2048 bits, ECDSA of 256.
func (f *Facts) readKey(spec map[string]any) {
	key, _ := spec["privateKey"].(map[string]any)
	f.Key, _ = key["algorithm"].(string)
	f.KeySize = int(whole(key["size"]))
	f.Key = orElse(f.Key, "RSA")
	switch {
	case f.KeySize != 0:
	case f.Key == "RSA":
		f.KeySize = 2048
	case f.Key == "ECDSA":
		f.KeySize = 256
	}
}

func countOf(list any) int {
	items, _ := list.([]any)
	return len(items)
}

func each(list any, do func(string)) {
	items, _ := list.([]any)
	for _, item := range items {
		if text, isText := item.(string); isText {
			do(text)
		}
	}
}

func durationOf(value any) time.Duration {
	text, _ := value.(string)
	duration, err := time.ParseDuration(text)
	if err != nil {
		return 0
	}
	return duration
}

// Violation is a rule that a Certificate breaks.
type Violation struct {
	// Rule by its name in a file: sans, commonName.
	Rule    string
	Verdict Verdict
	// Message says what the issuer does or doesn't, Value what breaks the rule, Allowed what
	// would not.
	Message, Value, Allowed string
}

// Violations are the rules that a Certificate breaks, in the order of the rules. It
// allocates nothing where all hold.
func (c Constraints) Violations(f Facts) []Violation {
	var found []Violation
	add := func(rule string, verdict Verdict, message, value, allowed string) {
		if message != "" {
			found = append(found, Violation{Rule: rule, Verdict: verdict, Message: message, Value: value, Allowed: allowed})
		}
	}
	if r := c.SANs; r != nil {
		message, value, allowed := r.breaks(f)
		add(ruleSANs, r.Verdict, message, value, allowed)
	}
	if r := c.Wildcards; r != nil && !r.Allowed && f.Wildcard != "" {
		add(ruleWildcards, r.Verdict, "the issuer signs no wildcard names", f.Wildcard, "")
	}
	if r := c.CommonName; r != nil {
		message, allowed := r.breaks(f)
		add(ruleCommonName, r.Verdict, message, f.CommonName, allowed)
	}
	if r := c.Keys; r != nil && !r.fits(f) {
		add(ruleKeys, r.Verdict, "the issuer doesn't sign such a key", keyText(f.Key, f.KeySize), r.text())
	}
	if r := c.Durations; r != nil {
		message, value, allowed := r.breaks(f)
		add(ruleDurations, r.Verdict, message, value, allowed)
	}
	if r := c.Usages; r != nil {
		message, value := r.breaks(f)
		add(ruleUsages, r.Verdict, message, value, strings.Join(r.Allowed, ", "))
	}
	if r := c.CA; r != nil && !r.Allowed && f.CA {
		add(ruleCA, r.Verdict, "the issuer signs no CA certificates", "true", "")
	}
	return found
}

func (r SANRule) breaks(f Facts) (message, value, allowed string) {
	kinds := [...]struct {
		kind  SANKind
		count int
	}{{DNSName, f.DNSNames}, {IPAddress, f.IPAddresses}, {URI, f.URIs}, {Email, f.Emails}, {OtherName, f.OtherNames}}
	total := 0
	for _, k := range kinds {
		total += k.count
		if k.count > 0 && !slices.Contains(r.Allowed, k.kind) {
			return "the issuer doesn't sign this kind of name", string(k.kind), joinKinds(r.Allowed)
		}
	}
	if r.Max > 0 && total > r.Max {
		return "the issuer doesn't sign so many names", fmt.Sprint(total), fmt.Sprintf("at most %d names", r.Max)
	}
	return "", "", ""
}

func joinKinds(kinds []SANKind) string {
	texts := make([]string, len(kinds))
	for i, kind := range kinds {
		texts[i] = string(kind)
	}
	return strings.Join(texts, ", ")
}

func (r CommonNameRule) breaks(f Facts) (message, allowed string) {
	switch {
	case r.Must == NameRequired && f.CommonName == "":
		return "the issuer needs a common name", "a common name"
	case r.Must == NameForbidden && f.CommonName != "":
		return "the issuer takes no common name", "none"
	case r.Must == NameMustBeSAN && f.CommonName != "" && !f.CommonNameIsSAN:
		return "the issuer takes a common name only if it is one of the DNS names or IP addresses, too", "one of the names"
	case r.MaxBytes > 0 && len(f.CommonName) > r.MaxBytes:
		return "the issuer takes no common name of this length", fmt.Sprintf("at most %d bytes", r.MaxBytes)
	}
	return "", ""
}

func (r KeyRule) fits(f Facts) bool {
	return slices.ContainsFunc(r.Allowed, func(k Key) bool {
		return k.Algorithm == f.Key && (len(k.Sizes) == 0 || f.KeySize == 0 || slices.Contains(k.Sizes, f.KeySize))
	})
}

func (r KeyRule) text() string {
	var texts []string
	for _, key := range r.Allowed {
		if len(key.Sizes) == 0 {
			texts = append(texts, key.Algorithm)
		}
		for _, size := range key.Sizes {
			texts = append(texts, keyText(key.Algorithm, size))
		}
	}
	return strings.Join(texts, ", ")
}

func keyText(algorithm string, size int) string {
	if size == 0 {
		return algorithm
	}
	return fmt.Sprintf("%s %d", algorithm, size)
}

func (r DurationRule) breaks(f Facts) (message, value, allowed string) {
	asked := f.Duration
	switch {
	case asked == 0:
		if f.RenewBefore != 0 && r.WhenUnset != 0 && f.RenewBefore >= r.WhenUnset {
			return "the issuer's certificates live " + hours(r.WhenUnset) + " where no duration is asked for, and would be renewed for ever", hours(f.RenewBefore), "a renewBefore of less"
		}
		return "", "", ""
	case r.Ignored:
		return "the issuer decides by itself how long its certificates live", hours(asked), ""
	case r.Min != 0 && asked < r.Min, r.Max != 0 && asked > r.Max:
		return "the issuer signs for no such time", hours(asked), r.span()
	case len(r.Steps) > 0 && !slices.Contains(r.Steps, asked):
		return "the issuer takes the nearest of the durations it knows, " + hours(r.nearest(asked)), hours(asked), joinHours(r.Steps)
	}
	return "", "", ""
}

func (r DurationRule) span() string {
	switch {
	case r.Min == 0:
		return "at most " + hours(r.Max)
	case r.Max == 0:
		return "at least " + hours(r.Min)
	}
	return hours(r.Min) + " to " + hours(r.Max)
}

func (r DurationRule) nearest(asked time.Duration) time.Duration {
	return slices.MinFunc(r.Steps, func(a, b time.Duration) int { return int((a - asked).Abs() - (b - asked).Abs()) })
}

func joinHours(durations []time.Duration) string {
	texts := make([]string, len(durations))
	for i, duration := range durations {
		texts[i] = hours(duration)
	}
	return strings.Join(texts, ", ")
}

func (r UsageRule) breaks(f Facts) (message, value string) {
	for _, usage := range f.Usages {
		if !slices.Contains(r.Allowed, usage) {
			return "the issuer doesn't sign this usage", usage
		}
	}
	return "", ""
}

// Problem is a violation as a problem of the source, whose key the caller knows.
func (v Violation) Problem(severity problem.Severity) problem.Problem {
	reason := problem.IssuerMayRefuse
	if v.Verdict == Refuse {
		reason = problem.IssuerCannotIssue
	}
	return problem.Problem{Severity: severity, Value: v.Value, Allowed: v.Allowed, Reason: reason, Message: v.Message}
}
