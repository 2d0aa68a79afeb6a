package app

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/resolver"
)

func newIssuerTest(streams Streams) *cobra.Command {
	var paths []string
	cmd := &cobra.Command{
		Use:   "test FILE…",
		Short: "Run the tests of files that declare issuer types",
		Long: `Reads files that declare an issuer type, or folders of them, and runs the tests in them. A
file needs a test of a ready issuer, of one that isn't, and of a Certificate that breaks each
rule.

` + exitHelp,
		Example: `  certshim issuers test corp-ca.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if paths = append(paths, args...); len(paths) == 0 {
				return errors.New("name the files to test")
			}
			return testIssuerTypes(cmd.Context(), streams, paths)
		},
	}
	cmd.Flags().StringSliceVarP(&paths, "filename", "f", nil, "files, or folders of them")
	return cmd
}

func testIssuerTypes(ctx context.Context, streams Streams, paths []string) error {
	var passed, failed, unreadable int
	for _, path := range paths {
		files, err := typeFiles(path)
		if err != nil {
			return err
		}
		for _, file := range files {
			entry, err := readIssuerType(file)
			if err != nil {
				unreadable++
				printError(streams.ErrOut, err)
				continue
			}
			results, err := entry.RunCases(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			p, f := printResults(streams, file, results)
			passed, failed = passed+p, failed+f
		}
	}
	printLine(streams.Out, fmt.Sprintf("%d passed, %d failed", passed, failed))
	switch {
	case unreadable > 0:
		return errUnreadable
	case failed > 0:
		return errProblems
	}
	return nil
}

func printResults(streams Streams, file string, results []declaration.CaseResult) (passed, failed int) {
	for _, result := range results {
		if len(result.Faults) == 0 {
			passed++
			printLine(streams.Out, "ok    "+file+": "+result.Case)
			continue
		}
		failed++
		for _, fault := range result.Faults {
			printLine(streams.Out, "FAIL  "+file+": "+result.Case+": "+fault)
		}
	}
	return passed, failed
}

// readIssuerType reads a declaration of the operator's own.
func readIssuerType(file string) (resolver.IssuerType, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return resolver.IssuerType{}, fmt.Errorf("read an issuer type: %w", err)
	}
	entry, err := resolver.Decode(content, file)
	entry.Level = resolver.LevelOperator
	return entry, err
}
