package resolver

import (
	"maps"
	"slices"
	"strings"
)

// maxSuggestions bounds what an Event can show.
const maxSuggestions = 3

// suggest adds a complete reference that would be right.
func (s *resolution) suggest(ref Ref) {
	scope, _ := s.known(ref.Group, ref.Kind)
	issuer := Issuer{Ref: ref, Scope: scope, From: FromAnnotation}
	if len(s.answer.Suggestions) < maxSuggestions && isSubdomain(ref.Name) && !slices.Contains(s.answer.Suggestions, issuer) {
		s.answer.Suggestions = append(s.answer.Suggestions, issuer)
	}
}

// suggestKinds offers the groups of a kind, or of the kind that is nearest to it.
func (s *resolution) suggestKinds(kind string) {
	if len(s.registry.groups[kind]) == 0 {
		kind = nearest(kind, s.registry.kindNames())
	}
	for _, group := range s.registry.groups[kind] {
		s.suggest(Ref{Group: group, Kind: kind, Name: s.ref.Name})
	}
}

// suggestGroup offers the kinds of a group: the nearest to what is written first, then
// those of the scope that is asked for.
func (s *resolution) suggestGroup(group, kind string) {
	kinds := s.registry.kinds[group]
	if near := nearest(kind, kinds); near != "" {
		s.suggest(Ref{Group: group, Kind: near, Name: s.ref.Name})
		return
	}
	for _, known := range kinds {
		if scope, _ := s.known(group, known); s.lookup.ClusterName == "" || scope == Cluster {
			s.suggest(Ref{Group: group, Kind: known, Name: s.ref.Name})
		}
	}
}

// kindsFor are the kinds that could stand beside the group that is given.
func (s *resolution) kindsFor() []string {
	if kinds := s.registry.kinds[s.lookup.Group]; len(kinds) > 0 {
		return kinds
	}
	return s.registry.kindNames()
}

func (r *Registry) kindNames() []string  { return slices.Sorted(maps.Keys(r.groups)) }
func (r *Registry) groupNames() []string { return slices.Sorted(maps.Keys(r.kinds)) }

func nearOrEqual(word string, words []string) bool {
	return slices.Contains(words, word) || nearest(word, words) != ""
}

// nearest is the word that is two letters away at most (one, for a word of less than
// five), upper and lower case being the same; or "".
func nearest(word string, words []string) string {
	limit := 2
	if len(word) < 5 {
		limit = 1
	}
	best, at := "", limit+1
	for _, candidate := range words {
		if d := distance(strings.ToLower(word), strings.ToLower(candidate), limit); d < at && candidate != word {
			best, at = candidate, d
		}
	}
	return best
}

// distance is Levenshtein's, or limit+1 where the lengths alone differ by more.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
