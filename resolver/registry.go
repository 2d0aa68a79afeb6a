package resolver

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/problem"
)

// Registry knows the issuer kinds, and which of them annotations mean. It is immutable and safe
// for concurrent use.
type Registry struct {
	defaults Defaults
	// recommend is set by [ApplyRecommendations].
	recommend bool
	known     map[GroupKind]*Known
	// ordered are the known kinds in the order of Kinds.
	ordered []Known
	// groups maps a kind to the groups that declare it, kinds a group to its kinds; both sorted.
	groups, kinds map[string][]string
}

// Option configures a registry.
type Option func(*Registry)

// ApplyRecommendations sets the recommended values where the source sets none, and copies the
// annotations that the issuers' controllers read.
func ApplyRecommendations() Option { return func(r *Registry) { r.recommend = true } }

// Known is an issuer kind of the registry and its issuer type.
type Known struct {
	GroupKind
	DeclaredKind
	Type    *IssuerType
	program *program
	// statements[0] holds without a variant, statements[i] for variant i.
	statements []Statement
	by         string
}

// ServedResource returns the resource of the kind in the first of its versions that is served;
// false if none is.
func (k *Known) ServedResource(served map[schema.GroupVersionResource]bool) (schema.GroupVersionResource, bool) {
	for _, version := range k.Type.Versions {
		resource := schema.GroupVersionResource{Group: k.Group, Version: version, Resource: k.Resource}
		if served[resource] {
			return resource, true
		}
	}
	return schema.GroupVersionResource{}, false
}

// NewRegistry builds a registry from cert-manager's own issuers, which are always included, and
// types. A higher level replaces (group, kind) pairs of a lower one; the same pair twice on
// one level is an error. All errors are reported together.
func NewRegistry(defaults Defaults, types []IssuerType, options ...Option) (*Registry, error) {
	r := &Registry{
		defaults: defaults.filled(),
		known:    map[GroupKind]*Known{}, groups: map[string][]string{}, kinds: map[string][]string{},
	}
	for _, option := range options {
		option(r)
	}
	own, err := builtin()
	if err != nil {
		return nil, err
	}
	errs := []error{r.defaults.check(), r.put(own)}
	sorted := slices.Clone(types)
	slices.SortStableFunc(sorted, func(a, b IssuerType) int { return cmp.Compare(a.Level, b.Level) })
	for _, t := range sorted {
		if err := t.check(); err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, r.put(t))
	}
	if err := problem.Join(errs...); err != nil {
		return nil, err
	}
	r.index()
	return r, nil
}

func (r *Registry) put(t IssuerType) error {
	program, err := t.program()
	if err != nil {
		return fmt.Errorf("issuer type %s: %w", t.ID, err)
	}
	statements := make([]Statement, len(program.profiles))
	for i, profile := range program.profiles {
		statements[i] = t.statement(profile, r.recommend)
	}
	var errs []error
	for _, kind := range t.Kinds {
		key := GroupKind{Group: t.Group, Kind: kind.Kind}
		if other, taken := r.known[key]; taken && other.Type.Level == t.Level {
			errs = append(errs, fmt.Errorf("issuer types %s and %s both declare kind %s of group %s", other.Type.where(), t.where(), key.Kind, key.Group))
			continue
		}
		r.known[key] = &Known{GroupKind: key, DeclaredKind: kind, Type: &t, program: program, statements: statements, by: t.By()}
	}
	return problem.Join(errs...)
}

// where returns the ID and, if it has one, the file.
func (t IssuerType) where() string {
	if t.File == "" {
		return t.ID
	}
	return t.ID + " (" + t.File + ")"
}

// By names the declaration of the type: catalogue/step-issuer, file/corp-ca. An operator's type
// without a file comes from the grant of a plugin.
func (t IssuerType) By() string {
	switch {
	case t.Level == LevelCompiled:
		return "compiled-in/" + t.ID
	case t.Level == LevelShipped:
		return "catalogue/" + t.ID
	case t.File == "":
		return "plugin/" + t.ID
	}
	return "file/" + t.ID
}

// statement returns what a type declares about its issuers, without readiness. Recommendations
// of the shipped catalogue are left out unless the operator wants them, since cert-manager's
// shims don't set such values.
func (t IssuerType) statement(s profile, recommend bool) Statement {
	statement := Statement{Constraints: s.constraints, Values: s.defaults}
	if recommend {
		statement.Values = s.defaults.Under(s.recommend.Values)
	}
	for _, annotation := range t.Annotations {
		if (recommend || t.Level != LevelShipped) && annotation.Copied() {
			statement.CopyAnnotations = append(statement.CopyAnnotations, annotation.Key)
		}
	}
	return statement
}

func (r *Registry) index() {
	for _, known := range r.known {
		r.ordered = append(r.ordered, *known)
	}
	slices.SortFunc(r.ordered, func(a, b Known) int {
		return cmp.Or(
			cmp.Compare(groupRank(a.Group), groupRank(b.Group)),
			cmp.Compare(a.Group, b.Group),
			cmp.Compare(a.GroupKind.Kind, b.GroupKind.Kind),
		)
	})
	for _, known := range r.ordered {
		if known.Former {
			continue
		}
		group, kind := known.Group, known.GroupKind.Kind
		r.groups[kind] = append(r.groups[kind], group)
		r.kinds[group] = append(r.kinds[group], kind)
	}
}

// Kinds lists every known issuer kind, cert-manager's own first, then by group and kind. The list is
// the registry's own: it must not be changed.
func (r *Registry) Kinds() []Known { return slices.Clip(r.ordered) }

// Known returns a declared kind.
func (r *Registry) Known(kind GroupKind) (*Known, bool) {
	known, found := r.known[kind]
	return known, found
}

func groupRank(group string) int {
	if group == CertManagerGroup {
		return 0
	}
	return 1
}

func (d Defaults) filled() Defaults {
	d.Kind = cmp.Or(d.Kind, IssuerKind)
	d.Group = cmp.Or(d.Group, CertManagerGroup)
	return d
}

func (d Defaults) check() error {
	switch {
	case d.Name != "" && !isSubdomain(d.Name):
		return fmt.Errorf("default issuer name %q: %s", d.Name, wantName)
	case !isKind(d.Kind):
		return fmt.Errorf("default issuer kind %q: %s", d.Kind, wantKind)
	case !isSubdomain(d.Group):
		return fmt.Errorf("default issuer group %q: %s", d.Group, wantGroup)
	}
	return nil
}

// Knows reports whether a kind is declared, in the catalogue or by the operator.
func (r *Registry) Knows(kind GroupKind) bool {
	_, known := r.known[kind]
	return known
}

// KindsOf lists the declared kinds of a group, sorted and without former ones.
func (r *Registry) KindsOf(group string) []Known {
	var kinds []Known
	for _, kind := range r.kinds[group] {
		kinds = append(kinds, *r.known[GroupKind{Group: group, Kind: kind}])
	}
	return kinds
}

// Scope returns the scope of a kind, and whether it is declared or served. served may be nil.
func (r *Registry) Scope(kind GroupKind, served Served) (Scope, bool) {
	s := resolution{registry: r, served: served}
	return s.scopeOf(kind.Group, kind.Kind)
}

// CopyKeys returns the annotations that may be copied for issuers, sorted.
func (r *Registry) CopyKeys() []string {
	var keys []string
	for _, known := range r.known {
		for _, statement := range known.statements {
			keys = append(keys, statement.CopyAnnotations...)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
