package certshim

import (
	"strings"

	"github.com/certshim/certshim/annotations"
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
		s.decision.Action == certificate.Apply && s.existing.Issuer != s.issuer.issuer.Ref
}

// claims says which source comes first for a Secret that has no Certificate, nil for none.
type claims func(secret string) *source.Ref

// secrets decides about the Secrets of one source. The issuer is decided for each of them,
// and once for those that have the same.
type secrets struct {
	input
	asked  *asked
	match  matched
	naming *naming
	first  claims

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
		d.decision = certificate.Undecided(s.object, ask, nil, "whether it has a Certificate can't be known")
		return d
	}
	d.issuer = s.issuerFor(d.existing)
	switch {
	case d.issuer.unknown:
		d.decision = certificate.Undecided(s.object, ask, d.existing, d.issuer.why)
		return d
	case !d.issuer.clear():
		d.decision = certificate.Refused(s.object, ask, d.existing, d.issuer.why)
		return d
	}
	if name, p := forbiddenHost(s.match.rule, ask, s.asked.request); name != "" {
		d.problems.Add(p)
		d.decision = certificate.Refused(s.object, ask, d.existing, "the policy "+s.match.rule.Name+" doesn't allow a host of it")
		return d
	}
	in := s.inputFor(ask, d.existing, d.issuer)
	d.decision = certificate.Decide(in)
	if s.policy.Explain {
		d.values = explain(s.input, s.asked, s.match.rule, d.issuer, in, d.decision.Config)
	}
	return d
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
	c := consult(s.input, s.match.rule, name(s.input, s.asked, s.naming, current), now)
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
		Source: s.object, Kind: s.kind, Ask: ask, Request: s.asked.request, Issuer: issuer.issuer,
		Statement: issuer.finding.Statement, Hold: s.hold(issuer),
		Existing: existing,
		Writers:  s.observed.CertificatesWriting(s.object.Namespace, ask.Secret),
	}
	if rule := s.match.rule; rule != nil {
		in.Statement.Values = rule.Values.Under(in.Statement.Values)
		in.Subject = rule.Subject
	}
	if existing == nil {
		if first := s.first(ask.Secret); first != nil && *first != s.object.Ref {
			in.First = first
		}
	}
	return in
}

// hold says why new Certificates wait, to know which rule counts or for a resolver, or "".
func (s *secrets) hold(issuer *consulted) string {
	switch {
	case s.match.unknown:
		return ruleUnread
	case issuer.holds():
		return "the resolver of its issuer has not answered yet"
	}
	return ""
}

// forbiddenHost is a name of a Certificate that the rule, which may be nil, doesn't allow, or
// "": a host, or what annotations add as such.
func forbiddenHost(rule *Rule, ask source.Ask, request annotations.Request) (string, problem.Problem) {
	if rule == nil || rule.AllowedHosts == nil {
		return "", problem.Problem{}
	}
	var commonName []string
	if request.CommonName != "" {
		commonName = []string{request.CommonName}
	}
	for _, names := range []struct {
		key   string
		names []string
	}{
		{"", ask.Hosts},
		{annotations.Prefix + "alt-names", request.DNSNames},
		{annotations.Prefix + "ip-sans", request.IPAddresses},
		{annotations.Prefix + "common-name", commonName},
	} {
		if name := outside(names.names, rule.AllowedHosts); name != "" {
			return name, hostProblem(rule, pathOf(ask), names.key, name)
		}
	}
	return "", problem.Problem{}
}

func hostProblem(rule *Rule, path, key, name string) problem.Problem {
	if key != "" {
		path = "metadata.annotations[" + key + "]"
	}
	return problem.Problem{
		Severity: problem.Error, Path: path, Key: key, Value: name, Allowed: strings.Join(rule.AllowedHosts, ", "),
		Reason: problem.HostNotAllowed, Message: "the policy " + rule.Name + " doesn't allow this host here",
	}
}
