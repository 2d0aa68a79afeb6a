package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/certshim/certshim/declaration"
)

// Misnamed is what is wrong with the apiVersion or the kind of an object.
type Misnamed struct {
	// Field is apiVersion or kind.
	Field, Value string
	Message      string
	// Right is what is to be written instead.
	Right string
	// Elsewhere is set if there are API servers that serve it, and only certshim doesn't read it.
	Elsewhere bool
}

// Served says what is wrong with an apiVersion and a kind, if they are meant for one that plan
// reads and no API server serves them so; else nil.
func Served(apiVersion, kind string) *Misnamed {
	f := known()
	if was, is := f.gone[versioned{apiVersion: apiVersion, kind: kind}]; is && f.isRead(was.apiVersion, kind) {
		return &Misnamed{
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
func (f *facts) inGroup(group, version, kind string, kinds []string) *Misnamed {
	if !slices.Contains(kinds, kind) {
		if fault := f.misplaced(group, version, kind); fault != nil {
			return fault
		}
		near := nearestKind(kind, kinds)
		if near == "" || !slices.Contains(f.read(group), near) {
			return nil
		}
		return &Misnamed{Field: "kind", Value: kind, Right: near, Message: "the group " + group + " has no such kind"}
	}
	versions := f.versions[groupKind{group: group, kind: kind}]
	if slices.Contains(versions, version) || !slices.Contains(f.read(group), kind) {
		return nil
	}
	right := group + "/" + declaration.Nearest(version, versions)
	if right == group+"/" {
		right += versions[0]
	}
	return &Misnamed{Field: "apiVersion", Value: group + "/" + version, Right: right, Message: "API servers don't serve this version of " + kind}
}

// misplaced judges a kind that its group doesn't have: whether plan reads it in another group.
func (f *facts) misplaced(group, version, kind string) *Misnamed {
	for _, other := range slices.Sorted(maps.Keys(f.kinds)) {
		kinds := f.read(other)
		if i := slices.IndexFunc(kinds, func(read string) bool { return strings.EqualFold(read, kind) }); i >= 0 && other != group {
			return &Misnamed{
				Field: "apiVersion", Value: group + "/" + version, Right: other + "/" + f.versions[groupKind{group: other, kind: kinds[i]}][0],
				Message: "API servers don't serve " + kinds[i] + " in this group",
			}
		}
	}
	return nil
}

// nearestKind is the kind that a word is nearly, or the plural of.
func nearestKind(word string, kinds []string) string {
	for _, kind := range kinds {
		if strings.EqualFold(word, kind+"s") || strings.EqualFold(word, kind+"es") {
			return kind
		}
	}
	return declaration.Nearest(word, kinds)
}

// formerGroups are groups in which a kind that plan reads was served, with its group of today.
func formerGroups() map[string]string {
	return map[string]string{
		"extensions":                  "networking.k8s.io",
		"certmanager.k8s.io":          "cert-manager.io",
		"gateway.networking.x-k8s.io": "gateway.networking.k8s.io",
		"networking.x-k8s.io":         "gateway.networking.k8s.io",
	}
}

// misnamed judges a kind of a group that nobody knows: whether the group is that of a kind that
// plan reads, misspelt, cut short, or left out.
func (f *facts) misnamed(group, apiVersion, kind string) *Misnamed {
	for _, other := range slices.Sorted(maps.Keys(f.kinds)) {
		i := slices.IndexFunc(f.read(other), func(read string) bool { return strings.EqualFold(read, kind) || strings.EqualFold("X"+read, kind) })
		if i < 0 || !meansGroup(group, apiVersion, other) {
			continue
		}
		right := f.read(other)[i]
		if len(right) < len(kind) {
			return &Misnamed{
				Field: "kind", Value: kind, Right: right, Elsewhere: true,
				Message: "certshim doesn't read this kind, only " + right + " of group " + other,
			}
		}
		return &Misnamed{
			Field: "apiVersion", Value: apiVersion, Right: other + "/" + f.versions[groupKind{group: other, kind: right}][0],
			Message: "API servers don't serve " + right + " in this version",
		}
	}
	return nil
}

func meansGroup(group, apiVersion, other string) bool {
	switch {
	case formerGroups()[group] == other:
		return true
	case group == "":
		// An apiVersion without a slash is a version of the core group, or a group without a version.
		return true
	case strings.HasPrefix(other, group+"."):
		return true
	}
	return declaration.Nearest(group, []string{other}) != "" || apiVersion == other
}
