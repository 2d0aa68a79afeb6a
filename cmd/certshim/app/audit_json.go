package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/certshim/certshim/ownership"
)

// auditHead is what an AuditReport, a stable interface for other programs, begins with. Its schema
// is docs/schemas/audit-report.schema.json.
const auditHead = `{"apiVersion":"certshim.io/v1alpha1","kind":"AuditReport","certificates":[`

// auditTail is what follows the Certificates.
type auditTail struct {
	Findings []ownership.Finding `json:"findings"`
	Summary  auditSummary        `json:"summary"`
}

// auditedCertificate is a Certificate in an AuditReport.
type auditedCertificate struct {
	ownership.Report
	Secret string         `json:"secret"`
	Source *auditedSource `json:"source,omitempty"`
	// Heal is a JSON patch of managedFields; it is left out where none is needed.
	Heal json.RawMessage `json:"heal,omitempty"`
	// ManagedFields are there as they are, where that is asked for.
	ManagedFields any `json:"managedFields,omitempty"`
}

type auditedSource struct {
	Group string `json:"group"`
	Kind  string `json:"kind"`
	Name  string `json:"name"`
}

// reported is a Certificate with the fields that are shown; one without any isn't shown itself.
func (f fieldFilter) reported(one audited) (c auditedCertificate, shown bool) {
	c = auditedCertificate{Report: one.Report, Secret: one.Secret, Heal: one.Heal, ManagedFields: one.Raw}
	c.Fields = f.fields(one.Fields)
	if one.Source != nil {
		c.Source = &auditedSource{one.Source.Group, one.Source.Kind, one.Source.Name}
	}
	return c, f.all() || len(c.Fields) > 0
}

func tailOf(s auditSummary, findings []ownership.Finding) auditTail {
	if findings == nil {
		findings = []ownership.Finding{}
	}
	return auditTail{Findings: findings, Summary: s}
}

// auditJSON writes an AuditReport, with one Certificate a line.
type auditJSON struct {
	w       io.Writer
	filter  fieldFilter
	encoder jsonEncoder
	n       int
}

func (a *auditJSON) write(one audited) error {
	c, shown := a.filter.reported(one)
	if !shown {
		return nil
	}
	before := ",\n"
	if a.n++; a.n == 1 {
		before = auditHead + "\n"
	}
	a.encoder.text = a.encoder.text[:0]
	a.encoder.certificate(c)
	if a.encoder.err != nil {
		return a.encoder.err
	}
	return a.print([]byte(before), a.encoder.text)
}

func (a *auditJSON) close(s auditSummary, findings []ownership.Finding) error {
	tail, err := json.Marshal(tailOf(s, findings))
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	before := "\n],"
	if a.n == 0 {
		before = auditHead + "],"
	}
	// The members of the tail become members of the report.
	return a.print([]byte(before), escaped(bytes.TrimPrefix(tail, []byte("{")), utf16Escape), []byte("\n"))
}

func (a *auditJSON) print(parts ...[]byte) error {
	for _, part := range parts {
		if _, err := a.w.Write(part); err != nil {
			return fmt.Errorf("write JSON: %w", err)
		}
	}
	return nil
}

// auditYAML writes an AuditReport as YAML.
type auditYAML struct {
	w      io.Writer
	filter fieldFilter
	n      int
}

func (a *auditYAML) write(one audited) error {
	c, shown := a.filter.reported(one)
	if !shown {
		return nil
	}
	if a.n++; a.n == 1 {
		if err := a.print(auditYAMLHead + "\n"); err != nil {
			return err
		}
	}
	text, err := yamlText([]any{c})
	if err != nil {
		return err
	}
	return a.printUnder("- ", text, c)
}

const auditYAMLHead = "apiVersion: certshim.io/v1alpha1\nkind: AuditReport\ncertificates:"

func (a *auditYAML) close(s auditSummary, findings []ownership.Finding) error {
	if a.n == 0 {
		if err := a.print(auditYAMLHead + " []\n"); err != nil {
			return err
		}
	}
	tail := tailOf(s, findings)
	for _, member := range []struct {
		name  string
		value any
	}{{"findings", tail.Findings}, {"summary", tail.Summary}} {
		text, err := yamlText(map[string]any{member.name: member.value})
		if err != nil {
			return err
		}
		if err := a.printUnder(member.name+": ", text, member.value); err != nil {
			return err
		}
	}
	return nil
}

// printUnder prints YAML that is a part of the document, or the value as JSON on the line of what it
// stands under where [yamlText] had to write JSON.
func (a *auditYAML) printUnder(what string, text []byte, value any) error {
	if text[0] != '[' && text[0] != '{' {
		return a.print(string(text))
	}
	line, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write YAML: %w", err)
	}
	return a.print(what + string(escaped(line, utf32Escape)) + "\n")
}

func (a *auditYAML) print(text string) error {
	if _, err := io.WriteString(a.w, text); err != nil {
		return fmt.Errorf("write YAML: %w", err)
	}
	return nil
}

// jsonText is JSON on one line.
func jsonText(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}
