package certificate

import "strings"

// After is a Certificate as it will be once a configuration is applied over the live one:
// what our Apply entry alone holds and the configuration leaves out goes, everything else
// stays. The live object isn't changed; without managedFields nothing goes. It is for people
// to read: a value that nobody at all holds may go with the last of ours beside it.
func After(live, config map[string]any) map[string]any {
	out := deepCopy(live).(map[string]any)
	wanted := leaves(config)
	for _, path := range givenUp(live, wanted) {
		remove(out, path)
	}
	for path, value := range wanted {
		set(out, path, value)
	}
	return out
}

// givenUp are the values that we hold, want no longer, and that nobody else holds.
func givenUp(live map[string]any, wanted map[fieldPath]any) []fieldPath {
	own, others := fieldSet{}, fieldSet{}
	for _, e := range managedFields(live) {
		switch {
		case e.ours():
			own.read("", e.fields())
		case e.main():
			others.read("", e.fields())
		}
	}
	var paths []fieldPath
	for _, path := range sortedPaths(own) {
		if _, wants := wanted[path]; !wants && !others[path] && !isContainer(path, live) {
			paths = append(paths, path)
		}
	}
	return paths
}

// remove takes a field out of an object, and the maps and lists that become empty by it.
func remove(object map[string]any, path fieldPath) {
	removeElements(object, path.elements())
}

func removeElements(object map[string]any, elements []string) {
	name := strings.TrimPrefix(elements[0], "f:")
	if len(elements) == 1 {
		delete(object, name)
		return
	}
	switch inner := object[name].(type) {
	case map[string]any:
		if removeElements(inner, elements[1:]); len(inner) == 0 {
			delete(object, name)
		}
	case []any:
		if left := withoutItem(inner, elements[1]); len(left) > 0 {
			object[name] = left
		} else {
			delete(object, name)
		}
	}
}

// set puts a value where its path says, an item into its list.
func set(object map[string]any, path fieldPath, value any) {
	elements := path.elements()
	last := elements[len(elements)-1]
	for i, element := range elements[:len(elements)-1] {
		name := strings.TrimPrefix(element, "f:")
		if isItem(elements[i+1]) {
			list, _ := object[name].([]any)
			object[name] = withItem(list, last, value)
			return
		}
		inner, ok := object[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			object[name] = inner
		}
		object = inner
	}
	object[strings.TrimPrefix(last, "f:")] = value
}

// withItem is a list with the item that an element names, in its place or at the end.
func withItem(list []any, element string, value any) []any {
	for i, item := range list {
		if _, found := step([]any{item}, element); found {
			list[i] = value
			return list
		}
	}
	return append(list, value)
}

// withoutItem is a list without the item that an element names.
func withoutItem(list []any, element string) []any {
	left := make([]any, 0, len(list))
	for _, item := range list {
		if _, found := step([]any{item}, element); !found {
			left = append(left, item)
		}
	}
	return left
}
