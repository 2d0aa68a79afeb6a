package external

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/test/cluster"
)

// feature is what not every issuer can sign.
type feature string

const (
	duration    feature = "a duration"
	edwards     feature = "Ed25519 keys"
	addresses   feature = "IP addresses"
	mail        feature = "e-mail addresses"
	uris        feature = "URIs"
	usages      feature = "key usages"
	wildcard    feature = "wildcards"
	longDomains feature = "a name of over 64 characters"
	commonNames feature = "a common name that is no DNS name of it"
)

// issuerSetup is an issuer as people set it up.
type issuerSetup struct {
	name  string
	lacks []feature
	// brief is for an issuer that differs from another one only in where it is: its names aren't tried with each feature.
	brief bool
	// make makes it in a namespace. It returns the annotations that name it, and who signs.
	make func(t *testing.T, namespace string) (annotations, signer)
}

// signer gives the authority that a Secret has to lead to.
type signer func(secret *unstructured.Unstructured) (cluster.Authority, error)

func signedBy(authority cluster.Authority) signer {
	return func(*unstructured.Unstructured) (cluster.Authority, error) { return authority, nil }
}

// signedByItself trusts a certificate that has signed itself.
func signedByItself(secret *unstructured.Unstructured) (cluster.Authority, error) {
	chain, err := cluster.Chain(secret)
	if err != nil {
		return cluster.Authority{}, err
	}
	err = chain[0].CheckSignature(chain[0].SignatureAlgorithm, chain[0].RawTBSCertificate, chain[0].Signature)
	return cluster.Authority{Kind: "SelfSigned", Certificate: chain[0]}, err
}

// What an ACME server such as Let's Encrypt signs for HTTP-01 challenges: DNS names, by keys and for a time of its choice.
var acmeLacks = []feature{duration, edwards, addresses, mail, uris, usages, wildcard, longDomains, commonNames}

func issuerSetups() []issuerSetup {
	return []issuerSetup{
		{name: "selfsigned", make: func(t *testing.T, namespace string) (annotations, signer) {
			t.Helper()
			shared.Apply(t, namespace, "{apiVersion: cert-manager.io/v1, kind: Issuer, metadata: {name: own}, spec: {selfSigned: {}}}")
			return annotations{issuerKey: "own"}, signedByItself
		}},
		{name: "selfsigned-cluster", brief: true, make: func(t *testing.T, namespace string) (annotations, signer) {
			t.Helper()
			t.Cleanup(func() { shared.Delete(t, issuerResource("clusterissuers"), "", namespace) })
			shared.Apply(t, "", "{apiVersion: cert-manager.io/v1, kind: ClusterIssuer, metadata: {name: "+namespace+"}, spec: {selfSigned: {}}}")
			return annotations{clusterIssuerKey: namespace}, signedByItself
		}},
		{name: "ca", make: func(t *testing.T, namespace string) (annotations, signer) {
			t.Helper()
			return annotations{issuerKey: "ca"}, signedBy(shared.Issuer(t, namespace, "ca"))
		}},
		{name: "ca-cluster", brief: true, make: func(t *testing.T, namespace string) (annotations, signer) {
			t.Helper()
			return annotations{issuerKey: namespace, kindKey: "ClusterIssuer", groupKey: "cert-manager.io"}, signedBy(shared.ClusterIssuer(t, namespace))
		}},
		{name: "acme-ingress", lacks: acmeLacks, make: acmeSetup("Issuer", byIngresses(Class))},
		{name: "acme-ingress-cluster", lacks: acmeLacks, brief: true, make: acmeSetup("ClusterIssuer", byIngresses(Class))},
		{name: "acme-gateway", lacks: acmeLacks, make: acmeSetup("Issuer", "gatewayHTTPRoute: {parentRefs: [{name: solver, kind: Gateway}]}")},
		{name: "acme-gateway-cluster", lacks: acmeLacks, brief: true, make: acmeSetup("ClusterIssuer", "gatewayHTTPRoute: {parentRefs: [{name: solver, kind: Gateway}]}")},
		{name: "acme-external-account", lacks: acmeLacks, brief: true, make: acmeSetup("Issuer", byIngresses(Class),
			"externalAccountBinding: {keyID: "+ExternalAccount+", keySecretRef: {name: external-account, key: key}}")},
		{name: "awspca", lacks: []feature{edwards}, make: func(t *testing.T, namespace string) (annotations, signer) {
			t.Helper()
			approve(t)
			shared.Apply(t, namespace, awspcaIssuer("AWSPCAIssuer", namespace, "corp"))
			return annotations{issuerKey: "corp", kindKey: "AWSPCAIssuer", groupKey: awspcaGroup}, signedBy(shared.AWSPCA.Authority())
		}},
		{name: "awspca-cluster", lacks: []feature{edwards}, brief: true, make: func(t *testing.T, namespace string) (annotations, signer) {
			t.Helper()
			approve(t)
			t.Cleanup(func() { shared.Delete(t, awspcaResource("awspcaclusterissuers"), "", namespace) })
			shared.Apply(t, "", awspcaIssuer("AWSPCAClusterIssuer", namespace, namespace))
			return annotations{issuerKey: namespace, kindKey: "AWSPCAClusterIssuer", groupKey: awspcaGroup}, signedBy(shared.AWSPCA.Authority())
		}},
	}
}

