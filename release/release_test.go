package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"sigs.k8s.io/yaml"
)

const tested = version("v0.0.0-test.1")

// makeRelease makes a release for this machine's platform, of Linux at any rate, since an image has no other.
func makeRelease(t *testing.T, folder string) (release, []file) {
	t.Helper()
	repository, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	helm := filepath.Join(repository, "bin/helm")
	if _, err := os.Stat(helm); err != nil {
		t.Fatalf("%v: run \"make helm\"", err)
	}
	r := release{version: tested, platforms: []platform{{"linux", runtime.GOARCH}}, repository: repository, helm: helm, folder: folder}
	files, err := r.make(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r, files
}

func TestReleaseIsTheSameTwice(t *testing.T) {
	first, files := makeRelease(t, t.TempDir())
	second, again := makeRelease(t, t.TempDir())
	for i, f := range files {
		if i >= len(again) || f.name != again[i].name || !bytes.Equal(f.content, again[i].content) {
			t.Errorf("%s: another run gave other bytes", f.name)
		}
	}
	if len(files) != len(again) || first.folder == second.folder {
		t.Fatalf("%d files in %s, then %d in %s", len(files), first.folder, len(again), second.folder)
	}
	byName := map[string][]byte{}
	for _, f := range files {
		byName[f.name] = f.content
	}
	base := "certshim_v0.0.0-test.1_linux_" + runtime.GOARCH
	t.Run("checksums", func(t *testing.T) { checkSums(t, first.folder, len(files)) })
	t.Run("program", func(t *testing.T) { checkProgram(t, byName[base+".tar.gz"]) })
	t.Run("image", func(t *testing.T) { checkImage(t, byName["certshim_v0.0.0-test.1_image.tar"]) })
	t.Run("pushed", func(t *testing.T) {
		checkPushed(t, byName["certshim_v0.0.0-test.1_image.tar"], byName[base+".cdx.json"])
	})
	t.Run("chart", func(t *testing.T) { checkChart(t, first, "certshim-0.0.0-test.1.tgz") })
	t.Run("krew", func(t *testing.T) { checkKrew(t, filepath.Join(first.folder, "certshim.yaml")) })
	t.Run("materials", func(t *testing.T) { checkMaterials(t, byName[base+".cdx.json"]) })
	t.Run("provenance", func(t *testing.T) { checkProvenance(t, byName["certshim_v0.0.0-test.1_provenance.json"], files) })
}

func command(t *testing.T, folder string, words ...string) string {
	t.Helper()
	text, err := output(context.WithoutCancel(t.Context()), folder, nil, words...)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func checkSums(t *testing.T, folder string, want int) {
	if got := strings.Count(command(t, folder, "sha256sum", "-c", "checksums.txt"), ": OK\n"); got != want {
		t.Errorf("%d sums are right, want %d", got, want)
	}
	names, err := os.ReadDir(folder)
	if err != nil || len(names) != want+1 {
		t.Errorf("%v: %d files, want %d and the checksums", err, len(names), want)
	}
}

// extract returns the files of a packed archive, and fails if a time in it isn't the commit's.
func extract(t *testing.T, archive []byte) map[string][]byte {
	t.Helper()
	unpacked, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	when := strings.TrimSpace(command(t, "..", "git", "show", "--no-patch", "--format=%ct", "HEAD"))
	for reader := tar.NewReader(unpacked); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := header.ModTime.UTC().Format("20060102150405"); got != commitTime(t, when) {
			t.Errorf("%s is of %s, want the commit's time", header.Name, got)
		}
		if files[header.Name], err = io.ReadAll(reader); err != nil {
			t.Fatal(err)
		}
	}
}

func commitTime(t *testing.T, seconds string) string {
	t.Helper()
	return strings.TrimSpace(command(t, "..", "date", "-u", "-d", "@"+seconds, "+%Y%m%d%H%M%S"))
}

// checkProgram unpacks the archive and runs what is in it.
func checkProgram(t *testing.T, archive []byte) {
	files := extract(t, archive)
	if !bytes.Contains(files["LICENSE"], []byte("Apache License")) {
		t.Error("the archive has no LICENSE, which krew wants")
	}
	path := filepath.Join(t.TempDir(), "certshim")
	if err := os.WriteFile(path, files["certshim"], 0o755); err != nil {
		t.Fatal(err)
	}
	var said struct {
		Version, Commit, GoVersion string
		Modified                   bool
	}
	if err := json.Unmarshal([]byte(command(t, ".", path, "version", "-o=json")), &said); err != nil {
		t.Fatal(err)
	}
	head := strings.TrimSpace(command(t, "..", "git", "rev-parse", "HEAD"))
	// A version of Go with experiments on or off would have another name.
	if said.Version != tested.String() || said.Commit != head || said.Modified || said.GoVersion != runtime.Version() {
		t.Errorf("it says %+v, want version %s of commit %s by %s, not modified", said, tested, head, runtime.Version())
	}
	if modules := command(t, ".", "go", "version", "-m", path); !strings.Contains(modules, "\tmod\tgithub.com/certshim/certshim\tv0.0.0-test.1\t") ||
		!strings.Contains(modules, "CGO_ENABLED=0") || !strings.Contains(modules, "-trimpath=true") {
		t.Errorf("go version -m says\n%s", modules)
	}
}

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

// checkImage reads the layout as a client of a registry would.
func checkImage(t *testing.T, archive []byte) {
	folder := unpackLayout(t, archive)
	index, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	outer := manifestOf(t, index)
	if len(outer.Manifests) != 2 || outer.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != tested.String() {
		t.Fatalf("the layout has %+v, want an index that is called %s and one bill of materials", outer.Manifests, tested)
	}
	inner, err := index.ImageIndex(outer.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	for _, descriptor := range manifestOf(t, inner).Manifests {
		image, err := inner.Image(descriptor.Digest)
		if err != nil {
			t.Fatal(err)
		}
		config, err := image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if config.Config.User != user || !slices.Equal(config.Config.Entrypoint, []string{"/certshim"}) ||
			config.Architecture != runtime.GOARCH || descriptor.Platform.Architecture != runtime.GOARCH || config.Created.IsZero() {
			t.Errorf("the image for %v is configured as %+v", descriptor.Platform, config)
		}
	}
}

// checkPushed pushes the layout to a registry as docs/release.md says, and asks there what refers to the image.
func checkPushed(t *testing.T, archive, bill []byte) {
	server := httptest.NewServer(registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://") + "/certshim:" + tested.String()
	command(t, ".", "go", "tool", "oras", "cp", "-r", "--from-oci-layout", "--to-plain-http", unpackLayout(t, archive)+":"+tested.String(), address)

	reference, err := name.ParseReference(address)
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Index(reference)
	if err != nil {
		t.Fatal(err)
	}
	image := manifestOf(t, index).Manifests[0].Digest
	referrers, err := remote.Referrers(reference.Context().Digest(image.String()))
	if err != nil {
		t.Fatal(err)
	}
	all := manifestOf(t, referrers).Manifests
	if len(all) != 1 {
		t.Fatalf("%+v refer to %s, want one bill of materials", all, image)
	}
	artifact, err := remote.Image(reference.Context().Digest(all[0].Digest.String()))
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
	blob, err := remote.Layer(reference.Context().Digest(manifest.Layers[0].Digest.String()))
	if err != nil {
		t.Fatal(err)
	}
	reader, err := blob.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	if got, err := io.ReadAll(reader); err != nil || !bytes.Equal(got, bill) {
		t.Errorf("%v: the artifact has %d bytes, want the %d of the bill of materials", err, len(got), len(bill))
	}
}

func manifestOf(t *testing.T, index v1.ImageIndex) *v1.IndexManifest {
	t.Helper()
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	return manifest
}

// checkChart renders the packaged chart: it runs the image of the release.
func checkChart(t *testing.T, r release, name string) {
	text := command(t, r.folder, r.helm, "template", "certshim", filepath.Join(r.folder, name), "--set=image.repository=registry.example.com/certshim")
	if !strings.Contains(text, `registry.example.com/certshim:`+tested.String()) {
		t.Errorf("the chart doesn't run the image of the release:\n%s", text)
	}
	content, err := os.ReadFile(filepath.Join(r.folder, name))
	if err != nil {
		t.Fatal(err)
	}
	checkMetadata(t, r, extract(t, content)["certshim/Chart.yaml"])
}

// checkMetadata reads Chart.yaml as Artifact Hub does: what the commit has is there, and what is the version's.
func checkMetadata(t *testing.T, r release, content []byte) {
	t.Helper()
	var got, committed struct {
		Version, AppVersion, Icon string
		Annotations               map[string]string
	}
	for text, into := range map[string]any{string(content): &got, command(t, "..", "git", "show", "HEAD:deploy/chart/Chart.yaml"): &committed} {
		if err := yaml.Unmarshal([]byte(text), into); err != nil {
			t.Fatal(err)
		}
	}
	if got.Version != "0.0.0-test.1" || got.AppVersion != tested.String() || got.Icon != committed.Icon || got.Icon == "" {
		t.Errorf("the chart is %s of %s, with the icon %s", got.Version, got.AppVersion, got.Icon)
	}
	changelog := command(t, "..", "git", "show", "HEAD:CHANGELOG.md")
	unreleased, err := tested.section(changelog)
	if err != nil {
		t.Fatal(err)
	}
	var changes []change
	if err := yaml.UnmarshalStrict([]byte(got.Annotations["artifacthub.io/changes"]), &changes); err != nil {
		t.Fatal(err)
	}
	if want := strings.Count("\n"+unreleased, "\n- "); len(changes) != want {
		t.Errorf("%d changes are listed, the changelog has %d", len(changes), want)
	}
	want := maps.Clone(committed.Annotations)
	maps.Copy(want, map[string]string{
		"artifacthub.io/changes":    got.Annotations["artifacthub.io/changes"],
		"artifacthub.io/images":     "- image: certshim:" + tested.String() + "\n  name: certshim\n  platforms:\n  - " + r.platforms[0].String() + "\n",
		"artifacthub.io/prerelease": "true",
	})
	if strings.Contains(unreleased, "### Security") {
		want["artifacthub.io/containsSecurityUpdates"] = "true"
	}
	if diff := cmp.Diff(want, got.Annotations); diff != "" {
		t.Errorf("annotations (-want +got)\n%s", diff)
	}
}

// checkKrew has krew's own validator read the manifest.
func checkKrew(t *testing.T, path string) {
	validate := exec.CommandContext(t.Context(), "go", "tool", "validate-krew-manifest", "-skip-install", "-manifest="+path)
	if text, err := validate.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

func checkMaterials(t *testing.T, content []byte) {
	var bill struct {
		BOMFormat, SpecVersion, SerialNumber string
		Metadata                             struct {
			Timestamp string
			Component struct{ Name, Version string }
		}
		Components []struct {
			Name     string
			Version  string
			Evidence struct{ Licenses []any }
		}
	}
	if err := json.Unmarshal(content, &bill); err != nil {
		t.Fatal(err)
	}
	var unlicensed []string
	for _, c := range bill.Components {
		if len(c.Evidence.Licenses) == 0 && c.Name != "std" {
			unlicensed = append(unlicensed, c.Name)
		}
	}
	if bill.BOMFormat != "CycloneDX" || bill.SerialNumber != "" || bill.Metadata.Timestamp != "" || bill.Metadata.Component.Version != tested.String() || len(bill.Components) < 50 {
		t.Errorf("%s %s, %d components, of %+v", bill.BOMFormat, bill.SpecVersion, len(bill.Components), bill.Metadata)
	}
	if len(unlicensed) > 0 {
		t.Errorf("components without a license: %v", unlicensed)
	}
}

func checkProvenance(t *testing.T, content []byte, files []file) {
	var s statement
	if err := json.Unmarshal(content, &s); err != nil {
		t.Fatal(err)
	}
	subjects := map[string]string{}
	for _, subject := range s.Subject {
		subjects[subject.Name] = subject.Digest["sha256"]
	}
	for _, f := range files {
		if strings.HasSuffix(f.name, "_provenance.json") {
			continue
		}
		if subjects[f.name] != f.sha256() {
			t.Errorf("%s has sum %s, and the statement says %q", f.name, f.sha256(), subjects[f.name])
		}
	}
	if len(subjects) != len(files)-1 || len(s.Predicate.BuildDefinition.ResolvedDependencies) < 50 {
		t.Errorf("the statement is about %d files and %d dependencies", len(subjects), len(s.Predicate.BuildDefinition.ResolvedDependencies))
	}
}
