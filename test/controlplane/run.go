package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"

	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"
)

// runCommand is "controlplane run": a folder, a port, and a control plane that lives as long as lifetime says.
func runCommand(args []string) (err error) {
	flags := flag.NewFlagSet("controlplane run", flag.ExitOnError)
	dir := flags.String("dir", "", "`folder` to run in, kept afterwards; data in it is used again (default: a temporary folder)")
	number := flags.Int("port", 0, "`port` of kube-apiserver on 127.0.0.1 (default: a free one)")
	_ = flags.Parse(args)
	if flags.NArg() > 0 {
		return fmt.Errorf("run takes no arguments, got %q", flags.Args())
	}
	ctx, cancel := lifetime()
	defer cancel()
	folder, err := openFolder(*dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.close()) }()
	port, err := reservePort(ctx, *number)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, port.close()) }()
	return run(ctx, folder, port.number)
}

// run starts everything, prints where the kubeconfig is, and returns when ctx has ended or a part can't be kept
// running; nothing runs any more then.
func run(ctx context.Context, folder *folder, port int) error {
	plane, err := newPlane(folder, port)
	if err != nil {
		return err
	}
	if err := enter(folder); err != nil {
		return err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error { return plane.restartOnSignal(groupCtx) })
	group.Go(func() error {
		if err := plane.start(groupCtx, group); err != nil {
			return err
		}
		_, err := fmt.Println("KUBECONFIG=" + folder.file(kubeconfigFile))
		return err
	})
	if err := group.Wait(); ctx.Err() == nil {
		return err
	}
	return nil // the end was asked for; what failed on the way to it doesn't matter
}

// enter makes the folder the working directory, for the programs' files and sockets are named relative to it, and the
// place of this process's log.
func enter(folder *folder) error {
	log, err := folder.log("controlplane")
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(log, nil))
	slog.SetDefault(logger)
	klog.SetSlogLogger(logger)
	return os.Chdir(folder.path)
}
