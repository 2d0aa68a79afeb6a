package differential

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"

	"github.com/certshim/certshim/test/oracle"
)

// inputsOf reads a file of manifests: an input for each of its sources.
func inputsOf(file string, options oracle.Options) ([]*Input, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("manifests: %w", err)
	}
	documents := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), len(content)+1)
	var sources []*Object
	for {
		document := &unstructured.Unstructured{}
		if err := documents.Decode(&document.Object); errors.Is(err, io.EOF) {
			return inputs(sources, nil, options), nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if isSource(document) {
			object, err := read(document)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			sources = append(sources, object)
		}
	}
}

func isSource(document *unstructured.Unstructured) bool {
	switch document.GetKind() {
	case ingressKind, gatewayKind, listenerSetKind:
		return true
	}
	return false
}

// inputs are those of sources that exist together; what only the server gives is filled in.
func inputs(sources []*Object, existing []*unstructured.Unstructured, options oracle.Options) []*Input {
	for _, object := range sources {
		if object.Name == "" {
			object.Name = "unnamed"
		}
		if object.UID == "" {
			object.UID = "uid-of-" + object.Name
		}
		if object.Namespace == "" {
			object.Namespace = "default"
		}
	}
	var out []*Input
	for i, object := range sources {
		in := &Input{Options: options, Object: object}
		for j, other := range sources {
			switch {
			case j == i:
			case isParent(other, object):
				in.Gateway = other
			default:
				in.Others = append(in.Others, other)
			}
		}
		for _, certificate := range existing {
			if certificate.GetNamespace() == object.Namespace {
				in.Existing = append(in.Existing, certificate)
			}
		}
		out = append(out, in)
	}
	return out
}

func isParent(gateway, set *Object) bool {
	if gateway.Kind != gatewayKind || set.Parent == nil || set.Parent.Name != gateway.Name {
		return false
	}
	namespace := set.Namespace
	if set.Parent.Namespace != nil && *set.Parent.Namespace != "" {
		namespace = *set.Parent.Namespace
	}
	return gateway.Namespace == namespace
}
