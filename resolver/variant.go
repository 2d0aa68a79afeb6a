package resolver

import (
	"cmp"
	"slices"
)

// The names of the rules in a declaration.
const (
	ruleSANs       = "sans"
	ruleWildcards  = "wildcards"
	ruleCommonName = "commonName"
	ruleKeys       = "keys"
	ruleDurations  = "durations"
	ruleUsages     = "usages"
	ruleCA         = "ca"

	ruleRotationPolicy = "rotationPolicy"
	ruleSecret         = "secret"
)

// ruleNames returns all rules in the order in which they are checked and shown.
func ruleNames() []string {
	return []string{ruleSANs, ruleWildcards, ruleCommonName, ruleKeys, ruleRotationPolicy, ruleDurations, ruleUsages, ruleCA, ruleSecret}
}

// names returns the names of the rules that are set.
func (c Constraints) names() []string {
	there := map[string]bool{
		ruleSANs: c.SANs != nil, ruleWildcards: c.Wildcards != nil, ruleCommonName: c.CommonName != nil,
		ruleKeys: c.Keys != nil, ruleDurations: c.Durations != nil, ruleUsages: c.Usages != nil, ruleCA: c.CA != nil,
		ruleRotationPolicy: c.RotationPolicy != nil, ruleSecret: c.Secret != nil,
	}
	return slices.DeleteFunc(ruleNames(), func(name string) bool { return !there[name] })
}

// over returns base with the rules of c replacing those of the same name.
func (c Constraints) over(base Constraints) Constraints {
	return Constraints{
		SANs: orRule(c.SANs, base.SANs), Wildcards: orRule(c.Wildcards, base.Wildcards),
		CommonName: orRule(c.CommonName, base.CommonName), Keys: orRule(c.Keys, base.Keys),
		Durations: orRule(c.Durations, base.Durations), Usages: orRule(c.Usages, base.Usages), CA: orRule(c.CA, base.CA),
		RotationPolicy: orRule(c.RotationPolicy, base.RotationPolicy), Secret: orRule(c.Secret, base.Secret),
	}
}

func orRule[T any](rule, base *T) *T {
	if rule != nil {
		return rule
	}
	return base
}

func (c *Constraints) drop(name string) {
	switch name {
	case ruleSANs:
		c.SANs = nil
	case ruleWildcards:
		c.Wildcards = nil
	case ruleCommonName:
		c.CommonName = nil
	case ruleKeys:
		c.Keys = nil
	case ruleDurations:
		c.Durations = nil
	case ruleUsages:
		c.Usages = nil
	case ruleCA:
		c.CA = nil
	case ruleRotationPolicy:
		c.RotationPolicy = nil
	case ruleSecret:
		c.Secret = nil
	}
}

func (v *Values) drop(field ValueField) {
	switch field {
	case ValueUsages:
		v.Usages = nil
	case ValueDuration:
		v.Duration = 0
	case ValueRenewBefore:
		v.RenewBefore = 0
	case ValuePrivateKey:
		v.PrivateKey = PrivateKey{}
	case ValueCommonName:
		v.CommonName = false
	}
}

// droppable returns the paths that a variant may drop.
func droppable() []string {
	paths := []string{"recommend", "defaults"}
	for _, name := range ruleNames() {
		paths = append(paths, "constraints."+name)
	}
	for _, field := range ValueFields() {
		paths = append(paths, "recommend."+string(field), "defaults."+string(field))
	}
	return paths
}

// profile is what an issuer type declares about its issuers, apart from readiness.
type profile struct {
	constraints Constraints
	recommend   Recommendation
	defaults    Values
}

// with returns s as modified by a variant.
func (s profile) with(v Variant) profile {
	for _, path := range v.Drop {
		s.dropPath(path)
	}
	s.constraints = v.Constraints.over(s.constraints)
	if len(v.Recommend.Set()) > 0 {
		s.recommend = v.Recommend
	}
	if len(v.Defaults.Set()) > 0 {
		s.defaults = v.Defaults
	}
	return s
}

func (s *profile) dropPath(path string) {
	switch path {
	case "recommend":
		s.recommend = Recommendation{}
	case "defaults":
		s.defaults = Values{}
	}
	for _, name := range ruleNames() {
		if path == "constraints."+name {
			s.constraints.drop(name)
		}
	}
	for _, field := range ValueFields() {
		if path == "recommend."+string(field) {
			s.recommend.drop(field)
		}
		if path == "defaults."+string(field) {
			s.defaults.drop(field)
		}
	}
}

// Under returns v with its unset values taken from fill.
func (v Values) Under(fill Values) Values {
	if len(v.Usages) == 0 {
		v.Usages = fill.Usages
	}
	if v.Duration == 0 && v.RenewBefore == 0 {
		v.Duration, v.RenewBefore = fill.Duration, fill.RenewBefore
	}
	if v.PrivateKey.Algorithm == "" {
		v.PrivateKey.Key = fill.PrivateKey.Key
	}
	v.PrivateKey.RotationPolicy = cmp.Or(v.PrivateKey.RotationPolicy, fill.PrivateKey.RotationPolicy)
	v.CommonName = v.CommonName || fill.CommonName
	return v
}
