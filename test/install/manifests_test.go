package install

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/certshim/certshim/declaration/pages"
)

// The comments of Helm, and the labels that speak of it.
var ofHelm = regexp.MustCompile(`(?m)^# Source: .*\n|^ *(helm\.sh/chart|app\.kubernetes\.io/(managed-by|version)): .*\n`)

const renderedBy = "# Rendered from chart/ by \"make generate\"; don't edit.\n"

// What deploy/ has is what the chart makes of its default values, but for reports and the NetworkPolicy, which have to be
// switched on.
func TestManifestsComeFromTheChart(t *testing.T) {
	switches := map[string]string{"reports": "config: {ownership: {reports: auto}}", "networkpolicy": "networkPolicy: {enabled: true}"}
	want := map[string]string{}
	for _, name := range []string{"serviceaccount", "rbac", "issuers", "sources", "reports", "deployment", "networkpolicy", "poddisruptionbudget"} {
		rendered, err := template(t.Context(), repository(t), switches[name], "--show-only=templates/"+name+".yaml")
		if err != nil {
			t.Fatal(err)
		}
		want[name+".yaml"] = renderedBy + tidy(rendered)
	}
	pages.AreUpToDate(t, "make generate", filepath.Join(repository(t), "deploy"), want)
}

var emptyLines = regexp.MustCompile(`\n{2,}`)

// tidy leaves out what is Helm's.
func tidy(rendered string) string {
	text := emptyLines.ReplaceAllString(ofHelm.ReplaceAllString(rendered, ""), "\n")
	return strings.TrimPrefix(strings.TrimSpace(text), "---\n") + "\n"
}

// Each value is described in the chart's README.
func TestTheChartsReadmeIsUpToDate(t *testing.T) {
	chart := filepath.Join(repository(t), "deploy/chart")
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(chart)); err != nil {
		t.Fatal(err)
	}
	write := exec.CommandContext(t.Context(), filepath.Join(repository(t), "bin/helm-docs"),
		"--chart-search-root="+folder, "--sort-values-order=file", "--skip-version-footer", "--log-level=error")
	if output, err := write.CombinedOutput(); err != nil {
		t.Fatalf("helm-docs: %v: %s", err, output)
	}
	readme, err := os.ReadFile(filepath.Join(folder, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(readme), "|  |") {
		t.Error("a value has no description")
	}
	pages.AreUpToDate(t, "make generate", chart, map[string]string{"README.md": string(readme)})
}
