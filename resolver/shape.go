package resolver

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/certshim/certshim/problem"
)

// misshapen finds what a Go type has no place for: unknown fields, and values of another
// form.
func misshapen(node *yaml.Node, t reflect.Type, path string) []error {
	if stands, ok := standIns[t]; ok {
		t = stands
	}
	switch kind := t.Kind(); {
	case node.Kind == yaml.AliasNode:
		return []error{fmt.Errorf("line %d: %s: an alias, which isn't read here", node.Line, path)}
	case kind == reflect.Pointer:
		return misshapen(node, t.Elem(), path)
	case kind == reflect.Slice && node.Kind == yaml.SequenceNode:
		var errs []error
		for i, item := range node.Content {
			errs = append(errs, misshapen(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i))...)
		}
		return errs
	case kind == reflect.Struct && node.Kind == yaml.MappingNode:
		return misshapenFields(node, yamlFields(t), path)
	}
	if err := node.Decode(reflect.New(t).Interface()); err != nil {
		return []error{illTyped(node, t, path, err)}
	}
	return nil
}

func misshapenFields(node *yaml.Node, fields map[string]reflect.Type, path string) []error {
	var errs []error
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		field, known := fields[key.Value]
		if !known {
			errs = append(errs, unknownField(key, path, fields))
			continue
		}
		errs = append(errs, misshapen(value, field, strings.TrimPrefix(path+"."+key.Value, "."))...)
	}
	return errs
}

// unknownField says which one is meant, or which there are.
func unknownField(key *yaml.Node, path string, fields map[string]reflect.Type) error {
	names := slices.Sorted(maps.Keys(fields))
	hint := "; the fields here are " + strings.Join(names, ", ")
	if near := nearest(key.Value, names); near != "" {
		hint = fmt.Sprintf(", did you mean %q?", near)
	}
	return fmt.Errorf("line %d: unknown field %q%s", key.Line, strings.TrimPrefix(path+"."+key.Value, "."), hint)
}

// illTyped says what a value is, and what it must be.
func illTyped(node *yaml.Node, t reflect.Type, path string, err error) error {
	is := cmp.Or(map[yaml.Kind]string{yaml.MappingNode: "a mapping", yaml.SequenceNode: "a list"}[node.Kind], problem.Quote(node.Value))
	must := ""
	switch kind := t.Kind(); {
	case t == reflect.TypeFor[time.Duration]():
		must = "a duration as Go writes them, whose largest unit is h: 2160h are 90 days" + meantDays(node.Value)
	case kind == reflect.Slice:
		must = "a list, such as [" + orElse(node.Value, "…") + "]"
	case kind == reflect.Struct:
		must = "a mapping, with " + strings.Join(slices.Sorted(maps.Keys(yamlFields(t))), ", ")
	case kind == reflect.Bool:
		must = "true or false"
	case kind == reflect.Int:
		must = "a whole number"
	case kind == reflect.String:
		must = "text"
	default:
		// What repeats a key, or is deeper inside an object that has no form.
		return errors.New(strings.TrimPrefix(strings.TrimPrefix(err.Error(), "yaml: "), "unmarshal errors:\n"))
	}
	return fmt.Errorf("line %d: %s: %s, must be %s", node.Line, path, is, must)
}

// meantDays is the hint for what is written in days.
func meantDays(text string) string {
	number, cut := strings.CutSuffix(text, "d")
	days, err := strconv.ParseUint(number, 10, 16)
	if !cut || err != nil {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", strconv.FormatUint(days*24, 10)+"h")
}

// yamlFields are the fields of a struct by their names in a file, those of embedded
// structs included.
func yamlFields(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for field := range t.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		if options == "inline" {
			maps.Copy(fields, yamlFields(field.Type))
		} else if name != "-" {
			fields[name] = field.Type
		}
	}
	return fields
}

// standIns have the fields of types that are maps in Go.
var standIns = map[reflect.Type]reflect.Type{reflect.TypeFor[CertificateSpec](): reflect.TypeFor[certificateShape]()}

// certificateShape is the spec of a Certificate: what rules read is typed, the rest of the
// CRD's fields are there to be known.
type certificateShape struct {
	CommonName     string        `yaml:"commonName"`
	DNSNames       []string      `yaml:"dnsNames"`
	IPAddresses    []string      `yaml:"ipAddresses"`
	URIs           []string      `yaml:"uris"`
	EmailAddresses []string      `yaml:"emailAddresses"`
	OtherNames     []any         `yaml:"otherNames"`
	Duration       time.Duration `yaml:"duration"`
	RenewBefore    time.Duration `yaml:"renewBefore"`
	Usages         []string      `yaml:"usages"`
	IsCA           bool          `yaml:"isCA"`
	PrivateKey     struct {
		Algorithm      string `yaml:"algorithm"`
		Size           int    `yaml:"size"`
		Encoding       any    `yaml:"encoding"`
		RotationPolicy any    `yaml:"rotationPolicy"`
	} `yaml:"privateKey"`

	AdditionalOutputFormats any `yaml:"additionalOutputFormats"`
	EncodeUsagesInRequest   any `yaml:"encodeUsagesInRequest"`
	IssuerRef               any `yaml:"issuerRef"`
	Keystores               any `yaml:"keystores"`
	LiteralSubject          any `yaml:"literalSubject"`
	NameConstraints         any `yaml:"nameConstraints"`
	RenewBeforePercentage   any `yaml:"renewBeforePercentage"`
	RevisionHistoryLimit    any `yaml:"revisionHistoryLimit"`
	SecretName              any `yaml:"secretName"`
	SecretTemplate          any `yaml:"secretTemplate"`
	SignatureAlgorithm      any `yaml:"signatureAlgorithm"`
	Subject                 any `yaml:"subject"`
}
