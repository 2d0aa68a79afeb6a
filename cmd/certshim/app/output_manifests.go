package app

import (
	"fmt"
	"io"
)

// manifests gives the apply configurations of all that would be written.
func (p *plan) manifests() []map[string]any {
	configs := []map[string]any{}
	for _, one := range p.sources {
		for _, c := range one.outcome.Certificates {
			if writes(c) {
				configs = append(configs, c.Config)
			}
		}
	}
	return configs
}

// writeJSON writes the manifests as one v1 List.
func (p *plan) writeJSON(w io.Writer) error {
	return writeJSON(w, map[string]any{"apiVersion": "v1", "kind": "List", "items": p.manifests()})
}

// writeYAML writes the manifests as documents, each under a comment that says where it
// comes from.
func (p *plan) writeYAML(w io.Writer) error {
	for _, one := range p.sources {
		for _, c := range one.outcome.Certificates {
			if !writes(c) {
				continue
			}
			from := printable(heading(one, c))
			if one.object.UID == "" {
				from += "\n# no ownerReference: the source is from a file, and has no uid yet"
			}
			if _, err := fmt.Fprintf(w, "---\n# %s\n", from); err != nil {
				return fmt.Errorf("write the manifests: %w", err)
			}
			if err := writeYAML(w, c.Config); err != nil {
				return err
			}
		}
	}
	return nil
}
