package differential

import (
	"slices"
	"strings"
)

const (
	prefix     = "cert-manager.io/"
	acmePrefix = "acme.cert-manager.io/"

	issuerKey        = prefix + "issuer"
	clusterIssuerKey = prefix + "cluster-issuer"
	issuerKindKey    = prefix + "issuer-kind"
	issuerGroupKey   = prefix + "issuer-group"
	autoKey          = "kubernetes.io/tls-acme"
	ignoreKey        = prefix + "ignore-tls-listeners"
	ownIgnoreKey     = "certshim.io/ignore"
	deletionKey      = "certshim.io/deletion-policy"
	conflictsKey     = "certshim.io/conflicts"
	sectionsKey      = "certshim.io/sections"
	routeNamesKey    = "certshim.io/route-names"

	commonNameKey  = prefix + "common-name"
	altNamesKey    = prefix + "alt-names"
	ipSansKey      = prefix + "ip-sans"
	uriSansKey     = prefix + "uri-sans"
	emailSansKey   = prefix + "email-sans"
	durationKey    = prefix + "duration"
	renewBeforeKey = prefix + "renew-before"
	percentageKey  = prefix + "renew-before-percentage"
	usagesKey      = prefix + "usages"
	historyKey     = prefix + "revision-history-limit"
	algorithmKey   = prefix + "private-key-algorithm"
	encodingKey    = prefix + "private-key-encoding"
	sizeKey        = prefix + "private-key-size"
	rotationKey    = prefix + "private-key-rotation-policy"
	serialKey      = prefix + "subject-serialnumber"
	templateKey    = prefix + "secret-template"

	ingressClassKey     = acmePrefix + "http01-ingress-class"
	ingressClassNameKey = acmePrefix + "http01-ingress-ingressclassname"
	editInPlaceKey      = acmePrefix + "http01-edit-in-place"
	fallbackKey         = acmePrefix + "http01-parentreffallback"

	// extraKey is copied in every case, by --extra-certificate-annotations.
	extraKey = "venafi.cert-manager.io/custom-fields"
	// extraProtocol counts as TLS in every case, by --gateway-api-extra-protocols.
	extraProtocol = "example.com/quic"
)

// subjectKeys are the lists of the subject, in upstream's order.
var subjectKeys = []string{
	prefix + "subject-organizations", prefix + "subject-organizationalunits", prefix + "subject-countries",
	prefix + "subject-provinces", prefix + "subject-localities", prefix + "subject-postalcodes",
	prefix + "subject-streetaddresses",
}

// pool is what may stand behind one annotation key.
type pool struct {
	key string
	// good is understood alike by both sides.
	good []string
	// odd is what one side takes otherwise than the other: a row's input.
	odd []string
	// bad is refused by both, or does nothing on both; empty where no text is bad.
	bad []string
}

// How a value can be.
const (
	good   = "good"
	bad    = "bad"
	absent = "absent"
)

// judge says how the value of the key is: of a key that upstream doesn't read, what it
// takes otherwise is good.
func (p pool) judge(annotations map[string]string) string {
	value, found := annotations[p.key]
	switch {
	case !found:
		return absent
	case slices.Contains(p.good, value), len(p.good) == 0 && slices.Contains(p.odd, value):
		return good
	}
	return bad
}

// triggerPools has the keys that are drawn by hand.
func triggerPools() []pool {
	return []pool{
		{key: issuerKey, good: []string{"ca", "pca", "x"}},
		{key: clusterIssuerKey, good: []string{"ca"}},
		{key: issuerKindKey, good: []string{"Issuer", "ClusterIssuer", "AWSPCAClusterIssuer", "StepIssuer"}},
		{key: issuerGroupKey, good: []string{"cert-manager.io", "awspca.cert-manager.io", "certmanager.step.sm"}},
		{key: autoKey, good: []string{"true", "1", "t", "TRUE", "false"}},
		{key: ownIgnoreKey, good: []string{"true", "a-tls", "l0"}},
		{key: sectionsKey, good: []string{"{}"}, bad: []string{`{"nowhere": {"duration": "24h"}}`}}, // neither changes anything
		{key: routeNamesKey, good: []string{"true", "false"}, bad: []string{""}},                    // the operator lets routes bring nothing
	}
}

