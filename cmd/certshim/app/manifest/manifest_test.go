package manifest_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/certshim/certshim/cmd/certshim/app/manifest"
)

// read renders what a reader finds, one line each: LINE KIND/NAME, or LINE: error.
func read(t *testing.T, r manifest.Reader, from io.Reader) []string {
	t.Helper()
	var found []string
	for d, err := range r.Documents(from) {
		if err != nil {
			found = append(found, err.Error())
			continue
		}
		found = append(found, fmt.Sprintf("%d %s/%s", d.At.Line, d.Object.GetKind(), d.Object.GetName()))
		for _, w := range d.Warnings {
			found = append(found, "warning "+w.Error())
		}
	}
	return found
}

func object(name string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\n"
}

func TestDocumentsAndTheirLines(t *testing.T) {
	a, b := object("a"), object("b")
	tests := map[string]struct {
		text string
		want []string
	}{
		"nothing":                  {"", nil},
		"blank":                    {"\n---\n# c\n---\n...\n%YAML 1.1\n---\n", nil},
		"one":                      {a, []string{"1 ConfigMap/a"}},
		"no line end":              {strings.TrimSuffix(a, "\n"), []string{"1 ConfigMap/a"}},
		"two":                      {a + "---\n" + b, []string{"1 ConfigMap/a", "5 ConfigMap/b"}},
		"comment after the marker": {"--- # Source: x.yaml\n\n# c\n" + a, []string{"4 ConfigMap/a"}},
		"content after the marker": {"--- {apiVersion: v1, kind: A, metadata: {name: a}}\n", []string{"1 A/a"}},
		"closed by dots":           {a + "...\n" + b, []string{"1 ConfigMap/a", "5 ConfigMap/b"}},
		"Windows line ends":        {strings.ReplaceAll(a+"---\n"+b, "\n", "\r\n"), []string{"1 ConfigMap/a", "5 ConfigMap/b"}},
		"byte order marks":         {"\ufeff" + a + "\ufeff---\n" + b, []string{"1 ConfigMap/a", "5 ConfigMap/b"}},
		"a marker within text":     {"apiVersion: v1\nkind: A\nmetadata: {name: a}\ndata: |\n  ---\n  x\n", []string{"1 A/a"}},
		"null documents":           {"---\nnull\n---\n~\n", nil},
		"JSON":                     {`{"apiVersion":"v1","kind":"A","metadata":{"name":"a"}}`, []string{"1 A/a"}},
		"JSON values in a row": {
			"\n{\"apiVersion\":\"v1\",\"kind\":\"A\",\"metadata\":{\"name\":\"a\"}}\n{\"apiVersion\":\"v1\",\"kind\":\"B\"}",
			[]string{"2 A/a", "3 B/"},
		},
		"JSON with comments is YAML": {"{\"apiVersion\": v1, # c\n \"kind\": \"A\"}", []string{"1 A/"}},
		"broken JSON":                {"{\"apiVersion\":\"v1\",\"kind\":\"A\"}\n{\"a\":\n}", []string{"1 A/", "f:3: invalid JSON: invalid character '}' looking for beginning of value"}},
		"a list": {
			"# c\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A}\n- {apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: B}]}\n",
			[]string{"2 A/", "2 B/"},
		},
		"a typed list":        {"apiVersion: v1\nkind: ConfigMapList\nitems: [{metadata: {name: a}}, {kind: B}]\n", []string{"1 ConfigMap/a", "1 B/"}},
		"an empty list":       {"apiVersion: v1\nkind: List\nitems:\n", nil},
		"a kind called List":  {"apiVersion: v1\nkind: AllowList\nmetadata: {name: a}\n", []string{"1 AllowList/a"}},
		"items that are none": {"apiVersion: v1\nkind: List\nitems: x\n", []string{`f:1: items is the text "x", must be a list`}},
		"a bad item":          {"apiVersion: v1\nkind: List\nitems: [1, {apiVersion: v1, kind: A}]\n", []string{"f:1: items[0]: 1, must be an object with apiVersion and kind", "1 A/"}},
		"no object":           {"just text\n---\n- 1\n", []string{`f:1: the text "just text", must be an object with apiVersion and kind`, "f:3: a list, must be an object with apiVersion and kind"}},
		"no apiVersion":       {"kind: A\n", []string{"f:1: apiVersion is missing or null, must be the apiVersion of an object"}},
		"an odd kind":         {"apiVersion: v1\nkind: [A]\n", []string{"f:1: kind is a list, must be the kind of an object"}},
		"odd metadata":        {"apiVersion: v1\nkind: A\nmetadata: x\n", []string{`f:1: metadata is the text "x", must be an object`}},
		"an odd name":         {"apiVersion: v1\nkind: A\nmetadata: {name: 7}\n", []string{"f:1: metadata.name is 7, must be text: put it in quotes"}},
		"a broken one among good ones": {
			a + "---\na: b: c\n---\n" + b,
			[]string{"1 ConfigMap/a", "f:5: invalid YAML: mapping values are not allowed in this context", "7 ConfigMap/b"},
		},
		"an open quote": {
			"a: \"x\n  y\"\nb: \"open\nc: d\ne: f\n---\n" + a,
			[]string{"f:3: invalid YAML: found unexpected end of stream", "7 ConfigMap/a"},
		},
		"an open quote in the first line": {"\"open\nc: d\n", []string{"f:1: invalid YAML: found unexpected end of stream"}},
		"a tab":                           {"# c\na:\n\tb: c\n", []string{"f:3: invalid YAML: found character that cannot start any token; the line is indented by a tab, must be by spaces"}},
		"an unknown anchor":               {"a: 1\nb: *x\n", []string{"f:2: invalid YAML: unknown anchor 'x' referenced"}},
		"a key twice":                     {a + "data: {}\ndata: {}\n", []string{"1 ConfigMap/a", `warning f:5: the key "data" occurs twice, its last value counts`}},
		"a key over a merged one":         {"x: &x {kind: A}\n<<: *x\nkind: B\napiVersion: v1\n", []string{"1 B/"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			// However the text arrives, the answer is the same.
			for _, from := range []io.Reader{strings.NewReader(tt.text), iotest.OneByteReader(strings.NewReader(tt.text))} {
				if got := read(t, manifest.Reader{Name: "f"}, from); !slices.Equal(got, tt.want) {
					t.Errorf("got  %q\nwant %q", got, tt.want)
				}
			}
		})
	}
}

