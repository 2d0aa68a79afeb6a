package hangs

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/external/authority"
)

// certificate is a manifest; more are lines of its spec.
func certificate(name, issuer string, more ...string) string {
	return fmt.Sprintf(`
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: %s}
spec:
  secretName: %[1]s
  dnsNames: [%[1]s.example.com]
  issuerRef: {group: cert-manager.io, kind: Issuer, name: %[2]s}
  %[3]s
`, name, issuer, strings.Join(more, "\n  "))
}

// selfSigned is an issuer that always works.
func selfSigned(name string) string {
	return fmt.Sprintf("\n---\napiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {name: %s}\nspec: {selfSigned: {}}\n", name)
}

// acmeAt is an issuer of an ACME server with solvers.
func acmeAt(name, directory string, bundle []byte, solvers string) string {
	return fmt.Sprintf(`
---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: %s}
spec:
  acme:
    server: %s
    caBundle: %s
    privateKeySecretRef: {name: %[1]s-account}
    solvers: %[4]s
`, name, directory, base64.StdEncoding.EncodeToString(bundle), solvers)
}

func acme(name, solvers string) string {
	return acmeAt(name, shared.pebble.Directory, shared.pebble.CABundle, solvers)
}

func http01(class string) string {
	return fmt.Sprintf("[{http01: {ingress: {ingressClassName: %s}}}]", class)
}

func resource(group, plural string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: group, Version: "v1", Resource: plural}
}

func patchObject(t *testing.T, of schema.GroupVersionResource, namespace, name, change string, subresources ...string) {
	t.Helper()
	_, err := shared.Dynamic.Resource(of).Namespace(namespace).Patch(t.Context(), name, types.MergePatchType, []byte(change), metav1.PatchOptions{}, subresources...)
	if err != nil {
		t.Fatalf("patch %s %s: %v", of.Resource, name, err)
	}
}

// renew is what cmctl renew does.
func renew(t *testing.T, namespace, name string) {
	t.Helper()
	setCondition(t, cluster.Certificates(), namespace, name, "Issuing", "True", "ManuallyTriggered", "by hand")
}

func TestNoCertificate(t *testing.T) {
	t.Parallel()
	ingress := func(name, duration string) string {
		return fmt.Sprintf(`
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: %s, annotations: {cert-manager.io/issuer: none-asks, cert-manager.io/duration: %s}}
spec: {tls: [{hosts: [%[1]s.example.com], secretName: %[1]s}], defaultBackend: {service: {name: x, port: {number: 80}}}}
`, name, duration)
	}
	shared.Apply(t, works, selfSigned("none-asks")+ingress("refused", "90d")+ingress("taken", "2160h")+certificate("taken", "none-asks"))
	hangsAt(t, works, "ingress/refused", "NoCertificate", "2160h", "spec.duration")
	hangsAt(t, works, "ingress/taken", "NoCertificate", "no controller owner")
	goesOn(t, works, "certificate/taken", "NoCertificate")
}

func TestCertManagerSilent(t *testing.T) {
	t.Parallel()
	shared.Apply(t, silent, selfSigned("quiet")+certificate("quiet", "quiet"))
	hangsAt(t, silent, "certificate/quiet", "CertManagerSilent", "written nothing about it")
	shared.Apply(t, works, selfSigned("loud")+certificate("loud", "loud"))
	goesOn(t, works, "certificate/loud", "CertManagerSilent")
}

func TestAnotherCertificateFirst(t *testing.T) {
	t.Parallel()
	shared.Apply(t, works, selfSigned("pair")+certificate("pair-first", "pair"))
	goesOn(t, works, "certificate/pair-first", "AnotherCertificateFirst")
	second := strings.Replace(certificate("pair-second", "pair"), "secretName: pair-second", "secretName: pair-first", 1)
	shared.Apply(t, works, second)
	hangsAt(t, works, "certificate/pair-second", "AnotherCertificateFirst", "Certificate pair-first has Secret pair-first too")
	goesOn(t, works, "certificate/pair-first", "AnotherCertificateFirst")
}

