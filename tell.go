package certshim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// issuerProblems says what is to be said about the issuers of one source, once for each that is named.
type issuerProblems struct {
	input
	decided  []secretDecision
	problems problem.List
	// heldBy is the resolver for whose first answer a new Certificate waits, or empty.
	heldBy string
}

func (t *issuerProblems) tell(issuers []*consulted) {
	for i, c := range issuers {
		t.problems.Merge(c.named.problems)
		if c.problem.Reason != "" {
			t.problems.Add(c.problem)
		}
		switch {
		case c.missing && !toldBefore(c, issuers[:i]):
			t.tellMissing(c)
		case i == 0 && t.policy.Offline:
			t.tellOfAnother(c)
		}
		t.tellHeld(c)
	}
	t.tellNotReady()
}

func toldBefore(c *consulted, earlier []*consulted) bool {
	for _, other := range earlier {
		if other.missing && other.named.Ref == c.named.Ref {
			return true
		}
	}
	return false
}

// tellMissing says that the issuer isn't there, what follows, and what might be meant.
func (t *issuerProblems) tellMissing(c *consulted) {
	key, held := keyOf(t.input, c.named.Issuer), t.held(c.named.Ref)
	notServed := c.fault == resolver.NotServed
	if notServed && !t.policy.Registry.Knows(key.GroupKind) && len(held) == 0 {
		// That nobody knows the kind has been told.
		return
	}
	reason, message := problem.IssuerNotFound, "there is no "+inWords(key)
	if notServed {
		reason = problem.IssuerKindNotInstalled
		message = fmt.Sprintf("the cluster has no issuers of kind %s in group %s, whose CRD isn't installed", key.Kind, key.Group)
	}
	found := namesakes(t.input, c.named.Issuer)
	if len(found) > 0 {
		message += "; there is " + withArticle(inWords(keyOf(t.input, found[0])))
	}
	p := issuerProblem(t.input, c.named, problem.Warning, reason, message+meanwhile(held))
	p.Lines = pasteLines(append(found, near(t.input, c.named.Issuer)...))
	t.problems.Add(p)
}

// tellOfAnother says of an issuer that isn't among the documents of a plan, and may be in the
// cluster, that there is one of its name and another kind.
func (t *issuerProblems) tellOfAnother(c *consulted) {
	if c.named.Name == "" || c.finding.Existence != resolver.MayExist {
		return
	}
	found := namesakes(t.input, c.named.Issuer)
	for _, beside := range near(t.input, c.named.Issuer) {
		if beside.Name == c.named.Name && beside.Kind != c.named.Kind {
			found = append(found, beside)
		}
	}
	if len(found) == 0 {
		return
	}
	p := issuerProblem(t.input, c.named, problem.Warning, problem.IssuerNotFound,
		"the input has no "+inWords(keyOf(t.input, c.named.Issuer))+", but "+withArticle(inWords(keyOf(t.input, found[0]))))
	p.Lines = pasteLines(found)
	t.problems.Add(p)
}

// withArticle puts a or an before words that begin with a kind.
func withArticle(words string) string {
	if strings.ContainsAny(words[:1], "AEIO") {
		return "an " + words
	}
	return "a " + words
}

// namesakes are issuers of the same name and of kinds of other groups.
func namesakes(q input, issuer resolver.Issuer) []resolver.Issuer {
	issuers := q.observed.Issuers()
	if issuers == nil {
		return nil
	}
	var found []resolver.Issuer
	for _, known := range q.policy.Registry.Kinds() {
		if known.Group == issuer.Group || known.Former {
			continue
		}
		ref := resolver.Ref{Group: known.Group, Kind: known.GroupKind.Kind, Name: issuer.Name}
		other := resolver.Issuer{Ref: ref, Scope: known.Scope, From: resolver.FromAnnotation}
		if issuers.Near(known.GroupKind, keyOf(q, other).Namespace, issuer.Name, true) == issuer.Name {
			found = append(found, other)
		}
	}
	return found
}

