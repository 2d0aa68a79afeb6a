package e2e

import (
	"os"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"

	"github.com/certshim/certshim/test/cluster"
)

// meantVersion names the version that the server must have: see test/compat.
const meantVersion = "CERTSHIM_KUBERNETES_VERSION"

func TestTheServerIsOfTheVersionThatIsMeant(t *testing.T) {
	if is, want := serverVersion(t, shared.Config), os.Getenv(meantVersion); want != "" && is != want {
		t.Errorf("the server is %s, want %s", is, want)
	}
}

// serverVersion is what the server says of itself, such as v1.37.2.
func serverVersion(t *testing.T, config *rest.Config) string {
	t.Helper()
	return must(must(discovery.NewDiscoveryClientForConfig(config))(t).ServerVersion())(t).GitVersion
}

// What the writer takes for granted of the API server, whatever its version.
func TestTheServerKeepsWhatWritesRelyOn(t *testing.T) {
	namespace := shared.Namespace(t)
	client := shared.Dynamic.Resource(cluster.Certificates()).Namespace(namespace)
	apply := func(name, metadata, spec string) error {
		body := `{"apiVersion":"cert-manager.io/v1","kind":"Certificate","metadata":{"name":"` + name + `"` + metadata +
			`},"spec":{"secretName":"` + name + `","issuerRef":{"name":"ca"},"dnsNames":["a.example.com"]` + spec + `}}`
		_, err := client.Patch(t.Context(), name, types.ApplyPatchType, []byte(body),
			metav1.PatchOptions{FieldManager: "probe", FieldValidation: metav1.FieldValidationIgnore})
		return err
	}
	if err := apply("unknown", `,"resourceVersion":"1"`, `,"nonsense":1`); err == nil || !strings.Contains(err.Error(), "field not declared in schema") {
		t.Errorf("a field that the CRD lacks, without field validation: %v, want it to be refused", err)
	}
	if err := apply("made", `,"resourceVersion":"1"`, ""); err != nil {
		t.Fatalf("resourceVersion 1, and there is no such object: %v, want it to be made", err)
	}
	if err := apply("made", `,"resourceVersion":"1"`, ""); !apierrors.IsConflict(err) {
		t.Errorf("resourceVersion 1, and there is such an object: %v, want a conflict", err)
	}
	const other = `,"uid":"6f1c2a4e-5d1f-4f6a-9a39-2f2b6d2f8a11"`
	if err := apply("made", other, ""); !apierrors.IsInvalid(err) {
		t.Errorf("the uid of another object: %v, want it to be refused", err)
	}
	if err := apply("gone", other, ""); !apierrors.IsConflict(err) {
		t.Errorf("a uid, and there is no such object: %v, want a conflict", err)
	}
}

// A Gateway of fields that every version of the Gateway API has.
func TestGatewayGetsItsCertificate(t *testing.T) {
	namespace := shared.Namespace(t)
	ca := shared.Issuer(t, namespace, "ca")
	secrets := shared.Watch(t, cluster.Secrets(), namespace)
	shared.Apply(t, namespace, `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, annotations: {cert-manager.io/issuer: ca}}
spec:
  gatewayClassName: any
  listeners:
    - {name: a, port: 443, protocol: HTTPS, hostname: a.example.com, tls: {certificateRefs: [{name: edge-tls}]}}
    - {name: b, port: 443, protocol: HTTPS, hostname: b.example.com, tls: {certificateRefs: [{name: edge-tls}]}}
`)
	secrets.Signed(t, "edge-tls", ca, "a.example.com", "b.example.com")
}
