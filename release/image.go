package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// user is nobody in particular. It is a number, by which a kubelet sees that it isn't root; nothing in the image has its name.
const user = "65532:65532"

// runs is how the image runs; the Dockerfile says the same.
var runs = v1.Config{User: user, Entrypoint: []string{"/certshim"}, Cmd: []string{"controller"}, WorkingDir: "/"}

// image is an OCI layout of one image for every architecture of Linux: the program and nothing else. It reaches the API
// server alone, whose certificate authority comes with the ServiceAccount, and so needs none of its own. The bills of
// materials are with it, each as an artifact that refers to the image of its architecture.
func (r release) image(programs []program, source commit) (file, error) {
	described := map[string]string{
		"org.opencontainers.image.title":         "certshim",
		"org.opencontainers.image.description":   "Keeps cert-manager Certificates for annotated Ingresses, Gateways and ListenerSets",
		"org.opencontainers.image.version":       r.version.String(),
		"org.opencontainers.image.revision":      source.hash,
		"org.opencontainers.image.created":       source.time.Format(time.RFC3339),
		"org.opencontainers.image.source":        home,
		"org.opencontainers.image.url":           home,
		"org.opencontainers.image.documentation": home + "/tree/" + r.version.String() + "/docs",
		"org.opencontainers.image.licenses":      "Apache-2.0",
		"org.opencontainers.image.vendor":        "certshim",
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	var bills []artifact
	for _, p := range programs {
		if p.os != "linux" {
			continue
		}
		single, err := singleImage(p, described, source.time)
		if err != nil {
			return file{}, err
		}
		subject, err := partial.Descriptor(single)
		if err != nil {
			return file{}, err
		}
		bills = append(bills, artifact{v1.Descriptor{MediaType: subject.MediaType, Size: subject.Size, Digest: subject.Digest}, r.name(p.platform) + ".cdx.json", p.bill})
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: single, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: p.os, Architecture: p.arch}},
		})
	}
	annotated, is := mutate.Annotations(index, described).(v1.ImageIndex)
	if !is {
		return file{}, fmt.Errorf("an annotated index is a %T", annotated)
	}
	content, err := layoutOf(annotated, bills, r.version, source.time)
	return file{fmt.Sprintf("certshim_%s_image.tar", r.version), content}, err
}

// singleImage is the image for one architecture.
func singleImage(p program, labels map[string]string, at time.Time) (v1.Image, error) {
	archive, err := archived([]entry{{"certshim", 0o755, p.content}}, at)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(
		func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive)), nil }, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	made := v1.History{Created: v1.Time{Time: at}, CreatedBy: "make release", Comment: "certshim"}
	single, err := mutate.Append(base, mutate.Addendum{Layer: layer, History: made})
	if err != nil {
		return nil, err
	}
	return mutate.ConfigFile(single, func() *v1.ConfigFile {
		config, err := single.ConfigFile()
		if err != nil {
			config = &v1.ConfigFile{}
		}
		config.OS, config.Architecture, config.Created = p.os, p.arch, v1.Time{Time: at}
		config.Config = runs
		config.Config.Labels = labels
		return config
	}())
}

// layoutOf is the archive of an OCI layout that holds the index by the version's name, and what refers to its images.
func layoutOf(index v1.ImageIndex, artifacts []artifact, v version, at time.Time) (content []byte, err error) {
	folder, err := os.MkdirTemp("", "certshim-image-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	path, err := layout.Write(folder, empty.Index)
	if err != nil {
		return nil, err
	}
	name := layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": v.String()})
	if err := path.AppendIndex(index, name); err != nil {
		return nil, err
	}
	for _, a := range artifacts {
		if err := a.appendTo(path); err != nil {
			return nil, err
		}
	}
	var entries []entry
	// The walk is in the order of names.
	err = fs.WalkDir(os.DirFS(folder), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(os.DirFS(folder), name)
		entries = append(entries, entry{name, 0o644, content})
		return err
	})
	if err != nil {
		return nil, err
	}
	return archived(entries, at)
}
