package app

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// knowledge says how much of the cluster decisions can see.
type knowledge int

const (
	// inCluster means that all that exists is observed.
	inCluster knowledge = iota
	// fromFiles means that what isn't in the input may exist all the same.
	fromFiles
)

// newPolicy is what decisions follow by a configuration, the files that it names included.
func newPolicy(c configuration.Configuration, b build, k knowledge) (*certshim.Policy, error) {
	types, err := readIssuerTypes(c.Resolvers.Types)
	if err != nil {
		return nil, err
	}
	return newPolicyWith(c, b, k, types)
}

// newPolicyWith takes the issuer types of the operator's files as they were read.
func newPolicyWith(c configuration.Configuration, b build, k knowledge, types []resolver.IssuerType) (*certshim.Policy, error) {
	return c.Policy(configuration.Surroundings{Compiled: b.compiled, Types: types, Offline: k == fromFiles})
}

// newRegistry knows the issuer types of this build, and the operator's.
func newRegistry(c configuration.Configuration, b build) (*resolver.Registry, error) {
	types, err := readIssuerTypes(c.Resolvers.Types)
	if err != nil {
		return nil, err
	}
	return c.Registry(configuration.Surroundings{Compiled: b.compiled, Types: types})
}

// readIssuerTypes reads the declarations of files and folders, and tells all that is wrong
// with them at once.
func readIssuerTypes(paths []string) ([]resolver.IssuerType, error) {
	var entries []resolver.IssuerType
	var failed error
	for _, path := range paths {
		files, err := typeFiles(path)
		failed = problem.Join(failed, err)
		for _, file := range files {
			entry, err := readIssuerType(file)
			failed = problem.Join(failed, err)
			entries = append(entries, entry)
		}
	}
	return entries, failed
}

// typeFiles gives a file itself, or the manifests in a folder.
func typeFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read issuer types: %w", err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	items, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("read issuer types: %w", err)
	}
	var files []string
	for _, item := range items {
		if !item.IsDir() && isManifest(item.Name()) {
			files = append(files, filepath.Join(path, item.Name()))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("read issuer types: no file in %s ends in .yaml, .yml or .json", path)
	}
	return files, nil
}