func TestALargeDocumentCostsOnlyItself(t *testing.T) {
	text := object("a") + "---\nx: " + strings.Repeat("y", 1<<20) + "\n---\n" + object("b")
	got := read(t, manifest.Reader{Name: "f", MaxDocument: 1 << 10}, strings.NewReader(text))
	want := []string{"1 ConfigMap/a", "f:5: the document is larger than 1024 bytes", "7 ConfigMap/b"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnErrorOfReadingIsTheLast(t *testing.T) {
	failed := errors.New("the disk is gone")
	from := io.MultiReader(strings.NewReader(object("a")+"---\n"+object("b")), iotest.ErrReader(failed))
	var documents int
	var last error
	for _, err := range (manifest.Reader{Name: "f"}).Documents(from) {
		documents++
		last = err
	}
	if !errors.Is(last, failed) || last.Error() != "f: the disk is gone" {
		t.Errorf("after %d documents: %v", documents, last)
	}
}

func TestTheCallerMayStop(t *testing.T) {
	text := object("a") + "---\n{\n---\napiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: A}, 1, 2]\n"
	for most := range 4 {
		n := 0
		for range (manifest.Reader{}).Documents(strings.NewReader(text)) {
			if n++; n > most {
				break
			}
		}
		if n != most+1 {
			t.Errorf("stopped after %d, want %d", n, most+1)
		}
	}
}
