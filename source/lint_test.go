package source_test

import (
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/source"
)

const proxyDefinition = `
spec:
  group: proxy.corp.example
  names: {kind: Proxy, plural: proxies}
  versions:
  - name: v0
    served: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {}}}}}
  - name: v1
    served: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              servers:
                type: array
                items:
                  type: object
                  properties:
                    hostNames: {type: array, items: {type: string}}
                    tls: {type: object, properties: {secretName: {type: string}, mode: {type: string, enum: [Simple, Passthrough]}, port: {type: integer}, weight: {type: number}}}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true}
              table: {type: object, additionalProperties: {type: string}}
              binds: {type: object, additionalProperties: {type: object, properties: {secret: {type: string}}}}
`

func TestLintNamesTheFieldsThatAreNotThere(t *testing.T) {
	for entries, want := range map[string][]string{
		`object.spec.servers.map(s, {"hosts": s.hostNames, "secretName": s.tls.secretName})`: nil,
		`object.spec.servers.map(s, {"hosts": s.hostNames, "secretName": s.tls.secretNam})`: {
			`spec.servers[].tls.secretNam: Proxy v1 has no such field; did you mean "secretName"?`,
		},
		`object.?spec.?servers.orValue([]).map(s, {"hosts": s.?hostnames.orValue([]), "secretName": "x"})`: {
			`spec.servers[].hostnames: Proxy v1 has no such field; did you mean "hostNames"?`,
		},
		`object.spec.servers.map(s, {"hosts": [], "secretName": s.tls.secret})`: {
			`spec.servers[].tls.secret: Proxy v1 has no such field; did you mean "secretName"?`,
		},
		`object.spec.servers.filter(s, s.tls.secretName != "").map(s, {"hosts": s.hosts, "secretName": s.tls.secretName})`: {
			`spec.servers[].hosts: Proxy v1 has no such field; the fields there are hostNames, tls`,
		},
		`object.spec.?servers.optMap(all, all.map(s, {"hosts": s.hosts, "secretName": "x"})).orValue([])`: {
			`spec.servers[].hosts: Proxy v1 has no such field; the fields there are hostNames, tls`,
		},
		`cel.bind(s, object.spec.servers[0], [{"hosts": s.hosts, "secretName": object.spec.servers[?1].?secret.orValue("x")}])`: {
			`spec.servers[].hosts: Proxy v1 has no such field; the fields there are hostNames, tls`,
			`spec.servers[].secret: Proxy v1 has no such field; the fields there are hostNames, tls`,
		},
		`object.spec.binds.map(n, {"hosts": [n], "secretName": object.spec.binds[n].secretName})`: {
			`spec.binds[].secretName: Proxy v1 has no such field; did you mean "secret"?`,
		},
		`has(object.spec.other) ? [] : [{"hosts": [object.metadata.name], "secretName": object.spec.free.x + object.spec.table.y}]`: {
			`spec.other: Proxy v1 has no such field; the fields there are binds, free, servers, table`,
		},
	} {
		of, err := source.DecodeType([]byte(strings.Replace(goodType,
			`'[{"hosts": [object.metadata.name + "." + params.domain], "secretName": object.spec.secret}]'`, "'"+entries+"'", 1)), "t.yaml")
		if err != nil {
			t.Fatal(err)
		}
		definition := map[string]any{}
		if err := yaml.Unmarshal([]byte(proxyDefinition), &definition); err != nil {
			t.Fatal(err)
		}
		got, err := of.Lint(definition)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s\ngot  %q, %v\nwant %q", entries, got, err, want)
		}
	}
}

// A test of a type proves nothing by an object that the API server would refuse, or take fields from.
func TestTheObjectsOfTestsFitTheDefinition(t *testing.T) {
	const at = "spec.tests[0].object.spec"
	for spec, want := range map[string][]string{
		`{servers: [{hostNames: [a], tls: {secretName: a, mode: Simple, port: 443, weight: 1}}]}`: nil,
		`{servers: [{tls: {weight: 0.5}}, {}], free: {a: {b: [1]}}, table: {a: b}, binds: null}`:  nil,
		`{servers: [{tls: {secret: a}}]}`: {at + `.servers[0].tls.secret: Proxy v1 has no such field; did you mean "secretName"?`},
		`{servers: [{hostNames: a}, {hostNames: [1]}]}`: {
			at + `.servers[0].hostNames: Proxy v1 has an array there, not a string`,
			at + `.servers[1].hostNames[0]: Proxy v1 has a string there, not an integer`,
		},
		`{servers: [{tls: {mode: simple, port: 4.5}}]}`: {
			at + `.servers[0].tls.mode: Proxy v1 doesn't allow simple there, only Simple, Passthrough`,
			at + `.servers[0].tls.port: Proxy v1 has an integer there, not a number`,
		},
		`{table: {a: true}, binds: {x: {secret: a, other: b}}}`: {
			at + `.binds.x.other: Proxy v1 has no such field; the fields there are secret`,
			at + `.table.a: Proxy v1 has a string there, not a boolean`,
		},
	} {
		text := strings.Replace(goodType, "{metadata: {name: a}, spec: {secret: a-tls}}", "{apiVersion: x, metadata: {name: a}, spec: "+spec+"}", 1)
		if got := lintCases(t, text); !slices.Equal(got, want) {
			t.Errorf("%s\ngot  %q\nwant %q", spec, got, want)
		}
	}
	if got := lintCases(t, strings.Replace(goodType, "want: [{hosts: [a.example.com], secretName: a-tls}]", "fails: no such key", 1)); got != nil {
		t.Errorf("an object that the expression is to refuse: %q", got)
	}
	if got := lintCases(t, strings.Replace(goodType, "[v1]", "[v0, v1]", 1)); len(got) != 1 || !strings.Contains(got[0], "Proxy v0 has no such field") {
		t.Errorf("an object that fits no version: %q, want what is wrong by the first", got)
	}
	fits := strings.Replace(strings.Replace(goodType, "[v1]", "[v0, v1]", 1), "spec: {secret: a-tls}", "spec: {table: {a: b}}", 1)
	if got := lintCases(t, fits); got != nil {
		t.Errorf("an object that fits one of the versions: %q", got)
	}
}

func lintCases(t *testing.T, text string) []string {
	t.Helper()
	of, err := source.DecodeType([]byte(text), "t.yaml")
	if err != nil {
		t.Fatal(err)
	}
	definition := map[string]any{}
	if err := yaml.Unmarshal([]byte(proxyDefinition), &definition); err != nil {
		t.Fatal(err)
	}
	faults, err := of.LintCases(definition)
	if err != nil {
		t.Fatal(err)
	}
	return faults
}

func TestLintWantsTheDefinitionOfTheKind(t *testing.T) {
	of, err := source.DecodeType([]byte(goodType), "t.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for change, want := range map[[2]string]string{
		{"Proxy,", "Other,"}:              "the definition is of Other of group proxy.corp.example, must be of Proxy of group proxy.corp.example",
		{"name: v1", "name: v2"}:          "the definition serves none of the versions v1",
		{"served: true", "served: false"}: "the definition serves none of the versions v1",
	} {
		definition := map[string]any{}
		if err := yaml.Unmarshal([]byte(strings.ReplaceAll(proxyDefinition, change[0], change[1])), &definition); err != nil {
			t.Fatal(err)
		}
		if _, err := of.Lint(definition); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
