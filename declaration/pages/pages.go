// Package pages holds the generated pages of the documentation against what they are generated from.
// Only tests import it. With -update they write the pages.
package pages

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the generated files")

// Update reports whether generated files are to be rewritten.
func Update() bool { return *update }

// AreUpToDate compares files of a folder, by their names, with what they have to hold. The command is
// the one that rewrites them.
func AreUpToDate(t testing.TB, command, folder string, want map[string]string) {
	t.Helper()
	for name, text := range want {
		file := filepath.Join(folder, name)
		if *update {
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		switch {
		case err != nil:
			t.Error(err)
		case string(got) != text:
			t.Errorf("%s is out of date: run `%s`\n%s", file, command, firstDifference(string(got), text))
		}
	}
}

// AreAll wants no page in a folder but those, and others that are named.
func AreAll(t testing.TB, folder string, want map[string]string, others ...string) {
	t.Helper()
	there, err := filepath.Glob(folder + "/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range there {
		name := filepath.Base(file)
		if _, generated := want[name]; !generated && !slices.Contains(others, name) {
			t.Errorf("nothing generates %s", file)
		}
	}
}

// firstDifference is the first line in which two texts differ.
func firstDifference(got, want string) string {
	there, due := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(there), len(due)) {
		if i >= len(there) || i >= len(due) || there[i] != due[i] {
			return "it has  " + strings.Join(there[min(i, len(there)):min(i+1, len(there))], "") +
				"\nand not " + strings.Join(due[min(i, len(due)):min(i+1, len(due))], "")
		}
	}
	return ""
}
