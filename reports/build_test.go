package reports

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/ownership"
)

var update = flag.Bool("update", false, "write testdata/reports.txtar anew")

// someFields have each verdict, and a hostile holder.
func someFields() ownership.Report {
	r := ownership.Report{Namespace: "shop", Name: "web-tls", UID: "11", Ours: true, Unread: 2}
	own := ownership.Holder{Manager: "certshim", Operation: "Apply", Class: ownership.Certshim}
	hostile := ownership.Holder{Manager: "=1+1\n\x1b[31m\u202e", Operation: "Update", Class: ownership.Unknown}
	for i, verdict := range ownership.Verdicts() {
		f := ownership.Field{Path: fmt.Sprintf(".spec.field%d", i), Verdict: verdict, Live: "secret value", Wanted: "secret value", Holders: []ownership.Holder{own}}
		switch verdict {
		case ownership.Ours:
		case ownership.Untracked, ownership.Unowned:
			f.Holders = nil
		default:
			f.Holders = append(f.Holders, hostile)
		}
		r.Fields = append(r.Fields, f)
	}
	many := ownership.Field{Path: `.spec.secretTemplate.annotations.` + strings.Repeat("é", 300), Verdict: ownership.Foreign}
	for i := range 5 {
		many.Holders = append(many.Holders, ownership.Holder{Manager: fmt.Sprint("m", i), Operation: "Update", Class: ownership.Unknown})
	}
	r.Fields = append(r.Fields, many)
	return r
}

func totalsOf(r ownership.Report) (t inventory.FieldTotals) {
	n := r.Counts()
	return inventory.FieldTotals{
		Ours: n[ownership.Ours], Shared: n[ownership.Shared], Foreign: n[ownership.Foreign], Untracked: n[ownership.Untracked], Unserved: n[ownership.Unserved],
		Drifted: n[ownership.Drifted], Yielded: n[ownership.Yielded], Unowned: n[ownership.Unowned], Contested: n[ownership.Contested],
	}
}

// What a report says of each verdict, in both kinds.
func TestReports(t *testing.T) {
	r := someFields()
	certificates := []certificateResults{{name: r.Name, uid: r.UID, results: resultsOf(r)}}
	got := &txtar.Archive{}
	for _, kind := range []kind{openReport, policyReport} {
		text, err := json.MarshalIndent(build(kind, "shop", totalsOf(r), certificates), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		got.Files = append(got.Files, txtar.File{Name: kind.String(), Data: append(text, '\n')})
	}
	const golden = "testdata/reports.txtar"
	if *update {
		if err := os.WriteFile(golden, txtar.Format(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(txtar.Format(got))); diff != "" {
		t.Error(diff)
	}
}

// Reports are read by more people than Certificates, on terminals too.
func TestReportsHaveNoValuesAndAreInert(t *testing.T) {
	r := someFields()
	text := fmt.Sprint(build(openReport, "shop", totalsOf(r), []certificateResults{{name: r.Name, results: resultsOf(r)}}))
	if strings.Contains(text, "secret value") {
		t.Error("a value is in the report")
	}
	for _, c := range text {
		if !unicode.IsPrint(c) {
			t.Errorf("%q is in the report", c)
		}
	}
}

// A report is as short as etcd needs it, however many fields there are and however long their names.
func TestReportsAreBounded(t *testing.T) {
	var holders []ownership.Holder
	for i := range 1000 {
		holders = append(holders, ownership.Holder{Manager: strings.Repeat("\u202e", 42) + fmt.Sprint(i), Operation: "Update"})
	}
	r := ownership.Report{Name: strings.Repeat("n", 253), UID: strings.Repeat("u", 36)}
	for range 2 * maxResults {
		r.Fields = append(r.Fields, ownership.Field{Path: strings.Repeat("\u202e", 1000), Verdict: ownership.Unserved, Holders: holders})
	}
	report := build(openReport, strings.Repeat("s", 63), totalsOf(r), []certificateResults{{name: r.Name, uid: r.UID, results: resultsOf(r)}})
	results := report["results"].([]any)
	if got := results[len(results)-1].(map[string]any); len(results) != maxResults+1 || got["rule"] != unlisted ||
		!strings.HasPrefix(got["message"].(string), "500 more fields aren't listed here: ") {
		t.Errorf("%d results, and the last is %v", len(results), got)
	}
	text, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > 1<<20 {
		t.Errorf("%d bytes", len(text))
	}
	// What wasn't read is counted, too.
	report = build(openReport, "shop", totalsOf(r), nil)
	if results := report["results"].([]any); len(results) != 1 || !strings.HasPrefix(fmt.Sprint(results[0].(map[string]any)["message"]), "1000 more") {
		t.Errorf("without the Certificates: %v", results)
	}
	if report := build(openReport, "shop", inventory.FieldTotals{Ours: 7}, nil); report["results"] != nil {
		t.Errorf("all pass: %v", report)
	}
}

func TestTheWorstAreListed(t *testing.T) {
	with := func(name string, counts inventory.FieldCounts) inventory.CountedCertificate {
		return inventory.CountedCertificate{Name: name, Counts: counts}
	}
	all := []inventory.CountedCertificate{
		with("yielded", inventory.FieldCounts{Yielded: 1}),
		with("untracked", inventory.FieldCounts{Standing: certificate.Standing{Untracked: 1}}),
		with("foreign", inventory.FieldCounts{Standing: certificate.Standing{Foreign: 1}}),
		with("drifted", inventory.FieldCounts{Drifted: 1}),
		with("contested", inventory.FieldCounts{Contested: 1}),
		with("unserved", inventory.FieldCounts{Standing: certificate.Standing{Unserved: 1}}),
	}
	var names []string
	for _, c := range listed(all) {
		names = append(names, c.Name)
	}
	if diff := cmp.Diff([]string{"unserved", "contested", "drifted", "foreign", "untracked", "yielded"}, names); diff != "" {
		t.Error(diff)
	}
	all[5].Counts.Unserved = maxResults
	if got := listed(all); len(got) != 1 || got[0].Name != "unserved" {
		t.Errorf("beyond what a report lists: %v", got)
	}
}
