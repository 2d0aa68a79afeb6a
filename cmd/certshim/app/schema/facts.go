package schema

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

//go:embed schema.txt
var text string

// groupKind names a kind, whatever its version.
type groupKind struct{ group, kind string }

// versioned names a kind in a version; apiVersion may be any text.
type versioned struct{ apiVersion, kind string }

// facts is what schema.txt says.
type facts struct {
	// versions of each kind that are served, the one to write first.
	versions map[groupKind][]string
	// kinds of each group, sorted.
	kinds map[string][]string
	// gone are those that were served by earlier releases.
	gone map[versioned]gone
	// roots are the types of the kinds whose fields are known.
	roots map[versioned]string
	types map[string]fields
}

// isScalar says whether a type has a single value, by its name in JSON's schema.
func isScalar(of string) bool { return of == "string" || of == "integer" || of == "boolean" }

// gone is the release of Kubernetes that doesn't serve a kind any more, and what to write.
type gone struct{ release, apiVersion string }

// fields are those of a type in the order of its declaration.
type fields struct {
	names []string
	// of has what the fields are; nothing of one that may be anything.
	of map[string]shape
	// required are those that an object always has. Of oneOf it has one at least.
	required, oneOf []string
}

// shape is a type by its name, in as many lists and maps as depth has characters: [ is a list,
// { is a map.
type shape struct{ depth, of string }

var known = sync.OnceValue(parse)

func parse() *facts {
	f := &facts{
		versions: map[groupKind][]string{}, kinds: map[string][]string{},
		gone: map[versioned]gone{}, roots: map[versioned]string{}, types: map[string]fields{},
	}
	needed := map[string][]string{}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		switch words[0] {
		case "served":
			f.serve(groupKind{group: words[1], kind: words[2]}, words[3])
		case "gone":
			f.gone[versioned{apiVersion: words[1], kind: words[2]}] = gone{release: words[3], apiVersion: words[4]}
		case "kind":
			f.roots[versioned{apiVersion: words[1], kind: words[2]}] = words[3]
		case "need":
			needed[words[1]] = words[2:]
		case "type":
			f.types[words[1]] = parseFields(words[2:], needed[words[1]])
		}
	}
	return f
}

func (f *facts) serve(kind groupKind, version string) {
	f.versions[kind] = append(f.versions[kind], version)
	if !slices.Contains(f.kinds[kind.group], kind.kind) {
		f.kinds[kind.group] = append(f.kinds[kind.group], kind.kind)
	}
}

func parseFields(words, oneOf []string) fields {
	out := fields{of: map[string]shape{}, oneOf: oneOf}
	for _, word := range words {
		name, of, typed := strings.Cut(word, ":")
		name, required := strings.CutSuffix(name, "!")
		if required {
			out.required = append(out.required, name)
		}
		out.names = append(out.names, name)
		if typed {
			inner := strings.TrimLeft(of, "[]{}")
			depth := strings.NewReplacer("[]", "[", "{}", "{").Replace(strings.TrimSuffix(of, inner))
			out.of[name] = shape{depth: depth, of: inner}
		}
	}
	return out
}

// read are the kinds of a group whose fields are known: those that plan reads.
func (f *facts) read(group string) []string {
	var kinds []string
	for root := range f.roots {
		if prefix, _, _ := strings.Cut(root.apiVersion, "/"); prefix == group && !slices.Contains(kinds, root.kind) {
			kinds = append(kinds, root.kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}
