package resolver

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/certshim/certshim/declaration"
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

// checkGrant returns the rules that refuse without a grant to do so.
func (c Constraints) checkGrant(g Grant) error {
	var all declaration.Mistakes
	for name, verdict := range c.verdicts() {
		if verdict == Refuse && !g.MayRefuse {
			all.Add("constraints."+name+".verdict", errors.New("it refuses, which is not granted"))
		}
	}
	return all.Err()
}

// check returns the malformed rules.
func (c Constraints) check() error {
	var all declaration.Mistakes
	all.AddUnder("constraints", c.mistakes())
	return all.Err()
}

// mistakes returns the malformed rules, with paths such as durations.max.
func (c Constraints) mistakes() declaration.Mistakes {
	var all declaration.Mistakes
	for name, verdict := range c.verdicts() {
		if !slices.Contains([]Verdict{"", Warn, Refuse}, verdict) {
			all.Add(name+".verdict", declaration.NoneOf(verdict, []Verdict{Warn, Refuse}))
		}
	}
	if c.SANs != nil {
		all.AddUnder(ruleSANs, c.SANs.mistakes())
	}
	if c.CommonName != nil {
		all.AddUnder(ruleCommonName, c.CommonName.mistakes())
	}
	if c.Keys != nil {
		all.AddUnder(ruleKeys, c.Keys.mistakes())
	}
	if c.Durations != nil {
		all.AddUnder(ruleDurations, c.Durations.mistakes())
	}
	if c.Usages != nil {
		all.AddUnder(ruleUsages, c.Usages.mistakes())
	}
	if c.RotationPolicy != nil {
		all.Add(ruleRotationPolicy+".must", c.RotationPolicy.Must.check())
	}
	if c.Secret != nil && c.Secret.Verdict == Refuse {
		all.Add(ruleSecret+".verdict", errors.New("it refuses, which it can't: certshim reads no Secrets"))
	}
	return all
}

func (r SANRule) mistakes() declaration.Mistakes {
	var all declaration.Mistakes
	kinds := []SANKind{DNSName, IPAddress, URI, Email, OtherName}
	for i, kind := range r.Allowed {
		if !slices.Contains(kinds, kind) {
			all.Add(fmt.Sprintf("allowed[%d]", i), declaration.NoneOf(kind, kinds))
		}
	}
	all.Add("allowed", tooMany(len(r.Allowed)))
	if r.Max < 0 {
		all.Add("max", fmt.Errorf("%d is negative; 0 is no limit", r.Max))
	}
	return all
}

func (r CommonNameRule) mistakes() declaration.Mistakes {
	var all declaration.Mistakes
	if musts := []CommonNameMust{NameOptional, NameRequired, NameForbidden, NameMustBeSAN, NameRequiredSAN}; r.Must != "" && !slices.Contains(musts, r.Must) {
		all.Add("must", declaration.NoneOf(r.Must, musts))
	}
	if r.MaxBytes < 0 {
		all.Add("maxBytes", fmt.Errorf("%d is negative; 0 is no limit", r.MaxBytes))
	}
	return all
}

func (r KeyRule) mistakes() declaration.Mistakes {
	var all declaration.Mistakes
	all.Add("allowed", tooMany(len(r.Allowed)))
	for i, key := range r.Allowed {
		all.AddUnder(fmt.Sprintf("allowed[%d]", i), key.mistakes())
	}
	return all
}

func (k Key) mistakes() declaration.Mistakes {
	var all declaration.Mistakes
	algorithms := []string{"RSA", "ECDSA", "Ed25519"}
	if !slices.Contains(algorithms, k.Algorithm) {
		all.Add("algorithm", declaration.NoneOf(k.Algorithm, algorithms))
		return all
	}
	all.Add("sizes", tooMany(len(k.Sizes)))
	for i, size := range k.Sizes {
		if fits, sizes := k.fits(size); !fits {
			all.Add(fmt.Sprintf("sizes[%d]", i), fmt.Errorf("%d is no size of an %s key, which has %s", size, k.Algorithm, sizes))
		}
	}
	return all
}

// fits reports whether the algorithm has keys of a size, and returns the sizes that it has.
func (k Key) fits(size int) (fits bool, sizes string) {
	switch k.Algorithm {
	case "RSA":
		return size >= 2048 && size <= 8192, "2048 to 8192 bits"
	case "ECDSA":
		return slices.Contains([]int{256, 384, 521}, size), "256, 384 or 521"
	}
	return false, "none to choose"
}

func (r DurationRule) mistakes() declaration.Mistakes {
	var all declaration.Mistakes
	for path, duration := range map[string]time.Duration{"min": r.Min, "max": r.Max, "whenUnset": r.WhenUnset} {
		if duration < 0 {
			all.Add(path, fmt.Errorf("%s is negative; 0 is no limit", hours(duration)))
		}
	}
	if r.Max > 0 && r.Min > r.Max {
		all.Add("min", fmt.Errorf("the shortest duration, %s, is more than the longest, %s", hours(r.Min), hours(r.Max)))
	}
	all.Add("steps", tooMany(len(r.Steps)))
	for i, step := range r.Steps {
		if step <= 0 || (i > 0 && step <= r.Steps[i-1]) {
			all.Add(fmt.Sprintf("steps[%d]", i), fmt.Errorf("%s is not longer than the one before it: the durations must ascend", hours(step)))
		}
	}
	return all
}

func (r UsageRule) mistakes() declaration.Mistakes {
	var all declaration.Mistakes
	all.AddUnder("allowed", usageMistakes(r.Allowed))
	all.AddUnder("always", usageMistakes(r.Always))
	if r.Honoured && r.Ignored {
		all.Add("ignored", errors.New("usages that are ignored aren't honoured; one of the two can be true"))
	}
	return all
}

// check returns what is wrong with the name of a policy.
func (p RotationPolicy) check() error {
	policies := []RotationPolicy{RotateNever, RotateAlways}
	if slices.Contains(policies, p) {
		return nil
	}
	return declaration.NoneOf(p, policies)
}

func usageMistakes(usages []string) declaration.Mistakes {
	var all declaration.Mistakes
	all.Add("", tooMany(len(usages)))
	for i, usage := range usages {
		if !slices.Contains(Usages(), usage) {
			all.Add(fmt.Sprintf("[%d]", i), declaration.NoneOf(usage, Usages()))
		}
	}
	return all
}

// tooMany returns an error if a list is too long.
func tooMany(length int) error {
	if length <= MaxListed {
		return nil
	}
	return fmt.Errorf("it has %d items, must have %d at most", length, MaxListed)
}
