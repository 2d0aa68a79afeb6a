package e2e

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// proxied puts a proxy before the API server until the end of the test. It calls before with
// every request, which may hold it back, and see with every answer; either may be nil. It gives
// the kubeconfig of certshim's ServiceAccount that leads through it.
func (d *deployed) proxied(t *testing.T, before func(*http.Request), see func(*http.Response) error) (kubeconfig string) {
	t.Helper()
	target, err := url.Parse(d.Config.Host)
	if err != nil {
		t.Fatal(err)
	}
	// The server's certificate is checked; who asks is known by the token alone.
	transport, err := rest.TransportFor(&rest.Config{TLSClientConfig: rest.TLSClientConfig{CAData: d.Config.CAData}})
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			if before != nil {
				before(p.In)
			}
			p.SetURL(target)
		},
		Transport:      transport,
		FlushInterval:  -1,
		ModifyResponse: see,
	}
	server := httptest.NewUnstartedServer(proxy)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	config, err := clientcmd.LoadFromFile(d.kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range config.Clusters {
		to.Server = server.URL
		to.CertificateAuthorityData = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	}
	kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, kubeconfig); err != nil {
		t.Fatal(err)
	}
	return kubeconfig
}

// barrier counts the requests that match, and holds them back while it is shut.
type barrier struct {
	matches func(*http.Request) bool

	lock sync.Mutex
	// gate is closed while requests may pass; nil before the barrier is shut for the first time.
	gate chan struct{}
	came int
}

// before is called by a proxy with every request.
func (b *barrier) before(request *http.Request) {
	if !b.matches(request) {
		return
	}
	b.lock.Lock()
	b.came++
	gate := b.gate
	b.lock.Unlock()
	if gate == nil {
		return
	}
	select {
	case <-gate:
	case <-request.Context().Done():
	}
}

func (b *barrier) shut() {
	b.lock.Lock()
	defer b.lock.Unlock()
	b.gate = make(chan struct{})
}

func (b *barrier) open() {
	b.lock.Lock()
	defer b.lock.Unlock()
	close(b.gate)
}

// count is how many requests have come, those that are held back included.
func (b *barrier) count() int {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.came
}
