package certshim

import (
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// input is what Decide is asked. Every step reads it, and none changes it.
type input struct {
	policy   *Policy
	object   *source.Object
	kind     source.Kind
	observed Observed
}

// standing says whether an object may ask for certificates. The zero value is that it may.
type standing struct {
	// why it may not, or why that can't be known; none if it may.
	why certificate.Reason
	// unknown is set where it can't be known now.
	unknown bool
}

// waitFor is the standing of what goes by something that can't be known now.
func waitFor(cause certificate.Cause, about ...string) standing {
	return standing{why: certificate.Because(cause, about...), unknown: true}
}

// refuse is the standing of what is refused.
func refuse(cause certificate.Cause, about ...string) standing {
	return standing{why: certificate.Because(cause, about...)}
}

// crosses says whether the source may ask for Secrets of other namespaces, if it is granted.
func (q input) crosses() bool {
	return q.policy.CrossNamespace != "" && q.policy.CrossNamespace != CrossOff && q.kind.CrossesNamespaces()
}

// wantsRoutes says whether the names of attached routes count for the source.
func (q input) wantsRoutes(request annotations.Request) bool {
	return request.RouteNames == "true" && q.policy.Routes != nil && q.kind.HasRoutes()
}

func (s standing) clear() bool { return s.why.IsZero() }

// retains says whether a Certificate of the source, nil for a new one, outlives it: by the annotations
// of the source or, where those say nothing, by those of the Certificate, the operator's word, or how its
// kind is declared.
func (q input) retains(request annotations.Request, existing *certificate.Observed) bool {
	if request.DeletionPolicy == "" {
		return q.policy.RetainUnneeded || q.kind.Outlived() || existing != nil && existing.Flags.Has(certificate.Retained)
	}
	return request.DeletionPolicy == annotations.RetainUnneeded
}

// mustRetain says whether a Certificate with an owner reference to the source is to outlive it. One that
// is left to certshim adopt isn't touched for that.
func (q input) mustRetain(request annotations.Request, existing certificate.Observed) bool {
	return q.retains(request, &existing) && certificate.Referred(q.object, existing) && !q.policy.Certificate.Leaves(existing)
}

// namespaceName is the Namespace of the source, in words.
func (q input) namespaceName() string { return "Namespace " + problem.Name(q.object.Namespace) }

// namespaceLabels are those of the source's Namespace, false where they can't be known. A
// source whose own Namespace isn't there was seen before it.
func (q input) namespaceLabels() (map[string]string, bool) { return q.labelsOf(q.object.Namespace) }

func (q input) labelsOf(namespace string) (map[string]string, bool) {
	labels, presence := q.observed.NamespaceLabels(namespace)
	return labels, presence == Present
}
