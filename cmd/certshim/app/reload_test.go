package app

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/resolver"
)

const corpType = `apiVersion: certshim.io/v1alpha1
kind: IssuerType
metadata: {name: corp-ca}
spec:
  title: Corp CA
  group: pki.corp.example
  versions: [v1]
  kinds: [{kind: CorpIssuer, resource: corpissuers, scope: Namespaced}]
`

// mount lays a file into a folder as a kubelet mounts a ConfigMap: by links that are swapped.
func mount(t *testing.T, folder, revision, content string) {
	t.Helper()
	link := func(target, name string) {
		if err := os.Symlink(target, name+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(name+".new", name); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(folder, revision), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, revision, "corp.yaml"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	link(revision, filepath.Join(folder, "..data"))
	link("..data/corp.yaml", filepath.Join(folder, "corp.yaml"))
}

func TestIssuerTypesAreReadAnew(t *testing.T) {
	folder := t.TempDir()
	mount(t, folder, "..1", corpType)
	configuration := configuration.Default()
	configuration.Resolvers.Types = []string{folder}
	r := newReloader(configuration, build{}, slog.New(slog.DiscardHandler))
	kind := resolver.GroupKind{Group: "pki.corp.example", Kind: "CorpIssuer"}
	steps := []struct {
		name, content string
		title         string // of what follows; "" is nothing
		good          float64
	}{
		{"nothing changed", "", "", 1},
		{"another title", corpType + "  docs: https://example.com\n", "Corp CA", 1},
		{"a misspelt field", corpType + "  doc: https://example.com\n", "", 0},
		{"no YAML", "{", "", 0},
		{"as it was", corpType, "Corp CA", 1},
	}
	for i, step := range steps {
		if step.content != "" {
			mount(t, folder, "..1"+string(rune('a'+i)), step.content)
		}
		got := ""
		if policy := r.look(); policy != nil {
			known, _ := policy.Registry.Known(kind)
			got = known.Type.Title
		}
		if good := testutil.ToFloat64(r.good); got != step.title || good != step.good {
			t.Errorf("%s: follows %q, want %q; the last reload was good: %v", step.name, got, step.title, good)
		}
	}
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if r.look() != nil || testutil.ToFloat64(r.good) != 0 {
		t.Error("something follows from files that are gone")
	}
}

// What the first policy is made of may change while it is made.
func TestAChangeDuringTheStartIsSeen(t *testing.T) {
	folder := t.TempDir()
	mount(t, folder, "..1", corpType)
	configuration := configuration.Default()
	configuration.Resolvers.Types = []string{folder}
	r := newReloader(configuration, build{}, slog.New(slog.DiscardHandler))
	if _, err := newPolicy(configuration, build{}); err != nil {
		t.Fatal(err)
	}
	mount(t, folder, "..2", corpType+"  docs: https://example.com\n")
	if r.look() == nil {
		t.Error("what counts is from before the change")
	}
}
