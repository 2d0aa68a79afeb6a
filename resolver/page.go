package resolver

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/certshim/certshim/declaration"
)

//go:generate go test -run TestIssuerPagesAreUpToDate -update .

const generated = "<!-- Generated from resolver/catalogue by \"go generate ./resolver\"; don't edit. -->\n\n"

const indexText = `# Issuers

certshim takes an issuer of any kind, as cert-manager does. Of the types below it knows more: which group a kind belongs to,
whether an issuer is ready, and what its issuers can't sign. ` + "`certshim issuers`" + ` lists them beside what is installed
in your cluster, which come first; ` + "`certshim issuers NAME`" + ` prints the annotations for one of its issuers, and
` + "`certshim issuers TYPE`" + ` what these pages say, for your own types too. [Your own](../resolvers.md) are declared in a file, or by code. Of issuers of other kinds it knows whether they are there, and ready by their condition Ready, if
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
	t.renderChallenges(&b)
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
	example := t.Example
	if len(example) == 0 {
		example = t.placeholders()
	}
	for _, key := range []string{FieldName, FieldClusterName, FieldKind, FieldGroup} {
		if value, given := example[CertManagerGroup+"/"+key]; given {
			fmt.Fprintf(b, "    %s/%s: %s\n", CertManagerGroup, key, value)
		}
	}
	b.WriteString("```\n\n")
}

// placeholders are the annotations of an example where the declaration has none.
func (t *IssuerType) placeholders() map[string]string {
	prefix := CertManagerGroup + "/"
	return map[string]string{prefix + FieldName: "name-of-the-issuer", prefix + FieldKind: t.Kinds[0].Kind, prefix + FieldGroup: t.Group}
}

func (t *IssuerType) renderReadiness(b *strings.Builder) {
	b.WriteString("## Readiness\n\n" + t.Readiness.text() + "\n\n")
}

// text says when an issuer is ready.
func (r ReadinessRule) text() string {
	switch {
	case r.Exists:
		return "An issuer that is there counts as ready: it has no status that tells."
	case r.CEL != nil:
		return fmt.Sprintf("Ready where `%s` is true.", r.CEL.Ready)
	}
	condition := ConditionRule{}
	if r.Condition != nil {
		condition = *r.Condition
	}
	condition = condition.filled()
	generation := map[GenerationRule]string{
		GenerationIfSet:    " A condition that names an older generation than the issuer's tells nothing.",
		GenerationRequired: " A condition that names no generation, or an older one than the issuer's, tells nothing.",
	}[condition.ObservedGeneration]
	return fmt.Sprintf("Ready where its condition `%s` is `%s`.%s", condition.Type, condition.Status, generation)
}

func (t *IssuerType) renderLimits(b *strings.Builder) {
	b.WriteString("## Limits\n\n")
	if len(t.rules()) == 0 {
		b.WriteString("No rule is known that holds for all of its issuers.\n\n")
		return
	}
	b.WriteString("| rule | issuers | what it allows | otherwise |\n|---|---|---|---|\n")
	for _, r := range t.Limits() {
		otherwise := "a Warning"
		if r.Verdict == Refuse {
			otherwise = "no Certificate is made"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", r.Rule, strings.Join(r.Issuers, "; "), r.Allows, otherwise)
	}
	b.WriteString("\n")
}

// shown returns the variant's name, or else its expression.
func (v Variant) shown() string {
	return cmp.Or(v.Name, "`"+strings.ReplaceAll(v.When, "|", "\\|")+"`")
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
		return c.Usages.text(), c.Usages.Verdict
	case ruleRotationPolicy:
		return string(c.RotationPolicy.Must), c.RotationPolicy.Verdict
	case ruleSecret:
		return c.Secret.text(), c.Secret.Verdict
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
	if r.NoneWithinWildcards {
		text += "; none beside a wildcard that covers it"
	}
	if r.PublicSuffix {
		text += "; DNS names below a public suffix"
	}
	return text
}

func (r CommonNameRule) text() string {
	text := map[CommonNameMust]string{
		NameRequired: "a common name is needed", NameForbidden: "no common name",
		NameMustBeSAN: "a common name that is one of the DNS names or IP addresses", NameOptional: "any",
		NameRequiredSAN: "a common name is needed, and is one of the DNS names or IP addresses",
	}[r.Must]
	if r.MaxBytes > 0 {
		text += fmt.Sprintf("; at most %d bytes", r.MaxBytes)
	}
	return text
}

func (r UsageRule) text() string {
	var parts []string
	if r.Allowed != nil || !r.saysWhatComesBack() {
		parts = append(parts, cmp.Or(strings.Join(r.Allowed, ", "), "none"))
	}
	if r.Honoured {
		parts = append(parts, "each that is asked for comes back")
	}
	if r.Ignored {
		parts = append(parts, "none: the issuer decides by itself")
	}
	if len(r.Always) > 0 {
		parts = append(parts, "its certificates always have "+strings.Join(r.Always, ", "))
	}
	return strings.Join(parts, "; ")
}

func (r SecretRule) text() string {
	if r.MustExist {
		return "a Secret that is there before its Certificate"
	}
	return "any"
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
	if lines := t.valueTexts(); len(lines) > 0 {
		b.WriteString("## Values\n\n")
		items(b, lines)
	}
}

// valueTexts say which values are recommended and set, and for which issuers they aren't.
func (t *IssuerType) valueTexts() []string {
	lines := valueLines(t.Recommend, t.Defaults, "")
	for _, variant := range t.Variants {
		where := " (" + variant.shown() + ")"
		lines = append(lines, valueLines(variant.Recommend, variant.Defaults, where)...)
		if len(variant.Drop) > 0 {
			lines = append(lines, "not"+where+": "+strings.Join(variant.Drop, ", "))
		}
	}
	return lines
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
			parts = append(parts, v.PrivateKey.texts()...)
		case ValueCommonName:
			parts = append(parts, "the first DNS name as common name")
		}
	}
	return strings.Join(parts, "; ")
}

