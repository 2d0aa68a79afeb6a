package resolver

import (
	"strings"
	"time"

	"github.com/certshim/certshim/declaration"
)

// The apiVersion and kind of an issuer type's document.
const (
	typeVersion = "certshim.io/v1alpha1"
	typeKind    = "IssuerType"
)

// manifest is an issuer type as written in YAML; docs/issuers/schema.md describes each field.
type manifest struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Name string `yaml:"name"`
	} `yaml:"metadata"`
	Spec specification `yaml:"spec"`
}

type specification struct {
	Title       string            `yaml:"title"`
	Group       string            `yaml:"group"`
	Versions    []string          `yaml:"versions"`
	Kinds       []DeclaredKind    `yaml:"kinds"`
	Docs        string            `yaml:"docs"`
	Verified    string            `yaml:"verified"`
	Readiness   ReadinessRule     `yaml:"readiness"`
	Constraints Constraints       `yaml:"constraints"`
	Recommend   Recommendation    `yaml:"recommend"`
	Defaults    Values            `yaml:"defaults"`
	Variants    []Variant         `yaml:"variants"`
	Proves      string            `yaml:"provesByRoute"`
	Annotations []ReadAnnotation  `yaml:"annotations"`
	Approval    Approval          `yaml:"approval"`
	Example     map[string]string `yaml:"example"`
	Notes       []string          `yaml:"notes"`
	Tests       []Case            `yaml:"tests"`
}

// Decode decodes one declaration of an issuer type, strictly: each unknown, misspelt, repeated
// or ill-typed field and each invalid value is an error that begins with file:line. The result's
// level is [LevelShipped].
func Decode(content []byte, file string) (IssuerType, error) { return decode(content, file, false) }

func decode(content []byte, file string, builtin bool) (IssuerType, error) {
	document, err := declaration.Read(content, file, "an "+typeKind)
	if err != nil {
		return IssuerType{}, err
	}
	if err := document.Identify(typeVersion, typeKind); err != nil {
		return IssuerType{}, err
	}
	var (
		written manifest
		t       IssuerType
	)
	err = document.Decode(&written, func() declaration.Mistakes {
		t = written.issuerType(file)
		t.builtin = builtin
		return t.mistakes()
	})
	return t, err
}

func (m manifest) issuerType(file string) IssuerType {
	s := m.Spec
	return IssuerType{
		ID: m.Metadata.Name, Title: s.Title, Group: s.Group, Versions: s.Versions, Kinds: s.Kinds,
		Docs: s.Docs, Verified: s.Verified, Notes: s.Notes, File: file,
		Readiness: s.Readiness, Constraints: s.Constraints, Recommend: s.Recommend, Defaults: s.Defaults,
		Variants: s.Variants, ProvesByRoute: s.Proves, Annotations: s.Annotations, Approval: s.Approval,
		Example: s.Example, Cases: s.Tests,
	}
}

// hours formats a duration as people write it: 720h rather than 720h0m0s.
func hours(d time.Duration) string {
	text := d.String()
	if short, cut := strings.CutSuffix(text, "h0m0s"); cut {
		return short + "h"
	}
	if short, cut := strings.CutSuffix(text, "m0s"); cut {
		return short + "m"
	}
	return text
}
