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

// An ACME server signs what it can ask, for a time of its choice; pebble knows no Ed25519. DNS-01 proves no IP address, HTTP-01 no wildcard, and HTTPRoutes,
// which have hostnames, neither.
var (
	acmeLacks    = []feature{duration, edwards, mail, uris, usages, commonNames}
	dnsLacks     = append([]feature{addresses}, acmeLacks...)
	ingressLacks = append([]feature{wildcard}, acmeLacks...)
	gatewayLacks = append([]feature{addresses}, ingressLacks...)
)

// loopback is an IP address that an ACME server can ask here.
const loopback = "127.0.0.1"

// unchecked is a field of a solver. cert-manager's self-check of DNS-01 holds a worker for a minute after it has seen the record, which
// package hangs waits for; that of HTTP-01 asks loopback itself, and not the router.
const unchecked = "waitInsteadOfSelfCheck: 0s"

// byUnchecked is a solver for that address alone.
const byUnchecked = "{selector: {dnsNames: [" + loopback + "]}, " + unchecked + ", http01: {ingress: {ingressClassName: " + Class + "}}}"

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
		{name: "acme-ingress", lacks: ingressLacks, make: acmeSetup("Issuer", byIngresses(Class)+", "+byUnchecked)},
		{name: "acme-ingress-cluster", lacks: ingressLacks, brief: true, make: acmeSetup("ClusterIssuer", byIngresses(Class))},
		{name: "acme-gateway", lacks: gatewayLacks, make: acmeSetup("Issuer", byGateway)},
		{name: "acme-gateway-cluster", lacks: gatewayLacks, brief: true, make: acmeSetup("ClusterIssuer", byGateway)},
		{name: "acme-dns", lacks: dnsLacks, make: dnsSetup("Issuer")},
		{name: "acme-dns-cluster", lacks: dnsLacks, brief: true, make: dnsSetup("ClusterIssuer")},
		{name: "acme-external-account", lacks: ingressLacks, brief: true, make: acmeSetup("Issuer", byIngresses(Class),
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

// byGateway is a solver that attaches HTTPRoutes to the Gateway that [acmeSetup] makes.
const byGateway = "{http01: {gatewayHTTPRoute: {parentRefs: [{name: solver, kind: Gateway}]}}}"

// dnsSetup is an ACME issuer with a DNS-01 solver. The solver has an account for each domain of the tests.
func dnsSetup(kind string) func(*testing.T, string) (annotations, signer) {
	return func(t *testing.T, namespace string) (annotations, signer) {
		t.Helper()
		in := namespace
		if kind == "ClusterIssuer" {
			in = cluster.ClusterResources
			t.Cleanup(func() { shared.Delete(t, cluster.Secrets(), in, namespace) })
		}
		shared.Apply(t, in, DNSAccounts(namespace, domains(namespace)...))
		return acmeSetup(kind, shared.DNS.Solver(namespace, unchecked))(t, namespace)
	}
}

// domains are those that the tests have certified in a namespace.
func domains(namespace string) []string {
	all := editedNames(namespace)
	for name, c := range conformanceCases() {
		for _, certified := range c.certified(hostOf(name, namespace)) {
			all = append(all, strings.TrimPrefix(certified, "*."))
		}
	}
	return all
}

func hostOf(name, namespace string) string { return name + "." + namespace + ".example.com" }

// acmeSetup is an ACME issuer with a solver, and more fields of its own. A solver of HTTPRoutes has a Gateway to attach
// them to.
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
		listeners := []any{listener("tls", 443, protocol, host, name+"-tls")}
		if other != "" {
			listeners = append(listeners, listener(other, 8443, "HTTPS", "other."+host, name+"-other-tls"))
		}
		return gatewayOf(name, set, listeners...)
	}
}

// gatewayOf is a Gateway with these listeners, and one for challenges.
func gatewayOf(name string, set annotations, listeners ...any) string {
	return manifest("Gateway", name, set, map[string]any{
		"gatewayClassName": Class, "allowedListeners": map[string]any{"namespaces": map[string]any{"from": "Same"}},
		"listeners": append([]any{map[string]any{"name": "http", "port": 80, "protocol": "HTTP"}}, listeners...),
	})
}

