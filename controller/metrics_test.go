package controller

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

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
