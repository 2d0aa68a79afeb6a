package certshim

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// single is the Secret on which the claim of a source is to be known; tell receives it.
type single struct {
	secret types.NamespacedName
	tell   func(certificate.Claim)
}

// decide takes one source through the steps: is it admitted, what does it ask for, which rule
// matches, who names its issuer, and then what becomes of each of its Secrets. asks caches what
// sources ask for, and may be nil. claim returns what other sources ask for. If only isn't nil, just
// that Secret is decided.
func decide(q input, asks asksBySource, claim claims, only *single) Outcome {
	out := Outcome{Source: q.object.Ref}
	if q.policy.Explain {
		out.Values = map[types.NamespacedName][]Value{}
	}
	r := outcomeBuilder{input: q, out: &out}
	if q.object.Deleting {
		out.Ignored = certificate.Because(certificate.CauseSourceDeleting)
		r.retainAll()
		return r.outcome()
	}
	asked := asks.ask(q, admit(q))
	r.problems.Merge(asked.problems)
	if !asked.clear() && !asked.unknown {
		r.noLongerKept(asked)
		return r.outcome()
	}
	if asked.unknown {
		r.undecided(asked, asked.why)
		return r.outcome()
	}
	decider := secrets{input: q, asked: asked, parties: partiesOf(q, asked), claim: claim, only: only}
	for i, by := range decider.parties {
		if by.match.rule != nil && i == 0 {
			out.Policy = by.match.rule.Name
		}
		if standing := by.match.standing(by.terms); !standing.clear() {
			r.undecided(asked, standing.why)
			return r.outcome()
		}
	}
	r.decideEach(&decider)
	r.untriggered(asked)
	r.unneeded(asked)
	return r.outcome()
}

// outcomeBuilder puts decisions and problems into an outcome.
type outcomeBuilder struct {
	input
	out      *Outcome
	problems problem.List
	// unread is set where it can't be known which Certificates there are.
	unread bool
	// awaits is a Certificate that the source asks for and doesn't get now, or empty.
	awaits string
}

func (r *outcomeBuilder) outcome() Outcome {
	r.out.Problems = r.problems.For(r.object.Object())
	return *r.out
}

func (r *outcomeBuilder) add(decided certificate.Decision) {
	decided.Problems = decided.Problems.About(certificate.NameFrom(r.object, decided.At()))
	r.out.Certificates = append(r.out.Certificates, decided)
	r.problems.Merge(decided.Problems)
}

// decideEach decides about every Secret that the source names, or about one, and says what is
// to be said of their issuers. A source that names none hears of its issuer, too.
func (r *outcomeBuilder) decideEach(by *secrets) {
	asks := by.asked.Asks.Asks
	if len(asks) == 0 && len(by.parties) > 0 {
		by.issuerFor(by.parties[0], nil)
	}
	decided := make([]secretDecision, 0, len(asks))
	r.out.Certificates = make([]certificate.Decision, 0, len(asks))
	for _, ask := range asks {
		if by.only != nil && ask.At(r.object) != by.only.secret {
			continue
		}
		s := by.decide(ask)
		decided = append(decided, s)
		r.unread = r.unread || s.unread
		if r.awaits == "" && s.awaited(ask) {
			r.awaits = s.name
		}
		r.problems.Merge(s.problems.About(s.name))
		r.add(s.decision)
		if r.policy.Explain && s.values != nil {
			r.out.Values[s.decision.At()] = s.values
		}
	}
	r.out.Issuer = by.issuer(decided)
	r.out.Sections = by.sections(decided)
	t := issuerProblems{input: r.input, decided: decided}
	t.tell(by.issuers)
	r.problems.Merge(t.problems)
	r.out.HeldBy = t.heldBy
}

// untriggered keeps the Certificates whose Secrets the source names, and for which its annotations ask for
// none: others of its Secrets get theirs by a section.
func (r *outcomeBuilder) untriggered(a *asked) {
	if len(a.untriggered) == 0 {
		return
	}
	for _, owned := range r.observed.CertificatesOf(r.object.Ref) {
		if slices.Contains(a.untriggered, written(owned)) && !r.retain(a.request, owned) {
			r.add(certificate.NoLongerKept(r.object, owned, certificate.Because(certificate.CauseSectionSilent)))
		}
	}
}

// unneeded decides about the Certificates that are this source's and that it no longer names
// in any form.
func (r *outcomeBuilder) unneeded(a *asked) {
	if r.unread {
		return
	}
	for _, owned := range r.observed.CertificatesOf(r.object.Ref) {
		if !a.names(owned) && !r.retain(a.request, owned) {
			r.add(certificate.DecideUnneeded(r.policy.Certificate, r.object, owned, r.awaits))
		}
	}
}

// noLongerKept keeps every Certificate of a source that asks for none, and says so.
func (r *outcomeBuilder) noLongerKept(a *asked) {
	owned := r.observed.CertificatesOf(r.object.Ref)
	if len(owned) == 0 {
		r.out.Ignored = a.why
	}
	for _, existing := range owned {
		if !r.retain(a.request, existing) {
			r.add(certificate.NoLongerKept(r.object, existing, a.why))
		}
	}
}

// retain takes the owner reference off a Certificate that is to outlive the source, before anything
// else is done about it, and says whether there was one to take off.
func (r *outcomeBuilder) retain(request annotations.Request, existing certificate.Observed) bool {
	if !r.mustRetain(request, existing) {
		return false
	}
	r.add(certificate.Retain(r.object, existing))
	return true
}

// retainAll does so for all Certificates of a source that is being deleted.
func (r *outcomeBuilder) retainAll() {
	request, _ := r.policy.Parser.Parse(r.object.Annotations)
	for _, existing := range r.observed.CertificatesOf(r.object.Ref) {
		r.retain(request, existing)
	}
}

// undecided keeps every Certificate of a source of which it can't be known now what it may
// have; what is new waits.
func (r *outcomeBuilder) undecided(a *asked, why certificate.Reason) {
	for _, ask := range a.Asks.Asks {
		existing := r.presentFor(ask)
		if existing == nil || !r.retain(a.request, *existing) {
			r.add(certificate.Undecided(r.object, ask, existing, why))
		}
	}
	for _, owned := range r.observed.CertificatesOf(r.object.Ref) {
		if !a.names(owned) && !r.retain(a.request, owned) {
			r.add(certificate.Undecided(r.object, source.Ask{Secret: owned.Name}, &owned, why))
		}
	}
}
