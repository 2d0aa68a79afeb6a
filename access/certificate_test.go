package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// write puts a certificate with that serial number, and its key, into the files.
func write(t *testing.T, certFile, keyFile string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: []string{"metrics"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func serialOf(t *testing.T, pair *tls.Certificate) int64 {
	t.Helper()
	parsed, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return parsed.SerialNumber.Int64()
}

func TestCertificateFollowsItsFiles(t *testing.T) {
	certFile, keyFile := filepath.Join(t.TempDir(), "tls.crt"), filepath.Join(t.TempDir(), "tls.key")
	write(t, certFile, keyFile, 1)
	var log strings.Builder
	c, err := ReadCertificate(certFile, keyFile, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	c.now = func() time.Time { return now }
	serves := func(want int64, when string) {
		t.Helper()
		pair, err := c.Config().GetCertificate(nil)
		if err != nil || serialOf(t, pair) != want {
			t.Errorf("%s: %v, number %d, want %d", when, err, serialOf(t, pair), want)
		}
	}
	write(t, certFile, keyFile, 2)
	serves(1, "just read")
	now = now.Add(readPause)
	serves(2, "the files were replaced")

	if err := os.WriteFile(certFile, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		now = now.Add(readPause)
		serves(2, "the files can't be used")
	}
	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		now = now.Add(readPause)
		serves(2, "a file is gone")
	}
	if got := strings.Count(log.String(), "the earlier one stays"); got != 2 {
		t.Errorf("%d lines about two mistakes:\n%s", got, log.String())
	}
	write(t, certFile, keyFile, 3)
	now = now.Add(readPause)
	serves(3, "the files are right again")
}

func TestCertificateMustBeThereAtTheStart(t *testing.T) {
	folder := t.TempDir()
	one, other := filepath.Join(folder, "1"), filepath.Join(folder, "2")
	write(t, one+".crt", one+".key", 1)
	write(t, other+".crt", other+".key", 2)
	for what, files := range map[string][2]string{
		"no certificate": {folder + "/none", one + ".key"}, "no key": {one + ".crt", folder + "/none"}, "the key of another": {one + ".crt", other + ".key"},
	} {
		if _, err := ReadCertificate(files[0], files[1], slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}
