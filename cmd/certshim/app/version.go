package app

import (
	"cmp"
	"fmt"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"

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
	// APIs are the versions of the modules whose types this build reads and writes, by the module's path. That of
	// Kubernetes 1.36.2 is v0.36.2.
	APIs map[string]string `json:"apis,omitempty"`
}

var apiModules = []string{"github.com/cert-manager/cert-manager", "k8s.io/api", "sigs.k8s.io/gateway-api"}

func readVersion() buildVersion {
	v := buildVersion{Version: Version, GoVersion: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, found := debug.ReadBuildInfo()
	if !found {
		v.Version = cmp.Or(v.Version, "unknown")
		return v
	}
	v.Version = cmp.Or(v.Version, info.Main.Version, "unknown")
	v.APIs = apisOf(info.Deps)
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

func apisOf(modules []*debug.Module) map[string]string {
	found := map[string]string{}
	for _, module := range modules {
		if slices.Contains(apiModules, module.Path) {
			found[module.Path] = module.Version
		}
	}
	return found
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
	cmd.Flags().StringVarP(&format, "output", "o", "", "json or yaml; text if empty")
	complete(cmd, "output", formatJSON, formatYAML)
	return cmd
}

func printVersion(streams Streams, v buildVersion, format string) error {
	switch format {
	case "":
		_, err := fmt.Fprint(streams.Out, v.text())
		return err
	case formatJSON:
		return writeJSON(streams.Out, v)
	case formatYAML:
		return writeYAML(streams.Out, v)
	default:
		return badFormat(format, formatJSON, formatYAML)
	}
}

// text has the version on a line of its own, and below it what it was built from, as far as that is known.
func (v buildVersion) text() string {
	text := fmt.Sprintf("certshim %s (%s, %s)\n", v.Version, v.GoVersion, v.Platform)
	if v.Commit != "" {
		text += "commit " + v.Commit + " of " + v.BuildDate
		if v.Modified {
			text += ", modified"
		}
		text += "\n"
	}
	for _, path := range slices.Sorted(maps.Keys(v.APIs)) {
		text += path + " " + v.APIs[path] + "\n"
	}
	return text
}
