package cluster

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certshim/certshim/source"
)

// linted is what a source type was compared with: a version of its kind's definition, by all that
// [source.Type.Lint] goes by.
type linted struct{ version, reads string }

// Lint compares source types with the CRDs of their kinds, where these can be read, and logs each field
// that a type reads and the CRD doesn't have. A type is compared again when it or its CRD is another
// one.
func (d *Discovery) Lint(ctx context.Context, types []source.Type) {
	ctx, cancel := context.WithTimeout(ctx, discoveryTimeout)
	defer cancel()
	for _, t := range types {
		version := d.definitionVersion(t)
		as := linted{version: version, reads: fmt.Sprintf("%q", []string{t.Entries, t.AnnotationsField, fmt.Sprint(t.Versions)})}
		if version == "" || d.linted[t.By()] == as {
			continue
		}
		faults, err := d.lint(ctx, t)
		if err != nil {
			d.log.Debug("a source type can't be compared with its kind's definition", "type", t.By(), "error", err)
			continue
		}
		d.linted[t.By()] = as
		for _, fault := range faults {
			d.log.Warn("a source type reads a field that its kind doesn't have here, which then counts as absent", "type", t.By(), "reason", fault)
		}
	}
}

// definitionVersion is the resourceVersion of the CRD of a type's kind, "" if there is none that can be read.
func (d *Discovery) definitionVersion(t source.Type) string {
	item, found, _ := d.crds.GetStore().GetByKey(t.CRD())
	if known, isObject := item.(metav1.Object); found && isObject {
		return known.GetResourceVersion()
	}
	return ""
}

// CRD reads the spec of the CRD of a type's kind.
func (c *Connection) CRD(ctx context.Context, t source.Type) (map[string]any, error) {
	client, err := c.Dynamic([]string{"spec"}, nil)
	if err != nil {
		return nil, err
	}
	definition, err := client.Resource(crds).Get(ctx, t.CRD(), metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("read the CustomResourceDefinition %s: %w", t.CRD(), err)
	}
	return definition.Object, nil
}

func (d *Discovery) lint(ctx context.Context, t source.Type) ([]string, error) {
	definition, err := d.connection.CRD(ctx, t)
	if err != nil {
		return nil, err
	}
	return t.Lint(definition)
}
