package app

import (
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/certshim/certshim/configuration"
)

const formatRBAC = "rbac"

func listFormats() []string { return []string{formatTable, formatJSON, formatYAML, formatRBAC} }

// listing is what the commands have in common that list types: of issuers, and of sources.
type listing struct {
	settings   *settings
	connection connectionFlags
	streams    Streams
	build      build
	namespace  string
	offline    bool
	format     string
	colour     string

	// completed:
	configuration configuration.Configuration
}

// bind binds the flags; of says what the namespace limits, and permits what the permissions are for.
func (l *listing) bind(cmd *cobra.Command, of, permits string) {
	flags := cmd.Flags()
	l.settings = newSettings(flags, bindPolicy)
	flags.StringVarP(&l.namespace, "namespace", "n", "", of)
	flags.BoolVar(&l.offline, "offline", false, "ask no cluster: list what is known")
	flags.StringVarP(&l.format, "output", "o", formatTable, "table, json, yaml or rbac (the permissions that "+permits+")")
	bindColour(cmd, &l.colour)
	l.connection.bind(cmd)
	l.connection.completeNamespaces(cmd)
	complete(cmd, "output", listFormats()...)
}

// prepare reads the flags and the configuration, and tells everything that is wrong. What the configuration leads to
// is made by read.
func (l *listing) prepare(cmd *cobra.Command, read func() error) error {
	l.streams.ErrOut = messages(l.streams.ErrOut, l.colour)
	var err error
	if l.configuration, err = l.settings.configuration(cmd.Flags()); err == nil {
		err = read()
	}
	if !slices.Contains(listFormats(), l.format) {
		err = errors.Join(err, badFormat(l.format, listFormats()...))
	}
	return errors.Join(err, checkColour(l.colour))
}
