package e2e

import (
	"context"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/proxy"
)

// Who sees a change in the Certificate may take it back before certshim's own watch shows
// what it has just written: the Certificate that it remembers then looks right.
func TestAChangeTakenBackWhileTheWatchIsBehind(t *testing.T) {
	t.Parallel()
	d := startDeployed(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	g := proxy.Gate{Of: "/certificates"}
	if err := d.launchWith(t.Context(), "certshim", nil, "--leader-elect=false", "--kubeconfig="+d.proxied(t, nil, g.See)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.stop("certshim") })
	namespace := d.Namespace(t)
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	lasts := func(duration string) {
		t.Helper()
		certificates.Object(t, "web-tls", "to last "+duration, func(object *unstructured.Unstructured) bool {
			return field(object, "spec|duration") == duration
		})
	}
	const key = "cert-manager.io/duration"
	first, second := "2000h0m0s", "3000h0m0s"
	d.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca", key: first}, "a.example.com"))
	lasts(first)
	// A stranger's edit of the Certificate is looked at: what certshim made is known then.
	stranger := "here"
	d.untilLooks(t, func() { d.annotate(t, cluster.Certificates(), namespace, "web-tls", "example.com/stranger", &stranger) })

	g.Lock()
	d.annotate(t, ingresses, namespace, "web", key, &second)
	lasts(second)
	d.untilLooks(t, func() { d.annotate(t, ingresses, namespace, "web", key, &first) })
	g.Unlock()
	lasts(first)
}

// untilLooks waits until certshim has looked at a source once more than before do.
func (d *deployed) untilLooks(t *testing.T, do func()) {
	t.Helper()
	looks := func() (float64, error) { return d.metric(t, "certshim", "certshim_reconciles_total") }
	before := must(looks())(t)
	do()
	if err := cluster.Poll(t.Context(), "certshim to look at a source again", func(context.Context) (bool, error) {
		now, err := looks()
		return now > before, err
	}); err != nil {
		t.Fatal(err)
	}
}
