package external

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// DNSProvider is a DNS provider with the API of acme-dns. The subdomain of an account is the domain whose challenges it
// may answer, and the records go to the DNS server that [Pebble] asks.
type DNSProvider struct {
	listener net.Listener
	server   *http.Server
	pebble   *Pebble
	hidden   []string
}

// StartDNSProvider starts one that takes every record, and shows none of the hidden domains. The caller calls Close.
func StartDNSProvider(ctx context.Context, pebble *Pebble, hidden ...string) (*DNSProvider, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &DNSProvider{listener: listener, pebble: pebble, hidden: hidden}
	p.server = &http.Server{Handler: http.HandlerFunc(p.update), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = p.server.Serve(listener) }()
	return p, nil
}

func (p *DNSProvider) update(w http.ResponseWriter, r *http.Request) {
	var update struct{ Subdomain, Txt string }
	err := json.NewDecoder(r.Body).Decode(&update)
	if err == nil && !slices.Contains(p.hidden, update.Subdomain) {
		err = p.pebble.SetTXT(r.Context(), "_acme-challenge."+update.Subdomain, update.Txt)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

// Solver is an item of an ACME issuer's spec.acme.solvers, with the accounts of that Secret; more are fields of its own.
func (p *DNSProvider) Solver(secret string, more ...string) string {
	url := "http://" + p.listener.Addr().String()
	fields := append([]string{fmt.Sprintf("dns01: {acmeDNS: {host: %q, accountSecretRef: {name: %s, key: accounts.json}}}", url, secret)}, more...)
	return "{" + strings.Join(fields, ", ") + "}"
}

// DNSAccounts is a manifest of a Secret with an account for each domain.
func DNSAccounts(secret string, domains ...string) string {
	accounts := map[string]any{}
	for _, domain := range domains {
		accounts[domain] = map[string]any{"username": "u", "password": "p", "fulldomain": domain, "subdomain": domain, "allowfrom": []string{}}
	}
	content, _ := json.Marshal(accounts)
	return fmt.Sprintf("\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: %s}\nstringData: {accounts.json: %q}\n", secret, content)
}

// Close ends it.
func (p *DNSProvider) Close() error { return p.server.Close() }
