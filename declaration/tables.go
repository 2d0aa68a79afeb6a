package declaration

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"
)

// Table is a mapping of texts, under its name in a text of YAML.
type Table struct {
	Name string
	Rows map[string]string
	// Mistakes are what is wrong in it; their paths are the keys of rows.
	Mistakes Mistakes
}

// ReadTables reads a text that holds one YAML mapping of names to tables, in the order in which it has
// them. Values are what stands there: numbers and words such as true needn't be in quotes. Aliases,
// anchors and repeated names and keys are mistakes. An error means that nothing of the text counts.
func ReadTables(text string, most int) ([]Table, error) {
	root, err := onlyDocument(text)
	if err != nil {
		return nil, err
	}
	if err := plainMapping(root, "names to mappings"); err != nil {
		return nil, Mistake{Line: root.Line, Err: err}
	}
	if count := len(root.Content) / 2; count > most {
		return nil, Mistake{Line: root.Line, Err: fmt.Errorf("%d names, must be at most %d", count, most)}
	}
	return tablesOf(root)
}

// onlyDocument is the one that a text holds.
func onlyDocument(text string) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(text)))
	var first, second yaml.Node
	var none Document
	switch err := decoder.Decode(&first); {
	case errors.Is(err, io.EOF):
		return nil, Mistake{Line: 1, Err: errors.New("nothing is written, must be a mapping of names to mappings")}
	case err != nil:
		return nil, none.unreadable([]byte(text), err)
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		return nil, Mistake{Line: max(second.Line, 1), Err: errors.New("another document follows, must be one")}
	case !errors.Is(err, io.EOF):
		return nil, none.unreadable([]byte(text), err)
	}
	return first.Content[0], nil
}

func tablesOf(root *yaml.Node) ([]Table, error) {
	var tables []Table
	lines := map[string]int{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		if err := plainKey(key); err != nil {
			return nil, Mistake{Line: key.Line, Err: err}
		}
		if line, repeated := lines[key.Value]; repeated {
			return nil, Mistake{Line: key.Line, Path: key.Value, Err: fmt.Errorf("repeated, it is there already at line %d", line)}
		}
		lines[key.Value] = key.Line
		tables = append(tables, tableOf(key.Value, value))
	}
	return tables, nil
}

func tableOf(name string, node *yaml.Node) Table {
	table := Table{Name: name, Rows: map[string]string{}}
	wrong := func(at *yaml.Node, path string, err error) {
		table.Mistakes = append(table.Mistakes, Mistake{Line: at.Line, Path: path, Err: err})
	}
	if err := plainMapping(node, "keys to texts"); err != nil {
		wrong(node, "", err)
		return table
	}
	lines := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if err := plainKey(key); err != nil {
			wrong(key, "", err)
			continue
		}
		if line, repeated := lines[key.Value]; repeated {
			wrong(key, key.Value, fmt.Errorf("repeated, it is there already at line %d", line))
			continue
		}
		lines[key.Value] = key.Line
		if err := plainText(value); err != nil {
			wrong(value, key.Value, err)
			continue
		}
		table.Rows[key.Value] = value.Value
	}
	return table
}

// plainMapping wants a mapping of a kind, without an anchor, a tag or anything merged into it.
func plainMapping(node *yaml.Node, of string) error {
	switch {
	case node.Kind == yaml.AliasNode:
		return errors.New("an alias, must be written out")
	case node.Kind != yaml.MappingNode:
		return fmt.Errorf("%s, must be a mapping of %s", describe(node), of)
	}
	return unadorned(node, "!!map")
}

func plainKey(node *yaml.Node) error {
	if node.Kind != yaml.ScalarNode || node.Value == "" || node.ShortTag() == "!!merge" {
		return fmt.Errorf("the key %s, must be text", describe(node))
	}
	return unadorned(node, plainTags()...)
}

func plainText(node *yaml.Node) error {
	switch {
	case node.Kind == yaml.AliasNode:
		return errors.New("an alias, must be written out")
	case node.Kind != yaml.ScalarNode:
		return fmt.Errorf("%s, must be text: put it in quotes, or behind | on lines of its own", describe(node))
	case node.ShortTag() == "!!null":
		return errors.New("no value, must be text")
	}
	return unadorned(node, plainTags()...)
}

// plainTags are those of scalars that people write without a tag.
func plainTags() []string {
	return []string{"!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp"}
}

// unadorned wants a node without an anchor, and with one of these tags.
func unadorned(node *yaml.Node, tags ...string) error {
	switch {
	case node.Anchor != "":
		return errors.New("an anchor, must be left out")
	case !slices.Contains(tags, node.ShortTag()) || node.Style&yaml.TaggedStyle != 0:
		return errors.New("a tag, must be left out")
	}
	return nil
}

// Keys of the rows, sorted.
func (t Table) Keys() []string { return slices.Sorted(maps.Keys(t.Rows)) }
