package certshim

import (
	"slices"
	"strconv"
	"strings"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// inAnnotations puts the annotation keys into the problems of a resolver, which knows
// none, and the lines that would be right, ready to be pasted.
func inAnnotations(answer resolver.Answer) problem.List {
	var out problem.List
	if answer.Problems.Empty() {
		return out
	}
	lines := pasteLines(answer.Suggestions)
	if lines == "" {
		lines = pasteLines(placeholders())
	}
	for _, p := range answer.Problems.All() {
		if p.Key != "" {
			p.Key = annotations.Prefix + p.Key
			p.Path = "metadata.annotations[" + p.Key + "]"
		}
		if p.Severity == problem.Error {
			p.Lines = lines
		}
		out.Add(p)
	}
	return out
}

// placeholders are the two usual forms, where nothing is known that could be meant.
func placeholders() []resolver.Issuer {
	const name = "name-of-the-issuer"
	return []resolver.Issuer{
		{Ref: resolver.Ref{Group: resolver.CertManagerGroup, Kind: resolver.IssuerKind, Name: name}},
		{Ref: resolver.Ref{Group: resolver.CertManagerGroup, Kind: resolver.ClusterIssuerKind, Name: name}},
	}
}

// pasteLines writes the first suggestions as annotation lines.
func pasteLines(suggestions []resolver.Issuer) string {
	const most = 3
	var b strings.Builder
	for i, s := range suggestions[:min(most, len(suggestions))] {
		if i > 0 {
			b.WriteString("\nor\n")
		}
		b.WriteString("  " + strings.Join(IssuerLines(s), "\n  "))
	}
	return b.String()
}

// IssuerLines are the annotations that name an issuer, as lines of YAML.
func IssuerLines(issuer resolver.Issuer) []string {
	line := func(key, value string) string { return annotations.Prefix + key + ": " + scalar(value) }
	if issuer.Group == resolver.CertManagerGroup && issuer.Kind == resolver.ClusterIssuerKind {
		return []string{line(resolver.FieldClusterName, issuer.Name)}
	}
	lines := []string{line(resolver.FieldName, issuer.Name)}
	if issuer.Group == resolver.CertManagerGroup && issuer.Kind == resolver.IssuerKind {
		return lines
	}
	return append(lines, line(resolver.FieldKind, issuer.Kind), line(resolver.FieldGroup, issuer.Group))
}

// scalar is a value as YAML reads a string: plain if it is a Kubernetes name that YAML
// takes for nothing else, else quoted, so that what a stranger wrote can't end the line.
func scalar(value string) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	const plain = "-.0123456789" + letters
	if strings.Trim(value, plain) != "" || strings.IndexAny(value, letters) != 0 || isYAMLWord(value) {
		return strconv.Quote(value)
	}
	return value
}

// isYAMLWord says whether YAML takes a word for a truth value or for nothing.
func isYAMLWord(value string) bool {
	words := []string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
	return slices.Contains(words, strings.ToLower(value))
}
