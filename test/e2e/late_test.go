package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/crds"
	"github.com/certshim/certshim/test/proxy"
)

// discoveries are the questions which resources are served.
func discoveries() *proxy.Barrier {
	return &proxy.Barrier{Matches: func(r *http.Request) bool { return r.Method == http.MethodGet && r.URL.Path == "/apis" }}
}

// launchThrough runs certshim until the end of the test, through a proxy as proxied makes it.
func (d *deployed) launchThrough(t *testing.T, before func(*http.Request), see func(*http.Response) error, flags ...string) *cluster.Certshim {
	t.Helper()
	flags = append([]string{"--kubeconfig=" + d.proxied(t, before, see)}, flags...)
	if err := d.launchWith(t.Context(), "certshim", nil, flags...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.stop("certshim") })
	if err := d.untilReady(t.Context(), "certshim"); err != nil {
		t.Fatal(err)
	}
	return d.running["certshim"]
}

// A Gateway and its ListenerSet are both there when certshim hears of their kinds.
func TestGatewayAPIThatIsInstalledWithItsObjects(t *testing.T) {
	t.Parallel()
	d := startDeployed(t, cluster.WithoutGatewayAPI(), cluster.WithoutCertManager(), cluster.WithoutWebhook())
	discovery := discoveries()
	d.launchThrough(t, discovery.Before, nil, "--leader-elect=false")
	namespace := d.Namespace(t)
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	events := d.Watch(t, cluster.Events(), namespace)

	discovery.Shut()
	if err := crds.Install(t.Context(), d.Config, crds.Gateway); err != nil {
		t.Fatal(err)
	}
	d.Apply(t, namespace, gateway("edge", annotations{issuerKey: "ca"}, "a.example.com"))
	d.Apply(t, namespace, listenerSet("team", "edge", annotations{issuerKey: "ca"}, "b.example.com"))
	discovery.Open()

	certificates.Object(t, "edge-tls", "to be made", exists)
	certificates.Object(t, "team-tls", "to be made", exists)
	d.settled(t, namespace)
	if got := warningsAbout(events.State(), "team"); got["ParentNotFound"] > 0 {
		t.Errorf("Events: %v; the Gateway has been there all the time", got)
	}
}

// Without cert-manager's CRDs certshim waits, and says for what. It works as soon as they are there.
func TestCertManagerThatIsInstalledLater(t *testing.T) {
	t.Parallel()
	d := startDeployed(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	if err := crds.Remove(t.Context(), d.Config, crds.CertManager); err != nil {
		t.Fatal(err)
	}
	if err := d.launch(t.Context(), "certshim", "--leader-elect=false"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.stop("certshim") })
	namespace := d.Namespace(t)
	d.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca"}, "a.example.com"))
	if err := cluster.Poll(t.Context(), "certshim to say what it waits for", func(context.Context) (bool, error) {
		log, err := os.ReadFile(filepath.Join(d.Logs, "certshim.log"))
		return strings.Contains(string(log), "install cert-manager's CRDs"), err
	}); err != nil {
		t.Fatal(err)
	}
	if err := crds.Install(t.Context(), d.Config, crds.CertManager); err != nil {
		t.Fatal(err)
	}
	d.Watch(t, cluster.Certificates(), namespace).Object(t, "web-tls", "to be made", exists)
	if err := d.untilReady(t.Context(), "certshim"); err != nil {
		t.Fatal(err)
	}
}

