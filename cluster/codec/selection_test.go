package codec

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatIsKept(t *testing.T) {
	type object = map[string]any
	whole := func() object {
		return object{
			"apiVersion": "v1", "kind": "A", "data": object{"x": 1},
			"metadata": object{
				"name": "n", "namespace": "s", "uid": "u", "resourceVersion": "7", "generation": 1,
				"annotations": object{"k8s.io/initial-events-end": "true", "a": "b"}, "labels": object{"l": "m"},
			},
			"spec": object{"class": "c", "list": []any{object{"name": "one", "port": 1}, "text"}, "wrong": "no object"},
		}
	}
	identity := func(more object) object {
		metadata := object{
			"name": "n", "namespace": "s", "uid": "u", "resourceVersion": "7",
			"annotations": object{"k8s.io/initial-events-end": "true"},
		}
		for name, value := range more {
			metadata[name] = value
		}
		return metadata
	}
	for name, row := range map[string]struct {
		paths []string
		want  object
	}{
		"everything":        {nil, whole()},
		"identity":          {[]string{}, object{"apiVersion": "v1", "kind": "A", "metadata": identity(nil)}},
		"labels":            {[]string{"metadata.labels"}, object{"apiVersion": "v1", "kind": "A", "metadata": identity(object{"labels": object{"l": "m"}})}},
		"annotations":       {[]string{"metadata.annotations"}, object{"apiVersion": "v1", "kind": "A", "metadata": identity(object{"annotations": whole()["metadata"].(object)["annotations"]})}},
		"metadata":          {[]string{"metadata"}, object{"apiVersion": "v1", "kind": "A", "metadata": whole()["metadata"]}},
		"within lists":      {[]string{"spec.list.name"}, object{"apiVersion": "v1", "kind": "A", "metadata": identity(nil), "spec": object{"list": []any{object{"name": "one"}, "text"}}}},
		"of a wrong type":   {[]string{"spec.wrong.field"}, object{"apiVersion": "v1", "kind": "A", "metadata": identity(nil), "spec": object{"wrong": "no object"}}},
		"what isn't there":  {[]string{"status.conditions"}, object{"apiVersion": "v1", "kind": "A", "metadata": identity(nil)}},
		"beside the others": {[]string{"data", "spec.class"}, object{"apiVersion": "v1", "kind": "A", "metadata": identity(nil), "data": object{"x": 1}, "spec": object{"class": "c"}}},
	} {
		got := whole()
		selecting(t, row.paths).Prune(got)
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestPathsThatCanNotBeMeantAreAllTold(t *testing.T) {
	for path, want := range map[string]string{
		"": "field names with dots", "spec.": "field names with dots", ".spec": "field names with dots", "spec..tls": "field names with dots",
		"spec.tls[0]": "field names with dots", "metadata.anotations": "it has name, ", "metadata.annotations.x": "as a whole only",
		"status.conditions.type": `overlaps with "status.conditions"`, "status": `overlaps with "status.conditions"`,
	} {
		_, err := Select([]string{"status.conditions", path, "spec tls"})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `"spec tls"`) {
			t.Errorf("%q: %v, want %q, and the other one", path, err, want)
		}
	}
}

func TestOnlyMetadata(t *testing.T) {
	for _, row := range []struct {
		paths []string
		want  bool
	}{
		{[]string{}, true}, {[]string{"metadata"}, true}, {[]string{"metadata.labels"}, true},
		{[]string{"metadata.labels", "spec"}, false}, {[]string{"metadatas"}, false},
	} {
		if got := OnlyMetadata(row.paths); got != row.want {
			t.Errorf("%v: %v", row.paths, got)
		}
	}
}
