package resolver

import (
	"iter"
	"time"
)

// Constraints is a closed set of rules about what an issuer can't do. A nil rule is no rule;
// an empty list in a rule allows nothing.
type Constraints struct {
	SANs       *SANRule        `yaml:"sans,omitempty"`
	Wildcards  *WildcardRule   `yaml:"wildcards,omitempty"`
	CommonName *CommonNameRule `yaml:"commonName,omitempty"`
	Keys       *KeyRule        `yaml:"keys,omitempty"`
	Durations  *DurationRule   `yaml:"durations,omitempty"`
	Usages     *UsageRule      `yaml:"usages,omitempty"`
	CA         *CARule         `yaml:"ca,omitempty"`
}

// Verdict says what becomes of a Certificate that breaks a rule.
type Verdict string

// The verdicts. Warn, which a verdict that isn't set means too, makes the Certificate and
// tells the user; Refuse makes none, and leaves an existing one as it is.
const (
	Warn   Verdict = "Warn"
	Refuse Verdict = "Refuse"
)

// SANKind is a kind of subject alternative name.
type SANKind string

// The kinds of names.
const (
	DNSName   SANKind = "DNS"
	IPAddress SANKind = "IP"
	URI       SANKind = "URI"
	Email     SANKind = "Email"
	OtherName SANKind = "OtherName"
)

// SANRule limits the kinds of names and, if Max isn't 0, their number.
type SANRule struct {
	Allowed []SANKind `yaml:"allowed,omitempty"`
	Max     int       `yaml:"max,omitempty"`
	Verdict Verdict   `yaml:"verdict,omitempty"`
}

// WildcardRule says whether names may begin with "*.".
type WildcardRule struct {
	Allowed bool    `yaml:"allowed,omitempty"`
	Verdict Verdict `yaml:"verdict,omitempty"`
}

// CommonNameMust says what holds for the common name.
type CommonNameMust string

// What may be demanded of a common name. NameOptional, the default, demands nothing.
const (
	NameOptional  CommonNameMust = "Optional"
	NameRequired  CommonNameMust = "Required"
	NameForbidden CommonNameMust = "Forbidden"
	NameMustBeSAN CommonNameMust = "MustBeSAN"
)

// CommonNameRule is about the common name; MaxBytes of 0 is no limit.
type CommonNameRule struct {
	Must     CommonNameMust `yaml:"must,omitempty"`
	MaxBytes int            `yaml:"maxBytes,omitempty"`
	Verdict  Verdict        `yaml:"verdict,omitempty"`
}

// KeyRule limits the private key.
type KeyRule struct {
	Allowed []Key   `yaml:"allowed,omitempty"`
	Verdict Verdict `yaml:"verdict,omitempty"`
}

// DurationRule is about how long certificates are valid; 0 is no limit.
type DurationRule struct {
	Min time.Duration `yaml:"min,omitempty"`
	Max time.Duration `yaml:"max,omitempty"`
	// Steps are the only durations that the issuer knows, rising; it takes the nearest.
	Steps []time.Duration `yaml:"steps,omitempty"`
	// Ignored means that the issuer decides, whatever is asked for.
	Ignored bool `yaml:"ignored,omitempty"`
	// WhenUnset is what the issuer takes where nothing is asked for.
	WhenUnset time.Duration `yaml:"whenUnset,omitempty"`
	Verdict   Verdict       `yaml:"verdict,omitempty"`
}

// UsageRule limits the key usages, by cert-manager's names.
type UsageRule struct {
	Allowed []string `yaml:"allowed,omitempty"`
	Verdict Verdict  `yaml:"verdict,omitempty"`
}

// CARule says whether certificates may be CAs themselves.
type CARule struct {
	Allowed bool    `yaml:"allowed,omitempty"`
	Verdict Verdict `yaml:"verdict,omitempty"`
}

// verdicts are those of the rules that there are, by the rules' names.
func (c Constraints) verdicts() iter.Seq2[string, Verdict] {
	return func(yield func(string, Verdict) bool) {
		for _, name := range c.names() {
			if !yield(name, c.verdict(name)) {
				return
			}
		}
	}
}

func (c Constraints) verdict(name string) Verdict {
	switch name {
	case ruleSANs:
		return c.SANs.Verdict
	case ruleWildcards:
		return c.Wildcards.Verdict
	case ruleCommonName:
		return c.CommonName.Verdict
	case ruleKeys:
		return c.Keys.Verdict
	case ruleDurations:
		return c.Durations.Verdict
	case ruleUsages:
		return c.Usages.Verdict
	}
	return c.CA.Verdict
}
