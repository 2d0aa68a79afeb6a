package controller

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// verdictsIn are the series of certshim_field_verdicts that aren't 0.
func verdictsIn(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	verdicts := map[string]float64{}
	for _, family := range families {
		if family.GetName() != "certshim_field_verdicts" {
			continue
		}
		for _, m := range family.GetMetric() {
			if len(m.GetLabel()) != 1 || m.GetLabel()[0].GetName() != "verdict" {
				t.Errorf("labels %v", m.GetLabel())
			}
			if m.GetGauge().GetValue() != 0 {
				verdicts[m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
			}
		}
	}
	return verdicts
}

// A Certificate that is as it should be is counted as it comes; one of which others hold a part as
// audit reports it.
func TestFieldVerdictsAreCounted(t *testing.T) {
	writer := &script{}
	c := newTestController(t, writer)
	k := see(t, c, ingress(map[string]any{"cert-manager.io/issuer": "ca", "cert-manager.io/duration": "2160h"}, "tls"))
	look := lookAt(t, c, k)
	object := stored(c.decide(look).Certificates[0].Config)
	show(t, c, object)
	c.reconcile(t.Context(), k)
	ours := verdictsIn(t, c.registry)["ours"]
	if got := verdictsIn(t, c.registry); len(got) != 1 || ours < 5 || len(writer.requests) != 0 {
		t.Fatalf("as it should be: %v, requests %v", got, writer.requests)
	}

	yielded := object.DeepCopy()
	yielded.SetResourceVersion("2")
	entries := yielded.GetManagedFields()
	managed := yielded.Object["metadata"].(map[string]any)["managedFields"].([]any)
	unstructured.RemoveNestedField(managed[0].(map[string]any), "fieldsV1", "f:spec", "f:duration")
	if err := unstructured.SetNestedField(yielded.Object, "1h0m0s", "spec", "duration"); err != nil || len(entries) != 1 {
		t.Fatal(err, entries)
	}
	yielded.Object["metadata"].(map[string]any)["managedFields"] = append(managed, map[string]any{
		"manager": "kustomize-controller", "operation": "Apply", "apiVersion": "cert-manager.io/v1", "fieldsType": "FieldsV1",
		"fieldsV1": map[string]any{"f:spec": map[string]any{"f:duration": map[string]any{}}},
	})
	writer.live = yielded.Object
	show(t, c, yielded)
	if got := verdictsIn(t, c.registry); got["ours"] != ours-1 || got["foreign"] != 1 {
		t.Errorf("before it is looked at: %v", got)
	}
	c.reconcile(t.Context(), k)
	if got := verdictsIn(t, c.registry); got["ours"] != ours-1 || got["yielded"] != 1 || len(got) != 2 {
		t.Errorf("afterwards: %v", got)
	}
}
