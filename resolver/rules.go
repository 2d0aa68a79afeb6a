package resolver

import (
	"iter"
	"time"
)

// Constraints are the rules about what an issuer can sign. A nil rule allows everything; an
// empty list in a rule allows nothing.
type Constraints struct {
	SANs       *SANRule        `yaml:"sans,omitempty"`
	Wildcards  *WildcardRule   `yaml:"wildcards,omitempty"`
	CommonName *CommonNameRule `yaml:"commonName,omitempty"`
	Keys       *KeyRule        `yaml:"keys,omitempty"`
	Durations  *DurationRule   `yaml:"durations,omitempty"`
	Usages     *UsageRule      `yaml:"usages,omitempty"`
	CA         *CARule         `yaml:"ca,omitempty"`
	// RotationPolicy is about what becomes of the private key when a certificate is renewed.
	RotationPolicy *RotationRule `yaml:"rotationPolicy,omitempty"`
	Secret         *SecretRule   `yaml:"secret,omitempty"`
}

// Verdict says what to do about a Certificate that breaks a rule.
type Verdict string

// The verdicts. Warn, the default, creates the Certificate and warns the user; Refuse creates
// none, and leaves an existing one unchanged.
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

// SANRule limits the kinds of names and, unless Max is 0, their number.
type SANRule struct {
	Allowed []SANKind `yaml:"allowed,omitempty"`
	Max     int       `yaml:"max,omitempty"`
	// NoneWithinWildcards means that a DNS name may not stand beside a wildcard that covers it.
	NoneWithinWildcards bool `yaml:"noneWithinWildcards,omitempty"`
	// PublicSuffix means that a DNS name must be below a suffix of the public suffix list.
	PublicSuffix bool    `yaml:"publicSuffix,omitempty"`
	Verdict      Verdict `yaml:"verdict,omitempty"`
}

// WildcardRule says whether names may begin with "*.".
type WildcardRule struct {
	Allowed bool    `yaml:"allowed,omitempty"`
	Verdict Verdict `yaml:"verdict,omitempty"`
}

// CommonNameMust says what is required of the common name.
type CommonNameMust string

// The requirements for a common name. NameOptional, the default, requires nothing.
const (
	NameOptional  CommonNameMust = "Optional"
	NameRequired  CommonNameMust = "Required"
	NameForbidden CommonNameMust = "Forbidden"
	NameMustBeSAN CommonNameMust = "MustBeSAN"
	// NameRequiredSAN requires a common name that is one of the other names.
	NameRequiredSAN CommonNameMust = "RequiredSAN"
)

// CommonNameRule limits the common name; a MaxBytes of 0 is no limit.
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

// DurationRule limits the duration of certificates; 0 is no limit.
type DurationRule struct {
	Min time.Duration `yaml:"min,omitempty"`
	Max time.Duration `yaml:"max,omitempty"`
	// Steps are the only durations that the issuer supports, ascending; it uses the nearest.
	Steps []time.Duration `yaml:"steps,omitempty"`
	// Ignored means that the issuer ignores the requested duration.
	Ignored bool `yaml:"ignored,omitempty"`
	// WhenUnset is the issuer's duration if none is requested.
	WhenUnset time.Duration `yaml:"whenUnset,omitempty"`
	Verdict   Verdict       `yaml:"verdict,omitempty"`
}

// UsageRule says which key usages may be asked for, and which come back, by cert-manager's names.
type UsageRule struct {
	// Allowed may be nil where the rule says which usages come back.
	Allowed []string `yaml:"allowed,omitempty"`
	// Always are the usages that certificates have, whatever is asked for.
	Always []string `yaml:"always,omitempty"`
	// Honoured means that each usage that is asked for comes back, Ignored that the issuer decides
	// by itself.
	Honoured bool    `yaml:"honoured,omitempty"`
	Ignored  bool    `yaml:"ignored,omitempty"`
	Verdict  Verdict `yaml:"verdict,omitempty"`
}

// saysWhatComesBack reports whether the rule is about more than what may be asked for.
func (r UsageRule) saysWhatComesBack() bool { return len(r.Always) > 0 || r.Honoured || r.Ignored }

// CARule says whether certificates may be CA certificates.
type CARule struct {
	Allowed bool    `yaml:"allowed,omitempty"`
	Verdict Verdict `yaml:"verdict,omitempty"`
}

// RotationPolicy is cert-manager's word for what becomes of the private key at a renewal.
type RotationPolicy string

// The rotation policies. RotateAlways is cert-manager's default.
const (
	RotateNever  RotationPolicy = "Never"
	RotateAlways RotationPolicy = "Always"
)

// RotationRule says which rotation policy the issuer needs.
type RotationRule struct {
	Must    RotationPolicy `yaml:"must,omitempty"`
	Verdict Verdict        `yaml:"verdict,omitempty"`
}

// SecretRule says whether the issuer needs a Secret that is there before its Certificate, such as
// one with a private key from elsewhere. certshim reads no Secret, so it can't refuse.
type SecretRule struct {
	MustExist bool    `yaml:"mustExist,omitempty"`
	Verdict   Verdict `yaml:"verdict,omitempty"`
}

// verdicts iterates over the rules that are set: their names and verdicts.
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
	case ruleRotationPolicy:
		return c.RotationPolicy.Verdict
	case ruleSecret:
		return c.Secret.Verdict
	}
	return c.CA.Verdict
}
