package declaration_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/problem"
)

// recipe has a field of every form that a declaration may have.
type recipe struct {
	Name    string            `yaml:"name"`
	Serves  int               `yaml:"serves"`
	Salt    float64           `yaml:"salt"`
	Vegan   *bool             `yaml:"vegan"`
	Bake    time.Duration     `yaml:"bake"`
	Tags    []string          `yaml:"tags"`
	Steps   []step            `yaml:"steps"`
	Labels  map[string]string `yaml:"labels"`
	Extra   any               `yaml:"extra"`
	Wine    cellar            `yaml:"wine"`
	Origin  place             `yaml:"origin"`
	Private string            `yaml:"-"`
	common  `yaml:",inline"`
	Hint    *hint
}

type common struct {
	Author string `yaml:"author"`
}

type step struct {
	Do   string        `yaml:"do"`
	Wait time.Duration `yaml:"wait"`
}

type place struct {
	Country string `yaml:"country"`
}

type hint struct {
	Text string `yaml:"text"`
}

// cellar is a map of which only a year and a country are known.
type cellar map[string]any

func (cellar) Shape() any {
	return struct {
		Year   int   `yaml:"year"`
		Origin place `yaml:"origin"`
	}{}
}

// UnmarshalYAML keeps the type to the outermost mapping.
func (c *cellar) UnmarshalYAML(node *yaml.Node) error { return node.Decode((*map[string]any)(c)) }

func (r *recipe) mistakes() declaration.Mistakes {
	var all declaration.Mistakes
	all.Addf(r.Serves < 1, "serves", "%d, must be 1 or more", r.Serves)
	for i, one := range r.Steps {
		all.Addf(one.Do == "", fmt.Sprintf("steps[%d].do", i), "it says nothing")
	}
	return all
}

func decode(text string) (recipe, error) {
	r := recipe{common: common{Author: "the house"}}
	document, err := declaration.Read([]byte(text), "r.yaml", "a recipe")
	if err != nil {
		return r, err
	}
	return r, document.Decode(&r, r.mistakes)
}

