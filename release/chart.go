package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// chart is what Helm packages. The times in it are those of the files, which a clone has from its making.
func (r release) chart(ctx context.Context, source commit) (file, error) {
	chart := filepath.Join(source.folder, "deploy/chart")
	err := filepath.WalkDir(chart, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, source.time, source.time)
	})
	if err != nil {
		return file{}, err
	}
	into := filepath.Dir(source.folder)
	_, err = output(ctx, into, nil, r.helm, "package", chart,
		"--version="+r.version.number(), "--app-version="+r.version.String(), "--destination="+into)
	if err != nil {
		return file{}, err
	}
	name := fmt.Sprintf("certshim-%s.tgz", r.version.number())
	content, err := os.ReadFile(filepath.Join(into, name))
	return file{name, content}, err
}
