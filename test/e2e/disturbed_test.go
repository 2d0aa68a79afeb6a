package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/crds"
)

const burst = 200

// burstOf makes many Ingresses, and returns the namespace's Secrets and their CA.
func (d *deployed) burstOf(t *testing.T, count int) (*cluster.Watch, cluster.Authority, string) {
	t.Helper()
	namespace := d.Namespace(t)
	ca := d.Issuer(t, namespace, "ca")
	secrets := d.Watch(t, cluster.Secrets(), namespace)
	for i := range count {
		set := annotations{issuerKey: "ca", "cert-manager.io/private-key-algorithm": "ECDSA"}
		d.Apply(t, namespace, ingress(fmt.Sprintf("web-%d", i), set, fmt.Sprintf("web-%d.example.com", i)))
	}
	return secrets, ca, namespace
}

func allSigned(t *testing.T, secrets *cluster.Watch, ca cluster.Authority, count int) {
	t.Helper()
	for i := range count {
		secrets.Signed(t, fmt.Sprintf("web-%d-tls", i), ca, fmt.Sprintf("web-%d.example.com", i))
	}
}

// madeOnce fails if a Certificate was made twice or changed after it was made.
func (d *deployed) madeOnce(t *testing.T, namespace string) {
	t.Helper()
	for _, certificate := range d.list(t, namespace) {
		if certificate.GetGeneration() != 1 {
			t.Errorf("%s has generation %d, want 1: it was changed after it was made", certificate.GetName(), certificate.GetGeneration())
		}
	}
}

func TestRestartInTheMiddleOfABurst(t *testing.T) {
	t.Parallel()
	d := startDeployed(t)
	first := d.startFor(t, "first", "--leader-elect=false")
	secrets, ca, namespace := d.burstOf(t, burst)
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	certificates.Until(t, "the burst to have begun", func(state cluster.State) bool { return len(state) > burst/10 })
	if err := first.Kill(); err != nil {
		t.Fatal(err)
	}
	delete(d.running, "first")
	d.startFor(t, "second", "--leader-elect=false")
	allSigned(t, secrets, ca, burst)
	d.madeOnce(t, namespace)
}

func TestRestartOverUpToDateCertificatesWritesNothing(t *testing.T) {
	t.Parallel()
	d := startDeployed(t)
	d.startFor(t, "first", "--leader-elect=false")
	secrets, ca, namespace := d.burstOf(t, burst)
	allSigned(t, secrets, ca, burst)
	d.stop("first")
	before := d.writes(t)

	d.startFor(t, "second", "--leader-elect=false")
	if err := cluster.Poll(t.Context(), "the restart to be through", func(context.Context) (bool, error) {
		done, err := d.metric(t, "second", "certshim_initial_reconcile_done")
		return done == 1, err
	}); err != nil {
		t.Fatal(err)
	}
	d.settled(t, namespace)
	// settled makes one Certificate itself, by one apply.
	if got := d.writes(t) - before; got != 1 {
		t.Errorf("a restart over %d up-to-date Certificates sent %v applies and deletes, want 0 beside the one that ends the wait", burst, got-1)
	}
}

// writes is how many creates, patches and deletes of Certificates' main resource the API
// server has answered.
func (d *deployed) writes(t *testing.T) float64 {
	t.Helper()
	metrics := d.serverMetrics(t)
	var total float64
	for _, verb := range []string{"POST", "PUT", "PATCH", "APPLY", "DELETE"} {
		total += series(t, metrics, "apiserver_request_total",
			`resource="certificates"`, `subresource=""`, fmt.Sprintf("verb=%q", verb), `group="cert-manager.io"`)
	}
	return total
}

func TestTwoReplicasOneWorks(t *testing.T) {
	t.Parallel()
	d := startDeployed(t)
	leading := d.startFor(t, "first")
	d.startFor(t, "second")
	secrets, ca, namespace := d.burstOf(t, burst/4)
	allSigned(t, secrets, ca, burst/4)
	d.madeOnce(t, namespace)
	if err := leading.Kill(); err != nil {
		t.Fatal(err)
	}
	delete(d.running, "first")
	d.Apply(t, namespace, ingress("after", annotations{issuerKey: "ca"}, "after.example.com"))
	secrets.Signed(t, "after-tls", ca, "after.example.com")
}

