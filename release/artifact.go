package main

import (
	"bytes"
	"encoding/json"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	// billType is the media type that CycloneDX registered.
	billType = "application/vnd.cyclonedx+json"
	// emptyType is that of the configuration of an artifact that has none, {}: the OCI image specification's guidance for artifacts.
	emptyType = "application/vnd.oci.empty.v1+json"
)

// artifact is a bill of materials that a registry lists among what refers to an image.
type artifact struct {
	subject v1.Descriptor
	// title is the name of the file into which clients write the content.
	title   string
	content []byte
}

// appendTo writes the artifact into a layout.
func (a artifact) appendTo(path layout.Path) error {
	config, err := writeBlob(path, emptyType, []byte("{}"))
	if err != nil {
		return err
	}
	layer, err := writeBlob(path, billType, a.content)
	if err != nil {
		return err
	}
	layer.Annotations = map[string]string{"org.opencontainers.image.title": a.title}
	manifest, err := json.Marshal(v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: billType,
		Config: config, Layers: []v1.Descriptor{layer}, Subject: &a.subject,
	})
	if err != nil {
		return err
	}
	referrer, err := writeBlob(path, types.OCIManifestSchema1, manifest)
	if err != nil {
		return err
	}
	referrer.ArtifactType = billType
	return path.AppendDescriptor(referrer)
}

func writeBlob(path layout.Path, kind types.MediaType, content []byte) (v1.Descriptor, error) {
	hash, size, err := v1.SHA256(bytes.NewReader(content))
	if err != nil {
		return v1.Descriptor{}, err
	}
	return v1.Descriptor{MediaType: kind, Size: size, Digest: hash}, path.WriteBlob(hash, io.NopCloser(bytes.NewReader(content)))
}
