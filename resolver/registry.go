package resolver

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/problem"
)

// Registry knows the issuer kinds and which of them an annotation means. It is
// immutable and safe for concurrent use.
type Registry struct {
	defaults Defaults
	// recommend is set by [ApplyRecommendations].
	recommend bool
	known     map[GroupKind]*Known
	// groups are the groups that declare a kind, kinds the kinds of a group; sorted.
	groups, kinds map[string][]string
}

// Option changes what a registry says.
type Option func(*Registry)

// ApplyRecommendations makes what types recommend be set, where the source says nothing,
// and copies the annotations that their controllers read.
func ApplyRecommendations() Option { return func(r *Registry) { r.recommend = true } }

// Known is an issuer kind of the registry and the entry it came from.
type Known struct {
	GroupKind
	KindEntry
	Entry   *Entry
	program *program
	// statements are what is said without a variant, and then with each.
	statements []Statement
	by         string
}

// ServedResource is that of the kind in the first of its listed versions that is among those served;
// false where none is.
func (k *Known) ServedResource(served map[schema.GroupVersionResource]bool) (schema.GroupVersionResource, bool) {
	for _, version := range k.Entry.Versions {
		resource := schema.GroupVersionResource{Group: k.Group, Version: version, Resource: k.Resource}
		if served[resource] {
			return resource, true
		}
	}
	return schema.GroupVersionResource{}, false
}

// NewRegistry builds a registry from cert-manager's own issuers, which are always
// there, and entries. An entry of a higher level replaces (group, kind) pairs of a lower
// one; the same pair twice within a level is an error. All errors are reported together.
func NewRegistry(defaults Defaults, entries []Entry, options ...Option) (*Registry, error) {
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
	sorted := slices.Clone(entries)
	slices.SortStableFunc(sorted, func(a, b Entry) int { return cmp.Compare(a.Level, b.Level) })
	for _, entry := range sorted {
		if err := entry.check(); err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, r.put(entry))
	}
	if err := problem.Join(errs...); err != nil {
		return nil, err
	}
	r.index()
	return r, nil
}

func (r *Registry) put(entry Entry) error {
	program, err := entry.program()
	if err != nil {
		return fmt.Errorf("issuer type %s: %w", entry.ID, err)
	}
	statements := make([]Statement, len(program.said))
	for i, said := range program.said {
		statements[i] = entry.statement(said, r.recommend)
	}
	var errs []error
	for _, kind := range entry.Kinds {
		key := GroupKind{Group: entry.Group, Kind: kind.Kind}
		if other, taken := r.known[key]; taken && other.Entry.Level == entry.Level {
			errs = append(errs, fmt.Errorf("issuer types %s and %s both declare kind %s of group %s", other.Entry.where(), entry.where(), key.Kind, key.Group))
			continue
		}
		r.known[key] = &Known{GroupKind: key, KindEntry: kind, Entry: &entry, program: program, statements: statements, by: entry.By()}
	}
	return problem.Join(errs...)
}

// where names an entry and, if it has one, its file.
func (e Entry) where() string {
	if e.File == "" {
		return e.ID
	}
	return e.ID + " (" + e.File + ")"
}

// By names who declares the type: catalogue/step-issuer, file/corp-ca. An operator's that
// comes from no file is a plugin's grant.
func (e Entry) By() string {
	switch {
	case e.Level == LevelCompiled:
		return "compiled-in/" + e.ID
	case e.Level == LevelShipped:
		return "catalogue/" + e.ID
	case e.File == "":
		return "plugin/" + e.ID
	}
	return "file/" + e.ID
}

// statement is what an entry says of issuers whose readiness isn't known. What the shipped
// catalogue recommends is not set, unless the operator wants it: cert-manager's shims would
// not.
func (e Entry) statement(s said, recommend bool) Statement {
	statement := Statement{Constraints: s.constraints, Values: s.defaults}
	if recommend {
		statement.Values = s.defaults.Under(s.recommend.Values)
	}
	for _, annotation := range e.Annotations {
		if (recommend || e.Level != LevelShipped) && annotation.Copied() {
			statement.CopyAnnotations = append(statement.CopyAnnotations, annotation.Key)
		}
	}
	return statement
}

func (r *Registry) index() {
	for _, known := range r.Kinds() {
		if known.Former {
			continue
		}
		group, kind := known.Group, known.GroupKind.Kind
		r.groups[kind] = append(r.groups[kind], group)
		r.kinds[group] = append(r.kinds[group], kind)
	}
}

// Kinds lists every known issuer kind, cert-manager's own first, then by group and kind.
func (r *Registry) Kinds() []Known {
	kinds := make([]Known, 0, len(r.known))
	for _, known := range r.known {
		kinds = append(kinds, *known)
	}
	slices.SortFunc(kinds, func(a, b Known) int {
		return cmp.Or(
			cmp.Compare(foreign(a.Group), foreign(b.Group)),
			cmp.Compare(a.Group, b.Group),
			cmp.Compare(a.GroupKind.Kind, b.GroupKind.Kind),
		)
	})
	return kinds
}

// Known gives a declared kind.
func (r *Registry) Known(kind GroupKind) (*Known, bool) {
	known, found := r.known[kind]
	return known, found
}

func foreign(group string) int {
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

// Knows says whether a kind is declared, in the catalogue or by the operator.
func (r *Registry) Knows(kind GroupKind) bool {
	_, known := r.known[kind]
	return known
}

// KindsOf lists the declared kinds of a group, sorted; former ones aren't among them.
func (r *Registry) KindsOf(group string) []Known {
	var kinds []Known
	for _, kind := range r.kinds[group] {
		kinds = append(kinds, *r.known[GroupKind{Group: group, Kind: kind}])
	}
	return kinds
}

// Scope of a kind that is declared or served, which may be nil, and whether it is either.
func (r *Registry) Scope(kind GroupKind, served Served) (Scope, bool) {
	s := resolution{registry: r, served: served}
	return s.known(kind.Group, kind.Kind)
}

// CopyKeys are the annotations that may be copied for issuers, sorted.
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
