package app

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
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
	cells  []string
	// holders are those of the last row, and held their cells: most fields of a Certificate have the same.
	holders []ownership.Holder
	held    heldCells
}

// heldCells are what a row says of the holders.
type heldCells struct{ holders, classes, changed string }

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
		whose = one.Source.InNamespace()
	}
	for _, f := range a.filter.fields(one.Fields) {
		held := a.heldBy(f.Holders)
		err := a.row(one.Namespace, one.Name, one.Secret, whose, f.Path, string(f.Verdict), valueText(f.Live), valueText(f.Wanted),
			held.holders, held.classes, held.changed, shouldCell(f.Should), string(f.Cause), strconv.FormatBool(f.Stays))
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *auditCSV) heldBy(holders []ownership.Holder) heldCells {
	if !slices.Equal(a.holders, holders) {
		a.holders, a.held = holders, heldCells{holdersCell(holders), classesCell(holders), changedCell(holders)}
	}
	return a.held
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
	a.cells = a.cells[:0]
	for _, cell := range cells {
		a.cells = append(a.cells, inert(printable(cell)))
	}
	if err := a.w.Write(a.cells); err != nil {
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
