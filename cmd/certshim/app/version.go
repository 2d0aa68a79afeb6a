package app

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Version of the program. The linker sets it (-X); without, it is the module's version.
var Version string

// buildVersion is what `certshim version -o json` prints.
type buildVersion struct {
	Version   string `json:"version"`
	Commit    string `json:"commit,omitempty"`
	BuildDate string `json:"commitDate,omitempty"`
	Modified  bool   `json:"modified,omitempty"`
	GoVersion string `json:"goVersion"`
	Platform  string `json:"platform"`
}

func readVersion() buildVersion {
	v := buildVersion{Version: Version, GoVersion: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, found := debug.ReadBuildInfo()
	if !found {
		v.Version = cmp.Or(v.Version, "unknown")
		return v
	}
	v.Version = cmp.Or(v.Version, info.Main.Version, "unknown")
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			v.Commit = setting.Value
		case "vcs.time":
			v.BuildDate = setting.Value
		case "vcs.modified":
			v.Modified = setting.Value == "true"
		}
	}
	return v
}

func newVersion(streams Streams) *cobra.Command {
	format := ""
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of this build",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			return printVersion(streams, readVersion(), format)
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "", "json or yaml; one line of text if empty")
	complete(cmd, "output", formatJSON, formatYAML)
	return cmd
}

func printVersion(streams Streams, v buildVersion, format string) error {
	switch format {
	case "":
		_, err := fmt.Fprintf(streams.Out, "certshim %s (%s, %s)\n", v.Version, v.GoVersion, v.Platform)
		return err
	case formatJSON:
		return writeJSON(streams.Out, v)
	case formatYAML:
		return writeYAML(streams.Out, v)
	default:
		return badFormat(format, formatJSON, formatYAML)
	}
}
