package cluster

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"
)

// AsPod serves what a program serves at an address on loopback at one of this machine's others, for a Pod to have: an API
// server passes no request on to loopback. It is empty where this machine has no other.
func AsPod(t testing.TB, address string) (ip string, port int) {
	t.Helper()
	if ip = machineAddress(t); ip == "" {
		return "", 0
	}
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address}), ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return ip, listener.Addr().(*net.TCPAddr).Port
}

func machineAddress(t testing.TB) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range addresses {
		if of, is := address.(*net.IPNet); is && of.IP.To4() != nil && of.IP.IsGlobalUnicast() {
			return of.IP.String()
		}
	}
	return ""
}
