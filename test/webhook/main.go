package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"

	webhooktest "github.com/cert-manager/cert-manager/test/webhook"

	"github.com/cert-manager/cert-manager/pkg/webhook/server"

	"github.com/certshim/certshim/test/process"
)

func main() {
	// A set of its own, as a dependency defines --kubeconfig in the common one; package testing gets the arguments that
	// are left, none.
	flags := flag.NewFlagSet("webhook", flag.ExitOnError)
	kubeconfig := flags.String("kubeconfig", "", "path of the kubeconfig file")
	_ = flags.Parse(os.Args[1:])
	os.Args = os.Args[:1]

	testing.Init()
	// What the helper logs belongs into our output as it happens, not into the report of a failed test.
	if err := flag.Set("test.v", "true"); err != nil {
		panic(err)
	}

	ctx, stop := process.Context()
	defer stop()
	serve := testing.InternalTest{Name: "webhook", F: func(t *testing.T) {
		if err := run(ctx, t, *kubeconfig); err != nil {
			t.Fatal(err)
		}
	}}
	everything := func(_, _ string) (bool, error) { return true, nil }
	testing.Main(everything, []testing.InternalTest{serve}, nil, nil)
}

// run serves until ctx ends.
func run(ctx context.Context, t *testing.T, kubeconfig string) error {
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	serving, err := newServingCertificate(t.TempDir())
	if err != nil {
		return fmt.Errorf("serving certificate: %w", err)
	}
	arguments := []string{
		"--kubeconfig=" + kubeconfig,
		"--tls-cert-file=" + serving.certificateFile,
		"--tls-private-key-file=" + serving.keyFile,
		// Nobody reads its metrics, and up to 1.19 all webhooks of a machine would want the same port.
		"--metrics-listen-address=0",
	}
	webhook, stop := webhooktest.StartWebhookServer(t, arguments, func(s *server.Server) { s.ListenAddr = int(port) })
	defer stop()

	err = register(ctx, kubeconfig, webhook.URL, serving.authority)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("register the webhook: %w", err)
	}
	process.Ready()
	<-ctx.Done()
	return nil
}

// freePort is chosen here because the helper says which port it took before it is safe to ask.
func freePort(ctx context.Context) (uint16, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := netip.MustParseAddrPort(listener.Addr().String()).Port()
	return port, listener.Close()
}
