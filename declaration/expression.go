package declaration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/ext"
	"github.com/google/cel-go/interpreter"
)

// interruptEvery is after how many iterations of a comprehension the context is asked.
const interruptEvery = 100

// Bounds limit an expression: the length of its source in bytes, and the steps of one evaluation
// as CEL counts them. A million steps take some 0.1 s.
type Bounds struct {
	Length int
	Cost   uint64
}

// Result is the type of what an expression gives.
type Result struct{ celType *cel.Type }

// The results.
var (
	Bool = Result{cel.BoolType}
	Text = Result{cel.StringType}
	List = Result{cel.ListType(cel.DynType)}
)

// admits says whether an expression of a type may give the result.
func (r Result) admits(out *cel.Type) bool {
	return out.Kind() == types.DynKind || out.IsExactType(r.celType) || (out.Kind() == types.ListKind && r.celType.Kind() == types.ListKind)
}

// Expressions compiles expressions over certain variables. They read nothing else: no clock, no
// environment, no other object.
type Expressions struct {
	variables   []string
	bounds      Bounds
	costs       []cel.ProgramOption
	environment func() (*cel.Env, error)
}

// NewExpressions is for variables of any type.
func NewExpressions(bounds Bounds, variables ...string) *Expressions {
	return newExpressions(bounds, variables, nil, nil)
}

// TextFunction is a function of one text that gives texts. A call costs a step for each byte of
// the text.
type TextFunction struct {
	Name string
	Call func(text string) ([]string, error)
}

// NewMappings is for expressions that make lists of an object: they may use CEL's libraries for
// strings, lists, bindings and regular expressions, and the functions that are given.
func NewMappings(bounds Bounds, variables []string, functions ...TextFunction) *Expressions {
	libraries := []cel.EnvOption{ext.Strings(), ext.Lists(), ext.Bindings(), ext.Regex()}
	// The library's own count of this one fails where the list is an error, and hides that error.
	costs := []interpreter.CostTrackerOption{interpreter.OverloadCostTracker("list_distinct", costOfDistinct)}
	for _, f := range functions {
		overload := f.Name + "_string"
		libraries = append(libraries, cel.Function(f.Name,
			cel.Overload(overload, []*cel.Type{cel.StringType}, cel.ListType(cel.StringType), cel.UnaryBinding(f.bound))))
		costs = append(costs, interpreter.OverloadCostTracker(overload, costOfText))
	}
	return newExpressions(bounds, variables, libraries, costs)
}

func (f TextFunction) bound(argument ref.Val) ref.Val {
	text, is := argument.(types.String)
	if !is {
		return types.MaybeNoSuchOverloadErr(argument)
	}
	texts, err := f.Call(string(text))
	if err != nil {
		return types.NewErrFromString(f.Name + ": " + err.Error())
	}
	return types.DefaultTypeAdapter.NativeToValue(texts)
}

func costOfText(arguments []ref.Val, _ ref.Val) *uint64 {
	cost := uint64(1)
	if text, is := arguments[0].(types.String); is {
		cost += uint64(len(text))
	}
	return &cost
}

// costOfDistinct is that of comparing each item with each other.
func costOfDistinct(arguments []ref.Val, _ ref.Val) *uint64 {
	cost := uint64(1)
	if list, is := arguments[0].(traits.Lister); is {
		if size, is := list.Size().(types.Int); is {
			cost += uint64(size) * uint64(size)
		}
	}
	return &cost
}

func newExpressions(bounds Bounds, variables []string, libraries []cel.EnvOption, costs []interpreter.CostTrackerOption) *Expressions {
	options := append([]cel.EnvOption{cel.OptionalTypes(), cel.CustomTypeAdapter(ordered{})}, libraries...)
	for _, name := range variables {
		options = append(options, cel.Variable(name, cel.DynType))
	}
	e := &Expressions{variables: variables, bounds: bounds}
	if len(costs) > 0 {
		e.costs = []cel.ProgramOption{cel.CostTrackerOptions(costs...)}
	}
	e.environment = sync.OnceValues(func() (*cel.Env, error) { return cel.NewEnv(options...) })
	return e
}

