package app

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/certshim/certshim/resolver"
)

// formatJUnit is for CI systems.
const formatJUnit = "junit"

func testFormats() []string { return []string{formatTable, formatJSON, formatJUnit} }

// issuerTests runs the tests of files, and collects how they ended.
type issuerTests struct {
	streams Streams
	format  string
	report  issuerTestReport
}

// issuerTestReport is what -o json prints.
type issuerTestReport struct {
	Passed int `json:"passed"`
	Failed int `json:"failed"`
	// Unreadable counts the files that declare nothing that can be tested.
	Unreadable int                `json:"unreadable"`
	Results    []issuerTestResult `json:"results"`
}

// issuerTestResult is of one test, or of a file that can't be read, which has no test.
type issuerTestResult struct {
	File   string   `json:"file"`
	Test   string   `json:"test,omitempty"`
	Passed bool     `json:"passed"`
	Faults []string `json:"faults,omitempty"`
}

func newIssuerTest(streams Streams) *cobra.Command {
	var paths []string
	tests := &issuerTests{streams: streams, report: issuerTestReport{Results: []issuerTestResult{}}}
	cmd := &cobra.Command{
		Use:   "test FILE…",
		Short: "Run the tests of files that declare issuer types",
		Long: `Reads files that declare an issuer type, or folders of them, and runs the tests in them. A
file needs a test of a ready issuer, of one that isn't, and of a Certificate that breaks each
rule.

` + exitHelp,
		Example: `  certshim issuers test corp-ca.yaml
  certshim issuers test types/ -o junit > report.xml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if paths = append(paths, args...); len(paths) == 0 {
				return errors.New("name the files to test")
			}
			if !slices.Contains(testFormats(), tests.format) {
				return badFormat(tests.format, testFormats()...)
			}
			return tests.run(cmd.Context(), paths)
		},
	}
	cmd.Flags().StringSliceVarP(&paths, "filename", "f", nil, "files, or folders of them")
	cmd.Flags().StringVarP(&tests.format, "output", "o", formatTable, "table, json, or junit for CI systems")
	complete(cmd, "output", testFormats()...)
	return cmd
}

func (t *issuerTests) run(ctx context.Context, paths []string) error {
	for _, path := range paths {
		files, err := typeFiles(path)
		if err != nil {
			return err
		}
		for _, file := range files {
			if err := t.runFile(ctx, file); err != nil {
				return err
			}
		}
	}
	if err := t.print(); err != nil {
		return err
	}
	switch {
	case t.report.Unreadable > 0:
		return errUnreadable
	case t.report.Failed > 0:
		return errProblems
	}
	return nil
}

func (t *issuerTests) runFile(ctx context.Context, file string) error {
	entry, err := readIssuerType(file)
	if err != nil {
		t.report.Unreadable++
		t.report.Results = append(t.report.Results, issuerTestResult{File: file, Faults: strings.Split(err.Error(), "\n")})
		printError(t.streams.ErrOut, err)
		return nil
	}
	results, err := entry.RunCases(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, result := range results {
		t.add(issuerTestResult{File: file, Test: result.Case, Passed: len(result.Faults) == 0, Faults: result.Faults})
	}
	return nil
}

func (t *issuerTests) add(result issuerTestResult) {
	t.report.Results = append(t.report.Results, result)
	if result.Passed {
		t.report.Passed++
	} else {
		t.report.Failed++
	}
}

func (t *issuerTests) print() error {
	switch t.format {
	case formatJSON:
		return writeJSON(t.streams.Out, t.report)
	case formatJUnit:
		text, err := xml.MarshalIndent(t.report.junit(), "", "  ")
		if err == nil {
			_, err = fmt.Fprintf(t.streams.Out, "%s%s\n", xml.Header, text)
		}
		return err
	}
	for _, result := range t.report.Results {
		result.print(t.streams)
	}
	printLine(t.streams.Out, fmt.Sprintf("%d passed, %d failed", t.report.Passed, t.report.Failed))
	return nil
}

// print writes a line for each fault. What can't be read is told already.
func (r issuerTestResult) print(streams Streams) {
	if r.Passed {
		printLine(streams.Out, "ok    "+r.File+": "+r.Test)
		return
	}
	for _, fault := range r.Faults {
		if r.Test != "" {
			printLine(streams.Out, "FAIL  "+r.File+": "+r.Test+": "+fault)
		}
	}
}

// readIssuerType reads a declaration of the operator's own.
func readIssuerType(file string) (resolver.IssuerType, error) {
	content, err := readRegular(file)
	if err != nil {
		return resolver.IssuerType{}, fmt.Errorf("read an issuer type: %w", err)
	}
	entry, err := resolver.Decode(content, file)
	entry.Level = resolver.LevelOperator
	return entry, err
}
