package resolver

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
)

// The bounds of an expression: its source, and the steps that one evaluation may take. The
// usual rule about a condition takes some 30 steps; what runs into the bound ends after
// some milliseconds.
const (
	maxExpression = 2 << 10
	maxCost       = 20_000
)

// environment has one variable, object, the issuer as it is in the cluster: no clock, no
// environment, no other object.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(cel.Variable("object", cel.DynType), cel.OptionalTypes())
})

// compile makes an expression ready to be evaluated. What it gives must be of a type, as
// far as that can be told from the expression.
func compile(source string, gives *cel.Type) (cel.Program, error) {
	if source == "" {
		return nil, errors.New("the expression is empty")
	}
	if len(source) > maxExpression {
		return nil, fmt.Errorf("the expression has %d bytes, must be at most %d", len(source), maxExpression)
	}
	env, err := environment()
	if err != nil {
		return nil, err
	}
	checked, issues := env.Compile(source)
	if issues.Err() != nil {
		return nil, fmt.Errorf("the expression %q can't be read: %s", source, places(issues))
	}
	if out := checked.OutputType(); out.Kind() != types.DynKind && !out.IsExactType(gives) {
		return nil, fmt.Errorf("the expression %q gives %s, must give %s%s", source, out, gives, orValue(out))
	}
	return env.Program(checked, cel.CostLimit(maxCost), cel.InterruptCheckFrequency(100), cel.EvalOptions(cel.OptOptimize))
}

// places says in one line what is wrong, and at which characters.
func places(issues *cel.Issues) string {
	var texts []string
	for _, issue := range issues.Errors() {
		where := fmt.Sprintf("character %d", issue.Location.Column()+1)
		if issue.Location.Line() > 1 {
			where = fmt.Sprintf("line %d, %s", issue.Location.Line(), where)
		}
		what := strings.ReplaceAll(issue.Message, " (in container '')", "")
		if strings.Contains(what, "undeclared reference") {
			what += "; the only variable is object"
		}
		texts = append(texts, where+": "+what)
	}
	return strings.Join(texts, "; ")
}

func orValue(out *cel.Type) string {
	if out.Kind() == types.OpaqueKind && out.TypeName() == "optional_type" {
		return "; end it with .orValue(…)"
	}
	return ""
}

// truth evaluates to a bool.
func truth(program cel.Program, object map[string]any) (bool, error) {
	out, _, err := program.Eval(map[string]any{"object": object})
	if err != nil {
		return false, err
	}
	value, isBool := out.(types.Bool)
	if !isBool {
		return false, fmt.Errorf("the expression gives a %s, must give a bool", out.Type().TypeName())
	}
	return bool(value), nil
}

// words evaluates to a string; what fails gives none.
func words(program cel.Program, object map[string]any) string {
	if program == nil {
		return ""
	}
	out, _, err := program.Eval(map[string]any{"object": object})
	if err != nil {
		return ""
	}
	text, _ := out.Value().(string)
	return text
}
