package resolver

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"go.yaml.in/yaml/v3"
)

//go:embed catalogue/*.yaml
var catalogue embed.FS

// The identity of a declaration's document.
const (
	declarationVersion = "certshim.io/v1alpha1"
	declarationKind    = "IssuerType"
)

// declaration is an issuer type as a data file writes it.
type declaration struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Name string `yaml:"name"`
	} `yaml:"metadata"`
	Spec struct {
		Title    string            `yaml:"title"`
		Group    string            `yaml:"group"`
		Versions []string          `yaml:"versions"`
		Kinds    []kindDeclaration `yaml:"kinds"`
		Docs     string            `yaml:"docs"`
		Notes    []string          `yaml:"notes"`
	} `yaml:"spec"`
}

type kindDeclaration struct {
	Kind     string `yaml:"kind"`
	Resource string `yaml:"resource"`
	Scope    Scope  `yaml:"scope"`
}

// Shipped is the catalogue that comes with this build, sorted by name.
func Shipped() ([]Entry, error) {
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
		entry, err := Decode(content)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// Decode reads one declaration of an issuer type, strictly: an unknown, misspelt or
// repeated field is an error that names its line. Its level is [LevelShipped].
func Decode(content []byte) (Entry, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	var d declaration
	if err := decoder.Decode(&d); err != nil {
		return Entry{}, fmt.Errorf("not an issuer type: %w", err)
	}
	if err := decoder.Decode(&declaration{}); !errors.Is(err, io.EOF) {
		return Entry{}, errors.New("not an issuer type: one file holds one document")
	}
	if d.APIVersion != declarationVersion || d.Kind != declarationKind {
		return Entry{}, fmt.Errorf("not an issuer type: apiVersion %q, kind %q; it must be %s, %s", d.APIVersion, d.Kind, declarationVersion, declarationKind)
	}
	entry := d.entry()
	return entry, entry.check()
}

func (d declaration) entry() Entry {
	entry := Entry{
		ID: d.Metadata.Name, Title: d.Spec.Title, Group: d.Spec.Group, Versions: d.Spec.Versions,
		Docs: d.Spec.Docs, Notes: d.Spec.Notes,
	}
	for _, kind := range d.Spec.Kinds {
		entry.Kinds = append(entry.Kinds, KindEntry(kind))
	}
	return entry
}
