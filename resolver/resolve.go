package resolver

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/problem"
)

// Resolve finds the issuer that a lookup means. It is pure, and fast enough for every decision.
// If it fails, the answer has all problems and suggests the references that may have been meant.
// served may be nil.
func (r *Registry) Resolve(lookup Lookup, served Served) Answer {
	s := resolution{registry: r, lookup: lookup, served: served, defaults: r.defaults}
	if s.from() == FromDefault && lookup.Default.Name != "" {
		s.defaults = lookup.Default.filled()
	}
	s.run()
	if s.answer.OK = !s.failed; s.failed {
		s.answer.Issuer = Issuer{}
	}
	return s.answer
}

// resolution is the state of one Resolve. ref is the reference found so far.
type resolution struct {
	registry *Registry
	lookup   Lookup
	served   Served
	defaults Defaults
	ref      Ref
	answer   Answer
	failed   bool
}

// run allocates nothing for a valid lookup, since every decision calls it.
func (s *resolution) run() {
	s.checkCombination()
	if s.checkSyntax(); s.failed {
		return
	}
	if s.stripVersion(); s.failed {
		return
	}
	s.applyDefaults()
	if s.checkKind(); s.failed {
		return
	}
	if s.checkClusterScoped(); s.failed {
		return
	}
	scope, _ := s.scopeOf(s.ref.Group, s.ref.Kind)
	s.answer.Issuer = Issuer{Ref: s.ref, Scope: scope, From: s.from()}
}

// checkCombination checks the combination of annotations and picks the name.
func (s *resolution) checkCombination() {
	l := s.lookup
	switch {
	case l.Name != "" && l.ClusterName != "":
		s.refuse(FieldClusterName, l.ClusterName, "issuer and cluster-issuer are both set: keep one of them", "")
		s.suggestBoth()
	case l.Name != "":
		s.ref.Name = l.Name
	case l.ClusterName != "":
		s.ref.Name = l.ClusterName
	case !l.Auto:
		s.refuse(FieldName, "", "no issuer is named", wantName)
	case s.defaults.Name == "":
		s.refuse(FieldName, "", "no issuer is named, and the operator has set no default issuer: name one by issuer or cluster-issuer", "")
	default:
		s.ref.Name = s.defaults.Name
	}
}

// checkSyntax checks the syntax of each part.
func (s *resolution) checkSyntax() {
	s.checkName(FieldName, s.lookup.Name)
	s.checkName(FieldClusterName, s.lookup.ClusterName)
	if s.kindAndGroupSwapped() {
		s.refuse(FieldKind, s.lookup.Kind, "issuer-kind has the group and issuer-group the kind", "")
		group, _, _ := strings.Cut(s.lookup.Kind, "/")
		s.suggestMeant(Ref{Group: group, Kind: s.lookup.Group, Name: s.ref.Name})
	} else if kind := s.lookup.Kind; kind != "" && !isKind(kind) {
		s.refuseNear(FieldKind, kind, "not a kind", wantKind, s.meantKind(kind))
		s.suggestKind(kind)
	}
	bare, _, _ := strings.Cut(s.lookup.Group, "/")
	if s.lookup.Group != "" && !isSubdomain(bare) && !s.kindAndGroupSwapped() {
		near := declaration.NearestOther(bare, s.groupNames())
		s.refuseNear(FieldGroup, s.lookup.Group, "not an API group", wantGroup, near)
		s.suggestGroup(near, cmp.Or(s.lookup.Kind, s.impliedKind()))
	}
}

// kindAndGroupSwapped reports whether kind and group were mixed up.
func (s *resolution) kindAndGroupSwapped() bool {
	group, _, _ := strings.Cut(s.lookup.Kind, "/")
	return isKind(s.lookup.Group) && strings.Contains(group, ".") && isSubdomain(group)
}

func (s *resolution) checkName(field, name string) {
	if name == "" || isSubdomain(name) {
		return
	}
	why := "not the name of an issuer"
	switch {
	case strings.Contains(name, "/"):
		why = "an issuer is named without its namespace or kind: a namespaced one is taken from the namespace of the object"
	case strings.ContainsAny(name, " \t\r\n"):
		why = "an issuer's name has no white space, and one object has one issuer"
	}
	meant := meantName(name)
	s.refuseNear(field, name, why, wantName, meant)
	s.suggestName(name, meant)
}

