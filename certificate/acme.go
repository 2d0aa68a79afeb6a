package certificate

import (
	"cmp"
	"maps"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/problem"
)

// The annotations of a Certificate that tell cert-manager's ACME solvers where to serve the
// challenge. They are written whatever the issuer is.
const (
	// ParentRefPrefix is the prefix of those for challenges through the Gateway API.
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

// certificateAnnotations returns the annotations that are copied for the issuer, the list of
// fields in filled that a resolver or policy set, those that the operator wants copied, the
// ACME ones, what is said of names of routes, and the tie. None of the others can be what certshim itself records.
func certificateAnnotations(in *Input, filled []string, problems *problem.List) map[string]string {
	out := copiedAnnotations(in)
	add := func(more map[string]string) {
		if out == nil {
			out = more
			return
		}
		maps.Copy(out, more)
	}
	if list := formatHeld(filled, out); list != "" {
		add(map[string]string{FromResolver: list})
	}
	add(maps.Clone(in.Request.Extra))
	add(solverIngress(in, problems))
	add(solverParent(in))
	delete(out, TieKey)
	delete(out, RespectedKey)
	delete(out, RoutesKey)
	delete(out, annotations.DeletionKey)
	if in.saysRetained() {
		add(map[string]string{annotations.DeletionKey: string(annotations.RetainUnneeded)})
	}
	if in.Routes != "" {
		add(map[string]string{RoutesKey: in.Routes})
	}
	if tie := in.tie(); tie != "" {
		add(map[string]string{TieKey: tie})
	}
	return out
}

// solverIngress returns the annotations that say which Ingress serves a challenge. cert-manager
// accepts only one of name, class and class name; the name wins.
func solverIngress(in *Input, problems *problem.List) map[string]string {
	acme := in.Request.ACME
	if acme == (annotations.ACME{}) {
		return nil
	}
	out := map[string]string{}
	if name := editedInPlace(in, problems); name != "" {
		out[overrideName], out[temporary] = name, "true"
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

// editedInPlace returns the name of the Ingress that the source wants edited, or "". For a
// source of another kind, the solver would look for an Ingress of the same name.
func editedInPlace(in *Input, problems *problem.List) string {
	if !in.Request.ACME.EditInPlace {
		return ""
	}
	name := in.Kind.SolverIngress(in.Source)
	if name == "" {
		warnEditInPlace(problems, "it applies to an Ingress and is ignored on a "+in.Source.Kind)
	}
	return name
}

func warnEditInPlace(problems *problem.List, message string) {
	problems.Add(problem.Problem{
		Severity: problem.Warning, Path: "metadata.annotations[" + editInPlaceKey + "]", Key: editInPlaceKey,
		Value: "true", Reason: problem.BadConfig, Message: message,
	})
}

// solverParent returns the annotations that name the parent of a challenge's HTTPRoute.
func solverParent(in *Input) map[string]string {
	parent := in.Kind.SolverParent(in.Source, in.Request.ACME.ParentRefFallback)
	if parent == nil {
		return nil
	}
	out := map[string]string{parentRefKind: parent.Kind, parentRefName: parent.Name}
	if namespace := parent.Namespace; namespace != "" || in.isForeign() {
		out[parentRefNamespace] = cmp.Or(namespace, in.Source.Namespace)
	}
	return out
}
