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
                    tls: {type: object, properties: {secretName: {type: string}}}
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
