package certshim

import (
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/source"
)

// alone is what a source would see without any Certificate and without other sources of its
// Secrets.
type alone struct{ Observed }

// Certificate isn't there.
func (alone) Certificate(string, string) (certificate.Observed, Presence) {
	return certificate.Observed{}, Absent
}

// CertificatesOf the source aren't there.
func (alone) CertificatesOf(source.Ref) []certificate.Observed { return nil }

// CertificatesWriting a Secret aren't there.
func (alone) CertificatesWriting(string, string) []certificate.Observed { return nil }

// First is nobody.
func (alone) First(string, string, func(*source.Object) bool) *source.Ref { return nil }

// Stands says whether a source would get a Secret if nobody else asked for it or had it: that
// is what [Observed] asks for by First.
func Stands(policy *Policy, object *source.Object, observed Observed, secret string) bool {
	r := rivals{policy: policy, observed: observed}
	return r.stands(object, secret)
}

// rivals judges the sources of the Secrets of one decision.
type rivals struct {
	policy   *Policy
	observed Observed
	asks     asksBySource
}

// stands says whether a source would get a Secret, or may get it once more is known, if it were
// alone: whoever would be refused for a mistake of its own keeps the Secret from nobody.
func (r *rivals) stands(object *source.Object, secret string) bool {
	kind, known := r.policy.Kinds.Lookup(object.Group, object.Kind)
	if !known {
		return false
	}
	if r.asks == nil {
		r.asks = asksBySource{}
	}
	q := input{policy: r.policy, object: object, kind: kind, observed: alone{r.observed}}
	nobody := func(string) *source.Ref { return nil }
	for _, d := range decide(q, r.asks, nobody, secret).Certificates {
		if d.Name == secret {
			return d.Action != certificate.Refuse
		}
	}
	return false
}
