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
func (alone) First(string, string, func(*source.Object) certificate.Claim) *certificate.Rival {
	return nil
}

// Rival is nobody.
func (alone) Rival(certificate.Owner, string, string, func(*source.Object) certificate.Claim) *certificate.Rival {
	return nil
}

// Claim says what a source asks for of a Secret, and whether it would get it, if nobody else
// asked for it or had it: that is what [Observed] asks for by First and Rival.
func Claim(policy *Policy, object *source.Object, observed Observed, secret string) certificate.Claim {
	r := rivals{policy: policy, observed: observed}
	return r.claim(object, secret)
}

// rivals judges the other sources of the Secrets of one decision.
type rivals struct {
	policy   *Policy
	observed Observed
	asks     asksBySource
}

// claim decides about a source as if it were alone. Its claim stands unless it would be refused:
// whoever is refused for a mistake of its own keeps the Secret from nobody.
func (r *rivals) claim(object *source.Object, secret string) certificate.Claim {
	var claim certificate.Claim
	kind, known := r.policy.Kinds.Lookup(object.Group, object.Kind)
	if !known {
		return claim
	}
	if r.asks == nil {
		r.asks = asksBySource{}
	}
	q := input{policy: r.policy, object: object, kind: kind, observed: alone{r.observed}}
	only := single{secret: secret, tell: func(c certificate.Claim) { claim = c }}
	for _, d := range decide(q, r.asks, nil, &only).Certificates {
		if d.Name == secret {
			claim.Stands = d.Action != certificate.Refuse
		}
	}
	return claim
}
