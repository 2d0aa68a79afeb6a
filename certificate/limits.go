package certificate

import (
	"slices"
	"strings"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// violations returns the issuer's rules that the configuration breaks.
func (d *decider) violations() []resolver.Violation {
	rules := d.in.Statement.Constraints
	if rules == (resolver.Constraints{}) {
		return nil
	}
	spec, _ := d.config["spec"].(map[string]any)
	facts := resolver.FactsOf(spec)
	facts.Made = d.in.Existing != nil
	return rules.Violations(facts)
}

// warnViolations reports broken rules of a Certificate that is up to date as warnings.
func (d *decider) warnViolations() {
	for _, violation := range d.violations() {
		d.addViolation(violation, problem.Warning)
	}
}

// refusals reports all broken rules, and describes those because of which the issuer would
// refuse; "" means none.
func (d *decider) refusals() string {
	var refused []string
	for _, violation := range d.violations() {
		severity := problem.Warning
		if violation.Verdict == resolver.Refuse {
			severity = problem.Error
			refused = append(refused, violation.Message)
		}
		d.addViolation(violation, severity)
	}
	return strings.Join(slices.Compact(refused), "; ")
}

func (d *decider) addViolation(v resolver.Violation, severity problem.Severity) {
	p := v.Problem(severity)
	p.Path = d.path()
	if key := annotationOf(v.Field); key != "" && d.isFrom(key, v) {
		p.Key, p.Path = key, "metadata.annotations["+key+"]"
		p.Value = d.asWritten(key, v)
	}
	switch {
	case v.Rule == "commonName" && v.Value == "":
		p.Lines = d.commonNameLine(p.Key)
	case v.Rule == "rotationPolicy":
		p.Lines = "  " + p.Key + ": " + v.Allowed
	}
	d.out.Problems.Add(p)
}

// isFrom reports whether an annotation sets what breaks a rule, or would. A name may also come from
// an entry, or from the Certificate.
func (d *decider) isFrom(key string, v resolver.Violation) bool {
	return !isName(annotations.Field("spec."+v.Field)) || strings.Contains(d.in.Source.Annotations[key], v.Value)
}

// asWritten returns what breaks a rule as the source writes it, where that is a single value.
func (d *decider) asWritten(key string, v resolver.Violation) string {
	field, _, _ := strings.Cut(v.Field, ".")
	written := strings.TrimSpace(d.in.Source.Annotations[key])
	switch field {
	case "duration", "renewBefore", "privateKey":
		if written != "" && !d.in.isUnread(field) {
			return written
		}
	}
	return v.Value
}

// commonNameLine suggests the first DNS name that is short enough.
func (d *decider) commonNameLine(key string) string {
	if host := shortName(d.in.Ask.Hosts); host != "" {
		return "  " + key + ": " + problem.Quote(host)
	}
	return ""
}

// annotationOf returns the annotation that sets a field of the spec, or "".
func annotationOf(field string) string {
	keys := map[string]string{
		"commonName": "common-name", "duration": "duration", "renewBefore": "renew-before", "usages": "usages",
		"privateKey.algorithm": "private-key-algorithm", "privateKey.size": "private-key-size", "privateKey.rotationPolicy": "private-key-rotation-policy",
		"ipAddresses": "ip-sans", "uris": "uri-sans", "emailAddresses": "email-sans",
	}
	if key, found := keys[field]; found {
		return annotations.Prefix + key
	}
	return ""
}

func mustWait(d *decider) bool {
	return !d.in.Hold.IsZero() && d.decideFor(Wait, d.in.Hold)
}

func cannotBeIssued(d *decider) bool {
	why := d.refusals()
	return why != "" && d.decide(Refuse, CauseIssuerRefuses, why)
}

// changeCannotBeIssued keeps a Certificate whose new form the issuer can't sign.
func changeCannotBeIssued(d *decider) bool {
	why := d.refusals()
	if why == "" {
		return false
	}
	d.out.Config = nil
	return d.decide(Keep, CauseChangeRefused, why)
}
