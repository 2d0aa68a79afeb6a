package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"

	"k8s.io/apimachinery/pkg/util/version"
)

// set is one version of each.
type set struct{ kubernetes, certManager, gatewayAPI string }

// newSet reads the versions of a set, such as v1.34.4.
func newSet(versions []string) (set, error) {
	if len(versions) != 3 {
		return set{}, fmt.Errorf("a set is three versions, of Kubernetes, cert-manager and the Gateway API, not %q", versions)
	}
	for _, each := range versions {
		if _, err := version.ParseSemantic(each); err != nil || each[0] != 'v' {
			return set{}, fmt.Errorf("%q of the set %q should be a version such as v1.34.4", each, versions)
		}
	}
	return set{versions[0], versions[1], versions[2]}, nil
}

func (s set) String() string { return s.kubernetes + " " + s.certManager + " " + s.gatewayAPI }

// result is what came of running a set at a commit.
type result struct {
	set
	passed, failed int
	commit         string
}

func (r result) verdict() string {
	if r.failed == 0 && r.passed > 0 {
		return "passed"
	}
	return "failed"
}

// lines are those of a file but for its comments.
func lines(file string) (all []string, err error) {
	content, err := os.ReadFile(file)
	for line := range strings.Lines(string(content)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			all = append(all, line)
		}
	}
	return all, err
}

// readVersions are the sets of the file versions.
func readVersions(file string) (all []set, err error) {
	found, err := lines(file)
	if err != nil {
		return nil, err
	}
	for _, line := range found {
		each, err := newSet(strings.Fields(line))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, each)
	}
	return all, nil
}

// readResults are those of the file results; without the file there is none.
func readResults(file string) (map[set]result, error) {
	found, err := lines(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	all := map[set]result{}
	for _, line := range found {
		each, err := parseResult(strings.Fields(line))
		if err != nil {
			return nil, fmt.Errorf("%s: %q: %w", file, line, err)
		}
		all[each.set] = each
	}
	return all, nil
}

func parseResult(fields []string) (r result, err error) {
	if len(fields) != 6 {
		return r, errors.New("it should have a set, how many tests passed and failed, and a commit")
	}
	if r.set, err = newSet(fields[:3]); err != nil {
		return r, err
	}
	r.commit = fields[5]
	var passed, failed error
	r.passed, passed = strconv.Atoi(fields[3])
	r.failed, failed = strconv.Atoi(fields[4])
	return r, errors.Join(passed, failed)
}

const resultsHead = `# What "make compat" was last run with, which writes this: Kubernetes, cert-manager, Gateway API, how many tests passed,
# how many failed, and the commit.
`

// writeResults writes those of the sets, in their order.
func writeResults(file string, sets []set, results map[set]result) error {
	var b strings.Builder
	b.WriteString(resultsHead)
	for _, each := range sets {
		if r, ran := results[each]; ran {
			fmt.Fprintf(&b, "%s %d %d %s\n", each, r.passed, r.failed, r.commit)
		}
	}
	return os.WriteFile(file, []byte(b.String()), 0o644)
}

// table shows results to somebody at a terminal.
func table(results []result) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "Kubernetes\tcert-manager\tGateway API\tpassed\tfailed\tcommit\t")
	for _, r := range results {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%s\t%s\n", r.kubernetes, r.certManager, r.gatewayAPI, r.passed, r.failed, r.commit, r.verdict())
	}
	_ = w.Flush()
	return b.String()
}

const (
	tableBegin = "<!-- compat: generated from test/compat/results by \"make generate\" -->\n"
	tableEnd   = "<!-- compat: end -->"
)

// renderReadme puts the table of results into the text of README.md, between its marks.
func renderReadme(readme string, sets []set, results map[set]result) (string, error) {
	before, rest, begins := strings.Cut(readme, tableBegin)
	_, after, ends := strings.Cut(rest, tableEnd)
	if !begins || !ends {
		return "", errors.New("README.md lacks the marks of the table of what was run")
	}
	var b strings.Builder
	b.WriteString("| Kubernetes | cert-manager | Gateway API | tests that passed | at commit |\n|---|---|---|---|---|\n")
	for _, each := range sets {
		if r, ran := results[each]; ran {
			fmt.Fprintf(&b, "| %s | %s | %s | %d of %d | %s |\n", each.kubernetes[1:], each.certManager[1:], each.gatewayAPI[1:], r.passed, r.passed+r.failed, r.commit)
		}
	}
	return before + tableBegin + b.String() + tableEnd + after, nil
}
