package app

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/certshim/certshim/ownership"
)

// auditCSV has a row for each field, as RFC 4180 has it, and none for findings and the summary,
// whose columns would be others.
type auditCSV struct {
	w      *csv.Writer
	filter fieldFilter
	begun  bool
}

func newAuditCSV(w io.Writer, filter fieldFilter) *auditCSV {
	table := csv.NewWriter(w)
	table.UseCRLF = true
	return &auditCSV{w: table, filter: filter}
}

// columns of the CSV, a stable interface for other programs.
func columns() []string {
	return []string{"namespace", "certificate", "secret", "source", "field", "verdict", "live", "wanted", "holders", "classes", "entries_last_changed", "should", "cause", "stays"}
}

func (a *auditCSV) write(one audited) error {
	if err := a.begin(); err != nil {
		return err
	}
	whose := ""
	if one.Source != nil {
		whose = one.Source.Kind + "/" + one.Source.Name
	}
	for _, f := range a.filter.fields(one.Fields) {
		err := a.row(one.Namespace, one.Name, one.Secret, whose, f.Path, string(f.Verdict), valueText(f.Live), valueText(f.Wanted),
			holdersCell(f.Holders), classesCell(f.Holders), changedCell(f.Holders), shouldCell(f.Should), string(f.Cause), fmt.Sprint(f.Stays))
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *auditCSV) begin() error {
	if a.begun {
		return nil
	}
	a.begun = true
	return a.row(columns()...)
}

func (a *auditCSV) close(auditSummary, []ownership.Finding) error {
	if err := a.begin(); err != nil {
		return err
	}
	a.w.Flush()
	if err := a.w.Error(); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}

func (a *auditCSV) row(cells ...string) error {
	safe := make([]string, len(cells))
	for i, cell := range cells {
		safe[i] = inert(printable(cell))
	}
	if err := a.w.Write(safe); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}

// formulaSigns begin what spreadsheets take for a formula, in either width.
const formulaSigns = "=+-@＝＋－＠"

// inert keeps a spreadsheet from taking a cell for a formula, as OWASP recommends: it skips blanks
// and unquotes a cell before it looks.
func inert(cell string) string {
	first, _ := utf8.DecodeRuneInString(strings.TrimLeft(cell, " '\""))
	if cell != "-" && strings.ContainsRune(formulaSigns, first) {
		return "'" + cell
	}
	return cell
}

func classesCell(holders []ownership.Holder) string {
	var classes []string
	for _, h := range holders {
		classes = append(classes, cmp.Or(string(h.Class), "-"))
	}
	return strings.Join(classes, ", ")
}
