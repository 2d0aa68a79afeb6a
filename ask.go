package certshim

import (
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// asked is what an object asks for.
type asked struct {
	standing
	// annotations as they count, and what they say.
	annotations map[string]string
	inherited   bool
	request     annotations.Request
	// Asks has what the TLS entries ask for; empty where the object doesn't count.
	source.Asks
	problems problem.List
}

// ask reads the annotations, and the TLS entries of an object that may ask for something.
func ask(q input, admitted admission) *asked {
	request, problems := q.policy.Parser.Parse(admitted.annotations)
	a := &asked{standing: admitted.standing, annotations: admitted.annotations, inherited: admitted.inherited, request: request}
	automatic := q.object.GroupKind().NamedIn(q.policy.AutoKinds)
	triggered := request.Issuer.Named() || request.Auto && automatic
	if triggered && !request.Ignore.All && admitted.problem.Reason != "" {
		a.problems.Add(admitted.problem)
	}
	switch {
	case !admitted.clear() && !admitted.unknown:
		if !triggered {
			a.problems.Merge(q.policy.Parser.NearTriggers(q.object.Annotations, automatic))
		}
	case !triggered && admitted.clear():
		a.problems.Merge(q.policy.Parser.NearTriggers(admitted.annotations, automatic))
		a.standing = refuse(certificate.CauseNoTrigger)
	case request.Ignore.All:
		a.standing = refuse(certificate.CauseIgnored)
	case admitted.unknown:
		a.Asks = readEntries(q, request)
	default:
		a.problems.Merge(problems)
		a.read(q)
	}
	return a
}

// read reads the entries. Where a source type can't tell them, those from before count, and without any
// it can't be known what the object asks for.
func (a *asked) read(q input) {
	if q.object.Failed != "" && len(q.object.Entries) == 0 {
		a.problems.Add(failed(q.object, "its Certificates stay as they are"))
		a.standing = waitFor(certificate.CauseSourceFails, q.object.Failed)
		return
	}
	if q.object.Failed != "" {
		a.problems.Add(failed(q.object, "what it asked for before counts"))
	}
	a.Asks = readEntries(q, a.request)
	a.tellEntries()
}

// failed says that a source type can't tell what an object asks for, and what follows.
func failed(object *source.Object, follows string) problem.Problem {
	return problem.Problem{
		Severity: problem.Error, Path: "spec", Reason: problem.BadConfig,
		Message: object.Failed + "; " + follows,
	}
}

// asksBySource are what the objects of one decision ask for: a source may be read for each of many
// Secrets. Reading looks at nothing but the object and its admission.
type asksBySource map[source.Ref]*asked

func (r asksBySource) ask(q input, admitted admission) *asked {
	if r == nil {
		return ask(q, admitted)
	}
	a, read := r[q.object.Ref]
	if !read {
		a = ask(q, admitted)
		r[q.object.Ref] = a
	}
	return a
}

func readEntries(q input, request annotations.Request) source.Asks {
	return q.kind.Asks(q.object, source.Options{
		ExtraProtocols: q.policy.ExtraProtocols,
		IgnoreSections: request.Ignore.Sections,
		IgnoreSecrets:  request.Ignore.Secrets,
	})
}

func (a *asked) tellEntries() {
	a.problems.Merge(a.Problems)
	if a.TLSEntries == 0 {
		a.problems.Add(problem.Problem{
			Severity: problem.Warning, Path: "spec", Reason: problem.NothingToDo,
			Message: "it names an issuer, but has no TLS entry or listener that asks for a certificate",
		})
	}
}

// pathOf is where the source names a Secret first.
func pathOf(ask source.Ask) string {
	if len(ask.Entries) == 0 {
		return "spec"
	}
	return ask.Entries[0].Path
}
