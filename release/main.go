// Command release makes the files of a release, of the commit that is checked out: programs, an image, the chart, a manifest
// for krew, a bill of materials for each program, checksums, and a statement of how they came about. Two runs on one commit
// with one version of Go give the same bytes: what is built is a clone of the commit, and every time in it is the commit's.
//
// It is a module of its own, since only a release needs what it needs. It knows nothing of the other rooms.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string) error {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	text := flags.String("version", "", "the version, such as v1.2.3")
	repository := flags.String("repository", "..", "folder of the repository")
	helm := flags.String("helm", "../bin/helm", "the program that packages the chart")
	into := flags.String("into", "../dist", "folder in which a folder of the version's name is made")
	platforms := flags.String("platforms", "linux/amd64,linux/arm64,darwin/amd64,darwin/arm64", "what the programs are built for")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	version, err := parseVersion(*text)
	if err != nil {
		return err
	}
	r := release{version: version}
	for _, platform := range strings.Split(*platforms, ",") {
		p, err := parsePlatform(platform)
		if err != nil {
			return err
		}
		r.platforms = append(r.platforms, p)
	}
	for _, path := range []struct {
		into *string
		text string
	}{{&r.repository, *repository}, {&r.helm, *helm}, {&r.folder, filepath.Join(*into, version.String())}} {
		if *path.into, err = filepath.Abs(path.text); err != nil {
			return err
		}
	}
	files, err := r.make(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%s\n%s: %d files. Nothing is signed.\n", checksums(files), r.folder, len(files)+1)
	return nil
}