// acmeSetup is an ACME issuer with an HTTP-01 solver, and more fields of its own. A solver of HTTPRoutes has a Gateway
// to attach them to.
func acmeSetup(kind, solver string, more ...string) func(*testing.T, string) (annotations, signer) {
	return func(t *testing.T, namespace string) (annotations, signer) {
		t.Helper()
		name, in, ready, set := "acme", namespace, "acme", annotations{issuerKey: "acme"}
		if kind == "ClusterIssuer" {
			name, in, ready, set = namespace, "", "/"+namespace, annotations{clusterIssuerKey: namespace}
			t.Cleanup(func() { shared.Delete(t, issuerResource("clusterissuers"), "", name) })
		}
		shared.Apply(t, namespace, fmt.Sprintf(`
apiVersion: v1
kind: Secret
metadata: {name: external-account}
stringData: {key: %s}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: solver}
spec: {gatewayClassName: %s, listeners: [{name: http, port: 80, protocol: HTTP}]}
`, ExternalAccountKey, Class))
		issuers := shared.Watch(t, issuerResource(strings.ToLower(kind)+"s"), in)
		shared.Apply(t, namespace, acmeIssuer(kind, name, solver, more...))
		issuers.Ready(t, ready)
		return set, signedBy(shared.Pebble.Authority())
	}
}

// conformanceCase is a source with annotations, and what has to come of it.
type conformanceCase struct {
	needs  []feature
	source func(name string, set annotations, host string) string
	set    annotations
	// names are those of the signed certificate; the host alone if there is none.
	names func(host string) []string
	// spec are fields of the Certificate, as JSON by their path; HOST stands for the host.
	spec map[string]string
	// leaf is wrong with the signed certificate.
	leaf func(*x509.Certificate) error
}

func plainIngress(name string, set annotations, host string) string {
	return ingress(name, "", set, host)
}

// gatewayWith is a Gateway with one listener that terminates TLS, and one for challenges. The listener "other" asks for
// a Certificate of its own, unless it is ignored.
func gatewayWith(protocol, other string) func(name string, set annotations, host string) string {
	return func(name string, set annotations, host string) string {
		object := map[string]any{
			"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
			"metadata": map[string]any{"name": name, "annotations": set},
			"spec": map[string]any{
				"gatewayClassName": Class, "allowedListeners": map[string]any{"namespaces": map[string]any{"from": "Same"}},
				"listeners": []any{
					map[string]any{"name": "http", "port": 80, "protocol": "HTTP"},
					listener("tls", 443, protocol, host, name+"-tls"),
				},
			},
		}
		if other != "" {
			spec := object["spec"].(map[string]any)
			spec["listeners"] = append(spec["listeners"].([]any), listener(other, 8443, "HTTPS", "other."+host, name+"-other-tls"))
		}
		text, _ := json.Marshal(object)
		return string(text)
	}
}

