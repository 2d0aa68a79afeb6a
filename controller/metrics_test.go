package controller

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/inventory"
)

func TestIssuersAreCountedByKindAndState(t *testing.T) {
	c := newTestController(t, &script{})
	serving(c, inventory.Whole)
	w := issuersOf(t, c, issuerKind)
	for i, ready := range []string{"True", "True", "False", "Unknown"} {
		seeIssuer(t, w, issuerNamed(fmt.Sprint("ca-", i), ready))
	}
	seeIssuer(t, issuersOf(t, c, clusterIssuerKind), issuerNamed("of-a-kind-that-is-not-whole", "True"))
	c.inventory.Know(clusterIssuerKind, inventory.Unreadable)
	want := `
# HELP certshim_issuers Issuers of each kind whose issuers are known, by whether they are ready.
# TYPE certshim_issuers gauge
certshim_issuers{group="cert-manager.io",kind="Issuer",state="not_ready"} 1
certshim_issuers{group="cert-manager.io",kind="Issuer",state="ready"} 2
certshim_issuers{group="cert-manager.io",kind="Issuer",state="unknown"} 1
`
	if err := testutil.CollectAndCompare(newIssuersMetric(c.inventory), strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

// A group that can't be asked is seen; one that isn't served, or of which nothing is read, isn't unknown.
func TestGroupsThatAreUnknown(t *testing.T) {
	c := newTestController(t, &script{})
	unknown := func() (groups []string) {
		registry := prometheus.NewRegistry()
		registry.MustRegister(newGroupsMetric(c))
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range families[0].GetMetric() {
			if m.GetGauge().GetValue() == 1 {
				groups = append(groups, m.GetLabel()[0].GetValue())
			}
		}
		return groups
	}
	down := map[schema.GroupVersion]error{}
	for _, row := range []struct {
		down string
		want []string
	}{{"metrics.k8s.io", nil}, {"gateway.networking.k8s.io", []string{"gateway.networking.k8s.io"}}} {
		down[schema.GroupVersion{Group: row.down, Version: "v1"}] = errors.New("503")
		c.facts.Store(&inventory.Facts{Served: inventory.ReadDiscovery([]*metav1.APIResourceList{certManager()}, down, nil)})
		if got := unknown(); !slices.Equal(got, row.want) {
			t.Errorf("while %s is down, unknown are %v", row.down, got)
		}
	}
}
