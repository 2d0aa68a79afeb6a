// Command go is an example of a resolver plugin, for an in-house CA. What the CA knows about its
// issuers is in a ConfigMap, mounted into the plugin's container as a file. It needs no
// credentials. The same plugin in Python is beside it.
//
//	go run . -socket /run/corp-ca/plugin.sock -issuers ../issuers.json
package main

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/certshim/certshim/plugins/serve"
)

func main() {
	socket := flag.String("socket", "/run/corp-ca/plugin.sock", "Unix domain socket to serve on")
	issuers := flag.String("issuers", "/etc/corp-ca/issuers.json", "file with the issuers")
	flag.Parse()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := run(*socket, *issuers, log); err != nil {
		log.Error("the plugin ends", "error", err)
		os.Exit(1)
	}
}

func run(socket, issuers string, log *slog.Logger) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ca, err := newCA(issuers, log)
	if err != nil {
		return err
	}
	log.Info("serving", "socket", socket)
	return serve.Run(ctx, socket, ca)
}
