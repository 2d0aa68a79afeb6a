package app

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/certshim/certshim/ownership"
)

// auditJUnit has a suite for each namespace and a case for each Certificate, which fails for what
// --fail-on names. The findings are a suite of their own.
type auditJUnit struct {
	w      io.Writer
	failOn []string
	// suites are by namespace, in the order in which these come first.
	suites []*junitSuite
	byName map[string]*junitSuite
}

func (a *auditJUnit) write(one audited) error {
	var lines []string
	for _, f := range one.Fields {
		if slices.Contains(a.failOn, string(f.Verdict)) {
			lines = append(lines, fieldLine(f))
		}
	}
	a.suite(one.Namespace).judge("certshim audit", one.Name, lines)
	return nil
}

// fieldLine says of a field who holds it, and what becomes of it.
func fieldLine(f ownership.Field) string {
	line := fmt.Sprintf("%s %s: live %s, wanted %s", f.Verdict, f.Path, jsonText(f.Live), jsonText(f.Wanted))
	if len(f.Holders) > 0 {
		line += ", held by " + holdersCell(f.Holders)
	}
	if f.Cause != "" {
		line += ": " + f.Cause.Words()
	}
	return line
}

func (a *auditJUnit) suite(namespace string) *junitSuite {
	if suite := a.byName[namespace]; suite != nil {
		return suite
	}
	suite := &junitSuite{Name: namespace}
	a.suites, a.byName[namespace] = append(a.suites, suite), suite
	return suite
}

// judge adds a case that fails if there are lines.
func (s *junitSuite) judge(class, name string, lines []string) {
	c := junitCase{Class: class, Name: printable(name)}
	if len(lines) > 0 {
		for i := range lines {
			lines[i] = printable(lines[i])
		}
		c.Failure = &junitMessage{Message: count(len(lines), "field"), Text: strings.Join(lines, "\n")}
		s.Failures++
	}
	s.Tests++
	s.Cases = append(s.Cases, c)
}

func (a *auditJUnit) close(_ auditSummary, findings []ownership.Finding) error {
	all := junitSuites{}
	for _, suite := range a.suites {
		all.Suites = append(all.Suites, *suite)
	}
	suite := junitSuite{Name: "findings"}
	for _, f := range findings {
		c := junitCase{Class: string(f.Kind), Name: printable(f.Object.String())}
		if slices.Contains(a.failOn, string(f.Kind)) {
			c.Failure = &junitMessage{Message: string(f.Kind), Text: printable(f.Message + others(f.Others))}
			suite.Failures++
		}
		suite.Tests++
		suite.Cases = append(suite.Cases, c)
	}
	all.Suites = append(all.Suites, suite)
	text, err := xml.MarshalIndent(all, "", "  ")
	if err == nil {
		_, err = fmt.Fprintf(a.w, "%s%s\n", xml.Header, text)
	}
	if err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	return nil
}
