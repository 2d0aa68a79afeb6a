package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/resolver"
)

// role is a ClusterRole to watch issuers, and its binding.
type role struct {
	name  string
	rules []declaration.Rule
}

// allIssuers is the name of the ClusterRole of deploy/, which is that of all types too.
const allIssuers = "certshim-issuers"

// printRoles prints the permissions to watch the issuers that were named, else those of --issuers,
// else those of all types but cert-manager's own, which certshim's ClusterRole has.
func (o *issuersOptions) printRoles(ctx context.Context, words []string) error {
	if len(words) > 0 {
		roles, err := o.rolesNamed(ctx, words)
		return errors.Join(writeRoles(o.streams.Out, roles), err)
	}
	var own []role
	all := role{name: allIssuers}
	for _, t := range entriesOf(o.registry) {
		if t.Level == resolver.LevelOperator && t.File != "" {
			own = append(own, roleOf(t))
		}
		if t.Group != resolver.CertManagerGroup {
			all.rules = append(all.rules, t.Rule())
		}
	}
	if o.ownFiles {
		return writeRoles(o.streams.Out, own)
	}
	return writeRoles(o.streams.Out, []role{all})
}

func roleOf(t *resolver.IssuerType) role {
	return role{name: allIssuers + "-" + t.ID, rules: []declaration.Rule{t.Rule()}}
}

// rolesNamed are the roles of types, of kinds, or of the kinds of issuers that the cluster has.
func (o *issuersOptions) rolesNamed(ctx context.Context, words []string) ([]role, error) {
	var roles []role
	var failed error
	lookup := issuerLookup{issuersOptions: o}
	for _, word := range words {
		kinds := o.kindsNamed(word)
		switch {
		case len(kinds) > 0 && !isKindOf(kinds[0], word):
			for _, t := range o.typesNamed(word) {
				roles = append(roles, roleOf(t))
			}
			continue
		case len(kinds) == 0:
			found, _, err := lookup.find(ctx, word)
			failed = errors.Join(failed, err)
			for _, one := range found {
				roles = append(roles, lookup.roleOfIssuer(one))
			}
		}
		for _, kind := range kinds {
			roles = append(roles, roleOfKind(kind.Group, kind.Resource))
		}
	}
	return eachOnce(roles), failed
}

func eachOnce(roles []role) []role {
	var once []role
	for _, one := range roles {
		if !slices.ContainsFunc(once, func(other role) bool { return other.name == one.name }) {
			once = append(once, one)
		}
	}
	return once
}

// isKindOf says whether a word names a kind, and not its whole type.
func isKindOf(kind resolver.Known, word string) bool {
	name, _, _ := strings.Cut(word, ".")
	return strings.EqualFold(name, kind.GroupKind.Kind) || strings.EqualFold(word, kind.Resource+"."+kind.Group)
}

func roleOfKind(group, resource string) role {
	rule := declaration.Rule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: []string{"list", "watch"}}
	return role{name: allIssuers + "-" + resource + "." + group, rules: []declaration.Rule{rule}}
}

func (l *issuerLookup) roleOfIssuer(one namedIssuer) role {
	kind := resolver.GroupKind{Group: one.Group, Kind: one.Kind}
	if known, declared := l.registry.Known(kind); declared {
		return roleOfKind(known.Group, known.Resource)
	}
	resource, _ := l.known.served.CustomKind(kind)
	return roleOfKind(resource.Group, resource.Resource)
}

// entriesOf are the types of a registry, each once.
func entriesOf(registry *resolver.Registry) []*resolver.IssuerType {
	var entries []*resolver.IssuerType
	for _, known := range registry.Kinds() {
		if !slices.Contains(entries, known.Type) {
			entries = append(entries, known.Type)
		}
	}
	return entries
}

const roleFormat = `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: %[1]s
rules:
%[2]s---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: %[1]s
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: %[1]s
subjects: # the ServiceAccount of deploy/
- kind: ServiceAccount
  name: certshim
  namespace: certshim
`

func writeRoles(w io.Writer, roles []role) error {
	for i, one := range roles {
		if i > 0 {
			if _, err := fmt.Fprintln(w, "---"); err != nil {
				return err
			}
		}
		rules := ""
		for _, rule := range one.rules {
			rules += declaration.RenderRule(rule)
		}
		if _, err := fmt.Fprintf(w, roleFormat, one.name, rules); err != nil {
			return err
		}
	}
	return nil
}
