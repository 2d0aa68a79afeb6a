package e2e

import (
	"fmt"
	"maps"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/test/cluster"
)

func TestRenamedSecretGetsACertificateAndTheOldOneGoes(t *testing.T) {
	namespace := shared.Namespace(t)
	ca := shared.Issuer(t, namespace, "ca")
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	secrets := shared.Watch(t, cluster.Secrets(), namespace)
	shared.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca"}, "a.example.com"))
	secrets.Signed(t, "web-tls", ca, "a.example.com")

	shared.patch(t, ingresses, namespace, "web", `{"spec":{"tls":[{"hosts":["a.example.com"],"secretName":"renamed"}]}}`)

	secrets.Signed(t, "renamed", ca, "a.example.com")
	certificates.Gone(t, "web-tls")
}

func TestDeletedSourceTakesItsCertificateAlong(t *testing.T) {
	namespace := shared.Namespace(t)
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	shared.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca"}, "a.example.com"))
	certificates.Object(t, "web-tls", "to be made", exists)
	shared.delete(t, ingresses, namespace, "web")
	certificates.Gone(t, "web-tls")
}

func exists(*unstructured.Unstructured) bool { return true }

func TestCertificateEditedOrDeletedByHandComesBack(t *testing.T) {
	namespace := shared.Namespace(t)
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	shared.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca", "cert-manager.io/duration": "2000h"}, "a.example.com"))
	made := certificates.Object(t, "web-tls", "to be made", exists)

	shared.patch(t, cluster.Certificates(), namespace, "web-tls", `{"spec":{"duration":null}}`)
	certificates.Object(t, "web-tls", "to have its duration back", func(c *unstructured.Unstructured) bool {
		return c.GetGeneration() > made.GetGeneration() && field(c, "spec|duration") == "2000h0m0s"
	})

	shared.delete(t, cluster.Certificates(), namespace, "web-tls")
	certificates.Object(t, "web-tls", "to be made again", func(c *unstructured.Unstructured) bool { return c.GetUID() != made.GetUID() })
}

func TestForeignFieldsSurvive(t *testing.T) {
	namespace := shared.Namespace(t)
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	shared.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca"}, "a.example.com"))
	certificates.Object(t, "web-tls", "to be made", exists)
	shared.patch(t, cluster.Certificates(), namespace, "web-tls",
		`{"metadata":{"labels":{"policy.example.com/reviewed":"yes"}},"spec":{"isCA":true}}`)

	commonName := "b.example.com"
	shared.annotate(t, ingresses, namespace, "web", "cert-manager.io/common-name", &commonName)

	certificates.Object(t, "web-tls", "to have the new name and still their fields", func(c *unstructured.Unstructured) bool {
		return field(c, "spec|commonName") == commonName && field(c, "spec|isCA") == true &&
			c.GetLabels()["policy.example.com/reviewed"] == "yes"
	})
}

func TestFieldAppliedBySomebodyElseStaysTheirs(t *testing.T) {
	namespace := shared.Namespace(t)
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	events := shared.Watch(t, cluster.Events(), namespace)
	shared.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca", "cert-manager.io/duration": "2000h"}, "a.example.com"))
	certificates.Object(t, "web-tls", "to be made", exists)
	shared.applyAs(t, namespace, "web-tls", "helm", `{"spec":{"duration":"3000h0m0s"}}`)

	event := awaitWarning(t, events, "web", "FieldConflict")
	wantIn(t, fmt.Sprint(field(event, "note")), "helm", "spec.duration", "by Apply")

	commonName := "a.example.com"
	shared.annotate(t, ingresses, namespace, "web", "cert-manager.io/common-name", &commonName)
	certificates.Object(t, "web-tls", "to get the rest, their duration kept", func(c *unstructured.Unstructured) bool {
		return field(c, "spec|commonName") == commonName && field(c, "spec|duration") == "3000h0m0s"
	})
}

func TestForeignCertificateIsLeftAloneAndToldOnce(t *testing.T) {
	namespace := shared.Namespace(t)
	events := shared.Watch(t, cluster.Events(), namespace)
	shared.Apply(t, namespace, `
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: web-tls}
spec: {secretName: web-tls, dnsNames: [mine.example.com], issuerRef: {group: cert-manager.io, kind: Issuer, name: ca}}
`)
	before := shared.certificate(t, namespace, "web-tls")

	shared.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca"}, "a.example.com"))
	awaitWarning(t, events, "web", "CertificateNotOurs")
	touched := "1"
	shared.annotate(t, ingresses, namespace, "web", "example.com/owner", &touched)
	shared.settled(t, namespace)

	if got := warningsAbout(events.State(), "web"); got["CertificateNotOurs"] != 1 {
		t.Errorf("Events: %v, want CertificateNotOurs once", got)
	}
	if after := shared.certificate(t, namespace, "web-tls"); field(after, "metadata|generation") != field(before, "metadata|generation") || len(after.GetOwnerReferences()) != 0 {
		t.Errorf("the foreign Certificate was changed: %v", after.Object)
	}
}

func TestForeignCertificateThatGoesLeavesItsPlace(t *testing.T) {
	namespace := shared.Namespace(t)
	ca := shared.Issuer(t, namespace, "ca")
	events := shared.Watch(t, cluster.Events(), namespace)
	secrets := shared.Watch(t, cluster.Secrets(), namespace)
	shared.Apply(t, namespace, `
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: web-tls}
spec: {secretName: web-tls, dnsNames: [mine.example.com], issuerRef: {group: cert-manager.io, kind: Issuer, name: ca}}
`)
	shared.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca"}, "a.example.com"))
	awaitWarning(t, events, "web", "CertificateNotOurs")
	shared.delete(t, cluster.Certificates(), namespace, "web-tls")
	secrets.Signed(t, "web-tls", ca, "a.example.com")
}

