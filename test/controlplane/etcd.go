package main

import (
	"context"
	"flag"
	"fmt"
	"net"

	etcdflags "go.etcd.io/etcd/pkg/v3/flags"
	"go.etcd.io/etcd/server/v3/embed"
)

// The sockets are relative to the folder of the run, in which all programs run: a socket's path may have about a
// hundred bytes, and the folder's alone can be longer.
const (
	etcdSocket  = "etcd.sock"
	etcdURL     = "unix://" + etcdSocket
	etcdPeerURL = "unix://etcd-peer.sock"
)

// etcdArgs are flags that this file's etcd and the released one both understand. Nothing is synced to the disk: the
// data has to survive the death of processes, not that of the machine.
func etcdArgs() []string {
	return []string{
		"--name=controlplane",
		"--data-dir=etcd",
		"--listen-client-urls=" + etcdURL,
		"--advertise-client-urls=" + etcdURL,
		"--listen-peer-urls=" + etcdPeerURL,
		"--initial-advertise-peer-urls=" + etcdPeerURL,
		"--initial-cluster=controlplane=" + etcdPeerURL,
		"--quota-backend-bytes=8589934592", // the default, 2 GiB, is soon full of old revisions in a benchmark
		"--unsafe-no-fsync",
	}
}

// etcdReady dials the socket: whoever connects is served as soon as etcd can.
func etcdReady(ctx context.Context) error {
	connection, err := new(net.Dialer).DialContext(ctx, "unix", etcdSocket)
	if err != nil {
		return err
	}
	return connection.Close()
}

// serveEtcd runs etcd with those flags until it fails or the process is killed.
func serveEtcd(args []string) error {
	config := embed.NewConfig()
	flags := flag.NewFlagSet("etcd", flag.ContinueOnError)
	config.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	config.ListenClientUrls = etcdflags.UniqueURLsFromFlag(flags, "listen-client-urls")
	config.AdvertiseClientUrls = etcdflags.UniqueURLsFromFlag(flags, "advertise-client-urls")
	config.ListenPeerUrls = etcdflags.UniqueURLsFromFlag(flags, "listen-peer-urls")
	config.AdvertisePeerUrls = etcdflags.UniqueURLsFromFlag(flags, "initial-advertise-peer-urls")
	server, err := embed.StartEtcd(config)
	if err != nil {
		return fmt.Errorf("start etcd: %w", err)
	}
	return <-server.Err()
}
