package certificate

import (
	"strings"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// violations are the rules of the issuer that the configuration breaks.
func (d *decider) violations() []resolver.Violation {
	rules := d.in.Statement.Constraints
	if rules == (resolver.Constraints{}) {
		return nil
	}
	spec, _ := d.config["spec"].(map[string]any)
	return rules.Violations(resolver.FactsOf(spec))
}

// warnOfLimits tells the broken rules of a Certificate that is as it should be.
func (d *decider) warnOfLimits() {
	for _, violation := range d.violations() {
		d.tellViolation(violation, problem.Warning)
	}
}

// issuerRefuses tells the broken rules, and says in words which of them can't be broken.
func (d *decider) issuerRefuses() string {
	var refused []string
	for _, violation := range d.violations() {
		severity := problem.Warning
		if violation.Verdict == resolver.Refuse {
			severity = problem.Error
			refused = append(refused, violation.Message)
		}
		d.tellViolation(violation, severity)
	}
	return strings.Join(refused, "; ")
}

func (d *decider) tellViolation(v resolver.Violation, severity problem.Severity) {
	p := v.Problem(severity)
	p.Path = d.path()
	if key := annotationOf(v.Field); key != "" {
		p.Key, p.Path = key, "metadata.annotations["+key+"]"
	}
	if v.Rule == "commonName" && v.Value == "" {
		p.Lines = d.commonNameLine(p.Key)
	}
	d.out.Problems.Add(p)
}

// commonNameLine proposes the first DNS name, where it is short enough.
func (d *decider) commonNameLine(key string) string {
	if host := shortName(d.in.Ask.Hosts); host != "" {
		return "  " + key + ": " + problem.Quote(host)
	}
	return ""
}

// annotationOf is the annotation of a source that sets a field of the spec, or "".
func annotationOf(field string) string {
	keys := map[string]string{
		"commonName": "common-name", "duration": "duration", "renewBefore": "renew-before", "usages": "usages",
		"privateKey.algorithm": "private-key-algorithm", "privateKey.size": "private-key-size", "ipAddresses": "ip-sans", "uris": "uri-sans", "emailAddresses": "email-sans",
	}
	if key, found := keys[field]; found {
		return annotations.Prefix + key
	}
	return ""
}

func mustWait(d *decider) bool {
	return d.in.Hold != "" && d.decide(Wait, d.in.Hold)
}

func cannotBeIssued(d *decider) bool {
	d.build()
	why := d.issuerRefuses()
	return why != "" && d.decide(Refuse, why)
}

// changeCannotBeIssued leaves a Certificate as it is whose new form the issuer can't sign.
func changeCannotBeIssued(d *decider) bool {
	why := d.issuerRefuses()
	if why == "" {
		return false
	}
	d.out.Config = nil
	return d.decide(Keep, "the change can't be issued: "+why)
}
