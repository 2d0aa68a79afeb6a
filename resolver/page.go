package resolver

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

//go:generate go test -run TestIssuerPagesAreUpToDate -update .

const generated = "<!-- Generated from resolver/catalogue by \"go generate ./resolver\"; don't edit. -->\n\n"

const indexText = `# Issuers

certshim takes an issuer of any kind, as cert-manager does. Of the types below it knows more: which group a kind belongs to,
whether an issuer is ready, and what its issuers can't sign. ` + "`certshim issuers`" + ` lists them beside what is installed
in your cluster, and ` + "`certshim issuers NAME`" + ` prints the annotations for one of its issuers. [Your own](schema.md)
are declared in a file. Of issuers of other kinds it knows whether they are there, and ready by their condition Ready, if
it [may read them](../permissions.md).

What certshim does with an issuer:

- An issuer that isn't there, isn't ready, or is of a kind that isn't installed, keeps no Certificate from being made: its
  author gets a Warning, and cert-manager goes on as soon as the issuer is there.
- What an issuer can never sign is refused: no Certificate is made of it, and one that exists stays as it is.
- An existing Certificate is moved to another issuer as soon as its source names it, unless that one is known to be missing
  and the present one isn't.

| type | group | kinds |
|---|---|---|
`

// RenderIndex returns docs/issuers/README.md.
func RenderIndex(types []*IssuerType) string {
	var b strings.Builder
	b.WriteString(generated + indexText)
	for _, t := range types {
		var kinds []string
		for _, kind := range t.Kinds {
			if !kind.Former {
				kinds = append(kinds, kind.Kind)
			}
		}
		fmt.Fprintf(&b, "| [%s](%s.md) | `%s` | %s |\n", t.Title, t.ID, t.Group, strings.Join(kinds, ", "))
	}
	return b.String()
}