func TestOrphanedCertificateStaysAndIsToldOnce(t *testing.T) {
	for name, patch := range map[string]string{
		"the issuer annotation goes": `{"metadata":{"annotations":{"cert-manager.io/issuer":null}}}`,
		"marked to be ignored":       `{"metadata":{"annotations":{"certshim.io/ignore":"true"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			namespace := shared.Namespace(t)
			certificates := shared.Watch(t, cluster.Certificates(), namespace)
			events := shared.Watch(t, cluster.Events(), namespace)
			shared.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca"}, "a.example.com"))
			made := certificates.Object(t, "web-tls", "to be made", exists)

			shared.patch(t, ingresses, namespace, "web", patch)
			awaitWarning(t, events, "web", "NoLongerKept")
			shared.patch(t, ingresses, namespace, "web", `{"metadata":{"labels":{"touched":"yes"}}}`)
			shared.settled(t, namespace)

			if got := warningsAbout(events.State(), "web"); got["NoLongerKept"] != 1 {
				t.Errorf("Events: %v, want NoLongerKept once", got)
			}
			after := shared.certificate(t, namespace, "web-tls")
			if after.GetUID() != made.GetUID() || after.GetGeneration() != made.GetGeneration() || len(after.GetOwnerReferences()) != 1 {
				t.Errorf("the Certificate was changed: %v", after.Object)
			}
		})
	}
}

func TestIssuerThatAppearsLater(t *testing.T) {
	namespace := shared.Namespace(t)
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	secrets := shared.Watch(t, cluster.Secrets(), namespace)
	shared.Apply(t, namespace, ingress("web", annotations{issuerKey: "late"}, "a.example.com"))
	certificates.Object(t, "web-tls", "to be made", exists)
	ca := shared.Issuer(t, namespace, "late")
	secrets.Signed(t, "web-tls", ca, "a.example.com")
}

func TestFirstKeepsTheSecretAndTheSecondFollowsIt(t *testing.T) {
	namespace := shared.Namespace(t)
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	events := shared.Watch(t, cluster.Events(), namespace)
	first := ingress("first", annotations{issuerKey: "ca"}, "first.example.com")
	shared.Apply(t, namespace, first)
	certificates.Object(t, "first-tls", "to be made", exists)
	shared.Apply(t, namespace, ingress("second", annotations{issuerKey: "ca"}, "second.example.com"))
	certificates.Object(t, "second-tls", "to be made", exists)

	shared.patch(t, ingresses, namespace, "second", `{"spec":{"tls":[{"hosts":["second.example.com"],"secretName":"first-tls"}]}}`)
	event := awaitWarning(t, events, "second", "SecretTaken")
	wantIn(t, fmt.Sprint(field(event, "note")), "first")

	shared.delete(t, ingresses, namespace, "first")
	certificates.Object(t, "first-tls", "to be made for the second", func(c *unstructured.Unstructured) bool {
		owner := metav1.GetControllerOf(c)
		return owner != nil && owner.Name == "second"
	})
}

func TestBrokenEntryKeepsNamesAndGainsOthers(t *testing.T) {
	namespace := shared.Namespace(t)
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	events := shared.Watch(t, cluster.Events(), namespace)
	shared.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca"}, "a.example.com", "b.example.com"))
	certificates.Object(t, "web-tls", "to be made", exists)

	shared.patch(t, ingresses, namespace, "web",
		`{"spec":{"tls":[{"hosts":["c.example.com"],"secretName":"web-tls"},{"secretName":"web-tls"}]}}`)

	certificates.Object(t, "web-tls", "to have all names", func(c *unstructured.Unstructured) bool {
		names, _, _ := unstructured.NestedStringSlice(c.Object, "spec", "dnsNames")
		have := map[string]bool{}
		for _, name := range names {
			have[name] = true
		}
		return maps.Equal(have, map[string]bool{"a.example.com": true, "b.example.com": true, "c.example.com": true})
	})
	awaitWarning(t, events, "web", "BadConfig")
}

func TestListenerSetFollowsItsGateway(t *testing.T) {
	namespace := shared.Namespace(t)
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	shared.Apply(t, namespace, gateway("edge", annotations{issuerKey: "first"}, "a.example.com"))
	shared.Apply(t, namespace, listenerSet("team", "edge", annotations{"example.com/team": "a"}, "b.example.com"))
	certificates.Object(t, "team-tls", "to be made with the Gateway's issuer", func(c *unstructured.Unstructured) bool {
		return field(c, "spec|issuerRef|name") == "first"
	})
	other := "second"
	shared.annotate(t, gateways, namespace, "edge", issuerKey, &other)
	certificates.Object(t, "team-tls", "to follow the Gateway's issuer", func(c *unstructured.Unstructured) bool {
		return field(c, "spec|issuerRef|name") == "second"
	})
	own := "own"
	shared.annotate(t, listenerSets, namespace, "team", issuerKey, &own)
	certificates.Object(t, "team-tls", "to take its own issuer", func(c *unstructured.Unstructured) bool {
		return field(c, "spec|issuerRef|name") == "own"
	})
}
