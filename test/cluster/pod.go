package cluster

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/certshim/certshim/test/crds"
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
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go passOn(t.Context(), connection, address)
		}
	}()
	return ip, listener.Addr().(*net.TCPAddr).Port
}

// passOn passes on what comes by a connection, TLS or not, until one side has no more to say.
func passOn(ctx context.Context, from net.Conn, address string) {
	defer func() { _ = from.Close() }()
	to, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return
	}
	defer func() { _ = to.Close() }()
	ended := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
		go func() {
			_, _ = io.Copy(way[1], way[0])
			ended <- struct{}{}
		}()
	}
	<-ended
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

// CertManagerDeployment applies cert-manager's controller as its chart labels it, in the version of the CRDs, with its
// namespace. The arguments are in YAML.
func (c *Cluster) CertManagerDeployment(t *testing.T, arguments ...string) {
	t.Helper()
	version, err := crds.CertManager.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.Apply(t, "", fmt.Sprintf(`
apiVersion: v1
kind: Namespace
metadata: {name: cert-manager}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: cert-manager
  namespace: cert-manager
  labels: {app.kubernetes.io/name: cert-manager, app.kubernetes.io/component: controller, app.kubernetes.io/version: %s}
spec:
  selector: {matchLabels: {app: cert-manager}}
  template:
    metadata: {labels: {app: cert-manager}}
    spec:
      serviceAccountName: cert-manager
      containers: [{name: cert-manager-controller, image: cert-manager, args: [%s]}]
`, version, strings.Join(arguments, ", ")))
}
