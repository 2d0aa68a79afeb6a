package certificate_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
)

// liveOf returns the Certificate created for an input, as the server has it, after change. Each
// of entries is one of managedFields in the form of [parseEntry].
func liveOf(t *testing.T, in certificate.Input, change func(object map[string]any), entries ...string) map[string]any {
	t.Helper()
	object := certificate.Build(in)
	metadata := object["metadata"].(map[string]any)
	metadata["uid"], metadata["resourceVersion"] = "certificate-uid", "7"
	if change != nil {
		change(object)
	}
	managed := []any{}
	for _, entry := range entries {
		managed = append(managed, parseEntry(entry))
	}
	metadata["managedFields"] = managed
	return runtime.DeepCopyJSON(object)
}

// parseEntry parses one entry of managedFields, written as words: manager, operation, time as
// 15:04 or -, and paths whose elements are joined by >. The element . is the node itself, {uid}
// an owner. The operation may be followed by /subresource and @version.
func parseEntry(text string) map[string]any {
	words := strings.Fields(text)
	operation, version, found := strings.Cut(words[1], "@")
	if !found {
		version = "v1"
	}
	operation, subresource, _ := strings.Cut(operation, "/")
	entry := map[string]any{
		"manager": words[0], "operation": operation, "apiVersion": "cert-manager.io/" + version, "fieldsType": "FieldsV1",
	}
	if subresource != "" {
		entry["subresource"] = subresource
	}
	if words[2] != "-" {
		entry["time"] = "2026-01-01T" + words[2] + ":00Z"
	}
	root := map[string]any{}
	for _, path := range words[3:] {
		node := root
		for element := range strings.SplitSeq(path, ">") {
			name := fieldElement(element)
			if node[name] == nil {
				node[name] = map[string]any{}
			}
			node = node[name].(map[string]any)
		}
	}
	entry["fieldsV1"] = root
	return entry
}

func fieldElement(element string) string {
	switch {
	case element == ".":
		return "."
	case strings.HasPrefix(element, "{"):
		return `k:{"uid":"` + strings.Trim(element, "{}") + `"}`
	case strings.HasPrefix(element, "="):
		return `v:"` + element[1:] + `"`
	}
	return "f:" + element
}

// formatEntry formats an entry for [parseEntry], the paths sorted.
func formatEntry(entry map[string]any) string {
	operation := fmt.Sprint(entry["operation"])
	if s, _ := entry["subresource"].(string); s != "" {
		operation += "/" + s
	}
	if version := strings.TrimPrefix(fmt.Sprint(entry["apiVersion"]), "cert-manager.io/"); version != "v1" {
		operation += "@" + version
	}
	at, _ := entry["time"].(string)
	if at = strings.TrimSuffix(strings.TrimPrefix(at, "2026-01-01T"), ":00Z"); at == "" {
		at = "-"
	}
	words := []string{fmt.Sprint(entry["manager"]), operation, at}
	return strings.Join(append(words, formatFields("", entry["fieldsV1"].(map[string]any))...), " ")
}

func formatFields(at string, node map[string]any) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(node)) {
		element := strings.TrimPrefix(name, "f:")
		if key, found := strings.CutPrefix(name, `k:{"uid":"`); found {
			element = "{" + strings.TrimSuffix(key, `"}`) + "}"
		}
		if value, found := strings.CutPrefix(name, `v:"`); found {
			element = "=" + strings.TrimSuffix(value, `"`)
		}
		path := strings.TrimPrefix(at+">"+element, ">")
		if below := node[name].(map[string]any); len(below) > 0 {
			out = append(out, formatFields(path, below)...)
			continue
		}
		out = append(out, path)
	}
	return out
}

// after returns the entries that a decision's patch leaves.
func after(t *testing.T, d certificate.Decision) []string {
	t.Helper()
	if d.TakeOver == nil {
		return nil
	}
	var operations []struct {
		Op, Path string
		Value    any
	}
	if err := json.Unmarshal(d.TakeOver, &operations); err != nil {
		t.Fatal(err)
	}
	if len(operations) != 2 || operations[0].Op != "add" || operations[0].Path != "/metadata/managedFields" ||
		operations[1].Op != "replace" || operations[1].Path != "/metadata/resourceVersion" || operations[1].Value != "7" {
		t.Fatalf("the patch: %s", d.TakeOver)
	}
	var out []string
	for _, entry := range operations[0].Value.([]any) {
		out = append(out, formatEntry(entry.(map[string]any)))
	}
	return out
}

// ownOf returns our entry after an apply of an input, with more paths.
func ownOf(in certificate.Input, at string, more ...string) string {
	return strings.Join(append([]string{certificate.FieldManager, "Apply", at}, pathsOf(in, more...)...), " ")
}

// pathsOf returns the leaves of an input's configuration, and more, sorted.
func pathsOf(in certificate.Input, more ...string) []string {
	config := certificate.Build(in)
	metadata := config["metadata"].(map[string]any)
	paths := slices.Clone(more)
	for _, name := range []string{"labels", "annotations"} {
		values, _ := metadata[name].(map[string]any)
		for key := range values {
			paths = append(paths, "metadata>"+name+">"+key)
		}
	}
	if metadata["ownerReferences"] != nil {
		paths = append(paths, "metadata>ownerReferences>{"+in.Source.UID+"}")
	}
	paths = append(paths, leafPaths("spec", config["spec"].(map[string]any))...)
	slices.Sort(paths)
	return slices.Compact(paths)
}

func leafPaths(at string, values map[string]any) []string {
	var out []string
	for name, value := range values {
		if inner, ok := value.(map[string]any); ok {
			out = append(out, leafPaths(at+">"+name, inner)...)
			continue
		}
		out = append(out, at+">"+name)
	}
	return out
}

// without removes paths from an entry.
func without(entry string, paths ...string) string {
	return strings.Join(slices.DeleteFunc(strings.Fields(entry), func(word string) bool { return slices.Contains(paths, word) }), " ")
}

// decideLive decides with the live Certificate.
func decideLive(in certificate.Input, live map[string]any) certificate.Decision {
	in.Existing = &certificate.Observed{Live: live}
	return certificate.Decide(in)
}

// decideSeen decides with the cached state of a Certificate.
func decideSeen(in certificate.Input, live map[string]any) certificate.Decision {
	seen := certificate.Observe(live)
	in.Existing = &seen
	return certificate.Decide(in)
}

// told formats problems as reason, first letter of the severity, and message.
func told(problems problem.List) []string {
	var out []string
	for _, p := range problems.All() {
		out = append(out, string(p.Reason)+" "+string(p.Severity[0])+" "+p.Error())
	}
	return out
}
