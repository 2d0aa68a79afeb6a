package resolver

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/problem"
)

// The limits of a statement.
const (
	MaxReason          = 64
	MaxMessage         = 512
	MaxCopyAnnotations = 32
	MaxNamespaces      = 100
	MaxListed          = 64
	MinTTL             = 10 * time.Second
	MaxTTL             = time.Hour
)

// Grant says what the operator allows a resolver to state.
type Grant struct {
	// Values are the fields of [Values] that it may set.
	Values []ValueField
	// MayRefuse allows rules with the verdict Refuse.
	MayRefuse bool
	// Annotations are the keys that it may have copied: exact keys, or prefixes that end in "/"
	// or ".".
	Annotations []string
}

// ValueField is the name of a field of [Values].
type ValueField string

// The fields of [Values], as written in a configuration.
const (
	ValueUsages      ValueField = "usages"
	ValueDuration    ValueField = "duration"
	ValueRenewBefore ValueField = "renewBefore"
	ValuePrivateKey  ValueField = "privateKey"
	ValueCommonName  ValueField = "commonName"
)

// ValueFields returns all of them.
func ValueFields() []ValueField {
	return []ValueField{ValueUsages, ValueDuration, ValueRenewBefore, ValuePrivateKey, ValueCommonName}
}

// Set returns the fields that have a value.
func (v Values) Set() []ValueField {
	var set []ValueField
	for field, isSet := range map[ValueField]bool{
		ValueUsages: len(v.Usages) > 0, ValueDuration: v.Duration != 0, ValueRenewBefore: v.RenewBefore != 0,
		ValuePrivateKey: v.PrivateKey.isSet(), ValueCommonName: v.CommonName,
	} {
		if isSet {
			set = append(set, field)
		}
	}
	slices.Sort(set)
	return set
}

// Check returns everything in a statement that is malformed, too large or not granted. All
// statements go through it, whoever makes them.
func (s Statement) Check(g Grant) error {
	return problem.Join(
		s.checkWords(), s.checkLists(), s.Values.check(g), s.Constraints.check(), s.Constraints.checkGrant(g),
		checkCopied(s.CopyAnnotations, g),
	)
}

func (s Statement) checkWords() error {
	var errs []error
	if !slices.Contains([]Existence{MayExist, Exists, Missing}, s.Existence) {
		errs = append(errs, fmt.Errorf("existence is %s", problem.Quote(string(s.Existence))))
	}
	if !slices.Contains([]Readiness{ReadyUnknown, Ready, NotReady}, s.Ready) {
		errs = append(errs, fmt.Errorf("readiness is %s", problem.Quote(string(s.Ready))))
	}
	if s.Reason != "" && !isReason(s.Reason) {
		errs = append(errs, fmt.Errorf("reason is %s, must be CamelCase of at most %d bytes", problem.Quote(s.Reason), MaxReason))
	}
	if s.TTL != 0 && (s.TTL < MinTTL || s.TTL > MaxTTL) {
		errs = append(errs, fmt.Errorf("it holds for %s, must be %s to %s, or 0", s.TTL, MinTTL, MaxTTL))
	}
	return problem.Join(append(errs, CheckMessage(s.Message))...)
}

func isReason(reason string) bool {
	return len(reason) <= MaxReason && reason[0] >= 'A' && reason[0] <= 'Z' &&
		!strings.ContainsFunc(reason, func(r rune) bool { return r > unicode.MaxASCII || (!unicode.IsLetter(r) && !unicode.IsDigit(r)) })
}

// CheckMessage returns what is wrong with a text for people: its size, its encoding, characters
// that change the display of the text around it, or anything that looks like a secret.
func CheckMessage(message string) error {
	switch {
	case len(message) > MaxMessage:
		return fmt.Errorf("a message has %d bytes, must be at most %d", len(message), MaxMessage)
	case !utf8.ValidString(message):
		return errors.New("a message is not valid UTF-8")
	case strings.ContainsFunc(message, disruptsText):
		return fmt.Errorf("the message %s has control or bidirectional characters", problem.Quote(message))
	case looksSecret(message):
		return errors.New("a message has the form of a secret; it isn't shown")
	}
	return nil
}

// disruptsText reports whether r is a line end, a control or a format character, such as a
// bidirectional override.
func disruptsText(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
}

// looksSecret detects PEM blocks, assignments of passwords, and JSON web tokens.
func looksSecret(message string) bool {
	lower := strings.ToLower(message)
	for _, form := range []string{"-----begin", "password=", "passwd=", "secret=", "token=", "apikey=", "api_key=", "bearer ey"} {
		if strings.Contains(lower, form) {
			return true
		}
	}
	const webToken, letters = "eyJ", "-_.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	_, rest, found := strings.Cut(message, webToken)
	return found && len(rest)-len(strings.TrimLeft(rest, letters)) >= 16
}

