package external

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var inTicks = regexp.MustCompile("`([A-Za-z0-9-]+)`")

// docs/conformance.md names the cases, issuers and tests that there are, and leaves out no case and no issuer.
func TestThePageNamesWhatIsTested(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "conformance.md"))
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for name := range maps.Keys(conformanceCases()) {
		there[name] = true
	}
	for _, setup := range issuerSetups() {
		there[setup.name] = true
	}
	named := map[string]bool{}
	for _, name := range inTicks.FindAllStringSubmatch(string(text), -1) {
		named[name[1]] = true
		if strings.HasPrefix(name[1], "Test") && !declares(t, name[1]) || !strings.HasPrefix(name[1], "Test") && !there[name[1]] {
			t.Errorf("docs/conformance.md names %s, which isn't there", name[1])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(there)) {
		if !named[name] {
			t.Errorf("docs/conformance.md doesn't name %s", name)
		}
	}
}

func declares(t *testing.T, test string) bool {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		return err == nil && strings.Contains(string(text), "func "+test+"(")
	})
}