// held are the Certificates that stay with their present issuer instead of this one, in words.
func (t *issuerProblems) held(named resolver.Ref) []string {
	var names []string
	for i := range t.decided {
		s := &t.decided[i]
		if s.issuer != nil && s.issuer.named.Ref == named && s.issuer.stays() {
			names = append(names, s.name+" with "+s.issuer.issuer.Kind+" "+s.issuer.issuer.Name)
		}
	}
	return names
}

func meanwhile(held []string) string {
	if len(held) == 0 {
		return "; its Certificates wait for it"
	}
	const most = 3
	more := ""
	if len(held) > most {
		held, more = held[:most], " and so on"
	}
	return "; Certificates that have another stay with it until then: " + strings.Join(held, ", ") + more
}

// near are issuers that are there and could be meant: of nearly this name, or of this name
// and another kind of the group. They are of the source's namespace, or of the cluster.
func near(q input, issuer resolver.Issuer) []resolver.Issuer {
	issuers := q.observed.Issuers()
	if issuers == nil {
		return nil
	}
	var found []resolver.Issuer
	for _, at := range kindsBeside(q, issuer) {
		kind := resolver.GroupKind{Group: at.Group, Kind: at.Kind}
		if at.Name = issuers.Near(kind, keyOf(q, at).Namespace, issuer.Name, at.Kind != issuer.Kind); at.Name != "" {
			found = append(found, at)
		}
	}
	return found
}

// kindsBeside are the declared kinds of an issuer's group; or its own, if that isn't declared.
func kindsBeside(q input, issuer resolver.Issuer) []resolver.Issuer {
	if !q.policy.Registry.Knows(resolver.GroupKind{Group: issuer.Group, Kind: issuer.Kind}) {
		return []resolver.Issuer{{Ref: issuer.Ref, Scope: issuer.Scope, From: resolver.FromAnnotation}}
	}
	var kinds []resolver.Issuer
	for _, known := range q.policy.Registry.KindsOf(issuer.Group) {
		ref := resolver.Ref{Group: issuer.Group, Kind: known.GroupKind.Kind}
		kinds = append(kinds, resolver.Issuer{Ref: ref, Scope: known.Scope, From: resolver.FromAnnotation})
	}
	return kinds
}

// tellHeld notes that a Certificate waits for a resolver, and says so where it has been silent
// for long.
func (t *issuerProblems) tellHeld(c *consulted) {
	if !c.holds() || !t.waits(c) {
		return
	}
	t.heldBy = c.finding.By
	if !c.finding.Overdue {
		return
	}
	message := "the resolver " + c.finding.By + " has not answered yet: new Certificates wait for it"
	if c.finding.Fault == resolver.Denied {
		message = "the resolver " + c.finding.By + " says that the issuer is missing, but the cluster has it: new Certificates wait for an answer"
	}
	t.problems.Add(issuerProblem(t.input, c.named, problem.Warning, problem.IssuerResolverUnavailable, message))
}

func (t *issuerProblems) waits(c *consulted) bool {
	for i := range t.decided {
		if t.decided[i].issuer == c && t.decided[i].decision.Action == certificate.Wait {
			return true
		}
	}
	return false
}

// tellNotReady says so where something is written that the issuer has to sign.
func (t *issuerProblems) tellNotReady() {
	var asked []resolver.Ref
	for i := range t.decided {
		s := &t.decided[i]
		if !s.moves() || s.issuer.missing || slices.Contains(asked, s.issuer.issuer.Ref) {
			continue
		}
		asked = append(asked, s.issuer.issuer.Ref)
		t.tellReadiness(s.issuer)
	}
}

func (t *issuerProblems) tellReadiness(c *consulted) {
	issuers := t.observed.Issuers()
	if issuers == nil {
		return
	}
	key := keyOf(t.input, c.issuer)
	ready, reason, message := issuers.Readiness(key)
	if ready != resolver.NotReady {
		return
	}
	text := inWords(key) + " isn't ready; its Certificates wait for it"
	hidden := t.policy.HideIssuerStatus && key.Namespace == ""
	if why := strings.Trim(reason+": "+message, ": "); why != "" && !hidden {
		text += ". It says " + problem.Quote(why)
	}
	t.problems.Add(issuerProblem(t.input, c.named, problem.Warning, problem.IssuerNotReady, text))
}
