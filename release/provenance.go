package main

import (
	"bytes"
	"cmp"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
)

// The fields of an in-toto statement whose predicate is SLSA's provenance.
type (
	statement struct {
		Type          string     `json:"_type"`
		Subject       []resource `json:"subject"`
		PredicateType string     `json:"predicateType"`
		Predicate     predicate  `json:"predicate"`
	}
	resource struct {
		Name   string            `json:"name,omitempty"`
		URI    string            `json:"uri,omitempty"`
		Digest map[string]string `json:"digest"`
	}
	predicate struct {
		BuildDefinition buildDefinition `json:"buildDefinition"`
		RunDetails      runDetails      `json:"runDetails"`
	}
	buildDefinition struct {
		BuildType            string            `json:"buildType"`
		ExternalParameters   map[string]string `json:"externalParameters"`
		InternalParameters   map[string]string `json:"internalParameters"`
		ResolvedDependencies []resource        `json:"resolvedDependencies"`
	}
	runDetails struct {
		Builder struct {
			ID string `json:"id"`
		} `json:"builder"`
	}
)

// provenance says of the files from what and how they were made. It isn't signed, and whoever runs "make release" makes it:
// that is SLSA's build level 1.
func (r release) provenance(files []file, programs []program, source commit) (file, error) {
	s := statement{Type: "https://in-toto.io/Statement/v1", PredicateType: "https://slsa.dev/provenance/v1"}
	for _, f := range files {
		s.Subject = append(s.Subject, resource{Name: f.name, Digest: map[string]string{"sha256": f.sha256()}})
	}
	slices.SortFunc(s.Subject, byName)
	modules, goVersion, err := modulesOf(programs)
	if err != nil {
		return file{}, err
	}
	s.Predicate.BuildDefinition = buildDefinition{
		BuildType:          home + "/blob/main/docs/release.md#how-it-is-built",
		ExternalParameters: map[string]string{"version": r.version.String(), "repository": home, "commit": source.hash},
		InternalParameters: map[string]string{"go": goVersion},
		ResolvedDependencies: append([]resource{
			{URI: "git+" + home + "@" + source.hash, Digest: map[string]string{"gitCommit": source.hash}},
		}, modules...),
	}
	s.Predicate.RunDetails.Builder.ID = home + "/blob/main/docs/release.md#who-builds-it"
	content, err := json.MarshalIndent(s, "", "  ")
	return file{fmt.Sprintf("certshim_%s_provenance.json", r.version), append(content, '\n')}, err
}

func byName(a, b resource) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.URI, b.URI)) }

// modulesOf are the modules that the programs say they are built from, each once, and the version of Go.
func modulesOf(programs []program) (modules []resource, goVersion string, err error) {
	found := map[string]resource{}
	for _, p := range programs {
		info, err := buildinfo.Read(bytes.NewReader(p.content))
		if err != nil {
			return nil, "", fmt.Errorf("program for %s: %w", p.platform, err)
		}
		goVersion = info.GoVersion
		for _, module := range info.Deps {
			r, err := moduleResource(module)
			if err != nil {
				return nil, "", err
			}
			found[r.URI] = r
		}
	}
	return slices.SortedFunc(maps.Values(found), byName), goVersion, nil
}

// moduleResource names a module by its package URL and by the hash in go.sum, which in-toto writes in hexadecimal.
func moduleResource(module *debug.Module) (resource, error) {
	encoded, found := strings.CutPrefix(module.Sum, "h1:")
	sum, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !found {
		return resource{}, fmt.Errorf("module %s has the hash %q, want one that begins with h1: (%w)", module.Path, module.Sum, err)
	}
	return resource{
		URI: "pkg:golang/" + module.Path + "@" + module.Version, Digest: map[string]string{"dirHash": hex.EncodeToString(sum)},
	}, nil
}