// listenerSetOf is a ListenerSet with these listeners, and its Gateway, which serves the challenges.
func listenerSetOf(name string, set annotations, listeners ...any) string {
	all := maps.Clone(set)
	all["acme.cert-manager.io/http01-parentreffallback"] = "true"
	return gatewayOf(name+"-parent", nil) + manifest("ListenerSet", name, all, map[string]any{
		"parentRef": map[string]any{"name": name + "-parent"}, "listeners": listeners,
	})
}

func manifest(kind, name string, set annotations, spec map[string]any) string {
	text, _ := json.Marshal(map[string]any{
		"apiVersion": "gateway.networking.k8s.io/v1", "kind": kind, "metadata": map[string]any{"name": name, "annotations": set}, "spec": spec,
	})
	return "\n---\n" + string(text) + "\n"
}

func listener(name string, port int, protocol, host, secret string) map[string]any {
	return map[string]any{
		"name": name, "port": port, "protocol": protocol, "hostname": host,
		"tls": map[string]any{"mode": "Terminate", "certificateRefs": []any{map[string]any{"name": secret}}},
	}
}

func attachedListenerSet(name string, set annotations, host string) string {
	return listenerSetOf(name, set, listener("tls", 443, "HTTPS", host, name+"-tls"))
}

// wildcardAndApex are two listeners with one Secret.
func wildcardAndApex(of func(string, annotations, ...any) string) func(name string, set annotations, host string) string {
	return func(name string, set annotations, host string) string {
		return of(name, set, listener("wildcard", 443, "HTTPS", "*."+host, name+"-tls"), listener("apex", 443, "HTTPS", host, name+"-tls"))
	}
}

func withName(name string) func(string) []string {
	return func(host string) []string { return []string{name, host} }
}

func withWildcard(host string) []string { return []string{host, "*." + host} }

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
		"address": {source: plainIngress, needs: []feature{addresses}, set: annotations{am + "ip-sans": loopback}, names: withName(loopback)},
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
		"wildcard-and-apex":             {source: plainIngress, needs: []feature{wildcard}, set: annotations{am + "alt-names": "*.HOST"}, names: withWildcard},
		"gateway-wildcard-and-apex":     {source: wildcardAndApex(gatewayOf), needs: []feature{wildcard}, names: withWildcard},
		"listenerset-wildcard-and-apex": {source: wildcardAndApex(listenerSetOf), needs: []feature{wildcard}, names: withWildcard},
		"other-common-name":             {source: plainIngress, needs: []feature{commonNames}, set: annotations{am + "common-name": "Alice"}, leaf: namedAlice},
		"address-and-common-name":       {source: plainIngress, needs: []feature{addresses, commonNames}, set: annotations{am + "common-name": "Alice", am + "ip-sans": loopback}, names: withName(loopback), leaf: namedAlice},
		"uri-and-common-name":           {source: plainIngress, needs: []feature{uris, commonNames}, set: annotations{am + "common-name": "Alice", am + "uri-sans": "spiffe://cluster.local/ns/a/sa/b"}, names: withName("spiffe://cluster.local/ns/a/sa/b"), leaf: namedAlice},
		"long-domain":                   {source: plainIngress, needs: []feature{longDomains}, set: annotations{am + "alt-names": longName}, names: withName(longName)},
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
	shim := []string{"ingress", "ingress-fields", "gateway-fields", "gateway-extra-protocol", "gateway-ignored-listener", "listenerset-fields",
		"gateway-wildcard-and-apex", "listenerset-wildcard-and-apex"}
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

// certified are the names of the signed certificate.
func (c conformanceCase) certified(host string) []string {
	if c.names == nil {
		return []string{host}
	}
	return c.names(host)
}

func (c conformanceCase) run(t *testing.T, name, namespace string, named annotations, authority signer, certificates, secrets *cluster.Watch) {
	t.Helper()
	host := hostOf(name, namespace)
	set := maps.Clone(named)
	for key, value := range c.set {
		set[key] = strings.ReplaceAll(value, "HOST", host)
	}
	shared.Apply(t, namespace, c.source(name, set, host))

	want := c.certified(host)
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

// editedNames are a name, and one that is added later.
func editedNames(namespace string) []string {
	return []string{namespace + ".example.com", "later." + namespace + ".example.com"}
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
			all := editedNames(namespace)
			for n := range all {
				names := all[:n+1]
				set[am+"alt-names"] = strings.Join(names[1:], ",")
				shared.Apply(t, namespace, ingress("web", "", set, all[0]))
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
