package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/certshim/certshim/declaration"
)

// Fault is what is wrong with the apiVersion or the kind of an object.
type Fault struct {
	// Field is apiVersion or kind.
	Field, Value string
	Message      string
	// Right is what is to be written instead.
	Right string
}

// Served says what is wrong with an apiVersion and a kind, if they are meant for one that plan
// reads and no API server serves them so; else nil.
func Served(apiVersion, kind string) *Fault {
	f := known()
	if was, is := f.gone[versioned{apiVersion: apiVersion, kind: kind}]; is && f.isRead(was.apiVersion, kind) {
		return &Fault{
			Field: "apiVersion", Value: apiVersion, Right: was.apiVersion,
			Message: fmt.Sprintf("API servers no longer serve this version of %s, since Kubernetes %s", kind, was.release),
		}
	}
	group, version, found := strings.Cut(apiVersion, "/")
	if !found {
		group, version = "", apiVersion
	}
	if kinds, is := f.kinds[group]; is {
		return f.inGroup(group, version, kind, kinds)
	}
	return f.misnamed(group, apiVersion, kind)
}

func (f *facts) isRead(apiVersion, kind string) bool {
	_, is := f.roots[versioned{apiVersion: apiVersion, kind: kind}]
	return is
}

// inGroup judges a kind of a group whose kinds are known.
func (f *facts) inGroup(group, version, kind string, kinds []string) *Fault {
	if !slices.Contains(kinds, kind) {
		near := declaration.Nearest(kind, kinds)
		if near == "" || !slices.Contains(f.read(group), near) {
			return nil
		}
		return &Fault{Field: "kind", Value: kind, Right: near, Message: "the group " + group + " has no such kind"}
	}
	versions := f.versions[groupKind{group: group, kind: kind}]
	if slices.Contains(versions, version) || !slices.Contains(f.read(group), kind) {
		return nil
	}
	right := group + "/" + declaration.Nearest(version, versions)
	if right == group+"/" {
		right += versions[0]
	}
	return &Fault{Field: "apiVersion", Value: group + "/" + version, Right: right, Message: "API servers don't serve this version of " + kind}
}

// misnamed judges a kind of a group that nobody knows: whether the group is that of a kind that
// plan reads, misspelt, cut short, or left out.
func (f *facts) misnamed(group, apiVersion, kind string) *Fault {
	for _, other := range slices.Sorted(maps.Keys(f.kinds)) {
		i := slices.IndexFunc(f.read(other), func(read string) bool { return strings.EqualFold(read, kind) })
		if i < 0 || !meansGroup(group, apiVersion, other) {
			continue
		}
		right := f.read(other)[i]
		return &Fault{
			Field: "apiVersion", Value: apiVersion, Right: other + "/" + f.versions[groupKind{group: other, kind: right}][0],
			Message: "API servers don't serve " + right + " in this version",
		}
	}
	return nil
}

func meansGroup(group, apiVersion, other string) bool {
	switch {
	case group == "":
		// An apiVersion without a slash is a version of the core group, or a group without a version.
		return true
	case strings.HasPrefix(other, group+"."):
		return true
	}
	return declaration.Nearest(group, []string{other}) != "" || apiVersion == other
}
