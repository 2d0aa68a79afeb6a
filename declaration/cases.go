package declaration

import (
	"errors"
	"fmt"
	"slices"

	"github.com/certshim/certshim/problem"
)

// Case is one of a declaration's own tests.
type Case interface {
	// Title is unique within a declaration.
	Title() string
}

// CheckCases gives what is wrong with the names of cases, at paths such as [0].name.
func CheckCases[C Case](cases []C) Mistakes {
	var all Mistakes
	titles := map[string]bool{}
	for i, each := range cases {
		title, path := each.Title(), fmt.Sprintf("[%d].name", i)
		if title == "" {
			all.Add(path, errors.New("the test has no name"))
		}
		all.Addf(title != "" && titles[title], path, "%s is the name of another test, too", problem.Quote(title))
		titles[title] = true
	}
	return all
}

// CaseResult is what a case gave.
type CaseResult struct {
	Case string
	// Faults say how it differs from what is wanted; empty for one that passed.
	Faults []string
}

// Comparison collects how what a case gave differs from what it wants.
type Comparison struct{ faults []string }

// Compare notes a difference; why, if it isn't empty, says where it comes from.
func (c *Comparison) Compare(what, got, want, why string) {
	if got == want {
		return
	}
	fault := fmt.Sprintf("%s is %s, want %s", what, orNone(got), orNone(want))
	if why != "" {
		fault += "; " + why
	}
	c.faults = append(c.faults, fault)
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// Need is a case that a declaration must have.
type Need[C Case] struct {
	// Case says in words which one.
	Case string
	Met  func(C) bool
}

// RunCases runs every case, and adds a failed result for each need that no case meets.
func RunCases[C Case](cases []C, run func(C, *Comparison), needs []Need[C]) []CaseResult {
	var results []CaseResult
	for _, each := range cases {
		var comparison Comparison
		run(each, &comparison)
		results = append(results, CaseResult{Case: each.Title(), Faults: comparison.faults})
	}
	for _, need := range needs {
		if !slices.ContainsFunc(cases, need.Met) {
			results = append(results, CaseResult{Case: "a test is missing", Faults: []string{need.Case}})
		}
	}
	return results
}

// AsJSON converts the numbers of an object that was decoded from YAML to the types of decoded JSON.
func AsJSON(object map[string]any) map[string]any {
	out := make(map[string]any, len(object))
	for name, value := range object {
		out[name] = valueAsJSON(value)
	}
	return out
}

func valueAsJSON(value any) any {
	switch v := value.(type) {
	case int:
		return int64(v)
	case map[string]any:
		return AsJSON(v)
	case []any:
		items := make([]any, len(v))
		for i := range v {
			items[i] = valueAsJSON(v[i])
		}
		return items
	}
	return value
}
