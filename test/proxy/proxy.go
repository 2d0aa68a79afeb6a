// Package proxy stands between one client and the API server: it may hold a request back, answer it in the server's place,
// or change what the server answers.
//
// [Start] starts one; what it does is a function of the test's. It imports client-go, nothing of certshim.
package proxy

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Around answers a request; next sends it to the API server. An error ends the client's stream without an answer. An answer
// with Close set is the last one but for those underway: the client gets GOAWAY.
type Around func(request *http.Request, next http.RoundTripper) (*http.Response, error)

// ErrReset is the error of an Around that means to end the stream.
var ErrReset = errors.New("the proxy ends the stream")

// Start puts a proxy before an API server until the end of the test, and returns a copy of a kubeconfig that leads
// through it. The server's certificate is checked; who asks is known by the token alone.
func Start(t testing.TB, server *rest.Config, kubeconfig string, around Around) (through string) {
	t.Helper()
	target, err := url.Parse(server.Host)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := rest.TransportFor(&rest.Config{TLSClientConfig: rest.TLSClientConfig{CAData: server.CAData}})
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewUnstartedServer(&httputil.ReverseProxy{
		Rewrite:       func(p *httputil.ProxyRequest) { p.SetURL(target) },
		Transport:     roundTripper(func(r *http.Request) (*http.Response, error) { return around(r, transport) }),
		FlushInterval: -1,
		// A header of the connection that an Around has set doesn't come through.
		ModifyResponse: func(response *http.Response) error {
			if response.Close {
				response.Header.Set("Connection", "close")
			}
			return nil
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:     log.New(io.Discard, "", 0),
	})
	listener.EnableHTTP2 = true
	listener.StartTLS()
	t.Cleanup(listener.Close)
	t.Cleanup(listener.CloseClientConnections)
	config, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range config.Clusters {
		to.Server = listener.URL
		to.CertificateAuthorityData = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: listener.Certificate().Raw})
	}
	through = filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, through); err != nil {
		t.Fatal(err)
	}
	return through
}

type roundTripper func(*http.Request) (*http.Response, error)

func (r roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }

// Answer is an answer in the API server's place, in JSON.
func Answer(request *http.Request, status int, body []byte) *http.Response {
	response := &http.Response{Request: request, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody}
	Replace(response, status, body)
	return response
}

// Replace puts another answer in the place of the server's.
func Replace(response *http.Response, status int, body []byte) {
	_ = response.Body.Close()
	response.Status, response.StatusCode = http.StatusText(status), status
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	response.Header.Del("Content-Encoding")
	response.Header.Set("Content-Type", "application/json")
	response.Header.Set("Content-Length", fmt.Sprint(len(body)))
}
