package app

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// newPolicy is what decisions follow by a configuration, the files that it names included.
func newPolicy(c configuration.Configuration, b build) (*certshim.Policy, error) {
	surroundings, err := b.surroundings(c)
	if err != nil {
		return nil, err
	}
	return c.Policy(surroundings)
}

// newRegistry knows the issuer types of this build, and the operator's.
func newRegistry(c configuration.Configuration, b build) (*resolver.Registry, error) {
	surroundings, err := b.surroundings(c)
	if err != nil {
		return nil, err
	}
	return c.Registry(surroundings)
}

// surroundings are those of a configuration whose files are read here.
func (b build) surroundings(c configuration.Configuration) (configuration.Surroundings, error) {
	issuers, err := readTypes(c.Resolvers.Types, decodeIssuerType)
	sources, failed := readTypes(c.Sources.Types, decodeSourceType)
	return configuration.Surroundings{
		Compiled: b.compiled, Types: issuers, SourceTypes: sources,
	}, problem.Join(err, failed)
}

// decodeType decodes a declaration of the operator's own.
type decodeType[T any] func(content []byte, file string) (T, error)

func decodeIssuerType(content []byte, file string) (resolver.IssuerType, error) {
	t, err := resolver.Decode(content, file)
	t.Level = resolver.LevelOperator
	return t, err
}

func decodeSourceType(content []byte, file string) (source.Type, error) {
	t, err := source.DecodeType(content, file)
	t.Level = source.LevelOperator
	return t, err
}

// readTypes reads the declarations of files and folders, and tells all that is wrong with them at
// once.
func readTypes[T any](paths []string, decode decodeType[T]) ([]T, error) {
	var entries []T
	var failed error
	for _, path := range paths {
		files, err := typeFiles(path)
		failed = problem.Join(failed, err)
		for _, file := range files {
			entry, err := readType(file, decode)
			failed = problem.Join(failed, err)
			entries = append(entries, entry)
		}
	}
	return entries, failed
}

func readType[T any](file string, decode decodeType[T]) (T, error) {
	content, err := readRegular(file)
	if err != nil {
		var none T
		return none, fmt.Errorf("read a declaration: %w", err)
	}
	return decode(content, file)
}

// typeFiles gives a file itself, or the manifests in a folder.
func typeFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read declarations: %w", err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	items, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("read declarations: %w", err)
	}
	var files []string
	for _, item := range items {
		if !item.IsDir() && isManifest(item.Name()) {
			files = append(files, filepath.Join(path, item.Name()))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("read declarations: no file in %s ends in .yaml, .yml or .json", path)
	}
	return files, nil
}