func TestADocumentIsDecoded(t *testing.T) {
	got, err := decode(`# a recipe
name: bread
serves: 4
salt: 1.5
vegan: true
bake: 1h30m
tags: [a, "1"]
steps:
- do: knead
- {do: rest, wait: 45m}
labels: {x.example.com/y: z}
extra: {a: [1, {b: null}]}
wine: {year: 1990, origin: {country: FR}}
origin: {}
hint: {text: slow}
`)
	if err != nil {
		t.Fatal(err)
	}
	yes := true
	want := recipe{
		Name: "bread", Serves: 4, Salt: 1.5, Vegan: &yes, Bake: 90 * time.Minute, Tags: []string{"a", "1"},
		Steps: []step{{Do: "knead"}, {Do: "rest", Wait: 45 * time.Minute}}, Labels: map[string]string{"x.example.com/y": "z"},
		Extra: map[string]any{"a": []any{1, map[string]any{"b": nil}}},
		Wine:  cellar{"year": 1990, "origin": map[string]any{"country": "FR"}},
		Hint:  &hint{"slow"}, common: common{Author: "the house"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(recipe{})); diff != "" {
		t.Error("(-want +got)", diff)
	}
}

func TestEveryMistakeOfADocumentHasItsPlace(t *testing.T) {
	for name, row := range map[string]struct {
		text string
		want []string
	}{
		"empty":               {"", []string{"r.yaml:1: the file is empty, must hold a recipe"}},
		"a comment alone":     {"# a\n", []string{"r.yaml:1: the file is empty, must hold a recipe"}},
		"no mapping":          {"\n- a\n", []string{"r.yaml:2: not a mapping, must be a recipe"}},
		"null":                {"---\n", []string{"r.yaml:1: not a mapping, must be a recipe"}},
		"two documents":       {"serves: 1\n---\nserves: 2\n", []string{"r.yaml:2: a second document, must be one a file"}},
		"a second, broken":    {"serves: 1\n---\n{\n", []string{"r.yaml:3: no YAML: "}},
		"a tab":               {"serves: 1\n\tname: a\n", []string{"r.yaml:2: no YAML: found a tab character that violates indentation; the line is indented by a tab"}},
		"an unknown alias":    {"serves: *a\n", []string{`r.yaml:1: no YAML: unknown anchor 'a' referenced`}},
		"misspelt":            {"serves: 1\nlables: {}\n", []string{`r.yaml:2: unknown field "lables", did you mean "labels"?`}},
		"misspelt, inside":    {"serves: 1\nsteps: [{do: a, wiat: 1s}]\n", []string{`r.yaml:2: unknown field "steps[0].wiat", did you mean "wait"?`}},
		"misspelt, in a form": {"serves: 1\nwine: {yeer: 1}\n", []string{`r.yaml:2: unknown field "wine.yeer", did you mean "year"?`}},
		"misplaced":           {"serves: 1\nwait: 1s\n", []string{`r.yaml:2: unknown field "wait"; the fields here are author, bake, extra, hint, labels, name, origin, salt, serves, steps, tags, vegan, wine; did you mean "steps[].wait"?`}},
		"misplaced, several":  {"serves: 1\ncountry: FR\n", []string{`r.yaml:2: unknown field "country"; the fields here are author, bake, extra, hint, labels, name, origin, salt, serves, steps, tags, vegan, wine; did you mean "origin.country"?`}},
		"nowhere":             {"serves: 1\norigin: {planet: x}\n", []string{`r.yaml:2: unknown field "origin.planet"; the fields here are country`}},
		"not for files":       {"serves: 1\nprivate: x\n", []string{`r.yaml:2: unknown field "private"; the fields here are `}},
		"repeated":            {"serves: 1\nserves: 2\n", []string{`r.yaml:2: repeated field "serves", which is there already at line 1`}},
		"repeated in a map":   {"serves: 1\nlabels: {a: b, a: c}\n", []string{`r.yaml:2: repeated field "labels.a", which is there already at line 2`}},
		"repeated in any":     {"serves: 1\nextra:\n- a: 1\n  a: 2\n", []string{`r.yaml:4: repeated field "extra[0].a", which is there already at line 3`}},
		"a key that isn't":    {"serves: 1\nextra: {1: a}\n", []string{`r.yaml:2: extra: the key "1", must be text`}},
		"a key of keys":       {"serves: 1\nextra: {[a]: b}\n", []string{`r.yaml:2: extra: the key a list, must be text`}},
		"an alias":            {"serves: 1\nname: &a b\nextra: [*a]\n", []string{`r.yaml:3: extra[0]: an alias, must be written out`}},
		"a list for text":     {"serves: 1\nname: [x]\n", []string{"r.yaml:2: name: a list, must be text"}},
		"text for a list":     {"serves: 1\ntags: x\n", []string{`r.yaml:2: tags: "x", must be a list, such as [x]`}},
		"text for a mapping":  {"serves: 1\norigin: FR\n", []string{`r.yaml:2: origin: "FR", must be a mapping, with country`}},
		"text for a map":      {"serves: 1\nlabels: x\n", []string{`r.yaml:2: labels: "x", must be a mapping`}},
		"in a map":            {"serves: 1\nlabels: {a: {}}\n", []string{`r.yaml:2: labels.a: a mapping, must be text`}},
		"text for a number":   {"serves: four\n", []string{`r.yaml:1: serves: "four", must be a whole number`}},
		"too large":           {"serves: 99999999999999999999\n", []string{`r.yaml:1: serves: "99999999999999999999", must be a whole number`}},
		"text for a float":    {"serves: 1\nsalt: much\n", []string{`r.yaml:2: salt: "much", must be a number`}},
		"text for a bool":     {"serves: 1\nvegan: perhaps\n", []string{`r.yaml:2: vegan: "perhaps", must be true or false`}},
		"days":                {"serves: 1\nbake: 2d\n", []string{`r.yaml:2: bake: "2d", must be a duration as Go writes them, whose largest unit is h: 2160h are 90 days; did you mean "48h"?`}},
		"a tag":               {"serves: 1\nextra: !!int x\n", []string{"r.yaml:2: extra: cannot decode !!str `x` as a !!int"}},
		"a value":             {"name: a\nserves: 0\n", []string{"r.yaml:2: serves: 0, must be 1 or more"}},
		"what isn't there":    {"name: a\n", []string{"r.yaml:1: serves: 0, must be 1 or more"}},
		"all at once": {"steps:\n- {}\nname: [x]\nlables: {}\nserves: 0\n", []string{
			"r.yaml:2: steps[0].do: it says nothing", "r.yaml:3: name: a list, must be text", `r.yaml:4: unknown field "lables", did you mean "labels"?`, "r.yaml:5: serves: 0, must be 1 or more"}},
		"what only follows from the ill-typed": {"serves: four\n", []string{`r.yaml:1: serves: "four", must be a whole number`}},
		"what only follows from the misspelt":  {"servse: 4\nsteps: [{doo: x}]\n", []string{`r.yaml:1: unknown field "servse", did you mean "serves"?`, `r.yaml:2: unknown field "steps[0].doo", did you mean "do"?`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := decode(row.text)
			if err == nil {
				t.Fatal("it is taken")
			}
			got := strings.Split(err.Error(), "\n")
			if !slices.EqualFunc(got, row.want, strings.HasPrefix) {
				t.Errorf("got\n%s\nwant\n%s", err, strings.Join(row.want, "\n"))
			}
		})
	}
}

func TestMistakesCanBeToldApart(t *testing.T) {
	_, err := decode("name: [x]\nserves: 0\n")
	var first declaration.Mistake
	if !errors.As(err, &first) || first.File != "r.yaml" || first.Line != 1 || first.Path != "name" {
		t.Errorf("got %+v", first)
	}
}

func TestAMistakeWithoutAFile(t *testing.T) {
	var all, part declaration.Mistakes
	part.Add("", errors.New("a"))
	part.Add("[1].x", errors.New("b"))
	part.Add("y", nil)
	all.AddUnder("list", part)
	all.AddUnder("", part)
	if got, want := all.Err().Error(), "a\n[1].x: b\nlist: a\nlist[1].x: b"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if err := (declaration.Mistakes{}).Err(); err != nil {
		t.Errorf("none are %v", err)
	}
	if got := (declaration.Mistake{Line: 3, Path: "x", Err: errors.New("a")}).Error(); got != "line 3: x: a" {
		t.Errorf("got %s", got)
	}
}

func TestJoinedMistakesKeepTheirPaths(t *testing.T) {
	var part, all declaration.Mistakes
	part.Add("b", errors.New("x"))
	all.AddEach("a", problem.Join(part.Err(), fmt.Errorf("y")))
	all.AddEach("c", nil)
	if got, want := all.Err().Error(), "a: y\na.b: x"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestIdentify(t *testing.T) {
	for text, want := range map[string]string{
		"apiVersion: example.com/v1\nkind: Recipe\n":        "",
		"kind: Recipe\nkind: x\napiVersion: example.com/v1": "",
		"\napiVersion: v1\nkind: Secret\n":                  `r.yaml:2: apiVersion "v1", kind "Secret" can't be read here; must be example.com/v1, Recipe`,
		"kind: Secret\n---\nkind: Secret\n":                 `r.yaml:1: apiVersion "", kind "Secret" can't be read here; must be example.com/v1, Recipe`,
		"kind: [a]\n":                                       `r.yaml:1: apiVersion "", kind "" can't be read here; must be example.com/v1, Recipe`,
	} {
		document, err := declaration.Read([]byte(text), "r.yaml", "a recipe")
		if err != nil {
			t.Fatal(err)
		}
		err = document.Identify("example.com/v1", "Recipe")
		if (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

// Whatever a stranger writes: what is taken is what the YAML library reads strictly, and what is
// refused has a line of the file.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		"serves: 4\nsteps:\n- {do: rest, wait: 45m}\n", "a: &a [*a]\n", "? [a]\n: b\n", "<<: {serves: 1}\n", "---\n...\n", "serves: !!str 1\n",
		"labels: {a: b, a: c}\nwine: {year: x}\nextra: {1: {2: 3}}\n", "\xef\xbb\xbfserves: 1\n", "%YAML 1.1\n---\nserves: 0x1\n", "lables: {}\nserves: 0\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := decode(text)
		if err != nil {
			refused(t, text, err)
			return
		}
		want := recipe{common: common{Author: "the house"}}
		decoder := yaml.NewDecoder(bytes.NewReader([]byte(text)))
		decoder.KnownFields(true)
		if err := decoder.Decode(&want); err != nil {
			t.Fatalf("it is taken, and isn't by the library: %v", err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(recipe{}), cmp.Comparer(func(a, b float64) bool { return a == b || a != a && b != b })); diff != "" {
			t.Error("(-want +got)", diff)
		}
	})
}

func refused(t *testing.T, text string, err error) {
	t.Helper()
	for _, one := range problem.Each(err) {
		var mistake declaration.Mistake
		if !errors.As(one, &mistake) || mistake.File != "r.yaml" || mistake.Line < 1 || mistake.Line > strings.Count(text, "\n")+strings.Count(text, "\r")+2 {
			t.Errorf("%v is at no line of the file", one)
		}
	}
}
