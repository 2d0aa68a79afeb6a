package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/certshim/certshim/test/cluster"
)

// size is how much is measured.
type size struct {
	cold, namespace, turns, workers, shimWorkers int
}

func main() {
	var s size
	flag.IntVar(&s.cold, "cold", 3000, "Ingresses of a cold start")
	flag.IntVar(&s.namespace, "namespace", 10_000, "Ingresses of the large namespace; as many again lie in ten smaller ones")
	flag.IntVar(&s.turns, "turns", 3, "turns of the cold start")
	flag.IntVar(&s.workers, "workers", 64, "writes in flight, of certshim and of the bare loop")
	flag.IntVar(&s.shimWorkers, "shim-workers", 32, "workers of cert-manager's shim, which has 5 by itself")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, s, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s size, out io.Writer) (err error) {
	running, err := cluster.StartMain(ctx, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, running.Stop()) }()
	b, err := newBench(running, s)
	if err != nil {
		return err
	}
	if err := b.makeIssuer(ctx); err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	if err := b.cold(ctx); err != nil {
		return fmt.Errorf("cold start: %w", err)
	}
	if err := b.namespaces(ctx); err != nil {
		return fmt.Errorf("large namespace: %w", err)
	}
	if err := b.restarts(ctx); err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	return b.write(out)
}

// note tells on standard error how far it is.
func note(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", arguments...)
}
