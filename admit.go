package certshim

import (
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// admission is what becomes of an object that another one has to admit. For all others it
// holds their own annotations.
type admission struct {
	standing
	// annotations as they count: its own, or with the issuer of its parent.
	annotations map[string]string
	// inherited is set where the issuer's name is the parent's.
	inherited bool
	// problem is reported on an object that wants a certificate; none if it has no reason.
	problem problem.Problem
}

// admit gives a ListenerSet the issuer of the Gateway that admits it.
func admit(q input) admission {
	own := admission{annotations: q.object.Annotations}
	parent, wrong := q.kind.Parent(q.object)
	switch {
	case parent == nil:
		return own
	case wrong != "":
		return own.refused(refuse(certificate.CauseParentInvalid, wrong), problem.Error, problem.ParentNotFound, wrong)
	}
	if joins, is := q.kind.Joins(); is && !q.policy.Offline && !q.observed.KnowsJoining(joins) {
		return own.refused(waitFor(certificate.CauseListenersUnread), problem.Warning, problem.ListenerConflict, listenersUnread)
	}
	name := parent.Kind + " " + problem.Name(parent.Namespace) + "/" + problem.Name(parent.Name)
	found, presence := q.observed.Source(source.GroupKind{Group: parent.Group, Kind: parent.Kind}, parent.Namespace, parent.Name)
	switch {
	case presence == Absent && q.policy.Offline:
		own.problem = parentProblem(problem.Warning, problem.ParentNotFound, name+" isn't in the input: judged on its own annotations, as one that is admitted")
		return own
	case presence == Unknown:
		return own.refused(waitFor(certificate.CauseParentUnread, name), problem.Warning, problem.ParentNotFound, name+" can't be read")
	case presence == Absent || found.Deleting:
		return own.refused(refuse(certificate.CauseParentMissing, name), problem.Error, problem.ParentNotFound, name+" isn't there")
	}
	return admitBy(q, found)
}

// admitBy asks the parent itself.
func admitBy(q input, parent *source.Object) admission {
	refusal := q.kind.Refused(q.object, parent, q.namespaceLabels)
	if refusal.Why != "" && !refusal.Unknown {
		a := admission{annotations: q.object.Annotations}
		return a.refused(refuse(certificate.CauseParentRefuses, refusal.Why), problem.Error, problem.ParentRefuses, refusal.Why)
	}
	a := inherit(q, parent)
	switch {
	case refusal.Why == "":
		return a
	case q.policy.Offline:
		a.problem = parentProblem(problem.Warning, problem.ParentRefuses, refusal.Why+": judged as one that is admitted")
		return a
	}
	a.standing = waitFor(certificate.CauseParentUncertain, refusal.Why)
	if _, presence := q.observed.NamespaceLabels(q.object.Namespace); presence == Unknown {
		a.problem = parentProblem(problem.Warning, problem.ParentRefuses, refusal.Why)
	}
	return a
}

// inherit gives the object the issuer of its parent, unless it names one itself.
func inherit(q input, parent *source.Object) admission {
	own := q.object.Annotations
	if annotations.NamesIssuer(own) {
		return admission{annotations: own}
	}
	a := admission{annotations: annotations.Inherit(own, q.observed.Inherited(parent.GroupKind(), parent.Namespace, parent.Name))}
	a.inherited = a.annotations[annotations.IssuerKey] != own[annotations.IssuerKey] ||
		a.annotations[annotations.ClusterKey] != own[annotations.ClusterKey]
	return a
}

// listenersUnread is what there is to say where it can't be known which other listeners there are.
const listenersUnread = "whether other listeners of its Gateway conflict with its own can't be known: its Certificates stay as they are, and none is made"

func (a admission) refused(s standing, severity problem.Severity, reason problem.Reason, message string) admission {
	a.standing, a.problem = s, parentProblem(severity, reason, message)
	return a
}

func parentProblem(severity problem.Severity, reason problem.Reason, message string) problem.Problem {
	return problem.Problem{Severity: severity, Path: "spec.parentRef", Reason: reason, Message: message}
}
