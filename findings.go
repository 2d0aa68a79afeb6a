package certshim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// consult takes what is known of the issuer. What is advice is told and blocks nothing; it
// returns why the issuer may not be used, or "".
func (d *decision) consult() string {
	key := d.keyOf(d.out.Issuer)
	d.finding = d.find(key)
	switch {
	case !d.finding.Allows(d.object.Namespace):
		d.issuerProblem(problem.Error, problem.IssuerNotAllowed, "sources of this namespace may not use "+said(key))
		d.await(key)
		return "this namespace may not use its issuer"
	case d.finding.Existence == resolver.Missing:
		d.tellMissing(key)
	case d.finding.State == resolver.Never:
		d.await(key)
	}
	return ""
}

func (d *decision) holds() bool { return d.finding.Hold && d.finding.State == resolver.Never }

func (d *decision) await(key resolver.IssuerKey) { d.out.Awaits = append(d.out.Awaits, key) }

// find gives what is known of an issuer; of one of a declared kind that nobody sees, it is
// what its type says.
func (d *decision) find(key resolver.IssuerKey) resolver.Finding {
	if issuers := d.seen.Issuers(); issuers != nil {
		if finding, spoken := issuers.Find(key); spoken {
			return finding
		}
	}
	if known, declared := d.policy.Registry.Known(key.GroupKind); declared {
		return resolver.Finding{Statement: known.Said(0), State: resolver.Never}
	}
	return resolver.Finding{State: resolver.Never}
}

// keyOf is where an issuer is: in the source's namespace, unless it is one of the cluster.
func (d *decision) keyOf(issuer resolver.Issuer) resolver.IssuerKey {
	key := resolver.IssuerKey{GroupKind: resolver.GroupKind{Group: issuer.Group, Kind: issuer.Kind}, Name: issuer.Name}
	if issuer.Scope != resolver.Cluster {
		key.Namespace = d.object.Namespace
	}
	return key
}

// issuerFor is the issuer of a Certificate: the one that the source names; or the present
// one, where that isn't known to be missing and the other is.
func (d *decision) issuerFor(existing *certificate.Observed) (resolver.Issuer, resolver.Finding) {
	if present, finding, stays := d.staysWith(existing); stays {
		return present, finding
	}
	return d.out.Issuer, d.finding
}

func (d *decision) staysWith(existing *certificate.Observed) (resolver.Issuer, resolver.Finding, bool) {
	if existing == nil || d.finding.Existence != resolver.Missing ||
		existing.Issuer.Name == "" || existing.Issuer == d.out.Issuer.Ref {
		return resolver.Issuer{}, resolver.Finding{}, false
	}
	ref := existing.Issuer
	scope, _ := d.policy.Registry.Scope(resolver.GroupKind{Group: ref.Group, Kind: ref.Kind}, d.seen.Served())
	present := resolver.Issuer{Ref: ref, Scope: scope, From: d.out.Issuer.From}
	finding := d.find(d.keyOf(present))
	return present, finding, finding.Existence != resolver.Missing
}

// tellMissing says that the issuer isn't there, what follows, and what might be meant.
func (d *decision) tellMissing(key resolver.IssuerKey) {
	d.await(key)
	held := d.held()
	notServed := d.finding.Fault == resolver.NotServed
	if notServed && !d.policy.Registry.Knows(key.GroupKind) && len(held) == 0 {
		// That nobody knows the kind has been told.
		return
	}
	reason, message := problem.IssuerNotFound, "there is no "+said(key)
	if notServed {
		reason = problem.IssuerKindNotInstalled
		message = fmt.Sprintf("the cluster has no issuers of kind %s in group %s, whose CRD isn't installed", key.Kind, key.Group)
	}
	p := d.problemOf(problem.Warning, reason, message+meanwhile(held))
	p.Lines = pasteLines(d.near(key))
	d.problems.Add(p)
}

