package report

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/certshim/certshim/ownership"
)

// references is the path of owner references.
const references = ".metadata.ownerReferences"

// valueOf is a value of a field on one line, as people write YAML.
func valueOf(path string, value any) string {
	if value == ownership.NotShown {
		return ownership.NotShown
	}
	if ref, isMap := value.(map[string]any); isMap && strings.HasPrefix(path, references) {
		value = referenceOf(ref)
	}
	var b strings.Builder
	flow(&b, value)
	return visible(cut(b.String(), maxValue))
}

// referenceOf is an owner reference in the order in which people read it.
func referenceOf(ref map[string]any) any {
	text := func(key string) string { value, _ := ref[key].(string); return value }
	out := fmt.Sprintf("%s %s of %s, uid %s", text("kind"), text("name"), text("apiVersion"), text("uid"))
	if ref["controller"] == true {
		out += ", controller"
	}
	return plain(out)
}

// plain is text that needs no quotes.
type plain string

// flow writes a value in YAML's flow style, and stops once it is too long anyway.
func flow(b *strings.Builder, value any) {
	if b.Len() > 2*maxValue {
		return
	}
	switch value := value.(type) {
	case plain:
		b.WriteString(string(value))
	case string:
		b.WriteString(scalar(value))
	case []any:
		b.WriteByte('[')
		for i, item := range value {
			b.WriteString([...]string{"", ", "}[min(i, 1)])
			flow(b, item)
		}
		b.WriteByte(']')
	case map[string]any:
		b.WriteByte('{')
		for i, key := range slices.Sorted(maps.Keys(value)) {
			b.WriteString([...]string{"", ", "}[min(i, 1)] + scalar(key) + ": ")
			flow(b, value[key])
		}
		b.WriteByte('}')
	default:
		// Numbers, booleans and null.
		text, err := json.Marshal(value)
		if err != nil {
			text = []byte("(can't be shown)")
		}
		b.Write(text)
	}
}

// scalar is a string, in quotes where it would be read as something else without.
func scalar(text string) string {
	const signs = "-_./*@+: "
	odd := func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !letter && !strings.ContainsRune(signs, r)
	}
	_, err := strconv.ParseFloat(text, 64)
	switch {
	case text == "", err == nil, strings.ContainsFunc(text, odd), strings.TrimSpace(text) != text, strings.Contains(text, ": "),
		strings.HasSuffix(text, ":"), slices.Contains([]string{"true", "false", "null"}, strings.ToLower(text)):
		return strconv.Quote(text)
	}
	return text
}

// keyed are the paths of maps. What follows one is a key, whatever it holds.
var keyed = []string{
	".metadata.labels", ".metadata.annotations", references, ".metadata.finalizers",
	".spec.secretTemplate.labels", ".spec.secretTemplate.annotations",
}

// nameOfField parts a field's path into what it belongs to and its own name. An owner reference
// whose value is there is not named by its uid, which stands in the value.
func nameOfField(f ownership.Field) (group, name string) {
	if strings.HasPrefix(f.Path, references+"[") && (f.Live != nil || f.Wanted != nil) {
		return references[1:], "[uid]"
	}
	return split(f.Path)
}

func split(path string) (group, name string) {
	for _, m := range keyed {
		if rest, found := strings.CutPrefix(path, m); found && rest != "" && (rest[0] == '.' || rest[0] == '[') {
			return m[1:], shown(strings.TrimPrefix(rest, "."))
		}
	}
	path = strings.TrimPrefix(path, ".")
	stem, _, _ := strings.Cut(path, "[")
	if i := strings.LastIndexByte(stem, '.'); i > 0 {
		return shown(path[:i]), shown(path[i+1:])
	}
	return "", shown(path)
}
