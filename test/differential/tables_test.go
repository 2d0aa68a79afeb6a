package differential

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/certshim/certshim/test/oracle"
)

const shims = "github.com/cert-manager/cert-manager/pkg/controller/certificate-shim"

// TestTables holds the two sides against each other on the inputs of cert-manager's own
// tests, which run with a recorder between them and their shim.
func TestTables(t *testing.T) {
	lines := recordTables(t)
	made, hits := 0, map[string]int{}
	for i, line := range lines {
		in, err := inputOfTable(line)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(fmt.Sprintf("%s/%d", in.Object.Kind, i), func(t *testing.T) {
			finding := holds(t, in)
			for _, name := range finding.Hit {
				hits[name]++
			}
			if finding.Made {
				made++
			}
		})
	}
	t.Logf("%d inputs, %d lead to a Certificate; rows that hit: %v", len(lines), made, hits)
	const least = 80
	if len(lines) < least || 2*made < len(lines) {
		t.Errorf("%d inputs, of which %d lead to a Certificate: is everything recorded?", len(lines), made)
	}
}

// recordTables runs cert-manager's test of its sync, and gives what was synced.
func recordTables(t *testing.T) [][]byte {
	t.Helper()
	record := filepath.Join(t.TempDir(), "inputs.json")
	test := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-vet=off", "-overlay="+overlay(t), "./testdata/tables")
	test.Env = append(os.Environ(), "CERTSHIM_RECORD="+record)
	if out, err := test.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", test.Args, err, out)
	}
	content, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Split(bytes.TrimSpace(content), []byte("\n"))
}

// overlay writes the file for go's -overlay that puts cert-manager's test beside the
// recorder. Nothing of it is kept.
func overlay(t *testing.T) string {
	t.Helper()
	beside, err := filepath.Abs("testdata/tables/sync_test.go")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	test, file := filepath.Join(folder, "sync_test.go"), filepath.Join(folder, "overlay.json")
	content, err := json.Marshal(map[string]any{"Replace": map[string]string{beside: test}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, test, testOf(t, "TestSync"))
	write(t, file, content)
	return file
}

func write(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// testOf takes one test out of cert-manager's sync_test.go, with the functions it calls.
func testOf(t *testing.T, name string) []byte {
	t.Helper()
	list, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", shims).Output()
	if err != nil {
		t.Fatal(err)
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, filepath.Join(strings.TrimSpace(string(list)), "sync_test.go"), nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	keep(file, name)
	file.Name.Name = "tables"
	var out bytes.Buffer
	if err := format.Node(&out, files, file); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// keep leaves in a file the function of that name, the functions that it needs, and the
// imports of these.
func keep(file *ast.File, name string) {
	functions := map[string]*ast.FuncDecl{}
	for _, decl := range file.Decls {
		if function, ok := decl.(*ast.FuncDecl); ok {
			functions[function.Name.Name] = function
		}
	}
	used := map[string]bool{name: true}
	var visit func(*ast.FuncDecl)
	visit = func(function *ast.FuncDecl) {
		ast.Inspect(function, func(node ast.Node) bool {
			if ident, ok := node.(*ast.Ident); ok && !used[ident.Name] {
				used[ident.Name] = true
				if called := functions[ident.Name]; called != nil {
					visit(called)
				}
			}
			return true
		})
	}
	visit(functions[name])
	file.Comments = nil
	file.Decls = slices.DeleteFunc(file.Decls, func(decl ast.Decl) bool {
		if function, ok := decl.(*ast.FuncDecl); ok {
			return !used[function.Name.Name]
		}
		general := decl.(*ast.GenDecl)
		general.Specs = slices.DeleteFunc(general.Specs, func(spec ast.Spec) bool {
			imported, ok := spec.(*ast.ImportSpec)
			return ok && !used[nameOf(imported)]
		})
		return len(general.Specs) == 0
	})
}

// nameOf is the name under which a file knows an import.
func nameOf(imported *ast.ImportSpec) string {
	if imported.Name != nil {
		return imported.Name.Name
	}
	path, _ := strconv.Unquote(imported.Path.Value)
	return path[strings.LastIndex(path, "/")+1:]
}

// inputOfTable reads one recorded line. Flags that the tables leave empty have the defaults
// that a controller starts with.
func inputOfTable(line []byte) (*Input, error) {
	var recorded struct {
		Kind         string           `json:"kind"`
		Source       map[string]any   `json:"source"`
		Certificates []map[string]any `json:"certificates"`
		Options      struct {
			DefaultIssuerName, DefaultIssuerKind, DefaultIssuerGroup string
			DefaultAutoCertificateAnnotations                        []string
			ExtraCertificateAnnotations                              []string
			GatewayAPIExtraProtocols                                 map[string]any
		} `json:"options"`
	}
	if err := utiljson.Unmarshal(line, &recorded); err != nil {
		return nil, fmt.Errorf("a recorded input: %w", err)
	}
	options := oracle.Defaults()
	flags := recorded.Options
	options.DefaultIssuerName = flags.DefaultIssuerName
	if flags.DefaultIssuerKind != "" {
		options.DefaultIssuerKind = flags.DefaultIssuerKind
	}
	if flags.DefaultIssuerGroup != "" {
		options.DefaultIssuerGroup = flags.DefaultIssuerGroup
	}
	options.AutoAnnotations, options.ExtraAnnotations = flags.DefaultAutoCertificateAnnotations, flags.ExtraCertificateAnnotations
	for protocol := range flags.GatewayAPIExtraProtocols {
		options.ExtraProtocols = append(options.ExtraProtocols, protocol)
	}
	recorded.Source["kind"] = recorded.Kind
	object, err := read(&unstructured.Unstructured{Object: recorded.Source})
	if err != nil {
		return nil, err
	}
	var existing []*unstructured.Unstructured
	for _, certificate := range recorded.Certificates {
		live, err := heldBy(shimManager, &unstructured.Unstructured{Object: certificate})
		if err != nil {
			return nil, err
		}
		existing = append(existing, live)
	}
	return inputs([]*Object{object}, existing, options)[0], nil
}