// held are the Certificates that stay with their present issuer, in words.
func (d *decision) held() []string {
	var names []string
	for _, ask := range d.asks.Asks {
		if present, _, stays := d.staysWith(d.existing(ask.Secret)); stays {
			names = append(names, ask.Secret+" with "+present.Kind+" "+present.Name)
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
func (d *decision) near(key resolver.IssuerKey) []resolver.Issuer {
	issuers := d.seen.Issuers()
	if issuers == nil {
		return nil
	}
	var found []resolver.Issuer
	for _, at := range d.kindsBeside(key) {
		kind := resolver.GroupKind{Group: at.Group, Kind: at.Kind}
		names := issuers.Names(kind, d.keyOf(at).Namespace)
		nearest := declaration.Nearest
		if kind == key.GroupKind {
			nearest = declaration.NearestOther
		}
		if at.Name = nearest(key.Name, names); at.Name != "" {
			found = append(found, at)
		}
	}
	return found
}

// kindsBeside are the declared kinds of an issuer's group; or its own, if that isn't declared.
func (d *decision) kindsBeside(key resolver.IssuerKey) []resolver.Issuer {
	if !d.policy.Registry.Knows(key.GroupKind) {
		return []resolver.Issuer{{Ref: d.out.Issuer.Ref, Scope: d.out.Issuer.Scope, From: resolver.FromAnnotation}}
	}
	var kinds []resolver.Issuer
	for _, known := range d.policy.Registry.KindsOf(key.Group) {
		ref := resolver.Ref{Group: key.Group, Kind: known.GroupKind.Kind}
		kinds = append(kinds, resolver.Issuer{Ref: ref, Scope: known.Scope, From: resolver.FromAnnotation})
	}
	return kinds
}

// tellHeld notes that a Certificate waits for a resolver, and says so where it has been silent
// for long.
func (d *decision) tellHeld() {
	waits := func(c certificate.Decision) bool { return c.Action == certificate.Wait }
	if !d.holds() || !slices.ContainsFunc(d.out.Certificates, waits) {
		return
	}
	d.out.HeldBy = d.finding.By
	if d.finding.Overdue {
		d.issuerProblem(problem.Warning, problem.IssuerResolverUnavailable,
			"the resolver "+d.finding.By+" has not answered yet: new Certificates wait for it")
	}
}

// awaitLimits waits for an issuer that rules out a Certificate: its rules may change.
func (d *decision) awaitLimits(issuer resolver.Issuer, decided certificate.Decision) {
	for _, p := range decided.Problems.All() {
		if p.Reason == problem.IssuerCannotIssue {
			d.await(d.keyOf(issuer))
			return
		}
	}
}

// tellNotReady says so where something is written that the issuer has to sign.
func (d *decision) tellNotReady() {
	if d.finding.Ready != resolver.NotReady || d.finding.Existence == resolver.Missing {
		return
	}
	for _, decided := range d.out.Certificates {
		if decided.Action != certificate.Create && !d.moves(decided) {
			continue
		}
		key := d.keyOf(d.out.Issuer)
		message := said(key) + " isn't ready; its Certificates wait for it"
		if why := strings.Trim(d.finding.Reason+": "+d.finding.Message, ": "); why != "" {
			message += ". It says " + problem.Quote(why)
		}
		d.issuerProblem(problem.Warning, problem.IssuerNotReady, message)
		d.await(key)
		return
	}
}

// moves says whether a Certificate that exists goes to another issuer.
func (d *decision) moves(decided certificate.Decision) bool {
	existing := d.existing(decided.Name)
	return decided.Action == certificate.Apply && existing != nil && existing.Issuer != d.out.Issuer.Ref
}

func (d *decision) issuerProblem(severity problem.Severity, reason problem.Reason, message string) {
	d.problems.Add(d.problemOf(severity, reason, message))
}

// problemOf is about the issuer, at the annotation that names it, if one does.
func (d *decision) problemOf(severity problem.Severity, reason problem.Reason, message string) problem.Problem {
	p := problem.Problem{Severity: severity, Reason: reason, Message: message, Key: d.issuerKey(), Value: d.out.Issuer.Name}
	switch d.out.Issuer.From {
	case resolver.FromDefault:
		p.Message, p.Key, p.Value = "the operator's default issuer: "+message, "", ""
	case resolver.FromPolicy:
		p.Message, p.Key, p.Value = "the issuer of policy "+d.rule.Name+": "+message, "", ""
	case resolver.FromNamespace:
		p.Message = "the issuer of " + d.namespaceName() + ": " + message
	default:
		p.Path = "metadata.annotations[" + p.Key + "]"
	}
	return p
}

// said is an issuer in words: its name has been checked.
func said(key resolver.IssuerKey) string {
	text := key.Kind + " " + key.Name
	if key.Group != resolver.CertManagerGroup {
		text = key.Kind + " " + key.Name + " of group " + key.Group
	}
	if key.Namespace != "" {
		text += " in this namespace"
	}
	return text
}
