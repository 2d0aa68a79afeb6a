package app

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/certshim/certshim/certificate"
)

// jsonWriter writes the manifests as one v1 List.
type jsonWriter struct{ jsonItems }

func (j *jsonWriter) write(one planned) error {
	for _, c := range one.outcome.Certificates {
		if !writes(c) {
			continue
		}
		if err := j.add("{\n  \"apiVersion\": \"v1\",\n  \"items\": [", c.Config); err != nil {
			return err
		}
	}
	return nil
}

func (j *jsonWriter) close(*plan) error {
	return j.end("{\n  \"apiVersion\": \"v1\",\n  \"items\": [", ",\n  \"kind\": \"List\"\n}\n")
}

// jsonItems writes a list that is part of an object as [writeJSON] would, an item at a time.
type jsonItems struct {
	w      io.Writer
	indent string
	n      int
}

// add writes an item, and before the first one what the object begins with.
func (j *jsonItems) add(before string, v any) error {
	text, err := json.MarshalIndent(v, j.indent, "  ")
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	if j.n++; j.n > 1 {
		before = ","
	}
	_, err = fmt.Fprintf(j.w, "%s\n%s%s", before, j.indent, escaped(text, utf16Escape))
	return err
}

// end ends the list, and writes what follows.
func (j *jsonItems) end(before, after string) error {
	if j.n > 0 {
		before = "\n" + j.indent[2:]
	}
	_, err := io.WriteString(j.w, before+"]"+after)
	return err
}

// yamlWriter writes the manifests as documents, each under a comment that says where it comes
// from.
type yamlWriter struct{ w io.Writer }

func (y yamlWriter) write(one planned) error {
	for _, c := range one.outcome.Certificates {
		if !writes(c) {
			continue
		}
		from := printable(heading(one, c))
		if metadata, _ := c.Config["metadata"].(map[string]any); one.object.UID == "" && metadata["ownerReferences"] == nil {
			from += "\n# no ownerReference: the source is from a file, and has no uid yet; " + certificate.TieKey + " stands in for it"
		}
		if _, err := fmt.Fprintf(y.w, "---\n# %s\n", from); err != nil {
			return fmt.Errorf("write the manifests: %w", err)
		}
		if err := writeYAML(y.w, c.Config); err != nil {
			return err
		}
	}
	return nil
}

func (yamlWriter) close(*plan) error { return nil }
