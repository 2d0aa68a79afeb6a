package app

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
)

// writeTable has a row for each Certificate, and one for each source that has a problem
// and no Certificate. A source that asks for nothing has none.
func (p *plan) writeTable(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if !p.noHeaders && slices.ContainsFunc(p.sources, planned.shows) {
		row(table, "NAMESPACE", "SOURCE", "CERTIFICATE", "ACTION", "ISSUER", "NAMES", "REASON")
	}
	for _, one := range p.sources {
		where := one.object.Kind + "/" + one.object.Name
		for _, c := range one.outcome.Certificates {
			row(table, one.object.Namespace, where, c.Name, string(c.Action), issuerCell(one.outcome.Issuer), names(c.Config), reason(c))
		}
		if len(one.outcome.Certificates) == 0 && one.shows() {
			row(table, one.object.Namespace, where, "-", "-", issuerCell(one.outcome.Issuer), "-", nothing(one))
		}
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	return nil
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

// row writes cells that are safe on a terminal; tabwriter keeps the first error itself.
func row(table io.Writer, cells ...string) {
	safe := make([]string, len(cells))
	for i, cell := range cells {
		safe[i] = printable(cmp.Or(cell, "-"))
	}
	_, _ = fmt.Fprintln(table, strings.Join(safe, "\t"))
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

// names gives the first name of a Certificate, and how many more there are.
func names(config map[string]any) string {
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
