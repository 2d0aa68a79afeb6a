package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/certshim/certshim/declaration/pages"
)

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func setsAndResults(t *testing.T) ([]set, map[set]result) {
	t.Helper()
	sets, err := readVersions("versions")
	if err != nil {
		t.Fatal(err)
	}
	results, err := readResults("results")
	if err != nil {
		t.Fatal(err)
	}
	return sets, results
}

// What the README says of versions is what was run, and each set was.
func TestTheReadmeHasWhatWasRun(t *testing.T) {
	sets, results := setsAndResults(t)
	for _, each := range sets {
		switch r, ran := results[each]; {
		case !ran:
			t.Errorf("the file versions has %s, and results hasn't: run make compat", each)
		case r.verdict() != "passed" || r.passed != len(each.tests()):
			t.Errorf("%s: %d tests passed and %d failed, want all %d to pass: run make compat", each, r.passed, r.failed, len(each.tests()))
		case strings.HasSuffix(r.commit, dirty):
			t.Errorf("%s was run at %s, which nobody can check out: commit, then run make compat", each, r.commit)
		}
	}
	readme, err := renderReadme(read(t, "../../README.md"), sets, results)
	if err != nil {
		t.Fatal(err)
	}
	pages.AreUpToDate(t, "make generate", "../..", map[string]string{"README.md": readme})
}

