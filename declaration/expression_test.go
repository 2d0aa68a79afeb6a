package declaration_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/certshim/certshim/declaration"
)

var expressions = declaration.NewExpressions(declaration.Bounds{Length: 2 << 10, Cost: 20_000}, "object", "params")

func TestExpressionsThatCantBe(t *testing.T) {
	for name, row := range map[string]struct {
		source string
		gives  declaration.Result
		want   string
	}{
		"none":        {"", declaration.Bool, "the expression is empty"},
		"too long":    {strings.Repeat("!", 2048) + "true", declaration.Bool, "the expression has 2052 bytes, must be at most 2048"},
		"broken":      {"object.", declaration.Bool, `the expression "object." can't be read: character 8: Syntax error`},
		"on line 2":   {"true &&\n x", declaration.Bool, "line 2, character 2: undeclared reference to 'x'; the variables are object, params"},
		"twice":       {"x == 1 && x == y", declaration.Bool, "character 1: undeclared reference to 'x'; character 16: undeclared reference to 'y'; the variables are object, params"},
		"no bool":     {`"a"`, declaration.Bool, `the expression "\"a\"" gives string, must give bool`},
		"no text":     {"1", declaration.Text, `gives int, must give string`},
		"an optional": {"object.?a", declaration.Text, "must give string; end it with .orValue(…)"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := expressions.Compile(row.source, row.gives)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

func TestExpressionsAreEvaluated(t *testing.T) {
	variables := map[string]any{"object": map[string]any{"name": "a", "size": int64(3)}, "params": map[string]any{"size": int64(2)}}
	for source, want := range map[string]string{
		"object.size > params.size": "true", `object.name == "b"`: "false", "object.name": "the expression gives a string, must give a bool",
		"object.none": "character 7: no such key: none", "true &&\n object.size.none": "line 2, character 13: no such key: none",
	} {
		expression, err := expressions.Compile(source, declaration.Bool)
		if err != nil {
			t.Fatal(err)
		}
		got, err := expression.Bool(t.Context(), variables)
		if text := outcome(got, err); text != want {
			t.Errorf("%s: got %s, want %s", source, text, want)
		}
	}
	for source, want := range map[string]string{"object.name": "a", "object.size": "the expression gives a int, must give a string", `object.?none.orValue("x")`: "x"} {
		expression, err := expressions.Compile(source, declaration.Text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := expression.Text(t.Context(), variables)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", source, got, want)
		}
	}
}

func outcome(is bool, err error) string {
	switch {
	case err != nil:
		return err.Error()
	case is:
		return "true"
	}
	return "false"
}

// A context that ends in the middle of an evaluation stops it, and one that costs too much is
// stopped without.
func TestAnExpressionIsStopped(t *testing.T) {
	items := make([]any, 10_000)
	for i := range items {
		items[i] = int64(i)
	}
	expression, err := expressions.Compile("object.all(a, a >= 0)", declaration.Bool)
	if err != nil {
		t.Fatal(err)
	}
	if is, err := expression.Bool(t.Context(), map[string]any{"object": items[:500]}); err != nil || !is {
		t.Fatalf("within the bounds: %v, %v", is, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	// CEL reads a variable when the evaluation comes to it.
	asked := func() any { cancel(); return items[:500] }
	if _, err := expression.Bool(ctx, map[string]any{"object": asked}); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that ends: %v", err)
	}
	if _, err := expression.Bool(t.Context(), map[string]any{"object": items}); err == nil || !strings.Contains(err.Error(), "cost limit exceeded") {
		t.Errorf("beyond the cost: %v", err)
	}
}