// What may not be read can't be known. It counts as missing neither before the permission is
// there nor after.
func TestGatewaysThatMayBeReadLater(t *testing.T) {
	t.Parallel()
	d := startDeployed(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	d.forbid(t, gateways)
	namespace := d.Namespace(t)
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	events := d.Watch(t, cluster.Events(), namespace)
	d.startFor(t, "certshim", "--leader-elect=false")
	d.untilMetric(t, fmt.Sprintf(`certshim_resource_forbidden{resource=%q} 1`, gateways.GroupResource()))
	d.Apply(t, namespace, gateway("edge", annotations{issuerKey: "ca"}, "a.example.com"))
	d.Apply(t, namespace, listenerSet("team", "edge", annotations{issuerKey: "ca"}, "b.example.com"))
	awaitWarning(t, events, "team", "ParentNotFound")

	d.allow(t, gateways.Group, gateways.Resource)
	certificates.Object(t, "team-tls", "to be made", exists)
	d.settled(t, namespace)
	for _, event := range events.State() {
		if note := fmt.Sprint(field(event, "note")); about(event, "team") && strings.Contains(note, "isn't there") {
			t.Errorf("a Gateway that may not be read counts as missing: %s", note)
		}
	}
	d.untilMetric(t, `certshim_current_problems{reason="ParentNotFound",severity="warning"} 0`)
}

// forbid takes away the permission to read a resource that deploy/ gives, and returns when the
// API server goes by that.
func (d *deployed) forbid(t *testing.T, resource schema.GroupVersionResource) {
	t.Helper()
	roles := must(kubernetes.NewForConfig(d.Config))(t).RbacV1().ClusterRoles()
	role := must(roles.Get(t.Context(), account, metav1.GetOptions{}))(t)
	for _, verb := range []string{"list", "watch"} {
		role.Rules = reduced(role.Rules, permission{group: resource.Group, resource: resource.Resource, verb: verb})
	}
	must(roles.Update(t.Context(), role, metav1.UpdateOptions{}))(t)
	client := must(dynamic.NewForConfig(must(clientcmd.BuildConfigFromFlags("", d.kubeconfig))(t)))(t)
	if err := cluster.Poll(t.Context(), "the API server to forbid "+resource.Resource, func(context.Context) (bool, error) {
		_, err := client.Resource(resource).List(t.Context(), metav1.ListOptions{Limit: 1})
		return apierrors.IsForbidden(err), nil
	}); err != nil {
		t.Fatal(err)
	}
}

var definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// cert-manager's CRDs are upgraded while certshim runs.
func TestFieldThatTheCertificateCRDGainsLater(t *testing.T) {
	t.Parallel()
	d := startDeployed(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	const older = `[{"op":"remove","path":"/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/renewBeforePercentage"}]`
	if _, err := d.Dynamic.Resource(definitions).Patch(
		t.Context(), cluster.Certificates().GroupResource().String(), types.JSONPatchType, []byte(older), metav1.PatchOptions{},
	); err != nil {
		t.Fatal(err)
	}
	namespace := d.Namespace(t)
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	events := d.Watch(t, cluster.Events(), namespace)
	d.startFor(t, "certshim", "--leader-elect=false")
	set := annotations{issuerKey: "ca", "cert-manager.io/duration": "2000h", "cert-manager.io/renew-before-percentage": "30"}
	d.Apply(t, namespace, ingress("web", set, "a.example.com"))
	awaitWarning(t, events, "web", "FieldNotServed")
	made := certificates.Object(t, "web-tls", "to be made", exists)
	if got := field(made, "spec|duration"); got != "2000h0m0s" {
		t.Errorf("duration %v: the other fields are not left out", got)
	}
	const problem = `certshim_current_problems{reason="FieldNotServed",severity="error"} `
	d.untilMetric(t, problem+"1")

	if err := crds.Install(t.Context(), d.Config, crds.CertManager); err != nil {
		t.Fatal(err)
	}
	// A watch from before the upgrade shows objects without the new field, so that the Certificate
	// itself is asked for.
	if err := cluster.Poll(t.Context(), "the Certificate to get the field", func(context.Context) (bool, error) {
		return field(d.certificate(t, namespace, "web-tls"), "spec|renewBeforePercentage") == int64(30), nil
	}); err != nil {
		t.Fatal(err)
	}
	d.untilMetric(t, problem+"0")
	if got := warningsAbout(events.State(), "web"); got["FieldNotServed"] != 1 {
		t.Errorf("Events: %v, want FieldNotServed once", got)
	}
}
