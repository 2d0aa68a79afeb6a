package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/certshim/certshim/cmd/certshim/app/manifest"
)

// input are the files of -f, as kubectl reads them: files, folders, patterns, and - for
// standard input.
type input struct {
	paths     []string
	recursive bool
	stdin     io.Reader
	// withoutPatches leaves out the patches of Kustomizations, and patches counts them.
	withoutPatches bool
	patches        int
	// values counts what was read so far, empty lists included.
	values int
}

// each calls do for every document, and with every error: one of a document, or of a file
// that can't be read. It goes on after both, until the context ends.
func (in *input) each(ctx context.Context, do func(manifest.Document, error)) {
	for _, path := range in.paths {
		if path == "-" {
			stdin, stop := untilDone(ctx, in.stdin)
			in.readStream(ctx, "-", stdin, do)
			stop()
			continue
		}
		files, err := in.files(path)
		if err != nil {
			do(manifest.Document{}, err)
		}
		for _, file := range files {
			if ctx.Err() == nil {
				in.readFile(ctx, file, do)
			}
		}
	}
}

// untilDone reads on until the context ends, also where a read doesn't return.
func untilDone(ctx context.Context, from io.Reader) (to io.Reader, stop func() bool) {
	reader, writer := io.Pipe()
	go func() {
		_, err := io.Copy(writer, from)
		_ = writer.CloseWithError(err) // never fails
	}()
	return reader, context.AfterFunc(ctx, func() { _ = writer.CloseWithError(context.Cause(ctx)) })
}

// files gives a file itself, a folder's manifests, of its subfolders too with -R, or those of
// everything that a pattern matches.
func (in *input) files(path string) ([]string, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return in.folder(path)
	case err == nil:
		return []string{path}, nil
	case strings.HasPrefix(path, "http://") || strings.HasPrefix(path, "https://"):
		return nil, fmt.Errorf("read -f %s: URLs aren't read; download it: curl -fsSL %s | certshim plan -f -", path, path)
	case errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(path, "*?["):
		return in.matches(path)
	}
	return nil, fmt.Errorf("read -f: %w", err)
}

// matches gives the manifests of what a pattern matches, as kubectl has it.
func (in *input) matches(pattern string) ([]string, error) {
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("read -f %s: %w", pattern, err)
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("read -f %s: no file matches the pattern", pattern)
	}
	var all []string
	for _, path := range paths {
		files, failed := in.files(path)
		all, err = append(all, files...), errors.Join(err, failed)
	}
	return all, err
}

// folder gives the manifests in it: of its subfolders too with -R.
func (in *input) folder(path string) ([]string, error) {
	var files, kustomizations []string
	deeper := false
	err := filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != path && !in.recursive:
			deeper = true
			return fs.SkipDir
		case entry.IsDir():
			return nil
		}
		if isManifest(name) {
			files = append(files, name)
		}
		if isKustomization(name) {
			kustomizations = append(kustomizations, name)
		}
		return nil
	})
	if in.withoutPatches {
		rest, patches := withoutPatches(files, kustomizations)
		files, in.patches = rest, in.patches+patches
	}
	switch {
	case err != nil:
		return files, fmt.Errorf("read -f %s: %w", path, err)
	case len(files) > 0:
		return files, nil
	case deeper:
		return nil, fmt.Errorf("read -f %s: no file ends in .yaml, .yml or .json; its subfolders are read with -R", path)
	}
	return nil, fmt.Errorf("read -f %s: no file ends in .yaml, .yml or .json", path)
}

func isManifest(name string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name))
}

func (in *input) readFile(ctx context.Context, name string, do func(manifest.Document, error)) {
	file, err := openRegular(name)
	if err != nil {
		do(manifest.Document{}, fmt.Errorf("read -f: %w", err))
		return
	}
	in.readStream(ctx, name, file, do)
	if err := file.Close(); err != nil {
		do(manifest.Document{}, err)
	}
}

func (in *input) readStream(ctx context.Context, name string, from io.Reader, do func(manifest.Document, error)) {
	reader := manifest.Reader{Name: name, Count: func() { in.values++ }}
	for document, err := range reader.Documents(from) {
		if ctx.Err() != nil {
			return
		}
		do(document, err)
	}
}
