package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const changelog = `# Changelog

All of it, by [a form](https://example.com).

## [Unreleased]

### Added

- Not yet.

## [1.2.3] - 2026-11-27

### Upgrade

- Delete the Deployment first: ` + "`kubectl delete`" + `, then
  apply. See [docs/install.md](docs/install.md#upgrade),
  and [docs/install.md](docs/install.md#upgrade) again.

### Fixed

For issuers:

- One more,
  [elsewhere](https://example.com/a).

A text between.

- Another.

### Security

- A hole.

## [1.2.2] - 2026-11-01

### Removed

- The old one.
`

func TestChangesOfAVersion(t *testing.T) {
	for v, want := range map[version][]change{
		"v1.2.3": {
			{"changed", "Delete the Deployment first: `kubectl delete`, then apply. See docs/install.md, and docs/install.md again.", []link{
				{"docs/install.md", "https://github.com/certshim/certshim/blob/v1.2.3/docs/install.md#upgrade"},
			}},
			{"fixed", "One more, elsewhere.", []link{{"elsewhere", "https://example.com/a"}}},
			{"fixed", "Another.", nil},
			{"security", "A hole.", nil},
		},
		"v1.2.2":      {{"removed", "The old one.", nil}},
		"v1.2.4-rc.1": {{"added", "Not yet.", nil}},
	} {
		section, err := v.section(changelog)
		if err != nil {
			t.Fatal(err)
		}
		got, err := v.changes(section)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", v, diff)
		}
	}
}

func TestWrongChangelogs(t *testing.T) {
	if _, err := version("v1.2.4").section(changelog); err == nil || !strings.Contains(err.Error(), "## [1.2.4]") {
		t.Errorf("%v, want an error that names the section", err)
	}
	for section, want := range map[string]string{
		"### Fixes\n\n- One.\n": `"Fixes", must be`,
		"- One.\n":              "has no heading",
	} {
		if _, err := version("v1.2.3").changes(section); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %s", section, err, want)
		}
	}
}

// A section for the next release can be read at any time.
func TestTheChangelogCanBeRead(t *testing.T) {
	text := command(t, "..", "cat", "CHANGELOG.md")
	section, err := tested.section(text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tested.changes(section); err != nil {
		t.Error(err)
	}
}
