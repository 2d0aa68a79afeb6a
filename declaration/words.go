package declaration

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/certshim/certshim/problem"
)

// maxWord bounds what is compared letter by letter.
const maxWord = 64

// Nearest gives the first of the words that a misspelt one is nearest to, or "" if it is near
// none. Near is what differs only in case, in separators or in the order of its parts, and what
// is a few letters away: one for words of up to 7 letters, two up to 15, and three beyond. The
// word itself counts if it is among them.
func Nearest(word string, words []string) string {
	if len(word) > maxWord {
		return ""
	}
	sameLetters := fingerprintOf(word)
	best, least := "", maxWord
	for _, candidate := range words {
		if sameLetters == fingerprintOf(candidate) && sameParts(word, candidate) {
			return candidate
		}
		if d := distance(strings.ToLower(word), strings.ToLower(candidate)); d < least && d <= allowedDistance(candidate) {
			best, least = candidate, d
		}
	}
	return best
}

// NearestOther is [Nearest] among the words that aren't the one that is written.
func NearestOther(word string, words []string) string {
	return Nearest(word, slices.DeleteFunc(slices.Clone(words), func(other string) bool { return other == word }))
}

// fewWords is up to how many words are all listed beside the one that is meant.
const fewWords = 7

// NoneOf says that a word is none of those that are allowed, and which one is meant. Nothing may be
// allowed, as by a grant that is empty.
func NoneOf[T ~string](word T, allowed []T) error {
	words := make([]string, len(allowed))
	for i, each := range allowed {
		words[i] = string(each)
	}
	near, all := Nearest(string(word), words), strings.Join(words, ", ")
	switch {
	case len(words) == 0:
		return fmt.Errorf("%s isn't known", problem.Quote(string(word)))
	case near == "":
		return fmt.Errorf("%s is none of %s", problem.Quote(string(word)), all)
	case len(words) > fewWords:
		return fmt.Errorf("%s isn't known, did you mean %q?", problem.Quote(string(word)), near)
	}
	return fmt.Errorf("%s is none of %s, did you mean %q?", problem.Quote(string(word)), all, near)
}

func allowedDistance(word string) int { return min(1+len(word)/8, 3) }

func separates(c rune) bool { return strings.ContainsRune("-_. ", c) }

// fingerprint is equal for words with the same letters in any order, separators and case aside.
// It spares most candidates the comparison of their parts.
type fingerprint struct{ letters, sum int }

func fingerprintOf(word string) fingerprint {
	var f fingerprint
	for _, c := range word {
		if !separates(c) {
			f.letters++
			f.sum += int(unicode.ToLower(c))
		}
	}
	return f
}

// sameParts says whether words differ only in case, in separators or in the order of their parts.
func sameParts(a, b string) bool { return squash(a) == squash(b) || sortParts(a) == sortParts(b) }

// squash is a word in lower case without separators.
func squash(word string) string {
	return strings.Map(func(c rune) rune {
		if separates(c) {
			return -1
		}
		return unicode.ToLower(c)
	}, word)
}

// sortParts gives the parts of a word, also those of camelCase, in lower case and sorted.
func sortParts(word string) string {
	var b strings.Builder
	for _, c := range word {
		if unicode.IsUpper(c) {
			b.WriteByte(' ')
		}
		if separates(c) {
			c = ' '
		}
		b.WriteRune(unicode.ToLower(c))
	}
	parts := strings.Fields(b.String())
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

// distance counts the letters to insert, delete, replace, or swap with their neighbour to make b
// of a.
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
			replaced := last[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			row[j] = min(last[j]+1, row[j-1]+1, replaced)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