func TestPrivateKeyKept(t *testing.T) {
	t.Parallel()
	kept := certificate("kept", "kept", "privateKey: {rotationPolicy: Never, size: 2048}")
	free := certificate("free", "kept", "privateKey: {rotationPolicy: Always, size: 2048}")
	shared.Apply(t, works, selfSigned("kept")+kept+free)
	goesOn(t, works, "certificate/kept", "PrivateKeyKept")
	goesOn(t, works, "certificate/free", "PrivateKeyKept")
	for _, one := range []string{kept, free} {
		shared.Apply(t, works, strings.Replace(one, "2048", "4096", 1))
	}
	hangsAt(t, works, "certificate/kept", "PrivateKeyKept", "spec.privateKey.size", "private-key-rotation-policy: Always")
	goesOn(t, works, "certificate/free", "PrivateKeyKept")
}

func TestRequestNotCreated(t *testing.T) {
	t.Parallel()
	policy(t, "no-requests", "cert-manager.io", "certificaterequests", "!object.metadata.name.startsWith('unwanted')", "nobody wants this one")
	shared.Apply(t, works, selfSigned("unwanted")+certificate("unwanted", "unwanted")+certificate("wanted", "unwanted"))
	hangsAt(t, works, "certificate/unwanted", "RequestNotCreated", "nobody wants this one")
	goesOn(t, works, "certificate/wanted", "RequestNotCreated")
}

// policy refuses to create what an expression is false for, and is in force when it returns.
func policy(t *testing.T, name, group, plural, expression, message string) {
	t.Helper()
	shared.Apply(t, "", fmt.Sprintf(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: %[1]s}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [%[2]s], apiVersions: [v1], operations: [CREATE], resources: [%[3]s]}]}
  validations: [{expression: "object.metadata.name != 'probe-of-policies' && %[4]s", message: %[5]s}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: %[1]s}
spec: {policyName: %[1]s, validationActions: [Deny]}
`, name, group, plural, expression, message))
	err := cluster.Poll(t.Context(), "the policy "+name+" to be in force", func(context.Context) (bool, error) {
		err := probe(t, group, plural)
		return err != nil && strings.Contains(err.Error(), message), nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// probe tries to create an object that every policy here refuses.
func probe(t *testing.T, group, plural string) error {
	t.Helper()
	object := map[string]string{
		"certificaterequests": `{"apiVersion":"cert-manager.io/v1","kind":"CertificateRequest","metadata":{"name":"probe-of-policies"},"spec":{"request":"eA==","issuerRef":{"name":"x"}}}`,
		"ingresses":           `{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"probe-of-policies"},"spec":{"rules":[{"host":"x.example.com"}]}}`,
	}[plural]
	_, err := shared.Dynamic.Resource(resource(group, plural)).Namespace(works).Patch(t.Context(), "probe-of-policies", types.ApplyPatchType, []byte(object),
		metav1.PatchOptions{FieldManager: "probe", DryRun: []string{metav1.DryRunAll}})
	return err
}

func TestWaitingForApproval(t *testing.T) {
	t.Parallel()
	shared.Apply(t, unapproved, selfSigned("waits")+certificate("waits", "waits"))
	hangsAt(t, unapproved, "certificate/waits", "WaitingForApproval", "cmctl approve -n unapproved waits-1")
	addCondition(t, unapproved, "waits-1", "Approved", "True", "test", "by hand")
	goesOn(t, unapproved, "certificate/waits", "WaitingForApproval")
}

// outside is an issuer of a group that no controller here serves.
const outside = "issuerRef: {group: external.example.com, kind: OutsideIssuer, name: outside}"

func ofOutside(name string) string {
	return strings.Replace(certificate(name, "x"), "issuerRef: {group: cert-manager.io, kind: Issuer, name: x}", outside, 1)
}

// issuerKind is a CRD of external issuers without a controller, and one of them.
const issuerKind = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: outsideissuers.external.example.com}
spec:
  group: external.example.com
  names: {kind: OutsideIssuer, plural: outsideissuers, singular: outsideissuer}
  scope: Namespaced
  versions: [{name: v1, served: true, storage: true, subresources: {status: {}}, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
`