// RenderPage returns the page of an issuer type: its annotations, permissions, approval and
// limits.
func RenderPage(t *IssuerType) string {
	var b strings.Builder
	b.WriteString(generated)
	fmt.Fprintf(&b, "# %s\n\n", t.Title)
	t.renderIdentity(&b)
	t.renderExample(&b)
	t.renderReadiness(&b)
	t.renderLimits(&b)
	t.renderValues(&b)
	t.renderAnnotations(&b)
	t.renderApproval(&b)
	t.renderPermissions(&b)
	if len(t.Notes) > 0 {
		b.WriteString("## Notes\n\n")
		items(&b, t.Notes)
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func items(b *strings.Builder, texts []string) {
	for _, text := range texts {
		fmt.Fprintf(b, "- %s\n", text)
	}
	b.WriteString("\n")
}

func (t *IssuerType) renderIdentity(b *strings.Builder) {
	lines := []string{"group: `" + t.Group + "`, versions: " + strings.Join(t.Versions, ", ")}
	for _, kind := range t.Kinds {
		line := fmt.Sprintf("kind: `%s`, %s", kind.Kind, map[Scope]string{Namespaced: "namespaced", Cluster: "cluster-scoped"}[kind.Scope])
		if kind.Former {
			line += ", of older releases"
		}
		lines = append(lines, line)
	}
	if t.Docs != "" {
		lines = append(lines, "documentation: <"+t.Docs+">")
	}
	items(b, append(lines, "verified: "+cmp.Or(t.Verified, "not")))
}

func (t *IssuerType) renderExample(b *strings.Builder) {
	b.WriteString("## Naming one\n\n```yaml\nmetadata:\n  annotations:\n")
	for _, key := range []string{FieldName, FieldClusterName, FieldKind, FieldGroup} {
		if value, given := t.Example[CertManagerGroup+"/"+key]; given {
			fmt.Fprintf(b, "    %s/%s: %s\n", CertManagerGroup, key, value)
		}
	}
	b.WriteString("```\n\n")
}

func (t *IssuerType) renderReadiness(b *strings.Builder) {
	b.WriteString("## Readiness\n\n")
	rule := t.Readiness
	switch {
	case rule.Exists:
		b.WriteString("An issuer that is there counts as ready: it has no status that tells.\n\n")
	case rule.CEL != nil:
		fmt.Fprintf(b, "Ready where `%s` is true.\n\n", rule.CEL.Ready)
	default:
		condition := ConditionRule{}
		if rule.Condition != nil {
			condition = *rule.Condition
		}
		condition = condition.filled()
		generation := map[GenerationRule]string{
			GenerationIfSet:    " A condition that names an older generation than the issuer's tells nothing.",
			GenerationRequired: " A condition that names no generation, or an older one than the issuer's, tells nothing.",
		}[condition.ObservedGeneration]
		fmt.Fprintf(b, "Ready where its condition `%s` is `%s`.%s\n\n", condition.Type, condition.Status, generation)
	}
}

func (t *IssuerType) renderLimits(b *strings.Builder) {
	b.WriteString("## Limits\n\n")
	if len(t.rules()) == 0 {
		b.WriteString("No rule is known that holds for all of its issuers.\n\n")
		return
	}
	b.WriteString("| rule | issuers | what it allows | otherwise |\n|---|---|---|---|\n")
	var rows []limit
	rows = t.Constraints.limits(rows, "all")
	for _, variant := range t.Variants {
		rows = variant.Constraints.limits(rows, variant.shown())
	}
	for _, r := range rows {
		otherwise := "a Warning"
		if r.verdict == Refuse {
			otherwise = "no Certificate is made"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", r.rule, strings.Join(r.holds, "; "), r.allows, otherwise)
	}
	b.WriteString("\n")
}

// limit is a row about one rule and the issuers to which it applies.
type limit struct {
	rule, allows string
	verdict      Verdict
	holds        []string
}

// limits adds the rules to rows; a rule that is there already applies to more issuers.
func (c Constraints) limits(rows []limit, holds string) []limit {
	for _, name := range c.names() {
		allows, verdict := c.text(name)
		i := slices.IndexFunc(rows, func(r limit) bool { return r.rule == name && r.allows == allows && r.verdict == verdict })
		if i < 0 {
			rows = append(rows, limit{rule: name, allows: allows, verdict: verdict})
			i = len(rows) - 1
		}
		rows[i].holds = append(rows[i].holds, holds)
	}
	return rows
}

// shown returns the variant's name, or else its expression.
func (v Variant) shown() string {
	return cmp.Or(v.Name, "`"+strings.ReplaceAll(v.When, "|", "\\|")+"`")
}

// Words describes the rules, one per line, as in "sans: DNS".
func (c Constraints) Words() []string {
	var words []string
	for _, name := range c.names() {
		allows, verdict := c.text(name)
		if verdict == Refuse {
			allows += " (else refused)"
		}
		words = append(words, name+": "+allows)
	}
	return words
}

// Words describes the recommended values and the reason; it is empty without values.
func (r Recommendation) Words() string {
	text := r.text()
	if text != "" && r.Why != "" {
		text += ": " + r.Why
	}
	return text
}

// text describes what a rule allows, and returns its verdict.
func (c Constraints) text(name string) (string, Verdict) {
	switch name {
	case ruleSANs:
		return c.SANs.text(), c.SANs.Verdict
	case ruleWildcards:
		return allowed(c.Wildcards.Allowed, "wildcard names"), c.Wildcards.Verdict
	case ruleCommonName:
		return c.CommonName.text(), c.CommonName.Verdict
	case ruleKeys:
		return cmp.Or(c.Keys.text(), "none"), c.Keys.Verdict
	case ruleDurations:
		return c.Durations.text(), c.Durations.Verdict
	case ruleUsages:
		return cmp.Or(strings.Join(c.Usages.Allowed, ", "), "none"), c.Usages.Verdict
	}
	return allowed(c.CA.Allowed, "CA certificates"), c.CA.Verdict
}

func allowed(is bool, what string) string {
	if is {
		return what
	}
	return "no " + what
}

func (r SANRule) text() string {
	text := cmp.Or(joinKinds(r.Allowed), "no names")
	if r.Max > 0 {
		text += fmt.Sprintf("; at most %d", r.Max)
	}
	return text
}

func (r CommonNameRule) text() string {
	text := map[CommonNameMust]string{
		NameRequired: "a common name is needed", NameForbidden: "no common name",
		NameMustBeSAN: "a common name that is one of the DNS names or IP addresses", NameOptional: "any",
	}[r.Must]
	if r.MaxBytes > 0 {
		text += fmt.Sprintf("; at most %d bytes", r.MaxBytes)
	}
	return text
}

func (r DurationRule) text() string {
	var parts []string
	if r.Ignored {
		parts = append(parts, "none: the issuer decides by itself")
	}
	if r.Min != 0 || r.Max != 0 {
		parts = append(parts, r.span())
	}
	if len(r.Steps) > 0 {
		parts = append(parts, joinHours(r.Steps))
	}
	if r.WhenUnset != 0 {
		parts = append(parts, hours(r.WhenUnset)+" where none is asked for, so a shorter renewBefore")
	}
	return cmp.Or(strings.Join(parts, "; "), "any")
}

func (t *IssuerType) renderValues(b *strings.Builder) {
	lines := valueLines(t.Recommend, t.Defaults, "")
	for _, variant := range t.Variants {
		where := " (" + variant.shown() + ")"
		lines = append(lines, valueLines(variant.Recommend, variant.Defaults, where)...)
		if len(variant.Drop) > 0 {
			lines = append(lines, "not"+where+": "+strings.Join(variant.Drop, ", "))
		}
	}
	if len(lines) > 0 {
		b.WriteString("## Values\n\n")
		items(b, lines)
	}
}

func valueLines(recommend Recommendation, defaults Values, where string) []string {
	var lines []string
	if text := recommend.text(); text != "" {
		lines = append(lines, "recommended"+where+": "+text+"; "+cmp.Or(recommend.Why, "it is good for these issuers"))
	}
	if text := defaults.text(); text != "" {
		lines = append(lines, "set where the source has none"+where+": "+text)
	}
	return lines
}

// text describes the values that are set.
func (v Values) text() string {
	var parts []string
	for _, field := range v.Set() {
		switch field {
		case ValueUsages:
			parts = append(parts, "usages "+strings.Join(v.Usages, ", "))
		case ValueDuration:
			parts = append(parts, "a duration of "+hours(v.Duration))
		case ValueRenewBefore:
			parts = append(parts, "a renewBefore of "+hours(v.RenewBefore))
		case ValuePrivateKey:
			parts = append(parts, "a key of "+KeyRule{Allowed: []Key{v.PrivateKey}}.text())
		case ValueCommonName:
			parts = append(parts, "the first DNS name as common name")
		}
	}
	return strings.Join(parts, "; ")
}

func (t *IssuerType) renderAnnotations(b *strings.Builder) {
	if len(t.Annotations) == 0 {
		return
	}
	b.WriteString("## Annotations that it reads from the Certificate\n\n")
	var keys, lines []string
	for _, a := range t.Annotations {
		line := "`" + a.Key + "`: " + a.Doc
		if isPrefix(a.Key) {
			line = "keys that begin with " + line
		}
		if a.Example != "" {
			line += " For example `" + a.Example + "`."
		}
		lines = append(lines, line)
		if a.Copied() {
			keys = append(keys, a.Key)
		}
	}
	items(b, lines)
	if len(keys) > 0 {
		const most = 3
		fmt.Fprintf(b, "certshim copies them from the source where the operator says so: `--extra-certificate-annotations=%s`", strings.Join(keys[:min(most, len(keys))], ","))
		if len(keys) > most {
			b.WriteString(" and so on")
		}
		b.WriteString(".\n\n")
	}
}

func (t *IssuerType) renderApproval(b *strings.Builder) {
	b.WriteString("## Approval\n\n")
	signers := "`" + strings.Join(t.Signers(), "`, `") + "`"
	switch t.Approval.By {
	case ByItself:
		fmt.Fprintf(b, "It approves its requests itself. No other approver may act: leave %s out of `approveSignerNames` of cert-manager's chart.\n\n", signers)
	case ByNobody:
		b.WriteString("It doesn't wait for approval.\n\n")
	default:
		if t.Group == CertManagerGroup {
			b.WriteString("cert-manager's own approver approves its requests.\n\n")
			return
		}
		fmt.Fprintf(b, "Its requests wait until they are approved. cert-manager's own approver does that for the signers that `approveSignerNames` of its chart lists; add %s.\n\n", signers)
	}
}

func (t *IssuerType) renderPermissions(b *strings.Builder) {
	b.WriteString("## Permissions\n\n")
	file := "deploy/issuers.yaml"
	if t.Group == CertManagerGroup {
		file = "deploy/rbac.yaml"
	}
	fmt.Fprintf(b, "certshim watches its issuers, and nothing else of it. Without this rule, which `%s` has, it says nothing of whether they are there and ready.\n\n```yaml\n", file)
	b.WriteString(RenderRule(t.Rule()))
	b.WriteString("```\n\n")
}

// Rule is an RBAC rule for watching issuers.
type Rule struct {
	APIGroups []string `json:"apiGroups" yaml:"apiGroups"`
	Resources []string `json:"resources" yaml:"resources"`
	Verbs     []string `json:"verbs" yaml:"verbs"`
}

// Rule returns the permission to watch the type's issuers.
func (t *IssuerType) Rule() Rule {
	rule := Rule{APIGroups: []string{t.Group}, Verbs: []string{"list", "watch"}}
	for _, kind := range t.Kinds {
		if !slices.Contains(rule.Resources, kind.Resource) {
			rule.Resources = append(rule.Resources, kind.Resource)
		}
	}
	slices.Sort(rule.Resources)
	return rule
}

// RenderRule formats a rule as an item of a role's list.
func RenderRule(r Rule) string {
	list := func(items []string) string { return "[" + strings.Join(items, ", ") + "]" }
	return "- apiGroups: " + list(r.APIGroups) + "\n  resources: " + list(r.Resources) + "\n  verbs: " + list(r.Verbs) + "\n"
}

const roleHead = `# Generated from resolver/catalogue by "go generate ./resolver"; don't edit.
# The external issuers that certshim knows: to list and watch them, and nothing else. Rules of
# issuers that you don't have may be left out; certshim then says nothing of those issuers.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: certshim-issuers
rules:
`

const roleBinding = `---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: certshim-issuers
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: certshim-issuers
subjects:
  - kind: ServiceAccount
    name: certshim
    namespace: certshim
`

// RenderRole returns deploy/issuers.yaml: the permissions to watch the issuers of all given
// types but cert-manager's own.
func RenderRole(types []*IssuerType) string {
	var b strings.Builder
	b.WriteString(roleHead)
	for _, t := range types {
		if t.Group == CertManagerGroup {
			continue
		}
		for line := range strings.Lines(RenderRule(t.Rule())) {
			b.WriteString("  " + line)
		}
	}
	b.WriteString(roleBinding)
	return b.String()
}
