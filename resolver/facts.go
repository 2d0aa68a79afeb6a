package resolver

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"github.com/certshim/certshim/names"
	"github.com/certshim/certshim/problem"
)

// Facts are what rules check in the spec of a Certificate, before it is written.
type Facts struct {
	DNSNames, IPAddresses, URIs, Emails, OtherNames int
	// Wildcard is a name that begins with "*.", or "".
	Wildcard string
	// WithinWildcard is a DNS name that one of the wildcards covers, or "".
	WithinWildcard string
	CommonName     string
	// CommonNameIsSAN goes by the text, as cert-manager does for a request; it has IP addresses in
	// the form of [names.IP].
	CommonNameIsSAN       bool
	Key                   string         // algorithm; default RSA
	KeySize               int            // default as for the algorithm
	RotationPolicy        RotationPolicy // default Always
	Duration, RenewBefore time.Duration
	CA                    bool
	// Secret is the name of the Secret. Made says that there is a Certificate for it already.
	Secret string
	Made   bool

	usages any
	// spec has the names themselves; nil where only their numbers are known.
	spec map[string]any
}

// FactsOf reads the spec of a Certificate, as decoded from JSON or YAML.
func FactsOf(spec map[string]any) Facts {
	f := Facts{
		IPAddresses: countOf(spec["ipAddresses"]), URIs: countOf(spec["uris"]), Emails: countOf(spec["emailAddresses"]),
		OtherNames: countOf(spec["otherNames"]), DNSNames: countOf(spec["dnsNames"]), usages: spec["usages"], spec: spec,
		Duration: durationOf(spec["duration"]), RenewBefore: durationOf(spec["renewBefore"]),
	}
	f.CommonName, _ = spec["commonName"].(string)
	f.CA, _ = spec["isCA"].(bool)
	f.Secret, _ = spec["secretName"].(string)
	for name := range texts(spec["dnsNames"]) {
		if f.Wildcard == "" && strings.HasPrefix(name, "*.") {
			f.Wildcard = name
		}
		f.CommonNameIsSAN = f.CommonNameIsSAN || name == f.CommonName
	}
	for name := range texts(spec["ipAddresses"]) {
		f.CommonNameIsSAN = f.CommonNameIsSAN || names.IP(name) == f.CommonName
	}
	if f.Wildcard != "" {
		f.WithinWildcard = withinWildcard(spec["dnsNames"])
	}
	f.readKey(spec)
	return f
}

// withinWildcard is a name of a list that a wildcard of it covers, which stands for one label.
func withinWildcard(list any) string {
	domains := map[string]bool{}
	for name := range texts(list) {
		if domain, wild := strings.CutPrefix(name, "*."); wild {
			domains[names.DNS(domain)] = true
		}
	}
	for name := range texts(list) {
		if label, domain, _ := strings.Cut(name, "."); label != "*" && domains[names.DNS(domain)] {
			return name
		}
	}
	return ""
}

