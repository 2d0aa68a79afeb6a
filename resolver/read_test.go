package resolver_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/certshim/certshim/resolver"
)

// reading returns what a type with this readiness reads from an object.
func reading(t testing.TB, rule resolver.ReadinessRule, variants ...resolver.Variant) func(map[string]any) resolver.Seen {
	t.Helper()
	e := entry(resolver.LevelOperator, "corp", "pki.example.com", namespaced("CorpIssuer", "corpissuers"))
	e.Readiness, e.Variants = rule, variants
	known, _ := newRegistry(t, resolver.Defaults{}, e).Known(resolver.GroupKind{Group: "pki.example.com", Kind: "CorpIssuer"})
	return known.Read
}

type object = map[string]any

func withCondition(generation any, condition object) object {
	return object{"metadata": object{"generation": generation}, "status": object{"conditions": []any{condition}}}
}

func TestReadinessByCondition(t *testing.T) {
	usual := resolver.ReadinessRule{}
	required := resolver.ReadinessRule{Condition: &resolver.ConditionRule{ObservedGeneration: resolver.GenerationRequired}}
	ignore := resolver.ReadinessRule{Condition: &resolver.ConditionRule{ObservedGeneration: resolver.GenerationIgnore}}
	other := resolver.ReadinessRule{Condition: &resolver.ConditionRule{Type: "Broken", Status: "False"}}
	for name, row := range map[string]struct {
		rule   resolver.ReadinessRule
		object object
		want   resolver.Readiness
	}{
		"true":                        {usual, withCondition(int64(2), object{"type": "Ready", "status": "True"}), resolver.Ready},
		"true, current":               {usual, withCondition(int64(2), object{"type": "Ready", "status": "True", "observedGeneration": int64(2)}), resolver.Ready},
		"true, newer":                 {usual, withCondition(int64(2), object{"type": "Ready", "status": "True", "observedGeneration": int64(3)}), resolver.Ready},
		"true, generation 0":          {usual, withCondition(int64(2), object{"type": "Ready", "status": "True", "observedGeneration": int64(0)}), resolver.Ready},
		"true, older than the spec":   {usual, withCondition(int64(2), object{"type": "Ready", "status": "True", "observedGeneration": int64(1)}), resolver.ReadyUnknown},
		"false, older than the spec":  {usual, withCondition(int64(2), object{"type": "Ready", "status": "False", "observedGeneration": int64(1)}), resolver.ReadyUnknown},
		"numbers of another decoder":  {usual, withCondition(float64(2), object{"type": "Ready", "status": "True", "observedGeneration": float64(1)}), resolver.ReadyUnknown},
		"false":                       {usual, withCondition(int64(2), object{"type": "Ready", "status": "False"}), resolver.NotReady},
		"unknown":                     {usual, withCondition(int64(2), object{"type": "Ready", "status": "Unknown"}), resolver.ReadyUnknown},
		"a status in small letters":   {usual, withCondition(int64(2), object{"type": "Ready", "status": "true"}), resolver.NotReady},
		"no status":                   {usual, withCondition(int64(2), object{"type": "Ready"}), resolver.ReadyUnknown},
		"another condition":           {usual, withCondition(int64(2), object{"type": "Error", "status": "True"}), resolver.ReadyUnknown},
		"no condition":                {usual, object{"status": object{"conditions": []any{}}}, resolver.ReadyUnknown},
		"nothing at all":              {usual, object{}, resolver.ReadyUnknown},
		"ill-typed":                   {usual, object{"metadata": 1, "status": object{"conditions": []any{"x", object{"type": 3}, nil}}}, resolver.ReadyUnknown},
		"required, and not told":      {required, withCondition(int64(2), object{"type": "Ready", "status": "True"}), resolver.ReadyUnknown},
		"required, and current":       {required, withCondition(int64(2), object{"type": "Ready", "status": "True", "observedGeneration": int64(2)}), resolver.Ready},
		"ignored":                     {ignore, withCondition(int64(2), object{"type": "Ready", "status": "True", "observedGeneration": int64(1)}), resolver.Ready},
		"a condition of its own":      {other, withCondition(int64(1), object{"type": "Broken", "status": "False"}), resolver.Ready},
		"a condition of its own, not": {other, withCondition(int64(1), object{"type": "Broken", "status": "True"}), resolver.NotReady},
		"existence":                   {resolver.ReadinessRule{Exists: true}, object{}, resolver.Ready},
	} {
		t.Run(name, func(t *testing.T) {
			if got := reading(t, row.rule)(row.object).Ready; got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func cel(ready, reason, message string) resolver.ReadinessRule {
	return resolver.ReadinessRule{CEL: &resolver.ReadinessExpressions{Ready: ready, Reason: reason, Message: message}}
}

func TestReadinessByExpression(t *testing.T) {
	read := reading(t, cel(`object.status.phase == "Issuing"`, `"Phase" + object.status.phase`, `"the phase is " + object.status.phase`))
	seen := read(object{"status": object{"phase": "Down"}})
	if seen.Ready != resolver.NotReady || seen.Reason != "PhaseDown" || seen.Message != "the phase is Down" {
		t.Errorf("got %+v", seen)
	}
	if seen := read(object{"status": object{"phase": "Issuing"}}); seen.Ready != resolver.Ready {
		t.Errorf("got %+v", seen)
	}
	if seen := read(object{}); seen.Ready != resolver.ReadyUnknown || seen.Reason != "ExpressionFailed" {
		t.Errorf("a field that isn't there: got %+v", seen)
	}
	if seen := reading(t, cel(`object.status.phase`, "", ""))(object{"status": object{"phase": "x"}}); seen.Ready != resolver.ReadyUnknown {
		t.Errorf("a string for a bool: got %+v", seen)
	}
	if seen := reading(t, cel(`object.?status.?phase.orValue("") == "Issuing"`, "", ""))(object{}); seen.Ready != resolver.NotReady {
		t.Errorf("optional fields: got %+v", seen)
	}
}

// An expression that would run for hours is stopped, and the readiness is unknown.
func TestAnExpressionIsBounded(t *testing.T) {
	items := make([]any, 2000)
	for i := range items {
		items[i] = int64(i)
	}
	read := reading(t, cel(`object.items.all(a, object.items.all(b, object.items.all(c, a + b + c >= 0)))`, "", ""))
	if seen := read(object{"items": items}); seen.Ready != resolver.ReadyUnknown || !strings.Contains(seen.Message, "cost limit") {
		t.Errorf("got %+v", seen)
	}
}

func TestTheFirstVariantThatFitsCounts(t *testing.T) {
	read := reading(t, resolver.ReadinessRule{},
		resolver.Variant{When: `object.spec.mode == "a"`}, resolver.Variant{When: `has(object.spec)`},
	)
	for want, o := range []object{{}, {"spec": object{"mode": "a"}}, {"spec": object{}}} {
		if got := read(o).Variant; int(got) != want {
			t.Errorf("%v: got %d, want %d", o, got, want)
		}
	}
}

// The condition's message is shown to people, without anything harmful.
func TestReasonAndMessageAreMadePresentable(t *testing.T) {
	for name, row := range map[string]struct{ reason, message, wantReason, wantMessage string }{
		"as they should be":  {"NotFound", "the Secret isn't there", "NotFound", "the Secret isn't there"},
		"a reason of words":  {"not found", "x", "", "x"},
		"a long reason":      {strings.Repeat("A", 65), "", "", ""},
		"control characters": {"", "a\nb\x1b[31m\u202e", "", "a b [31m "},
		"a secret":           {"", "login failed: password=hunter2", "", ""},
		"a key":              {"", "-----BEGIN RSA PRIVATE KEY-----", "", ""},
		"broken UTF-8":       {"", "a\xffb", "", "a�b"},
	} {
		t.Run(name, func(t *testing.T) {
			seen := reading(t, resolver.ReadinessRule{})(withCondition(int64(1), object{
				"type": "Ready", "status": "False", "reason": row.reason, "message": row.message,
			}))
			if seen.Reason != row.wantReason || seen.Message != row.wantMessage {
				t.Errorf("got %q, %q", seen.Reason, seen.Message)
			}
		})
	}
	long := reading(t, resolver.ReadinessRule{})(withCondition(int64(1), object{
		"type": "Ready", "status": "False", "message": strings.Repeat("ä", 600),
	})).Message
	if len(long) > resolver.MaxMessage || !utf8.ValidString(long) || !strings.HasSuffix(long, "…") {
		t.Errorf("%d bytes: %q", len(long), long)
	}
}

// Whatever an issuer's object holds, the statement about it passes the check.
func FuzzReadAnIssuer(f *testing.F) {
	f.Add("Ready", "False", "Err", "message", int64(1))
	f.Add("Ready", "True", "not a reason", "eyJhbGciOiJIUzI1NiJ9.payload\u202e", int64(-1))
	known, _ := newRegistry(f, resolver.Defaults{}).Known(resolver.GroupKind{Group: "cert-manager.io", Kind: "Issuer"})
	f.Fuzz(func(t *testing.T, kind, status, reason, message string, generation int64) {
		o := withCondition(generation, object{"type": kind, "status": status, "reason": reason, "message": message, "observedGeneration": int64(1)})
		o["spec"] = object{kind: object{"solvers": []any{reason}}, "acme": message}
		said := known.Statement(known.Read(o))
		if err := said.Check(resolver.Grant{MayRefuse: true}); err != nil {
			t.Error(err)
		}
	})
}
