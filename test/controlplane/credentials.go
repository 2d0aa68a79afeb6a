package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"os"
	"time"

	certutil "k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

// Files of the folder. The authority and the key of service account tokens are made once, so that kubeconfigs and
// tokens stay good when a kept folder is used again; the rest is issued at each start.
const (
	authorityCertFile   = "ca.crt"
	authorityKeyFile    = "ca.key"
	servingCertFile     = "kube-apiserver.crt"
	servingKeyFile      = "kube-apiserver.key"
	serviceAccountsFile = "service-accounts.key"
)

const issuedFor = 365 * 24 * time.Hour

// authority signs kube-apiserver's certificate and those of its clients.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// loadAuthority reads the authority of the folder, or makes it.
func loadAuthority(f *folder) (*authority, error) {
	key, err := loadKey(f, authorityKeyFile)
	if err != nil {
		return nil, err
	}
	certs, err := certutil.CertsFromFile(f.file(authorityCertFile))
	if err == nil {
		return &authority{cert: certs[0], key: key}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	cert, err := certutil.NewSelfSignedCACert(certutil.Config{CommonName: "controlplane"}, key)
	if err != nil {
		return nil, err
	}
	return &authority{cert: cert, key: key}, f.write(authorityCertFile, encodeCert(cert.Raw))
}

// loadKey reads a private key of the folder, or makes it.
func loadKey(f *folder, name string) (crypto.Signer, error) {
	encoded, err := os.ReadFile(f.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		var key *ecdsa.PrivateKey
		if key, encoded, err = newKey(); err == nil {
			return key, f.write(name, encoded)
		}
	}
	if err != nil {
		return nil, err
	}
	key, err := keyutil.ParsePrivateKeyPEM(encoded)
	if err != nil {
		return nil, err
	}
	return key.(crypto.Signer), nil
}

// writeServing issues kube-apiserver's certificate into the folder.
func (a *authority) writeServing(f *folder) error {
	cert, key, err := a.issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: "kube-apiserver"},
		DNSNames:    []string{"localhost", "kubernetes.default.svc"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return err
	}
	return errors.Join(f.write(servingCertFile, cert), f.write(servingKeyFile, key))
}

// client issues a certificate that kube-apiserver takes for that user with these groups.
func (a *authority) client(user string, groups ...string) (cert, key []byte, err error) {
	return a.issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: user, Organization: groups},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
}

func (a *authority) issue(template *x509.Certificate) (cert, key []byte, err error) {
	signer, key, err := newKey()
	if err != nil {
		return nil, nil, err
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore = a.cert.NotBefore
	template.NotAfter = time.Now().Add(issuedFor)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	raw, err := x509.CreateCertificate(rand.Reader, template, a.cert, signer.Public(), a.key)
	if err != nil {
		return nil, nil, err
	}
	return encodeCert(raw), key, nil
}

func newKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	encoded, err := keyutil.MarshalPrivateKeyToPEM(key)
	return key, encoded, err
}

func encodeCert(raw []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: certutil.CertificateBlockType, Bytes: raw})
}
