package declaration

import "strings"

// Rule is an RBAC rule: what a declared kind needs of the API server.
type Rule struct {
	APIGroups []string `json:"apiGroups" yaml:"apiGroups"`
	Resources []string `json:"resources" yaml:"resources"`
	Verbs     []string `json:"verbs" yaml:"verbs"`
}

// RenderRule formats a rule as an item of a role's list.
func RenderRule(r Rule) string {
	list := func(items []string) string { return "[" + strings.Join(items, ", ") + "]" }
	return "- apiGroups: " + list(r.APIGroups) + "\n  resources: " + list(r.Resources) + "\n  verbs: " + list(r.Verbs) + "\n"
}

// RenderRules formats the rules of declared types as a map from their names, in the given order, after some comments.
func RenderRules(comments string, names []string, rules map[string][]Rule) string {
	var b strings.Builder
	b.WriteString(comments)
	for _, name := range names {
		b.WriteString(name + ":\n")
		for _, rule := range rules[name] {
			for line := range strings.Lines(RenderRule(rule)) {
				b.WriteString("  " + line)
			}
		}
	}
	return b.String()
}
