package cluster

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// SignedBy returns what is wrong with a TLS Secret, as a client of the server that uses it would see it: key and
// certificate must belong together, the chain must lead to the authority, and the certificate must be for exactly
// these names: DNS names, IP addresses, email addresses and URIs, in any order.
func SignedBy(secret *unstructured.Unstructured, authority Authority, names ...string) error {
	chain, err := Chain(secret)
	if err != nil {
		return err
	}
	if err := hasKey(secret, chain[0]); err != nil {
		return err
	}
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(authority.Certificate)
	for _, certificate := range chain[1:] {
		intermediates.AddCert(certificate)
	}
	options := x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	if _, err := chain[0].Verify(options); err != nil {
		return fmt.Errorf("not signed by %s %s: %w", authority.Kind, authority.Name, err)
	}
	want, got := slices.Sorted(slices.Values(names)), namesOf(chain[0])
	if !slices.Equal(want, got) {
		return fmt.Errorf("signed for %q, want %q", got, want)
	}
	return nil
}

// Signed waits until the Secret of that name is signed as [SignedBy] wants it, and returns it.
func (w *Watch) Signed(t testing.TB, name string, authority Authority, names ...string) *unstructured.Unstructured {
	t.Helper()
	what := fmt.Sprintf("to be signed by %s %s for %q", authority.Kind, authority.Name, names)
	return w.Object(t, name, what, func(secret *unstructured.Unstructured) bool {
		return SignedBy(secret, authority, names...) == nil
	})
}

// Chain is the chain of a TLS Secret, its own certificate first; at least one.
func Chain(secret *unstructured.Unstructured) ([]*x509.Certificate, error) {
	return certificates(secret, "tls.crt")
}

// certificates are those of one key of a Secret, in their order; at least one.
func certificates(secret *unstructured.Unstructured, key string) ([]*x509.Certificate, error) {
	content, err := data(secret, key)
	if err != nil {
		return nil, err
	}
	var chain []*x509.Certificate
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		chain = append(chain, certificate)
	}
	if len(chain) == 0 {
		return nil, fmt.Errorf("%s holds no certificate", key)
	}
	return chain, nil
}

func data(secret *unstructured.Unstructured, key string) ([]byte, error) {
	encoded, found, err := unstructured.NestedString(secret.Object, "data", key)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("no %s in it", key)
	}
	return base64.StdEncoding.DecodeString(encoded)
}

func hasKey(secret *unstructured.Unstructured, leaf *x509.Certificate) error {
	key, err := data(secret, "tls.key")
	if err != nil {
		return err
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw})
	if _, err := tls.X509KeyPair(certificate, key); err != nil {
		return fmt.Errorf("tls.key and tls.crt: %w", err)
	}
	return nil
}

func namesOf(certificate *x509.Certificate) []string {
	names := slices.Concat(certificate.DNSNames, certificate.EmailAddresses)
	for _, address := range certificate.IPAddresses {
		names = append(names, address.String())
	}
	for _, uri := range certificate.URIs {
		names = append(names, uri.String())
	}
	slices.Sort(names)
	return names
}
