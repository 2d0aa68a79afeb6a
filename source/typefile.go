package source

import (
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"sync"

	"github.com/certshim/certshim/declaration"
)

// The apiVersion and kind of a source type's document.
const (
	typeVersion = "certshim.io/v1alpha1"
	typeKind    = "SourceType"
)

// typeManifest is a source type as written in YAML.
type typeManifest struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Name string `yaml:"name"`
	} `yaml:"metadata"`
	Spec struct {
		Title            string         `yaml:"title"`
		Group            string         `yaml:"group"`
		Kind             string         `yaml:"kind"`
		Resource         string         `yaml:"resource"`
		Versions         []string       `yaml:"versions"`
		Entries          string         `yaml:"entries"`
		AnnotationsField string         `yaml:"annotationsField"`
		OnKindRemoved    Removal        `yaml:"onKindRemoved"`
		Crossing         Crossing       `yaml:"crossNamespace"`
		Params           []Param        `yaml:"params"`
		Docs             string         `yaml:"docs"`
		Verified         string         `yaml:"verified"`
		Example          map[string]any `yaml:"example"`
		Notes            []string       `yaml:"notes"`
		Tests            []Case         `yaml:"tests"`
	} `yaml:"spec"`
}

// DecodeType decodes one declaration of a source type, strictly: each unknown, misspelt, repeated
// or ill-typed field and each invalid value is an error that begins with file:line. The result's
// level is [LevelShipped].
func DecodeType(content []byte, file string) (Type, error) {
	return decodeType(content, file, (*Type).mistakes)
}

// decodeType decodes a declaration with the mistakes that a check finds.
func decodeType(content []byte, file string, check func(*Type) declaration.Mistakes) (Type, error) {
	document, err := declaration.Read(content, file, "a "+typeKind)
	if err != nil {
		return Type{}, err
	}
	if err := document.Identify(typeVersion, typeKind); err != nil {
		return Type{}, err
	}
	var (
		written typeManifest
		t       Type
	)
	err = document.Decode(&written, func() declaration.Mistakes {
		t = written.sourceType(file)
		return check(&t)
	})
	return t, err
}

func (m typeManifest) sourceType(file string) Type {
	s := m.Spec
	return Type{
		ID: m.Metadata.Name, Title: s.Title, Group: s.Group, Kind: s.Kind, Resource: s.Resource, Versions: s.Versions,
		Entries: s.Entries, AnnotationsField: s.AnnotationsField, OnKindRemoved: cmp.Or(s.OnKindRemoved, Delete), CrossNamespace: s.Crossing, Params: s.Params, Cases: s.Tests, Example: s.Example,
		Notes: s.Notes, Docs: s.Docs, Verified: s.Verified, File: file,
		compiled: sync.OnceValues(func() (*declaration.Expression, error) { return mappings.Compile(s.Entries, declaration.List) }),
	}
}

//go:embed catalogue/*.yaml
var catalogue embed.FS

// ShippedTypes returns the catalogue of this build, sorted by name. The types are shared and must
// not be changed.
func ShippedTypes() ([]Type, error) { return shippedTypes() }

var shippedTypes = sync.OnceValues(func() ([]Type, error) {
	files, err := fs.Glob(catalogue, "catalogue/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("the catalogue of source types: %w", err)
	}
	types := make([]Type, 0, len(files))
	for _, file := range files {
		content, err := catalogue.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("the catalogue of source types: %w", err)
		}
		// That the expressions compile is seen by the tests.
		t, err := decodeType(content, file, (*Type).formMistakes)
		if err != nil {
			return nil, err
		}
		types = append(types, t)
	}
	return types, nil
})
