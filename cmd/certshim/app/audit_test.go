package app_test

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/cmd/certshim/app"
)

// auditedFiles are objects with every verdict that files can have, and hostile ones.
func auditedFiles(t *testing.T) []string {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/audit.txtar")
	if err != nil {
		t.Fatal(err)
	}
	flags := []string{"-f", "../../../examples/audit/shop.yaml"}
	for _, file := range archive.Files {
		if file.Name != "sources.yaml" && file.Name != "certificates.yaml" {
			continue
		}
		path := filepath.Join(t.TempDir(), file.Name)
		if err := os.WriteFile(path, file.Data, 0o600); err != nil {
			t.Fatal(err)
		}
		flags = append(flags, "-f", path)
	}
	return flags
}

func audit(t *testing.T, flags ...string) string {
	t.Helper()
	stdout, stderr, exit := run(t, nil, append([]string{"audit"}, flags...)...)
	if exit != 0 {
		t.Fatalf("status %d: %s", exit, stderr)
	}
	return stdout
}

// The report is as its published schema says, with nothing beside, and the same in YAML.
func TestAuditReportFitsItsSchema(t *testing.T) {
	for _, only := range []string{"", "yielded", "foreign"} {
		flags := append(auditedFiles(t), configFile(t, "ownership: {rules: [{managers: ['kustomize-*'], then: yield}, {managers: [nobody], then: fail}]}\n"), "--raw-managed-fields")
		if only != "" {
			flags = append(flags, "--only", only)
		}
		var fromJSON, fromYAML any
		if err := json.Unmarshal([]byte(audit(t, append(flags, "-o", "json")...)), &fromJSON); err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal([]byte(audit(t, append(flags, "-o", "yaml")...)), &fromYAML); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(fromJSON, fromYAML); diff != "" {
			t.Errorf("--only %q: JSON and YAML differ:\n%s", only, diff)
		}
		app.FitsSchema(t, "audit-report", fromJSON)
		certificates := fromJSON.(map[string]any)["certificates"].([]any)
		if len(certificates) == 0 {
			t.Errorf("--only %q: no Certificate", only)
		}
	}
}

