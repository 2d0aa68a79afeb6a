package app

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
	"k8s.io/kube-openapi/pkg/validation/validate"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/source"
)

// published is the folder of the schemas, wherever a test goes.
var published, _ = filepath.Abs("../../../docs/schemas")

// schemas are those of reports by kind.
var schemas = map[string]string{
	"PlanReport": "plan-report", "AuditReport": "audit-report", "AdoptReport": "adopt-report", "ReleaseReport": "release-report", "Explanation": "explanation", "DoctorReport": "doctor-report",
}

// PrintsReport wants what a command has printed to fit its published schema, if it is a report in JSON.
func PrintsReport(t testing.TB, text string) (kind string) {
	t.Helper()
	var report map[string]any
	if json.Unmarshal([]byte(text), &report) != nil || report["apiVersion"] != "certshim.io/v1alpha1" {
		return ""
	}
	kind, _ = report["kind"].(string)
	if schemas[kind] == "" {
		return ""
	}
	FitsSchema(t, schemas[kind], report)
	return kind
}

// FitsSchema wants what a published schema says.
func FitsSchema(t testing.TB, name string, value any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(published, name+".schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var schema spec.Schema
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	for _, fault := range validate.NewSchemaValidator(&schema, nil, "", strfmt.Default).Validate(value).Errors {
		t.Errorf("%s: %v", name, fault)
	}
}

// reportFits is FitsSchema for a report as it is printed.
func reportFits(t *testing.T, name string, report any) {
	t.Helper()
	text, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	var read any
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	FitsSchema(t, name, read)
}

// The reports of what was written, too, are as their schemas have them: with each verdict and result.
func TestReportsOfWritesFitTheirSchemas(t *testing.T) {
	object := &source.Object{Ref: source.Ref{Group: source.IngressGroup, Kind: source.IngressKind, Namespace: "shop", Name: "web"}}
	adopts := &adopting{o: &adoptOptions{handover: handover{yes: true}}}
	for _, verdict := range adoptVerdicts() {
		for _, result := range []adoptResult{"", adoptDone, adoptLeft, adoptFailed} {
			one := adopted{
				object: object, verdict: verdict, result: result, reason: certificate.Because(certificate.CauseTakenOver), from: []string{"helm (Apply)"},
				decision: certificate.Decision{Namespace: "shop", Name: "tls", Config: map[string]any{}, Changes: []certificate.Change{{Field: ".spec.duration"}}},
			}
			if result == adoptFailed {
				one.failed = errors.New("no")
			}
			adopts.rows = append(adopts.rows, one)
		}
	}
	reportFits(t, "adopt-report", adopts.report())

	releases := &releasing{o: &releaseOptions{handover: handover{yes: true}}}
	for _, gives := range []certificate.Release{
		{}, {Patch: []byte("[]"), To: "x", Removes: []string{".metadata.labels.x"}}, {Patch: []byte("[]")}, {Refused: certificate.Because(certificate.CauseNoReference)},
	} {
		for _, result := range []string{"", releaseDone, releaseFailed} {
			releases.rows = append(releases.rows, released{object: object, gives: gives, result: result})
		}
	}
	reportFits(t, "release-report", releases.report())
}
