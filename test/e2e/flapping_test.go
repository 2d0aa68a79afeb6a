package e2e

import (
	"context"
	"flag"
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/certshim/certshim/test/cluster"
)

// flaps is how often a kind comes and goes.
var flaps = flag.Int("flaps", 20, "how often the kind of TestAKindThatFlaps comes and goes")

// A kind that comes and goes, with objects and while others are made, leaves no informer, goroutine or watch behind, and
// works when it stays.
func TestAKindThatFlaps(t *testing.T) {
	t.Parallel()
	d := startDeployed(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	d.startFor(t, "certshim", "--leader-elect=false")
	namespace := d.Namespace(t)
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	d.settled(t, namespace)
	goroutines := func() float64 {
		t.Helper()
		return must(d.metric(t, "certshim", "go_goroutines"))(t)
	}
	before := goroutines()
	if before == 0 {
		t.Fatal("there is no metric of goroutines")
	}

	of := shippedType(t, "skipper-routegroup")
	definition, client := definitionOf(t, of), d.Dynamic.Resource(resourceOf(of)).Namespace(namespace)
	for i := range *flaps {
		name := d.defineAgain(t, definition)
		createServed(t, client, exampleIn(t, of, namespace))
		d.Apply(t, namespace, ingress(fmt.Sprintf("web-%d", i), annotations{issuerKey: "ca"}, "a.example.com"))
		if err := d.Dynamic.Resource(definitions).Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := cluster.Poll(t.Context(), "the CRD to be gone", func(context.Context) (bool, error) {
			_, err := d.Dynamic.Resource(definitions).Get(t.Context(), name, metav1.GetOptions{})
			return apierrors.IsNotFound(err), nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range *flaps {
		certificates.Object(t, fmt.Sprintf("web-%d-tls", i), "to be made", exists)
	}
	if err := cluster.Poll(t.Context(), "the watches of the kind to end", func(context.Context) (bool, error) {
		return series(t, d.serverMetrics(t), "apiserver_longrunning_requests", `resource="routegroups"`, `verb="WATCH"`) == 0, nil
	}); err != nil {
		t.Error(err)
	}
	// Connections that rest, and what works at the moment, make a difference of a few.
	const few = 10
	if err := cluster.Poll(t.Context(), fmt.Sprintf("the goroutines to be %v again", before), func(context.Context) (bool, error) { return goroutines() <= before+few, nil }); err != nil {
		t.Errorf("%v; there are %v", err, goroutines())
	}

	d.define(t, definition)
	createServed(t, client, exampleIn(t, of, namespace))
	certificates.Object(t, "retail-tls", "to be made", exists)
}
