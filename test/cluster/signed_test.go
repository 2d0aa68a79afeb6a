package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type signer struct {
	Authority
	key *ecdsa.PrivateKey
}

func newSigner(t *testing.T, name string) signer {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	key := newKey(t)
	return signer{
		Authority: Authority{Kind: "Issuer", Name: name, Certificate: sign(t, template, template, key, key)},
		key:       key,
	}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t *testing.T, template, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	content, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(content)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// secret is what cert-manager would store, with a key that may be another's.
func (s signer) secret(t *testing.T, key *ecdsa.PrivateKey, stored *ecdsa.PrivateKey) *unstructured.Unstructured {
	t.Helper()
	leaf := sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: []string{"b.example.com", "a.example.com"},
		IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1)}, EmailAddresses: []string{"x@example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
	}, s.Certificate, key, s.key)
	private, err := x509.MarshalPKCS8PrivateKey(stored)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(kind string, content []byte) string {
		return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}))
	}
	return &unstructured.Unstructured{Object: map[string]any{"data": map[string]any{
		"tls.crt": encode("CERTIFICATE", leaf.Raw), "tls.key": encode("PRIVATE KEY", private),
	}}}
}

func TestSignedBy(t *testing.T) {
	ca, other, key := newSigner(t, "ca"), newSigner(t, "other"), newKey(t)
	names := []string{"a.example.com", "b.example.com", "10.0.0.1", "x@example.com"}
	for name, row := range map[string]struct {
		secret    *unstructured.Unstructured
		authority Authority
		names     []string
		want      string
	}{
		"right":          {ca.secret(t, key, key), ca.Authority, names, ""},
		"other CA":       {ca.secret(t, key, key), other.Authority, names, "not signed by Issuer other"},
		"other key":      {ca.secret(t, key, newKey(t)), ca.Authority, names, "private key does not match"},
		"name too few":   {ca.secret(t, key, key), ca.Authority, names[1:], "signed for"},
		"name too many":  {ca.secret(t, key, key), ca.Authority, append(names, "c.example.com"), "signed for"},
		"no certificate": {&unstructured.Unstructured{Object: map[string]any{}}, ca.Authority, names, "no tls.crt"},
	} {
		t.Run(name, func(t *testing.T) {
			err := SignedBy(row.secret, row.authority, row.names...)
			if (err == nil) != (row.want == "") || (err != nil && !strings.Contains(err.Error(), row.want)) {
				t.Errorf("error %v, want %q", err, row.want)
			}
		})
	}
}
