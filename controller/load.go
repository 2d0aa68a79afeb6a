package controller

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// LoadConfiguration reads the operator's file over [DefaultConfiguration]. It is strict:
// every unknown, repeated or ill-typed field is an error that begins with name:line, and
// all of them are told at once.
func LoadConfiguration(data []byte, name string) (Configuration, error) {
	configuration := DefaultConfiguration()
	configuration.APIVersion, configuration.Kind = "", ""
	root, err := oneDocument(data)
	if err != nil {
		return configuration, inFile(name, err)
	}
	if unknown := unknownFields(root, reflect.TypeFor[Configuration](), ""); len(unknown) > 0 {
		return configuration, inFile(name, errors.Join(unknown...))
	}
	if err := root.Decode(&configuration); err != nil {
		return configuration, inFile(name, err)
	}
	return configuration, inFile(name, configuration.Validate())
}

// oneDocument gives the content of the only document.
func oneDocument(data []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	switch err := decoder.Decode(&first); {
	case errors.Is(err, io.EOF):
		return nil, errors.New("line 1: the file is empty, must hold a " + ConfigurationKind)
	case err != nil:
		return nil, err
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("line %d: a second document, must be one", second.Line)
	}
	return first.Content[0], nil
}

// unknownFields finds the keys of a mapping that the Go type has no field for.
func unknownFields(node *yaml.Node, t reflect.Type, path string) []error {
	if t.Kind() == reflect.Slice && node.Kind == yaml.SequenceNode {
		return unknownInItems(node, t.Elem(), path)
	}
	if t.Kind() != reflect.Struct || node.Kind != yaml.MappingNode {
		return nil
	}
	fields := yamlFields(t)
	var errs []error
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if field, known := fields[key.Value]; known {
			errs = append(errs, unknownFields(value, field, path+key.Value+".")...)
			continue
		}
		errs = append(errs, unknownField(key, path, fields))
	}
	return errs
}

func unknownInItems(node *yaml.Node, item reflect.Type, path string) []error {
	var errs []error
	for i, content := range node.Content {
		errs = append(errs, unknownFields(content, item, fmt.Sprintf("%s[%d].", strings.TrimSuffix(path, "."), i))...)
	}
	return errs
}

func unknownField(key *yaml.Node, path string, fields map[string]reflect.Type) error {
	message := fmt.Sprintf("line %d: unknown field %q", key.Line, path+key.Value)
	known := make([]string, 0, len(fields))
	for name := range fields {
		known = append(known, name)
	}
	if nearest := nearest(key.Value, known); nearest != "" {
		message += fmt.Sprintf(", did you mean %q?", path+nearest)
	}
	return errors.New(message)
}

// nearest is the known name that is at most a third of its letters away, or "".
func nearest(name string, known []string) string {
	best, bestDistance := "", 0
	for _, candidate := range slices.Sorted(slices.Values(known)) {
		distance := editDistance(strings.ToLower(name), strings.ToLower(candidate))
		if distance <= max(1, len(candidate)/3) && (best == "" || distance < bestDistance) {
			best, bestDistance = candidate, distance
		}
	}
	return best
}

// editDistance is Levenshtein's, in bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

func yamlFields(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for field := range t.Fields() {
		name, option, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		if option == "inline" {
			maps.Copy(fields, yamlFields(field.Type))
			continue
		}
		fields[name] = field.Type
	}
	return fields
}

// inFile puts the file's name before every line of an error, in the form that editors
// jump to.
func inFile(name string, err error) error {
	if err == nil {
		return nil
	}
	var errs []error
	for line := range strings.SplitSeq(err.Error(), "\n") {
		line = strings.TrimPrefix(strings.TrimSpace(line), "yaml: ")
		if number, rest, found := strings.Cut(strings.TrimPrefix(line, "line "), ": "); found && strings.HasPrefix(line, "line ") {
			line = number + ": " + rest
			errs = append(errs, errors.New(name+":"+line))
		} else if line != "unmarshal errors:" {
			errs = append(errs, errors.New(name+": "+line))
		}
	}
	return errors.Join(errs...)
}

// UnmarshalYAML reads a duration in Go's form.
func (d *Duration) UnmarshalYAML(node *yaml.Node) error {
	parsed, err := time.ParseDuration(node.Value)
	if err != nil {
		return fmt.Errorf("line %d: %q is no duration, must be one such as 15s", node.Line, node.Value)
	}
	*d = Duration(parsed)
	return nil
}

// MarshalYAML writes a duration in Go's form.
func (d Duration) MarshalYAML() (any, error) { return time.Duration(d).String(), nil }
