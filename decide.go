package certshim

import (
	"fmt"
	"slices"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// Decide says what is to be done about the Certificates of one source. It is pure: the
// same policy, object and observations give the same outcome.
func Decide(policy *Policy, object *source.Object, seen Observed) Outcome {
	d := decision{policy: policy, object: object, seen: seen, annotations: object.Annotations}
	d.out.Source = object.Ref
	if policy.Explain {
		d.out.Values = map[string][]Value{}
	}
	d.run()
	d.out.Problems = d.problems.For(object.Object())
	return d.out
}

// decision is one run of Decide: each step adds to it, and none goes back.
type decision struct {
	policy      *Policy
	object      *source.Object
	seen        Observed
	annotations map[string]string

	request annotations.Request
	finding resolver.Finding
	rule    *Rule
	// named is who names the issuer; usual is the same without any rule, where a rule asks.
	named named
	usual *named
	// ruleUnknown is set where it can't be known which rule matches, mayBeLimited where that
	// rule may forbid what the source asks for.
	ruleUnknown, mayBeLimited bool
	asks                      source.Asks
	problems                  problem.List
	out                       Outcome
}

func (d *decision) run() {
	if d.object.Deleting {
		d.out.Ignored = "it is being deleted; the garbage collector takes its Certificates along"
		return
	}
	if why := d.counts(); why != "" {
		d.noLongerKept(why)
		return
	}
	if !d.ask() {
		return
	}
	d.match()
	if why := d.resolve(); why == "" {
		d.decideEach()
		d.tellHeld()
		d.tellNotReady()
	} else {
		d.refuseEach(why)
	}
	d.decideUnneeded()
}

// counts says why the object asks for nothing at all, or "" if it does.
func (d *decision) counts() string {
	if why := d.inherit(); why != "" {
		return why
	}
	return d.read()
}

// inherit gives a ListenerSet the issuer of the Gateway that admits it. It returns why
// the set counts for nothing, or "".
func (d *decision) inherit() string {
	parent := d.object.Parent
	if parent == nil {
		return ""
	}
	if !source.IsGateway(parent.Group, parent.Kind) {
		return d.parentProblem(problem.ParentNotFound, fmt.Sprintf("its parent is a %s of group %q, not a Gateway", problem.Name(parent.Kind), parent.Group))
	}
	name := problem.Name(parent.Namespace) + "/" + problem.Name(parent.Name)
	gateway, found := d.seen.Gateway(parent.Namespace, parent.Name)
	if !found && d.policy.Offline {
		d.problems.Add(problem.Problem{
			Severity: problem.Warning, Path: "spec.parentRef", Reason: problem.ParentNotFound,
			Message: "Gateway " + name + " isn't in the input: judged on its own annotations, as one that is admitted",
		})
		return ""
	}
	if !found || gateway.Deleting {
		return d.parentProblem(problem.ParentNotFound, "Gateway "+name+" isn't there")
	}
	if why := source.Refuses(gateway, d.object, d.labelsRead); why != "" {
		return d.parentProblem(problem.ParentRefuses, why)
	}
	d.annotations = annotations.Inherit(d.object.Annotations, gateway.Annotations)
	return ""
}

// parentProblem is told only on a set that wants something: one with a trigger of its
// own that isn't marked to be ignored.
func (d *decision) parentProblem(reason problem.Reason, why string) string {
	d.request, _ = d.policy.Parser.Parse(d.annotations)
	if d.triggered() && !d.request.Ignore.All {
		d.problems.Add(problem.Problem{Severity: problem.Error, Path: "spec.parentRef", Reason: reason, Message: why})
	}
	return why
}

// read parses the annotations. It returns why the object doesn't count, or "".
func (d *decision) read() string {
	request, problems := d.policy.Parser.Parse(d.annotations)
	d.request = request
	if !d.triggered() {
		d.problems.Merge(d.policy.Parser.NearTriggers(d.annotations, d.autoCounts()))
		return "it names no issuer: no trigger annotation"
	}
	if request.Ignore.All {
		return "it is marked to be ignored"
	}
	d.problems.Merge(problems)
	return ""
}

func (d *decision) triggered() bool {
	return d.request.Issuer.Named() || (d.request.Auto && d.autoCounts())
}

func (d *decision) autoCounts() bool { return slices.Contains(d.policy.AutoKinds, d.object.Kind) }

// ask reads the TLS entries; it is false for an object whose kind is unknown.
func (d *decision) ask() bool {
	kind, known := source.Lookup(d.object.Group, d.object.Kind)
	if !known {
		d.out.Ignored = fmt.Sprintf("%s of group %q is no kind of source", d.object.Kind, d.object.Group)
		return false
	}
	d.asks = kind.Asks(d.object, d.options())
	d.problems.Merge(d.asks.Problems)
	if d.asks.TLSEntries == 0 {
		d.problems.Add(problem.Problem{
			Severity: problem.Warning, Path: "spec", Reason: problem.NothingToDo,
			Message: "it names an issuer, but has no TLS entry or listener that asks for a certificate",
		})
	}
	return true
}

func (d *decision) options() source.Options {
	return source.Options{
		ExtraProtocols: d.policy.ExtraProtocols,
		IgnoreSections: d.request.Ignore.Sections,
		IgnoreSecrets:  d.request.Ignore.Secrets,
	}
}

// resolve finds the issuer and what is known of it. It returns why none may be used, or "".
func (d *decision) resolve() string {
	if d.ruleUnknown && (d.mayBeLimited || !d.request.Issuer.Named()) {
		return ruleUnread
	}
	d.named = d.name(d.defaultIssuer())
	d.problems.Merge(d.named.problems)
	d.out.Issuer = d.named.answer.Issuer
	d.out.AwaitsKinds = !d.named.answer.Problems.Empty()
	if d.named.why != "" {
		return d.named.why
	}
	if why := d.ruleForbids(); why != "" {
		return why
	}
	return d.consult()
}

// inherited says whether the issuer's name is the Gateway's.
func (d *decision) inherited() bool {
	own := d.object.Annotations
	return d.annotations[annotations.IssuerKey] != own[annotations.IssuerKey] ||
		d.annotations[annotations.ClusterKey] != own[annotations.ClusterKey]
}

// current is the issuer of a Certificate of this source that exists already.
func (d *decision) current() resolver.Ref {
	for _, ask := range d.asks.Asks {
		if existing := d.existing(ask.Secret); existing != nil && existing.Issuer.Name != "" {
			return existing.Issuer
		}
	}
	return resolver.Ref{}
}

// decideEach decides about every Secret that the source names.
func (d *decision) decideEach() {
	for _, ask := range d.asks.Asks {
		existing := d.existing(ask.Secret)
		if why := d.ruleForbidsHost(ask); why != "" {
			d.add(certificate.WithoutIssuer(d.object, ask, existing, why))
			continue
		}
		issuer, finding := d.issuerFor(existing)
		d.decideOne(d.input(ask, existing, issuer, finding), finding)
	}
}

func (d *decision) decideOne(in certificate.Input, finding resolver.Finding) {
	decided := certificate.Decide(in)
	d.add(decided)
	d.awaitLimits(in.Issuer, decided)
	if d.policy.Explain {
		d.out.Values[decided.Name] = d.explain(in, finding, decided.Config)
	}
}

func (d *decision) input(ask source.Ask, existing *certificate.Observed, issuer resolver.Issuer, finding resolver.Finding) certificate.Input {
	return certificate.Input{
		Policy: d.policy.Certificate, Fields: d.seen.CertificateFields(),
		Source: d.object, Ask: ask, Request: d.request, Issuer: issuer,
		Statement: d.statementFor(finding), Subject: d.subject(), Hold: d.holdsNew(finding),
		Existing: existing,
		Writers:  d.seen.CertificatesWriting(d.object.Namespace, ask.Secret),
		First:    d.first(ask.Secret),
	}
}

// pathOf is where the source names a Secret first.
func pathOf(ask source.Ask) string {
	if len(ask.Entries) == 0 {
		return "spec"
	}
	return ask.Entries[0].Path
}

// refuseEach leaves what exists as it is and makes nothing new.
func (d *decision) refuseEach(why string) {
	for _, ask := range d.asks.Asks {
		d.add(certificate.WithoutIssuer(d.object, ask, d.existing(ask.Secret), why))
	}
}

func (d *decision) existing(name string) *certificate.Observed {
	if observed, found := d.seen.Certificate(d.object.Namespace, name); found {
		return &observed
	}
	return nil
}

// first is another source that asks for the Secret and comes before this one, or nil.
func (d *decision) first(secret string) *source.Ref {
	var first *source.Object
	for _, other := range d.seen.Claimants(d.object.Namespace, secret) {
		if other.Ref == d.object.Ref || !before(other, d.object) || !d.wants(other, secret) {
			continue
		}
		if first == nil || before(other, first) {
			first = other
		}
	}
	if first == nil {
		return nil
	}
	return &first.Ref
}

// decideUnneeded decides about the Certificates that are this source's and that it no
// longer names in any form.
func (d *decision) decideUnneeded() {
	for _, owned := range d.seen.CertificatesOf(d.object.Ref) {
		if d.asks.Named[owned.Secret] || d.asks.Named[owned.Name] {
			continue
		}
		d.add(certificate.DecideUnneeded(d.object, owned))
	}
}

// noLongerKept keeps every Certificate of a source that asks for none, and says so.
func (d *decision) noLongerKept(why string) {
	owned := d.seen.CertificatesOf(d.object.Ref)
	if len(owned) == 0 {
		d.out.Ignored = why
	}
	for _, existing := range owned {
		d.add(certificate.NoLongerKept(d.object, existing, why))
	}
}

func (d *decision) add(decided certificate.Decision) {
	d.out.Certificates = append(d.out.Certificates, decided)
	d.problems.Merge(decided.Problems)
}
