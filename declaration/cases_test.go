package declaration_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/declaration"
)

// doubling is a case of a function that doubles a word.
type doubling struct{ name, word, want string }

func (d doubling) Title() string { return d.name }

func TestRunCases(t *testing.T) {
	run := func(c doubling, comparison *declaration.Comparison) {
		comparison.Compare("it", c.word+c.word, c.want, "")
		comparison.Compare("the word", c.word, "a", "as it must")
	}
	needs := []declaration.Need[doubling]{
		{Case: "one of a", Met: func(c doubling) bool { return c.word == "a" }},
		{Case: "one of z", Met: func(c doubling) bool { return c.word == "z" }},
	}
	got := declaration.RunCases([]doubling{{"good", "a", "aa"}, {"bad", "b", ""}, {"none", "", "c"}}, run, needs)
	want := []declaration.CaseResult{
		{Case: "good"},
		{Case: "bad", Faults: []string{"it is bb, want none", "the word is b, want a; as it must"}},
		{Case: "none", Faults: []string{"it is none, want c", "the word is none, want a; as it must"}},
		{Case: "a test is missing", Faults: []string{"one of z"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("(-want +got)", diff)
	}
}

func TestCheckCases(t *testing.T) {
	err := declaration.CheckCases([]doubling{{name: "a"}, {}, {name: "a"}, {}}).Err()
	want := "[1].name: the test has no name\n[2].name: \"a\" is the name of another test, too\n[3].name: the test has no name"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}
