package certshim

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// asked is what an object asks for.
type asked struct {
	standing
	// terms are those of the object.
	terms
	// bySecret has those of Secrets that have others, and untriggered the Secrets whose terms ask for no
	// certificate.
	bySecret    map[types.NamespacedName]*terms
	untriggered []types.NamespacedName
	// Asks has what the TLS entries ask for; empty where the object doesn't count.
	source.Asks
	problems problem.List
}

// ask reads the annotations, and the TLS entries of an object that may ask for something.
func ask(q input, admitted admission) *asked {
	request, problems := q.policy.Parser.Parse(admitted.annotations)
	own := terms{annotations: admitted.annotations, inherited: admitted.inherited, request: request, triggered: q.triggers(request)}
	a := &asked{standing: admitted.standing, terms: own}
	automatic := q.object.GroupKind().NamedIn(q.policy.AutoKinds)
	triggered := own.triggered || request.Sections.MayNameIssuer()
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
		a.Asks = readEntries(q, request, nil)
	default:
		a.problems.Merge(problems)
		a.tellRouteNames(q)
		a.read(q)
		a.readSections(q, problems)
	}
	return a
}

// readSections finds the terms of each Secret. Those that ask for no certificate leave the asks.
func (a *asked) readSections(q input, told problem.List) {
	if said := a.request.Sections; len(said.All) == 0 && !said.Unread {
		return
	}
	s := sections{input: q, asks: a.Asks, own: &a.terms, told: told, read: map[*annotations.Section]*terms{}}
	a.bySecret = s.bySecret()
	a.problems.Merge(s.problems)
	a.Asks.Asks = slices.DeleteFunc(a.Asks.Asks, func(ask source.Ask) bool {
		at := ask.At(q.object)
		asks := a.termsOf(at).count()
		if !asks {
			a.untriggered = append(a.untriggered, at)
		}
		return !asks
	})
}

// termsOf are the terms of a Secret.
func (a *asked) termsOf(secret types.NamespacedName) *terms {
	if t := a.bySecret[secret]; t != nil {
		return t
	}
	return &a.terms
}

// names says whether the object names the Secret that a Certificate writes, or that of its name.
func (a *asked) names(owned certificate.Observed) bool {
	return a.Named[owned.FullName()] || a.Named[written(owned)]
}

// written is the Secret that a Certificate writes.
func written(owned certificate.Observed) types.NamespacedName {
	return types.NamespacedName{Namespace: owned.Namespace, Name: owned.Secret}
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
	listeners := contest{input: q}
	a.Asks = readEntries(q, a.request, listeners.holder)
	a.tellEntries()
	if listeners.unread {
		a.problems.Add(listeners.problem())
		a.standing = waitFor(certificate.CauseListenersUnread)
	}
}

// tellRouteNames says why names of routes are asked for in vain.
func (a *asked) tellRouteNames(q input) {
	if a.request.RouteNames != "true" || q.wantsRoutes(a.request) {
		return
	}
	message := "the operator's configuration doesn't let routes bring names: gatewayAPI.routeNames"
	if !q.kind.HasRoutes() {
		message = "routes attach to Gateways and ListenerSets alone"
	}
	a.problems.Add(problem.Problem{
		Severity: problem.Warning, Path: "metadata.annotations[" + annotations.RouteNamesKey + "]", Key: annotations.RouteNamesKey,
		Value: "true", Reason: problem.BadConfig, Message: message,
	})
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

func readEntries(q input, request annotations.Request, holder func(source.Slot) string) source.Asks {
	return q.kind.Asks(q.object, source.Options{
		ExtraProtocols: q.policy.ExtraProtocols,
		IgnoreSections: request.Ignore.Sections,
		IgnoreSecrets:  request.Ignore.Secrets,
		CrossNamespace: q.crosses(),
		Holder:         holder,
		RouteNames:     q.wantsRoutes(request),
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