func (k PrivateKey) texts() []string {
	var parts []string
	if k.Algorithm != "" {
		parts = append(parts, "a key of "+KeyRule{Allowed: []Key{k.Key}}.text())
	}
	if k.RotationPolicy != "" {
		parts = append(parts, "a rotationPolicy of "+string(k.RotationPolicy))
	}
	return parts
}

func (t *IssuerType) renderChallenges(b *strings.Builder) {
	if t.ProvesByRoute == "" {
		return
	}
	fmt.Fprintf(b, "## Challenges\n\nProves each name by an HTTPRoute that attaches to the Gateway or ListenerSet that asks, and by nothing else, where this is true. "+
		"There, certshim says `ChallengeUnanswered` where no listener takes such a route.\n\n```cel\n%s\n```\n\n", t.ProvesByRoute)
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
	b.WriteString("## Approval\n\n" + t.approvalText() + "\n\n")
}

// approvalText says who approves requests, and what that takes.
func (t *IssuerType) approvalText() string {
	signers := "`" + strings.Join(t.Signers(), "`, `") + "`"
	switch {
	case t.Approval.By == ByItself:
		return fmt.Sprintf("It approves its requests itself. No other approver may act: leave %s out of `approveSignerNames` of cert-manager's chart.", signers)
	case t.Approval.By == ByNobody:
		return "It doesn't wait for approval."
	case t.Group == CertManagerGroup:
		return "cert-manager's own approver approves its requests."
	}
	return fmt.Sprintf("Its requests wait until they are approved. cert-manager's own approver does that for the signers that `approveSignerNames` of its chart lists; add %s.", signers)
}

func (t *IssuerType) renderPermissions(b *strings.Builder) {
	b.WriteString("## Permissions\n\n")
	which := "which `deploy/issuers.yaml` has"
	switch {
	case t.Group == CertManagerGroup:
		which = "which `deploy/rbac.yaml` has"
	case t.Level != LevelShipped:
		which = "which `certshim issuers " + t.ID + " -o rbac` prints as a ClusterRole"
	}
	fmt.Fprintf(b, "certshim watches its issuers, and nothing else of it. Without this rule, %s, it says nothing of whether they are there and ready.\n\n```yaml\n", which)
	b.WriteString(declaration.RenderRule(t.Rule()))
	b.WriteString("```\n\n")
}

// Rule returns the permission to watch the type's issuers.
func (t *IssuerType) Rule() declaration.Rule {
	rule := declaration.Rule{APIGroups: []string{t.Group}, Verbs: []string{"list", "watch"}}
	for _, kind := range t.Kinds {
		if !slices.Contains(rule.Resources, kind.Resource) {
			rule.Resources = append(rule.Resources, kind.Resource)
		}
	}
	slices.Sort(rule.Resources)
	return rule
}

const rulesComments = `# Generated from resolver/catalogue by "go generate ./resolver"; don't edit.
# The permissions to watch the issuers of each type, by its name.
`

// RenderRules returns deploy/chart/files/issuers.yaml: the permissions to watch the issuers of each of the given
// types but cert-manager's own.
func RenderRules(types []*IssuerType) string {
	var names []string
	rules := map[string][]declaration.Rule{}
	for _, t := range types {
		if t.Group != CertManagerGroup {
			names = append(names, t.ID)
			rules[t.ID] = []declaration.Rule{t.Rule()}
		}
	}
	return declaration.RenderRules(rulesComments, names, rules)
}

// RenderClusterScoped returns deploy/chart/files/clusterscoped.yaml: the resources of issuers of the whole cluster, which no
// Role can permit.
func RenderClusterScoped(types []*IssuerType) string {
	var b strings.Builder
	b.WriteString("# Generated from resolver/catalogue by \"go generate ./resolver\"; don't edit.\n# Issuers of the whole cluster, which no Role can permit.\n")
	for _, t := range types {
		for _, kind := range t.Kinds {
			if kind.Scope == Cluster && t.Group != CertManagerGroup {
				b.WriteString("- " + kind.Resource + "." + t.Group + "\n")
			}
		}
	}
	return b.String()
}