// pools has every key that says something about a Certificate. The issuer keys are drawn by hand.
func pools() []pool {
	csvGood := []string{"Example", "Example,Other", `"Example, Inc.",Other`, `"a ""b"" c"`, "a, b"}
	csvBad := []string{"a\nb", `a"b`, `"a`}
	durationBad := []string{"90d", "2160", "1H", "2562048h", "x"}
	out := []pool{
		{key: commonNameKey, good: []string{"a.example.com", "An Example", "ö"}, odd: []string{" a.example.com ", "A.Example.com", "0:0::1", strings.Repeat("a", 65)}},
		{key: altNamesKey, good: []string{"x.example.com", "x.example.com,*.y.example.com", "a.example.com", "z.example.com,b.example.com"},
			odd: []string{" x.example.com", "x.example.com,", "10.0.0.7", "x.example.com,x.example.com", "X.example.com,x.example.com", "https://x", "b c"}},
		{key: ipSansKey, good: []string{"10.0.0.1", "10.0.0.1,2001:db8::1"},
			odd: []string{"10.0.0.1, ::1", "10.0.0.1,10.0.0.1", "::ffff:10.0.0.1,10.0.0.1", "::1,0:0::1", "nope", "010.0.0.1"}},
		{key: emailSansKey, good: []string{"a@example.com", "a@example.com,b@example.com"},
			odd: []string{" a@example.com", "", "a@example.com,a@example.com", "a@Example.com,a@example.com", "Bob <b@example.com>", "nope"}},
		{key: uriSansKey, odd: []string{"spiffe://example.com/a", "spiffe://Example.com/a,spiffe://example.com/a", "https://example.com/b,spiffe://c/d", "example.com/a"}, bad: []string{""}},
		{key: serialKey, good: []string{"1234", "x y"}, odd: []string{" 7 "}},
		{key: durationKey, good: []string{"2160h", "24h", "1h", "90m", "8760h0m0s"}, odd: []string{"", " 24h", "59m", "-1h", "0"}, bad: durationBad},
		{key: renewBeforeKey, good: []string{"8h", "5m", "30m"}, odd: []string{"", "8h ", "1m", "0", "9000h"}, bad: durationBad},
		{key: percentageKey, good: []string{"30", "50", "+20"}, odd: []string{"", " 30", "0", "100", "-5"}, bad: []string{"33.3", "x", "2147483648"}},
		{key: usagesKey, good: []string{"digital signature", "server auth,client auth", "digital signature, key encipherment, server auth", "any"},
			odd: []string{"", "server auth,\tclient auth", "server auth,server auth"}, bad: []string{"serverAuth", "Server Auth", "nonsense"}},
		{key: historyKey, good: []string{"1", "3", "+10", "007"}, odd: []string{"", " 1"}, bad: []string{"0", "-1", "x", "1.0"}},
		{key: algorithmKey, good: []string{"RSA", "ECDSA", "Ed25519"}, odd: []string{"", " RSA"}, bad: []string{"rsa", "DSA"}},
		{key: encodingKey, good: []string{"PKCS1", "PKCS8"}, odd: []string{"", "PKCS8 "}, bad: []string{"pkcs1", "DER"}},
		{key: sizeKey, good: []string{"2048", "4096", "3000"}, odd: []string{"", " 2048"}, bad: []string{"1024", "x", "9000", "-7", "0"}},
		{key: rotationKey, good: []string{"Never", "Always"}, odd: []string{"", " Always"}, bad: []string{"always", "Sometimes"}},
		{key: templateKey, good: []string{
			`{"annotations":{"example.com/a":"b"},"labels":{"team":"web"}}`, `{"labels":{"a":"b"}}`, `{}`, `{"annotations":{"x":"y"}}`},
			odd: []string{"", `{"labels":{"a":"b"}} trailing`, `{"Labels":{"a":"b"}}`, `{"labels":{"a":"not a label"}}`,
				`{"annotations":{"cert-manager.io/allow-direct-injection":"true"}}`},
			bad: []string{"labels: {a: b}", "[]", `{"labels":{"a":1}}`, `{"other":{}}`, `{"annotations":{"cert-manager.io/x":"y"}}`}},
		{key: ingressClassKey, good: []string{"nginx", "internal"}, bad: []string{""}},
		{key: ingressClassNameKey, good: []string{"nginx"}, bad: []string{""}},
		{key: editInPlaceKey, good: []string{"true", "false"}, bad: []string{"yes", ""}},
		{key: fallbackKey, good: []string{"true", "false"}, bad: []string{"maybe", ""}},
		{key: ignoreKey, good: []string{"l0", "l1, l2", "unknown"}, bad: []string{""}},
		{key: deletionKey, good: []string{"delete"}, bad: []string{""}},                  // with retain, one write does one thing
		{key: conflictsKey, good: []string{"force", "yield", "fail"}, bad: []string{""}}, // the operator lets sources choose nothing
		{key: extraKey, good: []string{"[{\"name\":\"a\",\"value\":\"b\"}]", "x"}, bad: []string{""}},
	}
	for _, key := range subjectKeys {
		out = append(out, pool{key: key, good: csvGood, odd: []string{"", ` "a"`, "a,,b"}, bad: csvBad})
	}
	return out
}

var (
	goodHosts = []string{
		"a.example.com", "b.example.com", "c.example.com", "shop.example.com", "*.example.com", "*.shop.example.com",
		"x", "1.2.3.4.5", "long-name.of.some.service.example.com",
	}
	ipHosts  = []string{"10.0.0.1", "192.0.2.7"}
	oddHosts = []string{strings.Repeat("a", 64) + ".example.com", "ä.example.com", "a b.example.com", " a.example.com"}
	// caseHosts reach us from files only: the API server takes none.
	caseHosts = []string{"A.example.com", "Shop.Example.com", "2001:db8::1"}

	secretNames = []string{"a-tls", "b-tls", "c-tls", "shop.example.com"}

	plainLabels = map[string]string{"app": "web", "tier": "front", "app.kubernetes.io/name": "web", "app.kubernetes.io/instance": "web-1", "team": ""}
	// markers are labels by which other tools track or prune what they made.
	markers = map[string]string{
		"app.kubernetes.io/managed-by": "Helm", "helm.sh/chart": "web-1.2.3", "argocd.argoproj.io/instance": "web",
		"kustomize.toolkit.fluxcd.io/name": "apps", "kapp.k14s.io/app": "17", "objectset.rio.cattle.io/hash": "abc",
		"velero.io/backup-name": "nightly", "tanka.dev/environment": "e", "kro.run/owned": "true", "app.oam.dev/name": "x",
		"olm.owner": "op", "applyset.kubernetes.io/id": "z",
	}
	// applySetLabel is the one marker that upstream leaves out, too.
	applySetLabel = "applyset.kubernetes.io/part-of"
)
