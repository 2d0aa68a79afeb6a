// Command go is a resolver plugin for an in-house CA, as an example: what the CA knows of its
// issuers is in a ConfigMap, which is mounted into the plugin's container as a file. It needs no
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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	ca, err := newCA(*issuers, log)
	if err == nil {
		log.Info("serving", "socket", *socket)
		err = serve.Run(ctx, *socket, ca)
	}
	if err != nil {
		log.Error("the plugin ends", "error", err)
		os.Exit(1)
	}
}
