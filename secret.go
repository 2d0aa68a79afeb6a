package certshim

import (
	"maps"
	"slices"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// secretDecision is what is decided about one Secret, and by what.
type secretDecision struct {
	name string
	// existing is the Certificate of that name, or nil.
	existing *certificate.Observed
	// issuer is nil where the decision didn't get to it.
	issuer   *consulted
	decision certificate.Decision
	// retained is set where nothing but the owner reference is decided about.
	retained bool
	// unread is set where it can't be known whether there is a Certificate.
	unread bool
	// values has where those of the configuration came from, if that is to be explained.
	values []Value
	// problems beside those of the decision.
	problems problem.List
}

// moves says whether the decision gives the Certificate to an issuer that has to sign it.
func (s *secretDecision) moves() bool {
	return s.decision.Action == certificate.Create ||
		s.decision.Action == certificate.Apply && !s.retained && s.existing.Issuer != s.issuer.issuer.Ref
}

// awaited reports whether the source asks for a Certificate that neither exists for it nor is made
// now. If the Certificate of another source has all that it asks for, it lacks none.
func (s *secretDecision) awaited(ask source.Ask) bool {
	if len(ask.Hosts)+len(ask.Broken) == 0 {
		return false
	}
	switch s.decision.Action {
	case certificate.Wait:
		return true
	case certificate.Refuse:
		return !slices.ContainsFunc(s.decision.Problems.All(), func(p problem.Problem) bool { return p.Reason == problem.SecretShared })
	default:
		return false
	}
}

// claims says what another source asks for of a Secret.
type claims func(other *source.Object, secret string) certificate.Claim

// secrets decides about the Secrets of one source. The issuer is decided for each of them,
// and once for those that have the same.
type secrets struct {
	input
	asked  *asked
	match  matched
	naming *naming
	claim  claims
	// only is the Secret that is decided about alone, nil for all.
	only *single

	// issuers are those that were decided, the last one for Certificates of the issuer lastOf.
	issuers []*consulted
	lastOf  resolver.Ref
	// fallback is the issuer of the source's first Certificate, once it was looked for.
	fallback *resolver.Ref
}

// decide says what is to be done about the Certificate of one Secret.
func (s *secrets) decide(ask source.Ask) secretDecision {
	d := secretDecision{name: ask.Secret}
	var known bool
	if d.existing, known = present(s.input, ask.Secret); !known {
		d.unread = true
		d.decision = certificate.Undecided(s.object, ask, nil, certificate.Because(certificate.CauseUnread))
		return d
	}
	d.issuer = s.issuerFor(d.existing)
	s.tellClaim(ask, d.issuer)
	switch {
	case d.existing != nil && s.mustRetain(s.asked.request, *d.existing):
		d.decision, d.retained = certificate.Retain(s.object, *d.existing), true
		return d
	case d.issuer.unknown:
		d.decision = certificate.Undecided(s.object, ask, d.existing, d.issuer.why)
		return d
	case !d.issuer.clear():
		d.decision = certificate.Refused(s.object, ask, d.existing, d.issuer.why)
		return d
	}
	if s.forbids(&d, ask, namesIn(ask, s.asked.request), certificate.CauseNameForbidden) {
		return d
	}
	in := s.inputFor(ask, d.existing, d.issuer)
	d.decision = certificate.Decide(in)
	if s.forbids(&d, ask, kept(d.existing, d.decision), certificate.CauseKeptForbidden) || s.forbidsKeptIssuer(&d, ask) {
		return d
	}
	if s.policy.Explain {
		d.values = explain(s.input, s.asked, s.match.rule, d.issuer, in, d.decision.Config)
	}
	return d
}

// forbids decides that nothing is to be made or changed where the operator doesn't allow one of
// the names, and says whether it did.
func (s *secrets) forbids(d *secretDecision, ask source.Ask, names []askedName, cause certificate.Cause) bool {
	if len(s.match.limits) == 0 {
		return false
	}
	name, by, forbidden := s.match.limits.forbidsName(names)
	if forbidden {
		d.problems.Add(nameProblem(by, pathOf(ask), name))
		d.decision = certificate.Refused(s.object, ask, d.existing, certificate.Because(cause, by.text()))
	}
	return forbidden
}

// kept returns the names that a Certificate has once it is written: those that are asked for, those
// that stay because an entry or annotation can't be read, and those that others apply. The issuer
// signs all of them anew.
func kept(existing *certificate.Observed, decided certificate.Decision) []askedName {
	if decided.Action != certificate.Create && decided.Action != certificate.Apply {
		return nil
	}
	spec, _ := decided.Config["spec"].(map[string]any)
	if existing == nil || len(decided.Yielded) == 0 {
		return namesOf(spec)
	}
	written := map[string]any{}
	live, _ := existing.Live["spec"].(map[string]any)
	maps.Copy(written, live)
	maps.Copy(written, spec)
	return namesOf(written)
}

// forbidsKeptIssuer is forbids for the issuer of a Certificate that somebody else applies, and
// that therefore stays.
func (s *secrets) forbidsKeptIssuer(d *secretDecision, ask source.Ask) bool {
	if d.decision.Action != certificate.Apply || len(d.decision.Yielded) == 0 || d.existing.Issuer == d.issuer.issuer.Ref {
		return false
	}
	if spec, _ := d.decision.Config["spec"].(map[string]any); spec["issuerRef"] != nil {
		return false
	}
	present := consultPresent(s.input, s.match.limits, d.issuer.named, d.existing.Issuer)
	if present.clear() {
		return false
	}
	d.problems.Add(present.problem)
	d.decision = certificate.Refused(s.object, ask, d.existing, present.why)
	return true
}

// issuerFor decides the issuer of a Secret by the Certificate that it has, if any.
func (s *secrets) issuerFor(existing *certificate.Observed) *consulted {
	now := presentIssuer(s.input, existing)
	if n := len(s.issuers); n > 0 && s.lastOf == now {
		return s.issuers[n-1]
	}
	current := now
	if current.Name == "" {
		current = s.firstIssuer()
	}
	c := consult(s.input, s.match.limits, name(s.input, s.asked, s.naming, current), now)
	s.issuers, s.lastOf = append(s.issuers, c), now
	return c
}

func (s *secrets) firstIssuer() resolver.Ref {
	if s.fallback == nil {
		first := firstIssuer(s.input, s.asked)
		s.fallback = &first
	}
	return *s.fallback
}

func (s *secrets) inputFor(ask source.Ask, existing *certificate.Observed, issuer *consulted) certificate.Input {
	in := certificate.Input{
		Policy: s.policy.Certificate, Fields: s.observed.HasField,
		Source: s.object, IsRead: s.policy.Parser.ForIssuer, Kind: s.kind, Ask: ask, Request: s.asked.request, Issuer: issuer.issuer,
		Statement: issuer.finding.Statement, Hold: s.hold(issuer),
		Existing: existing, Offline: s.policy.Offline, Retain: s.retains(s.asked.request, existing),
		Writers: s.observed.CertificatesWriting(s.object.Namespace, ask.Secret),
	}
	if rule := s.match.rule; rule != nil {
		in.Statement.Values = rule.Values.Under(in.Statement.Values)
		in.Subject = rule.Subject
	}
	claim := func(other *source.Object) certificate.Claim { return s.claim(other, ask.Secret) }
	if existing != nil && (certificate.Claimable(s.object, *existing) || certificate.Restored(*existing) || s.policy.Certificate.Adoption != nil) {
		in.Other = s.observed.OtherNaming(s.object.Namespace, ask.Secret)
	}
	in.IsGone = func(uid string) bool { return s.observed.IsGone(s.object.Namespace, uid) }
	switch {
	case existing == nil:
		if first := s.observed.First(s.object.Namespace, ask.Secret, claim); first != nil && first.Source != s.object.Ref {
			in.First = first
		}
	case existing.Owner != certificate.Owner{} && !certificate.Owns(s.object, existing.Owner):
		in.Owner = s.observed.Rival(existing.Owner, s.object.Namespace, ask.Secret, claim)
	}
	return in
}

// tellClaim passes on what is asked for of the Secret, if only the claim on it is decided.
func (s *secrets) tellClaim(ask source.Ask, issuer *consulted) {
	if s.only != nil {
		s.only.tell(certificate.NewClaim(ask, s.asked.request, issuer.issuer.Ref))
	}
}

// hold says why new Certificates wait, to know which rule counts or for a resolver, if they do.
func (s *secrets) hold(issuer *consulted) certificate.Reason {
	switch {
	case s.match.unknown:
		return certificate.Because(certificate.CausePolicyUnknown)
	case issuer.holds():
		return certificate.Because(certificate.CauseResolverSilent)
	}
	return certificate.Reason{}
}