// Compile makes an expression ready to be evaluated. What it gives must be of a type, as far as
// that the expression alone shows.
func (e *Expressions) Compile(source string, gives Result) (*Expression, error) {
	switch {
	case source == "":
		return nil, errors.New("the expression is empty")
	case len(source) > e.bounds.Length:
		return nil, fmt.Errorf("the expression has %d bytes, must be at most %d", len(source), e.bounds.Length)
	}
	env, err := e.environment()
	if err != nil {
		return nil, err
	}
	checked, issues := env.Compile(source)
	if issues.Err() != nil {
		return nil, fmt.Errorf("the expression %q can't be read: %s", source, e.describe(issues))
	}
	if out := checked.OutputType(); !gives.admits(out) {
		return nil, fmt.Errorf("the expression %q gives %s, must give %s%s", source, out, gives.celType, orValue(out))
	}
	options := []cel.ProgramOption{
		cel.CostLimit(e.bounds.Cost), cel.InterruptCheckFrequency(interruptEvery), cel.EvalOptions(cel.OptOptimize),
	}
	program, err := env.Program(checked, append(options, e.costs...)...)
	if err != nil {
		return nil, err
	}
	return &Expression{program: program, checked: checked}, nil
}

// describe says in one line what is wrong, each mistake once, and at which characters.
func (e *Expressions) describe(issues *cel.Issues) string {
	var texts []string
	said := map[string]bool{}
	hint := ""
	for _, issue := range issues.Errors() {
		what := strings.ReplaceAll(issue.Message, " (in container '')", "")
		if said[what] {
			continue
		}
		said[what] = true
		if strings.Contains(what, "undeclared reference") {
			hint = "; " + e.known()
		}
		texts = append(texts, place(issue.Location)+": "+what)
	}
	return strings.Join(texts, "; ") + hint
}

// place is where something begins in an expression. Lines are told where there are several.
func place(at common.Location) string {
	where := fmt.Sprintf("character %d", at.Column()+1)
	if at.Line() > 1 {
		where = fmt.Sprintf("line %d, %s", at.Line(), where)
	}
	return where
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
type Expression struct {
	program cel.Program
	checked *cel.Ast
}

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
	return out, e.placed(err)
}

// placed adds where in the expression it failed, as far as CEL says so.
func (e *Expression) placed(err error) error {
	var failed *types.Err
	if !errors.As(err, &failed) || failed.NodeID() == 0 {
		return err
	}
	at := e.checked.NativeRep().SourceInfo().GetStartLocation(failed.NodeID())
	if at == common.NoLocation {
		return err
	}
	return fmt.Errorf("%s: %w", place(at), err)
}

// List evaluates to a list whose items are as JSON has them: nil, bool, string, int64, float64,
// []any and map[string]any. It ends as Bool does.
func (e *Expression) List(ctx context.Context, variables map[string]any) ([]any, error) {
	out, err := e.evaluate(ctx, variables)
	if err != nil {
		return nil, err
	}
	list, is := out.(traits.Lister)
	if !is {
		return nil, fmt.Errorf("the expression gives a %s, must give a list", out.Type().TypeName())
	}
	return plainList(list)
}

func plainList(list traits.Lister) ([]any, error) {
	var items []any
	for i := list.Iterator(); i.HasNext() == types.True; {
		item, err := plainValue(i.Next())
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

func plainMap(m traits.Mapper) (map[string]any, error) {
	fields := map[string]any{}
	for i := m.Iterator(); i.HasNext() == types.True; {
		key := i.Next()
		name, is := key.(types.String)
		if !is {
			return nil, fmt.Errorf("the expression gives a map with a key that is a %s, must be text", key.Type().TypeName())
		}
		value, err := plainValue(m.Get(key))
		if err != nil {
			return nil, err
		}
		fields[string(name)] = value
	}
	return fields, nil
}

func plainValue(value ref.Val) (any, error) {
	switch v := value.(type) {
	case types.Null:
		return nil, nil
	case types.Bool:
		return bool(v), nil
	case types.String:
		return string(v), nil
	case types.Int:
		return int64(v), nil
	case types.Double:
		return float64(v), nil
	case traits.Mapper:
		return plainMap(v)
	case traits.Lister:
		return plainList(v)
	case *types.Optional:
		return nil, errors.New("the expression gives a value that may be absent; end it with .orValue(…)")
	case *types.Err:
		return nil, v
	}
	return nil, fmt.Errorf("the expression gives a %s, which JSON doesn't have", value.Type().TypeName())
}
