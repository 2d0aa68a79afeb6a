package app

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/source"
)

// selection is which sources are asked for: all of some kinds, or some by name.
type selection struct {
	// among are the kinds that there are.
	among source.Kinds
	// everything is set if neither kinds nor names are asked for.
	everything bool
	kinds      []source.Kind
	// named is empty if all sources of the kinds are asked for.
	named []namedSource
}

type namedSource struct {
	kind source.GroupKind
	name string
}

// shortNames are those that API servers have for the kinds.
func shortNames() map[string]string {
	return map[string]string{"ing": "ingresses", "gtw": "gateways", "lset": "listenersets"}
}

// selectSources reads the arguments of plan as kubectl reads its own: KIND…, KIND NAME… or
// KIND/NAME…. Where all are kinds, none is a name.
func selectSources(among source.Kinds, args []string) (selection, error) {
	if slices.ContainsFunc(args, func(arg string) bool { return strings.Contains(arg, "/") }) {
		return selectQualified(among, args)
	}
	if len(args) == 0 {
		return selection{among: among, everything: true, kinds: among.All()}, nil
	}
	all, err := kindsNamed(among, args)
	if err == nil || len(args) == 1 {
		return selection{among: among, kinds: all}, err
	}
	first, err := kindsNamed(among, args[:1])
	for _, arg := range args[1:] {
		if err != nil && isManifest(arg) {
			err = errors.Join(err, noKind(among, arg))
		}
	}
	s := selection{among: among, kinds: first}
	for _, kind := range first {
		for _, name := range args[1:] {
			s.named = append(s.named, namedSource{source.GroupKindOf(kind), name})
		}
	}
	return s, err
}

// selectQualified reads KIND/NAME….
func selectQualified(among source.Kinds, args []string) (selection, error) {
	s := selection{among: among}
	var err error
	for _, arg := range args {
		written, name, _ := strings.Cut(arg, "/")
		if name == "" {
			err = errors.Join(err, fmt.Errorf("%q has no name, must be KIND/NAME as the other arguments", arg))
			continue
		}
		kinds, failed := kindsNamed(among, []string{written})
		if failed != nil && isManifest(name) {
			failed = noKind(among, arg)
		}
		err = errors.Join(err, failed)
		for _, kind := range kinds {
			s.kinds = append(s.kinds, kind)
			s.named = append(s.named, namedSource{source.GroupKindOf(kind), name})
		}
	}
	return s, err
}

// has says whether a source is among those that are asked for.
func (s selection) has(key inventory.Key) bool {
	if len(s.named) > 0 {
		return slices.Contains(s.named, namedSource{key.Kind(), key.Name()})
	}
	return slices.ContainsFunc(s.kinds, func(k source.Kind) bool { return source.GroupKindOf(k) == key.Kind() })
}

// missing says of each named source that isn't found that it isn't there, and which one of
// those that were read may be meant.
func (s selection) missing(found map[namedSource]bool, read []inventory.Key, where string) []string {
	var lines []string
	for _, n := range s.named {
		if found[n] {
			continue
		}
		lines = append(lines, fmt.Sprintf("there is no %s %q %s%s", n.kind.Kind, n.name, where, n.hint(s.among, read)))
	}
	return lines
}

// hint is what may be meant by a name that isn't there: another source, another kind, or a file.
func (n namedSource) hint(among source.Kinds, read []inventory.Key) string {
	var names []string
	for _, key := range read {
		if key.Kind() == n.kind {
			names = append(names, key.Name())
		}
	}
	near := declaration.Nearest(n.name, names)
	switch {
	case isManifest(n.name):
		return "; files are named by -f"
	case near != "" && near != n.name:
		return fmt.Sprintf("; did you mean %q?", near)
	case declaration.Nearest(n.name, kindNames(among)) != "":
		return fmt.Sprintf("; did you mean all of kind %s?", declaration.Nearest(n.name, kindNames(among)))
	}
	return ""
}

// kindNames are the names of kinds as people type them.
func kindNames(among source.Kinds) []string {
	var names []string
	for _, kind := range among.All() {
		if name := strings.ToLower(kind.GroupVersionKind().Kind); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// kindsNamed finds kinds as kubectl does: by kind, plural or short name in any case, with or
// without version and group, and several with commas between.
func kindsNamed(among source.Kinds, args []string) ([]source.Kind, error) {
	var found []source.Kind
	var err error
	for _, name := range strings.Split(strings.Join(args, ","), ",") {
		kind := kindNamed(among, strings.ToLower(name))
		if kind == nil {
			err = errors.Join(err, noKind(among, name))
			continue
		}
		found = append(found, kind)
	}
	return found, err
}

// kindNamed finds a kind by a name in lower case, such as ingress, ing, ingresses.networking.k8s.io
// or ingresses.v1.networking.k8s.io; nil for none.
func kindNamed(among source.Kinds, name string) source.Kind {
	name, group, qualified := strings.Cut(name, ".")
	if plural, short := shortNames()[name]; short {
		name = plural
	}
	for _, kind := range among.All() {
		if name != strings.ToLower(kind.GroupVersionKind().Kind) && name != kind.Resources()[0].Resource {
			continue
		}
		if !qualified || slices.ContainsFunc(kind.Resources(), func(r schema.GroupVersionResource) bool {
			return group == r.Group || group == r.Version+"."+r.Group
		}) {
			return kind
		}
	}
	return nil
}

func noKind(among source.Kinds, name string) error {
	hint := ""
	if near := declaration.Nearest(name, kindNames(among)); near != "" {
		hint = fmt.Sprintf(", did you mean %q?", near)
	}
	if isManifest(name) {
		hint = "; files are named by -f"
	}
	return fmt.Errorf("%q is no kind of source, must be one of %s, or another that certshim sources lists%s", name, strings.Join(kindNames(source.Builtin()), ", "), hint)
}
