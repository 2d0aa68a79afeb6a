package source

import (
	"cmp"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/certshim/certshim/declaration"
)

//go:generate go test -run TestSourcePagesAreUpToDate -update .

const generated = "<!-- Generated from source/catalogue by \"go generate ./source\"; don't edit. -->\n\n"

const indexText = `# Kinds of sources

certshim makes Certificates of annotated Ingresses, Gateways and ListenerSets, and of the kinds below, where the cluster serves
them. ` + "`certshim sources`" + ` lists them beside what is in your cluster, and ` + "`certshim sources TYPE`" + ` prints what these pages say.
[Your own](schema.md) are declared in a file. The [annotations](../annotations.md) are the same for all.

| type | kind | group |
|---|---|---|
`

// RenderIndex returns docs/sources/README.md.
func RenderIndex(types []Type) string {
	var b strings.Builder
	b.WriteString(generated + indexText)
	for _, t := range types {
		fmt.Fprintf(&b, "| [%s](%s.md) | %s | `%s` |\n", cmp.Or(t.Title, t.ID), t.ID, t.Kind, t.Group)
	}
	return b.String()
}

// RenderPage returns the page of a source type: an example, what is read, permissions and notes.
func RenderPage(t Type) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s# %s\n\n", generated, cmp.Or(t.Title, t.ID))
	fmt.Fprintf(&b, "- kind: `%s`, group: `%s`, versions: %s\n", t.Kind, t.Group, strings.Join(t.Versions, ", "))
	if t.Docs != "" {
		fmt.Fprintf(&b, "- documentation: <%s>\n", t.Docs)
	}
	fmt.Fprintf(&b, "- verified: %s\n\n", cmp.Or(t.Verified, "not"))
	if len(t.Example) > 0 {
		b.WriteString("## Asking for a certificate\n\n```yaml\n" + exampleText(t.Example) + "```\n\n")
	}
	t.renderRead(&b)
	t.renderParams(&b)
	b.WriteString("## Permissions\n\n```yaml\n")
	for _, rule := range t.Rules() {
		b.WriteString(declaration.RenderRule(rule))
	}
	b.WriteString("```\n\n")
	if len(t.Notes) > 0 {
		b.WriteString("## Notes\n\n- " + strings.Join(t.Notes, "\n- ") + "\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func (t Type) renderRead(b *strings.Builder) {
	b.WriteString("## What is read\n\n")
	for _, path := range t.Reads() {
		fmt.Fprintf(b, "- `%s`\n", cmp.Or(path, "the whole object"))
	}
	b.WriteString("\nby this expression:\n\n```\n" + strings.TrimRight(t.Entries, "\n") + "\n```\n\n")
}

func (t Type) renderParams(b *strings.Builder) {
	if len(t.Params) == 0 {
		return
	}
	b.WriteString("## Parameters\n\nSet them in the [configuration](../operate.md), as `sources.params." + t.ID + "`.\n\n| parameter | what it is | default |\n|---|---|---|\n")
	for _, param := range t.Params {
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", param.Name, param.Doc, cmp.Or(param.Default, "none"))
	}
	b.WriteString("\n")
}

// exampleText is an object with its fields in the order in which people write them.
func exampleText(object map[string]any) string {
	var b strings.Builder
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	for _, field := range []string{"apiVersion", "kind", "metadata", "spec"} {
		if value, is := object[field]; is {
			_ = encoder.Encode(map[string]any{field: value}) // decoded YAML can be encoded
		}
	}
	return strings.ReplaceAll(b.String(), "---\n", "")
}

// Rules returns the permissions to read the type's objects, and to name them as the owners of
// Certificates where the admission plugin OwnerReferencesPermissionEnforcement is on.
func (t Type) Rules() []declaration.Rule {
	return []declaration.Rule{
		{APIGroups: []string{t.Group}, Resources: []string{t.Resource}, Verbs: []string{"get", "list", "watch"}},
		{APIGroups: []string{t.Group}, Resources: []string{t.Resource + "/finalizers"}, Verbs: []string{"update"}},
	}
}

const roleComments = `# Generated from source/catalogue by "go generate ./source"; don't edit.
# The kinds of sources that are declared: to read their objects, and to be named as the owner of a
# Certificate. Rules of kinds that you don't have may be left out.
`

// RenderRole returns deploy/sources.yaml: the permissions for all types of the catalogue.
func RenderRole(types []Type) string {
	var rules []declaration.Rule
	for _, t := range types {
		rules = append(rules, t.Rules()...)
	}
	return declaration.RenderRole(roleComments, "certshim-sources", rules)
}

// Summary is what is known of a source type, for programs.
type Summary struct {
	ID            string         `json:"id"`
	Title         string         `json:"title,omitempty"`
	From          string         `json:"from"`
	Group         string         `json:"group"`
	Kind          string         `json:"kind"`
	Resource      string         `json:"resource"`
	Versions      []string       `json:"versions"`
	Reads         []string       `json:"reads"`
	Entries       string         `json:"entries"`
	OnKindRemoved Removal        `json:"onKindRemoved"`
	Params        []Param        `json:"params,omitempty"`
	Example       map[string]any `json:"example,omitempty"`
	Notes         []string       `json:"notes,omitempty"`
	Docs          string         `json:"docs,omitempty"`
	Verified      string         `json:"verified,omitempty"`
}

// Summarize returns what is known of the type.
func (t Type) Summarize() Summary {
	return Summary{
		ID: t.ID, Title: t.Title, From: t.By(), Group: t.Group, Kind: t.Kind, Resource: t.Resource, Versions: t.Versions,
		Reads: t.Reads(), Entries: t.Entries, OnKindRemoved: t.OnKindRemoved, Params: t.Params, Example: t.Example, Notes: t.Notes, Docs: t.Docs, Verified: t.Verified,
	}
}