func TestExternalIssuers(t *testing.T) {
	t.Parallel()
	shared.Apply(t, "", issuerKind)
	definitions := shared.Watch(t, resource("apiextensions.k8s.io", "customresourcedefinitions"), "")
	definitions.Until(t, "the kind to be served", func(state cluster.State) bool {
		definition := state["/outsideissuers.external.example.com"]
		return definition != nil && strings.Contains(fmt.Sprint(definition.Object["status"]), "Established")
	})
	issuer := "apiVersion: external.example.com/v1\nkind: OutsideIssuer\nmetadata: {name: outside}\n"
	shared.Apply(t, unapproved, issuer)
	shared.Apply(t, works, issuer)
	t.Run("the twin", func(t *testing.T) {
		shared.Apply(t, works, ofOutside("signed"))
		hangsAt(t, works, "certificate/signed", "IssuerSilent")
		signs(t, works, "signed-1")
		goesOn(t, works, "certificate/signed", "ApprovalNotPermitted", "IssuerSilent", "RequestDenied", "RequestPending", "RequestFailed")
	})
	t.Run("ApprovalNotPermitted", func(t *testing.T) {
		shared.Apply(t, unapproved, ofOutside("outside"))
		hangsAt(t, unapproved, "certificate/outside", "ApprovalNotPermitted", "outsideissuers.external.example.com/*")
	})
	t.Run("IssuerSilent", func(t *testing.T) {
		shared.Apply(t, works, ofOutside("ignored"))
		e := hangsAt(t, works, "certificate/ignored", "IssuerSilent", "OutsideIssuer.external.example.com outside")
		if e.says("ApprovalNotPermitted") {
			t.Errorf("the approved one is said to be unapproved:\n%s", e.text)
		}
	})
	t.Run("RequestDenied", func(t *testing.T) {
		addCondition(t, unapproved, "outside-1", "Denied", "True", "policy.example.com", "nobody may have it")
		e := hangsAt(t, unapproved, "certificate/outside", "RequestDenied", "policy.example.com")
		if e.says("ApprovalNotPermitted") || e.says("IssuerSilent") {
			t.Errorf("it isn't said to be denied alone:\n%s", e.text)
		}
	})
	t.Run("RequestPending", func(t *testing.T) {
		shared.Apply(t, works, ofOutside("queued"))
		hangsAt(t, works, "certificate/queued", "IssuerSilent")
		addCondition(t, works, "queued-1", "Ready", "False", "Pending", "waiting for the HSM")
		if e := hangsAt(t, works, "certificate/queued", "RequestPending", "waiting for the HSM"); e.says("IssuerSilent") {
			t.Errorf("an issuer that answers is said to be silent:\n%s", e.text)
		}
	})
	t.Run("RequestFailed", func(t *testing.T) {
		addCondition(t, works, "queued-1", "Ready", "False", "Failed", "no template is called web")
		if e := hangsAt(t, works, "certificate/queued", "RequestFailed", "no template is called web"); e.says("RequestPending") {
			t.Errorf("a request that has failed is said to wait:\n%s", e.text)
		}
	})
}

