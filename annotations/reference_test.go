package annotations_test

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/annotations"
)

var update = flag.Bool("update", false, "rewrite the generated files")

func TestReferencePageIsUpToDate(t *testing.T) {
	const page = "../docs/annotations.md"
	want := annotations.RenderReference()
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/annotations.md is out of date: run `go generate ./annotations`\n%s", diff)
	}
}
