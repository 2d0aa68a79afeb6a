package app

import (
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
)

// tableWriter has a row for each Certificate, and one for each source that has a problem and no
// Certificate. A source that asks for nothing has none.
type tableWriter struct {
	table
	noHeaders bool
}

// actionColumn is where the action stands.
const actionColumn = 3

func newTableWriter(w io.Writer, noHeaders, coloured bool) *tableWriter {
	t := &tableWriter{table{w: w}, noHeaders}
	if coloured {
		t.paint = func(row []string, column int) colour {
			if column == actionColumn {
				return actionColour(row[column])
			}
			return plain
		}
	}
	return t
}

func (t *tableWriter) write(one planned) error {
	if len(t.blocks) == 0 && !t.noHeaders && one.shows() {
		t.row("NAMESPACE", "SOURCE", "CERTIFICATE", "ACTION", "ISSUER", "NAMES", "REASON")
	}
	where := one.object.Ref.Object().InNamespace()
	for _, c := range one.outcome.Certificates {
		t.row(one.object.Namespace, where, c.Name, string(c.Action), issuerCell(one.outcome.IssuerOf(c.At())), namesCell(c.Config), reason(c))
	}
	if len(one.outcome.Certificates) == 0 && one.shows() {
		t.row(one.object.Namespace, where, "-", "-", issuerCell(one.outcome.Issuer), "-", nothing(one))
	}
	return nil
}

func (t *tableWriter) close(*plan) error { return t.flush() }

// shows says whether the table has a row of the source.
func (one planned) shows() bool {
	return len(one.outcome.Certificates) > 0 || !one.outcome.Problems.Empty()
}

func nothing(one planned) string {
	if !one.outcome.Ignored.IsZero() {
		return one.outcome.Ignored.String()
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
		return c.Reason.String() + " (reissue: " + string(c.Reissue) + ")"
	}
	return c.Reason.String()
}
