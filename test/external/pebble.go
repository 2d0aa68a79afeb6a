package external

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/external/authority"
	"github.com/certshim/certshim/test/process"
)

// An account that the ACME server knows from elsewhere may be bound to a new one (RFC 8555, section 7.3.4). Its key is in
// base64url.
const (
	ExternalAccount    = "customer-1"
	ExternalAccountKey = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
)

// Pebble is an ACME server with the DNS server that it asks.
type Pebble struct {
	// Directory is the URL that an ACME issuer's spec.acme.server takes.
	Directory string
	// CABundle is the CA, in PEM, of the server's own certificate: an ACME issuer's spec.acme.caBundle.
	CABundle []byte
	// Root is what the certificates it issues lead to, as its management interface gives it.
	Root *x509.Certificate

	acme, dns *process.Process
	listeners listeners
	client    *http.Client
}

// listeners are the addresses of the programs.
type listeners struct{ acme, management, dns, dnsManagement string }

// NewPebble chooses the addresses of both programs, for those who have to know them before the programs run.
func NewPebble(ctx context.Context) (*Pebble, error) {
	p := &Pebble{}
	for _, address := range []*string{
		&p.listeners.acme, &p.listeners.management, &p.listeners.dns, &p.listeners.dnsManagement,
	} {
		free, err := cluster.FreeAddress(ctx)
		if err != nil {
			return nil, err
		}
		*address = free
	}
	p.Directory = "https://" + p.listeners.acme + "/dir"
	return p, nil
}

// Start starts both programs, with their files in the folder, and returns when they are ready. All names resolve to
// 127.0.0.1, where HTTP-01 challenges are asked for at that port. The caller calls Stop.
func (p *Pebble) Start(ctx context.Context, folder string, httpPort int) error {
	if err := p.start(ctx, folder, httpPort); err != nil {
		return errors.Join(err, p.Stop())
	}
	return nil
}

// SelfCheckFlags are those by which cert-manager looks for a challenge's record where the ACME server does, and for any
// challenge each second.
func (p *Pebble) SelfCheckFlags() []string {
	return []string{"--dns01-check-retry-period=1s", "--dns01-recursive-nameservers-only", "--dns01-recursive-nameservers=" + p.listeners.dns}
}

// SetTXT makes a TXT record, which that DNS server shows.
func (p *Pebble) SetTXT(ctx context.Context, name, value string) error {
	body, err := json.Marshal(map[string]string{"host": name + ".", "value": value})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.listeners.dnsManagement+"/set-txt", bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := p.client.Do(request)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("make the TXT record %s: %s", name, response.Status)
	}
	return nil
}

func (p *Pebble) start(ctx context.Context, folder string, httpPort int) error {
	config, err := p.configure(folder, httpPort)
	if err != nil {
		return err
	}
	p.dns, err = run(ctx, folder, "pebble-challtestsrv",
		"-dnsserver="+p.listeners.dns, "-management="+p.listeners.dnsManagement, "-defaultIPv4=127.0.0.1", "-defaultIPv6=",
		"-http01=", "-https01=", "-tlsalpn01=", "-doh=")
	if err != nil {
		return err
	}
	if err := cluster.Listens(ctx, p.dns, "tcp", p.listeners.dns); err != nil {
		return err
	}
	p.acme, err = run(ctx, folder, "pebble", "-strict", "-config="+config, "-dnsserver="+p.listeners.dns)
	if err != nil {
		return err
	}
	if err := cluster.Answers(ctx, p.acme, p.client, p.Directory); err != nil {
		return err
	}
	p.Root, err = p.root(ctx)
	return err
}

func run(ctx context.Context, folder, program string, arguments ...string) (*process.Process, error) {
	path, err := cluster.Binary(program)
	if err != nil {
		return nil, err
	}
	return process.Start(ctx, process.Program{
		Path: path, Args: arguments, Log: filepath.Join(folder, program+".log"),
		// No pauses between validations; that they are made at all is certain, whatever our own environment says.
		Env: []string{"PEBBLE_VA_NOSLEEP=1", "PEBBLE_VA_ALWAYS_VALID="},
	})
}

// configure writes the server's configuration and its certificate, by a CA made for this, and returns the configuration's
// path.
func (p *Pebble) configure(folder string, httpPort int) (path string, err error) {
	ca, err := authority.Root("ACME server")
	if err != nil {
		return "", err
	}
	p.CABundle = authority.PEM(ca.Certificate)
	roots := x509.NewCertPool()
	roots.AddCert(ca.Certificate)
	p.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}

	certificate, key, err := ca.Server()
	if err != nil {
		return "", err
	}
	certificateFile, keyFile := filepath.Join(folder, "pebble.crt"), filepath.Join(folder, "pebble.key")
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": p.listeners.acme, "managementListenAddress": p.listeners.management,
		"certificate": certificateFile, "privateKey": keyFile,
		"httpPort": httpPort, "keyAlgorithm": "ecdsa",
		"retryAfter":             map[string]int{"authz": 1, "order": 1},
		"externalAccountMACKeys": map[string]string{ExternalAccount: ExternalAccountKey},
	}})
	path = filepath.Join(folder, "pebble.json")
	return path, errors.Join(err,
		os.WriteFile(certificateFile, certificate, 0o600), os.WriteFile(keyFile, key, 0o600), os.WriteFile(path, config, 0o600))
}

// root asks the management interface.
func (p *Pebble) root(ctx context.Context) (*x509.Certificate, error) {
	url := "https://" + p.listeners.management + "/roots/0"
	if err := cluster.Answers(ctx, p.acme, p.client, url); err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := p.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, fmt.Errorf("%s: no PEM block in %q", url, content)
	}
	return x509.ParseCertificate(block.Bytes)
}

// Authority is the CA that a Secret of an ACME issuer must lead to.
func (p *Pebble) Authority() cluster.Authority {
	return cluster.Authority{Kind: "ACME", Name: p.Directory, Certificate: p.Root}
}

// Stop ends both programs.
func (p *Pebble) Stop() error {
	var errs []error
	for _, running := range []*process.Process{p.acme, p.dns} {
		if running != nil {
			errs = append(errs, running.Stop())
		}
	}
	return errors.Join(errs...)
}
