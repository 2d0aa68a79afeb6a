package e2e

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/test/cluster"
)

func TestAnIssuerThatComesLaterIsToldAndSigns(t *testing.T) {
	namespace := shared.Namespace(t)
	events := shared.Watch(t, cluster.Events(), namespace)
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	secrets := shared.Watch(t, cluster.Secrets(), namespace)
	shared.Apply(t, namespace, ingress("web", annotations{issuerKey: "late"}, "a.example.com"))
	event := awaitWarning(t, events, "web", "IssuerNotFound")
	wantIn(t, fmt.Sprint(field(event, "note")), issuerKey, "there is no Issuer late in this namespace")
	certificates.Object(t, "web-tls", "to be made all the same", exists)

	ca := shared.Issuer(t, namespace, "late")
	secrets.Signed(t, "web-tls", ca, "a.example.com")
	if got := warningsAbout(events.State(), "web"); got["IssuerNotFound"] != 1 {
		t.Errorf("Events: %v, want IssuerNotFound once", got)
	}
}

func TestAMisspeltIssuerIsToldTheNearest(t *testing.T) {
	namespace := shared.Namespace(t)
	shared.Issuer(t, namespace, "corporate")
	events := shared.Watch(t, cluster.Events(), namespace)
	shared.Apply(t, namespace, ingress("web", annotations{issuerKey: "corporat"}, "a.example.com"))
	event := awaitWarning(t, events, "web", "IssuerNotFound")
	wantIn(t, fmt.Sprint(field(event, "note")), "; write cert-manager.io/issuer: corporate")
}

// The Certificate stays with the issuer it has until the other one is there.
func TestARedirectToAMissingIssuerWaitsForIt(t *testing.T) {
	namespace := shared.Namespace(t)
	shared.Issuer(t, namespace, "ca")
	events := shared.Watch(t, cluster.Events(), namespace)
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	secrets := shared.Watch(t, cluster.Secrets(), namespace)
	shared.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca"}, "a.example.com"))
	certificates.Ready(t, "web-tls")

	next := "next"
	shared.annotate(t, ingresses, namespace, "web", issuerKey, &next)
	event := awaitWarning(t, events, "web", "IssuerNotFound")
	wantIn(t, fmt.Sprint(field(event, "note")), "web-tls with Issuer ca")
	shared.settled(t, namespace)
	if got := field(shared.certificate(t, namespace, "web-tls"), "spec|issuerRef|name"); got != "ca" {
		t.Errorf("the issuer is %v before the next one is there", got)
	}

	ca := shared.Issuer(t, namespace, "next")
	certificates.Object(t, "web-tls", "to go to the next issuer", func(c *unstructured.Unstructured) bool {
		return field(c, "spec|issuerRef|name") == "next"
	})
	secrets.Signed(t, "web-tls", ca, "a.example.com")
}

const stepIssuers = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: stepissuers.certmanager.step.sm}
spec:
  group: certmanager.step.sm
  scope: Namespaced
  names: {kind: StepIssuer, listKind: StepIssuerList, plural: stepissuers, singular: stepissuer}
  versions:
  - name: v1beta1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

const stepIssuer = `
apiVersion: certmanager.step.sm/v1beta1
kind: StepIssuer
metadata: {name: corp}
status: {conditions: [{type: Ready, status: "%s", reason: Verified}]}
`

