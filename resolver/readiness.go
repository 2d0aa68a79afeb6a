package resolver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/problem"
)

// ReadinessRule says how to tell whether an issuer can sign, by exactly one of its fields. The
// zero rule reads the condition Ready.
type ReadinessRule struct {
	Condition *ConditionRule `yaml:"condition"`
	// Exists means that an issuer is ready if it exists: it has no status.
	Exists bool `yaml:"exists"`
	// CEL is for what a condition can't express.
	CEL *ReadinessExpressions `yaml:"cel"`
}

// ConditionRule selects an item of status.conditions.
type ConditionRule struct {
	// Type of the condition; default Ready. Status that means ready; default "True".
	Type   string `yaml:"type"`
	Status string `yaml:"status"`
	// ObservedGeneration says how old the condition may be; default IfSet.
	ObservedGeneration GenerationRule `yaml:"observedGeneration"`
}

// GenerationRule says how the observedGeneration of a condition is used.
type GenerationRule string

// The rules. With IfSet, a condition whose observedGeneration is older than the spec counts as
// unknown; with Required, so does one without observedGeneration.
const (
	GenerationIfSet    GenerationRule = "IfSet"
	GenerationRequired GenerationRule = "Required"
	GenerationIgnore   GenerationRule = "Ignore"
)

// ReadinessExpressions are CEL expressions over the variable object. Ready must return a bool;
// Reason and Message are optional and must return strings.
type ReadinessExpressions struct {
	Ready   string `yaml:"ready"`
	Reason  string `yaml:"reason"`
	Message string `yaml:"message"`
}

func (r ReadinessRule) mistakes() declaration.Mistakes {
	var all declaration.Mistakes
	given := 0
	for _, is := range []bool{r.Condition != nil, r.Exists, r.CEL != nil} {
		if is {
			given++
		}
	}
	if given > 1 {
		all.Add("", errors.New("more than one of condition, exists and cel is given"))
	}
	if r.Condition != nil {
		all.Add("condition.observedGeneration", r.Condition.ObservedGeneration.check())
	}
	if r.CEL != nil {
		all.AddUnder("cel", r.CEL.mistakes())
	}
	return all
}

func (g GenerationRule) check() error {
	rules := []GenerationRule{GenerationIfSet, GenerationRequired, GenerationIgnore}
	if g == "" || slices.Contains(rules, g) {
		return nil
	}
	return declaration.NoneOf(g, rules)
}

func (e ReadinessExpressions) mistakes() declaration.Mistakes {
	var all declaration.Mistakes
	_, err := expressions.Compile(e.Ready, declaration.Bool)
	all.Add("ready", err)
	_, err = compileOptional(e.Reason)
	all.Add("reason", err)
	_, err = compileOptional(e.Message)
	all.Add("message", err)
	return all
}

// readinessReader returns the readiness of an object, a reason and a message.
type readinessReader func(ctx context.Context, object map[string]any) (Readiness, string, string)

// reader compiles the rule.
func (r ReadinessRule) reader() (readinessReader, error) {
	switch {
	case r.Exists:
		return func(context.Context, map[string]any) (Readiness, string, string) { return Ready, "", "" }, nil
	case r.CEL != nil:
		return r.CEL.reader()
	case r.Condition != nil:
		return r.Condition.filled().read, nil
	}
	return ConditionRule{}.filled().read, nil
}

func (r ConditionRule) filled() ConditionRule {
	r.Type, r.Status = cmp.Or(r.Type, "Ready"), cmp.Or(r.Status, "True")
	if r.ObservedGeneration == "" {
		r.ObservedGeneration = GenerationIfSet
	}
	return r
}

func (r ConditionRule) read(_ context.Context, object map[string]any) (Readiness, string, string) {
	status, _ := object["status"].(map[string]any)
	conditions, _ := status["conditions"].([]any)
	for _, item := range conditions {
		condition, _ := item.(map[string]any)
		if condition["type"] != r.Type {
			continue
		}
		reason, _ := condition["reason"].(string)
		message, _ := condition["message"].(string)
		return r.judge(condition, object), reason, message
	}
	return ReadyUnknown, "", ""
}

func (r ConditionRule) judge(condition, object map[string]any) Readiness {
	status, _ := condition["status"].(string)
	switch {
	case !r.current(condition, object):
		return ReadyUnknown
	case status == r.Status:
		return Ready
	case status == "" || status == "Unknown":
		return ReadyUnknown
	}
	return NotReady
}

// current reports whether a condition is as new as the spec.
func (r ConditionRule) current(condition, object map[string]any) bool {
	if r.ObservedGeneration == GenerationIgnore {
		return true
	}
	metadata, _ := object["metadata"].(map[string]any)
	observed, generation := toInt64(condition["observedGeneration"]), toInt64(metadata["generation"])
	if observed == 0 {
		return r.ObservedGeneration != GenerationRequired
	}
	return observed >= generation
}

// toInt64 converts a number as decoded from JSON or YAML; anything else is 0.
func toInt64(value any) int64 {
	switch n := value.(type) {
	case int64:
		return n
	case int:
		return int64(n)
	case float64:
		return int64(n)
	}
	return 0
}

func (e ReadinessExpressions) reader() (readinessReader, error) {
	ready, readyErr := expressions.Compile(e.Ready, declaration.Bool)
	reason, reasonErr := compileOptional(e.Reason)
	message, messageErr := compileOptional(e.Message)
	if err := problem.Join(readyErr, reasonErr, messageErr); err != nil {
		return nil, fmt.Errorf("readiness: %w", err)
	}
	return func(ctx context.Context, object map[string]any) (Readiness, string, string) {
		is, err := ready.Bool(ctx, variables(object))
		switch {
		case err != nil:
			return ReadyUnknown, brokenExpression, err.Error()
		case is:
			return Ready, evaluateText(ctx, reason, object), evaluateText(ctx, message, object)
		}
		return NotReady, evaluateText(ctx, reason, object), evaluateText(ctx, message, object)
	}, nil
}

// brokenExpression is the reason for an issuer whose readiness can't be evaluated.
const brokenExpression = "ExpressionFailed"

// expressions compiles expressions over the issuer's object. A usual rule about a condition takes
// some 30 steps; what runs into the bound ends after milliseconds.
var expressions = declaration.NewExpressions(declaration.Bounds{Length: 2 << 10, Cost: 20_000}, "object")

func variables(object map[string]any) map[string]any { return map[string]any{"object": object} }

func compileOptional(source string) (*declaration.Expression, error) {
	if source == "" {
		return nil, nil
	}
	return expressions.Compile(source, declaration.Text)
}

// evaluateText evaluates to a string, "" if the expression is nil or fails.
func evaluateText(ctx context.Context, expression *declaration.Expression, object map[string]any) string {
	if expression == nil {
		return ""
	}
	text, err := expression.Text(ctx, variables(object))
	if err != nil {
		return ""
	}
	return text
}

// presentable makes reason and message valid in a statement: it drops or replaces what isn't
// allowed, and cuts what is too long.
func presentable(reason, message string) (string, string) {
	if reason != "" && !isReason(reason) {
		reason = ""
	}
	message = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || disruptsText(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(message, "�"))
	if len(message) > MaxMessage {
		end := MaxMessage - len("…")
		for !utf8.RuneStart(message[end]) {
			end--
		}
		message = message[:end] + "…"
	}
	if CheckMessage(message) != nil {
		message = ""
	}
	return reason, message
}
