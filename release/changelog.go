package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// change is an entry of the changelog, in the form in which Artifact Hub lists those of a chart.
type change struct {
	Kind        string `json:"kind"`
	Description string `json:"description"`
	Links       []link `json:"links,omitempty"`
}

type link struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

// kinds has the kind of change for each heading within a section; what has to be done by hand is a change as well.
var kinds = map[string]string{
	"Upgrade": "changed", "Added": "added", "Changed": "changed", "Deprecated": "deprecated", "Removed": "removed", "Fixed": "fixed", "Security": "security",
}

// section is what the changelog says of the version, without the heading. A prerelease that has no section is a part of what
// is unreleased.
func (v version) section(changelog string) (string, error) {
	heading := "## [" + v.number() + "]"
	text, found := sectionOf(changelog, heading)
	if !found && v.isPrerelease() {
		text, _ = sectionOf(changelog, "## [Unreleased]")
		return text, nil
	}
	if !found {
		return "", fmt.Errorf("CHANGELOG.md has no section %q: move what is unreleased under it, and commit that", heading)
	}
	return text, nil
}

func sectionOf(changelog, heading string) (text string, found bool) {
	var section strings.Builder
	for line := range strings.Lines(changelog) {
		if strings.HasPrefix(line, "## ") {
			if found {
				break
			}
			found = strings.HasPrefix(line, heading)
			continue
		}
		if found {
			section.WriteString(line)
		}
	}
	return section.String(), found
}

// changes are the entries of a section: items of lists, each of the kind that the heading above it says.
func (v version) changes(section string) (all []change, err error) {
	kind, isOpen := "", false
	for line := range strings.Lines(section) {
		line = strings.TrimRight(line, "\n")
		heading, isHeading := strings.CutPrefix(line, "### ")
		item, isItem := strings.CutPrefix(line, "- ")
		switch {
		case isHeading:
			if kind = kinds[heading]; kind == "" {
				return nil, fmt.Errorf("CHANGELOG.md: heading %q, must be Upgrade, Added, Changed, Deprecated, Removed, Fixed or Security", heading)
			}
		case isItem && kind == "":
			return nil, fmt.Errorf("CHANGELOG.md: %q has no heading above it, such as Added or Fixed", line)
		case isItem:
			all = append(all, change{Kind: kind, Description: item})
		case isOpen && strings.HasPrefix(line, "  "):
			all[len(all)-1].Description += " " + strings.TrimSpace(line)
		}
		isOpen = isItem || isOpen && strings.HasPrefix(line, "  ")
	}
	for i := range all {
		v.moveLinks(&all[i])
	}
	return all, nil
}

var markdownLink = regexp.MustCompile(`\[([^\]]+)\]\(([^)]+)\)`)

// moveLinks takes the links out of the description, which is plain text. Those within the repository lead to the version's files.
func (v version) moveLinks(c *change) {
	for _, found := range markdownLink.FindAllStringSubmatch(c.Description, -1) {
		to := link{Name: found[1], URL: found[2]}
		if !strings.Contains(to.URL, "://") {
			to.URL = home + "/blob/" + v.String() + "/" + to.URL
		}
		if !slices.Contains(c.Links, to) {
			c.Links = append(c.Links, to)
		}
	}
	c.Description = markdownLink.ReplaceAllString(c.Description, "$1")
}
