package annotations_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/problem"
)

func TestSections(t *testing.T) {
	parser := annotations.NewParser(annotations.Options{ExtraKeys: []string{"pki.example.com/profile", "team", "corp.example.com/duration"}, IssuerKeys: []string{"venafi.example.com/"}})
	tests := map[string]struct {
		text   string
		want   []annotations.Section
		unread bool
		errors []string
	}{
		"JSON": {
			text: `{"web": {"cluster-issuer": "le"}, "a-tls": {"cert-manager.io/issuer": "ca", "http01-edit-in-place": "true"}}`,
			want: []annotations.Section{
				{Name: "web", Keys: map[string]string{p + "cluster-issuer": "le"}},
				{Name: "a-tls", Keys: map[string]string{p + "issuer": "ca", "acme.cert-manager.io/http01-edit-in-place": "true"}},
			},
		},
		"numbers and words are texts": {
			text: "443:\n  private-key-size: 4096\n  http01-edit-in-place: true\n  common-name: 1e3\n",
			want: []annotations.Section{{Name: "443", Keys: map[string]string{
				p + "private-key-size": "4096", "acme.cert-manager.io/http01-edit-in-place": "true", p + "common-name": "1e3",
			}}},
		},
		"text on lines of its own": {
			text: "web:\n  secret-template: |\n    {\"labels\": {\"a\": \"b\"}}\n",
			want: []annotations.Section{{Name: "web", Keys: map[string]string{p + "secret-template": `{"labels": {"a": "b"}}`}}},
		},
		"the operator's keys": {
			text: "web: {pki.example.com/profile: x, team: y, venafi.example.com/zone: z}",
			want: []annotations.Section{{Name: "web", Keys: map[string]string{"pki.example.com/profile": "x", "team": "y", "venafi.example.com/zone": "z"}}},
		},
		"an empty section":    {text: "web: {}", want: []annotations.Section{{Name: "web", Keys: map[string]string{}}}},
		"a list":              {text: "[web]", unread: true, errors: []string{"line 1: a list, must be a mapping of names to mappings"}},
		"nothing":             {text: "# a comment", unread: true, errors: []string{"line 1: nothing is written"}},
		"two documents":       {text: "web: {}\n---\nb: {}", unread: true, errors: []string{"line 2: another document follows"}},
		"no YAML behind it":   {text: "web: {}\n---\n{", unread: true, errors: []string{"no YAML"}},
		"a name twice":        {text: "web: {issuer: a}\nb: {}\nweb: {issuer: c}", unread: true, errors: []string{"line 3: repeated, it is there already at line 1"}},
		"an alias for all":    {text: "a: &x {issuer: ca}\nb: *x", want: []annotations.Section{{Name: "a", Unread: true}, {Name: "b", Unread: true}}, errors: []string{"line 1: an anchor, must be left out", "line 2: an alias, must be written out"}},
		"an alias for one":    {text: "a: {issuer: &x ca, issuer-kind: *x}", want: []annotations.Section{{Name: "a", Unread: true}}, errors: []string{"an anchor", "an alias"}},
		"merged":              {text: "a: {<<: {issuer: ca}}", want: []annotations.Section{{Name: "a", Unread: true}}, errors: []string{`the key "<<", must be text`}},
		"a tag":               {text: "a: {issuer: !!str ca}", want: []annotations.Section{{Name: "a", Unread: true}}, errors: []string{"a tag, must be left out"}},
		"a text":              {text: "a: ca", want: []annotations.Section{{Name: "a", Unread: true}}, errors: []string{`"ca", must be a mapping of keys to texts`}},
		"no value":            {text: "a: {issuer: }", want: []annotations.Section{{Name: "a", Unread: true}}, errors: []string{"no value, must be text"}},
		"a mapping":           {text: "a: {secret-template: {labels: {}}, issuer: ca}", want: []annotations.Section{{Name: "a", Keys: map[string]string{p + "issuer": "ca"}, Unread: true}}, errors: []string{"a mapping, must be text: put it in quotes, or behind | on lines of its own"}},
		"a key twice":         {text: "a: {issuer: ca, issuer: cb}", want: []annotations.Section{{Name: "a", Keys: map[string]string{p + "issuer": "ca"}, Unread: true}}, errors: []string{"repeated"}},
		"both forms of a key": {text: "a: {issuer: ca, cert-manager.io/issuer: cb}", want: []annotations.Section{{Name: "a", Keys: map[string]string{p + "issuer": "cb"}, Unread: true}}, errors: []string{"is there twice, in its full and its short form"}},
		"a misspelt key":      {text: "a: {cluster-isuer: ca}", want: []annotations.Section{{Name: "a", Unread: true}}, errors: []string{`unknown key (value "cluster-isuer"); did you mean "cluster-issuer"?`}},
		"another tool's name": {text: "a: {organization: x}", want: []annotations.Section{{Name: "a", Unread: true}}, errors: []string{`did you mean "subject-organizations"?`}},
		"another prefix":      {text: "a: {certmanager.k8s.io/issuer: x}", want: []annotations.Section{{Name: "a", Unread: true}}, errors: []string{`did you mean "issuer"?`}},
		"not unique":          {text: "a: {duration: 5h}", want: []annotations.Section{{Name: "a", Keys: map[string]string{p + "duration": "5h"}}}},
		"for the whole object": {
			text:   `a: {ignore: "true"}`,
			want:   []annotations.Section{{Name: "a", Unread: true}},
			errors: []string{"certshim.io/ignore is for the whole object: name the listener or Secret in certshim.io/ignore of the object"},
		},
		"the auto key":         {text: "a: {kubernetes.io/tls-acme: true}", want: []annotations.Section{{Name: "a", Unread: true}}, errors: []string{"is for the whole object: name the issuer"}},
		"a key without effect": {text: "a: {http01-parentrefkind: x}", want: []annotations.Section{{Name: "a", Unread: true}}, errors: []string{"has no effect here"}},
		"a kind alone":         {text: "a: {issuer-kind: StepIssuer}", want: []annotations.Section{{Name: "a", Keys: map[string]string{p + "issuer-kind": "StepIssuer"}, Unread: true}}, errors: []string{"names no issuer"}},
		"no name":              {text: `a: {issuer: ""}`, want: []annotations.Section{{Name: "a", Keys: map[string]string{p + "issuer": ""}, Unread: true}}, errors: []string{"names no issuer"}},
		"too many":             {text: names(257), unread: true, errors: []string{"257 names, must be at most 256"}},
		"too long":             {text: "a: {common-name: " + strings.Repeat("x", 64<<10) + "}", unread: true, errors: []string{"longer than 65536 bytes"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			request, problems := parser.Parse(map[string]string{annotations.SectionsKey: test.text})
			for i := range test.want {
				if test.want[i].Keys == nil {
					test.want[i].Keys = map[string]string{}
				}
			}
			if diff := cmp.Diff(test.want, request.Sections.All); diff != "" || request.Sections.Unread != test.unread {
				t.Errorf("unread %t, want %t; -want +got:\n%s", request.Sections.Unread, test.unread, diff)
			}
			for _, want := range test.errors {
				if !slices.ContainsFunc(problems.All(), func(p problem.Problem) bool { return strings.Contains(p.Error(), want) && p.Severity == problem.Error }) {
					t.Errorf("no error says %q: %v", want, problems.All())
				}
			}
			if len(test.errors) == 0 && !problems.Empty() {
				t.Error(problems.All())
			}
		})
	}
}

