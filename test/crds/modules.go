package crds

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// location is where the definitions of a bundle are, one a file.
type location struct {
	// requirer is the folder, seen from this one, of the go.mod that names the module's version.
	requirer       string
	module, folder string
}

func (b Bundle) location() (location, error) {
	switch b {
	case CertManager:
		return location{".", at("github.com/cert-manager/cert-manager", certManagerVersion), "deploy/crds"}, nil
	case Gateway:
		return location{".", at("sigs.k8s.io/gateway-api", gatewayVersion), "config/crd/standard"}, nil
	case AWSPCA:
		return location{"../awspca", "github.com/cert-manager/aws-privateca-issuer", "config/crd/bases"}, nil
	}
	return location{}, fmt.Errorf("unknown bundle %q", string(b))
}

// Version is that of the bundle's module, such as v1.21.2.
func (b Bundle) Version(ctx context.Context) (string, error) {
	location, err := b.location()
	if err != nil {
		return "", err
	}
	module, err := moduleOf(ctx, location)
	return module.Version, err
}

// Definitions returns the definitions of the bundle, as its module has them.
func (b Bundle) Definitions(ctx context.Context) ([]*unstructured.Unstructured, error) {
	return b.read(ctx)
}

// Variables that name another version of a bundle's module than the go.mod, such as v1.19.2: see test/compat.
const (
	certManagerVersion = "CERTSHIM_CERT_MANAGER_VERSION"
	gatewayVersion     = "CERTSHIM_GATEWAY_API_VERSION"
)

// at names a module in the version of a variable, or without one.
func at(module, variable string) string {
	if version := os.Getenv(variable); version != "" {
		return module + "@" + version
	}
	return module
}

// read returns the definitions of the bundle. What else lies in the folder, such as an admission policy, is left out.
func (b Bundle) read(ctx context.Context) ([]*unstructured.Unstructured, error) {
	location, err := b.location()
	if err != nil {
		return nil, err
	}
	module, err := moduleOf(ctx, location)
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(module.Dir, location.folder, "*.yaml"))
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
		return nil, fmt.Errorf("no definitions in %s", filepath.Join(module.Dir, location.folder))
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

// module is where a module was downloaded to.
type module struct{ Dir, Version string }

// moduleOf asks the go command, from a folder found by this very file, so that it doesn't matter where the caller runs.
// A module that isn't there yet is downloaded.
func moduleOf(ctx context.Context, location location) (module, error) {
	_, here, _, ok := runtime.Caller(0)
	if !ok || !filepath.IsAbs(here) {
		return module{}, errors.New("built without paths (-trimpath): the folder of test/go.mod is not known")
	}
	return download(ctx, filepath.Join(filepath.Dir(here), location.requirer), location.module)
}

// download gives a module, with a version or as the folder's go.mod names it.
func download(ctx context.Context, folder, path string) (downloaded module, err error) {
	command := exec.CommandContext(ctx, "go", "mod", "download", "-json", path)
	command.Dir = folder
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		return downloaded, fmt.Errorf("go mod download %s: %w", path, err)
	}
	return downloaded, json.Unmarshal(output, &downloaded)
}
