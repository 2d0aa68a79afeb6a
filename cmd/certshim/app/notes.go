package app

import (
	"fmt"
	"slices"
	"strings"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// notes are what there is to say of a plan as a whole, a line each.
func (o *planOptions) notes(p *plan) []string {
	notes := slices.Concat(p.notes, o.build.unasked(o.configuration, p.issuers))
	if note := o.otherSettings(p); note != "" {
		notes = append(notes, note)
	}
	if p.placeholders > 0 {
		notes = append(notes, "note: "+count(p.placeholders, "source")+" with placeholders, ${name} or {{ name }}, which nothing has filled in: plan what your tool makes of them, or leave them out by --ignore-other")
	}
	if note := o.nothingFound(p); note != "" {
		notes = append(notes, note)
	}
	return notes
}

// isOwnApplied reports whether certshim has applied a Certificate for a source.
func isOwnApplied(c certificate.Observed, owner *source.Object) bool {
	return c.Flags.Has(certificate.Applied) && c.Owner.UID == owner.UID
}

// otherSettings returns a note if the cluster's controller seems to run with other settings than
// the plan: with the same settings, the plan would agree with what the controller applied.
func (o *planOptions) otherSettings(p *plan) string {
	const give = "give plan the controller's configuration file by --config, or its flags"
	switch {
	case o.offline():
		return ""
	case p.applied != nil:
		return fmt.Sprintf("note: what certshim has applied for %s differs from this plan: its controller has other settings%s, or is another version, or doesn't run; %s",
			p.applied.Object(), o.than(), give)
	case p.undefaulted != nil && o.settings.file == "" && o.running == nil:
		return fmt.Sprintf("note: this plan has no default issuer, which %s asks for; if the controller has one, %s", p.undefaulted.Object(), give)
	}
	return ""
}

func (o *planOptions) than() string {
	switch {
	case o.running != nil:
		return " than " + o.running.String() + " says"
	case o.settings.file == "":
		return ""
	}
	return " than " + o.settings.file
}

// lacksDefaultIssuer says whether a source names no issuer, and there is no default.
func (one planned) lacksDefaultIssuer() bool {
	return slices.ContainsFunc(one.outcome.Problems.All(), func(p problem.Problem) bool {
		return p.Reason == problem.BadIssuer && p.Key == resolver.CertManagerGroup+"/"+resolver.FieldName && p.Value == ""
	})
}

// where is the place in which sources were looked for.
func (o *planOptions) where() string {
	switch {
	case o.offline():
		return "in the input"
	case o.within == "":
		return "in any namespace"
	}
	return "in namespace " + o.within
}

// nothingFound says, as kubectl does, that nothing in the cluster is what was asked for, or
// nothing in the input has the labels.
func (o *planOptions) nothingFound(p *plan) string {
	if p.sources > 0 || len(p.missing) > 0 || o.offline() && o.selector == "" {
		return ""
	}
	words := []string{"No resources found"}
	if o.selector != "" {
		words = append(words, "with the labels "+o.selector)
	}
	if !o.offline() && o.within != "" {
		words = append(words, "in "+o.within+" namespace")
	}
	return strings.Join(words, " ") + "."
}
