package codec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// tokens takes what client-go's decoder takes: of a name that occurs twice the last value
// counts, and bytes that are no UTF-8 become U+FFFD.
func tokens(r io.Reader) *jsontext.Decoder {
	return jsontext.NewDecoder(r, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// reader builds values as an unstructured object holds them: int64 for a number that is
// one, float64 for any other.
type reader struct{ *jsontext.Decoder }

// read gives the one JSON object that data holds, of its fields those that are selected. None
// means all, here as below.
func read(data []byte, selected fields) (map[string]any, error) {
	r := reader{tokens(bytes.NewBuffer(data))}
	if kind := r.PeekKind(); kind != jsontext.KindBeginObject {
		_, err := r.ReadValue()
		if err == nil {
			err = fmt.Errorf("it must be a JSON object, not %s", kind)
		}
		return nil, err
	}
	content, err := r.object(selected, true)
	if err != nil {
		return nil, err
	}
	if _, err := r.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("something follows the object at byte %d", r.InputOffset())
	}
	return content, nil
}

// members goes through an object; field reads the value of each name.
func (r reader) members(field func(name string) error) error {
	if _, err := r.ReadToken(); err != nil {
		return err
	}
	for r.PeekKind() != jsontext.KindEndObject {
		name, err := r.ReadToken()
		if err != nil {
			return err
		}
		if err := field(name.String()); err != nil {
			return err
		}
	}
	_, err := r.ReadToken()
	return err
}

// object reads an object. At the top, the selection counts within the items of a list.
func (r reader) object(selected fields, top bool) (map[string]any, error) {
	object := map[string]any{}
	err := r.members(func(name string) (err error) {
		below, found := selected[name]
		switch {
		case top && name == "items" && r.PeekKind() == jsontext.KindBeginArray:
			below = selected
		case len(selected) > 0 && !found:
			delete(object, name)
			return r.SkipValue()
		}
		object[name], err = r.value(below)
		return err
	})
	return object, err
}

func (r reader) list(selected fields) ([]any, error) {
	if _, err := r.ReadToken(); err != nil {
		return nil, err
	}
	items := []any{}
	for r.PeekKind() != jsontext.KindEndArray {
		item, err := r.value(selected)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	_, err := r.ReadToken()
	return items, err
}

func (r reader) value(selected fields) (any, error) {
	switch r.PeekKind() {
	case jsontext.KindBeginObject:
		return r.object(selected, false)
	case jsontext.KindBeginArray:
		return r.list(selected)
	default:
		return r.scalar()
	}
}

func (r reader) scalar() (any, error) {
	token, err := r.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case jsontext.KindString:
		return token.String(), nil
	case jsontext.KindTrue, jsontext.KindFalse:
		return token.Bool(), nil
	case jsontext.KindNumber:
		return number(token.String())
	default:
		return nil, nil
	}
}

func number(text string) (any, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	return strconv.ParseFloat(text, 64)
}