func listener(name string, port int, protocol, host, secret string) map[string]any {
	return map[string]any{
		"name": name, "port": port, "protocol": protocol, "hostname": host,
		"tls": map[string]any{"mode": "Terminate", "certificateRefs": []any{map[string]any{"name": secret}}},
	}
}

// attachedListenerSet is a ListenerSet and its Gateway, which serves the challenges.
func attachedListenerSet(name string, set annotations, host string) string {
	all := maps.Clone(set)
	all["acme.cert-manager.io/http01-parentreffallback"] = "true"
	object := map[string]any{
		"apiVersion": "gateway.networking.k8s.io/v1", "kind": "ListenerSet",
		"metadata": map[string]any{"name": name, "annotations": all},
		"spec": map[string]any{
			"parentRef": map[string]any{"name": name + "-parent"},
			"listeners": []any{listener("tls", 443, "HTTPS", host, name+"-tls")},
		},
	}
	text, _ := json.Marshal(object)
	return fmt.Sprintf(`
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: %s-parent}
spec:
  gatewayClassName: %s
  allowedListeners: {namespaces: {from: Same}}
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
%s
`, name, Class, text)
}

func withName(name string) func(string) []string {
	return func(host string) []string { return []string{name, host} }
}

const am = "cert-manager.io/"