func TestAPIServerThatRestarts(t *testing.T) {
	t.Parallel()
	d := startDeployed(t)
	d.startFor(t, "certshim", "--leader-elect=false")
	secrets, ca, namespace := d.burstOf(t, burst/4)
	if err := d.ControlPlane.RestartAPIServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	allSigned(t, secrets, ca, burst/4)
	d.Apply(t, namespace, ingress("after", annotations{issuerKey: "ca"}, "after.example.com"))
	secrets.Signed(t, "after-tls", ca, "after.example.com")
	d.madeOnce(t, namespace)
}

// What becomes of the Certificates of a kind that went isn't asked: the garbage collector may miss that their owners went with the CRD.
func TestKindWhoseCRDComesLaterAndGoes(t *testing.T) {
	t.Parallel()
	d := startDeployed(t, cluster.WithoutGatewayAPI())
	d.startFor(t, "certshim", "--leader-elect=false")
	namespace := d.Namespace(t)
	ca := d.Issuer(t, namespace, "ca")
	secrets := d.Watch(t, cluster.Secrets(), namespace)

	if err := crds.Install(t.Context(), d.Config, crds.Gateway); err != nil {
		t.Fatal(err)
	}
	d.Apply(t, namespace, gateway("edge", annotations{issuerKey: "ca"}, "a.example.com"))
	secrets.Signed(t, "edge-tls", ca, "a.example.com")

	if err := crds.Remove(t.Context(), d.Config, crds.Gateway); err != nil {
		t.Fatal(err)
	}
	d.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca"}, "b.example.com"))
	secrets.Signed(t, "web-tls", ca, "b.example.com")

	if err := crds.Install(t.Context(), d.Config, crds.Gateway); err != nil {
		t.Fatal(err)
	}
	d.Apply(t, namespace, gateway("again", annotations{issuerKey: "ca"}, "c.example.com"))
	secrets.Signed(t, "again-tls", ca, "c.example.com")
}

func TestBadInputMakesNoHotLoop(t *testing.T) {
	t.Parallel()
	d := startDeployed(t)
	d.startFor(t, "certshim", "--leader-elect=false")
	namespace := d.Namespace(t)
	d.Issuer(t, namespace, "ca")
	events := d.Watch(t, cluster.Events(), namespace)
	const bad = 50
	for i := range bad {
		set := annotations{issuerKey: "ca", "cert-manager.io/duration": fmt.Sprintf("%dd", i+1)}
		d.Apply(t, namespace, ingress(fmt.Sprintf("bad-%d", i), set, "a.example.com"))
	}
	for i := range bad {
		awaitWarning(t, events, fmt.Sprintf("bad-%d", i), "BadConfig")
	}
	writes, created := d.writes(t), d.eventsCreated(t)
	for i := range bad {
		d.patch(t, ingresses, namespace, fmt.Sprintf("bad-%d", i), `{"metadata":{"labels":{"touched":"yes"}}}`)
	}
	d.settled(t, namespace)
	// One apply and one Event are those of settled's own Certificate.
	if got := d.writes(t) - writes; got != 1 {
		t.Errorf("%d bad objects, touched once more, led to %v writes of Certificates, want 0", bad, got-1)
	}
	if got := d.eventsCreated(t) - created; got > 1 {
		t.Errorf("%d bad objects, touched once more, led to %v more Events, want 0", bad, got-1)
	}
}

// eventsCreated is how many Events certshim has made.
func (d *deployed) eventsCreated(t *testing.T) float64 {
	t.Helper()
	total, err := d.metric(t, "certshim", "certshim_events_total")
	if err != nil {
		t.Fatal(err)
	}
	return total
}
