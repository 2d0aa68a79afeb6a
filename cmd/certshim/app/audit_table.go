package app

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/certshim/certshim/ownership"
	"github.com/certshim/certshim/problem"
)

// auditWriter writes Certificates one after another in a format, and then what is known of all.
type auditWriter interface {
	write(audited) error
	close(auditSummary, []ownership.Finding) error
}

// auditTable writes the summary, and then a row for each field that is shown and for each finding. It
// keeps the rows until all are there.
type auditTable struct {
	w                         io.Writer
	filter                    fieldFilter
	wide, noHeaders, coloured bool
	fields                    *table
	shown                     int
}

func (t *auditTable) write(one audited) error {
	for _, field := range t.filter.fields(one.Fields) {
		if t.fields == nil {
			t.fields = t.table("NAMESPACE", "CERTIFICATE", "FIELD", "VERDICT", "HELD BY")
			if t.wide {
				t.fields = t.table("NAMESPACE", "CERTIFICATE", "FIELD", "VERDICT", "HELD BY", "LIVE", "WANTED", "SHOULD", "WHY", "ENTRY LAST CHANGED")
			}
		}
		t.shown++
		cells := []string{one.Namespace, one.Name, field.Path, cmp.Or(string(field.Verdict), "-"), holdersCell(field.Holders)}
		if t.wide {
			cells = append(cells, valueCell(field.Live), valueCell(field.Wanted), shouldCell(field.Should), field.Cause.Words(), changedCell(field.Holders))
		}
		t.fields.row(cells...)
	}
	return nil
}

// table begins one.
func (t *auditTable) table(header ...string) *table {
	begun := &table{w: t.w, paint: t.paint}
	if !t.noHeaders {
		begun.row(header...)
	}
	return begun
}

// paint colours verdicts and severities, wherever they stand.
func (t *auditTable) paint(row []string, column int) colour {
	if !t.coloured {
		return plain
	}
	switch word := row[column]; {
	case word == string(problem.Error), word == string(ownership.Unserved), word == string(ownership.Contested), word == string(ownership.Drifted):
		return red
	case word == string(problem.Warning), word == string(ownership.Yielded), word == string(ownership.Unowned):
		return yellow
	case word == string(ownership.Ours):
		return green
	}
	return plain
}

func (t *auditTable) close(s auditSummary, findings []ownership.Finding) error {
	tables := []*table{t.verdicts(s), t.managers(s), t.namespaces(s), t.rules(s), t.fields, t.findings(findings)}
	if _, err := fmt.Fprintf(t.w, "%s, %d of them owned by a source that asks for them\n", count(s.Certificates, "Certificate"), s.Ours); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	for _, one := range tables {
		if one == nil {
			continue
		}
		if _, err := fmt.Fprintln(t.w); err != nil {
			return fmt.Errorf("write the table: %w", err)
		}
		if err := one.flush(); err != nil {
			return err
		}
	}
	return nil
}

func (t *auditTable) verdicts(s auditSummary) *table {
	if len(s.Verdicts) == 0 {
		return nil
	}
	rows := t.table("VERDICT", "FIELDS", "CERTIFICATES", "MEANING")
	for _, v := range s.Verdicts {
		rows.row(string(v.Verdict), fmt.Sprint(v.Fields), fmt.Sprint(v.Certificates), v.Verdict.Words())
	}
	return rows
}

func (t *auditTable) managers(s auditSummary) *table {
	if len(s.Managers) == 0 {
		return nil
	}
	rows := t.table("MANAGER", "OPERATION", "CLASS", "FIELDS", "ALONE", "CERTIFICATES")
	for _, m := range s.Managers {
		rows.row(managerName(m.Manager), m.Operation, string(m.Class), fmt.Sprint(m.Fields), fmt.Sprint(m.Alone), fmt.Sprint(m.Certificates))
	}
	return rows
}

// mostNamespaces is how many the summary shows: those with most to attend to.
const mostNamespaces = 20

func (t *auditTable) namespaces(s auditSummary) *table {
	if len(s.Namespaces) < 2 {
		return nil
	}
	rows := t.table("NAMESPACE", "CERTIFICATES", "FIELDS TO ATTEND TO")
	for i, n := range s.Namespaces {
		if i == mostNamespaces {
			rows.row(fmt.Sprintf("and %d more", len(s.Namespaces)-mostNamespaces), "", "")
			break
		}
		rows.row(n.Namespace, fmt.Sprint(n.Certificates), fmt.Sprint(n.Attention))
	}
	return rows
}

func (t *auditTable) rules(s auditSummary) *table {
	if len(s.Rules) == 0 {
		return nil
	}
	rows := t.table("RULE", "THEN", "FIELDS", "CERTIFICATES")
	for _, r := range s.Rules {
		rows.row(r.path(), r.Then, fmt.Sprint(r.Fields), fmt.Sprint(r.Certificates))
	}
	return rows
}

func (t *auditTable) findings(all []ownership.Finding) *table {
	if len(all) == 0 {
		return nil
	}
	rows := t.table("SEVERITY", "FINDING", "OBJECT", "MESSAGE")
	for _, f := range all {
		rows.row(string(f.Severity), string(f.Kind), f.Object.String(), f.Message+others(f.Others))
	}
	return rows
}

func others(objects []problem.Object) string {
	const most = 5
	var names []string
	for i, object := range objects {
		if i == most {
			names = append(names, fmt.Sprintf("%d more", len(objects)-most))
			break
		}
		names = append(names, object.String())
	}
	if len(names) == 0 {
		return ""
	}
	return ": " + strings.Join(names, ", ")
}

// managerName shows that a manager has no name, as the API server allows.
func managerName(name string) string { return cmp.Or(name, `""`) }

// holdersCell names who holds a field, and how each came to it.
func holdersCell(holders []ownership.Holder) string {
	var parts []string
	for _, h := range holders {
		part := managerName(h.Manager) + " (" + h.Operation
		if h.Subresource != "" {
			part += " of " + h.Subresource
		}
		parts = append(parts, part+")")
	}
	return strings.Join(parts, ", ")
}

// changedCell has the times of the holders' entries: a field was set at that time or before.
func changedCell(holders []ownership.Holder) string {
	var parts []string
	for _, h := range holders {
		parts = append(parts, timeOf(h))
	}
	return strings.Join(parts, ", ")
}

func timeOf(h ownership.Holder) string {
	if h.Changed.IsZero() {
		return "-"
	}
	return h.Changed.UTC().Format(time.RFC3339)
}

// longestValue is how much of a value a table shows.
const longestValue = 60

// valueCell shows a value on one line, and none as nothing.
func valueCell(value any) string {
	text := valueText(value)
	if runes := []rune(text); len(runes) > longestValue {
		return string(runes[:longestValue]) + "…"
	}
	return text
}

// valueText is a value as text: a list with commas between, what has members as JSON.
func valueText(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		var parts []string
		for _, item := range v {
			parts = append(parts, valueText(item))
		}
		return strings.Join(parts, ",")
	case map[string]any:
		return jsonText(v)
	}
	return fmt.Sprint(value)
}

func shouldCell(s ownership.Should) string {
	if s.By == "" || s.By == ownership.ByNobody {
		return string(s.By)
	}
	return s.Manager + " by " + string(s.By)
}
