package certshim

import (
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/source"
)

// alone is [Observed] as if there were no Certificates, and no other source of a Secret.
type alone struct{ Observed }

// Certificate is always absent.
func (alone) Certificate(string, string) (certificate.Observed, Presence) {
	return certificate.Observed{}, Absent
}

// CertificatesOf is always empty.
func (alone) CertificatesOf(source.Ref) []certificate.Observed { return nil }

// CertificatesWriting is always empty.
func (alone) CertificatesWriting(string, string) []certificate.Observed { return nil }

// First is always nil.
func (alone) First(string, string, func(*source.Object) certificate.Claim) *certificate.Rival {
	return nil
}

// Rival is always nil.
func (alone) Rival(certificate.Owner, string, string, func(*source.Object) certificate.Claim) *certificate.Rival {
	return nil
}

// Claim returns the claim of a source on a Secret, judged as if no other source asked for the
// Secret and it had no Certificate. [Observed.First] and [Observed.Rival] call it for other sources.
func Claim(policy *Policy, object *source.Object, observed Observed, secret types.NamespacedName) certificate.Claim {
	r := rivals{policy: policy, observed: observed}
	return r.claim(object, secret)
}

// rivals judges the other sources of the Secrets of one decision.
type rivals struct {
	policy   *Policy
	observed Observed
	asks     asksBySource
}

// claim decides about a source as if it were alone. Its claim stands unless the decision is to
// refuse: a source that is refused for its own mistake must not block others. Nor does one of another
// namespace that isn't known to be granted the Secret: nothing is known then of what it asks for.
func (r *rivals) claim(object *source.Object, secret types.NamespacedName) certificate.Claim {
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
		if d.At() == secret {
			claim.Stands = d.Action != certificate.Refuse && (claim.Known || secret.Namespace == object.Namespace)
		}
	}
	return claim
}
