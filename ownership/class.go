package ownership

import "strings"

// Class is what kind of program or person a field manager is.
type Class string

// The classes.
const (
	Certshim   Class = "certshim"
	Shim       Class = "shim"
	GitOps     Class = "gitops"
	Helm       Class = "helm"
	Person     Class = "person"
	Controller Class = "controller"
	Restore    Class = "restore tool"
	// Unknown is any manager that isn't known, and those of the API server itself: nothing is
	// guessed.
	Unknown Class = "unknown"
)

// Classes lists every class.
func Classes() []Class {
	return []Class{Certshim, Shim, GitOps, Helm, Person, Controller, Restore, Unknown}
}

// Program is a well-known field manager.
type Program struct {
	// Manager is its name in managedFields. One that ends in * stands for all that begin so.
	Manager string
	Class   Class
	// Words say who writes under that name.
	Words string
}

// matches reports whether a field manager is the program's.
func (p Program) matches(manager string) bool {
	begin, open := strings.CutSuffix(p.Manager, "*")
	return manager == p.Manager || open && strings.HasPrefix(manager, begin)
}

// Programs lists the field managers that are known, for [ClassOf] and for people.
func Programs() []Program {
	return []Program{
		{"certshim", Certshim, "certshim"},
		{"cert-manager-ingress-shim", Shim, "cert-manager's shim for Ingresses"},
		{"cert-manager-gateway-shim", Shim, "cert-manager's shim for Gateways"},
		{"cert-manager-listenerset", Shim, "cert-manager's shim for ListenerSets"},
		{"kustomize-controller", GitOps, "Flux, from a Kustomization"},
		{"helm-controller", GitOps, "Flux, from a HelmRelease"},
		{"argocd-controller", GitOps, "Argo CD"},
		{"helm", Helm, "Helm"},
		{"kubectl", Person, "kubectl apply --server-side, or kubectl scale"},
		{"kubectl-client-side-apply", Person, "kubectl apply"},
		{"kubectl-last-applied", Person, "kubectl apply --server-side, over what kubectl apply made"},
		{"kubectl-edit", Person, "kubectl edit"},
		{"kubectl-patch", Person, "kubectl patch"},
		{"kubectl-label", Person, "kubectl label"},
		{"kubectl-annotate", Person, "kubectl annotate"},
		{"kubectl-set", Person, "kubectl set"},
		{"kubectl-replace", Person, "kubectl replace"},
		{"kubectl-create", Person, "kubectl create"},
		{"Mozilla", Person, "a web browser"},
		{"cert-manager-certificates-*", Controller, "cert-manager's controllers of Certificates"},
		{"apiextensions.crossplane.io/composed/*", Controller, "Crossplane, for one composite resource"},
		{"kro.run/*", Controller, "kro"},
		{"work-agent*", Controller, "the work agent of Open Cluster Management"},
		{"velero-server", Restore, "Velero, from a backup"},
		{"before-first-apply", Unknown, "the API server's name for all that was set before anything was recorded"},
		{"ancient-changes", Unknown, "the API server's name for the oldest of many writers together"},
		{"manager", Unknown, "a Go program that gives no name of its own"},
		{"node-fetch", Unknown, "a Node.js program that gives no name of its own"},
	}
}

// ProgramOf is the program of a field manager, by its exact name or the beginning that its authors
// give it. found is false for one that isn't known.
func ProgramOf(manager string) (program Program, found bool) {
	for _, p := range known {
		if p.matches(manager) {
			return p, true
		}
	}
	return Program{Manager: manager, Class: Unknown}, false
}

// known is never changed.
var known = Programs()

// ClassOf is the class of a field manager.
func ClassOf(manager string) Class {
	program, _ := ProgramOf(manager)
	return program.Class
}

// isNobody reports whether a manager stands for writers that nobody knows any more.
func isNobody(manager string) bool {
	return manager == "before-first-apply" || manager == "ancient-changes"
}
