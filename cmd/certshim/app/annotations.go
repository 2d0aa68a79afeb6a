package app

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/certshim/certshim/annotations"
)

const formatMarkdown = "markdown"

func newAnnotations(streams Streams) *cobra.Command {
	format := ""
	cmd := &cobra.Command{
		Use:   "annotations",
		Short: "List the annotations that this build knows",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			return printAnnotations(streams, format)
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", formatTable, "table, json, yaml or markdown (the reference page)")
	complete(cmd, "output", formatTable, formatJSON, formatYAML, formatMarkdown)
	return cmd
}

func printAnnotations(streams Streams, format string) error {
	switch format {
	case formatTable:
		all := table{w: streams.Out}
		all.row("KEY", "FIELD", "EXAMPLE", "VALUE")
		for _, r := range annotations.Table() {
			all.row(r.Key, string(r.Field), r.Example, r.Grammar)
		}
		return all.flush()
	case formatJSON:
		return writeJSON(streams.Out, annotations.Table())
	case formatYAML:
		return writeYAML(streams.Out, annotations.Table())
	case formatMarkdown:
		_, err := fmt.Fprint(streams.Out, annotations.RenderReference())
		return err
	default:
		return badFormat(format, formatTable, formatJSON, formatYAML, formatMarkdown)
	}
}
