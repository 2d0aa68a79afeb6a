package certshim_test

import (
	"fmt"
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

// Both maps of the module have every room.
func TestMapsNameEveryRoom(t *testing.T) {
	for page, row := range map[string]string{"doc.go": `(?m)^//\t%s\S* +\S`, filepath.Join("docs", "architecture.md"): "(?m)^\\| `%s[/a-z]*`"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for room := range mayReach {
			if room == "." {
				continue
			}
			if !regexp.MustCompile(fmt.Sprintf(row, room)).Match(text) {
				t.Errorf("%s doesn't name the room %s", page, room)
			}
		}
	}
}

// make help lists each target that has a description.
func TestHelpListsEveryTarget(t *testing.T) {
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	pattern := regexp.MustCompile(`grep -hE '([^']+)'`).FindSubmatch(makefile)
	if pattern == nil {
		t.Fatal("help doesn't look for targets by grep -hE '…' any more")
	}
	listed := regexp.MustCompile(`(?m)` + string(pattern[1]))
	targets := regexp.MustCompile(`(?m)^[^\s#.][^:=]*:.*## .*$`).FindAll(makefile, -1)
	if len(targets) < 10 {
		t.Fatalf("found %d targets with a description", len(targets))
	}
	for _, target := range targets {
		if !listed.Match(target) {
			t.Errorf("help doesn't list %s", target)
		}
	}
}
