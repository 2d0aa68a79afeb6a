package resolver_test

import (
	"os"
	"strings"
	"testing"

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
		"empty":                     {"", []string{"f.yaml:1: the file is empty"}},
		"no mapping":                {"- a\n", []string{"f.yaml:1: not a mapping"}},
		"another kind":              {"apiVersion: v1\nkind: Secret\n", []string{`f.yaml:1: apiVersion "v1", kind "Secret"`}},
		"two documents":             {corp + "---\na: b\n", []string{"f.yaml:9: a second document"}},
		"no YAML":                   {corp + "  : :\n\t", []string{"f.yaml:"}},
		"a misspelt field":          {corp + "  constrains: {}\n", []string{`f.yaml:9: unknown field "spec.constrains", did you mean "constraints"?`}},
		"a misspelt rule":           {corp + "  constraints:\n    san: {allowed: [DNS]}\n", []string{`f.yaml:10: unknown field "spec.constraints.san", did you mean "sans"?`}},
		"two misspelt fields":       {corp + "  titel: x\n  nodes: []\n", []string{`f.yaml:9: unknown field "spec.titel"`, `f.yaml:10: unknown field "spec.nodes"`}},
		"a repeated field":          {corp + "  group: other.example.com\n", []string{"f.yaml:9: mapping key \"group\" already defined at line 5"}},
		"an ill-typed field":        {corp + "  notes: 3\n", []string{"f.yaml:9: cannot unmarshal"}},
		"an alias":                  {corp + "  notes: &a [x]\n  title: *a\n", []string{"f.yaml:10: spec.title: an alias"}},
		"no duration":               {corp + "  constraints:\n    durations: {max: 90d}\n", []string{"f.yaml:10:", "90d"}},
		"a kind of name":            {corp + "  constraints:\n    sans: {allowed: [dns]}\n", []string{`f.yaml:10: spec.constraints: "dns" is no kind of subject alternative name`}},
		"a verdict":                 {corp + "  constraints:\n    ca: {allowed: false, verdict: Deny}\n", []string{"f.yaml:10: spec.constraints: the verdict", `"Deny"`}},
		"falling durations":         {corp + "  constraints:\n    durations: {steps: [2h, 1h]}\n", []string{"f.yaml:10: spec.constraints: the durations of a rule must rise"}},
		"an algorithm":              {corp + "  constraints:\n    keys: {allowed: [{algorithm: rsa}]}\n", []string{"f.yaml:10: spec.constraints:", `"rsa"`}},
		"a usage":                   {corp + "  recommend: {usages: [serverAuth]}\n", []string{"f.yaml:9: spec.recommend:", `"serverAuth"`}},
		"two ways to be ready":      {corp + "  readiness: {exists: true, cel: {ready: \"true\"}}\n", []string{"f.yaml:9: spec.readiness: more than one"}},
		"a generation":              {corp + "  readiness:\n    condition: {observedGeneration: Never}\n", []string{`f.yaml:10: spec.readiness: condition.observedGeneration is "Never"`}},
		"an expression":             {corp + "  readiness:\n    cel: {ready: \"object.status.\"}\n", []string{"f.yaml:10: spec.readiness: cel.ready", "Syntax error"}},
		"an unknown variable":       {corp + "  readiness:\n    cel: {ready: \"issuer.ok\"}\n", []string{"undeclared reference to 'issuer'"}},
		"an expression too long":    {corp + "  readiness:\n    cel: {ready: \"" + strings.Repeat("!", 3000) + "true\"}\n", []string{"must be at most 2048"}},
		"a variant without when":    {corp + "  variants:\n  - {drop: [recommend]}\n", []string{"f.yaml:10: spec.variants[0]: when: the expression is empty"}},
		"a variant that drops all":  {corp + "  variants:\n  - {when: \"true\", drop: [constraints]}\n", []string{`f.yaml:10: spec.variants[0]: "constraints" can't be dropped`}},
		"an annotation":             {corp + "  annotations:\n  - {key: profile, doc: x}\n", []string{`f.yaml:10: spec.annotations[0]: "profile" is no annotation key`}},
		"an annotation undescribed": {corp + "  annotations:\n  - {key: pki.example.com/profile}\n", []string{"f.yaml:10: spec.annotations[0]: the annotation pki.example.com/profile has no doc"}},
		"an approver":               {corp + "  approval: {by: Me}\n", []string{`f.yaml:9: spec.approval.by: "Me" is none of`}},
		"a case":                    {corp + "  tests:\n  - {name: x, want: {ready: \"yes\"}}\n", []string{`f.yaml:10: spec.tests[0]: want.ready is "yes"`}},
		"a case of no rule":         {corp + "  tests:\n  - {name: x, want: {warns: [san]}}\n", []string{`f.yaml:10: spec.tests[0]: "san" is no rule`}},
		"cert-manager's group":      {strings.Replace(corp, "pki.example.com", "cert-manager.io", 1), []string{"f.yaml:5: spec.group: cert-manager.io is built in"}},
		"a group with its version":  {strings.Replace(corp, "pki.example.com", "pki.example.com/v1", 1), []string{"f.yaml:5: spec.group:", "without a version"}},
		"no name":                   {strings.Replace(corp, "{name: corp}", "{}", 1), []string{"f.yaml:3: metadata.name: it has no name"}},
		"a scope":                   {strings.Replace(corp, "Namespaced", "namespaced", 1), []string{`f.yaml:8: spec.kinds[0]: kind CorpIssuer: scope "namespaced"`}},
		"all at once":               {strings.Replace(corp, "[v1]", "[]", 1) + "  approval: {by: Me}\n", []string{"f.yaml:6: spec.versions", "f.yaml:9: spec.approval.by"}},
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

// A file of the operator's own sets its defaults and copies what its issuer reads.
func TestAnOperatorsFileSetsValues(t *testing.T) {
	entry, err := resolver.Decode([]byte(corp+`  defaults: {usages: [server auth], duration: 720h}
  annotations:
  - {key: pki.example.com/profile, doc: the profile}
  - {key: pki.example.com/, doc: anything else}
  - {key: cert-manager.io/revision, doc: not to be copied}
`), "f.yaml")
	if err != nil {
		t.Fatal(err)
	}
	entry.Level = resolver.LevelOperator
	known, _ := newRegistry(t, resolver.Defaults{}, entry).Known(resolver.GroupKind{Group: "pki.example.com", Kind: "CorpIssuer"})
	said := known.Said(0)
	if len(said.Values.Usages) != 1 || said.Values.Duration.Hours() != 720 {
		t.Errorf("values are %+v", said.Values)
	}
	if len(said.CopyAnnotations) != 1 || said.CopyAnnotations[0] != "pki.example.com/profile" {
		t.Errorf("copied are %v", said.CopyAnnotations)
	}
}

// The example of the schema page is right, and has all its tests.
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
	outcomes, err := entry.RunCases()
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
		if _, err := entry.RunCases(); err != nil {
			t.Errorf("it is taken, and then it isn't: %v", err)
		}
		if _, err := resolver.NewRegistry(resolver.Defaults{}, []resolver.Entry{entry}); err != nil && !strings.Contains(err.Error(), "both declare") {
			t.Errorf("it is taken, and then it isn't: %v", err)
		}
	})
}
