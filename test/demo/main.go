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
	withExternal := flag.Bool("external", false, "show external issuers: AWS Private CA and ACME")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := play(ctx, *withExternal, *keep)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// play sets the stage, runs the scenes in order and clears the stage whatever happened.
func play(ctx context.Context, withExternal, keep bool) (err error) {
	screen := newScreen(os.Stdout)
	began := time.Now()
	set, scenes, cast := setStage, scenes, ""
	if withExternal {
		set, scenes, cast = setExternalStage, externalScenes, " aws-privateca-issuer, the ACME server pebble,"
	}
	screen.title("Starting etcd, kube-apiserver, cert-manager's controllers and webhook," + cast + " and certshim")
	stage, err := set(ctx, screen)
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
		screen.invite(stage.invitation()...)
		<-ctx.Done()
	}
	return nil
}
