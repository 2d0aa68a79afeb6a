package app

import (
	"fmt"
	"io"
	"maps"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/certshim/certshim/certificate"
)

// diffWriter writes what changes as one unified diff: of each Certificate as it is, and as it
// would be, under a line that says whose it is and why, and lines about the fields that others hold
// with other values. What the server fills in, status and
// managedFields, is left out.
type diffWriter struct {
	w        io.Writer
	coloured bool
}

func (d diffWriter) write(one planned) error {
	for _, c := range one.outcome.Certificates {
		text, conflicts := "", one.owners[c.At()].lines(c)
		if writes(c) || c.Action == certificate.Delete {
			var err error
			if text, err = unifiedDiff(c, one.live[c.At()]); err != nil {
				return err
			}
		}
		if text == "" && conflicts == "" {
			continue
		}
		if err := d.writeLines("# " + heading(one, c) + "\n" + conflicts + text); err != nil {
			return fmt.Errorf("write the diff: %w", err)
		}
	}
	return nil
}

func (d diffWriter) writeLines(text string) error {
	if !d.coloured {
		return writeLines(d.w, text)
	}
	for line := range strings.Lines(text) {
		line = printable(strings.TrimSuffix(line, "\n"))
		if _, err := fmt.Fprintln(d.w, diffColour(line).paint(line)); err != nil {
			return err
		}
	}
	return nil
}

func (diffWriter) close(*plan) error { return nil }

// writeLines writes lines that are safe on a terminal.
func writeLines(w io.Writer, text string) error {
	for line := range strings.Lines(text) {
		if _, err := fmt.Fprintln(w, printable(strings.TrimSuffix(line, "\n"))); err != nil {
			return err
		}
	}
	return nil
}

func unifiedDiff(c certificate.Decision, live map[string]any) (string, error) {
	name := "Certificate/" + c.Namespace + "/" + c.Name
	before, after := readable(live), readable(afterwards(c, live))
	from, to := "live/"+name, "planned/"+name
	if before == nil {
		from = "/dev/null"
	}
	if after == nil {
		to = "/dev/null"
	}
	a, err := document(before)
	if err != nil {
		return "", err
	}
	b, err := document(after)
	if err != nil {
		return "", err
	}
	// The first line only names both once more.
	_, unified, _ := strings.Cut(string(diff.Diff(from, a, to, b)), "\n")
	return unified, nil
}

// afterwards is the Certificate once the decision is carried out.
func afterwards(c certificate.Decision, live map[string]any) map[string]any {
	switch {
	case c.Action == certificate.Delete:
		return nil
	case live == nil:
		return c.Config
	default:
		return certificate.After(live, c.Config)
	}
}

// readable leaves out what the server fills in; nil stays nil.
func readable(object map[string]any) map[string]any {
	if object == nil {
		return nil
	}
	out := maps.Clone(object)
	delete(out, "status")
	if metadata, isMap := out["metadata"].(map[string]any); isMap {
		metadata = maps.Clone(metadata)
		for _, key := range []string{"managedFields", "uid", "resourceVersion", "generation", "creationTimestamp"} {
			delete(metadata, key)
		}
		out["metadata"] = metadata
	}
	return out
}

// document is an object as YAML; of nil it is empty.
func document(object map[string]any) ([]byte, error) {
	if object == nil {
		return nil, nil
	}
	return yamlText(object)
}