// readKey fills in cert-manager's defaults: RSA with 2048 bits, ECDSA with 256, and a new key at each
// renewal.
func (f *Facts) readKey(spec map[string]any) {
	key, _ := spec["privateKey"].(map[string]any)
	f.Key, _ = key["algorithm"].(string)
	f.KeySize = int(toInt64(key["size"]))
	f.Key = cmp.Or(f.Key, "RSA")
	policy, _ := key["rotationPolicy"].(string)
	f.RotationPolicy = cmp.Or(RotationPolicy(policy), RotateAlways)
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

// texts iterates over the strings of a list.
func texts(list any) iter.Seq[string] {
	items, _ := list.([]any)
	return func(yield func(string) bool) {
		for _, item := range items {
			if text, isText := item.(string); isText && !yield(text) {
				return
			}
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

// Violation is a broken rule.
type Violation struct {
	// Rule is the rule's name in a declaration: sans, commonName. Field is the field of the
	// Certificate's spec that breaks it: duration, privateKey.size.
	Rule, Field string
	Verdict     Verdict
	// Message says what the issuer does or doesn't, Value is what breaks the rule, and Allowed
	// what would not.
	Message, Value, Allowed string
}

// Violations returns the rules that a Certificate breaks, in a fixed order. It allocates nothing
// if all rules hold.
func (c Constraints) Violations(f Facts) []Violation {
	if c == (Constraints{}) {
		return nil
	}
	found := c.judgeSANs(f)
	for _, judge := range [...]func(Constraints, Facts) Violation{
		Constraints.judgeWildcards, Constraints.judgeCommonName, Constraints.judgeKeys,
		Constraints.judgeRotationPolicy, Constraints.judgeDurations, Constraints.judgeUsages, Constraints.judgeCA,
		Constraints.judgeSecret,
	} {
		if violation := judge(c, f); violation.Message != "" {
			found = append(found, violation)
		}
	}
	return found
}

func (c Constraints) judgeSANs(f Facts) []Violation {
	if c.SANs == nil {
		return nil
	}
	found := c.SANs.breaks(f)
	for i := range found {
		found[i].Rule, found[i].Verdict = ruleSANs, c.SANs.Verdict
	}
	return found
}

func (c Constraints) judgeWildcards(f Facts) Violation {
	if c.Wildcards == nil || c.Wildcards.Allowed || f.Wildcard == "" {
		return Violation{}
	}
	return Violation{
		Rule: ruleWildcards, Field: "dnsNames", Verdict: c.Wildcards.Verdict,
		Message: "the issuer signs no wildcard names", Value: f.Wildcard, Allowed: "names without *",
	}
}

func (c Constraints) judgeCommonName(f Facts) Violation {
	if c.CommonName == nil {
		return Violation{}
	}
	message, allowed := c.CommonName.breaks(f)
	return Violation{
		Rule: ruleCommonName, Field: "commonName", Verdict: c.CommonName.Verdict,
		Message: message, Value: f.CommonName, Allowed: allowed,
	}
}

func (c Constraints) judgeKeys(f Facts) Violation {
	if c.Keys == nil || c.Keys.fits(f) {
		return Violation{}
	}
	field := "privateKey.algorithm"
	if slices.ContainsFunc(c.Keys.Allowed, func(k Key) bool { return k.Algorithm == f.Key }) {
		field = "privateKey.size"
	}
	return Violation{
		Rule: ruleKeys, Field: field, Verdict: c.Keys.Verdict,
		Message: "the issuer doesn't sign such a key", Value: keyText(f.Key, f.KeySize), Allowed: c.Keys.text(),
	}
}

func (c Constraints) judgeRotationPolicy(f Facts) Violation {
	if c.RotationPolicy == nil || f.RotationPolicy == "" || f.RotationPolicy == c.RotationPolicy.Must {
		return Violation{}
	}
	message := "the issuer renews with the same private key"
	if c.RotationPolicy.Must == RotateAlways {
		message = "the issuer signs a private key only once"
	}
	return Violation{
		Rule: ruleRotationPolicy, Field: "privateKey.rotationPolicy", Verdict: c.RotationPolicy.Verdict,
		Message: message, Value: string(f.RotationPolicy), Allowed: string(c.RotationPolicy.Must),
	}
}

// judgeSecret is about a new Certificate alone: once there is one, its Secret was there or isn't
// needed any more.
func (c Constraints) judgeSecret(f Facts) Violation {
	if c.Secret == nil || !c.Secret.MustExist || f.Made || f.Secret == "" {
		return Violation{}
	}
	return Violation{
		Rule: ruleSecret, Field: "secretName", Verdict: c.Secret.Verdict,
		Message: "the issuer needs this Secret to be there before its Certificate; certshim reads no Secrets, so it can't know", Value: f.Secret,
	}
}

func (c Constraints) judgeDurations(f Facts) Violation {
	if c.Durations == nil {
		return Violation{}
	}
	v := c.Durations.breaks(f)
	v.Rule, v.Verdict = ruleDurations, c.Durations.Verdict
	return v
}

func (c Constraints) judgeUsages(f Facts) Violation {
	if c.Usages == nil {
		return Violation{}
	}
	message, value := c.Usages.breaks(f)
	if message == "" {
		return Violation{}
	}
	return Violation{
		Rule: ruleUsages, Field: "usages", Verdict: c.Usages.Verdict,
		Message: message, Value: value, Allowed: c.Usages.fitting(),
	}
}

func (c Constraints) judgeCA(f Facts) Violation {
	if c.CA == nil || c.CA.Allowed || !f.CA {
		return Violation{}
	}
	return Violation{Rule: ruleCA, Field: "isCA", Verdict: c.CA.Verdict, Message: "the issuer signs no CA certificates", Value: "true"}
}

// breaks returns what is wrong with the names: each kind that the issuer doesn't sign, too many of
// them, and the first name that it wouldn't sign for another reason.
func (r SANRule) breaks(f Facts) []Violation {
	var found []Violation
	kinds := [...]struct {
		kind  SANKind
		field string
		count int
	}{
		{DNSName, "dnsNames", f.DNSNames}, {IPAddress, "ipAddresses", f.IPAddresses}, {URI, "uris", f.URIs},
		{Email, "emailAddresses", f.Emails}, {OtherName, "otherNames", f.OtherNames},
	}
	total := 0
	for _, k := range kinds {
		total += k.count
		if k.count > 0 && !slices.Contains(r.Allowed, k.kind) {
			found = append(found, Violation{Field: k.field, Message: "the issuer doesn't sign this kind of name", Value: f.firstOf(k.field, k.kind), Allowed: joinKinds(r.Allowed)})
		}
	}
	if r.Max > 0 && total > r.Max {
		found = append(found, Violation{Field: "dnsNames", Message: "the issuer doesn't sign so many names", Value: fmt.Sprint(total), Allowed: fmt.Sprintf("at most %d names", r.Max)})
	}
	if r.NoneWithinWildcards && f.WithinWildcard != "" {
		_, domain, _ := strings.Cut(f.WithinWildcard, ".")
		found = append(found, Violation{Field: "dnsNames", Message: "the issuer doesn't sign a name beside a wildcard that covers it, *." + domain, Value: f.WithinWildcard, Allowed: "one of the two"})
	}
	if name := r.outsidePublicDNS(f.spec["dnsNames"]); name != "" {
		found = append(found, Violation{Field: "dnsNames", Message: "the issuer signs only names below a public suffix, such as com or co.uk", Value: name, Allowed: "names that anybody can look up"})
	}
	return found
}

// outsidePublicDNS is the first name of a list that has to be below a public suffix and isn't, or "".
func (r SANRule) outsidePublicDNS(list any) string {
	items, _ := list.([]any)
	for _, item := range items {
		if name, _ := item.(string); r.PublicSuffix && !belowPublicSuffix(name) {
			return name
		}
	}
	return ""
}

// belowPublicSuffix reports whether a name, or the domain of a wildcard, is one that can be
// registered at a registry, or below one. What is registered below the suffixes of companies, such
// as github.io, is, and so are these themselves.
func belowPublicSuffix(name string) bool {
	domain := names.DNS(strings.TrimPrefix(name, "*."))
	suffix, registry := publicsuffix.PublicSuffix(domain)
	if registry {
		return suffix != domain
	}
	return strings.Contains(suffix, ".")
}

// firstOf is the first name of a list, or the kind of the names where they aren't known.
func (f Facts) firstOf(list string, kind SANKind) string {
	for name := range texts(f.spec[list]) {
		return name
	}
	return string(kind)
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
	case (r.Must == NameRequired || r.Must == NameRequiredSAN) && f.CommonName == "":
		return "the issuer needs a common name", "a common name"
	case r.Must == NameForbidden && f.CommonName != "":
		return "the issuer takes no common name", "none"
	case (r.Must == NameMustBeSAN || r.Must == NameRequiredSAN) && f.CommonName != "" && !f.CommonNameIsSAN:
		return "the issuer takes a common name only if it is one of the DNS names or IP addresses, too", "one of the names"
	case r.MaxBytes > 0 && len(f.CommonName) > r.MaxBytes:
		return "the issuer takes no common name of this length", fmt.Sprintf("at most %d bytes", r.MaxBytes)
	}
	return "", ""
}

func (r KeyRule) fits(f Facts) bool {
	return f.Key == "" || slices.ContainsFunc(r.Allowed, func(k Key) bool {
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

func (r DurationRule) breaks(f Facts) Violation {
	asked := f.Duration
	v := Violation{Field: "duration"}
	switch {
	case asked == 0:
		return r.renewsContinuously(f)
	case r.Ignored:
		v.Message = "the issuer decides by itself how long its certificates live"
	case r.Min != 0 && asked < r.Min:
		v.Message, v.Allowed = "the issuer doesn't sign for so short a time", r.span()
	case r.Max != 0 && asked > r.Max:
		v.Message, v.Allowed = "the issuer doesn't sign for so long", r.span()
	case len(r.Steps) > 0 && !slices.Contains(r.Steps, asked):
		v.Message = "the issuer takes the nearest of the durations it knows, " + hours(r.nearest(asked))
		v.Allowed = joinHours(r.Steps)
	default:
		return v
	}
	v.Value = hours(asked)
	return v
}

// renewsContinuously reports a renewBefore that isn't shorter than the issuer's actual duration.
func (r DurationRule) renewsContinuously(f Facts) Violation {
	if r.WhenUnset == 0 || f.RenewBefore < r.WhenUnset {
		return Violation{}
	}
	return Violation{
		Field: "renewBefore", Value: hours(f.RenewBefore), Allowed: "less than " + hours(r.WhenUnset),
		Message: "the issuer's certificates live " + hours(r.WhenUnset) + " where no duration is asked for, and would be renewed again and again",
	}
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
	limited := r.Allowed != nil || !r.saysWhatComesBack()
	for usage := range texts(f.usages) {
		switch {
		case slices.Contains(r.Always, usage), r.Ignored && isUnasked(usage):
		case r.Ignored:
			return "the issuer decides by itself which usages its certificates have", usage
		case limited && !slices.Contains(r.Allowed, usage):
			return "the issuer doesn't sign this usage", usage
		}
	}
	return "", ""
}

// isUnasked reports whether a usage is one of those that cert-manager and its shims set where none is
// asked for.
func isUnasked(usage string) bool { return usage == "digital signature" || usage == "key encipherment" }

// fitting are the usages that don't break the rule.
func (r UsageRule) fitting() string {
	if r.Ignored {
		return strings.Join(r.Always, ", ")
	}
	return strings.Join(slices.Concat(r.Allowed, r.Always), ", ")
}

// Problem turns a violation into a problem of the source; the caller sets its Key.
func (v Violation) Problem(severity problem.Severity) problem.Problem {
	reason := problem.IssuerMayRefuse
	if v.Verdict == Refuse {
		reason = problem.IssuerCannotIssue
	}
	return problem.Problem{Severity: severity, Value: v.Value, Allowed: v.Allowed, Reason: reason, Message: v.Message}
}
