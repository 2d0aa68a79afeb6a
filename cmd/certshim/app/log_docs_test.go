package app_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// logCall is a line of the log as the code writes it.
type logCall struct {
	level, message string
	keys           []string
}

// docs/logging.md has every line that certshim logs, at its level, and every key, and no others.
func TestTheLogIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../../docs/logging.md")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	keys := keysOfLogging(string(text))
	for _, call := range logCalls(t) {
		want = append(want, call.level+": "+call.message)
		for _, key := range call.keys {
			if !slices.Contains(keys, key) {
				t.Errorf("%q: docs/logging.md doesn't have the key %q", call.message, key)
			}
		}
	}
	_, lines, _ := strings.Cut(string(text), "<!-- lines: checked by a test -->")
	for _, row := range regexp.MustCompile(`(?m)^\| (error|warn|info|debug) \| (.*?) \|`).FindAllStringSubmatch(lines, -1) {
		got = append(got, row[1]+": "+row[2])
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(slices.Compact(want), got); diff != "" {
		t.Errorf("docs/logging.md (-the code +the page):\n%s", diff)
	}
}

// keysOfLogging are those of the page's table.
func keysOfLogging(text string) []string {
	_, table, _ := strings.Cut(text, "## Keys\n")
	table, _, _ = strings.Cut(table, "\n## ")
	var keys []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*?) \\|").FindAllStringSubmatch(table, -1) {
		for _, key := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			keys = append(keys, key[1])
		}
	}
	return keys
}

// logCalls finds all calls of a logger in the rooms that have one.
func logCalls(t *testing.T) []logCall {
	t.Helper()
	var calls []logCall
	for _, room := range []string{"access", "cluster", "controller", "reports", "plugins", "cmd"} {
		err := filepath.WalkDir(filepath.Join("../../..", room), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && d.Name() == "examples" {
				return fs.SkipDir
			}
			if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return nil
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(node ast.Node) bool {
				if call, is := node.(*ast.CallExpr); is {
					calls = append(calls, logCallOf(call)...)
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return calls
}

// logCallOf is one call, if it is of a logger.
func logCallOf(call *ast.CallExpr) []logCall {
	method, is := call.Fun.(*ast.SelectorExpr)
	levels := map[string]string{"Debug": "debug", "Info": "info", "Warn": "warn", "Error": "error"}
	if !is || levels[method.Sel.Name] == "" || len(call.Args) == 0 || !isLogger(method.X) {
		return nil
	}
	one := logCall{level: levels[method.Sel.Name], message: literal(call.Args[0])}
	for i := 1; i < len(call.Args); i += 2 {
		if key := literal(call.Args[i]); key != "" {
			one.keys = append(one.keys, key)
		}
	}
	return []logCall{one}
}

func isLogger(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return strings.EqualFold(x.Name, "log")
	case *ast.SelectorExpr:
		return strings.EqualFold(x.Sel.Name, "log")
	}
	return false
}

func literal(x ast.Expr) string {
	basic, is := x.(*ast.BasicLit)
	if !is || basic.Kind != token.STRING {
		return ""
	}
	text, _ := strconv.Unquote(basic.Value)
	return text
}