// The cases of cert-manager's own conformance suite that go through a shim, then its features by annotations.
func conformanceCases() map[string]conformanceCase {
	gatewayFields := annotations{am + "common-name": "HOST", am + "duration": "999h0m0s", am + "renew-before": "111h0m0s"}
	gatewaySpec := map[string]string{"commonName": `"HOST"`, "dnsNames": `["HOST"]`, "duration": `"999h0m0s"`, "renewBefore": `"111h0m0s"`}
	return map[string]conformanceCase{
		"ingress": {source: plainIngress, spec: map[string]string{"dnsNames": `["HOST"]`}},
		"ingress-fields": {
			source: plainIngress,
			set: annotations{
				am + "common-name": "HOST", am + "duration": "999h0m0s", am + "renew-before": "111h0m0s", am + "revision-history-limit": "7",
				am + "private-key-algorithm": "RSA", am + "private-key-encoding": "PKCS1", am + "private-key-size": "3072", am + "private-key-rotation-policy": "Always",
			},
			spec: map[string]string{
				"dnsNames": `["HOST"]`, "commonName": `"HOST"`, "duration": `"999h0m0s"`, "renewBefore": `"111h0m0s"`, "revisionHistoryLimit": `7`,
				"privateKey": `{"algorithm":"RSA","encoding":"PKCS1","rotationPolicy":"Always","size":3072}`,
			},
			leaf: func(leaf *x509.Certificate) error {
				if key, is := leaf.PublicKey.(*rsa.PublicKey); !is || key.N.BitLen() != 3072 {
					return fmt.Errorf("its key is %T", leaf.PublicKey)
				}
				return nil
			},
		},
		"gateway-fields":           {source: gatewayWith("HTTPS", ""), set: gatewayFields, spec: gatewaySpec},
		"gateway-extra-protocol":   {source: gatewayWith("DTLS", ""), spec: map[string]string{"dnsNames": `["HOST"]`, "secretName": `"gateway-extra-protocol-tls"`}},
		"gateway-ignored-listener": {source: gatewayWith("HTTPS", "unasked"), set: annotations{am + "ignore-tls-listeners": "unasked"}, spec: map[string]string{"dnsNames": `["HOST"]`}},
		"listenerset-fields":       {source: attachedListenerSet, set: gatewayFields, spec: gatewaySpec},

		"ecdsa": {source: plainIngress, set: annotations{am + "private-key-algorithm": "ECDSA", am + "private-key-size": "384"}, leaf: func(leaf *x509.Certificate) error {
			if key, is := leaf.PublicKey.(*ecdsa.PublicKey); !is || key.Curve != elliptic.P384() {
				return fmt.Errorf("its key is %T", leaf.PublicKey)
			}
			return nil
		}},
		"ed25519": {source: plainIngress, needs: []feature{edwards}, set: annotations{am + "private-key-algorithm": "Ed25519"}, leaf: func(leaf *x509.Certificate) error {
			if _, is := leaf.PublicKey.(ed25519.PublicKey); !is {
				return fmt.Errorf("its key is %T", leaf.PublicKey)
			}
			return nil
		}},
		"duration": {source: plainIngress, needs: []feature{duration}, set: annotations{am + "duration": "999h"}, leaf: func(leaf *x509.Certificate) error {
			if got := leaf.NotAfter.Sub(leaf.NotBefore); got < 999*time.Hour || got > 999*time.Hour+backdate+time.Minute {
				return fmt.Errorf("it is valid for %s", got)
			}
			return nil
		}},
		"address": {source: plainIngress, needs: []feature{addresses}, set: annotations{am + "ip-sans": "10.1.2.3"}, names: withName("10.1.2.3")},
		"mail":    {source: plainIngress, needs: []feature{mail}, set: annotations{am + "email-sans": "alice@example.com"}, names: withName("alice@example.com")},
		"uri":     {source: plainIngress, needs: []feature{uris}, set: annotations{am + "uri-sans": "spiffe://cluster.local/ns/a/sa/b"}, names: withName("spiffe://cluster.local/ns/a/sa/b")},
		"usages": {source: plainIngress, needs: []feature{usages}, set: annotations{am + "usages": "digital signature,server auth,client auth"}, leaf: func(leaf *x509.Certificate) error {
			if got := slices.Sorted(slices.Values(leaf.ExtKeyUsage)); !slices.Equal(got, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}) {
				return fmt.Errorf("its usages are %v", got)
			}
			return nil
		}},
		"wildcard": {source: func(name string, set annotations, host string) string { return ingress(name, "", set, "'*."+host+"'") }, needs: []feature{wildcard},
			names: func(host string) []string { return []string{"*." + host} }},
		"wildcard-and-apex": {source: plainIngress, needs: []feature{wildcard}, set: annotations{am + "alt-names": "*.HOST"}, names: func(host string) []string {
			return []string{host, "*." + host}
		}},
		"other-common-name":       {source: plainIngress, needs: []feature{commonNames}, set: annotations{am + "common-name": "Alice"}, leaf: namedAlice},
		"address-and-common-name": {source: plainIngress, needs: []feature{addresses, commonNames}, set: annotations{am + "common-name": "Alice", am + "ip-sans": "10.1.2.3"}, names: withName("10.1.2.3"), leaf: namedAlice},
		"uri-and-common-name":     {source: plainIngress, needs: []feature{uris, commonNames}, set: annotations{am + "common-name": "Alice", am + "uri-sans": "spiffe://cluster.local/ns/a/sa/b"}, names: withName("spiffe://cluster.local/ns/a/sa/b"), leaf: namedAlice},
		"long-domain":             {source: plainIngress, needs: []feature{longDomains}, set: annotations{am + "alt-names": longName}, names: withName(longName)},
		"more-names": {source: plainIngress, set: annotations{am + "alt-names": "a.HOST,b.HOST"}, names: func(host string) []string {
			return []string{host, "a." + host, "b." + host}
		}},
	}
}

func namedAlice(leaf *x509.Certificate) error {
	if leaf.Subject.CommonName != "Alice" {
		return fmt.Errorf("its common name is %q", leaf.Subject.CommonName)
	}
	return nil
}

// longName has labels of 63 characters, the most that RFC 1035 allows.
var longName = strings.Repeat(strings.Repeat("a", 63)+".", 3) + "example.com"

