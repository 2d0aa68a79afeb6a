package app

import (
	"fmt"
	"strings"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/ownership"
)

// owners is who holds what of a Certificate isn't as its source asks for, and what each policy would
// make of that.
type owners struct {
	Fields []difference `json:"fields"`
	// Policies are there if somebody else holds a field with another value.
	Policies []ownership.Consequence `json:"policies,omitempty"`
}

// ownersOf are those of a Certificate that exists; nil if there is nothing to tell, as of one without
// managedFields.
func ownersOf(seen certificate.Observed, c certificate.Decision) *owners {
	if _, settled := ownership.Settled(seen, c.Want); settled || seen.Flags.Has(certificate.Untracked) {
		return nil
	}
	fields := differences(seen.Live, c)
	if len(fields) == 0 {
		return nil
	}
	out := &owners{Fields: fields}
	for _, field := range fields {
		if field.conflict {
			out.Policies = ownership.Consequences(seen.Live, c.Asked)
			break
		}
	}
	return out
}

// lines tell the same as comments of a diff.
func (o *owners) lines(c certificate.Decision) string {
	if o == nil || len(o.Policies) == 0 {
		return ""
	}
	var b strings.Builder
	for _, f := range o.Fields {
		if !f.conflict {
			continue
		}
		fmt.Fprintf(&b, "# %s/%s %s is %s: held by %s as %s, asked for as %s\n", c.Namespace, c.Name, f.Field, f.Verdict, strings.Join(f.Holders, ", "), orNone(f.Live), orNone(f.Wanted))
	}
	for _, p := range o.Policies {
		fmt.Fprintf(&b, "#   %s would %s\n", p.Then, wouldDo(p))
	}
	return b.String()
}

func wouldDo(c ownership.Consequence) string {
	switch {
	case len(c.Changes) > 0:
		return "change " + strings.Join(c.Changes, ", ") + "; reissue " + string(c.Reissue)
	case c.Then == certificate.Fail:
		return "change nothing of the Certificate, and be an error"
	}
	return "change nothing"
}

func orNone(value string) string {
	if value == "" {
		return "nothing"
	}
	return value
}
