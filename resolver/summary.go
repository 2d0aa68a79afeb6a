package resolver

import (
	"cmp"
	"slices"

	"github.com/certshim/certshim/declaration"
)

// Summary is what is known of an issuer type, in words and for programs.
type Summary struct {
	ID       string            `json:"id"`
	Title    string            `json:"title,omitempty"`
	From     string            `json:"from"`
	Group    string            `json:"group"`
	Versions []string          `json:"versions"`
	Kinds    []SummaryKind     `json:"kinds"`
	Example  map[string]string `json:"example,omitempty"`
	// Readiness says when an issuer counts as ready.
	Readiness   string           `json:"readiness"`
	Limits      []Limit          `json:"limits"`
	Values      []string         `json:"values,omitempty"`
	Annotations []ReadAnnotation `json:"annotations,omitempty"`
	Approval    SummaryApproval  `json:"approval"`
	Permissions declaration.Rule `json:"permissions"`
	Notes       []string         `json:"notes,omitempty"`
	Docs        string           `json:"docs,omitempty"`
	Verified    string           `json:"verified,omitempty"`
}

// SummaryKind is a kind of an issuer type.
type SummaryKind struct {
	Kind     string `json:"kind"`
	Resource string `json:"resource"`
	Scope    Scope  `json:"scope"`
	Former   bool   `json:"former,omitempty"`
}

// SummaryApproval says who approves requests, for which signers and in words.
type SummaryApproval struct {
	By      Approver `json:"by"`
	Signers []string `json:"signers"`
	Text    string   `json:"text"`
}

// Limit is one rule in words, and the issuers to which it applies.
type Limit struct {
	Rule    string   `json:"rule"`
	Allows  string   `json:"allows"`
	Verdict Verdict  `json:"verdict"`
	Issuers []string `json:"issuers,omitempty"`
}

// Summarize returns the facts of an issuer type.
func (t *IssuerType) Summarize() Summary {
	d := Summary{
		ID: t.ID, Title: t.Title, From: t.By(), Group: t.Group, Versions: t.Versions, Example: t.Example,
		Readiness: t.Readiness.text(), Limits: t.Limits(), Values: t.valueTexts(), Annotations: t.Annotations,
		Approval:    SummaryApproval{By: cmp.Or(t.Approval.By, ByCertManager), Signers: t.Signers(), Text: t.approvalText()},
		Permissions: t.Rule(), Notes: t.Notes, Docs: t.Docs, Verified: t.Verified,
	}
	for _, kind := range t.Kinds {
		d.Kinds = append(d.Kinds, SummaryKind(kind))
	}
	return d
}

// Limits returns the rules of a type: what applies to all of its issuers, and what to some.
func (t *IssuerType) Limits() []Limit {
	rows := t.Constraints.addLimits([]Limit{}, "all")
	for _, variant := range t.Variants {
		rows = variant.Constraints.addLimits(rows, variant.shown())
	}
	return rows
}

// Limits returns the rules.
func (c Constraints) Limits() []Limit { return c.addLimits([]Limit{}, "") }

// addLimits adds the rules to rows; a rule that is there already applies to more issuers.
func (c Constraints) addLimits(rows []Limit, issuers string) []Limit {
	for _, name := range c.names() {
		allows, verdict := c.text(name)
		verdict = cmp.Or(verdict, Warn)
		i := slices.IndexFunc(rows, func(r Limit) bool { return r.Rule == name && r.Allows == allows && r.Verdict == verdict })
		if i < 0 {
			rows = append(rows, Limit{Rule: name, Allows: allows, Verdict: verdict})
			i = len(rows) - 1
		}
		if issuers != "" {
			rows[i].Issuers = append(rows[i].Issuers, issuers)
		}
	}
	return rows
}

// Words describes the limit on one line, as in "sans: DNS".
func (l Limit) Words() string {
	if l.Verdict == Refuse {
		return l.Rule + ": " + l.Allows + " (else refused)"
	}
	return l.Rule + ": " + l.Allows
}