// Each issuer signs what each source asks for by annotations, as far as it can.
func TestConformance(t *testing.T) {
	shim := []string{"ingress", "ingress-fields", "gateway-fields", "gateway-extra-protocol", "gateway-ignored-listener", "listenerset-fields"}
	cases := conformanceCases()
	for _, setup := range issuerSetups() {
		t.Run(setup.name, func(t *testing.T) {
			t.Parallel()
			namespace := shared.Namespace(t)
			certificates, secrets := shared.Watch(t, cluster.Certificates(), namespace), shared.Watch(t, cluster.Secrets(), namespace)
			named, authority := setup.make(t, namespace)
			chosen := shim
			if !setup.brief {
				chosen = slices.Sorted(maps.Keys(cases))
			}
			for _, name := range chosen {
				c := cases[name]
				if slices.ContainsFunc(c.needs, func(f feature) bool { return slices.Contains(setup.lacks, f) }) {
					continue
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					c.run(t, name, namespace, named, authority, certificates, secrets)
					if _, set := c.set[am+"duration"]; set && slices.Contains(setup.lacks, duration) {
						wantNoWarnings(t, namespace, name, "IssuerMayRefuse")
					} else {
						wantNoWarnings(t, namespace, name)
					}
				})
			}
		})
	}
}

func (c conformanceCase) run(t *testing.T, name, namespace string, named annotations, authority signer, certificates, secrets *cluster.Watch) {
	t.Helper()
	host := name + "." + namespace + ".example.com"
	set := maps.Clone(named)
	for key, value := range c.set {
		set[key] = strings.ReplaceAll(value, "HOST", host)
	}
	shared.Apply(t, namespace, c.source(name, set, host))

	want := []string{host}
	if c.names != nil {
		want = c.names(host)
	}
	secret := secrets.Object(t, name+"-tls", fmt.Sprintf("to be signed for %q", want), func(secret *unstructured.Unstructured) bool {
		by, err := authority(secret)
		return err == nil && cluster.SignedBy(secret, by, want...) == nil
	})
	certificate := certificates.Ready(t, name+"-tls")
	for path, value := range c.spec {
		text, err := json.Marshal(field(certificate, "spec|"+path))
		if wanted := strings.ReplaceAll(value, "HOST", host); err != nil || string(text) != wanted {
			t.Errorf("spec.%s is %s, want %s", path, text, wanted)
		}
	}
	if _, is := certificates.State()[name+"-other-tls"]; is {
		t.Error("an ignored listener has a Certificate")
	}
	if c.leaf != nil {
		chain, err := cluster.Chain(secret)
		if err = errors.Join(err, c.leaf(chain[0])); err != nil {
			t.Error(err)
		}
	}
}

// A name that is added later is signed, by the same key where the key is to be kept.
func TestConformanceAfterAnEdit(t *testing.T) {
	for _, setup := range issuerSetups() {
		if setup.brief {
			continue
		}
		t.Run(setup.name, func(t *testing.T) {
			t.Parallel()
			namespace := shared.Namespace(t)
			secrets := shared.Watch(t, cluster.Secrets(), namespace)
			set, authority := setup.make(t, namespace)
			set[am+"private-key-rotation-policy"] = "Never"
			keys := map[string]bool{}
			host := namespace + ".example.com"
			for _, names := range [][]string{{host}, {host, "later." + host}} {
				set[am+"alt-names"] = strings.Join(names[1:], ",")
				shared.Apply(t, namespace, ingress("web", "", set, host))
				secret := secrets.Object(t, "web-tls", fmt.Sprintf("to be signed for %q", names), func(secret *unstructured.Unstructured) bool {
					by, err := authority(secret)
					return err == nil && cluster.SignedBy(secret, by, names...) == nil
				})
				keys[fmt.Sprint(field(secret, "data|tls.key"))] = true
			}
			if len(keys) != 1 {
				t.Errorf("%d keys were used", len(keys))
			}
		})
	}
}
