package annotations

import (
	"slices"
	"strings"
	"unicode"
)

// maxWord bounds what is compared: no key or word that we know is longer.
const maxWord = 64

// nearestWord is the word that a value was probably meant to be, or "".
func nearestWord(value string, words []string) string { return nearestName(trim(value), words) }

// nearestName is the first of the names that a misspelt one is nearest to, or "": the
// same but for case, hyphens and the order of its words, or a few letters away, the
// more the longer it is.
func nearestName(name string, names []string) string {
	if len(name) > maxWord {
		return ""
	}
	bare, sorted := squash(name), sortWords(name)
	best, least := "", maxWord
	for _, candidate := range names {
		if bare == squash(candidate) || sorted == sortWords(candidate) {
			return candidate
		}
		if d := distance(strings.ToLower(name), strings.ToLower(candidate)); d < least && d <= allowedDistance(candidate) {
			best, least = candidate, d
		}
	}
	return best
}

// allowedDistance is 1 for names of up to 7 letters, 2 up to 15, and 3 beyond.
func allowedDistance(name string) int { return min(1+len(name)/8, 3) }

// squash is a name in lower case without what separates its words.
func squash(name string) string {
	return strings.Map(func(c rune) rune {
		if separates(c) {
			return -1
		}
		return unicode.ToLower(c)
	}, name)
}

func separates(c rune) bool { return strings.ContainsRune("-_. ", c) }

// sortWords is a name's words, also those of camelCase, in lower case and sorted.
func sortWords(name string) string {
	var b strings.Builder
	for _, c := range name {
		if unicode.IsUpper(c) {
			b.WriteByte(' ')
		}
		if separates(c) {
			c = ' '
		}
		b.WriteRune(unicode.ToLower(c))
	}
	words := strings.Fields(b.String())
	slices.Sort(words)
	return strings.Join(words, " ")
}

// distance counts the letters to be put in, taken out, changed, or swapped with their
// neighbour to make b of a.
func distance(a, b string) int {
	if len(a) > maxWord || len(b) > maxWord {
		return maxWord
	}
	var before, last, row [maxWord + 1]int
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(last[j]+1, row[j-1]+1, change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