// stripVersion removes the version from a group if the rest has a known kind.
func (s *resolution) stripVersion() {
	bare, _, versioned := strings.Cut(s.lookup.Group, "/")
	if !versioned {
		return
	}
	written := s.lookup.Group
	s.lookup.Group = bare
	kind := cmp.Or(s.lookup.Kind, s.impliedKind())
	if s.isKnown(bare, kind) || s.onlyKind(bare) != "" {
		s.warnNear(FieldGroup, written, "the group is written without a version, and is read so", bare)
		return
	}
	if s.suggestGroup(bare, kind); len(s.answer.Suggestions) == 0 {
		s.suggestMeant(Ref{Group: bare, Kind: kind, Name: s.ref.Name})
	}
	near := bare
	if len(s.answer.Suggestions) > 0 {
		near = s.answer.Suggestions[0].Group
	}
	s.refuseNear(FieldGroup, written, fmt.Sprintf("the group is written without a version, and no kind %s is known in %s", kind, bare), wantGroup, near)
}

// impliedKind returns the kind to use if none is given.
func (s *resolution) impliedKind() string {
	switch {
	case s.lookup.ClusterName != "":
		return ClusterIssuerKind
	case s.lookup.Name != "":
		return IssuerKind
	}
	return s.defaults.Kind
}

// applyDefaults completes group and kind with the defaults. For an issuer that is named by annotation,
// the default group is used only if it has that kind.
func (s *resolution) applyDefaults() {
	s.ref.Kind = cmp.Or(s.lookup.Kind, s.impliedKind())
	s.ref.Group = s.lookup.Group
	if s.ref.Group != "" {
		s.useOnlyKind()
		return
	}
	s.ref.Group = CertManagerGroup
	if fallback := s.defaults.Group; s.from() == FromDefault || s.isKnown(fallback, s.ref.Kind) {
		s.ref.Group = fallback
	}
}

// useOnlyKind sets the kind for a group without one, if only one of its kinds is possible.
func (s *resolution) useOnlyKind() {
	kind := s.onlyKind(s.ref.Group)
	if kind == "" {
		return
	}
	message := fmt.Sprintf("the group has no kind %s, and is read as its only kind that fits, %s: write issuer-kind too", s.ref.Kind, kind)
	s.ref.Kind = kind
	s.warn(FieldGroup, s.lookup.Group, message)
}

// onlyKind returns the only possible kind of a group if no kind is given, else "": a
// cluster-scoped one for cluster-issuer, a namespaced one for issuer.
func (s *resolution) onlyKind(group string) string {
	if s.lookup.Kind != "" || s.from() == FromDefault || s.isKnown(group, s.impliedKind()) {
		return ""
	}
	wanted, only := Namespaced, ""
	if s.lookup.ClusterName != "" {
		wanted = Cluster
	}
	for _, kind := range s.kindsOf(group) {
		if scope, _ := s.scopeOf(group, kind); scope != wanted {
			continue
		}
		if only != "" {
			return ""
		}
		only = kind
	}
	return only
}

func (s *resolution) from() Origin {
	if s.lookup.Name == "" && s.lookup.ClusterName == "" {
		return FromDefault
	}
	return FromAnnotation
}

// checkKind decides whether group and kind are plausible.
func (s *resolution) checkKind() {
	group, kind := s.ref.Group, s.ref.Kind
	switch {
	case s.registry.Knows(GroupKind{Group: group, Kind: kind}):
	case s.isKnown(group, kind):
		s.checkCustomGroup()
	case group == CertManagerGroup && s.lookup.Group == "":
		s.completeGroup()
	case group == CertManagerGroup && len(s.groupsOf(kind)) > 0:
		groups := s.groupsOf(kind)
		s.refuseNear(FieldGroup, group, "the kind "+kind+" is not one of cert-manager.io", strings.Join(groups, ", "), groups[0])
		s.suggestKind(kind)
	case group == CertManagerGroup:
		s.refuseNear(FieldKind, kind, "cert-manager.io has no such issuer kind", IssuerKind+", "+ClusterIssuerKind, s.meantKind(kind))
		s.suggestKind(kind)
	case len(s.registry.kinds[group]) > 0:
		s.rejectKind()
	default:
		s.checkUnknown()
	}
}

// checkCustomGroup rejects a served kind in a group of Kubernetes itself.
func (s *resolution) checkCustomGroup() {
	if group, kind := s.ref.Group, s.ref.Kind; !CustomGroup(group) {
		s.refuse(FieldKind, kind, "the group "+group+" is one of Kubernetes' own, and has no issuers", "")
		s.suggestKind(kind)
	}
}

