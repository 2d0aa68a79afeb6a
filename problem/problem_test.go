package problem_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/certshim/certshim/problem"
)

func TestErrorSaysWhereWhatAndWhatWouldBeRight(t *testing.T) {
	tests := map[string]struct {
		problem problem.Problem
		want    string
	}{
		"all parts": {
			problem.Problem{
				Path: "metadata.annotations[cert-manager.io/duration]", Key: "cert-manager.io/duration", Value: "90d",
				Message: "not a duration", Allowed: "a Go duration of at least 1h", Suggestion: "2160h",
			},
			`cert-manager.io/duration: not a duration (value "90d"); allowed: a Go duration of at least 1h; did you mean "2160h"?`,
		},
		"lines come last, joined, and in place of a suggestion": {
			problem.Problem{Key: "k", Value: "x", Message: "bad", Allowed: "y", Suggestion: "y", Lines: "  k: y\n  l: z\nor\n  k: w"},
			`k: bad (value "x"); allowed: y; write k: y, l: z or k: w`,
		},
		"path alone": {
			problem.Problem{Path: "spec.tls[0].hosts", Message: "no hosts"},
			"spec.tls[0].hosts: no hosts",
		},
		"message alone": {problem.Problem{Message: "no hosts"}, "no hosts"},
		"control characters are escaped": {
			problem.Problem{Key: "k", Value: "a\nb\x1b[31m", Message: "bad"},
			`k: bad (value "a\nb\x1b[31m")`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.problem.Error(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestQuoteCutsAtACharacter(t *testing.T) {
	long := strings.Repeat("x", problem.MaxValue-1) + strings.Repeat("ä", 10)
	got := problem.Quote(long)
	if !utf8.ValidString(got) || strings.Contains(got, `\x`) {
		t.Errorf("cut inside a character: %s", got)
	}
	if !strings.HasSuffix(got, `"…`) {
		t.Errorf("a cut value must end with an ellipsis: %s", got)
	}
	if got := problem.Quote("short"); got != `"short"` {
		t.Errorf("got %s", got)
	}
}

func TestNameQuotesWhatIsNone(t *testing.T) {
	long := strings.Repeat("x", 254)
	for name, want := range map[string]string{
		"web-tls": "web-tls", "StepIssuer": "StepIssuer", "shop/web_1.a": "shop/web_1.a", long[1:]: long[1:],
		"": `""`, "a\nb": `"a\nb"`, "a b": `"a b"`, "ä": `"ä"`, long: problem.Quote(long),
	} {
		if got := problem.Name(name); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestListSortsAndDropsRepeats(t *testing.T) {
	info := problem.Problem{Severity: problem.Info, Path: "a", Message: "i"}
	warning := problem.Problem{Severity: problem.Warning, Path: "a", Message: "w"}
	second := problem.Problem{Severity: problem.Error, Path: "b", Message: "e"}
	first := problem.Problem{Severity: problem.Error, Path: "a", Message: "e"}
	var list problem.List
	list.Add(warning, info, second, first, warning)
	want := []problem.Problem{first, second, warning, info}
	if got := list.All(); !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestTheZeroListIsEmpty(t *testing.T) {
	var list problem.List
	if !list.Empty() || list.HasErrors() || list.All() != nil {
		t.Error("the zero list isn't empty")
	}
}

func TestHasErrorsIgnoresLesserProblems(t *testing.T) {
	var list problem.List
	list.Add(problem.Problem{Severity: problem.Warning, Message: "w"}, problem.Problem{Severity: problem.Info, Message: "i"})
	if list.HasErrors() {
		t.Error("a warning or information counts as an error")
	}
	list.Add(problem.Problem{Severity: problem.Error, Message: "e"})
	if !list.HasErrors() {
		t.Error("the error isn't seen")
	}
}

func TestForFillsInTheObjectOnce(t *testing.T) {
	own, other := problem.Object{Kind: "Ingress", Name: "web"}, problem.Object{Kind: "Gateway", Name: "edge"}
	var list problem.List
	list.Add(problem.Problem{Message: "a"}, problem.Problem{Message: "b", Object: other})
	got := list.For(own).All()
	if got[0].Object != other || got[1].Object != own {
		t.Errorf("got %+v", got)
	}
	if !list.All()[0].Object.IsZero() && list.All()[0].Object != other {
		t.Error("For changed the list it was called on")
	}
}

func TestMergeKeepsProblemsAsValues(t *testing.T) {
	var a, b problem.List
	b.Add(problem.Problem{Severity: problem.Error, Message: "e", Key: "k"})
	a.Merge(b)
	a.Merge(problem.List{})
	if all := a.All(); len(all) != 1 || all[0].Key != "k" {
		t.Errorf("got %v", all)
	}
}

// Additions to a list don't show in its copy, and vice versa.
func TestACopyIsAListOfItsOwn(t *testing.T) {
	one := func(message string) problem.Problem { return problem.Problem{Message: message} }
	var a problem.List
	a.Add(one("a"), one("b"))
	b := a
	a.Add(one("c"))
	b.Add(one("d"))
	b.Merge(a)
	a.Add(one("e"))
	if got, want := a.All(), []problem.Problem{one("a"), one("b"), one("c"), one("e")}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := b.All(), []problem.Problem{one("a"), one("b"), one("c"), one("d")}; !slices.Equal(got, want) {
		t.Errorf("the copy: got %v, want %v", got, want)
	}
}

func TestEveryReasonIsExplainedOnce(t *testing.T) {
	seen := map[problem.Reason]bool{}
	for _, r := range problem.Reasons() {
		if seen[r.Reason] || r.Sentence == "" {
			t.Errorf("%s is explained twice, or by nothing", r.Reason)
		}
		seen[r.Reason] = true
	}
}

func TestInformationIsAnEventOnlyWhereItsReasonSaysSo(t *testing.T) {
	for p, want := range map[problem.Problem]bool{
		{Severity: problem.Error, Reason: problem.BadConfig}:   true,
		{Severity: problem.Warning, Reason: problem.BadConfig}: true,
		{Severity: problem.Info, Reason: problem.BadConfig}:    false,
		{Severity: problem.Info, Reason: problem.SecretShared}: true,
	} {
		if p.IsEvent() != want {
			t.Errorf("%s %s: %v", p.Severity, p.Reason, !want)
		}
	}
}

// The usage of a quota, which differs at each try, makes no other problem of it; another name does.
func TestIdentity(t *testing.T) {
	refused := func(message string) problem.Problem {
		return problem.Problem{Severity: problem.Error, Reason: problem.Refused, Message: message}
	}
	first := refused(`the API server refuses Certificate "web-1": exceeded quota: used: 50, limited: 50`)
	for message, same := range map[string]bool{
		first.Message: true,
		`the API server refuses Certificate "web-1": exceeded quota: used: 512, limited: 50`: true,
		`the API server refuses Certificate "web-2": exceeded quota: used: 50, limited: 50`:  false,
		`the API server refuses Certificate "web-1": denied`:                                 false,
	} {
		if got := refused(message).Identity() == first.Identity(); got != same {
			t.Errorf("%s: the same problem: %v", message, got)
		}
	}
	one, two := problem.Problem{Reason: problem.BadConfig, Message: "entry 1"}, problem.Problem{Reason: problem.BadConfig, Message: "entry 2"}
	if one.Identity() == two.Identity() {
		t.Error("numbers are left out of what isn't an answer")
	}
	if one.Identity() == (problem.Problem{Reason: problem.BadConfig, Message: "entry 1", Object: problem.Object{Kind: "Gateway", Name: "g"}}).Identity() {
		t.Error("problems of two objects are one")
	}
}

func TestAProblemNamesItsCertificateOnce(t *testing.T) {
	for p, want := range map[problem.Problem]string{
		{Key: "k", Message: "m", Certificate: "web-tls"}:                       "k (Certificate web-tls): m",
		{Path: "spec.tls[0]", Message: "m", Certificate: "web-tls"}:            "spec.tls[0] (Certificate web-tls): m",
		{Message: "m", Certificate: "A\nB"}:                                    `(Certificate "A\nB"): m`,
		{Path: "p", Message: "Secret web-tls is gone", Certificate: "web-tls"}: "p: Secret web-tls is gone",
		{Path: "p", Message: "m"}:                                              "p: m",
	} {
		if got := p.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
