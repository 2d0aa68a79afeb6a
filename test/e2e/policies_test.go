package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/test/cluster"
)

const goldPolicy = `
apiVersion: certshim.io/v1alpha1
kind: ControllerConfiguration
policies:
- name: gold
  namespaceSelector: tier=gold
  issuer: {name: gold}
  values: {duration: 720h}
- name: rest
  issuer: {name: ca}
  allowedHosts: [example.com]
`

// The labels of a namespace decide about its objects, from the moment at which they change.
func TestPoliciesByTheLabelsOfNamespaces(t *testing.T) {
	d := startDeployed(t)
	file := filepath.Join(t.TempDir(), "certshim.yaml")
	if err := os.WriteFile(file, []byte(goldPolicy), 0o600); err != nil {
		t.Fatal(err)
	}
	namespace := d.Namespace(t)
	d.Issuer(t, namespace, "ca")
	d.Issuer(t, namespace, "gold")
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	events := d.Watch(t, cluster.Events(), namespace)
	d.startFor(t, "certshim", "--leader-elect=false", "--config="+file)

	auto := annotations{"kubernetes.io/tls-acme": "true"}
	d.Apply(t, namespace, ingress("web", auto, "a.example.com"))
	d.Apply(t, namespace, ingress("other", auto, "a.example.org"))
	web := certificates.Object(t, "web-tls", "to be made", exists)
	if field(web, "spec|issuerRef|name") != "ca" || field(web, "spec|duration") != nil {
		t.Errorf("of the policy that matches last: %v", web.Object["spec"])
	}
	awaitWarning(t, events, "other", "HostNotAllowed")

	d.patch(t, schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}, "", namespace, `{"metadata":{"labels":{"tier":"gold"}}}`)
	gold := func(c *unstructured.Unstructured) bool {
		return field(c, "spec|issuerRef|name") == "gold" && field(c, "spec|duration") == "720h0m0s" &&
			field(c, "metadata|annotations|certshim.io/from-resolver") == "duration"
	}
	certificates.Object(t, "web-tls", "to move to the issuer of the other policy", gold)
	certificates.Object(t, "other-tls", "to be made by the other policy", gold)
}
