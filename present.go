package certshim

import (
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
)

// present gives the Certificate of a Secret, nil for none; false where it can't be known
// whether there is one.
func present(q input, secret string) (existing *certificate.Observed, known bool) {
	observed, presence := q.observed.Certificate(q.object.Namespace, secret)
	if presence != Present {
		return nil, presence == Absent
	}
	return &observed, true
}

// presentIssuer is the issuer of a Certificate of this source, without a name for none: what
// others have says nothing.
func presentIssuer(q input, existing *certificate.Observed) resolver.Ref {
	if existing == nil || !certificate.Owns(q.object, existing.Owner) {
		return resolver.Ref{}
	}
	return existing.Issuer
}

// firstIssuer is that of the first Certificate by these terms which the source has.
func firstIssuer(q input, a *asked, by *terms) resolver.Ref {
	for _, ask := range a.Asks.Asks {
		if a.termsOf(ask.Secret) != by {
			continue
		}
		existing, _ := present(q, ask.Secret)
		if issuer := presentIssuer(q, existing); issuer.Name != "" {
			return issuer
		}
	}
	return resolver.Ref{}
}
