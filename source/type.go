package source

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/problem"
)

// Level says who declared a source type. A type of the operator's replaces one of the catalogue
// with the same group and kind.
type Level int

// The levels, lowest first.
const (
	LevelShipped Level = iota
	LevelOperator
)

// Type is a declared kind of source: which resource it is, and how to tell from an object which
// Secrets it asks for. docs/sources/schema.md describes the fields for authors.
type Type struct {
	// ID is its short name, unique within a level.
	ID    string
	Title string
	// Group is the API group, without a version.
	Group, Kind, Resource string
	// Versions are those that it can read, the preferred one first.
	Versions []string
	// Entries is a CEL expression over object and params. It gives a list of maps with hosts, a list
	// of names, secretName, and optionally secretNamespace and section.
	Entries string
	// AnnotationsField is the path of a map of strings, such as spec.annotations, whose keys count as
	// annotations of the object where it has none of that name; "" for none. It is for kinds whose
	// users write no metadata.
	AnnotationsField string
	// OnKindRemoved says what becomes of the Certificates when the cluster stops serving the kind.
	OnKindRemoved Removal
	// Params are values that the operator may set.
	Params []Param
	// CrossNamespace says whether objects may ask for Secrets of other namespaces: never, which is the
	// default, or allowed, where a ReferenceGrant lets them.
	CrossNamespace Crossing
	Cases          []Case

	// Example is an object of the kind, for the documentation page.
	Example map[string]any
	// Notes are remarks, one sentence each.
	Notes []string
	// Docs is the URL of its documentation; Verified says how the declaration was checked.
	Docs, Verified string
	// File is where it was read from.
	File  string
	Level Level

	// compiled is the expression. It is compiled when it is used first, as most clusters have few of the
	// kinds of the catalogue.
	compiled func() (*declaration.Expression, error)
}

// Removal is what becomes of Certificates when their sources are gone with their kind.
type Removal string

// The choices. With Delete, which is the default, a Certificate has an owner reference, by which the
// garbage collector deletes it. With Retain it has none, and stays.
const (
	Delete Removal = "delete"
	Retain Removal = "retain"
)

// CheckRemoval is an error for what isn't one of the choices.
func CheckRemoval(r Removal) error {
	choices := []string{string(Delete), string(Retain)}
	if !slices.Contains(choices, string(r)) {
		return declaration.NoneOf(string(r), choices)
	}
	return nil
}

// Param is a value that an expression reads and the operator may set.
type Param struct {
	Name    string `json:"name"              yaml:"name"`
	Default string `json:"default,omitempty" yaml:"default"`
	Doc     string `json:"doc,omitempty"     yaml:"doc"`
}

// By names the type and its origin, such as catalogue/contour-httpproxy.
func (t Type) By() string {
	if t.Level == LevelShipped {
		return "catalogue/" + t.ID
	}
	return "file/" + t.ID
}

// Crossing says whether the objects of a declared kind may ask for Secrets of other namespaces.
type Crossing string

// The values of Crossing.
const (
	CrossingNever   Crossing = "never"
	CrossingAllowed Crossing = "allowed"
)

// GroupKind is the kind that the type declares.
func (t Type) GroupKind() GroupKind { return GroupKind{Group: t.Group, Kind: t.Kind} }

// CRD is the name of the CustomResourceDefinition of the kind.
func (t Type) CRD() string { return t.Resource + "." + t.Group }

// Reads are the paths of an object that the expression may read, up to the first list. Of one that
// can't be compiled it is the whole object, by an empty path.
func (t Type) Reads() []string {
	expression, err := t.compiled()
	if err != nil {
		return []string{""}
	}
	return t.withAnnotations(expression.Reads(objectVariable))
}

// withAnnotations adds the field of annotations to sorted paths, unless it lies within one of them.
func (t Type) withAnnotations(paths []string) []string {
	field := t.AnnotationsField
	isRead := slices.ContainsFunc(paths, func(path string) bool { return path == "" || path == field || strings.HasPrefix(field, path+".") })
	if field == "" || isRead {
		return paths
	}
	return slices.Sorted(slices.Values(append(paths, field)))
}

// Fields are the paths of all fields of an object that the expression names; [] stands behind a list,
// as in spec.tls[].hosts. The error is that of an expression that can't be compiled.
func (t Type) Fields() ([]string, error) {
	expression, err := t.compiled()
	if err != nil {
		return nil, err
	}
	return t.withAnnotations(expression.Fields(objectVariable)), nil
}

// The variables of an expression.
const (
	objectVariable = "object"
	paramsVariable = "params"
)

// mappings compiles the expressions of types. The largest Gateway that an API server takes, 64
// listeners with 64 references each, takes some 430,000 steps in its declared form; what runs into
// the bound ends within a tenth of a second.
var mappings = declaration.NewMappings(declaration.Bounds{Length: 4 << 10, Cost: 1_000_000},
	[]string{objectVariable, paramsVariable},
	declaration.TextFunction{Name: "traefikHosts", Call: traefikHosts},
)

