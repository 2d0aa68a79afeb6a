package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// unpackLayout returns the folder of the layout.
func unpackLayout(t *testing.T, archive []byte) string {
	t.Helper()
	folder, path := t.TempDir(), filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(path, archive, 0o644); err != nil {
		t.Fatal(err)
	}
	command(t, folder, "tar", "-xf", path)
	return folder
}

// checkImage reads the layout as a client of a registry would: for each architecture it has the program of the archive.
func checkImage(t *testing.T, m made) {
	folder := unpackLayout(t, m.file(t, "certshim_v0.0.0-test.1_image.tar"))
	index, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	outer := manifestOf(t, index)
	if len(outer.Manifests) != 3 || outer.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != tested.String() {
		t.Fatalf("the layout has %+v, want an index that is called %s and two bills of materials", outer.Manifests, tested)
	}
	inner, err := index.ImageIndex(outer.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	for architecture, digest := range images(t, inner) {
		image, err := inner.Image(digest)
		if err != nil {
			t.Fatal(err)
		}
		config, err := image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if config.Config.User != user || !slices.Equal(config.Config.Entrypoint, []string{"/certshim"}) ||
			config.OS != "linux" || config.Architecture != architecture || config.Created.IsZero() {
			t.Errorf("the image for %s is configured as %+v", architecture, config)
		}
		want := extract(t, m.archive(t, platform{"linux", architecture}))["certshim"]
		if got := unpacked(t, mutate.Extract(image)); len(got) != 1 || !bytes.Equal(got["certshim"], want) {
			t.Errorf("the image for %s has the files %v, want the program of the archive alone", architecture, slices.Collect(maps.Keys(got)))
		}
	}
}

// What "make image" builds is what a release has.
func TestTheDockerfileMakesTheSameImage(t *testing.T) {
	content, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	stages := strings.Split(strings.TrimSpace(string(content)), "\n\n")
	want := fmt.Sprintf("FROM scratch\nCOPY --from=build /src/bin/certshim /certshim\nWORKDIR %s\nUSER %s\nENTRYPOINT [%q]\nCMD [%q]",
		runs.WorkingDir, runs.User, runs.Entrypoint[0], runs.Cmd[0])
	if got := stages[len(stages)-1]; got != want {
		t.Errorf("the Dockerfile ends with\n%s\nwant\n%s", got, want)
	}
}

// images are those of an index by their architecture, of which it must have both.
func images(t *testing.T, index v1.ImageIndex) map[string]v1.Hash {
	t.Helper()
	found := map[string]v1.Hash{}
	for _, descriptor := range manifestOf(t, index).Manifests {
		found[descriptor.Platform.Architecture] = descriptor.Digest
	}
	if got := slices.Sorted(maps.Keys(found)); !slices.Equal(got, []string{"amd64", "arm64"}) {
		t.Fatalf("the index has images for %v", got)
	}
	return found
}

// checkPushed pushes the layout to a registry as docs/release.md says, and asks there what refers to the images.
func checkPushed(t *testing.T, m made) {
	server := httptest.NewServer(registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://") + "/certshim:" + tested.String()
	command(t, ".", "go", "tool", "oras", "cp", "-r", "--from-oci-layout", "--to-plain-http", unpackLayout(t, m.file(t, "certshim_v0.0.0-test.1_image.tar"))+":"+tested.String(), address)

	reference, err := name.ParseReference(address)
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Index(reference)
	if err != nil {
		t.Fatal(err)
	}
	for architecture, digest := range images(t, index) {
		want := m.materials(t, platform{"linux", architecture})
		if got := billOf(t, reference.Context(), digest); !bytes.Equal(got, want) {
			t.Errorf("the artifact for %s has %d bytes, want the %d of the bill of materials", architecture, len(got), len(want))
		}
	}
}

// billOf is the bill of materials that alone refers to an image in a registry.
func billOf(t *testing.T, repository name.Repository, image v1.Hash) []byte {
	t.Helper()
	referrers, err := remote.Referrers(repository.Digest(image.String()))
	if err != nil {
		t.Fatal(err)
	}
	all := manifestOf(t, referrers).Manifests
	if len(all) != 1 {
		t.Fatalf("%+v refer to %s, want one bill of materials", all, image)
	}
	artifact, err := remote.Image(repository.Digest(all[0].Digest.String()))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := artifact.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if manifest.ArtifactType != billType || len(manifest.Layers) != 1 || manifest.Layers[0].MediaType != billType {
		t.Fatalf("the artifact is %+v", manifest)
	}
	blob, err := remote.Layer(repository.Digest(manifest.Layers[0].Digest.String()))
	if err != nil {
		t.Fatal(err)
	}
	reader, err := blob.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	bill, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return bill
}

func manifestOf(t *testing.T, index v1.ImageIndex) *v1.IndexManifest {
	t.Helper()
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	return manifest
}
