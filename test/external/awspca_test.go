package external

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/external/privateca"
)

const (
	issuerKey        = "cert-manager.io/issuer"
	clusterIssuerKey = "cert-manager.io/cluster-issuer"
	kindKey          = "cert-manager.io/issuer-kind"
	groupKey         = "cert-manager.io/issuer-group"
	awspcaGroup      = "awspca.cert-manager.io"

	// backdate is how far before the present the issuer's certificates begin; their duration is counted from the present.
	backdate = 15 * time.Minute
)

// approval is the rule that docs/external-issuers.md has people apply.
var approval = filepath.Join("examples", "awspca", "approver.yaml")

func awspcaResource(plural string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: awspcaGroup, Version: "v1beta1", Resource: plural}
}

// awspcaIssuer is a manifest of an issuer and of the Secret with its credentials.
func awspcaIssuer(kind, namespace, name string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Secret
metadata: {name: aws-%[3]s, namespace: %[2]s}
stringData: {AWS_ACCESS_KEY_ID: %[4]s, AWS_SECRET_ACCESS_KEY: %[5]s}
---
apiVersion: awspca.cert-manager.io/v1beta1
kind: %[1]s
metadata: {name: %[3]s}
spec:
  arn: %[6]s
  region: %[7]s
  secretRef: {namespace: %[2]s, name: aws-%[3]s}
`, kind, namespace, name, privateca.AccessKeyID, privateca.SecretAccessKey, privateca.ARN, privateca.Region)
}

func approve(t *testing.T) {
	t.Helper()
	if err := shared.Kubectl(t.Context(), "apply", "-f", approval); err != nil {
		t.Fatal(err)
	}
}

// disapprove takes the rule away.
func disapprove(t *testing.T) {
	t.Helper()
	if err := shared.Kubectl(t.Context(), "delete", "--ignore-not-found", "-f", approval); err != nil {
		t.Fatal(err)
	}
}

// issuedFor are the issuances of the private CA for a host.
func issuedFor(host string) []privateca.Issuance {
	return slices.DeleteFunc(shared.AWSPCA.API.Issued(), func(i privateca.Issuance) bool {
		return !slices.Equal(i.Certificate.DNSNames, []string{host})
	})
}

// lastIssued is the newest of them. cert-manager may ask again before its first Secret is there.
func lastIssued(t *testing.T, host string) privateca.Issuance {
	t.Helper()
	issued := issuedFor(host)
	if len(issued) == 0 {
		t.Fatal("nothing was issued for ", host)
	}
	return issued[len(issued)-1]
}

func TestAWSPCAIssuer(t *testing.T) {
	disapprove(t)
	namespace := shared.Namespace(t)
	// The webhook's refusal names the issuer alone, so it has a name of its own.
	host, corp := namespace+".example.com", namespace+"-corp"
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	requests := shared.Watch(t, cluster.CertificateRequests(), namespace)
	secrets := shared.Watch(t, cluster.Secrets(), namespace)
	issuers := shared.Watch(t, awspcaResource("awspcaissuers"), namespace)
	shared.Apply(t, namespace, awspcaIssuer("AWSPCAIssuer", namespace, corp))
	// Its condition tells no generation.
	issuers.Object(t, corp, "to be ready", func(issuer *unstructured.Unstructured) bool {
		return condition(issuer, "Ready") == "True"
	})

	shared.Apply(t, namespace, ingress("web", "", annotations{
		issuerKey: corp, kindKey: "AWSPCAIssuer", groupKey: awspcaGroup,
		"cert-manager.io/usages": "server auth", "cert-manager.io/duration": "2160h",
	}, host))

	made := certificates.Object(t, "web-tls", "to be made", exists)
	want := map[string]any{"group": awspcaGroup, "kind": "AWSPCAIssuer", "name": corp}
	if got := field(made, "spec|issuerRef"); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("issuerRef %v, want %v", got, want)
	}
	request := onlyRequest(t, requests)
	awaitRefusedApproval(t, corp+" AWSPCAIssuer "+awspcaGroup)
	if got := condition(onlyRequest(t, requests), "Approved"); got != "" {
		t.Errorf("without the rule the request has Approved=%s", got)
	}
	if issued := issuedFor(host); len(issued) != 0 {
		t.Errorf("issued before it was approved: %v", issued)
	}

	approve(t)

	requests.Object(t, request.GetName(), "to be approved", func(r *unstructured.Unstructured) bool {
		return condition(r, "Approved") == "True"
	})
	secrets.Signed(t, "web-tls", shared.AWSPCA.Authority(), host)
	certificates.Ready(t, "web-tls")
	wantServerCertificate(t, lastIssued(t, host))
	wantNoWarnings(t, namespace, "web")
}

// wantServerCertificate wants what the two annotations asked for.
func wantServerCertificate(t *testing.T, issued privateca.Issuance) {
	t.Helper()
	if want := "EndEntityServerAuthCertificate/V1"; issued.Template != want {
		t.Errorf("template %s, want %s", issued.Template, want)
	}
	certificate := issued.Certificate
	if want := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}; !slices.Equal(certificate.ExtKeyUsage, want) {
		t.Errorf("extended key usage %v, want %v", certificate.ExtKeyUsage, want)
	}
	if got, want := certificate.NotAfter.Sub(certificate.NotBefore), 2160*time.Hour+backdate; got != want {
		t.Errorf("valid for %s, want %s", got, want)
	}
}

// onlyRequest waits for the CertificateRequest of the namespace.
func onlyRequest(t *testing.T, requests *cluster.Watch) *unstructured.Unstructured {
	t.Helper()
	var only *unstructured.Unstructured
	requests.Until(t, "a request", func(state cluster.State) bool {
		for _, request := range state {
			only = request
		}
		return len(state) == 1
	})
	return only
}

// awaitRefusedApproval waits until the approver has learned that it may not approve requests to the issuer, which is
// given as the webhook names it.
func awaitRefusedApproval(t *testing.T, issuer string) {
	t.Helper()
	refusal := "does not have permissions to set approved/denied conditions for issuer {" + issuer + "}"
	log := filepath.Join(shared.Logs, "approver.log")
	err := cluster.Await(t.Context(), "the approver to be refused", func(context.Context) error {
		content, err := os.ReadFile(log)
		if err == nil && !strings.Contains(string(content), refusal) {
			err = fmt.Errorf("no %q in\n%s", refusal, content)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAWSPCAClusterIssuerThatComesLater(t *testing.T) {
	approve(t)
	namespace := shared.Namespace(t)
	host := namespace + ".example.com"
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	requests := shared.Watch(t, cluster.CertificateRequests(), namespace)
	secrets := shared.Watch(t, cluster.Secrets(), namespace)
	events := shared.Watch(t, cluster.Events(), namespace)
	later := namespace + "-corp"
	t.Cleanup(func() { shared.Delete(t, awspcaResource("awspcaclusterissuers"), "", later) })

	shared.Apply(t, namespace, ingress("web", "", annotations{
		issuerKey: later, kindKey: "AWSPCAClusterIssuer", groupKey: awspcaGroup,
	}, host))
	certificates.Object(t, "web-tls", "to be made without its issuer", exists)
	awaitWarning(t, events, "web", "IssuerNotFound")
	requests.Object(t, onlyRequest(t, requests).GetName(), "to wait for its issuer", func(r *unstructured.Unstructured) bool {
		return condition(r, "Approved") == "True" && condition(r, "Ready") == "False"
	})
	shared.Apply(t, namespace, awspcaIssuer("AWSPCAClusterIssuer", namespace, later))

	secrets.Signed(t, "web-tls", shared.AWSPCA.Authority(), host)
	issued := lastIssued(t, host)
	if want := "BlankEndEntityCertificate_APICSRPassthrough/V1"; issued.Template != want {
		t.Errorf("template %s, want %s", issued.Template, want)
	}
	// Without the annotations: cert-manager's default usages, the issuer's default life time.
	certificate := issued.Certificate
	if certificate.ExtKeyUsage != nil || certificate.KeyUsage != x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment {
		t.Errorf("usages %v, extended %v, want digital signature and key encipherment", certificate.KeyUsage, certificate.ExtKeyUsage)
	}
	if got, want := certificate.NotAfter.Sub(certificate.NotBefore), 30*24*time.Hour+backdate; got != want {
		t.Errorf("valid for %s, want %s", got, want)
	}
}

// What cert-manager's shim passes on unread, and what then nobody answers, certshim knows how to read.
func TestAWSPCAGroupLeftOutOrWithItsVersion(t *testing.T) {
	approve(t)
	for name, set := range map[string]annotations{
		"kind-alone":   {kindKey: "AWSPCAIssuer"},
		"with-version": {kindKey: "AWSPCAIssuer", groupKey: awspcaGroup + "/v1beta1"},
	} {
		t.Run(name, func(t *testing.T) {
			namespace := shared.Namespace(t)
			host := namespace + ".example.com"
			secrets := shared.Watch(t, cluster.Secrets(), namespace)
			shared.Apply(t, namespace, awspcaIssuer("AWSPCAIssuer", namespace, "corp"))
			set[issuerKey] = "corp"

			shared.Apply(t, namespace, ingress("web", "", set, host))

			secrets.Signed(t, "web-tls", shared.AWSPCA.Authority(), host)
		})
	}
}