// newest is the version of a module that all tests run with.
func newest(t *testing.T, goMod, module string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^\s*` + regexp.QuoteMeta(module) + ` (v\S+)$`).FindStringSubmatch(read(t, goMod))
	if found == nil {
		t.Fatalf("%s doesn't name %s", goMod, module)
	}
	return found[1]
}

// A version is supported if each minor version from the oldest to the newest is tested.
func TestEachSupportedVersionIsTested(t *testing.T) {
	sets, _ := setsAndResults(t)
	readme := read(t, "../../README.md")
	for row, of := range map[string]struct {
		newest string
		pick   func(set) string
	}{
		"| Kubernetes |":   {newest(t, "../controlplane/go.mod", "k8s.io/kubernetes"), func(s set) string { return s.kubernetes }},
		"| cert-manager, ": {newest(t, "../go.mod", "github.com/cert-manager/cert-manager"), func(s set) string { return s.certManager }},
		"| Gateway API, ":  {newest(t, "../go.mod", "sigs.k8s.io/gateway-api"), func(s set) string { return s.gatewayAPI }},
	} {
		last := version.MustParseSemantic(of.newest).Minor()
		first, tested := last, map[uint]bool{last: true}
		for _, each := range sets {
			minor := version.MustParseSemantic(of.pick(each)).Minor()
			first, tested[minor] = min(first, minor), true
		}
		if len(tested) != int(last-first+1) {
			t.Errorf("%s: of 1.%d to 1.%d only %v are tested", row, first, last, tested)
		}
		want := fmt.Sprintf(" 1.%d to 1.%d | %s", first, last, of.newest[1:])
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(row) + `.*` + regexp.QuoteMeta(want)).MatchString(readme) {
			t.Errorf("README.md should have a row %s … %s", row, want)
		}
	}
}

// A test that is renamed is named anew here.
func TestTestsAreThere(t *testing.T) {
	var code strings.Builder
	for _, folder := range packages() {
		files, err := filepath.Glob(filepath.Join("..", folder, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			code.WriteString(read(t, file))
		}
	}
	for _, test := range (set{"v1.37.0", "v1.21.0", "v1.6.0"}).tests() {
		if !strings.Contains(code.String(), "\nfunc "+test+"(t *testing.T) {\n") {
			t.Errorf("there is no %s in %v", test, packages())
		}
	}
}

func TestWhatASetNeedNotPass(t *testing.T) {
	all := len(set{"v1.37.0", "v1.21.0", "v1.6.0"}.tests())
	for s, want := range map[set]int{
		{"v1.34.0", "v1.21.0", "v1.5.0"}: all, {"v1.37.0", "v1.20.9", "v1.5.0"}: all - 1, {"v1.37.0", "v1.21.0", "v1.4.9"}: all - 3,
	} {
		if got := len(s.tests()); got != want {
			t.Errorf("%s: %d tests, want %d", s, got, want)
		}
	}
}

func TestVersionsAreRead(t *testing.T) {
	for text, want := range map[string]string{
		"# a comment\n\nv1.34.4  v1.19.2 v1.4.1\n": "", "v1.34.4 v1.19.2": "three versions", "v1.34 v1.19.2 v1.4.1": `"v1.34"`, "1.34.4 v1.19.2 v1.4.1": `"1.34.4"`,
	} {
		file := filepath.Join(t.TempDir(), "versions")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		sets, err := readVersions(file)
		if want == "" && (err != nil || len(sets) != 1 || sets[0] != set{"v1.34.4", "v1.19.2", "v1.4.1"}) {
			t.Errorf("%q: %v, %v", text, sets, err)
		}
		if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want an error about %s", text, err, want)
		}
	}
}

// A set that is run again takes the place of its earlier result, one that isn't asked for any more goes, and the order stays.
func TestResultsAreRecorded(t *testing.T) {
	one, two, gone := set{"v1.34.4", "v1.19.2", "v1.4.1"}, set{"v1.35.4", "v1.20.3", "v1.5.1"}, set{"v1.33.1", "v1.18.2", "v1.4.1"}
	file := filepath.Join(t.TempDir(), "results")
	for _, ran := range [][]result{{{two, 20, 0, "a"}, {gone, 20, 0, "a"}}, {{one, 18, 2, "b"}}, {{one, 20, 0, "c"}}} {
		if err := record(file, []set{one, two}, ran); err != nil {
			t.Fatal(err)
		}
	}
	want := resultsHead + "v1.34.4 v1.19.2 v1.4.1 20 0 c\nv1.35.4 v1.20.3 v1.5.1 20 0 a\n"
	if diff := cmp.Diff(want, read(t, file)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestTheTables(t *testing.T) {
	one, two := set{"v1.34.4", "v1.19.2", "v1.4.1"}, set{"v1.35.4", "v1.20.3", "v1.5.1"}
	ran := []result{{one, 18, 2, "a"}, {two, 20, 0, "a"}}
	want := `Kubernetes  cert-manager  Gateway API  passed  failed  commit  
v1.34.4     v1.19.2       v1.4.1       18      2       a       failed
v1.35.4     v1.20.3       v1.5.1       20      0       a       passed
`
	if diff := cmp.Diff(want, table(ran)); diff != "" {
		t.Errorf("at a terminal (-want +got)\n%s", diff)
	}
	got, err := renderReadme("a\n"+tableBegin+"old\n"+tableEnd+"z\n", []set{two, one}, map[set]result{one: ran[0], two: ran[1]})
	want = "a\n" + tableBegin + `| Kubernetes | cert-manager | Gateway API | tests that passed | at commit |
|---|---|---|---|---|
| 1.35.4 | 1.20.3 | 1.5.1 | 20 of 20 | a |
| 1.34.4 | 1.19.2 | 1.4.1 | 18 of 20 | a |
` + tableEnd + "z\n"
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	if _, err := renderReadme("a", nil, nil); err == nil {
		t.Error("a README without marks is no error")
	}
}

// A test counts as passed if it says so: one that was skipped, failed or isn't there any more doesn't.
func TestJudgement(t *testing.T) {
	s := set{"v1.34.4", "v1.19.2", "v1.4.1"}
	names := s.tests()
	var output bytes.Buffer
	w := workshop{output: &output}
	events := fmt.Sprintf(`{"Action":"start"}
{"Action":"output","Test":%[1]q,"Output":"=== RUN\n"}
{"Action":"pass","Test":%[1]q}
{"Action":"pass","Test":"%[2]s/one"}
{"Action":"fail","Test":%[2]q}
{"Action":"skip","Test":%[3]q}
{"Action":"pass"}
`, names[0], names[1], names[2])
	passed, err := w.follow(strings.NewReader(events))
	if err != nil {
		t.Fatal(err)
	}
	if r := w.judge(s, passed); r.passed != 1 || r.failed != len(names)-1 || r.verdict() != "failed" {
		t.Errorf("%+v, want one that passed", r)
	}
	if !strings.HasPrefix(output.String(), "=== RUN\n") || !strings.Contains(output.String(), names[2]+" hasn't passed with v1.34.4") {
		t.Errorf("printed was\n%s", output.String())
	}
	if _, err := w.follow(strings.NewReader("nonsense")); err == nil {
		t.Error("what isn't go test's is no error")
	}
}
