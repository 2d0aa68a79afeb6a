package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	keep := flag.Bool("keep", false, "stay up after the last scene, until Ctrl-C")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := play(ctx, *keep)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// play sets the stage, runs the scenes in order and clears the stage whatever happened.
func play(ctx context.Context, keep bool) (err error) {
	screen := newScreen(os.Stdout)
	began := time.Now()
	screen.title("Starting etcd, kube-apiserver, cert-manager's controllers and webhook, and certshim")
	stage, err := setStage(ctx, screen)
	if err != nil {
		return err
	}
	defer func() {
		if stopErr := stage.clear(); err == nil {
			err = stopErr
		}
	}()
	screen.done(fmt.Sprintf("all up after %s", time.Since(began).Round(100*time.Millisecond)))
	for _, scene := range scenes() {
		screen.title(scene.title)
		if err := scene.play(ctx, stage); err != nil {
			return fmt.Errorf("%s: %w", scene.title, err)
		}
	}
	screen.end(stage.signed, time.Since(began))
	if keep {
		screen.invite(stage.kubeconfig())
		<-ctx.Done()
	}
	return nil
}
