package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/certshim/certshim/test/cluster"
)

// Of many objects on one issuer, its readiness concerns those that were made while it wasn't
// ready: the others aren't looked at, and nothing at all is written.
func TestReadinessFlipsOfAnIssuerThatManyUse(t *testing.T) {
	t.Parallel()
	const users, late, flips = 300, 3, 10
	d := startDeployed(t)
	d.define(t, stepIssuers)
	through := d.listen(t)
	namespace := d.Namespace(t)
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	step := annotations{
		issuerKey: "corp", "cert-manager.io/issuer-kind": "StepIssuer", "cert-manager.io/issuer-group": "certmanager.step.sm",
		"cert-manager.io/private-key-algorithm": "ECDSA",
	}
	d.Apply(t, namespace, fmt.Sprintf(stepIssuer, "True"))
	for i := range users {
		d.Apply(t, namespace, ingress(fmt.Sprintf("web-%d", i), step, fmt.Sprintf("web-%d.example.com", i)))
	}
	if err := d.launchWith(t.Context(), "certshim", nil, "--kubeconfig="+through.kubeconfig, "--leader-elect=false"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.stop("certshim") })
	settle := func(made, told int) {
		t.Helper()
		certificates.Until(t, fmt.Sprint(made, " Certificates"), func(state cluster.State) bool { return len(state) == made })
		if err := cluster.Poll(t.Context(), "the Events to be sent", func(context.Context) (bool, error) {
			events, err := d.metric(t, "certshim", "certshim_events_total")
			return events >= float64(told), err
		}); err != nil {
			t.Fatal(err)
		}
	}
	flip := func(ready, state string) {
		t.Helper()
		d.Apply(t, namespace, fmt.Sprintf(stepIssuer, ready))
		d.untilMetric(t, fmt.Sprintf(`certshim_issuers{group="certmanager.step.sm",kind="StepIssuer",state=%q} 1`, state))
	}
	looked := func() float64 {
		t.Helper()
		return must(d.metric(t, "certshim", "certshim_reconciles_total"))(t)
	}

	settle(users, users)
	before, written := looked(), through.written()
	for range flips {
		flip("False", "not_ready")
		flip("True", "ready")
	}
	if n, w := looked()-before, through.written()-written; n != 0 || w != 0 {
		t.Errorf("%d flips: %v objects are looked at, %d requests write", flips, n, w)
	}

	flip("False", "not_ready")
	events := d.Watch(t, cluster.Events(), namespace)
	for i := range late {
		d.Apply(t, namespace, ingress(fmt.Sprintf("late-%d", i), step, fmt.Sprintf("late-%d.example.com", i)))
		awaitWarning(t, events, fmt.Sprintf("late-%d", i), "IssuerNotReady")
	}
	settle(users+late, users+2*late)
	before, written = looked(), through.written()
	flip("True", "ready")
	if err := cluster.Poll(t.Context(), "those that wait to be looked at", func(context.Context) (bool, error) { return looked()-before >= late, nil }); err != nil {
		t.Fatal(err)
	}
	flip("False", "not_ready")
	if n, w := looked()-before, through.written()-written; n != late || w != 0 {
		t.Errorf("%v objects are looked at, where %d wait; %d requests write", n, late, w)
	}
}
