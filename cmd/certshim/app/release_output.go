package app

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
)

// releaseReport is the ReleaseReport of -o json, a stable interface for other programs.
type releaseReport struct {
	APIVersion   string                `json:"apiVersion"`
	Kind         string                `json:"kind"`
	DryRun       bool                  `json:"dryRun"`
	Certificates []releasedCertificate `json:"certificates"`
	Summary      map[string]int        `json:"summary"`
	Results      map[string]int        `json:"results,omitempty"`
}

type releasedCertificate struct {
	Namespace string        `json:"namespace"`
	Name      string        `json:"name"`
	Source    auditedSource `json:"source"`
	Verdict   string        `json:"verdict"`
	// To is the field manager that gets the fields; it is left out for nobody.
	To string `json:"to,omitempty"`
	// Removes are the fields of metadata that go.
	Removes []string `json:"removes,omitempty"`
	// Cause is why it is refused; it is left out of others.
	Cause  certificate.Cause `json:"cause,omitempty"`
	Why    string            `json:"why,omitempty"`
	Result string            `json:"result,omitempty"`
	Error  string            `json:"error,omitempty"`
}

// releaseWords are what the table says of a verdict.
func releaseWords(verdict string) string { return adoptVerdict(verdict).words() }

func (r *releasing) print(w io.Writer) error {
	if r.o.format == formatJSON {
		return writeJSON(w, r.report())
	}
	t := table{w: w}
	if hasColour(r.o.plan.colour, r.o.plan.streams.Out) {
		t.paint = paintReleased
	}
	header := []string{"NAMESPACE", "CERTIFICATE", "SOURCE", "VERDICT", "TO"}
	if r.o.yes {
		header = append(header, "RESULT")
	}
	if !r.o.plan.noHeaders && len(r.rows) > 0 {
		t.row(append(header, "WHY")...)
	}
	for i := range r.rows {
		one := &r.rows[i]
		cells := []string{one.seen.Namespace, one.seen.Name, one.object.Ref.Object().InNamespace(), releaseWords(one.verdict()), one.toCell()}
		if r.o.yes {
			cells = append(cells, one.result)
		}
		t.row(append(cells, one.why())...)
	}
	return t.flush()
}

// paintReleased colours verdicts and results, wherever they stand.
func paintReleased(row []string, column int) colour {
	switch row[column] {
	case releaseFailed:
		return red
	case releaseRefused:
		return yellow
	case releaseWords(releaseMetadata), releaseSame, releaseDone:
		return green
	}
	return plain
}

func (one *released) toCell() string {
	if one.verdict() != releaseMetadata {
		return ""
	}
	return cmp.Or(one.gives.To, "nobody")
}

func (one *released) why() string {
	switch {
	case one.failed != nil:
		return problem.OneLine(one.failed.Error())
	case !one.gives.Refused.IsZero():
		return one.gives.Refused.String()
	case one.gives.Patch == nil:
		return "certshim holds nothing of it"
	case len(one.gives.Removes) > 0:
		return "removes " + strings.Join(one.gives.Removes, ", ")
	}
	return "no value changes"
}

func (r *releasing) report() releaseReport {
	report := releaseReport{
		APIVersion: "certshim.io/v1alpha1", Kind: "ReleaseReport", DryRun: !r.o.yes, Certificates: []releasedCertificate{},
		Summary: map[string]int{releaseSame: 0, releaseMetadata: 0, releaseRefused: 0}, Results: map[string]int{},
	}
	for i := range r.rows {
		one := &r.rows[i]
		c := releasedCertificate{
			Namespace: one.seen.Namespace, Name: one.seen.Name, Verdict: one.verdict(), Cause: one.gives.Refused.Cause, Why: one.why(), Result: one.result,
			To: one.gives.To, Removes: one.gives.Removes, Source: auditedSource{one.object.Group, one.object.Kind, one.object.Name},
		}
		if one.failed != nil {
			c.Error = one.failed.Error()
		}
		report.Certificates = append(report.Certificates, c)
		report.Summary[c.Verdict]++
		if one.result != "" {
			report.Results[one.result]++
		}
	}
	return report
}

func (r *releasing) tell() error {
	report := r.report()
	return r.o.tell(r.known, r.notes, r.named, r.summary(report), report.Results[releaseFailed] > 0)
}

// summary is the line that ends a run.
func (r *releasing) summary(report releaseReport) string {
	line := count(len(r.rows), "Certificate")
	if verdicts := countEach([]string{releaseSame, releaseMetadata, releaseRefused}, report.Summary, releaseWords); verdicts != "" {
		line += ": " + verdicts
	}
	if !r.o.yes && !r.o.plan.offline() && report.Summary[releaseMetadata] > 0 {
		return line + fmt.Sprintf("; nothing was written, --yes releases %d", report.Summary[releaseMetadata])
	}
	results := countEach([]string{releaseDone, releaseFailed}, report.Results, func(result string) string { return result })
	return line + "; " + cmp.Or(results, "nothing was written")
}
