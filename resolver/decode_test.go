package resolver_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/resolver"
)

const corp = `apiVersion: certshim.io/v1alpha1
kind: IssuerType
metadata: {name: corp}
spec:
  group: pki.example.com
  versions: [v1]
  kinds:
  - {kind: CorpIssuer, resource: corpissuers, scope: Namespaced}
`

func TestDecodeTellsWhatIsWrongWithItsLine(t *testing.T) {
	for name, row := range map[string]struct {
		file string
		want []string
	}{
		"empty":                            {"", []string{"f.yaml:1: the file is empty"}},
		"no mapping":                       {"- a\n", []string{"f.yaml:1: not a mapping"}},
		"another kind":                     {"apiVersion: v1\nkind: Secret\n", []string{`f.yaml:1: apiVersion "v1", kind "Secret"`}},
		"two documents":                    {corp + "---\na: b\n", []string{"f.yaml:9: a second document"}},
		"no YAML":                          {corp + "  : :\n\t", []string{"f.yaml:"}},
		"a tab":                            {corp + "\ttitle: x\n", []string{"f.yaml:9: no YAML:", "must be by spaces"}},
		"a misspelt field":                 {corp + "  constrains: {}\n", []string{`f.yaml:9: unknown field "spec.constrains", did you mean "constraints"?`}},
		"a misspelt rule":                  {corp + "  constraints:\n    san: {allowed: [DNS]}\n", []string{`f.yaml:10: unknown field "spec.constraints.san", did you mean "sans"?`}},
		"a field that isn't":               {corp + "  readiness: {timeout: 3}\n", []string{`f.yaml:9: unknown field "spec.readiness.timeout"; the fields here are cel, condition, exists`}},
		"a field too far left":             {corp + "tests: []\n", []string{`f.yaml:9: unknown field "tests"; the fields here are apiVersion, kind, metadata, spec; did you mean "spec.tests"?`}},
		"two misspelt fields":              {corp + "  titel: x\n  nodes: []\n", []string{`f.yaml:9: unknown field "spec.titel"`, `f.yaml:10: unknown field "spec.nodes"`}},
		"unknown and ill-typed at once":    {corp + "  titel: x\n  notes: x\n", []string{`f.yaml:9: unknown field "spec.titel"`, `f.yaml:10: spec.notes: "x", must be a list, such as [x]`}},
		"a repeated field":                 {corp + "  group: other.example.com\n", []string{`f.yaml:9: repeated field "spec.group", which is there already at line 5`}},
		"a repeated field of an object":    {corp + "  tests:\n  - {name: x, object: {a: {b: 1, b: 2}}}\n", []string{`f.yaml:10: repeated field "spec.tests[0].object.a.b", which is there already at line 10`}},
		"text for a list":                  {corp + "  constraints:\n    sans: {allowed: DNS}\n", []string{`f.yaml:10: spec.constraints.sans.allowed: "DNS", must be a list, such as [DNS]`}},
		"text for a mapping":               {corp + "  approval: Itself\n", []string{`f.yaml:9: spec.approval: "Itself", must be a mapping, with by`}},
		"text for a number":                {corp + "  constraints:\n    sans: {max: three}\n", []string{`f.yaml:10: spec.constraints.sans.max: "three", must be a whole number`}},
		"a list for text":                  {corp + "  title: [x]\n", []string{"f.yaml:9: spec.title: a list, must be text"}},
		"a list for a bool":                {corp + "  readiness: {exists: perhaps}\n", []string{`f.yaml:9: spec.readiness.exists: "perhaps", must be true or false`}},
		"a duration in days":               {corp + "  constraints:\n    durations: {max: 90d}\n", []string{`f.yaml:10: spec.constraints.durations.max: "90d", must be a duration as Go writes them`, `did you mean "2160h"?`}},
		"a duration of no unit":            {corp + "  constraints:\n    durations: {max: 90}\n", []string{`f.yaml:10: spec.constraints.durations.max: "90", must be a duration`}},
		"an alias":                         {corp + "  notes: &a [x]\n  title: *a\n", []string{"f.yaml:10: spec.title: an alias"}},
		"a kind of name":                   {corp + "  constraints:\n    sans:\n      verdict: Warn\n      allowed: [dns]\n", []string{`f.yaml:12: spec.constraints.sans.allowed[0]: "dns" is none of DNS, IP, URI, Email, OtherName, did you mean "DNS"?`}},
		"a common name's rule":             {corp + "  constraints:\n    commonName: {must: required}\n", []string{`f.yaml:10: spec.constraints.commonName.must: "required" is none of Optional, Required, Forbidden, MustBeSAN, RequiredSAN, did you mean "Required"?`}},
		"a verdict":                        {corp + "  constraints:\n    ca: {allowed: false, verdict: Deny}\n", []string{`f.yaml:10: spec.constraints.ca.verdict: "Deny" is none of Warn, Refuse`}},
		"falling durations":                {corp + "  constraints:\n    durations: {steps: [2h, 1h]}\n", []string{"f.yaml:10: spec.constraints.durations.steps[1]: 1h is not longer than", "must ascend"}},
		"crossed durations":                {corp + "  constraints:\n    durations: {min: 4000h, max: 2160h}\n", []string{"spec.constraints.durations.min: the shortest duration, 4000h, is more than the longest, 2160h"}},
		"negative numbers":                 {corp + "  constraints:\n    durations: {max: -1h}\n    sans: {max: -1}\n    commonName: {maxBytes: -1}\n", []string{"f.yaml:10: spec.constraints.durations.max: -1h is negative", "f.yaml:11: spec.constraints.sans.max: -1 is negative", "f.yaml:12: spec.constraints.commonName.maxBytes: -1 is negative"}},
		"an algorithm":                     {corp + "  constraints:\n    keys: {allowed: [{algorithm: rsa}]}\n", []string{`f.yaml:10: spec.constraints.keys.allowed[0].algorithm: "rsa" is none of RSA, ECDSA, Ed25519, did you mean "RSA"?`}},
		"a size":                           {corp + "  constraints:\n    keys: {allowed: [{algorithm: ECDSA, sizes: [256, 512]}]}\n", []string{"f.yaml:10: spec.constraints.keys.allowed[0].sizes[1]: 512 is no size of an ECDSA key, which has 256, 384 or 521"}},
		"a usage":                          {corp + "  recommend: {usages: [serverAuth]}\n", []string{`f.yaml:9: spec.recommend.usages[0]: "serverAuth" isn't known, did you mean "server auth"?`}},
		"several sizes":                    {corp + "  defaults: {privateKey: {algorithm: RSA, sizes: [2048, 4096]}}\n", []string{"f.yaml:9: spec.defaults.privateKey.sizes: it has several sizes"}},
		"a value against a rule":           {corp + "  constraints: {durations: {max: 2160h}}\n  defaults: {duration: 8760h}\n", []string{"f.yaml:10: spec.defaults.duration: it breaks the rule durations of the same declaration, which allows at most 2160h"}},
		"a variant's value against a rule": {corp + "  constraints: {durations: {max: 2160h}}\n  variants:\n  - {when: \"true\", recommend: {duration: 8760h}}\n", []string{"f.yaml:11: spec.variants[0]: recommend.duration: it breaks the rule durations"}},
		"a rotation policy":                {corp + "  constraints: {rotationPolicy: {must: never}}\n", []string{`f.yaml:9: spec.constraints.rotationPolicy.must: "never" is none of Never, Always, did you mean "Never"?`}},
		"a default that breaks a rule":     {corp + "  constraints: {rotationPolicy: {must: Never}}\n  defaults: {privateKey: {rotationPolicy: Always}}\n", []string{"f.yaml:10: spec.defaults.privateKey: it breaks the rule rotationPolicy of the same declaration, which allows Never"}},
		"a rotation policy in a key rule":  {corp + "  constraints: {keys: {allowed: [{algorithm: RSA, rotationPolicy: Never}]}}\n", []string{`unknown field "spec.constraints.keys.allowed[0].rotationPolicy"`}},
		"two ways to be ready":             {corp + "  readiness: {exists: true, cel: {ready: \"true\"}}\n", []string{"f.yaml:9: spec.readiness: more than one"}},
		"a generation":                     {corp + "  readiness:\n    condition: {observedGeneration: Never}\n", []string{`f.yaml:10: spec.readiness.condition.observedGeneration: "Never" is none of IfSet, Required, Ignore`}},
		"an expression":                    {corp + "  readiness:\n    cel: {ready: \"object.status.\"}\n", []string{`f.yaml:10: spec.readiness.cel.ready: the expression "object.status." can't be read: character 15: Syntax error`}},
		"an unknown variable":              {corp + "  readiness:\n    cel:\n      ready: \"true\"\n      reason: \"issuer.ok\"\n", []string{"f.yaml:12: spec.readiness.cel.reason:", "character 1: undeclared reference to 'issuer'; the only variable is object"}},
		"an expression of lines":           {corp + "  readiness:\n    cel:\n      ready: |-\n        object.a &&\n        issuer.ok\n", []string{"spec.readiness.cel.ready:", "line 2, character 1: undeclared reference to 'issuer'"}},
		"no bool":                          {corp + "  readiness:\n    cel: {ready: '\"yes\"'}\n", []string{"f.yaml:10: spec.readiness.cel.ready:", "gives string, must give bool"}},
		"an optional bool":                 {corp + "  readiness:\n    cel: {ready: 'object.?ready'}\n", []string{"must give bool; end it with .orValue(…)"}},
		"no text":                          {corp + "  readiness:\n    cel: {ready: \"true\", message: \"1\"}\n", []string{"f.yaml:10: spec.readiness.cel.message:", "gives int, must give string"}},
		"an expression too long":           {corp + "  readiness:\n    cel: {ready: \"" + strings.Repeat("!", 3000) + "true\"}\n", []string{"must be at most 2048"}},
		"a variant without when":           {corp + "  variants:\n  - {drop: [recommend]}\n", []string{"f.yaml:10: spec.variants[0].when: the expression is empty"}},
		"a variant that drops all":         {corp + "  variants:\n  - {when: \"true\", drop: [constraints]}\n", []string{`f.yaml:10: spec.variants[0].drop[0]: "constraints" is none of recommend, defaults, constraints.sans`}},
		"a variant that drops half a path": {corp + "  variants:\n  - {when: \"true\", drop: [durations]}\n", []string{`f.yaml:10: spec.variants[0].drop[0]: "durations" can't be dropped, did you mean "constraints.durations"?`}},
		"an annotation":                    {corp + "  annotations:\n  - {key: profile, doc: x}\n", []string{`f.yaml:10: spec.annotations[0]: "profile" is no annotation key, such as pki.corp.example/profile, and no prefix, which ends in "/" or "."`}},
		"an annotation undescribed":        {corp + "  annotations:\n  - {key: pki.example.com/profile}\n", []string{"f.yaml:10: spec.annotations[0]: the annotation pki.example.com/profile has no doc"}},
		"an annotation twice":              {corp + "  annotations:\n  - {key: pki.example.com/a, doc: x}\n  - {key: pki.example.com/a, doc: y}\n", []string{`f.yaml:11: spec.annotations[1].key: "pki.example.com/a" occurs twice`}},
		"an annotation of cert-manager's": {corp + "  annotations:\n  - key: cert-manager.io/revision\n    doc: x\n  - {key: pki.k8s.io/b, doc: x}\n", []string{
			`f.yaml:10: spec.annotations[0].key: the annotation key "cert-manager.io/revision" is of cert-manager.io and never copied for a resolver`,
			`f.yaml:12: spec.annotations[1].key: the annotation key "pki.k8s.io/b" is of k8s.io and never copied`,
		}},
		"an approver":              {corp + "  approval: {by: itself}\n", []string{`f.yaml:9: spec.approval.by: "itself" is none of CertManager, Itself, None, did you mean "Itself"?`}},
		"two cases of a name":      {corp + "  tests:\n  - {name: x, want: {ready: \"True\"}}\n  - {name: x, want: {ready: \"False\"}}\n  - {}\n", []string{`f.yaml:11: spec.tests[1].name: "x" is the name of another test, too`, "f.yaml:12: spec.tests[2].name: the test has no name"}},
		"shape and values at once": {corp + "  titel: x\n  approval: {by: Me}\n", []string{`f.yaml:9: unknown field "spec.titel"`, `f.yaml:10: spec.approval.by: "Me" is none of`}},
		"a case":                   {corp + "  tests:\n  - {name: x, want: {ready: \"yes\"}}\n", []string{`f.yaml:10: spec.tests[0].want.ready: "yes" is none of "True", "False", "Unknown"`}},
		"a case of no rule":        {corp + "  tests:\n  - {name: x, want: {warns: [san]}}\n", []string{`f.yaml:10: spec.tests[0].want.warns[0]: "san" isn't known, did you mean "sans"?`}},
		"a case's Certificate": {corp + "  tests:\n  - name: x\n    certificate: {dnsName: [a.example.com], duration: 90d, privateKey: {sizes: 2048}}\n",
			[]string{`f.yaml:11: unknown field "spec.tests[0].certificate.dnsName", did you mean "dnsNames"?`, "certificate.duration:", `certificate.privateKey.sizes", did you mean "size"?`}},
		"cert-manager's group":     {strings.Replace(corp, "pki.example.com", "cert-manager.io", 1), []string{"f.yaml:5: spec.group: cert-manager.io is built in"}},
		"a group with its version": {strings.Replace(corp, "pki.example.com", "pki.example.com/v1", 1), []string{"f.yaml:5: spec.group:", "without a version"}},
		"a version with its group": {strings.Replace(corp, "[v1]", "[pki.example.com/v1]", 1), []string{`f.yaml:6: spec.versions[0]: "pki.example.com/v1" is no version; it is written without the group, such as v1`}},
		"no version":               {strings.Replace(corp, "[v1]", "[]", 1), []string{"f.yaml:6: spec.versions: it names no version"}},
		"no name":                  {strings.Replace(corp, "{name: corp}", "{}", 1), []string{`f.yaml:3: metadata.name: "" is no short name`}},
		"a name with spaces":       {strings.Replace(corp, "{name: corp}", "{name: Corp CA}", 1), []string{`f.yaml:3: metadata.name: "Corp CA" is no short name`, "such as corp-ca"}},
		"a kind in small letters":  {strings.Replace(corp, "kind: CorpIssuer", "kind: corpIssuer", 1), []string{`f.yaml:8: spec.kinds[0].kind: "corpIssuer" is not a kind`}},
		"a resource in capitals":   {strings.Replace(corp, "corpissuers", "CorpIssuers", 1), []string{`f.yaml:8: spec.kinds[0].resource: "CorpIssuers" is no resource; it is the plural of the kind, in lower case, such as corpissuers`}},
		"a scope":                  {strings.Replace(corp, "Namespaced", "namespaced", 1), []string{`f.yaml:8: spec.kinds[0].scope: "namespaced" is none of Namespaced, Cluster, did you mean "Namespaced"?`}},
		"a kind twice":             {corp + "  - {kind: CorpIssuer, resource: corpissuers, scope: Cluster}\n", []string{`f.yaml:9: spec.kinds[1].kind: "CorpIssuer" occurs twice`, `f.yaml:9: spec.kinds[1].resource: "corpissuers" belongs to another kind too`}},
		"all at once, by line":     {strings.Replace(corp, "[v1]", "[]", 1) + "  approval: {by: Me}\n", []string{"f.yaml:6: spec.versions: it names no version, such as v1\nf.yaml:9: spec.approval.by"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := resolver.Decode([]byte(row.file), "f.yaml")
			if err == nil {
				t.Fatal("it is taken")
			}
			for _, part := range row.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is not in:\n%v", part, err)
				}
			}
		})
	}
}

