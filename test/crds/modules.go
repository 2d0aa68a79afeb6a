package crds

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// location is the module of the bundle and the folder in it that holds its definitions, one a file.
func (b Bundle) location() (module, folder string, err error) {
	switch b {
	case CertManager:
		return "github.com/cert-manager/cert-manager", "deploy/crds", nil
	case Gateway:
		return "sigs.k8s.io/gateway-api", "config/crd/standard", nil
	}
	return "", "", fmt.Errorf("unknown bundle %q", string(b))
}

// read returns the definitions of the bundle. What else lies in the folder, such as an admission policy, is left out.
func (b Bundle) read(ctx context.Context) ([]*unstructured.Unstructured, error) {
	module, folder, err := b.location()
	if err != nil {
		return nil, err
	}
	root, err := moduleDir(ctx, module)
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(root, folder, "*.yaml"))
	if err != nil {
		return nil, err
	}
	var definitions []*unstructured.Unstructured
	for _, file := range files {
		definition, err := readFile(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if definition.GetKind() == "CustomResourceDefinition" {
			definitions = append(definitions, definition)
		}
	}
	if len(definitions) == 0 {
		return nil, fmt.Errorf("no definitions in %s", filepath.Join(root, folder))
	}
	return definitions, nil
}

func readFile(file string) (*unstructured.Unstructured, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	definition := &unstructured.Unstructured{}
	return definition, yaml.Unmarshal(content, &definition.Object)
}

// moduleDir asks the go command, from this very folder, so that it doesn't matter where the caller runs.
func moduleDir(ctx context.Context, module string) (string, error) {
	_, here, _, ok := runtime.Caller(0)
	if !ok || !filepath.IsAbs(here) {
		return "", errors.New("built without paths (-trimpath): the folder of test/go.mod is not known")
	}
	command := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module)
	command.Dir = filepath.Dir(here)
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("go list -m %s: %w", module, err)
	}
	return strings.TrimSpace(string(output)), nil
}
