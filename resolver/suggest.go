package resolver

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/certshim/certshim/declaration"
)

// maxSuggestions is what fits into an Event.
const maxSuggestions = 3

// suggest adds a valid reference to the suggestions.
func (s *resolution) suggest(ref Ref) {
	scope, _ := s.scopeOf(ref.Group, ref.Kind)
	issuer := Issuer{Ref: ref, Scope: scope, From: FromAnnotation}
	if len(s.answer.Suggestions) < maxSuggestions && isSubdomain(ref.Name) && !slices.Contains(s.answer.Suggestions, issuer) {
		s.answer.Suggestions = append(s.answer.Suggestions, issuer)
	}
}

// suggestMeant suggests a corrected reference, or, if that is invalid too, the suggestions for
// it.
func (s *resolution) suggestMeant(ref Ref) {
	answer := s.registry.Resolve(Lookup{Name: ref.Name, Kind: ref.Kind, Group: ref.Group}, s.served)
	if answer.OK {
		s.suggest(answer.Issuer.Ref)
	}
	for _, meant := range answer.Suggestions {
		s.suggest(meant.Ref)
	}
}

// suggestBoth suggests each of two issuers that are named at once.
func (s *resolution) suggestBoth() {
	l := s.lookup
	bare, _, _ := strings.Cut(l.Group, "/")
	group := cmp.Or(bare, CertManagerGroup)
	if kind := cmp.Or(l.Kind, IssuerKind); s.isKnown(group, kind) {
		s.suggest(Ref{Group: group, Kind: kind, Name: l.Name})
	}
	s.suggest(Ref{Group: CertManagerGroup, Kind: ClusterIssuerKind, Name: l.ClusterName})
}

// suggestName suggests the issuer with a corrected name. A kind within the name, as in
// ClusterIssuer/corp, is used.
func (s *resolution) suggestName(written, meant string) {
	kind := cmp.Or(s.lookup.Kind, s.impliedKind())
	if before, _, cut := strings.Cut(written, "/"); cut {
		kind = cmp.Or(declaration.Nearest(before, s.kindNames()), kind)
	}
	if group := s.groupOf(kind); group != "" {
		s.suggest(Ref{Group: group, Kind: kind, Name: meant})
	}
}

// groupOf returns the most likely group of a kind, or "".
func (s *resolution) groupOf(kind string) string {
	groups := s.groupsOf(kind)
	bare, _, _ := strings.Cut(s.lookup.Group, "/")
	for _, group := range []string{bare, CertManagerGroup} {
		if slices.Contains(groups, group) {
			return group
		}
	}
	if len(groups) > 0 {
		return groups[0]
	}
	return ""
}

// meantName removes what people wrongly write around a name, and returns "" if the rest is
// invalid.
func meantName(name string) string {
	name = name[strings.LastIndex(name, "/")+1:]
	name = strings.ToLower(strings.ReplaceAll(strings.Trim(name, "\"'` "), "_", "-"))
	if !isSubdomain(name) {
		return ""
	}
	return name
}

// meantKind returns the known kind that a wrong one contains or resembles, or "". Kinds of the
// given group come first.
func (s *resolution) meantKind(kind string) string {
	for part := range strings.FieldsFuncSeq(kind, func(r rune) bool { return strings.ContainsRune("./, ", r) }) {
		if len(s.groupsOf(part)) > 0 && part != kind {
			return part
		}
	}
	if near := declaration.NearestOther(kind, s.kindsOf(s.lookup.Group)); near != "" {
		return near
	}
	return declaration.NearestOther(kind, s.kindNames())
}

// rejectUnknownKind rejects a kind that no known group has.
func (s *resolution) rejectUnknownKind() {
	message := "no known group has this kind: write issuer-group too, or the kind that is meant; kubectl api-resources shows both"
	near := s.meantKind(s.ref.Kind)
	if near != "" && !s.isTypo(s.ref.Kind, near) {
		// It may well be another CA: that is nothing to paste.
		s.refuse(FieldKind, s.ref.Kind, message+"; the nearest kind is "+near, "")
		return
	}
	s.refuseNear(FieldKind, s.ref.Kind, message, "", near)
	s.suggestKind(s.ref.Kind)
}

