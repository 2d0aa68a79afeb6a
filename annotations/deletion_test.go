package annotations_test

import (
	"strings"
	"testing"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/problem"
)

// Whatever isn't plainly delete keeps the Certificate.
func TestDeletionPolicy(t *testing.T) {
	for value, want := range map[string]struct {
		policy annotations.DeletionPolicy
		told   string
	}{
		"delete":                   {annotations.DeleteUnneeded, ""},
		"\tretain\n":               {annotations.RetainUnneeded, ""},
		"Delete":                   {annotations.RetainUnneeded, `did you mean "delete"?`},
		"retained":                 {annotations.RetainUnneeded, `did you mean "retain"?`},
		"keep":                     {annotations.RetainUnneeded, `did you mean "retain"?`},
		"orphan":                   {annotations.RetainUnneeded, `did you mean "retain"?`},
		"abandon":                  {annotations.RetainUnneeded, `did you mean "retain"?`},
		"true":                     {annotations.RetainUnneeded, `did you mean "retain"?`},
		"":                         {"", "empty value: the same as no annotation"},
		"\xff":                     {annotations.RetainUnneeded, "not valid UTF-8"},
		strings.Repeat("x", 1<<17): {annotations.RetainUnneeded, "longer than"},
	} {
		shown := problem.Quote(value)
		request, problems := parse(map[string]string{annotations.DeletionKey: value})
		if request.DeletionPolicy != want.policy || (len(problems) > 0) != (want.told != "") {
			t.Errorf("%s: %q, %v", shown, request.DeletionPolicy, problems)
			continue
		}
		if want.told != "" && !strings.Contains(problems[0].Error(), want.told) {
			t.Errorf("%s: told %s", shown, problems[0].Error())
		}
	}
	request, _ := parse(nil)
	if request.DeletionPolicy != "" {
		t.Errorf("without an annotation: %q", request.DeletionPolicy)
	}
}
