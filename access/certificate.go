package access

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// readPause is the time between two looks at the files, however many connections come.
const readPause = 10 * time.Second

// Certificate is that of a listener. Its files may be replaced at any time.
type Certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	now               func() time.Time

	mu      sync.Mutex
	current *tls.Certificate
	// certPEM and keyPEM are what the files held at last, whether it could be used or not.
	certPEM, keyPEM []byte
	readAt          time.Time
	// failure is why the files couldn't be used at last, which is logged once.
	failure string
}

// ReadCertificate reads it for the first time, and fails if it can't be used.
func ReadCertificate(certFile, keyFile string, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, log: log, now: time.Now}
	return c, c.read()
}

// Config serves the certificate, over HTTP/1.1 alone: one client of HTTP/2 could ask for many things at once.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.get(), nil },
	}
}

// get reads the files if it is time to. While they can't be used, what they held before counts.
func (c *Certificate) get() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now().Sub(c.readAt) < readPause {
		return c.current
	}
	failure := ""
	if err := c.read(); err != nil {
		failure = err.Error()
	}
	if failure != "" && failure != c.failure {
		c.log.Error("the certificate for metrics can't be read anew; the earlier one stays", "error", failure)
	}
	c.failure = failure
	return c.current
}

// read takes what the files hold, if that is new.
func (c *Certificate) read() error {
	c.readAt = c.now()
	certPEM, err := os.ReadFile(c.certFile)
	if err != nil {
		return err
	}
	keyPEM, err := os.ReadFile(c.keyFile)
	if err != nil {
		return err
	}
	if bytes.Equal(certPEM, c.certPEM) && bytes.Equal(keyPEM, c.keyPEM) {
		return nil
	}
	c.certPEM, c.keyPEM = certPEM, keyPEM
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return fmt.Errorf("%s and %s: %w", c.certFile, c.keyFile, err)
	}
	c.current = &pair
	return nil
}
