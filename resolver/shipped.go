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

// Shipped returns the catalogue of this build, sorted by name. cert-manager's own issuers aren't
// included, since every registry has them.
func Shipped() ([]IssuerType, error) {
	all, err := shipped()
	if err != nil {
		return nil, err
	}
	types := make([]IssuerType, 0, len(all))
	for _, t := range all {
		if t.Group != CertManagerGroup {
			types = append(types, t)
		}
	}
	return types, nil
}

// shipped reads the catalogue once; its types are never changed.
var shipped = sync.OnceValues(func() ([]IssuerType, error) {
	files, err := fs.Glob(catalogue, "catalogue/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("the issuer catalogue: %w", err)
	}
	types := make([]IssuerType, 0, len(files))
	for _, file := range files {
		content, err := catalogue.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("the issuer catalogue: %w", err)
		}
		t, err := decode(content, file, file == builtinFile)
		if err != nil {
			return nil, err
		}
		types = append(types, t)
	}
	return types, nil
})

// builtin returns cert-manager's own issuers.
func builtin() (IssuerType, error) {
	all, err := shipped()
	if err != nil {
		return IssuerType{}, err
	}
	for _, t := range all {
		if t.Group == CertManagerGroup {
			return t, nil
		}
	}
	return IssuerType{}, fmt.Errorf("the issuer catalogue has no %s", builtinFile)
}
