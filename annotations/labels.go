package annotations

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/certshim/certshim/problem"
)

// Marker is a label by which another tool tracks, prunes or claims objects. A copy on a
// Certificate would make a false claim, or get the Certificate deleted.
type Marker struct {
	// Pattern is a key. One that ends in "/" or "*" matches all keys that begin with the rest.
	Pattern string `json:"pattern"`
	Tool    string `json:"tool"`
	// Copy describes the effect of a copy.
	Copy string `json:"copy"`
}

const (
	prunes = "the tool may delete the Certificate"
	claims = "says falsely that the tool manages the Certificate"
	config = "changes how the tool treats the Certificate"
)

// Markers lists the labels that are not copied unless the operator includes them.
// app.kubernetes.io/instance isn't among them: people select on it, and a Certificate that has a
// controller owner isn't pruned by it.
func Markers() []Marker {
	return []Marker{
		{"applyset.kubernetes.io/", "kubectl apply --prune (ApplySet), kro", prunes},
		{"kubectl.kubernetes.io/", "kubectl", prunes},
		{"argocd.argoproj.io/", "Argo CD", prunes},
		{"kustomize.toolkit.fluxcd.io/", "Flux", prunes},
		{"helm.toolkit.fluxcd.io/", "Flux", claims},
		{"fluxcd.io/", "Flux 1", prunes},
		{"flux.weave.works/", "Flux 1", prunes},
		{"app.kubernetes.io/managed-by", "Helm and others", claims},
		{"meta.helm.sh/", "Helm", claims},
		{"helm.sh/chart", "Helm", "changes with each release of the chart"},
		{"helm.sh/resource-policy", "Helm", config},
		{"helm.sh/hook*", "Helm", config},
		{"kapp.k14s.io/", "kapp", prunes},
		{"config.k8s.io/owning-inventory", "kpt, Config Sync", prunes},
		{"cli-utils.sigs.k8s.io/", "kpt, Config Sync", claims},
		{"client.lifecycle.config.k8s.io/", "kpt, Config Sync", config},
		{"objectset.rio.cattle.io/", "Rancher, Fleet, k3s", prunes},
		{"velero.io/backup-name", "Velero", prunes},
		{"velero.io/restore-name", "Velero", prunes},
		{"tanka.dev/environment", "Tanka", prunes},
		{"kro.run/", "kro", claims},
		{"app.oam.dev/", "KubeVela", claims},
		{"olm.owner*", "OLM", claims},
		{"olm.managed", "OLM", claims},
		{OwnPrefix, "certshim", claims},
	}
}

// Labels decides which labels of a source are copied to its Certificates. It is immutable and
// safe for concurrent use. A nil *Labels copies all labels but the [Markers].
type Labels struct{ exclude, include patterns }

// NewLabels returns the default rule with the operator's additions: labels that match exclude
// aren't copied; labels that match include are, whatever else they match. Patterns are written
// as in [Marker]. The error lists every pattern that can't be a label key.
func NewLabels(exclude, include []string) (*Labels, error) {
	var errs []error
	for _, pattern := range slices.Concat(exclude, include) {
		if why := badPattern(pattern); why != "" {
			errs = append(errs, fmt.Errorf("label key %q: %s", pattern, why))
		}
	}
	for _, pattern := range include {
		if slices.Contains(exclude, pattern) {
			errs = append(errs, fmt.Errorf("label key %q: both excluded and included", pattern))
		}
	}
	return &Labels{exclude: newPatterns(exclude), include: newPatterns(include)}, problem.Join(errs...)
}

func badPattern(pattern string) string {
	key := strings.TrimSuffix(pattern, "*")
	if strings.HasSuffix(key, "/") {
		key += "x"
	}
	if key == "" {
		return "empty; a key, or the beginning of keys that ends in / or *"
	}
	if pattern != key && !strings.HasSuffix(pattern, "/") {
		key += "x" // helm.sh/hook-* and the like
	}
	return strings.Join(validation.IsQualifiedName(key), "; ")
}

// Copies reports whether labels with that key are copied.
func (l *Labels) Copies(key string) bool {
	if l == nil {
		return !markers.match(key)
	}
	return l.include.match(key) || !l.exclude.match(key) && !markers.match(key)
}

// markers are the patterns of [Markers], compiled. It is never changed.
var markers = newPatterns(markerPatterns())

func markerPatterns() []string {
	var out []string
	for _, marker := range Markers() {
		out = append(out, marker.Pattern)
	}
	return out
}

// patterns match keys exactly or by prefix.
type patterns struct {
	keys       map[string]bool
	beginnings []string
}

func newPatterns(in []string) patterns {
	out := patterns{keys: map[string]bool{}}
	for _, pattern := range in {
		switch {
		case strings.HasSuffix(pattern, "/"):
			out.beginnings = append(out.beginnings, pattern)
		case strings.HasSuffix(pattern, "*"):
			out.beginnings = append(out.beginnings, strings.TrimSuffix(pattern, "*"))
		default:
			out.keys[pattern] = true
		}
	}
	return out
}

func (p patterns) match(key string) bool {
	return p.keys[key] || slices.ContainsFunc(p.beginnings, func(start string) bool { return strings.HasPrefix(key, start) })
}
