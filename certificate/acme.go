package certificate

import (
	"maps"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// The annotations of a Certificate by which cert-manager's ACME solvers are told where
// the challenge is to be served. They are written whatever the issuer is.
const (
	// ParentRefPrefix begins those that say where a Gateway API object's challenges go.
	ParentRefPrefix = "acme.cert-manager.io/http01-parentref"

	overrideClass      = "acme.cert-manager.io/http01-override-ingress-class"
	overrideClassName  = "acme.cert-manager.io/http01-override-ingress-ingressclassname"
	overrideName       = "acme.cert-manager.io/http01-override-ingress-name"
	temporary          = "cert-manager.io/issue-temporary-certificate"
	parentRefKind      = "acme.cert-manager.io/http01-parentrefkind"
	parentRefName      = "acme.cert-manager.io/http01-parentrefname"
	parentRefNamespace = "acme.cert-manager.io/http01-parentrefnamespace"

	editInPlaceKey = "acme.cert-manager.io/http01-edit-in-place"
)

const gatewayGroup = "gateway.networking.k8s.io"

// certificateAnnotations are those that the operator wants copied, those that are copied
// for the issuer, with the list of what came from its resolver, and the ACME ones.
func certificateAnnotations(in Input, filled []string, problems *problem.List) map[string]string {
	out := copied(in)
	if list := listHeld(filled, out); list != "" {
		out[FromResolver] = list
	}
	maps.Copy(out, in.Request.Extra)
	maps.Copy(out, solverIngress(in, problems))
	maps.Copy(out, solverParent(in.Source, in.Request.ACME))
	return out
}

// solverIngress says which Ingress a challenge goes through. cert-manager accepts one of
// name, class and class name only; the name wins.
func solverIngress(in Input, problems *problem.List) map[string]string {
	acme := in.Request.ACME
	out := map[string]string{}
	edit := acme.EditInPlace && editable(in.Source, problems)
	if edit {
		out[overrideName], out[temporary] = in.Source.Name, "true"
		if acme.IngressClass != "" || acme.IngressClassName != "" {
			warnEditInPlace(problems, "it can't go together with an ingress class for the solver; the class is left out")
		}
		return out
	}
	if acme.IngressClass != "" {
		out[overrideClass] = acme.IngressClass
	}
	if acme.IngressClassName != "" {
		out[overrideClassName] = acme.IngressClassName
	}
	return out
}

// editable is false on Gateway API objects: the solver would look for an Ingress of
// their name.
func editable(object *source.Object, problems *problem.List) bool {
	if object.Group == gatewayGroup {
		warnEditInPlace(problems, "it speaks of an Ingress and is ignored on a "+object.Kind)
		return false
	}
	return true
}

func warnEditInPlace(problems *problem.List, message string) {
	problems.Add(problem.Problem{
		Severity: problem.Warning, Path: "metadata.annotations[" + editInPlaceKey + "]", Key: editInPlaceKey,
		Value: "true", Reason: problem.BadConfig, Message: message,
	})
}

// solverParent says which parent an HTTPRoute of a challenge attaches to.
func solverParent(object *source.Object, acme annotations.ACME) map[string]string {
	switch {
	case object.Group != gatewayGroup:
		return nil
	case object.Kind == "ListenerSet" && acme.ParentRefFallback && object.Parent != nil:
		return map[string]string{
			parentRefKind: "Gateway", parentRefName: object.Parent.Name, parentRefNamespace: object.Parent.Namespace,
		}
	}
	return map[string]string{parentRefKind: object.Kind, parentRefName: object.Name}
}
