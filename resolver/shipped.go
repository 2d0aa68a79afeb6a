package resolver

import (
	"embed"
	"fmt"
	"io/fs"
	"sync"
)

//go:embed catalogue/*.yaml
var catalogue embed.FS

// builtinFile is the declaration of cert-manager's own issuers.
const builtinFile = "catalogue/cert-manager.yaml"

// Shipped is the catalogue that comes with this build, sorted by name, without
// cert-manager's own issuers, which every registry has.
func Shipped() ([]Entry, error) {
	all, err := shipped()
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, 0, len(all))
	for _, entry := range all {
		if entry.Group != CertManagerGroup {
			entries = append(entries, entry)
		}
	}
	return entries, nil
}

// shipped reads the catalogue once; entries are not changed after that.
var shipped = sync.OnceValues(func() ([]Entry, error) {
	files, err := fs.Glob(catalogue, "catalogue/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("the issuer catalogue: %w", err)
	}
	entries := make([]Entry, 0, len(files))
	for _, file := range files {
		content, err := catalogue.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("the issuer catalogue: %w", err)
		}
		entry, err := decode(content, file, file == builtinFile)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
})

// builtin are cert-manager's own issuers.
func builtin() (Entry, error) {
	all, err := shipped()
	if err != nil {
		return Entry{}, err
	}
	for _, entry := range all {
		if entry.Group == CertManagerGroup {
			return entry, nil
		}
	}
	return Entry{}, fmt.Errorf("the issuer catalogue has no %s", builtinFile)
}
