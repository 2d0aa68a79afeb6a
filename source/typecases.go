package source

import (
	"context"
	"fmt"
	"strings"

	"github.com/certshim/certshim/declaration"
)

// Case is a test of a source type: an object, and the entries that are read of it.
type Case struct {
	Name   string            `yaml:"name"`
	Object map[string]any    `yaml:"object"`
	Params map[string]string `yaml:"params"`
	// Want are all entries, in their order; none means that the object asks for nothing.
	Want []DeclaredEntry `yaml:"want"`
	// Fails is a part of the error, where the expression is to fail.
	Fails string `yaml:"fails"`
}

// Title returns the name under which a run reports the case.
func (c Case) Title() string { return c.Name }

func (t *Type) caseMistakes(c Case) declaration.Mistakes {
	var all declaration.Mistakes
	all.AddUnder("params", t.checkParams(c.Params))
	all.Addf(c.Fails != "" && len(c.Want) > 0, "want", "an expression that fails gives no entries; leave want or fails out")
	return all
}

// RunCases runs the type's own cases and reports missing ones: it needs one that gives entries, and
// one of an object that asks for nothing. A case fails if the context ends. The error is that of
// an expression that can't be compiled.
func (t Type) RunCases(ctx context.Context) ([]declaration.CaseResult, error) {
	if _, err := t.compiled(); err != nil {
		return nil, err
	}
	run := func(c Case, comparison *declaration.Comparison) {
		entries, err := t.entriesOf(ctx, declaration.AsJSON(c.Object), t.params(c.Params))
		if c.Fails != "" || err != nil {
			compareFailure(comparison, err, c.Fails)
			return
		}
		comparison.Compare("entries", fmt.Sprint(len(entries)), fmt.Sprint(len(c.Want)), texts(entries))
		for i := range min(len(entries), len(c.Want)) {
			at := index("entries", i)
			got, want := entries[i], c.Want[i]
			comparison.Compare(at+".hosts", strings.Join(got.Hosts, ", "), strings.Join(want.Hosts, ", "), "")
			comparison.Compare(at+".secretName", got.SecretName, want.SecretName, "")
			comparison.Compare(at+".secretNamespace", got.SecretNamespace, want.SecretNamespace, "")
			comparison.Compare(at+".section", got.Section, want.Section, "")
		}
	}
	return declaration.RunCases(t.Cases, run, []declaration.Need[Case]{
		{Case: "one of an object that asks for a certificate, with entries in want", Met: func(c Case) bool { return len(c.Want) > 0 }},
		{Case: "one of an object that asks for nothing, with an empty want", Met: func(c Case) bool { return len(c.Want) == 0 && c.Fails == "" }},
	}), nil
}

// compareFailure compares an error with a part of the one that is wanted.
func compareFailure(comparison *declaration.Comparison, err error, want string) {
	switch {
	case err == nil:
		comparison.Compare("the error", "", want, "")
	case want == "" || !strings.Contains(err.Error(), want):
		comparison.Compare("the error", err.Error(), want, "")
	}
}

func texts(entries []DeclaredEntry) string {
	all := make([]string, len(entries))
	for i, e := range entries {
		all[i] = fmt.Sprintf("%s for %s", e.SecretName, strings.Join(e.Hosts, " "))
	}
	return strings.Join(all, "; ")
}