// An issuer's CRD that is installed later is watched without a restart; what waits for an
// issuer of it is looked at again.
func TestAnIssuerKindThatComesLater(t *testing.T) {
	namespace := shared.Namespace(t)
	events := shared.Watch(t, cluster.Events(), namespace)
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	step := annotations{issuerKey: "corp", "cert-manager.io/issuer-kind": "StepIssuer", "cert-manager.io/issuer-group": "certmanager.step.sm"}
	shared.Apply(t, namespace, ingress("web", step, "a.example.com"))
	awaitWarning(t, events, "web", "IssuerKindNotInstalled")
	certificates.Object(t, "web-tls", "to be made all the same", exists)

	shared.define(t, stepIssuers)
	awaitWarning(t, events, "web", "IssuerNotFound")
	shared.Apply(t, namespace, fmt.Sprintf(stepIssuer, "False"))
	shared.untilMetric(t, `certshim_issuers{group="certmanager.step.sm",kind="StepIssuer",state="not_ready"} 1`)
	shared.Apply(t, namespace, ingress("second", step, "b.example.com"))
	awaitWarning(t, events, "second", "IssuerNotReady")
	shared.Apply(t, namespace, fmt.Sprintf(stepIssuer, "True"))
	shared.untilMetric(t, `certshim_issuers{group="certmanager.step.sm",kind="StepIssuer",state="ready"} 1`)
	shared.Apply(t, namespace, ingress("third", step, "c.example.com"))
	certificates.Object(t, "third-tls", "to be made", exists)
	shared.settled(t, namespace)
	if got := warningsAbout(events.State(), "third"); len(got) > 0 {
		t.Errorf("a ready issuer leads to %v", got)
	}
}

// define installs a CRD until the end of the test.
func (d *deployed) define(t *testing.T, manifest string) {
	t.Helper()
	name := d.defineAgain(t, manifest)
	t.Cleanup(func() {
		if err := d.Dynamic.Resource(definitions).Delete(cleanup(), name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
}

// defineAgain installs a CRD, and returns its name. One of another test, or of this one, may be going away still.
func (d *deployed) defineAgain(t *testing.T, manifest string) string {
	t.Helper()
	var crd unstructured.Unstructured
	if err := yaml.Unmarshal([]byte(strings.TrimSpace(manifest)), &crd.Object); err != nil {
		t.Fatal(err)
	}
	err := cluster.Poll(t.Context(), "the CRD "+crd.GetName()+" to be made", func(context.Context) (bool, error) {
		_, err := d.Dynamic.Resource(definitions).Create(t.Context(), &crd, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			return false, nil
		}
		return true, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return crd.GetName()
}

// The commands see the issuers of the cluster as the controller does.
func TestIssuersOfTheClusterAreListed(t *testing.T) {
	namespace := shared.Namespace(t)
	shared.Issuer(t, namespace, "corporate")
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	shared.Apply(t, namespace, ingress("web", annotations{issuerKey: "corporate"}, "a.example.com"))
	certificates.Ready(t, "web-tls")

	list := shared.command(t, "issuers")
	row := regexp.MustCompile(`(?m)^cert-manager +Issuer +cert-manager.io +Namespaced +yes +[1-9]\d* +[1-9]\d* +[1-9]\d* +catalogue/cert-manager$`)
	if !row.MatchString(list) {
		t.Errorf("no row of Issuers in\n%s", list)
	}
	wantIn(t, list, "AWSPCAIssuer", " no ")

	one := shared.command(t, "issuers", "corporate", "-n", namespace)
	wantIn(t, one, "# Issuer corporate of group cert-manager.io, for namespace "+namespace+": ready", "    cert-manager.io/issuer: corporate\n", "# sans: DNS, IP, URI, Email")

	missing := ingress("second", annotations{issuerKey: "corporat"}, "b.example.com")
	shared.Apply(t, namespace, missing)
	certificates.Object(t, "second-tls", "to be made", exists)
	wantIn(t, shared.command(t, "plan", "-n", namespace), "there is no Issuer corporat in this namespace", "cert-manager.io/issuer: corporate")
}

// command runs certshim, which must succeed, and gives what it prints.
func (d *deployed) command(t *testing.T, args ...string) string {
	t.Helper()
	p := d.run(t, args...)
	out := p.stdout + p.stderr
	if p.exit != 0 {
		t.Fatalf("certshim %s: exit status %d\n%s", strings.Join(args, " "), p.exit, out)
	}
	return out
}
