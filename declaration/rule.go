package declaration

import (
	"fmt"
	"strings"
)

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

const roleHead = `%[1]sapiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: %[2]s
rules:
`

const roleBinding = `---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: %[1]s
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: %[1]s
subjects:
  - kind: ServiceAccount
    name: certshim
    namespace: certshim
`

// RenderRole formats a file of deploy/: comments, a ClusterRole with rules, and its binding to certshim's
// ServiceAccount.
func RenderRole(comments, name string, rules []Rule) string {
	var b strings.Builder
	fmt.Fprintf(&b, roleHead, comments, name)
	for _, rule := range rules {
		for line := range strings.Lines(RenderRule(rule)) {
			b.WriteString("  " + line)
		}
	}
	fmt.Fprintf(&b, roleBinding, name)
	return b.String()
}
