package resolver_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/resolver"
)

var update = flag.Bool("update", false, "rewrite the generated files")

func TestIssuerPagesAreUpToDate(t *testing.T) {
	const folder = "../docs/issuers"
	entries := declared(t)
	pages := map[string]string{"README.md": resolver.RenderIndex(entries), "../../deploy/issuers.yaml": resolver.RenderRole(entries)}
	for _, entry := range entries {
		pages[entry.ID+".md"] = resolver.RenderPage(entry)
	}
	for name, want := range pages {
		file := filepath.Join(folder, name)
		if *update {
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s is out of date: run `go generate ./resolver`\n%s", file, diff)
		}
	}
	there, err := filepath.Glob(folder + "/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range there {
		if _, ours := pages[filepath.Base(file)]; !ours && filepath.Base(file) != "schema.md" {
			t.Errorf("%s is the page of no issuer type", file)
		}
	}
}
