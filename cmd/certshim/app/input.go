package app

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/certshim/certshim/cmd/certshim/app/manifest"
)

// input are the files of -f, as kubectl reads them: files, folders, and - for standard input.
type input struct {
	paths     []string
	recursive bool
	stdin     io.Reader
}

// each calls do for every document, and with every error: one of a document, or of a file
// that can't be read. It goes on after both.
func (in input) each(do func(manifest.Document, error)) {
	for _, path := range in.paths {
		if path == "-" {
			readStream("-", in.stdin, do)
			continue
		}
		files, err := in.files(path)
		if err != nil {
			do(manifest.Document{}, err)
		}
		for _, file := range files {
			readFile(file, do)
		}
	}
}

// files gives a file itself, or a folder's manifests: of its subfolders too with -R.
func (in input) files(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read -f: %w", err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var files []string
	err = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != path && !in.recursive:
			return fs.SkipDir
		case !entry.IsDir() && isManifest(name):
			files = append(files, name)
		}
		return nil
	})
	if err != nil {
		return files, fmt.Errorf("read -f %s: %w", path, err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("read -f %s: no file ends in .yaml, .yml or .json", path)
	}
	return files, nil
}

func isManifest(name string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name))
}

func readFile(name string, do func(manifest.Document, error)) {
	file, err := os.Open(name)
	if err != nil {
		do(manifest.Document{}, err)
		return
	}
	readStream(name, file, do)
	if err := file.Close(); err != nil {
		do(manifest.Document{}, err)
	}
}

func readStream(name string, from io.Reader, do func(manifest.Document, error)) {
	for document, err := range (manifest.Reader{Name: name}).Documents(from) {
		do(document, err)
	}
}
