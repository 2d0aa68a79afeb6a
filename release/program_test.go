package main

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"debug/macho"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// checkPlatform wants the program to be for its platform, and the bill of materials to list what Go says that it's built from.
func checkPlatform(t *testing.T, p platform, m made) {
	files := extract(t, m.archive(t, p))
	if !bytes.Contains(files["LICENSE"], []byte("Apache License")) {
		t.Error("the archive has no LICENSE, which krew wants")
	}
	content := files["certshim"]
	if got := platformOf(content); got != p {
		t.Errorf("the program is for %s", got)
	}
	info, err := buildinfo.Read(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	head := strings.TrimSpace(command(t, "..", "git", "rev-parse", "HEAD"))
	want := map[string]string{"GOOS": p.os, "GOARCH": p.arch, "CGO_ENABLED": "0", "-trimpath": "true", "vcs.revision": head, "vcs.modified": "false"}
	for _, setting := range info.Settings {
		if value, is := want[setting.Key]; is && value != setting.Value {
			t.Errorf("%s is %s, want %s", setting.Key, setting.Value, value)
		}
		delete(want, setting.Key)
	}
	if len(want) > 0 {
		t.Errorf("the program doesn't say %v", want)
	}
	checkMaterials(t, m.materials(t, p), info)
}

// platformOf reads it from the program's format.
func platformOf(program []byte) platform {
	if file, err := elf.NewFile(bytes.NewReader(program)); err == nil {
		return platform{"linux", map[elf.Machine]string{elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64"}[file.Machine]}
	}
	if file, err := macho.NewFile(bytes.NewReader(program)); err == nil {
		return platform{"darwin", map[macho.Cpu]string{macho.CpuAmd64: "amd64", macho.CpuArm64: "arm64"}[file.Cpu]}
	}
	return platform{}
}

// checkProgram unpacks the archive and runs what is in it.
func checkProgram(t *testing.T, archive []byte) {
	path := filepath.Join(t.TempDir(), "certshim")
	if err := os.WriteFile(path, extract(t, archive)["certshim"], 0o755); err != nil {
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

func checkMaterials(t *testing.T, content []byte, built *buildinfo.BuildInfo) {
	t.Helper()
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
	var unlicensed, listed []string
	for _, c := range bill.Components {
		listed = append(listed, c.Name+" "+c.Version)
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
	want := []string{"std " + built.GoVersion}
	for _, module := range built.Deps {
		want = append(want, module.Path+" "+module.Version)
	}
	slices.Sort(want)
	slices.Sort(listed)
	if diff := cmp.Diff(want, listed); diff != "" {
		t.Errorf("(-what the program is built from +what the bill lists)\n%s", diff)
	}
}
