package resolver

import (
	"errors"
	"fmt"
	"slices"
	"time"
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
	var all faults
	for name, verdict := range c.verdicts() {
		if verdict == Refuse && !g.MayRefuse {
			all.add("constraints."+name+".verdict", errors.New("it refuses, which is not granted"))
		}
	}
	return all.err()
}

// check says which rules are malformed.
func (c Constraints) check() error {
	var all faults
	all.under("constraints", c.faults())
	return all.err()
}

// faults are those of the rules, at paths such as durations.max.
func (c Constraints) faults() faults {
	var all faults
	for name, verdict := range c.verdicts() {
		if !slices.Contains([]Verdict{"", Warn, Refuse}, verdict) {
			all.add(name+".verdict", noneOf(verdict, []Verdict{Warn, Refuse}))
		}
	}
	if c.SANs != nil {
		all.under(ruleSANs, c.SANs.faults())
	}
	if c.CommonName != nil {
		all.under(ruleCommonName, c.CommonName.faults())
	}
	if c.Keys != nil {
		all.under(ruleKeys, c.Keys.faults())
	}
	if c.Durations != nil {
		all.under(ruleDurations, c.Durations.faults())
	}
	if c.Usages != nil {
		all.under(ruleUsages+".allowed", usageFaults(c.Usages.Allowed))
	}
	return all
}

func (r SANRule) faults() faults {
	var all faults
	kinds := []SANKind{DNSName, IPAddress, URI, Email, OtherName}
	for i, kind := range r.Allowed {
		if !slices.Contains(kinds, kind) {
			all.add(fmt.Sprintf("allowed[%d]", i), noneOf(kind, kinds))
		}
	}
	all.add("allowed", tooMany(len(r.Allowed)))
	if r.Max < 0 {
		all.add("max", fmt.Errorf("%d is negative; 0 is no limit", r.Max))
	}
	return all
}

func (r CommonNameRule) faults() faults {
	var all faults
	if musts := []CommonNameMust{NameOptional, NameRequired, NameForbidden, NameMustBeSAN}; r.Must != "" && !slices.Contains(musts, r.Must) {
		all.add("must", noneOf(r.Must, musts))
	}
	if r.MaxBytes < 0 {
		all.add("maxBytes", fmt.Errorf("%d is negative; 0 is no limit", r.MaxBytes))
	}
	return all
}

func (r KeyRule) faults() faults {
	var all faults
	all.add("allowed", tooMany(len(r.Allowed)))
	for i, key := range r.Allowed {
		all.under(fmt.Sprintf("allowed[%d]", i), key.faults())
	}
	return all
}

func (k Key) faults() faults {
	var all faults
	algorithms := []string{"RSA", "ECDSA", "Ed25519"}
	if !slices.Contains(algorithms, k.Algorithm) {
		all.add("algorithm", noneOf(k.Algorithm, algorithms))
		return all
	}
	all.add("sizes", tooMany(len(k.Sizes)))
	for i, size := range k.Sizes {
		if fits, sizes := k.fits(size); !fits {
			all.add(fmt.Sprintf("sizes[%d]", i), fmt.Errorf("%d is no size of an %s key, which has %s", size, k.Algorithm, sizes))
		}
	}
	return all
}

// fits says whether the algorithm has keys of a size, and which it has.
func (k Key) fits(size int) (fits bool, sizes string) {
	switch k.Algorithm {
	case "RSA":
		return size >= 2048 && size <= 8192, "2048 to 8192 bits"
	case "ECDSA":
		return slices.Contains([]int{256, 384, 521}, size), "256, 384 or 521"
	}
	return false, "none to choose"
}

func (r DurationRule) faults() faults {
	var all faults
	for path, duration := range map[string]time.Duration{"min": r.Min, "max": r.Max, "whenUnset": r.WhenUnset} {
		if duration < 0 {
			all.add(path, fmt.Errorf("%s is negative; 0 is no limit", hours(duration)))
		}
	}
	if r.Max > 0 && r.Min > r.Max {
		all.add("min", fmt.Errorf("the shortest duration, %s, is more than the longest, %s", hours(r.Min), hours(r.Max)))
	}
	all.add("steps", tooMany(len(r.Steps)))
	for i, step := range r.Steps {
		if step <= 0 || (i > 0 && step <= r.Steps[i-1]) {
			all.add(fmt.Sprintf("steps[%d]", i), fmt.Errorf("%s is not more than what stands before it: the durations must rise", hours(step)))
		}
	}
	return all
}

func usageFaults(usages []string) faults {
	var all faults
	all.add("", tooMany(len(usages)))
	for i, usage := range usages {
		if !slices.Contains(Usages(), usage) {
			all.add(fmt.Sprintf("[%d]", i), noneOf(usage, Usages()))
		}
	}
	return all
}

// tooMany bounds a list.
func tooMany(length int) error {
	if length <= MaxListed {
		return nil
	}
	return fmt.Errorf("it has %d items, must have %d at most", length, MaxListed)
}
