package resolver

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/certshim/certshim/problem"
)

// Usages are the key usages of the Certificate CRD.
func Usages() []string {
	return []string{
		"signing", "digital signature", "content commitment", "key encipherment", "key agreement",
		"data encipherment", "cert sign", "crl sign", "encipher only", "decipher only", "any",
		"server auth", "client auth", "code signing", "email protection", "s/mime",
		"ipsec end system", "ipsec tunnel", "ipsec user", "timestamping", "ocsp signing",
		"microsoft sgc", "netscape sgc",
	}
}

// checkGrant holds the verdicts to the grant.
func (c Constraints) checkGrant(g Grant) error {
	if !g.MayRefuse && slices.Contains(c.verdicts(), Refuse) {
		return errors.New("a rule refuses, which is not granted")
	}
	return nil
}

// check says which rules are malformed.
func (c Constraints) check() error {
	var errs []error
	for _, verdict := range c.verdicts() {
		if verdict != Warn && verdict != Refuse {
			errs = append(errs, fmt.Errorf("the verdict of a rule is %s, must be %s or %s", problem.Quote(string(verdict)), Warn, Refuse))
		}
	}
	if c.SANs != nil {
		errs = append(errs, c.SANs.check())
	}
	if c.CommonName != nil {
		errs = append(errs, c.CommonName.check())
	}
	if c.Keys != nil {
		errs = append(errs, c.Keys.check())
	}
	if c.Durations != nil {
		errs = append(errs, c.Durations.check())
	}
	if c.Usages != nil {
		errs = append(errs, checkUsages(c.Usages.Allowed))
	}
	return errors.Join(errs...)
}

func (r SANRule) check() error {
	var errs []error
	for _, kind := range r.Allowed {
		if !slices.Contains([]SANKind{DNSName, IPAddress, URI, Email, OtherName}, kind) {
			errs = append(errs, fmt.Errorf("%s is no kind of subject alternative name", problem.Quote(string(kind))))
		}
	}
	if len(r.Allowed) > MaxListed || r.Max < 0 {
		errs = append(errs, errors.New("the rule about names has a list that is too long, or a negative number"))
	}
	return errors.Join(errs...)
}

func (r CommonNameRule) check() error {
	if !slices.Contains([]CommonNameMust{NameOptional, NameRequired, NameForbidden, NameMustBeSAN}, r.Must) {
		return fmt.Errorf("the rule about the common name is %s", problem.Quote(string(r.Must)))
	}
	if r.MaxBytes < 0 {
		return errors.New("the longest common name is negative")
	}
	return nil
}

func (r KeyRule) check() error {
	if len(r.Allowed) > MaxListed {
		return fmt.Errorf("a rule has %d keys, must be at most %d", len(r.Allowed), MaxListed)
	}
	var errs []error
	for _, key := range r.Allowed {
		errs = append(errs, key.check())
	}
	return errors.Join(errs...)
}

func (k Key) check() error {
	sizes := map[string]func(int) bool{
		"RSA":     func(size int) bool { return size >= 2048 && size <= 8192 },
		"ECDSA":   func(size int) bool { return size == 256 || size == 384 || size == 521 },
		"Ed25519": func(int) bool { return false },
	}
	fits, known := sizes[k.Algorithm]
	if !known {
		return fmt.Errorf("the key algorithm %s is none of RSA, ECDSA, Ed25519", problem.Quote(k.Algorithm))
	}
	if len(k.Sizes) > MaxListed {
		return fmt.Errorf("a key has %d sizes, must be at most %d", len(k.Sizes), MaxListed)
	}
	for _, size := range k.Sizes {
		if !fits(size) {
			return fmt.Errorf("%d is no size of an %s key", size, k.Algorithm)
		}
	}
	return nil
}

func (r DurationRule) check() error {
	negative := func(d time.Duration) bool { return d < 0 }
	switch {
	case slices.ContainsFunc([]time.Duration{r.Min, r.Max, r.WhenUnset}, negative):
		return errors.New("a rule about durations has a negative one")
	case r.Max != 0 && r.Min > r.Max:
		return fmt.Errorf("the shortest duration, %s, is more than the longest, %s", r.Min, r.Max)
	case len(r.Steps) > MaxListed:
		return fmt.Errorf("a rule has %d durations, must be at most %d", len(r.Steps), MaxListed)
	}
	for i, step := range r.Steps {
		if step <= 0 || (i > 0 && step <= r.Steps[i-1]) {
			return errors.New("the durations of a rule must rise")
		}
	}
	return nil
}

func checkUsages(usages []string) error {
	if len(usages) > MaxListed {
		return fmt.Errorf("it lists %d usages, must be at most %d", len(usages), MaxListed)
	}
	for _, usage := range usages {
		if !slices.Contains(Usages(), usage) {
			return fmt.Errorf("%s is no usage that cert-manager knows", problem.Quote(usage))
		}
	}
	return nil
}
