package app

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
)

// tableWriter has a row for each Certificate, and one for each source that has a problem and no
// Certificate. A source that asks for nothing has none. It keeps the rows until all widths are
// known.
type tableWriter struct {
	w         io.Writer
	noHeaders bool
	coloured  bool
	widths    []int
	// blocks are the rows, their cells ended by tabs; no cell has one.
	blocks []*bytes.Buffer
}

// blockSize is how much of the rows is kept in one piece.
const blockSize = 1 << 20

func (t *tableWriter) write(one planned) error {
	if len(t.blocks) == 0 && !t.noHeaders && one.shows() {
		t.row("NAMESPACE", "SOURCE", "CERTIFICATE", "ACTION", "ISSUER", "NAMES", "REASON")
	}
	where := one.object.Kind + "/" + one.object.Name
	for _, c := range one.outcome.Certificates {
		t.row(one.object.Namespace, where, c.Name, string(c.Action), issuerCell(one.outcome.Issuer), namesCell(c.Config), reason(c))
	}
	if len(one.outcome.Certificates) == 0 && one.shows() {
		t.row(one.object.Namespace, where, "-", "-", issuerCell(one.outcome.Issuer), "-", nothing(one))
	}
	return nil
}

// row keeps cells that are safe on a terminal.
func (t *tableWriter) row(cells ...string) {
	if last := len(t.blocks) - 1; last < 0 || t.blocks[last].Len() > blockSize {
		t.blocks = append(t.blocks, &bytes.Buffer{})
	}
	block := t.blocks[len(t.blocks)-1]
	for i, cell := range cells {
		cell = printable(cmp.Or(cell, "-"))
		if i == len(t.widths) {
			t.widths = append(t.widths, 0)
		}
		t.widths[i] = max(t.widths[i], utf8.RuneCountInString(cell))
		block.WriteString(cell + "\t")
	}
	block.WriteByte('\n')
}

func (t *tableWriter) close(*plan) error {
	for _, block := range t.blocks {
		for line := range strings.Lines(block.String()) {
			if err := t.print(strings.Split(strings.TrimSuffix(line, "\t\n"), "\t")); err != nil {
				return fmt.Errorf("write the table: %w", err)
			}
		}
		block.Reset()
	}
	return nil
}

// print writes a row, its columns two blanks apart.
func (t *tableWriter) print(cells []string) error {
	var b strings.Builder
	for i, cell := range cells {
		b.WriteString(t.paint(i, cell))
		if i < len(cells)-1 {
			b.WriteString(strings.Repeat(" ", t.widths[i]+2-utf8.RuneCountInString(cell)))
		}
	}
	_, err := fmt.Fprintln(t.w, b.String())
	return err
}

// actionColumn is where the action stands.
const actionColumn = 3

// paint colours an action. The escape sequences don't count for the width of the column.
func (t *tableWriter) paint(column int, cell string) string {
	if !t.coloured || column != actionColumn {
		return cell
	}
	return actionColour(cell).paint(cell)
}

// shows says whether the table has a row of the source.
func (one planned) shows() bool {
	return len(one.outcome.Certificates) > 0 || !one.outcome.Problems.Empty()
}

func nothing(one planned) string {
	if one.outcome.Ignored != "" {
		return one.outcome.Ignored
	}
	return "nothing asks for a certificate"
}

// issuerCell is Kind/name, with the group where it isn't cert-manager's.
func issuerCell(issuer resolver.Issuer) string {
	switch {
	case issuer.Name == "":
		return ""
	case issuer.Group == resolver.CertManagerGroup:
		return issuer.Kind + "/" + issuer.Name
	default:
		return issuer.Kind + "." + issuer.Group + "/" + issuer.Name
	}
}

// namesCell gives the first name of a Certificate, and how many more there are.
func namesCell(config map[string]any) string {
	var all []string
	for _, field := range []string{"dnsNames", "ipAddresses", "uris", "emailAddresses"} {
		found, _, _ := unstructured.NestedStringSlice(config, "spec", field)
		all = append(all, found...)
	}
	switch len(all) {
	case 0:
		return ""
	case 1:
		return all[0]
	default:
		return fmt.Sprintf("%s +%d", all[0], len(all)-1)
	}
}

func reason(c certificate.Decision) string {
	if c.Action == certificate.Apply && c.Reissue != "" {
		return c.Reason + " (reissue: " + string(c.Reissue) + ")"
	}
	return c.Reason
}

// row writes cells that are safe on a terminal; tabwriter keeps the first error itself.
func row(table io.Writer, cells ...string) {
	safe := make([]string, len(cells))
	for i, cell := range cells {
		safe[i] = printable(cmp.Or(cell, "-"))
	}
	_, _ = fmt.Fprintln(table, strings.Join(safe, "\t"))
}
