package app

import (
	"fmt"
	"io"
	"maps"
	"strings"

	"github.com/pmezard/go-difflib/difflib"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/certificate"
)

// writeDiff writes what changes as one unified diff: of each Certificate as it is, and as
// it would be. What the server fills in, status and managedFields, is left out.
func (p *plan) writeDiff(w io.Writer) error {
	for _, one := range p.sources {
		for _, c := range one.outcome.Certificates {
			if !writes(c) && c.Action != certificate.Delete {
				continue
			}
			text, err := diff(c, one.live[c.Name])
			if err != nil {
				return err
			}
			for line := range strings.Lines(text) {
				if _, err := fmt.Fprintln(w, printable(strings.TrimSuffix(line, "\n"))); err != nil {
					return fmt.Errorf("write the diff: %w", err)
				}
			}
		}
	}
	return nil
}

func diff(c certificate.Decision, live map[string]any) (string, error) {
	name := "Certificate/" + c.Namespace + "/" + c.Name
	before, after := readable(live), readable(afterwards(c, live))
	from, to := "live/"+name, "planned/"+name
	if before == nil {
		from = "/dev/null"
	}
	if after == nil {
		to = "/dev/null"
	}
	a, err := lines(before)
	if err != nil {
		return "", err
	}
	b, err := lines(after)
	if err != nil {
		return "", err
	}
	return difflib.GetUnifiedDiffString(difflib.UnifiedDiff{A: a, B: b, FromFile: from, ToFile: to, Context: 3})
}

// afterwards is the Certificate once the decision is carried out.
func afterwards(c certificate.Decision, live map[string]any) map[string]any {
	switch {
	case c.Action == certificate.Delete:
		return nil
	case live == nil:
		return c.Config
	default:
		return overlay(withoutGivenUp(live, c.Config), c.Config)
	}
}

// withoutGivenUp leaves out what the Certificate has of spec and the configuration no
// longer asks for: fields that nobody else holds.
func withoutGivenUp(live, config map[string]any) map[string]any {
	wanted, _ := config["spec"].(map[string]any)
	spec, _ := live["spec"].(map[string]any)
	kept := maps.Clone(spec)
	for field := range spec {
		if _, wants := wanted[field]; !wants && !certificate.HeldByOthers(live, "spec", field) {
			delete(kept, field)
		}
	}
	out := maps.Clone(live)
	out["spec"] = kept
	return out
}

// overlay lays maps over maps, and replaces everything else.
func overlay(under, over map[string]any) map[string]any {
	out := maps.Clone(under)
	for key, value := range over {
		inner, isMap := value.(map[string]any)
		below, wasMap := under[key].(map[string]any)
		if isMap && wasMap {
			value = overlay(below, inner)
		}
		out[key] = value
	}
	return out
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

func lines(object map[string]any) ([]string, error) {
	if object == nil {
		return nil, nil
	}
	text, err := yaml.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("write a Certificate: %w", err)
	}
	return difflib.SplitLines(string(text)), nil
}