// Every output is safe on a terminal and in a spreadsheet, and tells of the same fields.
func TestAuditOutputsAreInert(t *testing.T) {
	flags := auditedFiles(t)
	for _, format := range []string{"table", "wide", "json", "yaml", "csv", "junit"} {
		text := audit(t, append(flags, "-o", format)...)
		if format == "csv" {
			text = strings.ReplaceAll(text, "\r\n", "\n")
		}
		safe(t, format, text)
	}
	rows, err := csv.NewReader(strings.NewReader(audit(t, append(flags, "-o", "csv")...))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	formulas := 0
	for _, row := range rows {
		for _, cell := range row {
			if strings.ContainsAny(cell[:min(len(cell), 1)], "=+-@") && cell != "-" {
				t.Errorf("%q is a formula", cell)
			}
			if strings.HasPrefix(cell, "'") {
				formulas++
			}
		}
	}
	if formulas == 0 {
		t.Error("no cell would have been a formula")
	}
}

// A cluster is audited as files with the same objects are, and what may not be listed gives
// status 2, with what can be said without it.
func TestAuditOfAClusterIsAsOfFiles(t *testing.T) {
	text, err := os.ReadFile("../../../examples/audit/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	server, cluster := serveDocuments(t, string(text))
	for _, format := range []string{"table", "wide", "json", "csv", "junit"} {
		flags := []string{"-o", format, "--only", "ours,drifted"}
		ofFiles := audit(t, append(flags, "-f", "../../../examples/audit/shop.yaml")...)
		if diff := cmp.Diff(ofFiles, audit(t, append(flags, "-A", cluster)...)); diff != "" {
			t.Errorf("%s: (-files +cluster)\n%s", format, diff)
		}
	}
	if all, settled := audit(t, "-A", cluster, "--only", "ours,drifted"), audit(t, "-A", cluster); summaryOf(all) != summaryOf(settled) {
		t.Errorf("the summary depends on what is shown:\n%s\n%s", all, settled)
	}

	server.forbidden["/apis/cert-manager.io/v1/issuers"] = true
	stdout, stderr, exit := run(t, nil, "audit", "-A", cluster, "--fail-on", "drifted")
	if exit != 2 || !strings.Contains(stdout, "4 Certificates") || !strings.Contains(stderr, "may not list objects of kind Issuer") {
		t.Errorf("without issuers: status %d\n%s%s", exit, stdout, stderr)
	}
	server.forbidden["/apis/cert-manager.io/v1/certificates"] = true
	stdout, stderr, exit = run(t, nil, "audit", "-A", cluster)
	if exit != 2 || !strings.Contains(stderr, "may not list objects of kind Certificate") || strings.Contains(stdout, "missing-certificate") {
		t.Errorf("without Certificates: status %d\n%s%s", exit, stdout, stderr)
	}
}

// Beside the worst Certificates stand their Events, if they may be read.
func TestAuditShowsEventsBesideTheWorst(t *testing.T) {
	text, err := os.ReadFile("../../../examples/audit/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	server, cluster := serveDocuments(t, string(text)+`
---
apiVersion: v1
kind: Event
metadata: {name: cdn-tls.1, namespace: shop}
involvedObject: {kind: Certificate, name: cdn-tls, namespace: shop}
type: Warning
reason: EditedByHand
message: "somebody </script> edited it"
count: 3
lastTimestamp: "2026-04-01T10:00:00Z"
source: {component: certshim}
`)
	server.resources = append(server.resources, serves("v1", "events", "Event", true))
	page := audit(t, "-A", cluster, "-o", "html")
	if !strings.Contains(page, "EditedByHand") || !strings.Contains(page, "\\u003c/script\\u003e edited it") {
		t.Error("the Event isn't in the report")
	}
	server.forbidden["/api/v1/namespaces/shop/events"] = true
	page = audit(t, "-A", cluster, "-o", "html")
	if strings.Contains(page, "EditedByHand") || !strings.Contains(page, "the Events of namespace shop aren&#39;t shown") {
		t.Error("the report doesn't say that Events may not be read")
	}
}

// summaryOf is what stands above the fields.
func summaryOf(table string) string {
	summary, _, _ := strings.Cut(table, "\nNAMESPACE ")
	return summary
}

// What adopt and release would do is told as their published schemas have it.
func TestHandoverReportsFitTheirSchemas(t *testing.T) {
	for schema, runs := range map[string][][]string{
		"adopt-report": {
			{"adopt", "-f", "../../../examples/migrate/"},
			{"adopt", "-f", "../../../examples/adopt/by-hand.yaml", "--from", "kubectl-client-side-apply,kustomize-controller"},
			{"adopt", "-f", "../../../examples/adopt/to-gateway.yaml", "-n", "shop", "ingress/web", "--to", "gateway/edge"},
		},
		"release-report": {
			{"release", "-f", "../../../examples/adopt/to-gateway.yaml"},
			{"release", "-f", "../../../examples/adopt/to-gateway.yaml", "--free"},
			{"release", "-f", "../../../examples/migrate/"},
		},
	} {
		for _, args := range runs {
			stdout, stderr, exit := run(t, nil, append(args, "-o", "json")...)
			if exit != 0 {
				t.Fatalf("%q: status %d: %s", args, exit, stderr)
			}
			var report map[string]any
			if err := json.Unmarshal([]byte(stdout), &report); err != nil {
				t.Fatal(err)
			}
			app.FitsSchema(t, schema, report)
			if len(report["certificates"].([]any)) == 0 {
				t.Errorf("%q: no Certificate", args)
			}
		}
	}
}