// rejectKind rejects a kind that its known group doesn't have.
func (s *resolution) rejectKind() {
	group, kind := s.ref.Group, s.ref.Kind
	kinds := s.kindsOf(group)
	allowed := strings.Join(kinds, ", ")
	if s.lookup.Kind == "" {
		s.refuse(FieldGroup, group, "the group has no kind "+kind+": write the kind that is meant", allowed)
	} else {
		s.refuseNear(FieldKind, kind, "the group "+group+" has no such issuer kind", allowed, declaration.NearestOther(kind, kinds))
	}
	s.suggestGroup(group, kind)
}

// completeGroup finds the group of a kind that is written without one and isn't cert-manager's.
func (s *resolution) completeGroup() {
	groups := s.candidates()
	current := s.lookup.Current
	sticks := current.Kind == s.ref.Kind && current.Name == s.ref.Name && slices.Contains(groups, current.Group)
	switch {
	case len(groups) == 1:
		s.useGroup(groups[0], "the only one that fits")
	case sticks:
		s.useGroup(current.Group, "that of the present Certificate's issuer")
	case len(groups) > 1:
		s.refuse(FieldKind, s.ref.Kind, "several groups have this kind: write issuer-group too", strings.Join(groups, ", "))
		for _, group := range groups {
			s.suggest(Ref{Group: group, Kind: s.ref.Kind, Name: s.ref.Name})
		}
	default:
		s.rejectUnknownKind()
	}
}

func (s *resolution) useGroup(group, why string) {
	s.ref.Group = group
	s.warn(FieldKind, s.ref.Kind, "the kind has no group beside it, and is read as one of "+group+", "+why+": write issuer-group too")
}

// candidates returns the possible groups of the kind: those that the cluster serves, else the
// declared ones. A served kind that isn't declared counts only if its name ends in Issuer, as
// other resources may share the kind.
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

// checkUnknown accepts a kind of an unknown group with a warning, as cert-manager does, unless group
// or kind resembles a known one.
func (s *resolution) checkUnknown() {
	kinds := s.kindsOf(s.ref.Group)
	if near := declaration.NearestOther(s.ref.Kind, kinds); near != "" && s.lookup.Kind != "" {
		s.refuseNear(FieldKind, s.ref.Kind, "the group "+s.ref.Group+" has no such issuer kind", strings.Join(kinds, ", "), near)
		s.suggestGroup(s.ref.Group, s.ref.Kind)
		return
	}
	group := declaration.NearestOther(s.ref.Group, s.groupNames())
	if s.ref.Group == formerGroup {
		group = CertManagerGroup
	}
	if group != "" && declaration.Nearest(s.ref.Kind, s.kindsOf(group)) != "" {
		s.refuseNear(FieldGroup, s.ref.Group, "no issuer of this group is known", wantGroup, group)
		s.suggestGroup(group, s.ref.Kind)
		return
	}
	if s.lookup.ClusterName != "" {
		return
	}
	s.warnNear(FieldGroup, s.ref.Group, fmt.Sprintf("certshim knows no kind %s of this group: it is passed on as it is", s.ref.Kind), s.likelyGroup())
}

// likelyGroup returns the only group of the kind, or the one of which a part was written, or "".
func (s *resolution) likelyGroup() string {
	groups := s.groupsOf(s.ref.Kind)
	if len(groups) == 1 {
		return groups[0]
	}
	for _, group := range groups {
		if strings.HasPrefix(group, s.ref.Group+".") || strings.HasSuffix(group, "."+s.ref.Group) {
			return group
		}
	}
	return ""
}

// checkClusterScoped rejects cluster-issuer with a kind that isn't known to be cluster-scoped.
func (s *resolution) checkClusterScoped() {
	if s.lookup.ClusterName == "" {
		return
	}
	scope, known := s.scopeOf(s.ref.Group, s.ref.Kind)
	if scope == Cluster {
		return
	}
	why := "is not known, so it can't be known to be cluster-scoped: name the issuer by issuer, with issuer-kind and issuer-group"
	if known {
		why = "is namespaced: name it by issuer"
	}
	field, value := FieldKind, s.ref.Kind
	if s.lookup.Kind == "" {
		field, value = FieldGroup, s.ref.Group
	}
	s.refuse(field, value, fmt.Sprintf("cluster-issuer needs a cluster-scoped kind, and %s of group %s %s", s.ref.Kind, s.ref.Group, why), "")
	s.suggest(s.ref)
	for _, kind := range s.kindsOf(s.ref.Group) {
		if scope, _ := s.scopeOf(s.ref.Group, kind); scope == Cluster {
			s.suggest(Ref{Group: s.ref.Group, Kind: kind, Name: s.ref.Name})
		}
	}
}

// scopeOf returns the scope of a declared or served kind.
func (s *resolution) scopeOf(group, kind string) (Scope, bool) {
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
	_, known := s.scopeOf(group, kind)
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
