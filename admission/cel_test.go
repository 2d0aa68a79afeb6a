package admission_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"

	"github.com/certshim/certshim/admission"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/problem"
)

// engine runs the expressions of a policy as an API server does.
type engine struct {
	conditions, validations []cel.Program
	variables               map[string]cel.Program
	messages                []string
}

func newEngine(t testing.TB, policy admission.Object) *engine {
	t.Helper()
	env, err := cel.NewEnv(cel.OptionalTypes(), ext.Strings(ext.StringsVersion(2)),
		cel.Variable("object", cel.DynType), cel.Variable("oldObject", cel.DynType), cel.Variable("request", cel.DynType), cel.Variable("variables", cel.DynType))
	if err != nil {
		t.Fatal(err)
	}
	compile := func(expression string) cel.Program {
		t.Helper()
		ast, issues := env.Compile(expression)
		if issues.Err() != nil {
			t.Fatalf("%v in %s", issues.Err(), expression)
		}
		program, err := env.Program(ast)
		if err != nil {
			t.Fatal(err)
		}
		return program
	}
	spec := policy.Spec.(admission.PolicySpec)
	e := &engine{variables: map[string]cel.Program{}}
	for _, c := range spec.MatchConditions {
		e.conditions = append(e.conditions, compile(c.Expression))
	}
	for _, v := range spec.Variables {
		e.variables[v.Name] = compile(v.Expression)
	}
	for _, v := range spec.Validations {
		e.validations, e.messages = append(e.validations, compile(v.Expression)), append(e.messages, v.Message)
	}
	return e
}

// ofAnnotations runs the policy of the annotation table.
func ofAnnotations(t testing.TB) *engine {
	t.Helper()
	policy, _ := admission.New(options())
	return newEngine(t, policy)
}

func object(in map[string]string) map[string]any {
	return map[string]any{"metadata": map[string]any{"annotations": in}}
}

// request is one in the namespace shop, about an Ingress where the kind counts.
func request(user map[string]any) map[string]any {
	return map[string]any{"kind": map[string]any{"group": "networking.k8s.io", "kind": "Ingress"}, "namespace": "shop", "userInfo": user}
}

// matches says whether the policy looks at an object at all.
func (e *engine) matches(t testing.TB, now map[string]any) bool {
	t.Helper()
	return e.looksAt(t, now, nil)
}

// looksAt says whether the policy looks at what a user writes.
func (e *engine) looksAt(t testing.TB, now, user map[string]any) bool {
	t.Helper()
	input := map[string]any{"object": now, "oldObject": nil, "request": request(user)}
	for _, condition := range e.conditions {
		if !evaluate(t, condition, input).(bool) {
			return false
		}
	}
	return true
}

// refuses gives the messages of all validations that fail.
func (e *engine) refuses(t testing.TB, now, before map[string]any) []string {
	t.Helper()
	input := map[string]any{"object": now, "oldObject": nil, "request": request(nil)}
	if before != nil {
		input["oldObject"] = before
	}
	variables := map[string]any{}
	for name, program := range e.variables {
		variables[name] = evaluate(t, program, input)
	}
	input["variables"] = variables
	var refused []string
	for i, program := range e.validations {
		if !evaluate(t, program, input).(bool) {
			refused = append(refused, e.messages[i])
		}
	}
	return refused
}

// evaluate wants no error: the API server would show it in place of the policy's own words.
func evaluate(t testing.TB, program cel.Program, input map[string]any) any {
	t.Helper()
	value, _, err := program.Eval(input)
	if err != nil {
		t.Fatalf("%v for %q", err, input["object"])
	}
	return value.Value()
}

// wrong are the keys that the parser refuses.
func wrong(in map[string]string) []string {
	_, problems := annotations.NewParser(annotations.Options{}).Parse(in)
	var keys []string
	for _, p := range problems.All() {
		if p.Severity == problem.Error {
			keys = append(keys, p.Key)
		}
	}
	return keys
}

const p = annotations.Prefix

// approximate are rows of which the policy knows only the outline.
var approximate = []string{p + "ip-sans", p + "uri-sans", p + "email-sans", p + "secret-template"}

