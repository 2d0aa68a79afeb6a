package e2e

import (
	"path/filepath"
	"testing"
)

// The API server accepts what the overlays in examples/deploy render, over a deploy/ that is there.
func TestTheServerAcceptsTheOverlays(t *testing.T) {
	files := must(filepath.Glob(filepath.Join(must(repository())(t), "examples/deploy/*/kustomization.yaml")))(t)
	if len(files) < 3 {
		t.Fatalf("found %v, want the overlays of examples/deploy", files)
	}
	for _, file := range files {
		folder := filepath.Dir(file)
		if err := shared.Kubectl(t.Context(), "apply", "--dry-run=server", "--validate=strict", "-k", folder); err != nil {
			t.Error(err)
		}
	}
}
