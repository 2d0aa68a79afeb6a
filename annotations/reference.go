package annotations

import (
	"fmt"
	"strings"
)

//go:generate go test -run TestReferencePageIsUpToDate -update .

const referenceHead = `<!-- Generated from annotations/table.go by "go generate ./annotations"; don't edit. -->

# Annotations

All of them stand on the source: an Ingress, a Gateway, a ListenerSet, or another kind that is declared as one.

- White space at both ends of a value is trimmed. An **empty value** is the same as no annotation, and gives a warning.
- The case of a value counts: ` + "`rsa`" + ` is refused with the right spelling, never guessed.
- A value that is refused gives one Warning Event with key, value, what is allowed and the nearest right spelling. No new
  Certificate is made from it; an existing one keeps its value of that field.
- An unknown key that is nearly a known one gives a warning.
- Lists hold at most 1000 items.

`

const labelsHead = `## Labels

Labels of the source are copied to its Certificates, except those by which other tools track, prune or claim objects. A
pattern that ends in ` + "`/` or `*`" + ` stands for all keys that begin so. The operator may exclude more, and include some again.

| label | tool | a copy |
|---|---|---|
`

const operatorText = `## The operator's keys

- ` + "`--auto-certificate-annotations`" + `: keys that ask for the default issuer when they are true, in place of ` + "`" + DefaultAutoKey + "`" + `.
- ` + "`--extra-certificate-annotations`" + `: keys that are copied to the Certificate as they are. Exact keys, no patterns.
- ` + "`namespaceDefaults`" + ` of the configuration file: the four issuer keys on a Namespace count, too. They trigger nothing, and name the
  issuer of its objects that ask for a certificate and name none ([more](operate.md#the-issuer-of-an-object-that-names-none)).

`

// RenderReference returns the reference page docs/annotations.md: every key, the operator's
// keys, and the labels that aren't copied.
func RenderReference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	for _, row := range Table() {
		row.render(&b)
	}
	b.WriteString(operatorText + labelsHead)
	for _, marker := range Markers() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", marker.Pattern, marker.Tool, marker.Copy)
	}
	return b.String()
}

func (row Row) render(b *strings.Builder) {
	fmt.Fprintf(b, "## `%s`\n\n%s\n\n", row.Key, row.Doc)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(b, "- %s: %s\n", name, value)
		}
	}
	line("on", row.On)
	line("field", code(string(row.Field)))
	line("allowed", row.Grammar)
	line("example", code(row.Example))
	line("instead", row.Instead)
	line("unlike cert-manager", row.Difference)
	if row.WholeObject != "" {
		line("in `"+SectionsKey+"`", "no: "+row.WholeObject)
	}
	b.WriteString("\n")
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}
