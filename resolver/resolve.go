package resolver

import (
	"fmt"
	"slices"
	"strings"

	"github.com/certshim/certshim/problem"
)

// Resolve says which issuer a lookup means. It is pure: a map look-up and a few rules.
// served may be nil. Where it can't say, every problem is reported, and the
// suggestions are the references that could have been meant.
func (r *Registry) Resolve(lookup Lookup, served Served) Answer {
	s := resolution{registry: r, lookup: lookup, served: served}
	s.run()
	if s.answer.OK = !s.failed; s.failed {
		s.answer.Issuer = Issuer{}
	}
	return s.answer
}

// resolution is one run of Resolve. ref is the reference as far as it is known.
type resolution struct {
	registry *Registry
	lookup   Lookup
	served   Served
	ref      Ref
	answer   Answer
	failed   bool
}

func (s *resolution) run() {
	s.presence()
	s.spelling()
	if s.failed {
		return
	}
	s.bareGroup()
	s.fill()
	s.judge()
	s.clusterScoped()
	if s.failed {
		return
	}
	scope, _ := s.known(s.ref.Group, s.ref.Kind)
	s.answer.Issuer = Issuer{Ref: s.ref, Scope: scope, From: s.from()}
}

// presence checks which of the annotations stand together, and picks the name.
func (s *resolution) presence() {
	l := s.lookup
	switch {
	case l.Name != "" && l.ClusterName != "":
		s.refuse(FieldClusterName, l.ClusterName, "issuer and cluster-issuer are both set: keep one of them", "")
		s.bothNamed()
	case l.Name != "":
		s.ref.Name = l.Name
	case l.ClusterName != "":
		s.ref.Name = l.ClusterName
	case !l.Auto:
		s.refuse(FieldName, "", "no issuer is named", wantName)
	case s.registry.defaults.Name == "":
		s.refuse(FieldName, "", "no issuer is named, and the operator has set no default issuer: name one by issuer or cluster-issuer", "")
	default:
		s.ref.Name = s.registry.defaults.Name
	}
}

// bothNamed adds what else contradicts cluster-issuer, and the two ways to mean one.
func (s *resolution) bothNamed() {
	l := s.lookup
	if l.Group != "" && l.Group != CertManagerGroup {
		s.refuse(FieldGroup, l.Group, "cluster-issuer with issuer-group needs a cluster-scoped kind, and issuer is set too", "")
	}
	if l.Kind != "" && l.Kind != ClusterIssuerKind {
		s.refuse(FieldKind, l.Kind, "cluster-issuer with issuer-kind needs a cluster-scoped kind, and issuer is set too", "")
	}
	group := orElse(l.Group, CertManagerGroup)
	if kind := orElse(l.Kind, IssuerKind); isSubdomain(l.Name) && s.isKnown(group, kind) {
		s.suggest(Ref{Group: group, Kind: kind, Name: l.Name})
	}
	if isSubdomain(l.ClusterName) {
		s.suggest(Ref{Group: CertManagerGroup, Kind: ClusterIssuerKind, Name: l.ClusterName})
	}
}

// spelling checks each part by itself.
func (s *resolution) spelling() {
	s.name(FieldName, s.lookup.Name)
	s.name(FieldClusterName, s.lookup.ClusterName)
	if kind := s.lookup.Kind; kind != "" && !isKind(kind) {
		s.refuseNear(FieldKind, kind, "not a kind", wantKind, nearest(kind, s.kindsFor()))
		s.suggestKinds(kind)
	}
	bare, _, _ := strings.Cut(s.lookup.Group, "/")
	if s.lookup.Group != "" && !isSubdomain(bare) {
		s.refuseNear(FieldGroup, s.lookup.Group, "not an API group", wantGroup, nearest(bare, s.registry.groupNames()))
	}
}

