package ownership

import "github.com/certshim/certshim/problem"

// mark is a label or annotation that a program puts on what it applies, and by which it deletes what
// it doesn't apply any more.
type mark struct {
	list, key string
	tool      string
}

// marks is never changed.
var marks = []mark{
	{"labels", "kustomize.toolkit.fluxcd.io/name", "Flux"},
	{"labels", "helm.toolkit.fluxcd.io/name", "Flux"},
	{"annotations", "argocd.argoproj.io/tracking-id", "Argo CD"},
	{"annotations", "meta.helm.sh/release-name", "Helm"},
	{"labels", "applyset.kubernetes.io/part-of", "kubectl apply --applyset"},
}

// Tracked says which program applies an object from elsewhere, and by what that is seen; it is empty
// for none. Such a program sets its fields again, and deletes the object once it isn't applied any more.
func Tracked(live map[string]any) (tool, by string) {
	metadata, _ := live["metadata"].(map[string]any)
	for _, m := range marks {
		list, _ := metadata[m.list].(map[string]any)
		if value, there := list[m.key].(string); there {
			return m.tool, m.key + "=" + problem.Name(value)
		}
	}
	return "", ""
}
