package cluster

import (
	"crypto/x509"
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// ClusterResources is the namespace that cert-manager reads the Secrets of ClusterIssuers from.
const ClusterResources = "kube-system"

// Authority is an issuer that signs, and the CA certificate that it signs with.
type Authority struct {
	// Kind is Issuer or ClusterIssuer.
	Kind, Name  string
	Certificate *x509.Certificate
}

// Issuer makes a CA from a self-signed root in the namespace, and an Issuer of that name that signs with it, and
// returns when the Issuer is ready.
func (c *Cluster) Issuer(t testing.TB, namespace, name string) Authority {
	t.Helper()
	certificate := c.root(t, namespace, name)
	issuers := c.Watch(t, issuerResource("issuers"), namespace)
	c.Apply(t, namespace, caIssuer("Issuer", name))
	issuers.Ready(t, name)
	return Authority{Kind: "Issuer", Name: name, Certificate: certificate}
}

// ClusterIssuer is the same for all namespaces. The objects are deleted at the end of the test.
func (c *Cluster) ClusterIssuer(t testing.TB, name string) Authority {
	t.Helper()
	certificate := c.root(t, ClusterResources, name)
	issuers := c.Watch(t, issuerResource("clusterissuers"), "")
	t.Cleanup(func() { c.Delete(t, issuerResource("clusterissuers"), "", name) })
	c.Apply(t, "", caIssuer("ClusterIssuer", name))
	issuers.Ready(t, "/"+name)
	return Authority{Kind: "ClusterIssuer", Name: name, Certificate: certificate}
}

func issuerResource(plural string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "cert-manager.io", Version: "v1", Resource: plural}
}

// root has cert-manager sign a CA certificate with its own key, into the Secret NAME-ca.
func (c *Cluster) root(t testing.TB, namespace, name string) *x509.Certificate {
	t.Helper()
	secrets := c.Watch(t, Secrets(), namespace)
	t.Cleanup(func() {
		c.Delete(t, Certificates(), namespace, name+"-ca")
		c.Delete(t, issuerResource("issuers"), namespace, name+"-root")
		c.Delete(t, Secrets(), namespace, name+"-ca")
	})
	c.Apply(t, namespace, fmt.Sprintf(`
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: %[1]s-root}
spec: {selfSigned: {}}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: %[1]s-ca}
spec:
  isCA: true
  commonName: %[1]s
  secretName: %[1]s-ca
  privateKey: {algorithm: ECDSA, size: 256}
  issuerRef: {group: cert-manager.io, kind: Issuer, name: %[1]s-root}
`, name))
	secret := secrets.Object(t, name+"-ca", "to be signed", hasCertificate)
	chain, err := Chain(secret)
	if err != nil {
		t.Fatalf("CA of %s: %v", name, err)
	}
	return chain[0]
}

func caIssuer(kind, name string) string {
	return fmt.Sprintf(`
apiVersion: cert-manager.io/v1
kind: %s
metadata: {name: %[2]s}
spec: {ca: {secretName: %[2]s-ca}}
`, kind, name)
}

func hasCertificate(secret *unstructured.Unstructured) bool {
	content, found, _ := unstructured.NestedString(secret.Object, "data", "tls.crt")
	return found && content != ""
}