// isTypo reports whether a kind is surely meant as a known one: it differs behind the product's name
// (StepIsuer), or it is installed, and its name isn't so short that one letter makes another.
func (s *resolution) isTypo(kind, known string) bool {
	const short = 3
	name := strings.TrimSuffix(strings.TrimSuffix(known, IssuerKind), "Cluster")
	if strings.HasPrefix(kind, name) || strings.Contains(kind, known) {
		return true
	}
	return len(name) > short && slices.ContainsFunc(s.groupsOf(known), func(group string) bool { return s.isInstalled(group, known) })
}

// isInstalled reports whether the cluster serves a kind, as far as that is known.
func (s *resolution) isInstalled(group, kind string) bool {
	if s.served == nil {
		return true
	}
	_, served := s.served.Scope(GroupKind{Group: group, Kind: kind})
	return served
}

// suggestKind suggests the groups of a kind, or of the kind that it resembles; failing that,
// cert-manager's own issuers of that name.
func (s *resolution) suggestKind(kind string) {
	if len(s.groupsOf(kind)) == 0 {
		kind = s.meantKind(kind)
	}
	switch {
	case kind == "":
		s.suggest(Ref{Group: CertManagerGroup, Kind: IssuerKind, Name: s.ref.Name})
		s.suggest(Ref{Group: CertManagerGroup, Kind: ClusterIssuerKind, Name: s.ref.Name})
	case slices.Contains(s.registry.kinds[CertManagerGroup], kind):
		s.suggest(Ref{Group: s.groupOf(kind), Kind: kind, Name: s.ref.Name})
	default:
		for _, group := range s.groupsOf(kind) {
			s.suggest(Ref{Group: group, Kind: kind, Name: s.ref.Name})
		}
	}
}

// suggestGroup suggests the kind of a group that is written or resembles it; failing that, all
// its kinds, those of the likely scope first, and the group that does have the kind.
func (s *resolution) suggestGroup(group, kind string) {
	kinds := s.kindsOf(group)
	if slices.Contains(kinds, kind) {
		kinds = []string{kind}
	} else if near := declaration.NearestOther(kind, kinds); near != "" {
		kinds = []string{near}
	}
	wanted := Namespaced
	if s.lookup.ClusterName != "" || strings.Contains(kind, "Cluster") {
		wanted = Cluster
	}
	slices.SortStableFunc(kinds, func(a, b string) int {
		return s.scopeRank(group, a, wanted) - s.scopeRank(group, b, wanted)
	})
	for _, known := range kinds {
		s.suggest(Ref{Group: group, Kind: known, Name: s.ref.Name})
	}
	if home := s.groupOf(kind); len(kinds) != 1 && home != "" && s.lookup.Kind != "" {
		s.suggest(Ref{Group: home, Kind: kind, Name: s.ref.Name})
	}
}

func (s *resolution) scopeRank(group, kind string, wanted Scope) int {
	if scope, _ := s.scopeOf(group, kind); scope == wanted {
		return 0
	}
	return 1
}

// servedIssuers iterates over issuer kinds that the cluster serves and nobody declares.
func (s *resolution) servedIssuers() iter.Seq[GroupKind] {
	return func(yield func(GroupKind) bool) {
		if s.served == nil {
			return
		}
		for _, kind := range s.served.Issuers() {
			if kind.Group != CertManagerGroup && !s.registry.Knows(kind) && !yield(kind) {
				return
			}
		}
	}
}

// groupsOf returns the groups that declare a kind, then those that serve it.
func (s *resolution) groupsOf(kind string) []string {
	groups := slices.Clone(s.registry.groups[kind])
	for served := range s.servedIssuers() {
		if served.Kind == kind {
			groups = append(groups, served.Group)
		}
	}
	return groups
}

// kindsOf returns the issuer kinds of a group, declared or served.
func (s *resolution) kindsOf(group string) []string {
	kinds := slices.Clone(s.registry.kinds[group])
	for served := range s.servedIssuers() {
		if served.Group == group {
			kinds = append(kinds, served.Kind)
		}
	}
	return kinds
}

func (s *resolution) kindNames() []string {
	names := slices.Sorted(maps.Keys(s.registry.groups))
	for served := range s.servedIssuers() {
		names = append(names, served.Kind)
	}
	return names
}

func (s *resolution) groupNames() []string {
	names := slices.Sorted(maps.Keys(s.registry.kinds))
	for served := range s.servedIssuers() {
		names = append(names, served.Group)
	}
	return names
}
