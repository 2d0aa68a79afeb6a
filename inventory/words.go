package inventory

import (
	"fmt"
	"slices"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/source"
)

// words are the texts that are in most objects of any cluster; the order doesn't matter, as what
// is packed doesn't outlive the process. Both are set once and never changed.
var (
	words   = slices.Concat(annotationWords(), labelWords(), sourceWords())
	numbers = numbered(words)
)

func numbered(words []string) map[string]uint64 {
	numbers := make(map[string]uint64, len(words))
	for n, word := range words {
		numbers[word] = uint64(n)
	}
	return numbers
}

// word is that of a number, and the empty text where there is none.
func word(number uint64) string {
	if number >= uint64(len(words)) {
		return ""
	}
	return words[number]
}

// sourceWords are kinds and groups, what listeners say of themselves, and where an object names its first
// Secrets.
func sourceWords() []string {
	all := []string{"Secret", "HTTPS", "HTTP", "TLS", "Terminate", "Passthrough", "All", "Selector", "HTTPRoute", "GRPCRoute", "TLSRoute"}
	for _, kind := range source.Builtin().All() {
		gvk := kind.GroupVersionKind()
		all = append(all, gvk.Group, gvk.Kind)
	}
	for n := range 4 {
		tls, listener := fmt.Sprintf("spec.tls[%d]", n), fmt.Sprintf("spec.listeners[%d]", n)
		all = append(all, tls, tls+".secretName", listener, listener+".tls.certificateRefs[0]")
	}
	return all
}

func annotationWords() []string {
	var all []string
	for _, row := range annotations.Table() {
		all = append(all, row.Key)
	}
	return all
}

// labelWords are the labels that Kubernetes recommends.
func labelWords() []string {
	var all []string
	for _, name := range []string{"name", "instance", "version", "component", "part-of", "managed-by"} {
		all = append(all, "app.kubernetes.io/"+name)
	}
	return append(all, "helm.sh/chart")
}