func (s *resolution) name(field, name string) {
	switch {
	case name == "" || isSubdomain(name):
	case strings.Contains(name, "/"):
		s.refuse(field, name, "an issuer is named without its namespace: a namespaced one is taken from the namespace of the object", wantName)
	case strings.ContainsAny(name, " \t\r\n"):
		s.refuse(field, name, "an issuer's name has no white space, and one object has one issuer", wantName)
	default:
		s.refuse(field, name, "not the name of an issuer", wantName)
	}
}

// bareGroup takes the version off a group where that gives a known kind.
func (s *resolution) bareGroup() {
	bare, _, versioned := strings.Cut(s.lookup.Group, "/")
	if !versioned {
		return
	}
	written := s.lookup.Group
	s.lookup.Group = bare
	kind := orElse(s.lookup.Kind, s.impliedKind())
	if s.isKnown(bare, kind) {
		s.warnNear(FieldGroup, written, "the group is written without a version, and is read so", bare)
		return
	}
	s.refuseNear(FieldGroup, written, fmt.Sprintf("the group is written without a version, and no kind %s is known in %s", kind, bare), wantGroup, bare)
	s.suggestGroup(bare, kind)
}

// impliedKind is the kind where none is given.
func (s *resolution) impliedKind() string {
	switch {
	case s.lookup.ClusterName != "":
		return ClusterIssuerKind
	case s.lookup.Name != "":
		return IssuerKind
	}
	return s.registry.defaults.Kind
}

// fill completes group and kind with the defaults. The default group reaches an issuer
// that is named by annotation only where it has that kind.
func (s *resolution) fill() {
	s.ref.Kind = orElse(s.lookup.Kind, s.impliedKind())
	s.ref.Group = s.lookup.Group
	if s.ref.Group != "" {
		return
	}
	s.ref.Group = CertManagerGroup
	if fallback := s.registry.defaults.Group; s.from() == FromDefault || s.isKnown(fallback, s.ref.Kind) {
		s.ref.Group = fallback
	}
}

func (s *resolution) from() Origin {
	if s.lookup.Name == "" && s.lookup.ClusterName == "" {
		return FromDefault
	}
	return FromAnnotation
}

// judge decides whether the group and kind can be meant.
func (s *resolution) judge() {
	switch {
	case s.failed || s.isKnown(s.ref.Group, s.ref.Kind):
	case s.ref.Group == CertManagerGroup && s.lookup.Group == "":
		s.complete()
	case s.ref.Group == CertManagerGroup:
		s.refuseNear(FieldKind, s.ref.Kind, "cert-manager.io has no such issuer kind", IssuerKind+", "+ClusterIssuerKind, nearest(s.ref.Kind, s.registry.kinds[CertManagerGroup]))
		s.suggestKinds(s.ref.Kind)
	case len(s.registry.kinds[s.ref.Group]) > 0:
		kinds := s.registry.kinds[s.ref.Group]
		s.refuseNear(FieldKind, s.ref.Kind, "the group "+s.ref.Group+" has no such issuer kind", strings.Join(kinds, ", "), nearest(s.ref.Kind, kinds))
		s.suggestGroup(s.ref.Group, s.ref.Kind)
	default:
		s.unknown()
	}
}

// complete finds the group of a kind that isn't cert-manager's and has none.
func (s *resolution) complete() {
	groups := s.candidates()
	current := s.lookup.Current
	sticks := current.Kind == s.ref.Kind && current.Name == s.ref.Name && slices.Contains(groups, current.Group)
	switch {
	case sticks:
		s.completed(current.Group)
	case len(groups) == 1:
		s.completed(groups[0])
	case len(groups) > 1:
		s.refuse(FieldKind, s.ref.Kind, "several groups have this kind: write issuer-group too", strings.Join(groups, ", "))
		s.suggestKinds(s.ref.Kind)
	default:
		s.refuseNear(FieldKind, s.ref.Kind, "no known group has this kind: write issuer-group too", "", nearest(s.ref.Kind, s.registry.kindNames()))
		s.suggestKinds(s.ref.Kind)
	}
}

