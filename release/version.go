package main

import (
	"fmt"
	"strings"

	"golang.org/x/mod/semver"
)

// version is what a release is called, such as v1.2.3 or v1.2.3-rc.1.
type version string

func parseVersion(text string) (version, error) {
	if semver.Canonical(text) != text || text == "" {
		return "", fmt.Errorf("version %q: must be a semantic version without build metadata, such as v1.2.3 or v1.2.3-rc.1", text)
	}
	return version(text), nil
}

// String is the version as tags of git and images have it.
func (v version) String() string { return string(v) }

// number is the version as Helm has it.
func (v version) number() string { return strings.TrimPrefix(string(v), "v") }

func (v version) isPrerelease() bool { return semver.Prerelease(string(v)) != "" }

// platform is what a program is built for.
type platform struct{ os, arch string }

func parsePlatform(text string) (platform, error) {
	os, arch, found := strings.Cut(text, "/")
	if !found || os == "" || arch == "" {
		return platform{}, fmt.Errorf("platform %q: must be a system and an architecture, such as linux/amd64", text)
	}
	return platform{os, arch}, nil
}

// String is the platform as Go writes it.
func (p platform) String() string { return p.os + "/" + p.arch }
