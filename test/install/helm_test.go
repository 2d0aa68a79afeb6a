package install

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// helm runs bin/helm in the root of the repository, with standard input.
func helm(ctx context.Context, repository, input string, arguments ...string) (stdout string, err error) {
	command := exec.CommandContext(ctx, filepath.Join(repository, "bin/helm"), arguments...)
	command.Dir, command.Stdin = repository, strings.NewReader(input)
	var out, failure bytes.Buffer
	command.Stdout, command.Stderr = &out, &failure
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("helm %s: %w: %s", arguments[0], err, strings.TrimSpace(failure.String()))
	}
	return out.String(), nil
}

// template renders the chart as the release certshim in the namespace certshim, with values in YAML.
func template(ctx context.Context, repository, values string, arguments ...string) (string, error) {
	return helm(ctx, repository, values, append([]string{"template", "certshim", "deploy/chart", "--namespace=certshim", "--values=-"}, arguments...)...)
}

var separator = regexp.MustCompile(`(?m)^---\s*$`)

// objects are those of a stream of YAML documents, none with a key twice.
func objects(text string) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	for _, document := range separator.Split(text, -1) {
		var object map[string]any
		if err := yaml.UnmarshalStrict([]byte(document), &object); err != nil {
			return nil, fmt.Errorf("%w in\n%s", err, document)
		}
		if len(object) > 0 {
			objects = append(objects, &unstructured.Unstructured{Object: object})
		}
	}
	return objects, nil
}
