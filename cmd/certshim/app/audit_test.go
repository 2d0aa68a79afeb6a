package app_test

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cmd/certshim/app"
	"github.com/certshim/certshim/ownership"
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

// A Certificate that is as it should be when it is first read, and then changes or goes, counts as it
// is when it is read again, and once.
func TestAuditOfWhatChangesMeanwhile(t *testing.T) {
	text, err := os.ReadFile("../../../examples/audit/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	isSettled := func(o *unstructured.Unstructured) bool { return o.GetName() == "shop-tls" }
	for name, row := range map[string]struct {
		happens func(*documentServer)
		// finds is of which kind the finding is that the change gives, if any, and fields how many are told of.
		finds  string
		fields int
	}{
		"nothing":    {happens: func(*documentServer) {}, fields: 8},
		"it goes":    {happens: func(s *documentServer) { s.objects = slices.DeleteFunc(s.objects, isSettled) }, finds: "missing-certificate"},
		"it changes": {happens: func(s *documentServer) { edit(s.objects[slices.IndexFunc(s.objects, isSettled)].Object) }, fields: 9},
	} {
		t.Run(name, func(t *testing.T) {
			server, cluster := serveDocuments(t, string(text))
			lists := 0
			server.before = func(path string) {
				if strings.HasSuffix(path, "/certificates") {
					if lists++; lists == 2 {
						row.happens(server)
					}
				}
			}
			var report struct {
				Certificates []ownership.Report
				Findings     []ownership.Finding
			}
			if err := json.Unmarshal([]byte(audit(t, "-A", cluster, "-o", "json")), &report); err != nil {
				t.Fatal(err)
			}
			fields, finds := 0, ""
			for _, c := range report.Certificates {
				if c.Name == "shop-tls" {
					fields += len(c.Fields)
				}
			}
			for _, f := range report.Findings {
				if strings.Contains(f.Message, "shop-tls") {
					finds += string(f.Kind)
				}
			}
			if fields != row.fields || finds != row.finds {
				t.Errorf("%d fields and the finding %q, want %d and %q", fields, finds, row.fields, row.finds)
			}
		})
	}
}

// edit gives a Certificate a label, as kubectl edit does.
func edit(object map[string]any) {
	metadata := object["metadata"].(map[string]any)
	metadata["resourceVersion"], metadata["labels"] = "8", map[string]any{"by": "hand"}
	entry := entryOf("kubectl-edit", "Update", "", map[string]any{"f:metadata": map[string]any{"f:labels": map[string]any{"f:by": map[string]any{}}}})
	metadata["managedFields"] = append(metadata["managedFields"].([]any), entry)
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

// A Certificate whose maker is gone isn't taken over, and the plan says why not as its published schema has it.
func TestPlanReportHasTheCauseOfACause(t *testing.T) {
	const documents = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop, uid: u-web, annotations: {cert-manager.io/issuer: ca}}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}, tls: [{hosts: [a.example.com], secretName: web-tls}]}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: web-tls
  namespace: shop
  uid: c1
  managedFields:
    - manager: certshim
      operation: Apply
      apiVersion: cert-manager.io/v1
      fieldsType: FieldsV1
      fieldsV1: {f:metadata: {f:ownerReferences: {'k:{"uid":"old"}': {}}}, f:spec: {f:dnsNames: {}, f:secretName: {}}}
spec: {secretName: web-tls, dnsNames: [a.example.com], issuerRef: {name: ca}}
`
	stdout, stderr, exit := run(t, []byte(documents), "plan", "-f", "-", "-o", "report")
	var report struct {
		Sources []struct {
			Certificates []struct{ Cause, Behind certificate.Cause }
		}
	}
	if err := json.Unmarshal([]byte(stdout), &report); err != nil || exit != 1 || app.PrintsReport(t, stdout) != "PlanReport" {
		t.Fatalf("status %d, %v: %s%s", exit, err, stdout, stderr)
	}
	if c := report.Sources[0].Certificates[0]; c.Cause != certificate.CauseNoOwner || c.Behind != "origin-gone-not-as-asked" {
		t.Errorf("%+v", c)
	}
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
