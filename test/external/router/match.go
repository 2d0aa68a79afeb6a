package router

import (
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
)

// classAnnotation is how a class was named before there was a field for it; both are still in use.
const classAnnotation = "kubernetes.io/ingress.class"

// backend is where a rule leads, in the namespace of its Ingress.
type backend struct {
	namespace string
	networkingv1.IngressBackend
}

// route finds the backend for a host and path among the Ingresses of a class. Of the rules that match, those of the
// exact host win over a wildcard, then the longest path does, then an exact path over a prefix.
func route(ingresses []networkingv1.Ingress, class, host, path string) (backend, bool) {
	var best backend
	highest := 0
	for _, ingress := range ingresses {
		if !ofClass(ingress, class) {
			continue
		}
		for _, rule := range ingress.Spec.Rules {
			hostRank := rankHost(rule.Host, host)
			if hostRank == 0 || rule.HTTP == nil {
				continue
			}
			for _, candidate := range rule.HTTP.Paths {
				pathRank := rankPath(candidate, path)
				if rank := hostRank<<16 + pathRank; pathRank > 0 && rank > highest {
					highest, best = rank, backend{ingress.Namespace, candidate.Backend}
				}
			}
		}
	}
	return best, highest > 0
}

func ofClass(ingress networkingv1.Ingress, class string) bool {
	if name := ingress.Spec.IngressClassName; name != nil {
		return *name == class
	}
	return ingress.Annotations[classAnnotation] == class
}

// rankHost is 0 for a rule of another host. A wildcard stands for one label.
func rankHost(rule, host string) int {
	_, parent, _ := strings.Cut(host, ".")
	switch {
	case rule == host:
		return 3
	case strings.HasPrefix(rule, "*.") && rule[2:] == parent:
		return 2
	case rule == "":
		return 1
	}
	return 0
}

// rankPath is 0 for a rule of another path. A prefix is one of whole elements.
func rankPath(rule networkingv1.HTTPIngressPath, path string) int {
	exact := rule.PathType != nil && *rule.PathType == networkingv1.PathTypeExact
	prefix := strings.TrimSuffix(rule.Path, "/")
	switch {
	case exact && path == rule.Path:
		return 2*len(rule.Path) + 2
	case exact:
		return 0
	case path == rule.Path, path == prefix, strings.HasPrefix(path, prefix+"/"):
		return 2*len(prefix) + 1
	}
	return 0
}