// Values for one key each: what people write, right and wrong.
func values() map[string][]string {
	subject := []string{`"a""b", "x, y",z`, `a"b`, `"a`, "a\nb", `"a" ,b`, ` "a" , "b"`, strings.Repeat("a,", 1000) + "a", "a,,b", "a\rb", `"a
b",c`}
	return map[string][]string{
		p + "common-name": {"a", strings.Repeat("ä", 32), strings.Repeat("ä", 33), strings.Repeat("a", 65)},
		p + "alt-names": {"a.b, *.c.d,10.0.0.1", "a b", "A.B", "a_b.c", "a..b", "*", "*.*.a", "-a.b", strings.Repeat("a", 63) + ".b", strings.Repeat("a", 64) + ".b",
			strings.Repeat("a.", 127) + "b", strings.Repeat("a.", 126) + "b", "ä.b", "a.b.", "https://a.b", "2001:db8::1", "::ffff:1.2.3.4", strings.Repeat("a,", 1000) + "a", " ,,a"},
		p + "ip-sans":    {"10.0.0.1, 2001:db8::1", "::ffff:1.2.3.4", "a.b", "10.0.0.1/24", "[::1]", "::"},
		p + "uri-sans":   {"spiffe://a/b,urn:x:y", "/a", "a b:c", "ä:b", "http:"},
		p + "email-sans": {"a@b.c", "a"},
		p + "duration": {"1h", "59m", "+2h", "-5h", "90d", "2160", "0", "1.5h", ".5h", "1h30m", "3e3h", "9999999999h", "999999h999999h", "1h1h1h", "0000000000001h",
			"3600000000000ns", "60.0m", "1.h", "60.1234567891m", "1H", "1µs", "3600000001µs", "3600000001μs", ".h"},
		p + "renew-before":                {"5m", "4m59s", "2160h", "2159h59m", "1h", "x"},
		p + "renew-before-percentage":     {"1", "99", "0", "100", "+5", "-5", "007", "5%", "1.5", "٣", "00000000000000000000007"},
		p + "revision-history-limit":      {"1", "2147483647", "2147483648", "0", "-1", "9999999999", "99999999999", "0x1", "1_000"},
		p + "usages":                      {"any,\tserver auth", "s/mime", "serverAuth", ",", "any," + strings.Repeat(" ,", 1000)},
		p + "private-key-algorithm":       {"RSA", "rsa", "Ed25519", " ECDSA "},
		p + "private-key-encoding":        {"PKCS1", "PKCS8", "pkcs8"},
		p + "private-key-size":            {"2048", "2047", "8192", "8193", "+4096", "04096", "4096x", "256", "-2048", "0", "9999999999999999999999"},
		p + "private-key-rotation-policy": {"Never", "Always", "always"},
		p + "secret-template":             {`{"labels":{}}`, "null", "[]", "x"},
		p + "subject-organizations":       subject,
		p + "subject-countries":           {"DE,FR", `"DE`},
		"certshim.io/conflicts":           {"force", "yield", "fail", "Fail"},
	}
}

// What the policy refuses, the parser refuses too. Of the rows that CEL can tell exactly, it is the other way
// round as well.
func TestThePolicyRefusesWhatTheParserRefuses(t *testing.T) {
	e := ofAnnotations(t)
	for _, row := range annotations.Table() {
		if row.Admits == nil {
			continue
		}
		cases := slices.Concat(values()[row.Key], []string{row.Example, "", " ", "\u00a0", "x", strings.Repeat("a", annotations.MaxValue+1)})
		for _, value := range cases {
			in := map[string]string{row.Key: value}
			refused, told := e.refuses(t, object(in), nil), wrong(in)
			if len(refused) > 0 && len(told) == 0 {
				t.Errorf("%s: %q is read, and the policy says %q", row.Key, value, refused)
			}
			if len(refused) == 0 && len(told) > 0 && !slices.Contains(approximate, row.Key) && !loose(row.Key, value) {
				t.Errorf("%s: %q can't be read, and the policy lets it through", row.Key, value)
			}
		}
	}
}

// loose are values that CEL can't tell from right ones: durations out of the range of Go's, or written in many parts, and addresses.
func loose(key, value string) bool {
	return key == p+"duration" && value == "9999999999h" || key == p+"alt-names" && strings.Contains(value, ":")
}

