package certshim

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/routes"
	"github.com/certshim/certshim/source"
)

// secretDecision is what is decided about one Secret, and by what.
type secretDecision struct {
	at types.NamespacedName
	// name is that of the Secret as it is written for who sees the source.
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
	// chosen are the names of routes.
	chosen routed
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
type claims func(other *source.Object, secret types.NamespacedName) certificate.Claim

// secrets decides about the Secrets of one source. The issuer is decided for each of them,
// and once for those that have the same.
type secrets struct {
	input
	asked   *asked
	parties []*party
	// elsewhere are those of Secrets in other namespaces.
	elsewhere []*party
	claim     claims
	// only is the Secret that is decided about alone, nil for all.
	only *single
	// attached are the routes of the source, and offers what they bring to its entries; nil before they are asked for.
	attached Attached
	offers   [][]routes.Offer
	permits  routePermits
	// issuers are those that were decided.
	issuers []*consulted
}

// party is the Secrets of a source that go by the same terms.
type party struct {
	*terms
	// into is the namespace of the Secrets if that isn't the source's, else "".
	into   string
	match  matched
	naming *naming
	// unread is set where it can't be known which rules limit sources in another namespace.
	unread bool
	// last is the issuer that was decided last, for Certificates of the issuer lastOf.
	last   *consulted
	lastOf resolver.Ref
	// fallback is the issuer of the first Certificate, once it was looked for.
	fallback *resolver.Ref
}

// partiesOf are those of a source: that of the object's own terms, unless they ask for nothing, and those
// of its Secrets.
func partiesOf(q input, a *asked) []*party {
	var all []*party
	add := func(t *terms) {
		if !t.wrong.IsZero() || slices.ContainsFunc(all, func(p *party) bool { return p.terms == t }) {
			return
		}
		matched := match(q, a, t, q.object.Namespace)
		all = append(all, &party{terms: t, match: matched, naming: findNaming(q, t, matched.rule)})
	}
	if a.triggered {
		add(&a.terms)
	}
	if len(a.bySecret) > 0 {
		for _, ask := range a.Asks.Asks {
			add(a.termsOf(ask.At(q.object)))
		}
	}
	return all
}

// partyOf is that of a Secret.
func (s *secrets) partyOf(ask source.Ask) *party {
	by := s.asked.termsOf(ask.At(s.object))
	home := s.parties[slices.IndexFunc(s.parties, func(p *party) bool { return p.terms == by })]
	if ask.Namespace == "" {
		return home
	}
	for _, p := range s.elsewhere {
		if p.terms == by && p.into == ask.Namespace {
			return p
		}
	}
	// What is forbidden there counts, too; what the operator gives to sources there doesn't.
	away := &party{terms: by, into: ask.Namespace, match: home.match, naming: home.naming}
	there := match(s.input, s.asked, by, ask.Namespace)
	away.match.limits = slices.Concat(home.match.limits, there.limits)
	away.unread = there.unknown && there.mayLimit
	s.elsewhere = append(s.elsewhere, away)
	return away
}

// reach is where the Certificates are to be, and what limits them.
func (p *party) reach() reach { return reach{limits: p.match.limits, into: p.into} }

// taken is what counts of the annotations.
func (p *party) taken() annotations.Request {
	if p.into == "" {
		return p.request
	}
	return takenElsewhere(p.request)
}

// decide says what is to be done about the Certificate of one Secret.
func (s *secrets) decide(ask source.Ask) secretDecision {
	at := ask.At(s.object)
	d := secretDecision{at: at, name: certificate.NameFrom(s.object, at)}
	if ask.Namespace != "" && !s.reaches(&d, ask) {
		return d
	}
	var known bool
	if d.existing, known = present(s.input, at); !known {
		d.unread = true
		d.decision = certificate.Undecided(s.object, ask, nil, certificate.Because(certificate.CauseUnread))
		return d
	}
	by := s.asked.termsOf(at)
	if by.wrong.IsZero() {
		party := s.partyOf(ask)
		d.issuer = s.issuerFor(party, d.existing)
		d.chosen = s.chooseRoutes(&d, &ask, party)
		s.tellClaim(ask, by, d.issuer)
	}
	switch {
	case d.existing != nil && s.policy.Certificate.Adoption == nil && s.mustRetain(s.asked.request, *d.existing):
		// Where it is adopted, all is done at once.
		d.decision, d.retained = certificate.Retain(s.object, *d.existing), true
		return d
	case !by.wrong.IsZero():
		d.decision = certificate.Refused(s.object, ask, d.existing, by.wrong)
		return d
	case d.issuer.unknown:
		d.decision = certificate.Undecided(s.object, ask, d.existing, d.issuer.why)
		return d
	case !d.issuer.clear():
		d.decision = certificate.Refused(s.object, ask, d.existing, d.issuer.why)
		return d
	}
	s.write(&d, ask, s.partyOf(ask))
	d.decision.Problems = by.place(d.decision.Problems)
	d.chosen.tell(&d, ask)
	s.tellChallenges(&d, ask)
	return d
}

// write decides about a Secret whose issuer may be used.
func (s *secrets) write(d *secretDecision, ask source.Ask, by *party) {
	if s.forbids(d, ask, by, namesIn(ask, by.taken()), certificate.CauseNameForbidden) {
		return
	}
	in := s.inputFor(ask, by, d.existing, d.issuer)
	d.chosen.into(&in)
	d.decision = certificate.Decide(in)
	if s.forbids(d, ask, by, kept(d.existing, d.decision), certificate.CauseKeptForbidden) || s.forbidsKeptIssuer(d, ask, by) {
		return
	}
	if s.policy.Explain {
		d.values = explain(s.input, by.terms, by.match.rule, d.issuer, in, d.decision.Config, d.chosen.origins())
	}
}

// forbids decides that nothing is to be made or changed where the operator doesn't allow one of
// the names, and says whether it did.
func (s *secrets) forbids(d *secretDecision, ask source.Ask, by *party, names []askedName, cause certificate.Cause) bool {
	if len(by.match.limits) == 0 {
		return false
	}
	name, rule, forbidden := by.match.limits.forbidsName(names)
	if forbidden {
		path := pathOf(ask)
		if name.key != "" {
			path = by.path(name.key)
		}
		d.problems.Add(nameProblem(rule, path, name))
		d.decision = certificate.Refused(s.object, ask, d.existing, certificate.Because(cause, rule.text()))
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
func (s *secrets) forbidsKeptIssuer(d *secretDecision, ask source.Ask, by *party) bool {
	if d.decision.Action != certificate.Apply || len(d.decision.Yielded) == 0 || d.existing.Issuer == d.issuer.issuer.Ref {
		return false
	}
	if spec, _ := d.decision.Config["spec"].(map[string]any); spec["issuerRef"] != nil {
		return false
	}
	present := consultPresent(s.input, by.reach(), d.issuer.named, d.existing.Issuer)
	if present.clear() {
		return false
	}
	d.problems.Add(present.problem)
	d.decision = certificate.Refused(s.object, ask, d.existing, present.why)
	return true
}

// reaches decides about a Secret of another namespace what there is to decide before anything there is
// looked at, which is done only for a source that is granted the Secret. It says whether it is.
func (s *secrets) reaches(d *secretDecision, ask source.Ask) bool {
	d.existing = s.owned(d.at)
	if len(ask.Hosts)+len(ask.Broken) == 0 {
		d.decision = certificate.Refused(s.object, ask, d.existing, certificate.Because(certificate.CauseLeftOut))
		return false
	}
	allowed, wrong := permit(s.input, ask)
	if by := s.asked.termsOf(d.at); allowed.clear() && by.wrong.IsZero() {
		allowed, wrong = s.admits(ask, s.partyOf(ask))
	}
	if wrong.Reason != "" {
		d.problems.Add(wrong)
	}
	switch {
	case allowed.unknown:
		d.decision = certificate.Undecided(s.object, ask, d.existing, allowed.why)
	case !allowed.clear():
		d.decision = certificate.Refused(s.object, ask, d.existing, allowed.why)
	}
	return allowed.clear()
}

// admits says whether what the source asks for may be in another namespace that grants it the Secret: by
// its annotations, and as far as it can be known which rules there are for sources there.
func (s *secrets) admits(ask source.Ask, by *party) (standing, problem.Problem) {
	if field := forbiddenElsewhere(by.request, ask.Hosts); field != "" {
		return refuse(certificate.CauseFieldElsewhere, string(field)), fieldProblem(s.input, by.terms, field)
	}
	if by.unread {
		return waitFor(certificate.CausePolicyElsewhere), problem.Problem{}
	}
	return standing{}, problem.Problem{}
}

// issuerFor decides the issuer of a Secret by the Certificate that it has, if any.
func (s *secrets) issuerFor(by *party, existing *certificate.Observed) *consulted {
	now := presentIssuer(s.input, existing)
	if by.last != nil && by.lastOf == now {
		return by.last
	}
	current := now
	if current.Name == "" {
		current = s.firstIssuer(by)
	}
	c := consult(s.input, by.reach(), name(s.input, by.naming, current), now)
	s.issuers = append(s.issuers, c)
	by.last, by.lastOf = c, now
	return c
}

func (s *secrets) firstIssuer(by *party) resolver.Ref {
	if by.fallback == nil {
		first := firstIssuer(s.input, s.asked, by.terms)
		by.fallback = &first
	}
	return *by.fallback
}

func (s *secrets) inputFor(ask source.Ask, by *party, existing *certificate.Observed, issuer *consulted) certificate.Input {
	at := ask.At(s.object)
	in := certificate.Input{
		Policy: s.policy.Certificate, Fields: s.observed.HasField,
		Source: by.source(s.object), IsRead: s.policy.Parser.ForIssuer, Kind: s.kind, Ask: ask, Request: by.taken(), Issuer: issuer.issuer,
		Statement: issuer.finding.Statement, Hold: by.hold(issuer),
		Existing: existing, Edit: s.observed.Edit(), MayHaveBeenFulfilled: s.observed.MayHaveBeenFulfilled(), Offline: s.policy.Offline, Retain: s.retains(s.asked.request, existing),
	}
	if !s.isStrange(existing) {
		in.Writers = s.observed.CertificatesWriting(at.Namespace, at.Name)
	}
	if rule := by.match.rule; rule != nil {
		in.Statement.Values = rule.Values.Under(in.Statement.Values)
		in.Subject = rule.Subject
	}
	claim := func(other *source.Object) certificate.Claim { return s.claim(other, at) }
	if existing != nil && (certificate.Claimable(s.object, *existing) || certificate.Restored(*existing) || s.policy.Certificate.Adoption != nil) {
		in.Other = s.observed.OtherNaming(at.Namespace, at.Name)
	}
	in.IsGone = func(uid string) bool { return s.observed.IsGone(s.object.Namespace, uid) }
	switch {
	case existing == nil:
		if first := s.observed.First(at.Namespace, at.Name, claim); first != nil && first.Source != s.object.Ref {
			in.First = first
		}
	case existing.Owner != certificate.Owner{} && !certificate.Owns(s.object, *existing):
		in.Owner = s.observed.Rival(existing.Owner, at.Namespace, at.Name, claim)
	}
	return in
}

// isStrange says whether a Certificate belongs to another object, and so is left alone whatever else
// there is: no adoption is chosen, and it can't be taken over.
func (s *secrets) isStrange(existing *certificate.Observed) bool {
	return existing != nil && existing.Owner != certificate.Owner{} && s.policy.Certificate.Adoption == nil &&
		!certificate.Owns(s.object, *existing) && !certificate.Claimable(s.object, *existing)
}

// tellClaim passes on what is asked for of the Secret, if only the claim on it is decided.
func (s *secrets) tellClaim(ask source.Ask, by *terms, issuer *consulted) {
	if s.only != nil {
		s.only.tell(certificate.NewClaim(ask, by.request, issuer.issuer.Ref))
	}
}

// hold says why new Certificates wait, to know which rule counts or for a resolver, if they do.
func (p *party) hold(issuer *consulted) certificate.Reason {
	switch {
	case p.match.unknown:
		return certificate.Because(certificate.CausePolicyUnknown)
	case issuer.holds():
		return certificate.Because(certificate.CauseResolverSilent)
	}
	return certificate.Reason{}
}

// issuer is that of the source itself: of the first Secret without annotations of its own, or of any if each has some.
func (s *secrets) issuer(decided []secretDecision) resolver.Issuer {
	for _, d := range decided {
		if d.issuer != nil && s.asked.termsOf(d.at) == &s.asked.terms {
			return d.issuer.named.Issuer
		}
	}
	if len(s.issuers) == 0 {
		return resolver.Issuer{}
	}
	return s.issuers[0].named.Issuer
}

// sections are the Secrets that go by a section.
func (s *secrets) sections(decided []secretDecision) []Section {
	var all []Section
	for i := range decided {
		d := &decided[i]
		by := s.asked.termsOf(d.at)
		if by.section == nil && by.wrong.IsZero() {
			continue
		}
		section := Section{Secret: d.at}
		if by.section != nil {
			section.Name = by.section.Name
		}
		if d.issuer != nil {
			section.Issuer = d.issuer.named.Issuer
		}
		all = append(all, section)
	}
	return all
}
