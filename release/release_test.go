package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

const tested = version("v0.0.0-test.1")

// everything is what "make release" builds for.
var everything = []platform{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}}

// made is a release with its files.
type made struct {
	release
	files []file
}

func makeRelease(t *testing.T, repository string, platforms ...platform) made {
	t.Helper()
	helm, err := filepath.Abs("../bin/helm")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(helm); err != nil {
		t.Fatalf("%v: run \"make helm\"", err)
	}
	r := release{version: tested, platforms: platforms, repository: repository, helm: helm, folder: t.TempDir()}
	files, err := r.make(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return made{r, files}
}

func (m made) file(t *testing.T, name string) []byte {
	t.Helper()
	for _, f := range m.files {
		if f.name == name {
			return f.content
		}
	}
	t.Fatalf("the release has no %s", name)
	return nil
}

func (m made) archive(t *testing.T, p platform) []byte {
	t.Helper()
	return m.file(t, m.name(p)+".tar.gz")
}

func (m made) materials(t *testing.T, p platform) []byte {
	t.Helper()
	return m.file(t, m.name(p)+".cdx.json")
}

func repository(t *testing.T) string {
	t.Helper()
	folder, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// Two people give the same bytes: one has built before, and the other has a clone elsewhere, an empty build cache, another time zone and files
// that nobody else may read.
func TestReleaseIsTheSameTwice(t *testing.T) {
	platform := platform{"linux", runtime.GOARCH}
	first := makeRelease(t, repository(t), platform)

	clone, err := cloneHead(t.Context(), repository(t), filepath.Join(t.TempDir(), "elsewhere"), tested)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOCACHE", t.TempDir())
	t.Setenv("TZ", "Pacific/Chatham")
	mask := syscall.Umask(0o077)
	defer syscall.Umask(mask)
	second := makeRelease(t, clone.folder, platform)

	for i, f := range first.files {
		if i >= len(second.files) || f.name != second.files[i].name || !bytes.Equal(f.content, second.files[i].content) {
			t.Errorf("%s: another run gave other bytes", f.name)
		}
	}
	if len(first.files) != len(second.files) || first.folder == second.folder {
		t.Errorf("%d files in %s, then %d in %s", len(first.files), first.folder, len(second.files), second.folder)
	}
}

func TestReleaseForAllPlatforms(t *testing.T) {
	m := makeRelease(t, repository(t), everything...)
	// For each platform an archive and its materials; the image, the chart, krew's manifest and the statement.
	if want := 2*len(everything) + 4; len(m.files) != want {
		t.Errorf("%d files, want %d", len(m.files), want)
	}
	t.Run("checksums", func(t *testing.T) { checkSums(t, m.folder, len(m.files)) })
	for _, p := range everything {
		t.Run(p.String(), func(t *testing.T) { checkPlatform(t, p, m) })
	}
	t.Run("program", func(t *testing.T) {
		checkProgram(t, m.archive(t, platform{"linux", runtime.GOARCH}))
	})
	t.Run("image", func(t *testing.T) { checkImage(t, m) })
	t.Run("pushed", func(t *testing.T) { checkPushed(t, m) })
	t.Run("chart", func(t *testing.T) { checkChart(t, m.release, "certshim-0.0.0-test.1.tgz") })
	t.Run("krew", func(t *testing.T) { checkKrew(t, m) })
	t.Run("provenance", func(t *testing.T) { checkProvenance(t, m) })
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
	reader, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	return unpacked(t, reader)
}

func unpacked(t *testing.T, archive io.Reader) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	when := strings.TrimSpace(command(t, "..", "git", "show", "--no-patch", "--format=%ct", "HEAD"))
	for reader := tar.NewReader(archive); ; {
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
		"artifacthub.io/images":     "- image: certshim:" + tested.String() + "\n  name: certshim\n  platforms:\n  - linux/amd64\n  - linux/arm64\n",
		"artifacthub.io/prerelease": "true",
	})
	if strings.Contains(unreleased, "### Security") {
		want["artifacthub.io/containsSecurityUpdates"] = "true"
	}
	if diff := cmp.Diff(want, got.Annotations); diff != "" {
		t.Errorf("annotations (-want +got)\n%s", diff)
	}
}

// checkKrew has krew's own validator read the manifest, which names each archive with its sum.
func checkKrew(t *testing.T, m made) {
	path := filepath.Join(m.folder, "certshim.yaml")
	validate := exec.CommandContext(t.Context(), "go", "tool", "validate-krew-manifest", "-skip-install", "-manifest="+path)
	if text, err := validate.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var manifest krewManifest
	if err := yaml.UnmarshalStrict(content, &manifest); err != nil {
		t.Fatal(err)
	}
	want := map[platform]string{}
	for _, p := range everything {
		want[p] = file{content: m.archive(t, p)}.sha256()
	}
	got := map[platform]string{}
	for _, entry := range manifest.Spec.Platforms {
		p := platform{entry.Selector.MatchLabels["os"], entry.Selector.MatchLabels["arch"]}
		got[p] = entry.SHA256
		if end := "/" + tested.String() + "/" + m.name(p) + ".tar.gz"; !strings.HasSuffix(entry.URI, end) {
			t.Errorf("%s: %s doesn't end in %s", p, entry.URI, end)
		}
	}
	if !maps.Equal(want, got) {
		t.Errorf("the archives are %v, want %v", got, want)
	}
}

func checkProvenance(t *testing.T, m made) {
	var s statement
	if err := json.Unmarshal(m.file(t, "certshim_v0.0.0-test.1_provenance.json"), &s); err != nil {
		t.Fatal(err)
	}
	subjects := map[string]string{}
	for _, subject := range s.Subject {
		subjects[subject.Name] = subject.Digest["sha256"]
	}
	for _, f := range m.files {
		if strings.HasSuffix(f.name, "_provenance.json") {
			continue
		}
		if subjects[f.name] != f.sha256() {
			t.Errorf("%s has sum %s, and the statement says %q", f.name, f.sha256(), subjects[f.name])
		}
	}
	if len(subjects) != len(m.files)-1 || len(s.Predicate.BuildDefinition.ResolvedDependencies) < 50 {
		t.Errorf("the statement is about %d files and %d dependencies", len(subjects), len(s.Predicate.BuildDefinition.ResolvedDependencies))
	}
}
