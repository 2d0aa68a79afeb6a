package cluster

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certshim/certshim/source"
)

const proxyType = `apiVersion: certshim.io/v1alpha1
kind: SourceType
metadata: {name: proxy}
spec:
  title: Proxy
  group: proxy.example.com
  kind: Proxy
  resource: proxies
  versions: [v1]
  entries: 'has(object.spec.secret) ? [{"hosts": dyn([object.spec.host]), "secretName": object.spec.secret}] : []'
  tests:
    - {name: one, object: {spec: {host: a.example.com, secret: a}}, want: [{hosts: [a.example.com], secretName: a}]}
    - {name: none, object: {spec: {}}}
`

// proxyDefinition calls the Secret otherwise.
func proxyDefinition() map[string]any {
	text := map[string]any{"type": "string"}
	spec := map[string]any{"type": "object", "properties": map[string]any{"host": text, "secretName": text}}
	return map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{"name": "proxies.proxy.example.com"},
		"spec": map[string]any{
			"group": "proxy.example.com", "names": map[string]any{"kind": "Proxy", "plural": "proxies"},
			"versions": []any{map[string]any{"name": "v1", "served": true, "schema": map[string]any{
				"openAPIV3Schema": map[string]any{"type": "object", "properties": map[string]any{"spec": spec}},
			}}},
		},
	}
}

// A field that the CRD doesn't have is told once for each version of the CRD, and of the type.
func TestFieldsThatAKindDoesNotHave(t *testing.T) {
	s, d := newServing(t)
	var log bytes.Buffer
	d.log = slog.New(slog.NewTextHandler(&log, nil))
	of, err := source.DecodeType([]byte(proxyType), "proxy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	changed := of
	changed.Entries += " "
	annotated := changed
	annotated.AnnotationsField = "spec.host"
	for i, step := range []struct {
		version     string
		of          source.Type
		reads, told int
	}{
		{"", of, 0, 0}, {"1", of, 1, 1}, {"1", of, 1, 1}, {"2", of, 2, 2}, {"2", changed, 3, 3}, {"2", annotated, 4, 4},
	} {
		if step.version != "" {
			definition := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: "proxies.proxy.example.com", ResourceVersion: step.version}}
			if err := d.crds.GetStore().Add(definition); err != nil {
				t.Fatal(err)
			}
		}
		d.Lint(t.Context(), []source.Type{step.of})
		told := strings.Count(log.String(), `level=WARN msg="a source type reads a field that its kind doesn't have here, which then counts as absent" type=catalogue/proxy`)
		if s.crdReads != step.reads || told != step.told {
			t.Errorf("step %d: the CRD was read %d times, and %d faults told, want %d and %d:\n%s", i, s.crdReads, told, step.reads, step.told, log.String())
		}
	}
	if !strings.Contains(log.String(), `reason="spec.secret: Proxy v1 has no such field; did you mean \"secretName\"?"`) {
		t.Errorf("told:\n%s", log.String())
	}
}
