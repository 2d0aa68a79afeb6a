package main

import (
	"cmp"
	"maps"
	"slices"

	"sigs.k8s.io/yaml"
)

// The fields of a manifest for krew, by which kubectl gets its plugins.
type (
	krewManifest struct {
		APIVersion string       `json:"apiVersion"`
		Kind       string       `json:"kind"`
		Metadata   krewMetadata `json:"metadata"`
		Spec       krewSpec     `json:"spec"`
	}
	krewMetadata struct {
		Name string `json:"name"`
	}
	krewSpec struct {
		Version          string         `json:"version"`
		Homepage         string         `json:"homepage"`
		ShortDescription string         `json:"shortDescription"`
		Description      string         `json:"description"`
		Platforms        []krewPlatform `json:"platforms"`
	}
	krewPlatform struct {
		Selector krewSelector `json:"selector"`
		URI      string       `json:"uri"`
		SHA256   string       `json:"sha256"`
		Bin      string       `json:"bin"`
	}
	krewSelector struct {
		MatchLabels map[string]string `json:"matchLabels"`
	}
)

// krew is the manifest for krew's index. Its file's name must be that of the plugin.
func (r release) krew(archives map[platform]file) (file, error) {
	manifest := krewManifest{
		APIVersion: "krew.googlecontainertools.github.com/v1alpha2", Kind: "Plugin", Metadata: krewMetadata{Name: "certshim"},
		Spec: krewSpec{
			Version: r.version.String(), Homepage: home,
			ShortDescription: "Plan, explain and audit cert-manager Certificates",
			Description: `Shows which cert-manager Certificates follow from the annotations of Ingresses,
Gateways and ListenerSets, in manifests or in a cluster; why an object has no
certificate; and who owns which field of each Certificate. It works with the
controller of the same name, and mostly without.
`,
		},
	}
	byName := func(a, b platform) int { return cmp.Compare(a.String(), b.String()) }
	for _, p := range slices.SortedFunc(maps.Keys(archives), byName) {
		archive := archives[p]
		manifest.Spec.Platforms = append(manifest.Spec.Platforms, krewPlatform{
			Selector: krewSelector{map[string]string{"os": p.os, "arch": p.arch}},
			URI:      home + "/releases/download/" + r.version.String() + "/" + archive.name,
			SHA256:   archive.sha256(), Bin: "certshim",
		})
	}
	content, err := yaml.Marshal(manifest)
	return file{"certshim.yaml", content}, err
}
