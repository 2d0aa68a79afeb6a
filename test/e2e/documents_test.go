package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
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

var ingressOnPage = regexp.MustCompile("(?ms)^```yaml\n(apiVersion: networking.k8s.io/v1\n.*?)^```")

// The API server accepts the Ingresses of the README as a reader copies them.
func TestTheServerAcceptsTheREADMEsIngress(t *testing.T) {
	page := string(must(os.ReadFile(filepath.Join(must(repository())(t), "README.md")))(t))
	found := ingressOnPage.FindAllStringSubmatch(page, -1)
	if len(found) == 0 {
		t.Fatal("the README has no Ingress")
	}
	namespace := shared.Namespace(t)
	for _, block := range found {
		file := filepath.Join(t.TempDir(), "ingress.yaml")
		manifest := strings.ReplaceAll(block[1], "namespace: shop", "namespace: "+namespace)
		if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := shared.Kubectl(t.Context(), "apply", "--dry-run=server", "--validate=strict", "-f", file); err != nil {
			t.Error(err)
		}
	}
}
