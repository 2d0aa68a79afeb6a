package issuance

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/resolver"
)

func parsed(t *testing.T, text string) map[string]any {
	t.Helper()
	content, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	object, err := unmarshalled(content)
	if err != nil {
		t.Fatal(err)
	}
	return object
}

// unmarshalled has numbers as an unstructured object has them.
func unmarshalled(content []byte) (map[string]any, error) {
	var object map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(content)))
	decoder.UseNumber()
	if err := decoder.Decode(&object); err != nil {
		return nil, err
	}
	return numbers(object).(map[string]any), nil
}

func numbers(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key := range v {
			v[key] = numbers(v[key])
		}
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		return 0.5
	}
	return value
}

func TestReadCertificate(t *testing.T) {
	got := ReadCertificate(parsed(t, `
metadata:
  namespace: shop
  name: web-tls
  uid: u1
  creationTimestamp: "2026-05-04T11:55:00Z"
  annotations: {cert-manager.io/issue-temporary-certificate: "true"}
  ownerReferences: [{uid: other}, {uid: web, controller: true}]
  managedFields: [{time: "2026-05-04T12:00:00Z"}, {time: "2026-05-04T11:59:00Z", subresource: status}]
spec: {secretName: web-tls, issuerRef: {name: ca}, privateKey: {rotationPolicy: Never}}
status:
  conditions: [{type: Ready, status: "False", reason: DoesNotExist, message: gone, lastTransitionTime: "2026-05-04T11:56:00Z"}]
  revision: 3
  nextPrivateKeySecretName: web-tls-x
  lastFailureTime: "2026-05-04T11:57:00Z"
  failedIssuanceAttempts: 2
  notBefore: "2026-01-01T00:00:00Z"
  notAfter: "2026-06-01T00:00:00Z"
  renewalTime: "2026-05-20T00:00:00Z"
`))
	at := func(text string) time.Time {
		when, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	want := Certificate{
		Meta:   Meta{Kind: KindCertificate, Namespace: "shop", Name: "web-tls", UID: "u1", Owner: "web", Created: at("2026-05-04T11:55:00Z")},
		Secret: "web-tls", Issuer: resolver.Ref{Group: "cert-manager.io", Kind: "Issuer", Name: "ca"}, KeepsKey: true, Temporary: true,
		Conditions: Conditions{{Type: "Ready", Status: "False", Reason: "DoesNotExist", Message: "gone", Since: at("2026-05-04T11:56:00Z")}},
		Revision:   3, NextKey: "web-tls-x", Failed: at("2026-05-04T11:57:00Z"), Attempts: 2,
		NotBefore: at("2026-01-01T00:00:00Z"), NotAfter: at("2026-06-01T00:00:00Z"), Renewal: at("2026-05-20T00:00:00Z"), Written: at("2026-05-04T11:59:00Z"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestReadTheRest(t *testing.T) {
	request := ReadRequest(parsed(t, `{metadata: {name: r, annotations: {cert-manager.io/certificate-revision: "4"}}, spec: {issuerRef: {group: g, kind: K, name: corp}}, status: {failureTime: "2026-05-04T12:00:00Z"}}`))
	if diff := cmp.Diff(Request{Meta: Meta{Kind: KindRequest, Name: "r"}, Revision: 4, Issuer: resolver.Ref{Group: "g", Kind: "K", Name: "corp"}, Failed: now}, request); diff != "" {
		t.Error(diff)
	}
	order := ReadOrder(parsed(t, `{metadata: {name: o, labels: {a: b}}, spec: {dnsNames: [a, b], ipAddresses: [10.0.0.1]}, status: {state: pending, reason: why}}`))
	if diff := cmp.Diff(Order{Meta: Meta{Kind: KindOrder, Name: "o", Labels: map[string]string{"a": "b"}}, Names: []string{"a", "b", "10.0.0.1"}, State: "pending", Reason: "why"}, order); diff != "" {
		t.Error(diff)
	}
	issuer := ReadIssuer(parsed(t, `{metadata: {name: i}, spec: {acme: {solvers: [{http01: {ingress: {}}, selector: {dnsNames: [a], matchLabels: {k: v}}}, {dns01: {cloudflare: {}}, selector: {dnsZones: [b]}}]}}}`), resolver.GroupKind{Group: "cert-manager.io", Kind: "Issuer"})
	want := Issuer{Meta: Meta{Kind: "Issuer", Name: "i"}, Group: "cert-manager.io", ACME: true, Solvers: []Solver{
		{HTTP01: true, Names: []string{"a"}, Labels: map[string]string{"k": "v"}}, {DNS01: true, Zones: []string{"b"}},
	}}
	if diff := cmp.Diff(want, issuer); diff != "" {
		t.Error(diff)
	}
	event := ReadEvent(parsed(t, `{involvedObject: {uid: u}, reason: r, message: m, lastTimestamp: null, eventTime: "2026-05-04T12:00:00.000000Z", metadata: {creationTimestamp: "2026-05-04T11:00:00Z"}}`))
	if diff := cmp.Diff(Event{About: "u", Reason: "r", Message: "m", Last: now}, event); diff != "" {
		t.Error(diff)
	}
}

const (
	token = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
	key   = token + ".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
)

// A Challenge's key and token aren't read, and messages don't have them either.
func TestSecretsOfChallengesAreLeftOut(t *testing.T) {
	for _, path := range append(ChallengePaths(), OrderPaths()...) {
		for _, secret := range []string{"spec", "spec.key", "spec.token", "spec.url", "status.authorizations", "status"} {
			if path == secret {
				t.Errorf("%s is read", path)
			}
		}
	}
	for message, want := range map[string]string{
		fmt.Sprintf(`Waiting for HTTP-01 challenge propagation: did not get expected response %q when querying endpoint`, key):                      `did not get expected response "…" when`,
		fmt.Sprintf(`failed to perform self check GET request 'http://shop.example.com/.well-known/acme-challenge/%s': Get "http://x": EOF`, token): `'http://shop.example.com/.well-known/acme-challenge/…': Get`,
		fmt.Sprintf(`The key authorization file from the server did not match this challenge. Expected %q (got %q)`, key, "x"):                      `Expected "…" (got "x")`,
		fmt.Sprintf(`Incorrect TXT record %q found at _acme-challenge.shop.example.com`, "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"):             `record "…" found at _acme-challenge.shop.example.com`,
		`Failed to wait for order resource "a-rather-long-name-of-a-certificate-1-1234567890" to become ready`:                                      `"a-rather-long-name-of-a-certificate-1-1234567890"`,
		`DNS record for "a.rather-long-name-for-a-host.example.com" not yet propagated`:                                                             `"a.rather-long-name-for-a-host.example.com"`,
		`Referenced issuer does not have a Ready status condition; see ErrRegisterACMEAccount, CertificateRequestPolicy`:                            `ErrRegisterACMEAccount, CertificateRequestPolicy`,
	} {
		got := ReadChallenge(map[string]any{"spec": map[string]any{"key": key, "token": token}, "status": map[string]any{"reason": message}})
		if text := fmt.Sprintf("%+v", got); strings.Contains(text, token) || strings.Contains(text, "9jg46WB3rR") || !strings.Contains(got.Reason, want) {
			t.Errorf("%s", text)
		}
	}
}

func TestMessagesAreBounded(t *testing.T) {
	if got := clean(strings.Repeat("é", 1<<20)); len(got) > maxMessage+len("…") || !strings.HasSuffix(got, "é…") {
		t.Errorf("%d bytes, ending in %q", len(got), got[len(got)-8:])
	}
}

// FuzzExplain explains whatever an API server may hand out.
func FuzzExplain(f *testing.F) {
	f.Add([]byte(`{"metadata": {"uid": "u", "ownerReferences": [{"uid": "u", "controller": true}], "deletionTimestamp": 1}, "spec": {"issuerRef": []}, "status": {"conditions": [{"type": "Ready"}, {"type": "Issuing", "status": "True"}], "state": "pending"}}`))
	f.Add([]byte(`{"metadata": {"annotations": {"cert-manager.io/certificate-revision": "9223372036854775807"}}, "status": {"conditions": 1, "revision": 1.5, "lastFailureTime": "9999-12-31T23:59:59Z"}}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		o, err := unmarshalled(content)
		if err != nil {
			return // an API server gives objects
		}
		issuer := ReadIssuer(o, resolver.GroupKind{Group: "g", Kind: "K"})
		certificate := ReadCertificate(o)
		chain := Explain(State{
			Certificate: certificate, Others: []Certificate{certificate}, Requests: []Request{ReadRequest(o)}, Orders: []Order{ReadOrder(o)},
			Challenges: []Challenge{ReadChallenge(o)}, Issuer: &issuer, Events: []Event{ReadEvent(o)},
		}, now)
		if len(chain.Steps) == 0 || len(text(chain)) > 1<<20 {
			t.Errorf("%d steps, %d bytes", len(chain.Steps), len(text(chain)))
		}
	})
}
