package cluster

import (
	"encoding/json"
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// Finding is one of `certshim doctor -o json`.
type Finding struct{ Code, Level, Text, Help string }

// Findings reads what doctor prints as JSON.
func Findings(t *testing.T, output []byte) []Finding {
	t.Helper()
	var report struct{ Findings []Finding }
	if err := json.Unmarshal(output, &report); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return report.Findings
}

// RunsReplicas gives a Deployment the status that it would have with so many Pods that are ready: nothing here runs them.
func (c *Cluster) RunsReplicas(t *testing.T, namespace, name string, replicas int) {
	t.Helper()
	deployments := c.Dynamic.Resource(schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"})
	status := fmt.Sprintf(`{"status":{"replicas":%[1]d,"readyReplicas":%[1]d}}`, replicas)
	if _, err := deployments.Namespace(namespace).Patch(t.Context(), name, types.MergePatchType, []byte(status), metav1.PatchOptions{}, "status"); err != nil {
		t.Fatal(err)
	}
}
