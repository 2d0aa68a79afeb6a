package manifest_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/cmd/certshim/app/manifest"
)

// FuzzReader: whatever the bytes, reading ends; each error names a line of the input, each
// document is one, and what a document holds reads back as the same one.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		"", "---\n", "\ufeff---\n...\n", "a: &a [*a]", "a: &a {b: 1}\n<<: *a\n", "{\"apiVersion\":\"v1\",\"kind\":\"A\"}{", "- - - -", "\"open\nx: y\n",
		"apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: A}, 1]\n", "? [a]\n: b\n", "a: !!binary x\n", "a: !!float .nan\n", "1e999: 1\n",
		"apiVersion: v1\nkind: A\nmetadata: {name: a}\n---\nkind: \x00\n---\n\t", "%YAML 1.2\n---\na: 0x\n",
	} {
		f.Add([]byte(seed))
	}
	examples, err := filepath.Glob("../../../../examples/*.yaml")
	if err != nil || len(examples) == 0 {
		f.Fatalf("%d examples: %v", len(examples), err)
	}
	for _, name := range examples {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		lines := bytes.Count(text, []byte("\n")) + 1
		for d, err := range (manifest.Reader{Name: "f", MaxDocument: 1 << 14}).Documents(bytes.NewReader(text)) {
			at := d.At
			var broken *manifest.BrokenError
			if errors.As(err, &broken) {
				at = broken.At
			} else if err != nil {
				t.Fatalf("an error without a place: %v", err)
			}
			if at.Line < 1 || at.Line > lines {
				t.Fatalf("%v is none of %d lines", at, lines)
			}
			if err == nil {
				readsBack(t, d)
			}
		}
	})
}

func readsBack(t *testing.T, d manifest.Document) {
	t.Helper()
	text, err := yaml.Marshal(d.Object.Object)
	if err != nil {
		t.Fatal(err)
	}
	again := 0
	for other, err := range (manifest.Reader{Name: "again"}).Documents(bytes.NewReader(text)) {
		again++
		if err != nil || other.Object.GetKind() != d.Object.GetKind() || other.Object.GetName() != d.Object.GetName() {
			t.Fatalf("%s\nreads back as %v, %v", text, other.Object, err)
		}
	}
	if again != 1 {
		t.Fatalf("%s\nreads back as %d documents", text, again)
	}
}
