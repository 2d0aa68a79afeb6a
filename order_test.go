package certshim_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"regexp"
	"slices"
	"testing"
)

// listed finds the files of this package in doc.go, in their order.
var listed = regexp.MustCompile(`(?m)^//\t([a-z]+\.go) `)

// A walk through the files climbs back nowhere: what a file calls is in itself, or in one that
// doc.go lists before it.
func TestFilesCallOnlyThoseBeforeThem(t *testing.T) {
	page, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, match := range listed.FindAllStringSubmatch(string(page), -1) {
		order = append(order, match[1])
	}
	files := parseFiles(t, order)
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	// What other packages declare is of no interest, so that none is read.
	config := types.Config{Error: func(error) {}}
	pkg, _ := config.Check("github.com/certshim/certshim", files.set, files.parsed, info)
	calls := 0
	place := func(pos token.Pos) int { return slices.Index(order, files.set.Position(pos).Filename) }
	for ident, object := range info.Uses {
		if _, isFunc := object.(*types.Func); !isFunc || object.Pkg() != pkg {
			continue
		}
		calls++
		if from, to := place(ident.Pos()), place(object.Pos()); to > from {
			t.Errorf("%s calls %s, which is further on, in %s", files.set.Position(ident.Pos()), object.Name(), order[to])
		}
	}
	if calls < 100 {
		t.Errorf("only %d calls are seen", calls)
	}
}

type parsedFiles struct {
	set    *token.FileSet
	parsed []*ast.File
}

// parseFiles reads the files of the package, all of which have to be listed.
func parseFiles(t *testing.T, order []string) parsedFiles {
	t.Helper()
	out := parsedFiles{set: token.NewFileSet()}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	source := regexp.MustCompile(`^[a-z]+\.go$`)
	for _, entry := range entries {
		name := entry.Name()
		if !source.MatchString(name) || name == "doc.go" {
			continue
		}
		if !slices.Contains(order, name) {
			t.Errorf("doc.go doesn't list %s", name)
		}
		file, err := parser.ParseFile(out.set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		out.parsed = append(out.parsed, file)
	}
	return out
}