// signs signs a CertificateRequest, as the controller of an external issuer does.
func signs(t *testing.T, namespace, name string) {
	t.Helper()
	root, err := authority.Root("outside")
	if err != nil {
		t.Fatal(err)
	}
	object, err := shared.Dynamic.Resource(cluster.CertificateRequests()).Namespace(namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	spec := object.Object["spec"].(map[string]any)
	text, err := base64.StdEncoding.DecodeString(spec["request"].(string))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := root.Sign(&x509.Certificate{
		DNSNames: request.DNSNames, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}, request.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	chain := base64.StdEncoding.EncodeToString(authority.PEM(signed, root.Certificate))
	patchObject(t, cluster.CertificateRequests(), namespace, name, fmt.Sprintf(`{"status":{"certificate":%q}}`, chain), "status")
	addCondition(t, namespace, name, "Ready", "True", "Issued", "signed")
}

func TestIssuers(t *testing.T) {
	t.Parallel()
	for code, row := range map[string]struct {
		name, issuer string
		// mend makes the issuer work.
		mend string
		says string
	}{
		"IssuerNotFound":      {"unfound", strings.Replace(selfSigned("unfound"), "kind: Issuer", "kind: ClusterIssuer", 1), selfSigned("unfound"), "there is ClusterIssuer/unfound"},
		"IssuerNotReady":      {"unready", acmeAt("unready", "https://127.0.0.1:1/dir", shared.pebble.CABundle, http01(class)), selfSigned("unready"), "ErrRegisterACMEAccount"},
		"IssuerSecretMissing": {"keyless", "\n---\napiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {name: keyless}\nspec: {ca: {secretName: keyless-ca}}\n", "", `keyless-ca`},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			shared.Apply(t, works, row.issuer+certificate(row.name, row.name))
			hangsAt(t, works, "certificate/"+row.name, code, row.says)
			if row.mend == "" {
				shared.Apply(t, works, selfSigned("keyless-root")+strings.Replace(certificate("keyless-ca", "keyless-root", "isCA: true"), "dnsNames:", "commonName: keyless\n  dnsNames:", 1))
			} else {
				shared.Delete(t, resource("cert-manager.io", "issuers"), works, row.name)
				shared.Apply(t, works, row.mend)
			}
			await(t, works, "certificate/"+row.name, "be issued", func(e explanation) bool { return e.Outcome == "ok" })
			goesOn(t, works, "certificate/"+row.name, code)
		})
	}
}

func TestSecretOverwritesCA(t *testing.T) {
	t.Parallel()
	secrets := shared.Watch(t, cluster.Secrets(), works)
	authority := shared.Issuer(t, works, "eaten")
	shared.Apply(t, works, certificate("eaten-good", "eaten"))
	secrets.Signed(t, "eaten-good", authority, "eaten-good.example.com")
	goesOn(t, works, "certificate/eaten-good", "SecretOverwritesCA")

	// The CA's own Certificate would go first; without it the leaf gets its Secret.
	shared.Delete(t, cluster.Certificates(), works, "eaten-ca")
	shared.Watch(t, cluster.Certificates(), works).Gone(t, "eaten-ca")
	shared.Apply(t, works, strings.Replace(certificate("eater", "eaten"), "secretName: eater", "secretName: eaten-ca", 1))
	await(t, works, "certificate/eater", "be issued once", func(e explanation) bool { return e.Outcome == "ok" })
	renew(t, works, "eater")
	hangsAt(t, works, "certificate/eater", "SecretOverwritesCA", "not a CA", "secretName")
}

func TestServerShowsAnother(t *testing.T) {
	t.Parallel()
	shared.Apply(t, works, selfSigned("renewed")+certificate("renewed", "renewed"))
	goesOn(t, works, "certificate/renewed", "ServerShowsAnother")
	renew(t, works, "renewed")
	e := await(t, works, "certificate/renewed", "be renewed", func(e explanation) bool { return e.says("ServerShowsAnother") })
	if e.Outcome != "ok" || len(e.Hangs) > 0 {
		t.Errorf("it is said to hang:\n%s", e.text)
	}
	tested.notes(t, &tested.said, "ServerShowsAnother")
}

