package manifest

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// text is what one value was read from.
type text struct {
	// line of its first byte.
	line    int
	content []byte
	// root is read once a line is asked for; nil if it can't be.
	root *yaml.Node
	read bool
}

// largestTree is how large a text may be whose fields are found by line: its tree takes many
// times as much.
const largestTree = 4 << 20

// lineOf is where a field, or the longest part of the way to it that is there, begins.
func (t *text) lineOf(steps []string) int {
	if !t.read {
		t.read = true
		t.root, _ = tree(t.content)
	}
	if t.root == nil {
		return t.line
	}
	line, node := t.root.Line, t.root
	for _, step := range steps {
		key, value := child(node, step)
		if value == nil {
			break
		}
		line, node = key.Line, value
	}
	return t.line + max(line, 1) - 1
}

// tree keeps what the YAML library panics with from ending the run, as toJSON does.
func tree(content []byte) (root *yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			root, err = nil, fmt.Errorf("it can't be read as YAML: %v", r)
		}
	}()
	if len(content) > largestTree {
		return nil, nil
	}
	var document yaml.Node
	if err := yaml.Unmarshal(content, &document); err != nil {
		return nil, err
	}
	if len(document.Content) == 0 {
		return nil, nil
	}
	return document.Content[0], nil
}

// child is an item of a list, or a field of a mapping and its key, the last if it occurs twice;
// nil if there is none.
func child(node *yaml.Node, step string) (key, value *yaml.Node) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind == yaml.SequenceNode {
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(node.Content) {
			return node.Content[i], node.Content[i]
		}
		return nil, nil
	}
	if node.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == step {
			key, value = node.Content[i], node.Content[i+1]
		}
	}
	return key, value
}

// stepsOf are those of a place such as items[2].items[0].
func stepsOf(place string) []string {
	return strings.FieldsFunc(place, func(c rune) bool { return strings.ContainsRune(".[]", c) })
}
