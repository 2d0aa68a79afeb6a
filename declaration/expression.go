package declaration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// The bounds of an expression: the length of its source, and the steps of one evaluation. A usual
// rule about a condition takes some 30 steps; what runs into the bound ends after milliseconds.
const (
	maxExpression = 2 << 10
	maxCost       = 20_000
	// interruptEvery is after how many iterations of a comprehension the context is asked.
	interruptEvery = 100
)

// Result is the type of what an expression gives.
type Result struct{ celType *cel.Type }

// The results.
var (
	Bool = Result{cel.BoolType}
	Text = Result{cel.StringType}
)

// Expressions compiles expressions over certain variables. They read nothing else: no clock, no
// environment, no other object.
type Expressions struct {
	variables   []string
	environment func() (*cel.Env, error)
}

// NewExpressions is for variables of any type.
func NewExpressions(variables ...string) *Expressions {
	options := []cel.EnvOption{cel.OptionalTypes()}
	for _, name := range variables {
		options = append(options, cel.Variable(name, cel.DynType))
	}
	return &Expressions{variables: variables, environment: sync.OnceValues(func() (*cel.Env, error) { return cel.NewEnv(options...) })}
}

// Compile makes an expression ready to be evaluated. What it gives must be of a type, as far as
// that the expression alone shows.
func (e *Expressions) Compile(source string, gives Result) (*Expression, error) {
	switch {
	case source == "":
		return nil, errors.New("the expression is empty")
	case len(source) > maxExpression:
		return nil, fmt.Errorf("the expression has %d bytes, must be at most %d", len(source), maxExpression)
	}
	env, err := e.environment()
	if err != nil {
		return nil, err
	}
	checked, issues := env.Compile(source)
	if issues.Err() != nil {
		return nil, fmt.Errorf("the expression %q can't be read: %s", source, e.describe(issues))
	}
	if out := checked.OutputType(); out.Kind() != types.DynKind && !out.IsExactType(gives.celType) {
		return nil, fmt.Errorf("the expression %q gives %s, must give %s%s", source, out, gives.celType, orValue(out))
	}
	program, err := env.Program(checked, cel.CostLimit(maxCost), cel.InterruptCheckFrequency(interruptEvery), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, err
	}
	return &Expression{program}, nil
}

// describe says in one line what is wrong, and at which characters.
func (e *Expressions) describe(issues *cel.Issues) string {
	var texts []string
	for _, issue := range issues.Errors() {
		where := fmt.Sprintf("character %d", issue.Location.Column()+1)
		if issue.Location.Line() > 1 {
			where = fmt.Sprintf("line %d, %s", issue.Location.Line(), where)
		}
		what := strings.ReplaceAll(issue.Message, " (in container '')", "")
		if strings.Contains(what, "undeclared reference") {
			what += "; " + e.known()
		}
		texts = append(texts, where+": "+what)
	}
	return strings.Join(texts, "; ")
}

func (e *Expressions) known() string {
	if len(e.variables) == 1 {
		return "the only variable is " + e.variables[0]
	}
	return "the variables are " + strings.Join(e.variables, ", ")
}

func orValue(out *cel.Type) string {
	if out.Kind() == types.OpaqueKind && out.TypeName() == "optional_type" {
		return "; end it with .orValue(…)"
	}
	return ""
}

// Expression can be evaluated any number of times, also at once.
type Expression struct{ program cel.Program }

// Bool evaluates to a bool. It ends by an error when it costs too much or the context ends.
func (e *Expression) Bool(ctx context.Context, variables map[string]any) (bool, error) {
	out, err := e.evaluate(ctx, variables)
	if err != nil {
		return false, err
	}
	value, is := out.(types.Bool)
	if !is {
		return false, fmt.Errorf("the expression gives a %s, must give a bool", out.Type().TypeName())
	}
	return bool(value), nil
}

// Text evaluates to a text, as Bool does to a bool.
func (e *Expression) Text(ctx context.Context, variables map[string]any) (string, error) {
	out, err := e.evaluate(ctx, variables)
	if err != nil {
		return "", err
	}
	value, is := out.(types.String)
	if !is {
		return "", fmt.Errorf("the expression gives a %s, must give a string", out.Type().TypeName())
	}
	return string(value), nil
}

func (e *Expression) evaluate(ctx context.Context, variables map[string]any) (ref.Val, error) {
	out, _, err := e.program.ContextEval(ctx, variables)
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("the expression was stopped: %w", context.Cause(ctx))
	}
	return out, err
}