func TestDecodeTakesTheLeastThatIsNeeded(t *testing.T) {
	entry, err := resolver.Decode([]byte(corp), "f.yaml")
	if err != nil {
		t.Fatal(err)
	}
	registry := newRegistry(t, resolver.Defaults{}, entry)
	if got := result(registry.Resolve(resolver.Lookup{Name: "i", Kind: "CorpIssuer"}, nil)); got != "CorpIssuer.pki.example.com/i" {
		t.Errorf("got %s", got)
	}
}

// What issuers need of the private key, of usages that come back and of the Secret can be said.
func TestWhatIssuersNeed(t *testing.T) {
	const spec = `  constraints:
    rotationPolicy: {must: Never, verdict: Refuse}
    usages: {always: [server auth], ignored: true}
    secret: {mustExist: true}
  defaults: {privateKey: {rotationPolicy: Never}}
  tests:
` + readyCase + `  - {name: down, object: {status: {conditions: [{type: Ready, status: "False"}]}}, want: {ready: "False"}}
  - {name: a new key, certificate: {}, want: {refuses: [rotationPolicy], defaults: {privateKey: {rotationPolicy: Never}}}}
  - name: the same key
    certificate: {privateKey: {rotationPolicy: Never}, usages: [server auth, client auth], secretName: web-tls}
    want: {warns: [usages, secret]}
`
	if got := outcomes(t, corp+spec); got != "" {
		t.Error(got)
	}
	entry, err := resolver.Decode([]byte(corp+spec), "f.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, limit := range entry.Limits() {
		words = append(words, limit.Words())
	}
	want := []string{
		"rotationPolicy: Never (else refused)", "usages: none: the issuer decides by itself; its certificates always have server auth",
		"secret: a Secret that is there before its Certificate",
	}
	if diff := cmp.Diff(want, words); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
}

