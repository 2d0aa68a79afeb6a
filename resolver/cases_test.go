package resolver_test

import (
	"strings"
	"testing"

	"github.com/certshim/certshim/resolver"
)

const readyCase = "  - {name: up, object: {status: {conditions: [{type: Ready, status: \"True\"}]}}, want: {ready: \"True\"}}\n"

// The reports about failed and missing cases of a file.
func TestTheCasesOfAFile(t *testing.T) {
	notReady := func(object, want string) string {
		return "  - {name: down, object: " + object + ", want: " + want + "}\n"
	}
	down := notReady(`{status: {conditions: [{type: Ready, status: "False", reason: Sealed, message: by hand}]}}`, `{ready: "False"}`)
	for name, row := range map[string]struct {
		spec string
		want []string
	}{
		"nothing wrong": {"  tests:\n" + readyCase + down, nil},
		"no tests": {"", []string{
			`a test is missing: one of a ready issuer, with want.ready "True"`, `a test is missing: one of an issuer that isn't ready, with want.ready "False"`}},
		"unknown is not the same as not ready": {"  tests:\n" + readyCase + notReady("{}", "{ready: Unknown}"), []string{
			`a test is missing: one of an issuer that isn't ready, with want.ready "False"`}},
		"existence is never not ready": {"  readiness: {exists: true}\n  tests:\n  - {name: x, want: {ready: \"True\"}}\n", nil},
		"a rule without a test": {"  constraints: {wildcards: {allowed: false}}\n  tests:\n" + readyCase + down, []string{
			"a test is missing: one of a Certificate that breaks the rule wildcards, named in want.warns or want.refuses"}},
		"a status that is no text": {"  tests:\n" + readyCase + strings.Replace(down+notReady("{status: {conditions: [{type: Ready, status: False}]}}", `{ready: "False"}`), "down", "up to now", 1), []string{
			`down: ready is Unknown, want False; the object has no current item of status.conditions whose type is "Ready" and whose status is text, such as "False"`}},
		"what the condition says": {"  tests:\n" + readyCase + strings.Replace(down, `ready: "False"`, `ready: "True"`, 1), []string{
			`down: ready is False, want True; it says "by hand"`, "a test is missing"}},
		"an expression that fails": {"  readiness: {cel: {ready: 'object.status.up'}}\n  tests:\n" + notReady("{status: {up: \"yes\"}}", `{ready: "False"}`), []string{
			`down: ready is Unknown, want False; it says "the expression gives a string, must give a bool"`, "a test is missing"}},
		"an expression that costs too much": {
			"  readiness: {cel: {ready: 'object.l.all(a, object.l.all(b, object.l.all(c, object.l.all(d, a + b + c + d > 0))))'}}\n" +
				"  tests:\n" + notReady("{l: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]}", `{ready: "False"}`), []string{
				"down: ready is Unknown, want False; it says", "cost limit exceeded", "a test is missing"}},
		"values": {"  recommend: {duration: 720h, privateKey: {algorithm: ECDSA, sizes: [256]}}\n  tests:\n" + readyCase + down +
			"  - {name: x, want: {recommend: {duration: 24h}, defaults: {usages: [server auth]}}}\n", []string{
			"x: recommend is a duration of 720h; a key of ECDSA 256, want a duration of 24h", "x: defaults is none, want usages server auth"}},
		"rules": {"  constraints: {wildcards: {allowed: false, verdict: Refuse}}\n  tests:\n" + readyCase + down +
			"  - {name: x, certificate: {dnsNames: [\"*.example.com\"]}, want: {warns: [wildcards]}}\n", []string{
			"x: warns is none, want wildcards", "x: refuses is wildcards, want none"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := outcomes(t, corp+row.spec)
			if len(row.want) == 0 && got != "" {
				t.Errorf("it fails: %s", got)
			}
			for _, want := range row.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q is not in:\n%s", want, got)
				}
			}
		})
	}
}

func outcomes(t *testing.T, file string) string {
	t.Helper()
	entry, err := resolver.Decode([]byte(file), "f.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all, err := entry.RunCases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for _, outcome := range all {
		for _, fault := range outcome.Faults {
			lines.WriteString(outcome.Case + ": " + fault + "\n")
		}
	}
	return lines.String()
}
