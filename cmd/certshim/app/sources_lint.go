package app

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/certshim/certshim/cluster"
	"github.com/certshim/certshim/cmd/certshim/app/manifest"
	"github.com/certshim/certshim/source"
)

// againstCluster asks for the definition that the cluster has.
const againstCluster = "cluster"

// sourceLint compares source types with the definitions of their kinds.
type sourceLint struct {
	streams    Streams
	connection connectionFlags
	// against is a file, or [againstCluster], or empty.
	against string
}

// lint warns of fields that the definition of the kind doesn't have, and of tests whose objects don't fit it.
func (l *sourceLint) lint(ctx context.Context, t source.Type) error {
	if l.against == "" {
		return nil
	}
	definition, err := l.definition(ctx, t)
	if err != nil {
		return err
	}
	faults, err := t.Lint(definition)
	if err != nil {
		return fmt.Errorf("%s: %w", l.against, err)
	}
	misfits, err := t.LintCases(definition)
	if err != nil {
		return fmt.Errorf("%s: %w", l.against, err)
	}
	for _, fault := range slices.Concat(faults, misfits) {
		printLine(l.streams.ErrOut, "warning: "+t.File+": "+fault)
	}
	return nil
}

func (l *sourceLint) definition(ctx context.Context, t source.Type) (map[string]any, error) {
	if l.against != againstCluster {
		return definitionIn(l.against, t)
	}
	config, err := l.connection.config()
	if err != nil {
		return nil, err
	}
	connection, err := cluster.Connect(ctx, config, cluster.Settings{UserAgent: "certshim/" + readVersion().Version, QPS: -1}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	return connection.CRD(ctx, t)
}

// definitionIn finds the definition of a type's kind in a file.
func definitionIn(file string, t source.Type) (map[string]any, error) {
	content, err := readRegular(file)
	if err != nil {
		return nil, fmt.Errorf("read --against: %w", err)
	}
	var last map[string]any
	for document, err := range (manifest.Reader{Name: file}).Documents(bytes.NewReader(content)) {
		if err != nil {
			return nil, err
		}
		if document.Object.GetKind() != "CustomResourceDefinition" {
			continue
		}
		last = document.Object.Object
		if document.Object.GetName() == t.CRD() {
			return last, nil
		}
	}
	if last == nil {
		return nil, fmt.Errorf("%s has no CustomResourceDefinition, must have that of %s", file, t.CRD())
	}
	return last, nil
}