// Rules that forbid nothing need no test that breaks them.
func TestRulesThatCannotBeBroken(t *testing.T) {
	const spec = `  constraints: {usages: {honoured: true}, wildcards: {allowed: true}, ca: {allowed: true}, secret: {mustExist: false}}
  tests:
` + readyCase + `  - {name: down, object: {status: {conditions: [{type: Ready, status: "False"}]}}, want: {ready: "False"}}
`
	if got := outcomes(t, corp+spec); got != "" {
		t.Error(got)
	}
}

// An operator's own declaration sets its defaults and copies what its issuer reads.
func TestAnOperatorsFileSetsValues(t *testing.T) {
	entry, err := resolver.Decode([]byte(corp+`  defaults: {usages: [server auth], duration: 720h}
  annotations:
  - {key: pki.example.com/profile, doc: the profile}
  - {key: pki.example.com/, doc: anything else}
`), "f.yaml")
	if err != nil {
		t.Fatal(err)
	}
	entry.Level = resolver.LevelOperator
	known, _ := newRegistry(t, resolver.Defaults{}, entry).Known(resolver.GroupKind{Group: "pki.example.com", Kind: "CorpIssuer"})
	said := known.Declared(0)
	if len(said.Values.Usages) != 1 || said.Values.Duration.Hours() != 720 {
		t.Errorf("values are %+v", said.Values)
	}
	if len(said.CopyAnnotations) != 1 || said.CopyAnnotations[0] != "pki.example.com/profile" {
		t.Errorf("copied are %v", said.CopyAnnotations)
	}
}

// The example on the schema page is valid, and has all its cases.
func TestTheSchemaPagesExample(t *testing.T) {
	page, err := os.ReadFile("../docs/issuers/schema.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "```yaml\n")
	example, _, _ = strings.Cut(example, "```\n")
	entry, err := resolver.Decode([]byte(example), "schema.md")
	if err != nil {
		t.Fatal(err)
	}
	outcomes, err := entry.RunCases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, outcome := range outcomes {
		for _, fault := range outcome.Faults {
			t.Errorf("%s: %s", outcome.Case, fault)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(corp))
	f.Add([]byte(corp + "  constraints: {durations: {steps: [1h]}}\n  tests: [{name: x, object: {a: [1, {b: 2.5}]}, want: {ready: \"True\"}}]\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		entry, err := resolver.Decode(content, "f.yaml")
		if err != nil {
			return
		}
		if _, err := entry.RunCases(t.Context()); err != nil {
			t.Errorf("it is taken, and then it isn't: %v", err)
		}
		if _, err := resolver.NewRegistry(resolver.Defaults{}, []resolver.IssuerType{entry}); err != nil {
			t.Errorf("it is taken, and then it isn't: %v", err)
		}
	})
}
