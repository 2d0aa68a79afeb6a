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
	// Pattern is a key; one that ends in "/" or "*" stands for all keys that begin so.
	Pattern string `json:"pattern"`
	Tool    string `json:"tool"`
	// Copy says what a copy would do.
	Copy string `json:"copy"`
}

const (
	prunes = "the tool may delete the Certificate"
	claims = "says falsely that the tool manages the Certificate"
	config = "changes how the tool treats the Certificate"
)

// Markers lists the labels that are never copied unless the operator says so.
// app.kubernetes.io/instance isn't among them: people select on it, and a Certificate
// that has a controller owner isn't pruned by it.
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

// Labels decides which labels of a source are copied to its Certificates. It is fixed
// once made, and safe for concurrent use. A nil *Labels copies all but the [Markers].
type Labels struct{ exclude, include patterns }

// NewLabels gives the default rule with the operator's additions: what include names
// is copied, whatever else is said; what exclude names is not. Entries are written as
// those of [Marker]. The error names every entry that can't be a label key.
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

// Copies says whether the label of that key is copied.
func (l *Labels) Copies(key string) bool {
	if l == nil {
		return !markers.match(key)
	}
	return l.include.match(key) || !l.exclude.match(key) && !markers.match(key)
}

// markers are those of Markers, ready to be asked; never changed.
var markers = newPatterns(markerPatterns())

func markerPatterns() []string {
	var out []string
	for _, marker := range Markers() {
		out = append(out, marker.Pattern)
	}
	return out
}

// patterns are keys, and beginnings of keys.
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
