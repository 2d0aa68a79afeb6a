package app

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
)

// adoptReport is the AdoptReport of -o json, a stable interface for other programs.
type adoptReport struct {
	APIVersion   string               `json:"apiVersion"`
	Kind         string               `json:"kind"`
	DryRun       bool                 `json:"dryRun"`
	Certificates []adoptedCertificate `json:"certificates"`
	Summary      map[adoptVerdict]int `json:"summary"`
	Results      map[adoptResult]int  `json:"results,omitempty"`
}

type adoptedCertificate struct {
	Namespace string        `json:"namespace"`
	Name      string        `json:"name"`
	Source    auditedSource `json:"source"`
	Verdict   adoptVerdict  `json:"verdict"`
	// From are the field managers that lose fields.
	From []string `json:"from,omitempty"`
	// GoesWithSource is false for one that outlives its source, and left out where nothing is done.
	GoesWithSource *bool                `json:"goesWithSource,omitempty"`
	Changes        []certificate.Change `json:"changes,omitempty"`
	Cause          certificate.Cause    `json:"cause"`
	Why            string               `json:"why"`
	Result         adoptResult          `json:"result,omitempty"`
	Error          string               `json:"error,omitempty"`
}

func (a *adopting) print(w io.Writer) error {
	if a.o.format == formatJSON {
		return writeJSON(w, a.report())
	}
	t := table{w: w}
	if hasColour(a.o.plan.colour, a.o.plan.streams.Out) {
		t.paint = paintAdopted
	}
	header := []string{"NAMESPACE", "CERTIFICATE", "SOURCE", "VERDICT", "FROM", "GOES WITH ITS SOURCE", "WHY"}
	if a.o.yes {
		header = append(header[:6], "RESULT", "WHY")
	}
	if !a.o.plan.noHeaders && len(a.rows) > 0 {
		t.row(header...)
	}
	for _, one := range a.rows {
		cells := []string{one.decision.Namespace, one.decision.Name, one.sourceCell(), one.verdict.words(), strings.Join(one.from, ", "), one.goesCell()}
		if a.o.yes {
			cells = append(cells, string(one.result))
		}
		t.row(append(cells, one.whyCell())...)
	}
	return t.flush()
}

// paintAdopted colours verdicts and results, wherever they stand.
func paintAdopted(row []string, column int) colour {
	switch row[column] {
	case adoptReissue.words(), string(adoptFailed):
		return red
	case adoptRefused.words(), adoptChanges.words(), string(adoptLeft):
		return yellow
	case adoptMetadata.words(), adoptSame.words(), string(adoptDone):
		return green
	}
	return plain
}

func (one adopted) sourceCell() string { return one.object.Ref.Object().InNamespace() }

// goesCell says whether the Certificate is deleted together with its source.
func (one adopted) goesCell() string {
	switch {
	case one.verdict == adoptRefused || one.decision.Config == nil:
		return ""
	case one.goesWithSource():
		return "yes"
	}
	return "no"
}

func (one adopted) whyCell() string {
	if one.failed != nil {
		return problem.OneLine(one.failed.Error())
	}
	return one.why()
}

func (a *adopting) report() adoptReport {
	r := adoptReport{APIVersion: "certshim.io/v1alpha1", Kind: "AdoptReport", DryRun: !a.o.yes, Certificates: []adoptedCertificate{}, Summary: map[adoptVerdict]int{}, Results: map[adoptResult]int{}}
	for _, v := range adoptVerdicts() {
		r.Summary[v] = 0
	}
	for _, one := range a.rows {
		c := adoptedCertificate{
			Namespace: one.decision.Namespace, Name: one.decision.Name, Verdict: one.verdict, From: one.from, Cause: one.reason.Cause, Why: one.why(), Result: one.result,
			Source: auditedSource{one.object.Group, one.object.Kind, one.object.Name},
		}
		if one.goesCell() != "" {
			goes := one.goesWithSource()
			c.GoesWithSource = &goes
		}
		if one.verdict != adoptSame && one.verdict != adoptRefused {
			c.Changes = one.decision.Changes
		}
		if one.failed != nil {
			c.Error = one.failed.Error()
		}
		r.Certificates = append(r.Certificates, c)
		r.Summary[one.verdict]++
		if one.result != "" {
			r.Results[one.result]++
		}
	}
	return r
}

func (a *adopting) tell() error {
	report := a.report()
	return a.o.tell(a.known, nil, a.named, a.summary(report), report.Results[adoptFailed] > 0)
}

// summary is the line that ends a run.
func (a *adopting) summary(r adoptReport) string {
	line := count(len(a.rows), "Certificate")
	if verdicts := countEach(adoptVerdicts(), r.Summary, adoptVerdict.words); verdicts != "" {
		line += ": " + verdicts
	}
	if !a.o.yes {
		return line + "; nothing was written" + a.hint(r)
	}
	results := countEach([]adoptResult{adoptDone, adoptLeft, adoptFailed}, r.Results, func(result adoptResult) string { return string(result) })
	return line + "; " + cmp.Or(results, "nothing was written")
}

// hint says what --yes would do.
func (a *adopting) hint(r adoptReport) string {
	if a.o.plan.offline() || r.Summary[adoptMetadata]+r.Summary[adoptChanges] == 0 {
		return ""
	}
	return fmt.Sprintf(", --yes adopts %d", r.Summary[adoptMetadata]+r.Summary[adoptChanges])
}
