package declaration_test

import (
	"strings"
	"testing"

	"github.com/certshim/certshim/declaration"
)

func TestNearest(t *testing.T) {
	words := []string{"usages", "duration", "renewBefore", "subject-organizations", "ECDSA", "sans"}
	for word, want := range map[string]string{
		"usages":                     "usages", // the word itself
		"usage":                      "usages", // one letter short
		"usaegs":                     "usages", // neighbours swapped are one step
		"usgaess":                    "",       // two steps in a short word
		"durtaoin":                   "duration",
		"renew-before":               "renewBefore", // separators
		"RENEWBEFORE":                "renewBefore", // case
		"beforeRenew":                "renewBefore", // the order of parts
		"organizations-subject":      "subject-organizations",
		"subject_orgnisations":       "subject-organizations", // three steps in a long word
		"ecdsa":                      "ECDSA",
		"san":                        "sans",
		"rsa":                        "",
		"":                           "",
		strings.Repeat("usages", 20): "",
	} {
		if got := declaration.Nearest(word, words); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
	if got := declaration.Nearest("bat", []string{"cat", "hat"}); got != "cat" {
		t.Errorf("of two that are equally near got %q, want the first", got)
	}
	if got := declaration.Nearest("x", []string{strings.Repeat("y", 100)}); got != "" {
		t.Errorf("a word that is too long is near: %q", got)
	}
	if got := declaration.Nearest("ÄÖ-ü", []string{"äöÜ"}); got != "äöÜ" {
		t.Errorf("letters beyond ASCII: got %q", got)
	}
}

func TestNearestOther(t *testing.T) {
	words := []string{"Issuer", "Issuers"}
	if got := declaration.NearestOther("Issuer", words); got != "Issuers" || words[0] != "Issuer" {
		t.Errorf("got %q, and the words are %v", got, words)
	}
}

func TestNoneOf(t *testing.T) {
	type unit string
	many := []string{"a1", "b2", "c3", "d4", "e5", "f6", "g7", "hours"}
	for _, row := range []struct {
		err  error
		want string
	}{
		{declaration.NoneOf(unit("cupp"), []unit{"cup", "spoon"}), `"cupp" is none of cup, spoon, did you mean "cup"?`},
		{declaration.NoneOf("pinch", []string{"cup", "spoon"}), `"pinch" is none of cup, spoon`},
		{declaration.NoneOf("hour", many), `"hour" isn't known, did you mean "hours"?`},
		{declaration.NoneOf("cup", []string(nil)), `"cup" isn't known`},
		{declaration.NoneOf("x\ny", []string{"cup"}), `"x\ny" is none of cup`},
	} {
		if row.err.Error() != row.want {
			t.Errorf("got %s, want %s", row.err, row.want)
		}
	}
}
