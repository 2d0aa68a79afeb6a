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
	set, scenes := setStage, scenes
	if withExternal {
		set, scenes = setExternalStage, externalScenes
	} else if err := preview(ctx, screen); err != nil {
		return err
	}
	screen.title("A cluster on this machine, of the real programs")
	screen.waiting("etcd and kube-apiserver start")
	stop := screen.reassure("still starting")
	stage, err := set(ctx, screen)
	stop()
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
		return nil
	}
	screen.next(nextSteps(withExternal)...)
	return nil
}

// nextSteps are commands to go on with after the demonstration.
func nextSteps(withExternal bool) []string {
	again := "make demo KEEP=1                  # the same, and it stays up to try things out"
	if withExternal {
		again = "make demo-external KEEP=1         # the same, and it stays up to try things out"
	}
	return []string{
		again,
		"bin/certshim plan -f FOLDER       # what your own manifests lead to, without a cluster",
		"less docs/install.md              # certshim in a cluster of yours",
	}
}
