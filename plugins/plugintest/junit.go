package plugintest

import (
	"encoding/xml"
	"fmt"
	"time"
)

// JUnit renders the report for CI systems. Failed cases of level SHOULD aren't failures there,
// as in the verdict; their message is in the output.
func (r Report) JUnit() ([]byte, error) {
	suite := junitSuite{Name: "certshim plugin test " + r.Plugin, Properties: []junitProperty{
		{"plugin", r.Plugin}, {"version", r.Version}, {"verdict", r.Verdict()},
	}}
	total := time.Duration(0)
	for _, one := range r.Results {
		c := one.junit()
		suite.Cases = append(suite.Cases, c)
		suite.Tests++
		if c.Failure != nil {
			suite.Failures++
		}
		if c.Skipped != nil {
			suite.Skipped++
		}
		total += one.Took
	}
	suite.Time = seconds(total)
	text, err := xml.MarshalIndent(junitSuites{Suites: []junitSuite{suite}}, "", "  ")
	return append([]byte(xml.Header), append(text, '\n')...), err
}

func (r Result) junit() junitCase {
	c := junitCase{Class: "certshim.resolver.v1alpha1", Name: r.ID + " " + r.Title, Time: seconds(r.Took)}
	switch {
	case r.Outcome == Skipped:
		c.Skipped = &junitMessage{Message: r.Detail}
	case r.Outcome == Failed && r.Level == Must:
		c.Failure = &junitMessage{Message: r.Hint, Type: string(r.Level), Text: r.Detail}
	case r.Outcome == Failed:
		c.Output = string(r.Level) + ": " + r.Detail + "\n" + r.Hint
	}
	return c
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitMessage `xml:"failure"`
	Skipped *junitMessage `xml:"skipped"`
	Output  string        `xml:"system-out,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}
