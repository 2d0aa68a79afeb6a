package certshim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/names"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/routes"
	"github.com/certshim/certshim/source"
)

// routed is what routes bring to a Certificate. The zero value is that of one to which they bring nothing.
type routed struct {
	routes.Choice
	// on is set where names of routes count, and nameless if there are no other names.
	on, nameless bool
	// record is what the Certificate said before.
	record routes.Record
	// failing is set while cert-manager fails to have the Certificate signed.
	failing bool
	// incomplete is set if there may be routes that aren't known.
	incomplete bool
}

// offersOf gives what routes bring to each listener of a source, in the order of its entries.
func (s *secrets) offersOf() [][]routes.Offer {
	if s.offers != nil {
		return s.offers
	}
	s.attached = s.observed.RoutesOf(s.object.Ref)
	s.permits = routePermits{input: s.input, asked: s.asked, by: map[string]*permits{}}
	to := routes.Parents{
		Kind: s.object.GroupKind(), Namespace: s.object.Namespace, Name: s.object.Name,
		Listeners: routes.ListenersOf(s.object), Labels: s.labelsOf, Permit: s.permits.verdict,
	}
	s.offers = routes.Gather(to, s.attached.Routes)
	return s.offers
}

// chooseRoutes adds the names that routes bring to what is asked for of a Secret.
func (s *secrets) chooseRoutes(d *secretDecision, ask *source.Ask, by *party) routed {
	if !s.wantsRoutes(s.asked.request) || ask.Namespace != "" || len(ask.Entries)+len(ask.Broken) == 0 {
		return routed{}
	}
	q := s.question(d, *ask, by)
	r := routed{on: true, nameless: len(ask.Hosts) == 0, incomplete: !q.Complete}
	if q.Present != nil {
		r.record = q.Present.Record
	}
	if d.existing != nil && d.existing.Routed != nil {
		r.failing = d.existing.Routed.Failing
	}
	r.Choice = routes.Choose(q)
	ask.Hosts = append(slices.DeleteFunc(slices.Clone(q.Hosts), func(host string) bool { return isAmong(host, r.Replaced) }), r.Names...)
	if r.incomplete && d.existing != nil {
		// No name goes while a route may be there that isn't seen.
		ask.Broken = append(slices.Clip(ask.Broken), ask.Entries...)
	}
	return r
}

// question is what the choice for a Secret goes by.
func (s *secrets) question(d *secretDecision, ask source.Ask, by *party) routes.Question {
	q := routes.Question{
		Hosts: ask.Hosts, Limits: s.limitsFor(d.issuer), Now: s.observed.Now(),
		Others: len(s.asked.termsOf(d.at).request.DNSNames),
	}
	offers := s.offersOf()
	q.Complete, q.Changed = s.attached.Complete, s.attached.Changed
	for n, entry := range s.object.Entries {
		if !slices.ContainsFunc(ask.Entries, func(ref source.EntryRef) bool { return ref.Path == entry.Path }) {
			continue
		}
		hostname := strings.Join(entry.Hosts, "")
		q.Hostnames = append(q.Hostnames, hostname)
		q.Offers = slices.Grow(q.Offers, len(offers[n]))
		before := len(q.Offers)
		for _, o := range offers[n] {
			if o.Verdict > routes.Forbidden && !s.mayHave(d, by, o.Name) {
				o.Verdict = routes.Forbidden
			}
			q.Offers = append(q.Offers, o)
		}
		if s.policy.Routes.ReplaceWildcards && strings.HasPrefix(hostname, "*") {
			q.Wildcards = withWildcard(q.Wildcards, routes.Wildcard{Hostname: hostname, Brought: brought(q.Offers[before:])})
		}
	}
	q.Present = presentNames(s.input, d.existing, s.asked.termsOf(d.at).request)
	if q.Present != nil {
		q.Present.Names = slices.DeleteFunc(q.Present.Names, func(name string) bool {
			return !strings.HasPrefix(name, "*") && (s.isNobodys(name) || !s.mayHave(d, by, name))
		})
	}
	return q
}

// mayHave reports whether the rules let the Certificate have a name for the sake of a route: one that they forbid
// must not hold up all others.
func (s *secrets) mayHave(d *secretDecision, by *party, name string) bool {
	_, _, forbidden := by.match.limits.forbidsName([]askedName{{kind: hostName, value: name}})
	return !forbidden && s.permits.of(s.object.Namespace).allow(name, &d.issuer.issuer.Ref) > routes.Forbidden
}

