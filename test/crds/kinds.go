package crds

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// origin is where the definitions of a group are: a file of a module, in whose name * stands for the resource. Modules are
// downloaded without being required by test/go.mod, as their dependencies would change the versions of ours.
type origin struct {
	module, version, file string
}

func origins() map[string]origin {
	return map[string]origin{
		"apisix.apache.org": {"github.com/apache/apisix-ingress-controller", "v1.8.4", "samples/deploy/crd/v1/ApisixTls.yaml"},
		"getambassador.io":  {"github.com/emissary-ingress/emissary/v3", "v3.10.0", "pkg/api/getambassador.io/crds.yaml"},
		"monitoring.coreos.com": {
			"github.com/prometheus-operator/prometheus-operator", "v0.85.0",
			"example/prometheus-operator-crd/monitoring.coreos.com_*.yaml",
		},
		"networking.istio.io": {
			"istio.io/api", "v1.32.0", "kubernetes/customresourcedefinitions.gen.yaml",
		},
		"projectcontour.io":   {"github.com/projectcontour/contour", "v1.33.8", "examples/contour/01-crds.yaml"},
		"serving.knative.dev": {"knative.dev/serving", "v0.51.0", "config/core/300-resources/domain-mapping.yaml"},
		"traefik.io": {
			"github.com/traefik/traefik/v3", "v3.7.13", "docs/content/reference/dynamic-configuration/kubernetes-crd-definition-v1.yml",
		},
		"zalando.org": {"github.com/zalando/skipper", "v0.21.0", "dataclients/kubernetes/deploy/apply/routegroups_crd.yaml"},
	}
}

// written are definitions of projects whose modules have none. Each says which documented schema it follows.
//
//go:embed written/*.yaml
var written embed.FS

// Kind returns the definition of a resource of an ingress controller, or of Prometheus' operator: its project's own, or one that was
// written after the project's documentation. Versions that only a webhook could convert are left out, but the one that is named.
func Kind(ctx context.Context, resource schema.GroupVersionResource) (*unstructured.Unstructured, error) {
	name := resource.GroupResource().String()
	content, err := contentOf(ctx, resource.GroupResource())
	if err != nil {
		return nil, fmt.Errorf("the definition of %s: %w", name, err)
	}
	documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4<<10)
	for {
		definition := &unstructured.Unstructured{}
		switch err := documents.Decode(&definition.Object); {
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("the definition of %s isn't in the file", name)
		case err != nil:
			return nil, fmt.Errorf("the definition of %s: %w", name, err)
		case definition.GetKind() == "CustomResourceDefinition" && definition.GetName() == name:
			return definition, withoutWebhook(definition, resource.Version)
		}
	}
}

func contentOf(ctx context.Context, resource schema.GroupResource) ([]byte, error) {
	from, is := origins()[resource.Group]
	if !is {
		return fs.ReadFile(written, "written/"+resource.String()+".yaml")
	}
	module, err := download(ctx, os.TempDir(), from.module+"@"+from.version)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(module.Dir, strings.ReplaceAll(from.file, "*", resource.Resource)))
}

// withoutWebhook leaves one version, stored as it is, of a definition that asks a webhook to convert.
func withoutWebhook(definition *unstructured.Unstructured, version string) error {
	strategy, _, _ := unstructured.NestedString(definition.Object, "spec", "conversion", "strategy")
	if strategy != "Webhook" {
		return nil
	}
	versions, _, err := unstructured.NestedSlice(definition.Object, "spec", "versions")
	if err != nil {
		return err
	}
	for _, item := range versions {
		if fields, is := item.(map[string]any); is && fields["name"] == version {
			fields["storage"], fields["served"] = true, true
			unstructured.RemoveNestedField(definition.Object, "spec", "conversion")
			return unstructured.SetNestedSlice(definition.Object, []any{fields}, "spec", "versions")
		}
	}
	return fmt.Errorf("%s has no version %s", definition.GetName(), version)
}
