package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// home is where the project is published.
const home = "https://github.com/certshim/certshim"

// release says what is made, and where.
type release struct {
	version    version
	platforms  []platform
	repository string
	helm       string
	// folder gets the files. What it held of an earlier run is replaced.
	folder string
}

// file is one of the files of a release.
type file struct {
	name    string
	content []byte
}

func (f file) sha256() string {
	sum := sha256.Sum256(f.content)
	return hex.EncodeToString(sum[:])
}

// program is certshim, built for a platform.
type program struct {
	platform
	content []byte
	// bill is its bill of materials, as CycloneDX.
	bill []byte
}

// make makes the files and returns them by name; the checksums aren't among them.
func (r release) make(ctx context.Context) (files []file, err error) {
	scratch, err := os.MkdirTemp("", "certshim-release-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	source, err := cloneHead(ctx, r.repository, filepath.Join(scratch, "source"), r.version)
	if err != nil {
		return nil, err
	}
	changelog, err := source.read("CHANGELOG.md")
	if err != nil {
		return nil, err
	}
	// Before all that takes minutes.
	if _, err := r.version.section(string(changelog)); err != nil {
		return nil, err
	}
	if files, err = r.contents(ctx, source); err != nil {
		return nil, err
	}
	slices.SortFunc(files, func(a, b file) int { return cmp.Compare(a.name, b.name) })
	return files, r.write(append(slices.Clone(files), file{"checksums.txt", []byte(checksums(files))}))
}

// contents makes all that is checked by a sum.
func (r release) contents(ctx context.Context, source commit) (files []file, err error) {
	license, err := source.read("LICENSE")
	if err != nil {
		return nil, err
	}
	materials, err := r.newLister(ctx, filepath.Dir(source.folder))
	if err != nil {
		return nil, err
	}
	var programs []program
	archives := map[platform]file{}
	for _, platform := range r.platforms {
		built, err := source.build(ctx, r.version, platform)
		if err != nil {
			return nil, err
		}
		if built.bill, err = materials.list(ctx, source, platform); err != nil {
			return nil, err
		}
		archive, err := r.archive(built, license, source)
		if err != nil {
			return nil, err
		}
		programs, archives[platform] = append(programs, built), archive
		files = append(files, archive, file{r.name(platform) + ".cdx.json", built.bill})
	}
	for _, next := range []func() (file, error){
		func() (file, error) { return r.image(programs, source) },
		func() (file, error) { return r.chart(ctx, source) },
		func() (file, error) { return r.krew(archives) },
	} {
		made, err := next()
		if err != nil {
			return nil, err
		}
		files = append(files, made)
	}
	statement, err := r.provenance(files, programs, source)
	return append(files, statement), err
}

// archive holds the program and its license.
func (r release) archive(p program, license []byte, source commit) (file, error) {
	content, err := compressed([]entry{{"LICENSE", 0o644, license}, {"certshim", 0o755, p.content}}, source.time)
	return file{r.name(p.platform) + ".tar.gz", content}, err
}

// name is how the files of a platform begin.
func (r release) name(p platform) string {
	return fmt.Sprintf("certshim_%s_%s_%s", r.version, p.os, p.arch)
}

func (r release) write(files []file) error {
	if err := os.RemoveAll(r.folder); err != nil {
		return err
	}
	if err := os.MkdirAll(r.folder, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(r.folder, f.name), f.content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// checksums has a line for each file, as "sha256sum -c" reads it.
func checksums(files []file) string {
	var text strings.Builder
	for _, f := range files {
		fmt.Fprintf(&text, "%s  %s\n", f.sha256(), f.name)
	}
	return text.String()
}
