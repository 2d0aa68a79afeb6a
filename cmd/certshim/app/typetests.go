package app

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/certshim/certshim/declaration"
)

// formatJUnit is for CI systems.
const formatJUnit = "junit"

func testFormats() []string { return []string{formatTable, formatJSON, formatJUnit} }

// typeTests runs the tests of files, and collects how they ended.
type typeTests struct {
	typeTest
	streams Streams
	format  string
	report  typeTestReport
}

// typeTestReport is what -o json prints.
type typeTestReport struct {
	Passed int `json:"passed"`
	Failed int `json:"failed"`
	// Unreadable counts the files that declare nothing that can be tested.
	Unreadable int              `json:"unreadable"`
	Results    []typeTestResult `json:"results"`
}

// typeTestResult is of one test, or of a file that can't be read, which has no test.
type typeTestResult struct {
	File   string   `json:"file"`
	Test   string   `json:"test,omitempty"`
	Passed bool     `json:"passed"`
	Faults []string `json:"faults,omitempty"`
}

// typeTest is how the tests of one sort of types are run.
type typeTest struct {
	// sort is what the files declare, such as "issuer type", and needs says which tests one needs.
	sort, needs string
	// example is the name of a file.
	example string
	// read reads a declaration, and gives what runs its tests.
	read func(file string) (func(context.Context) ([]declaration.CaseResult, error), error)
}

func newTypeTest(streams Streams, of typeTest) *cobra.Command {
	var paths []string
	tests := &typeTests{typeTest: of, streams: streams, report: typeTestReport{Results: []typeTestResult{}}}
	article := "a "
	if strings.IndexByte("aeiou", of.sort[0]) >= 0 {
		article = "an "
	}
	cmd := &cobra.Command{
		Use:   "test FILE…",
		Short: "Run the tests of files that declare " + of.sort + "s",
		Long: "Reads files that declare " + article + of.sort + ", or folders of them, and runs the tests in them. A\nfile needs " + of.needs + ".\n\n" +
			exitHelp,
		Example: "  certshim " + of.command() + " test " + of.example + "\n  certshim " + of.command() + " test types/ -o junit > report.xml",
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

// command is the one that lists the types: issuers or sources.
func (t typeTest) command() string {
	word, _, _ := strings.Cut(t.sort, " ")
	return word + "s"
}

func newIssuerTest(streams Streams) *cobra.Command {
	return newTypeTest(streams, typeTest{
		sort: "issuer type", example: "corp-ca.yaml",
		needs: "a test of a ready issuer, of one that isn't, and of a Certificate that breaks each\nrule",
		read: func(file string) (func(context.Context) ([]declaration.CaseResult, error), error) {
			t, err := readType(file, decodeIssuerType)
			return t.RunCases, err
		},
	})
}

func newSourceTest(streams Streams) *cobra.Command {
	l := sourceLint{streams: streams}
	cmd := newTypeTest(streams, typeTest{
		sort: "source type", example: "corp-proxy.yaml",
		needs: "a test of an object that asks for a certificate, and of one that asks for nothing",
		read: func(file string) (func(context.Context) ([]declaration.CaseResult, error), error) {
			t, err := readType(file, decodeSourceType)
			return func(ctx context.Context) ([]declaration.CaseResult, error) {
				if err := l.lint(ctx, t); err != nil {
					return nil, err
				}
				return t.RunCases(ctx)
			}, err
		},
	})
	cmd.Flags().StringVar(&l.against, "against", "", "warn of fields that the CustomResourceDefinition of the kind doesn't have: in this file, or \"cluster\" for the one of the cluster")
	l.connection.bind(cmd)
	return cmd
}

func (t *typeTests) run(ctx context.Context, paths []string) error {
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

func (t *typeTests) runFile(ctx context.Context, file string) error {
	runCases, err := t.read(file)
	if err != nil {
		t.report.Unreadable++
		t.report.Results = append(t.report.Results, typeTestResult{File: file, Faults: strings.Split(err.Error(), "\n")})
		printError(t.streams.ErrOut, err)
		return nil
	}
	results, err := runCases(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, result := range results {
		t.add(typeTestResult{File: file, Test: result.Case, Passed: len(result.Faults) == 0, Faults: result.Faults})
	}
	return nil
}

func (t *typeTests) add(result typeTestResult) {
	t.report.Results = append(t.report.Results, result)
	if result.Passed {
		t.report.Passed++
	} else {
		t.report.Failed++
	}
}

func (t *typeTests) print() error {
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
func (r typeTestResult) print(streams Streams) {
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