// mistakes are all that is wrong with a type.
func (t *Type) mistakes() declaration.Mistakes {
	all := t.formMistakes()
	_, err := t.compiled()
	all.Add("spec.entries", err)
	return all
}

// formMistakes are those for which the expression need not be compiled.
func (t *Type) formMistakes() declaration.Mistakes {
	var all declaration.Mistakes
	all.Addf(!isSubdomain(t.ID), "metadata.name", "%s is no short name, which has lower-case letters, digits, '-' and '.', such as corp-proxy", problem.Quote(t.ID))
	all.AddUnder("spec", t.identityMistakes())
	all.Addf(t.AnnotationsField != "" && !isFieldPath(t.AnnotationsField), "spec.annotationsField",
		"%s is no path of a field outside of metadata, such as spec.annotations", problem.Quote(t.AnnotationsField))
	all.Add("spec.onKindRemoved", CheckRemoval(t.OnKindRemoved))
	if crossings := []Crossing{CrossingNever, CrossingAllowed}; t.CrossNamespace != "" && !slices.Contains(crossings, t.CrossNamespace) {
		all.Add("spec.crossNamespace", declaration.NoneOf(t.CrossNamespace, crossings))
	}
	all.AddUnder("spec.params", t.paramMistakes())
	all.AddUnder("spec.tests", declaration.CheckCases(t.Cases))
	for i, c := range t.Cases {
		all.AddUnder(fmt.Sprintf("spec.tests[%d]", i), t.caseMistakes(c))
	}
	return all
}

func (t *Type) identityMistakes() declaration.Mistakes {
	var all declaration.Mistakes
	all.Addf(!isSubdomain(t.Group), "group", "%s is no API group; it is written without a version, such as projectcontour.io", problem.Quote(t.Group))
	_, builtin := Builtin().Lookup(t.Group, t.Kind)
	all.Addf(builtin, "kind", "%s of group %s is built in and can't be declared", t.Kind, t.Group)
	all.Addf(!isKind(t.Kind), "kind", "%s is no kind; it is written in CamelCase, such as HTTPProxy", problem.Quote(t.Kind))
	all.Addf(!isSubdomain(t.Resource), "resource", "%s is no resource; it is the plural of the kind, in lower case, such as httpproxies", problem.Quote(t.Resource))
	if len(t.Versions) == 0 {
		all.Add("versions", errors.New("it names no version, such as v1"))
	}
	for i, version := range t.Versions {
		path := fmt.Sprintf("versions[%d]", i)
		all.Addf(!isSubdomain(version), path, "%s is no version; it is written without the group, such as v1", problem.Quote(version))
		all.Addf(slices.Contains(t.Versions[:i], version), path, "%s occurs twice", problem.Quote(version))
	}
	return all
}

func (t *Type) paramMistakes() declaration.Mistakes {
	var all declaration.Mistakes
	for i, param := range t.Params {
		path := fmt.Sprintf("[%d].name", i)
		all.Addf(param.Name == "" || strings.ContainsFunc(param.Name, notInParam), path, "%s is no name of a parameter, which has letters and digits, such as secretNamespace", problem.Quote(param.Name))
		all.Addf(slices.ContainsFunc(t.Params[:i], func(before Param) bool { return before.Name == param.Name }), path, "%s occurs twice", problem.Quote(param.Name))
	}
	return all
}

func notInParam(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9')
}

// checkParams says which of the values that are given the type has no parameter for.
func (t *Type) checkParams(given map[string]string) declaration.Mistakes {
	var all declaration.Mistakes
	names := make([]string, len(t.Params))
	for i, param := range t.Params {
		names[i] = param.Name
	}
	for name := range given {
		switch {
		case slices.Contains(names, name):
		case len(names) == 0:
			all.Add(name, errors.New("the source type has no parameters"))
		default:
			all.Add(name, declaration.NoneOf(name, names))
		}
	}
	return all
}

// params are the values for an expression: those that are given, over the defaults.
func (t *Type) params(given map[string]string) map[string]any {
	values := make(map[string]any, len(t.Params))
	for _, param := range t.Params {
		values[param.Name] = param.Default
		if value, is := given[param.Name]; is {
			values[param.Name] = value
		}
	}
	return values
}

// isFieldPath says whether a text is a path of names outside of metadata.
func isFieldPath(text string) bool {
	return fieldPath.MatchString(text) && !strings.HasPrefix(text, "metadata.")
}

var fieldPath = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)+$`)

func isSubdomain(text string) bool { return len(validation.IsDNS1123Subdomain(text)) == 0 }

func isNamespace(text string) bool { return len(validation.IsDNS1123Label(text)) == 0 }

func isKind(text string) bool {
	return text != "" && text[0] >= 'A' && text[0] <= 'Z' && !strings.ContainsFunc(text, notInParam)
}