func (s *resolution) completed(group string) {
	s.ref.Group = group
	s.warn(FieldKind, s.ref.Kind, "the kind has no group beside it, and is read as one of "+group+", the only one that fits: write issuer-group too")
}

// candidates are the groups that could be meant by the kind alone: those that the
// cluster serves, else those that are declared. A served kind that nobody declared
// counts only if it is called an issuer, as kinds of other things are served too.
func (s *resolution) candidates() []string {
	declared := s.registry.groups[s.ref.Kind]
	if s.served == nil {
		return declared
	}
	var groups []string
	for _, group := range s.served.Groups(s.ref.Kind) {
		issuer := strings.HasSuffix(s.ref.Kind, IssuerKind) && group != CertManagerGroup
		if slices.Contains(declared, group) || issuer {
			groups = append(groups, group)
		}
	}
	if len(groups) == 0 {
		return declared
	}
	slices.Sort(groups)
	return groups
}

// unknown lets a kind of a strange group pass, as cert-manager does, unless the group
// is nearly one that has this kind.
func (s *resolution) unknown() {
	if group := nearest(s.ref.Group, s.registry.groupNames()); group != "" && nearOrEqual(s.ref.Kind, s.registry.kinds[group]) {
		s.refuseNear(FieldGroup, s.ref.Group, "no issuer of this group is known", wantGroup, group)
		s.suggestGroup(group, s.ref.Kind)
		return
	}
	if s.lookup.ClusterName != "" {
		return
	}
	s.warn(FieldGroup, s.ref.Group, fmt.Sprintf("no resolver knows the kind %s of this group: it is passed on as it is", s.ref.Kind))
}

// clusterScoped holds cluster-issuer to a kind that is known to be cluster-scoped.
func (s *resolution) clusterScoped() {
	if s.failed || s.lookup.ClusterName == "" {
		return
	}
	scope, known := s.known(s.ref.Group, s.ref.Kind)
	if scope == Cluster {
		return
	}
	why := "is not known, so it can't be known to be cluster-scoped: name the issuer by issuer, with issuer-kind and issuer-group"
	if known {
		why = "is namespaced: name it by issuer"
	}
	why = fmt.Sprintf("cluster-issuer needs a cluster-scoped kind, and %s of group %s %s", s.ref.Kind, s.ref.Group, why)
	if s.lookup.Group != "" {
		s.refuse(FieldGroup, s.lookup.Group, why, "")
	}
	if s.lookup.Kind != "" {
		s.refuse(FieldKind, s.lookup.Kind, why, "")
	}
	s.suggest(s.ref)
}

// known gives the scope of a kind that is declared or served.
func (s *resolution) known(group, kind string) (Scope, bool) {
	key := GroupKind{Group: group, Kind: kind}
	if known, declared := s.registry.known[key]; declared {
		return known.Scope, true
	}
	if s.served == nil || group == CertManagerGroup {
		return ScopeUnknown, false
	}
	return s.served.Scope(key)
}

func (s *resolution) isKnown(group, kind string) bool {
	_, known := s.known(group, kind)
	return known
}

func (s *resolution) refuse(field, value, message, allowed string) {
	s.refuseNear(field, value, message, allowed, "")
}

func (s *resolution) refuseNear(field, value, message, allowed, near string) {
	s.failed = true
	s.answer.Problems.Add(problem.Problem{
		Severity: problem.Error, Key: field, Value: value, Allowed: allowed, Suggestion: near,
		Reason: problem.BadIssuer, Message: message,
	})
}

func (s *resolution) warn(field, value, message string) { s.warnNear(field, value, message, "") }

func (s *resolution) warnNear(field, value, message, near string) {
	s.answer.Problems.Add(problem.Problem{
		Severity: problem.Warning, Key: field, Value: value, Suggestion: near,
		Reason: problem.BadIssuer, Message: message,
	})
}

func orElse(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}
