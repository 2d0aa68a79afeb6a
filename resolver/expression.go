package resolver

import (
	"errors"
	"fmt"
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

// compile makes an expression ready to be evaluated.
func compile(source string) (cel.Program, error) {
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
		return nil, fmt.Errorf("the expression %q can't be read: %w", source, issues.Err())
	}
	return env.Program(checked, cel.CostLimit(maxCost), cel.InterruptCheckFrequency(100), cel.EvalOptions(cel.OptOptimize))
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
