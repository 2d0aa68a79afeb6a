package certshim

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// present gives the Certificate of a Secret, nil for none; false where it can't be known
// whether there is one.
func present(q input, at types.NamespacedName) (existing *certificate.Observed, known bool) {
	observed, presence := q.observed.Certificate(at.Namespace, at.Name)
	if presence != Present {
		return nil, presence == Absent
	}
	return &observed, true
}

// owned is the Certificate there that is the source's already, or nil. Of any other the source isn't told
// before it is granted something.
func (q input) owned(at types.NamespacedName) *certificate.Observed {
	of := q.observed.CertificatesOf(q.object.Ref)
	i := slices.IndexFunc(of, func(o certificate.Observed) bool { return o.FullName() == at })
	if i < 0 {
		return nil
	}
	return &of[i]
}

// presentFor is present for what a source asks for; in another namespace it is what the source owns.
func (q input) presentFor(ask source.Ask) *certificate.Observed {
	at := ask.At(q.object)
	if ask.Namespace != "" {
		return q.owned(at)
	}
	existing, _ := present(q, at)
	return existing
}

// presentIssuer is the issuer of a Certificate of this source, without a name for none: what
// others have says nothing.
func presentIssuer(q input, existing *certificate.Observed) resolver.Ref {
	if existing == nil || !certificate.Owns(q.object, *existing) {
		return resolver.Ref{}
	}
	return existing.Issuer
}

// firstIssuer is that of the first Certificate by these terms which the source has.
func firstIssuer(q input, a *asked, by *terms) resolver.Ref {
	for _, ask := range a.Asks.Asks {
		if a.termsOf(ask.At(q.object)) != by {
			continue
		}
		if issuer := presentIssuer(q, q.presentFor(ask)); issuer.Name != "" {
			return issuer
		}
	}
	return resolver.Ref{}
}
