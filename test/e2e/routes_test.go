package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/test/cluster"
)

var httpRoutes = schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "httproutes"}

// style is what a Gateway controller says while the Secret of a listener is missing: of the Gateway, of the
// listener's references, and of a route that attaches to it, with the reason.
type style struct{ gateway, refs, route, reason string }

// styles are those of Envoy Gateway and Istio, of Traefik, and of NGINX Gateway Fabric.
var styles = map[string]style{
	"sound":   {"True", "False", "True", "Accepted"},
	"traefik": {"False", "False", "False", "NoMatchingParent"},
	"ngf":     {"True", "False", "False", "InvalidListener"},
}

func routeCondition(kind, status, reason string) string {
	now := metav1.Now().UTC().Format("2006-01-02T15:04:05Z")
	return fmt.Sprintf(`{"type":%q,"status":%q,"reason":%q,"message":"","observedGeneration":1,"lastTransitionTime":%q}`, kind, status, reason, now)
}

// control writes the status of a Gateway and its route as a controller would.
func (d *deployed) control(t *testing.T, namespace, name string, s style) {
	t.Helper()
	patch := func(resource schema.GroupVersionResource, name, status string) {
		_, err := d.Dynamic.Resource(resource).Namespace(namespace).Patch(t.Context(), name, types.MergePatchType, []byte(`{"status":`+status+`}`), metav1.PatchOptions{}, "status")
		if err != nil {
			t.Fatal(err)
		}
	}
	patch(gateways, name, fmt.Sprintf(`{"conditions":[%s],"listeners":[{"name":"https","attachedRoutes":0,"supportedKinds":[{"kind":"HTTPRoute"}],"conditions":[%s]}]}`,
		routeCondition("Accepted", s.gateway, "Accepted"), routeCondition("ResolvedRefs", s.refs, "InvalidCertificateRef")))
	patch(httpRoutes, name, fmt.Sprintf(`{"parents":[{"controllerName":"example.com/controller","parentRef":{"name":%q},"conditions":[%s]}]}`,
		name, routeCondition("Accepted", s.route, s.reason)))
}

func httpRoute(name, parent string, hosts ...string) string {
	return fmt.Sprintf(`
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: %s}
spec:
  parentRefs: [{name: %s}]
  hostnames: ["%s"]
`, name, parent, strings.Join(hosts, `", "`))
}

