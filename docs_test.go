package certshim_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// mentioned finds what is set as code and looks like a Go file of this repository.
var mentioned = regexp.MustCompile("`([a-z0-9_/]+\\.go)`")

// The map names the files of each step; a file that is renamed takes its name along.
func TestArchitectureNamesFilesThatExist(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	names := mentioned.FindAllStringSubmatch(string(page), -1)
	if len(names) < 10 {
		t.Fatalf("found %d files in docs/architecture.md, want the steps of an Ingress's way", len(names))
	}
	for _, name := range names {
		if _, err := os.Stat(name[1]); err != nil {
			t.Errorf("docs/architecture.md names %s: %v", name[1], err)
		}
	}
}
