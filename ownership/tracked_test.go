package ownership_test

import (
	"testing"

	"github.com/certshim/certshim/ownership"
)

// What a program applies from elsewhere is known by the mark that the program puts on it.
func TestTracked(t *testing.T) {
	for key, row := range map[string]struct{ list, tool string }{
		"kustomize.toolkit.fluxcd.io/name":  {"labels", "Flux"},
		"helm.toolkit.fluxcd.io/name":       {"labels", "Flux"},
		"argocd.argoproj.io/tracking-id":    {"annotations", "Argo CD"},
		"meta.helm.sh/release-name":         {"annotations", "Helm"},
		"applyset.kubernetes.io/part-of":    {"labels", "kubectl apply --applyset"},
		"app.kubernetes.io/managed-by":      {"labels", ""},
		"argocd.argoproj.io/sync-wave":      {"annotations", ""},
		"kustomize.toolkit.fluxcd.io/prune": {"annotations", ""},
	} {
		tool, by := ownership.Tracked(map[string]any{"metadata": map[string]any{row.list: map[string]any{key: "x\x1b[31m"}}})
		if tool != row.tool || tool != "" && by != key+`="x\x1b[31m"` {
			t.Errorf("%s: %q by %q", key, tool, by)
		}
	}
	if tool, _ := ownership.Tracked(nil); tool != "" {
		t.Error(tool)
	}
}