func TestHTTP01NotReachable(t *testing.T) {
	t.Parallel()
	shared.Apply(t, works, acme("routed", http01(class))+acme("unrouted", http01("nobody"))+certificate("routed", "routed")+certificate("unrouted", "unrouted"))
	e := hangsAt(t, works, "certificate/unrouted", "HTTP01NotReachable", "404", "ingressClassName", "http://unrouted.example.com")
	if e.says("WaitingForOrder") {
		t.Errorf("the order is said to hang as well:\n%s", e.text)
	}
	goesOn(t, works, "certificate/routed", "HTTP01NotReachable")
	t.Run("WaitingForOrder", func(t *testing.T) { seenByTheOwner(t, "certificate/unrouted", "certificate/routed") })
}

// seenByTheOwner explains by an account that may read Certificates and requests alone: it sees that an order is waited
// for, and says what it can't see.
func seenByTheOwner(t *testing.T, hung, healthy string) {
	t.Helper()
	shared.Apply(t, works, `
apiVersion: v1
kind: ServiceAccount
metadata: {name: owner}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: owner}
rules:
  - {apiGroups: [cert-manager.io], resources: [certificates, certificaterequests], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: owner}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: owner}
subjects: [{kind: ServiceAccount, name: owner, namespace: works}]
`)
	kubeconfig, err := shared.AccountKubeconfig(t.Context(), works, "owner")
	if err != nil {
		t.Fatal(err)
	}
	e := explain(t, kubeconfig, works, hung)
	if len(e.Hangs) == 0 || e.Hangs[0].Code != "WaitingForOrder" {
		t.Errorf("it isn't said to wait for its order:\n%s", e.text)
	}
	for _, kind := range []string{"orders.acme.cert-manager.io", "challenges.acme.cert-manager.io", "events", "issuers.cert-manager.io", "Ingress"} {
		if !strings.Contains(strings.Join(e.Unread, "\n"), kind) {
			t.Errorf("%s isn't said to be unread: %q", kind, e.Unread)
		}
	}
	if e := explain(t, kubeconfig, works, healthy); e.says("WaitingForOrder") {
		t.Errorf("the issued one is said to wait for its order:\n%s", e.text)
	}
	tested.notes(t, &tested.said, "WaitingForOrder")
	tested.notes(t, &tested.spared, "WaitingForOrder")
}

func TestOrders(t *testing.T) {
	t.Parallel()
	policy(t, "no-solver", "networking.k8s.io", "ingresses", "(!has(object.spec.rules) || !object.spec.rules.exists(r, r.host == 'unpresented.example.com'))", "nobody may route this")
	refusing := func(name string, status int) string {
		return acmeAt(name, shared.refusing[status].URL+"/dir", bundles[status], http01(class))
	}
	for code, row := range map[string]struct{ name, issuer, says string }{
		"RateLimited":           {"limited", refusing("limited", http.StatusTooManyRequests), "no more before 2099-01-02 03:04:05 UTC"},
		"OrderNotAccepted":      {"ignored-order", refusing("ignored-order", http.StatusServiceUnavailable), "without a word"},
		"NoSolverMatches":       {"unsolved", acme("unsolved", "[{selector: {dnsZones: [example.org]}, http01: {ingress: {ingressClassName: loopback}}}]"), "its dnsZones are example.org"},
		"ChallengeNotPresented": {"unpresented", acme("unpresented", http01(class)), "nobody may route this"},
		"OrderFailed":           {"failed-order", acme("failed-order", "[{waitInsteadOfSelfCheck: 1s, http01: {ingress: {ingressClassName: nobody}}}]"), "failed-order.example.com"},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			shared.Apply(t, works, row.issuer+certificate(row.name, row.name))
			e := hangsAt(t, works, "certificate/"+row.name, code, row.says)
			if code == "OrderFailed" || code == "RateLimited" {
				backsOff(t, "certificate/"+row.name)
			}
			if strings.Contains(e.text, ".well-known/acme-challenge/") && !strings.Contains(e.text, ".well-known/acme-challenge/…") && !strings.Contains(e.text, "acme-challenge/test") {
				t.Errorf("it has a token:\n%s", e.text)
			}
			// The twin has an issuer that works.
			twin := "twin-of-" + row.name
			shared.Apply(t, works, acme(twin, http01(class))+certificate(twin, twin))
			goesOn(t, works, "certificate/"+twin, code, "BackingOff")
		})
	}
}

