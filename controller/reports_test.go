package controller

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cluster"
	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/inventory"
)

// reportsAt is a cluster without reports, which notes those that are made.
type reportsAt struct {
	script
	made []map[string]any
}

func (r *reportsAt) NamespacesWith(context.Context, schema.GroupVersionResource, string, []string) ([]string, error) {
	return nil, nil
}

func (r *reportsAt) WriterOf(schema.GroupVersionResource) (cluster.Writer, error) { return r, nil }

func (r *reportsAt) Apply(_ context.Context, _ types.NamespacedName, config map[string]any, _ certificate.Guard, _ bool) (string, error) {
	r.made = append(r.made, config)
	return "1", nil
}

// A Certificate of which others hold a part is read for the report of its namespace, once, by a look at its source
// that changes nothing.
func TestCertificatesAreReadForReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		writer := &script{}
		c := newTestController(t, writer, func(config *Config) { config.Ownership.Reports = configuration.AutoReports })
		defer c.queue.ShutDown()
		k := see(t, c, ingress(issuer, "tls"))
		live := stored(c.decide(lookAt(t, c, k)).Certificates[0].Config)
		metadata := live.Object["metadata"].(map[string]any)
		metadata["labels"] = map[string]any{"team": "a"}
		metadata["managedFields"] = append(metadata["managedFields"].([]any), map[string]any{
			"manager": "kubectl-label", "operation": "Update", "apiVersion": "cert-manager.io/v1", "fieldsType": "FieldsV1",
			"fieldsV1": map[string]any{"f:metadata": map[string]any{"f:labels": map[string]any{"f:team": map[string]any{}}}},
		})
		show(t, c, live)
		writer.live = live.Object
		drain := func() {
			for synctest.Wait(); c.queue.Len() > 0; synctest.Wait() {
				next, _ := c.queue.Get()
				c.reconcile(t.Context(), next)
				c.queue.Done(next)
			}
		}
		c.reconcile(t.Context(), k)
		drain()
		if len(writer.requests) != 0 {
			t.Fatalf("before the report: %v", writer.requests)
		}
		c.facts.Store(&inventory.Facts{Served: inventory.ReadDiscovery([]*metav1.APIResourceList{listOf("wgpolicyk8s.io/v1alpha2",
			metav1.APIResource{Name: "policyreports", Kind: "PolicyReport", Namespaced: true})}, nil, nil)})
		at := &reportsAt{}
		c.reports = c.newReports(at)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go c.reports.Run(ctx)
		for _, state := range []string{"at first", "one minute later", "at rest"} {
			drain()
			if want := []string{"get tls"}; !slices.Equal(writer.requests, want) {
				t.Errorf("%s: requests %v, want %v", state, writer.requests, want)
			}
			time.Sleep(time.Minute) // of the bubble's clock
		}
		if len(at.made) != 1 {
			t.Fatalf("reports: %v", at.made)
		}
		results := at.made[0]["results"].([]any)
		if got := results[0].(map[string]any); len(results) != 1 || got["rule"] != "foreign" || got["properties"].(map[string]any)["path"] != ".metadata.labels.team" {
			t.Errorf("results %v", results)
		}
	})
}
