package policies_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/version"
	apiserver "k8s.io/apiserver/pkg/admission"
	compiler "k8s.io/apiserver/pkg/admission/plugin/cel"
	limits "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/cel/environment"

	"github.com/certshim/certshim/admission"
)

// oldest has the libraries of CEL that Kubernetes 1.34, the oldest that certshim supports, takes in a new policy.
var oldest = version.MajorMinor(1, 33)

// engine is a policy as an API server compiles and runs it, with its limits.
type engine struct {
	conditions, validations compiler.ConditionEvaluator
	// keys are those that the validations are about.
	keys []string
}

// condition is an expression that is true or false.
type condition string

func (c condition) GetExpression() string  { return string(c) }
func (condition) ReturnTypes() []*cel.Type { return []*cel.Type{cel.BoolType} }

// variable is an expression with a name.
type variable admission.Expression

func (v variable) GetName() string        { return v.Name }
func (v variable) GetExpression() string  { return v.Expression }
func (variable) ReturnTypes() []*cel.Type { return []*cel.Type{cel.AnyType, cel.DynType} }

func newEngine(t testing.TB, policy admission.Object) *engine {
	t.Helper()
	spec := policy.Spec.(admission.PolicySpec)
	of, err := compiler.NewCompositedCompiler(environment.MustBaseEnvSet(oldest))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range spec.Variables {
		if result := of.CompileAndStoreVariable(variable(v), compiler.OptionalVariableDeclarations{}, environment.NewExpressions); result.Error != nil {
			t.Fatalf("variable %s: %v", v.Name, result.Error)
		}
	}
	compile := func(expressions []compiler.ExpressionAccessor) compiler.ConditionEvaluator {
		compiled := of.CompileCondition(expressions, compiler.OptionalVariableDeclarations{}, environment.NewExpressions)
		for _, err := range compiled.CompilationErrors() {
			t.Error(err)
		}
		return compiled
	}
	var conditions, validations []compiler.ExpressionAccessor
	for _, c := range spec.MatchConditions {
		conditions = append(conditions, condition(c.Expression))
	}
	e := &engine{}
	for _, v := range spec.Validations {
		validations, e.keys = append(validations, condition(v.Expression)), append(e.keys, keyOf(v.Message))
	}
	e.conditions, e.validations = compile(conditions), compile(validations)
	if t.Failed() {
		t.FailNow()
	}
	return e
}

// keyOf is the key of "annotation KEY: …".
func keyOf(message string) string {
	key, _, _ := strings.Cut(strings.TrimPrefix(message, "annotation "), ":")
	return key
}

// write is a request that makes or changes an object.
type write struct {
	now, before *unstructured.Unstructured
	by          user.Info
}

// versioned is the request as the API server hands it to a policy, in the namespace shop.
func (w write) versioned() *apiserver.VersionedAttributes {
	kind, operation := w.now.GroupVersionKind(), apiserver.Create
	var before runtime.Object
	if w.before != nil {
		before, operation = w.before, apiserver.Update
	}
	by := w.by
	if by == nil {
		by = &user.DefaultInfo{Name: "tenant"}
	}
	attributes := apiserver.NewAttributesRecord(w.now, before, kind, "shop", "web", schema.GroupVersionResource{}, "", operation, nil, false, by)
	return &apiserver.VersionedAttributes{Attributes: attributes, VersionedObject: w.now, VersionedOldObject: before, VersionedKind: kind}
}

// looksAt says whether the policy looks at a request at all.
func (e *engine) looksAt(t testing.TB, w write) bool {
	t.Helper()
	return !slices.Contains(evaluate(t, e.conditions, w, limits.RuntimeCELCostBudgetMatchConditions), false)
}

// refuses gives the keys whose validations fail.
func (e *engine) refuses(t testing.TB, w write) []string {
	t.Helper()
	var refused []string
	for i, valid := range evaluate(t, e.validations, w, limits.RuntimeCELCostBudget) {
		if !valid {
			refused = append(refused, e.keys[i])
		}
	}
	return refused
}

// evaluate wants no error, and no cost over the limit: the API server would go by the failure policy.
func evaluate(t testing.TB, of compiler.ConditionEvaluator, w write, budget int64) []bool {
	t.Helper()
	versioned := w.versioned()
	kind := metav1.GroupVersionKind(versioned.VersionedKind)
	request := compiler.CreateAdmissionRequest(versioned.Attributes, metav1.GroupVersionResource{}, kind)
	results, _, err := of.ForInput(t.Context(), versioned, request, compiler.OptionalVariableBindings{}, nil, budget)
	if err != nil {
		t.Fatalf("%v for %.200q", err, w.now.GetAnnotations())
	}
	all := make([]bool, len(results))
	for i, result := range results {
		if result.Error != nil {
			t.Fatalf("%v for %.200q", result.Error, w.now.GetAnnotations())
		}
		all[i] = result.EvalResult == types.True
	}
	return all
}

// object is one of a kind, with annotations.
func object(kind schema.GroupVersionKind, in map[string]string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(kind)
	o.SetNamespace("shop")
	o.SetName("web")
	o.SetAnnotations(in)
	return o
}