func (s Statement) checkLists() error {
	var errs []error
	if len(s.Namespaces) > MaxNamespaces {
		errs = append(errs, fmt.Errorf("it lists %d namespaces, must be at most %d", len(s.Namespaces), MaxNamespaces))
	}
	for _, namespace := range s.Namespaces {
		if !isSubdomain(namespace) || len(namespace) > 63 {
			errs = append(errs, fmt.Errorf("%s is no namespace", problem.Quote(namespace)))
			break
		}
	}
	return problem.Join(errs...)
}

func (v Values) check(g Grant) error {
	var errs []error
	for _, field := range v.Set() {
		if !slices.Contains(g.Values, field) {
			errs = append(errs, fmt.Errorf("it sets a default for %s, which is not granted", field))
		}
	}
	var malformed declaration.Mistakes
	malformed.AddUnder("values", v.mistakes())
	return problem.Join(append(errs, malformed.Err())...)
}

// mistakes returns the invalid values, whatever is granted.
func (v Values) mistakes() declaration.Mistakes {
	var all declaration.Mistakes
	all.AddUnder("usages", usageMistakes(v.Usages))
	for path, duration := range map[string]time.Duration{"duration": v.Duration, "renewBefore": v.RenewBefore} {
		if duration < 0 {
			all.Add(path, fmt.Errorf("%s is negative", hours(duration)))
		}
	}
	if v.Duration > 0 && v.RenewBefore >= v.Duration {
		all.Add("renewBefore", fmt.Errorf("%s is not less than the duration, %s", hours(v.RenewBefore), hours(v.Duration)))
	}
	all.AddUnder("privateKey", v.PrivateKey.mistakes())
	return all
}

func (k PrivateKey) mistakes() declaration.Mistakes {
	var all declaration.Mistakes
	if k.Algorithm != "" || len(k.Sizes) > 0 {
		all.AddUnder("", k.Key.mistakes())
		if len(k.Sizes) > 1 {
			all.Add("sizes", errors.New("it has several sizes, must have one at most"))
		}
	}
	if k.RotationPolicy != "" {
		all.Add("rotationPolicy", k.RotationPolicy.check())
	}
	return all
}

// checkCopied checks keys against the grant. A resolver can never copy a key that cert-manager
// or Kubernetes reads.
func checkCopied(keys []string, g Grant) error {
	if len(keys) > MaxCopyAnnotations {
		return fmt.Errorf("it copies %d annotations, must be at most %d", len(keys), MaxCopyAnnotations)
	}
	var errs []error
	for _, key := range keys {
		if err := CheckCopiedKey(key); err != nil {
			errs = append(errs, err)
		} else if !g.copies(key) {
			errs = append(errs, fmt.Errorf("it copies the annotation %s, which is not granted", problem.Quote(key)))
		}
	}
	return problem.Join(errs...)
}

func (g Grant) copies(key string) bool {
	return slices.ContainsFunc(g.Annotations, func(granted string) bool {
		return !isPrefix(key) && (key == granted || (isPrefix(granted) && strings.HasPrefix(key, granted)))
	})
}

func isPrefix(granted string) bool {
	return strings.HasSuffix(granted, "/") || strings.HasSuffix(granted, ".")
}

// CheckCopiedKey says why an annotation key, or a granted prefix, may never be copied for a
// resolver: it is malformed, or has a meaning to cert-manager or Kubernetes.
func CheckCopiedKey(key string) error {
	domain, name, found := strings.Cut(key, "/")
	switch {
	case len(key) > 253 || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return fmt.Errorf("%s is no annotation key", problem.Quote(key))
	case !found && !strings.HasSuffix(key, "."):
		return fmt.Errorf("the annotation key %s has no domain", problem.Quote(key))
	case strings.Contains(name, "/") || !isSubdomain(strings.TrimSuffix(domain, ".")):
		return fmt.Errorf("%s is no annotation key", problem.Quote(key))
	}
	domain = strings.TrimSuffix(domain, ".")
	for _, reserved := range []string{CertManagerGroup, "kubernetes.io", "k8s.io", "certshim.io"} {
		if domain == reserved || strings.HasSuffix(domain, "."+reserved) {
			return fmt.Errorf("the annotation key %s is of %s and never copied for a resolver", problem.Quote(key), reserved)
		}
	}
	return nil
}
