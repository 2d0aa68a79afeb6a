package app

import (
	"encoding/xml"
	"strings"
)

// The parts of JUnit's format that CI systems read.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Failure *junitMessage `xml:"failure"`
		Error   *junitMessage `xml:"error"`
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// junit has a suite for each file.
func (r typeTestReport) junit() junitSuites {
	var all junitSuites
	for _, result := range r.Results {
		if last := len(all.Suites) - 1; last < 0 || all.Suites[last].Name != result.File {
			all.Suites = append(all.Suites, junitSuite{Name: result.File})
		}
		all.Suites[len(all.Suites)-1].add(result)
	}
	return all
}

func (s *junitSuite) add(result typeTestResult) {
	c := junitCase{Class: "certshim issuers test", Name: result.Test}
	message := &junitMessage{Message: strings.Join(result.Faults, "; "), Text: strings.Join(result.Faults, "\n")}
	switch {
	case result.Test == "":
		c.Name, c.Error = "it can be read", message
		s.Errors++
	case !result.Passed:
		c.Failure = message
		s.Failures++
	}
	s.Tests++
	s.Cases = append(s.Cases, c)
}
