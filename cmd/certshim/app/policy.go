package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/controller"
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

// newPolicy is the one place where a configuration becomes what decisions follow, so that
// plan and controller can't disagree.
func newPolicy(c controller.Configuration, b build, k knowledge) (*certshim.Policy, error) {
	registry, err := newRegistry(c, b)
	if err != nil {
		return nil, err
	}
	labels, err := annotations.NewLabels(c.Labels.Exclude, c.Labels.Include)
	if err != nil {
		return nil, fmt.Errorf("the configuration's labels: %w", err)
	}
	rules, err := c.Rules()
	if err != nil {
		return nil, err
	}
	return &certshim.Policy{
		Rules:             rules,
		NamespaceDefaults: c.NamespaceDefaults,
		Parser:            annotations.NewParser(annotations.Options{AutoKeys: c.Annotations.Auto, ExtraKeys: c.Annotations.Extra, IssuerKeys: slices.Concat(registry.CopyKeys(), b.issuerKeys(c))}),
		Registry:          registry,
		AutoKinds:         c.Annotations.AutoKinds,
		ExtraProtocols:    c.GatewayAPI.ExtraProtocols,
		Certificate:       certificate.Policy{Labels: labels},
		Offline:           k == fromFiles,
	}, nil
}

// newRegistry knows the issuer types of this build, and the operator's.
func newRegistry(c controller.Configuration, b build) (*resolver.Registry, error) {
	entries, err := b.shippedTypes(c)
	if err != nil {
		return nil, err
	}
	own, err := readIssuerTypes(c.Resolvers.Types)
	if err != nil {
		return nil, err
	}
	var options []resolver.Option
	if c.Resolvers.Recommendations == controller.ApplyRecommendations {
		options = append(options, resolver.ApplyRecommendations())
	}
	registry, err := resolver.NewRegistry(resolver.Defaults{
		Name: c.DefaultIssuer.Name, Kind: c.DefaultIssuer.Kind, Group: c.DefaultIssuer.Group,
	}, slices.Concat(entries, own, b.entries(c)), options...)
	if err != nil {
		return nil, fmt.Errorf("the registry of issuers: %w", err)
	}
	return registry, nil
}

// readIssuerTypes reads the declarations of files and folders, and tells all that is wrong
// with them at once.
func readIssuerTypes(paths []string) ([]resolver.Entry, error) {
	var entries []resolver.Entry
	var failed error
	for _, path := range paths {
		files, err := typeFiles(path)
		failed = errors.Join(failed, err)
		for _, file := range files {
			entry, err := readIssuerType(file)
			failed = errors.Join(failed, err)
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