// Names of routes are in the first certificate whatever the controller says of routes while the Secret is missing,
// which only that certificate changes. Without the permission on routes Gateways have their own names.
func TestNamesOfRoutesDontWaitForTheirStatus(t *testing.T) {
	t.Parallel()
	d := startDeployed(t)
	namespace := d.Namespace(t)
	file := filepath.Join(t.TempDir(), "certshim.yaml")
	text := "apiVersion: certshim.io/v1alpha1\nkind: ControllerConfiguration\ngatewayAPI: {routeNames: {namespaces: {" + namespace + ": [example.com]}}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ca := d.Issuer(t, namespace, "ca")
	secrets := d.Watch(t, cluster.Secrets(), namespace)
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	events := d.Watch(t, cluster.Events(), namespace)
	set := annotations{issuerKey: "ca", "certshim.io/route-names": "true"}
	for name, s := range styles {
		d.Apply(t, namespace, gateway(name, set, "'*."+name+".example.com'"))
		d.Apply(t, namespace, httpRoute(name, name, "a.b."+name+".example.com", "www.example.org"))
		d.control(t, namespace, name, s)
	}
	d.startFor(t, "certshim", "--leader-elect=false", "--config="+file)
	for name := range styles {
		secrets.Signed(t, name+"-tls", ca, "*."+name+".example.com")
		awaitWarning(t, events, name, "RouteNames")
	}
	d.allow(t, httpRoutes.Group, httpRoutes.Resource)
	d.stop("certshim")
	for name := range styles {
		d.delete(t, cluster.Certificates(), namespace, name+"-tls")
		d.delete(t, cluster.Secrets(), namespace, name+"-tls")
		certificates.Gone(t, name+"-tls")
		secrets.Gone(t, name+"-tls")
	}
	names := []string{"*.rolled.example.com"}
	d.Apply(t, namespace, gateway("rolled", set, "'*.rolled.example.com'"))
	for n := range rolled {
		d.Apply(t, namespace, rolledRoute(n))
		if n < rolledHosts {
			names = append(names, fmt.Sprintf("n%d.deep.rolled.example.com", n))
		}
	}
	d.startFor(t, "certshim", "--leader-elect=false", "--config="+file)
	secrets.Signed(t, "rolled-tls", ca, names...)
	for name, s := range styles {
		secrets.Signed(t, name+"-tls", ca, "*."+name+".example.com", "a.b."+name+".example.com")
		made := certificates.Ready(t, name+"-tls")
		s.gateway, s.refs, s.route = "True", "True", "True"
		d.control(t, namespace, name, s)
		d.settled(t, namespace)
		if now := d.certificate(t, namespace, name+"-tls"); now.GetGeneration() != made.GetGeneration() {
			t.Errorf("once %s has the Secret, its Certificate changes: %v", name, now.Object["spec"])
		}
	}

	t.Run("the status of routes wakes nobody", func(t *testing.T) {
		const updates = 60
		looks := func() float64 { return must(d.metric(t, "certshim", "certshim_reconciles_total"))(t) }
		d.settled(t, namespace)
		before := looks()
		for n := range updates {
			status := fmt.Sprintf(`{"status":{"parents":[{"controllerName":"example.com/%d","parentRef":{"name":"sound"},"conditions":[%s]}]}}`, n, routeCondition("Accepted", "True", "Accepted"))
			must(d.Dynamic.Resource(httpRoutes).Namespace(namespace).Patch(t.Context(), "sound", types.MergePatchType, []byte(status), metav1.PatchOptions{}, "status"))(t)
		}
		d.settled(t, namespace)
		if after := looks(); after-before >= updates/2 {
			t.Errorf("%d changes of a status lead to %v looks", updates, after-before)
		}
	})
	t.Run("a rollout of routes is no reason to issue anew", func(t *testing.T) { d.rollOut(t, namespace, file) })
	t.Run("a CRD that is removed takes no name along", func(t *testing.T) {
		before := d.certificate(t, namespace, "sound-tls")
		name := httpRoutes.Resource + "." + httpRoutes.Group
		if err := d.Dynamic.Resource(definitions).Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		d.Apply(t, namespace, gateway("later", set, "'*.later.example.com'"))
		awaitNote(t, events, "later", "RouteNames", "not all routes can be read")
		d.settled(t, namespace)
		if now := d.certificate(t, namespace, "sound-tls"); now.GetGeneration() != before.GetGeneration() {
			t.Errorf("its names are %v", field(now, "spec|dnsNames"))
		}
	})
}

// rolled are routes of a Gateway that a rollout makes anew, and their few names.
const (
	rolled      = 500
	rolledHosts = 8
)

func rolledRoute(n int) string {
	return httpRoute(fmt.Sprintf("rolled-%d", n), "rolled", fmt.Sprintf("n%d.deep.rolled.example.com", n%rolledHosts))
}

// rollOut makes each of the routes anew. Their Certificate stays as it is, and a plan, which waits for no pause, finds nothing to do.
func (d *deployed) rollOut(t *testing.T, namespace, config string) {
	t.Helper()
	before := d.certificate(t, namespace, "rolled-tls")
	for n := range rolled {
		d.delete(t, httpRoutes, namespace, fmt.Sprintf("rolled-%d", n))
		d.Apply(t, namespace, rolledRoute(n))
	}
	d.settled(t, namespace)
	d.planOf(t, "gateway/rolled", "-n", namespace, "--config="+config).says(t, 0, "1 source: 1 none")
	if now := d.certificate(t, namespace, "rolled-tls"); now.GetGeneration() != before.GetGeneration() {
		t.Errorf("its spec changed %d times: %v", now.GetGeneration()-before.GetGeneration(), field(now, "spec|dnsNames"))
	}
}