// isNobodys reports whether no namespace may bring a name.
func (s *secrets) isNobodys(name string) bool {
	for _, suffixes := range s.policy.Routes.Suffixes {
		if outside([]string{name}, suffixes) == "" {
			return false
		}
	}
	return true
}

// brought is the greatest verdict on one of the names, 0 if there are none.
func brought(offers []routes.Offer) routes.Verdict {
	var greatest routes.Verdict
	for _, o := range offers {
		greatest = max(greatest, o.Verdict)
	}
	return greatest
}

// withWildcard adds the wildcard of one more listener, each hostname once.
func withWildcard(all []routes.Wildcard, w routes.Wildcard) []routes.Wildcard {
	for i := range all {
		if names.DNS(all[i].Hostname) == names.DNS(w.Hostname) {
			all[i].Brought = max(all[i].Brought, w.Brought)
			return all
		}
	}
	return append(all, w)
}

// limitsFor are the operator's, or the issuer's if it signs fewer names.
func (s *secrets) limitsFor(issuer *consulted) routes.Limits {
	limits := s.policy.Routes.Limits
	if rule := issuer.finding.Constraints.SANs; rule != nil && rule.Max > 0 {
		limits.Certificate = min(limits.Certificate, rule.Max)
	}
	return limits
}

// presentNames is what is known of the names of a Certificate that is the source's; those that annotations ask for
// aren't a matter of routes.
func presentNames(q input, existing *certificate.Observed, request annotations.Request) *routes.Present {
	if existing == nil || !certificate.Owns(q.object, *existing) {
		return nil
	}
	r := existing.Routed
	if r == nil {
		return &routes.Present{}
	}
	present := &routes.Present{Known: r.Owned, Record: routes.ParseRecord(r.Record), Wrote: r.Wrote, Renews: r.Renews, Failing: r.Failing}
	for _, name := range r.Names {
		if !isAmong(name, request.DNSNames) {
			present.Names = append(present.Names, name)
		}
	}
	return present
}

// into puts the choice into the input of a decision.
func (r *routed) into(in *certificate.Input) {
	if !r.on {
		return
	}
	if len(r.Names) > 0 || in.Existing != nil && in.Existing.Routed != nil {
		in.Routes = r.Record.String()
	}
	if in.Edit == certificate.EditNone && r.addsByEdit(in.Existing) {
		in.Edit = certificate.EditPossible
	}
	if r.Waits && in.Hold.IsZero() {
		in.Hold = certificate.Because(certificate.CauseRoutesSettle)
	}
}

// addsByEdit reports whether a Certificate gets a name that it hasn't got of a route that was edited. What else adds a name, such as
// the configuration or the labels of a Namespace, is no edit.
func (r *routed) addsByEdit(existing *certificate.Observed) bool {
	var has []string
	if existing != nil && existing.Routed != nil {
		has = existing.Routed.Names
	}
	return slices.ContainsFunc(r.Names, func(name string) bool {
		route := r.From[names.DNS(name)]
		return route != nil && route.Edited && !isAmong(name, has)
	})
}

// isAmong reports whether a name is one of several, however it is spelled.
func isAmong(name string, all []string) bool {
	form := names.DNS(name)
	return slices.ContainsFunc(all, func(other string) bool { return names.DNS(other) == form })
}

// origins are the names that routes bring, each with the oldest route that does.
func (r *routed) origins() []string {
	var all []string
	for _, name := range r.Names {
		by := "a route that is gone or can't be seen"
		if route := r.From[names.DNS(name)]; route != nil {
			by = fmt.Sprintf("%s %s/%s", route.Kind, route.Namespace, route.Name)
		}
		all = append(all, name+": "+by)
	}
	return all
}

