package main

import (
	"context"
	"path/filepath"
)

// lister is the program that lists what another program is made of.
type lister struct{ path string }

// newLister builds it into a folder, for this machine.
func (r release) newLister(ctx context.Context, folder string) (lister, error) {
	l := lister{filepath.Join(folder, "cyclonedx-gomod")}
	_, err := output(ctx, filepath.Join(r.repository, "release"), []string{"CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOWORK=off"},
		"go", "build", "-buildvcs=false", "-o", l.path, "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod")
	return l, err
}

// list names what is in the program for a platform, with the licenses, as CycloneDX. Times and random numbers are left out
// of it.
func (l lister) list(ctx context.Context, source commit, p platform) ([]byte, error) {
	text, err := output(ctx, source.folder, append(environment(p), "GOFLAGS=-mod=readonly -tags="+buildTags),
		l.path, "app", "-json", "-licenses", "-std", "-notimestamp", "-noserial", "-main=cmd/certshim", source.folder)
	return []byte(text), err
}