// backsOff wants the time of the next try: an hour after the failure that the Certificate records.
func backsOff(t *testing.T, object string) {
	t.Helper()
	e := await(t, works, object, "back off", func(e explanation) bool { return e.says("BackingOff") })
	failed, _, err := unstructuredTime(t, strings.TrimPrefix(object, "certificate/"))
	if err != nil {
		t.Fatal(err)
	}
	if next := e.Certificates[0].NextTry; next == nil || !next.Equal(failed.Add(time.Hour)) {
		t.Errorf("the next try is at %v, want %s", next, failed.Add(time.Hour))
	}
	tested.notes(t, &tested.said, "BackingOff")
}

// unstructuredTime is when the last issuance of a Certificate failed.
func unstructuredTime(t *testing.T, name string) (failed time.Time, there bool, err error) {
	t.Helper()
	status, _ := get(t, works, name).Object["status"].(map[string]any)
	text, there := status["lastFailureTime"].(string)
	failed, err = time.Parse(time.RFC3339, text)
	return failed, there, err
}

func TestChallengeQueued(t *testing.T) {
	t.Parallel()
	shared.Apply(t, works, acme("line", http01("nobody"))+certificate("line-first", "line"))
	hangsAt(t, works, "certificate/line-first", "HTTP01NotReachable")
	second := strings.Replace(certificate("line-second", "line"), "dnsNames: [line-second.example.com]", "dnsNames: [line-first.example.com]", 1)
	// The same key would find the same order.
	shared.Apply(t, works, second)
	hangsAt(t, works, "certificate/line-second", "ChallengeQueued", "for the same name and type")
	if e := explain(t, shared.Kubeconfig, works, "certificate/line-first"); e.says("ChallengeQueued") {
		t.Errorf("the first is said to be queued:\n%s", e.text)
	}
	shared.Apply(t, works, acme("no-line", http01(class))+certificate("no-line", "no-line"))
	goesOn(t, works, "certificate/no-line", "ChallengeQueued", "ChallengeNotRemoved")
}

func TestChallengeNotRemoved(t *testing.T) {
	t.Parallel()
	of := resource("acme.cert-manager.io", "challenges")
	shared.Apply(t, works, acme("stuck", http01("nobody"))+certificate("stuck", "stuck"))
	hangsAt(t, works, "certificate/stuck", "HTTP01NotReachable")
	challenges := shared.Watch(t, of, works)
	name := ""
	challenges.Until(t, "the Challenge", func(state cluster.State) bool {
		for found := range state {
			if strings.HasPrefix(found, "stuck-") {
				name = found
			}
		}
		return name != ""
	})
	held := challenges.State()[name]
	finalizers := append(held.GetFinalizers(), "example.com/held")
	patchObject(t, of, works, name, fmt.Sprintf(`{"metadata":{"finalizers":["%s"]}}`, strings.Join(finalizers, `","`)))
	if e := explain(t, shared.Kubeconfig, works, "certificate/stuck"); e.says("ChallengeNotRemoved") {
		t.Errorf("one that isn't being deleted is said to be:\n%s", e.text)
	}
	shared.Delete(t, of, works, name)
	hangsAt(t, works, "certificate/stuck", "ChallengeNotRemoved", "example.com/held")
	patchObject(t, of, works, name, `{"metadata":{"finalizers":null}}`)
}