func TestKeysTogether(t *testing.T) {
	e := ofAnnotations(t)
	for _, row := range []struct {
		in   map[string]string
		want int
	}{
		{map[string]string{p + "duration": "2h", p + "renew-before": "2h"}, 1},
		{map[string]string{p + "duration": "2h", p + "renew-before": "1h59m"}, 0},
		{map[string]string{p + "duration": "90d", p + "renew-before": "2h"}, 1},
		{map[string]string{p + "renew-before": "2h", p + "renew-before-percentage": "5"}, 1},
		{map[string]string{p + "private-key-algorithm": "ECDSA", p + "private-key-size": "2048"}, 1},
		{map[string]string{p + "private-key-algorithm": "ECDSA", p + "private-key-size": "+0384"}, 0},
		{map[string]string{p + "private-key-algorithm": "Ed25519", p + "private-key-size": "7"}, 0},
		{map[string]string{p + "private-key-algorithm": "rsa", p + "private-key-size": "7"}, 1},
	} {
		refused := e.refuses(t, object(row.in), nil)
		if len(refused) != row.want || len(wrong(row.in)) != row.want {
			t.Errorf("%v: the policy says %q, the parser refuses %v; want %d", row.in, refused, wrong(row.in), row.want)
		}
	}
}

// An update that leaves a value as it was is let through, and one that makes it wrong, or changes what it goes
// by, isn't.
func TestAnOldMistakeIsLetThrough(t *testing.T) {
	e := ofAnnotations(t)
	bad := object(map[string]string{p + "duration": "90d"})
	if refused := e.refuses(t, bad, bad); len(refused) > 0 {
		t.Errorf("an update elsewhere is refused: %q", refused)
	}
	for _, before := range []map[string]any{object(nil), {"metadata": map[string]any{}}, object(map[string]string{p + "duration": "80d"})} {
		if refused := e.refuses(t, bad, before); len(refused) != 1 {
			t.Errorf("after %v: %q", before, refused)
		}
	}
	size := func(algorithm string) map[string]any {
		return object(map[string]string{p + "private-key-algorithm": algorithm, p + "private-key-size": "4096"})
	}
	if refused := e.refuses(t, size("ECDSA"), size("RSA")); len(refused) != 1 {
		t.Errorf("a changed algorithm: %q", refused)
	}
}

// The policy looks only at objects that ask for a certificate.
func TestWhatThePolicyLooksAt(t *testing.T) {
	e := ofAnnotations(t)
	for name, row := range map[string]struct {
		in   map[string]string
		want bool
	}{
		"an issuer":          {map[string]string{p + "issuer": "ca"}, true},
		"a cluster issuer":   {map[string]string{p + "cluster-issuer": "ca"}, true},
		"sections":           {map[string]string{"certshim.io/sections": "{}"}, true},
		"the auto key":       {map[string]string{annotations.DefaultAutoKey: " true"}, true},
		"auto, switched off": {map[string]string{annotations.DefaultAutoKey: "false"}, false},
		"an empty issuer":    {map[string]string{p + "issuer": " "}, false},
		"no issuer":          {map[string]string{p + "duration": "90d"}, false},
		"an ignored object":  {map[string]string{p + "issuer": "ca", "certshim.io/ignore": "true"}, false},
		"nothing":            {nil, false},
	} {
		if got := e.matches(t, object(row.in)); got != row.want {
			t.Errorf("%s: %v, want %v", name, got, row.want)
		}
	}
	going := map[string]any{"metadata": map[string]any{"annotations": map[string]string{p + "issuer": "ca"}, "deletionTimestamp": time.Time{}.Format(time.RFC3339)}}
	if e.matches(t, going) {
		t.Error("an object that is being deleted is looked at")
	}
}

func FuzzPolicy(f *testing.F) {
	all := values()
	keys := slices.Sorted(maps.Keys(all))
	for at, key := range keys {
		for _, value := range all[key] {
			f.Add(at, value, "", "")
		}
	}
	f.Add(0, "1h", "5m", "ECDSA")
	e := ofAnnotations(f)
	f.Fuzz(func(t *testing.T, at int, value, before, algorithm string) {
		if at < 0 || !validAll(value, before, algorithm) {
			t.Skip("no value that an API server has")
		}
		in := map[string]string{p + "renew-before": before, p + "private-key-algorithm": algorithm, keys[at%len(keys)]: value}
		if refused := e.refuses(t, object(in), nil); len(refused) > 0 && len(wrong(in)) == 0 {
			t.Errorf("%s is read, and the policy says %q", fmt.Sprintf("%q", in), refused)
		}
	})
}

// validAll says whether an object can have such values: the API server takes valid UTF-8 alone.
func validAll(values ...string) bool {
	return !slices.ContainsFunc(values, func(v string) bool { return strings.ToValidUTF8(v, "") != v })
}