// tell says what there is to say of the names of routes.
func (r *routed) tell(d *secretDecision, ask source.Ask) {
	if !r.on {
		return
	}
	d.decision.Again = r.Again
	say := func(severity problem.Severity, reason problem.Reason, message string) {
		d.problems.Add(problem.Problem{Severity: severity, Path: pathOf(ask), Reason: reason, Message: message})
	}
	if r.nameless && len(r.Names) == 0 {
		say(problem.Info, problem.NothingToDo, "no route brings a name that may go into its certificate yet")
	}
	if r.incomplete {
		say(problem.Warning, problem.RouteNames, "not all routes can be read: names of routes stay as they are, and others may be missing")
	}
	if len(r.Beyond) > 0 {
		say(problem.Warning, problem.RouteNames, fmt.Sprintf("%s left out, as there is no more room in the certificate or for the namespace: %s",
			namesOfRoutes(r.Beyond), offersText(r.Beyond)))
	}
	if len(r.Uncertain) > 0 && !r.incomplete {
		say(problem.Warning, problem.RouteNames, fmt.Sprintf("%s left out, as it can't be known whether that is allowed, for example where labels of Namespaces aren't known: %s",
			namesOfRoutes(r.Uncertain), offersText(r.Uncertain)))
	}
	if r.failing && len(r.record.Added) > 0 {
		more := ""
		if r.record.More > 0 {
			more = fmt.Sprintf(" and %d more", r.record.More)
		}
		say(problem.Warning, problem.RouteNames, "its certificate can't be issued as it is asked for now; the names that were added last: "+strings.Join(r.record.Added, ", ")+more)
	}
}

// shown is how many names stand in an Event.
const shown = 8

func namesOfRoutes(offers []routes.Offer) string {
	if len(offers) == 1 {
		return "1 name of a route is"
	}
	return fmt.Sprintf("%d names of routes are", len(offers))
}

func offersText(offers []routes.Offer) string {
	var all []string
	for _, o := range offers[:min(len(offers), shown)] {
		all = append(all, fmt.Sprintf("%s of %s/%s", o.Name, o.Route.Namespace, o.Route.Name))
	}
	if len(offers) > shown {
		all = append(all, "…")
	}
	return strings.Join(all, ", ")
}

// routePermits is the operator's word on names that routes bring.
type routePermits struct {
	input
	asked *asked
	// by is what is known of a namespace.
	by map[string]*permits
}

// permits are the rules that may match a source of a namespace with one host, the first of them that has the host
// counts.
type permits struct {
	rules []*Rule
	// unknown is set if it can't be known whether further rules match.
	unknown bool
}

// verdict says whether a route may bring a name: its namespace needs the suffix, and what the rules say of a source
// with that name alone has to allow it, for the namespace of the route and for that of the source.
func (p routePermits) verdict(route *routes.Route, name string) routes.Verdict {
	suffixes, listed := p.policy.Routes.Suffixes[route.Namespace]
	if !listed || !slices.Contains(p.policy.Routes.Kinds, route.Kind) || outside([]string{name}, suffixes) != "" {
		return routes.Forbidden
	}
	verdict := p.of(p.object.Namespace).allow(name, nil)
	if route.Namespace != p.object.Namespace {
		verdict = min(verdict, p.of(route.Namespace).allow(name, nil))
	}
	return verdict
}

func (p routePermits) of(namespace string) *permits {
	if known := p.by[namespace]; known != nil {
		return known
	}
	all := &permits{}
	p.by[namespace] = all
	m := matcher{input: p.input, asked: p.asked, terms: &p.asked.terms, namespace: namespace}
	for i := range p.policy.Rules {
		rule := &p.policy.Rules[i]
		anyHost := *rule
		anyHost.HostSuffixes = nil
		fits, known := m.fits(&anyHost)
		if !known {
			all.unknown = slices.ContainsFunc(p.policy.Rules[i:], Rule.limits)
			break
		}
		if fits == whole {
			all.rules = append(all.rules, rule)
		}
	}
	return all
}

// allow says whether the first of the rules that is for a name allows it, and the issuer unless that is nil.
func (p *permits) allow(name string, issuer *resolver.Ref) routes.Verdict {
	asked := askedName{kind: hostName, value: name}
	for _, rule := range p.rules {
		if len(rule.HostSuffixes) > 0 && !asked.isUnder(rule.HostSuffixes) {
			continue
		}
		if !rule.allowsName(asked) || issuer != nil && !rule.allowsIssuer(*issuer) {
			return routes.Forbidden
		}
		return routes.Allowed
	}
	if p.unknown {
		return routes.Uncertain
	}
	return routes.Allowed
}
