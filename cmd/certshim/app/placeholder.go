package app

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/annotations"
)

// hasPlaceholder reports whether something fills in a part of an object that a plan goes by before an
// API server sees it: Flux and envsubst have ${name}, Helm and others {{ name }}. Annotations of
// ingress controllers may hold such text themselves.
func hasPlaceholder(object *unstructured.Unstructured) bool {
	for key, value := range object.GetAnnotations() {
		if isPlaceholder(key) || readsAnnotation(key) && isPlaceholder(value) {
			return true
		}
	}
	return isPlaceholder(object.GetName()) || isPlaceholder(object.GetNamespace()) || containsPlaceholder(object.Object["spec"])
}

func isPlaceholder(text string) bool {
	return hasBetween(text, "${", "}") || hasBetween(text, "{{", "}}")
}

func hasBetween(text, open, closed string) bool {
	_, rest, found := strings.Cut(text, open)
	return found && strings.Contains(rest, closed)
}

func readsAnnotation(key string) bool {
	domain, _, _ := strings.Cut(key, "/")
	for _, ours := range []string{strings.TrimSuffix(annotations.Prefix, "/"), strings.TrimSuffix(annotations.OwnPrefix, "/")} {
		if domain == ours || strings.HasSuffix(domain, "."+ours) {
			return true
		}
	}
	return false
}

func containsPlaceholder(value any) bool {
	switch v := value.(type) {
	case string:
		return isPlaceholder(v)
	case []any:
		for _, item := range v {
			if containsPlaceholder(item) {
				return true
			}
		}
	case map[string]any:
		for key, item := range v {
			if isPlaceholder(key) || containsPlaceholder(item) {
				return true
			}
		}
	}
	return false
}
