package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// blocks are the page's files, in their order: the language of each, and its text.
var blocks = regexp.MustCompile("(?s)```(yaml|go)\n(.*?)```\n")

// Who copies the page's files has a program that knows the page's kinds.
func TestThePagesProgram(t *testing.T) {
	folder := t.TempDir()
	found := blocks.FindAllStringSubmatch(read(t, "../../docs/adding-a-resolver.md"), -1)
	files := []string{"issuertype.yaml", "corpca.go", "main.go"}
	if len(found) != len(files) {
		t.Fatalf("the page has %d files, want %d", len(found), len(files))
	}
	for i, name := range files {
		write(t, filepath.Join(folder, name), found[i][2])
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "go.mod"), strings.ReplaceAll(read(t, "go.mod"), "=> ../..", "=> "+root))
	write(t, filepath.Join(folder, "go.sum"), read(t, "go.sum"))

	run(t, folder, "go", "build", "-o", "certshim", ".")
	out := run(t, folder, "./certshim", "issuers", "--offline")
	for _, kind := range []string{"CorpIssuer", "CorpClusterIssuer"} {
		if !regexp.MustCompile(kind + ` +pki\.corp\.example .*compiled-in/corp-ca`).MatchString(out) {
			t.Errorf("%s is not among:\n%s", kind, out)
		}
	}
}

func run(t *testing.T, folder, name string, arguments ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, arguments...)
	cmd.Dir = folder
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, arguments, err, out)
	}
	return string(out)
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