// names are n sections.
func names(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("n" + strings.Repeat("x", i) + ": {}\n")
	}
	return b.String()
}

func TestOver(t *testing.T) {
	own := map[string]string{p + "issuer": "g", p + "issuer-kind": "K", p + "duration": "5h", annotations.SectionsKey: "…"}
	before := maps.Clone(own)
	for name, test := range map[string]struct{ section, want map[string]string }{
		"an issuer takes the place of all": {map[string]string{p + "cluster-issuer": "le"}, map[string]string{p + "cluster-issuer": "le", p + "duration": "5h"}},
		"another key that of its own":      {map[string]string{p + "duration": "6h"}, map[string]string{p + "issuer": "g", p + "issuer-kind": "K", p + "duration": "6h"}},
		"none":                             {nil, map[string]string{p + "issuer": "g", p + "issuer-kind": "K", p + "duration": "5h"}},
	} {
		section := &annotations.Section{Keys: test.section}
		if diff := cmp.Diff(test.want, section.Over(own)); diff != "" || !maps.Equal(before, own) {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if diff := cmp.Diff((&annotations.Section{}).Over(own), (*annotations.Section)(nil).Over(own)); diff != "" {
		t.Errorf("a section without keys isn't the same as none: %s", diff)
	}
}

func TestSectionsOverLongAnnotations(t *testing.T) {
	parser := annotations.NewParser(annotations.Options{})
	for length, unread := range map[int]bool{8 << 10: false, 9 << 10: true} {
		own := map[string]string{
			annotations.SectionsKey: names(128), "example.com/other": strings.Repeat("x", 99<<10),
			p + "secret-template": strings.Repeat(" ", 999) + `{"labels": {}}` + strings.Repeat(" ", 999), p + "common-name": strings.Repeat("x", length-99),
		}
		request, problems := parser.Parse(own)
		told := slices.ContainsFunc(problems.All(), func(p problem.Problem) bool { return strings.Contains(p.Error(), "together at most 1048576") })
		if request.Sections.Unread != unread || told != unread {
			t.Errorf("%d bytes: unread %t, %v", length, request.Sections.Unread, problems.All())
		}
	}
}

// FuzzSections: whatever stands there is read, or refused with an error; a section that is read has known
// keys alone, and can be read again with the annotations of the object.
func FuzzSections(f *testing.F) {
	for _, seed := range []string{
		`{"web": {"cluster-issuer": "le"}}`, "web:\n  issuer: ca\n  duration: 5\n", "a: &x {issuer: ca}\nb: *x", "a: {<<: {}}", "? [a]\n: {}", "a: !!binary aGk=",
		"{a: {secret-template: |\n {}\n}}", "---\n", "a: {issuer: \"\\u202e\"}", "[[[[[[[", "- - - -", "a: {ca: ''}", "\xff: {}",
	} {
		f.Add(seed)
	}
	parser := annotations.NewParser(annotations.Options{ExtraKeys: []string{"team"}, IssuerKeys: []string{"venafi.example.com/"}})
	f.Fuzz(func(t *testing.T, text string) {
		own := map[string]string{annotations.SectionsKey: text, p + "issuer": "ca", p + "duration": "1h"}
		request, problems := parser.Parse(own)
		again, _ := parser.Parse(own)
		if !reflect.DeepEqual(request, again) {
			t.Error("two readings differ")
		}
		if request.Sections.Unread && (!problems.HasErrors() || len(request.Sections.All) > 0) {
			t.Errorf("unread without an error, or with sections: %v", problems.All())
		}
		for i := range request.Sections.All {
			section := &request.Sections.All[i]
			if section.Unread && !problems.HasErrors() {
				t.Errorf("section %q is unread, without an error", section.Name)
			}
			for key := range section.Keys {
				if !parser.Keeps(key) || key == annotations.SectionsKey || key == annotations.IgnoreKey {
					t.Errorf("section %q has the key %q", section.Name, key)
				}
			}
			inner, found := parser.ParseSection(section, own, problems)
			if inner.Sections.Unread || len(inner.Sections.All) > 0 {
				t.Error("a section has sections")
			}
			if len(inner.Unread) > 0 && !found.HasErrors() && !problems.HasErrors() {
				t.Errorf("unread %v, and nothing says so", inner.Unread)
			}
		}
		for _, found := range problems.All() {
			if strings.ContainsAny(found.Error(), "\n\x00\x1b") {
				t.Errorf("unescaped: %q", found.Error())
			}
		}
	})
}

// BenchmarkSections reads as many sections as there may be, over annotations as large as they may be.
func BenchmarkSections(b *testing.B) {
	parser := annotations.NewParser(annotations.Options{})
	var text strings.Builder
	for i := range 256 {
		text.WriteString("n" + strings.Repeat("x", i%100) + string(rune('a'+i/100)) + ": {issuer: ca}\n")
	}
	own := map[string]string{annotations.SectionsKey: text.String()}
	for _, key := range []string{"alt-names", "email-sans", "uri-sans"} {
		values := make([]string, 1000)
		for i := range values {
			values[i] = map[string]string{"alt-names": "", "email-sans": "ops@", "uri-sans": "spiffe://"}[key] + "a" + strings.Repeat("x", 10+i%30) + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + ".example.com"
		}
		own[p+key] = strings.Join(values, ",")
	}
	for key, value := range own {
		if key != annotations.SectionsKey {
			own[key] = value[:len(value)/40]
		}
	}
	for b.Loop() {
		request, told := parser.Parse(own)
		if request.Sections.Unread {
			b.Fatal(told.All())
		}
		for i := range request.Sections.All {
			parser.ParseSection(&request.Sections.All[i], own, told)
		}
	}
}
