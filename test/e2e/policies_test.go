package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/test/cluster"
)

var namespaces = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}

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
	t.Parallel()
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

	d.patch(t, namespaces, "", namespace, `{"metadata":{"labels":{"tier":"gold"}}}`)
	gold := func(c *unstructured.Unstructured) bool {
		return field(c, "spec|issuerRef|name") == "gold" && field(c, "spec|duration") == "720h0m0s" &&
			field(c, "metadata|annotations|certshim.io/from-resolver") == "duration"
	}
	certificates.Object(t, "web-tls", "to move to the issuer of the other policy", gold)
	certificates.Object(t, "other-tls", "to be made by the other policy", gold)
}

// The annotations of a Namespace name the issuer of its objects that name none, from the
// moment at which they change, and what is wrong with them is reported on these objects only.
func TestTheIssuerOfANamespace(t *testing.T) {
	t.Parallel()
	d := startDeployed(t)
	file := filepath.Join(t.TempDir(), "certshim.yaml")
	if err := os.WriteFile(file, []byte("apiVersion: certshim.io/v1alpha1\nkind: ControllerConfiguration\nnamespaceDefaults: true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	namespace := d.Namespace(t)
	for _, name := range []string{"ca", "team", "last"} {
		d.Issuer(t, namespace, name)
	}
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	secrets := d.Watch(t, cluster.Secrets(), namespace)
	events := d.Watch(t, cluster.Events(), namespace)
	d.startFor(t, "certshim", "--leader-elect=false", "--config="+file, "--default-issuer-name=last")
	names := func(issuer string) func(*unstructured.Unstructured) bool {
		return func(c *unstructured.Unstructured) bool { return field(c, "spec|issuerRef|name") == issuer }
	}
	annotate := func(key, value string) { d.annotate(t, namespaces, "", namespace, key, &value) }

	d.Apply(t, namespace, ingress("web", annotations{"kubernetes.io/tls-acme": "true"}, "a.example.com"))
	d.Apply(t, namespace, ingress("named", annotations{issuerKey: "ca"}, "b.example.com"))
	certificates.Object(t, "web-tls", "to be made by the cluster's default", names("last"))

	annotate(issuerKey, "team")
	certificates.Object(t, "web-tls", "to move to the issuer of the Namespace", names("team"))
	certificates.Ready(t, "web-tls")
	secrets.Object(t, "web-tls", "to be signed", exists)
	d.planOf(t, "-n", namespace, "--config="+file).says(t, 0, "Issuer/team", "2 none")

	annotate("cert-manager.io/issuer-kind", "Isuer")
	event := awaitWarning(t, events, "web", "BadIssuer")
	wantIn(t, fmt.Sprint(field(event, "note")), "on Namespace "+namespace, "cert-manager.io/issuer: team")
	d.settled(t, namespace)
	if got := field(d.certificate(t, namespace, "web-tls"), "spec|issuerRef|name"); got != "team" {
		t.Errorf("the issuer is %v while the Namespace is wrong", got)
	}
	if got := warningsAbout(events.State(), "named"); len(got) > 0 {
		t.Errorf("reported on an object that names its issuer: %v", got)
	}
}
