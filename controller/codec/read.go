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

// read gives the one JSON object that data holds, without what is left out.
func read(data []byte, leftOut unread) (map[string]any, error) {
	r := reader{tokens(bytes.NewBuffer(data))}
	if kind := r.PeekKind(); kind != jsontext.KindBeginObject {
		_, err := r.ReadValue()
		if err == nil {
			err = fmt.Errorf("it must be a JSON object, not %s", kind)
		}
		return nil, err
	}
	content, err := r.object(leftOut, true)
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

// object reads an object. At the top, what is left out counts within the items of a list.
func (r reader) object(leftOut unread, top bool) (map[string]any, error) {
	fields := map[string]any{}
	err := r.members(func(name string) (err error) {
		if leftOut.skips(name) {
			return r.SkipValue()
		}
		below := leftOut[name]
		if top && name == "items" {
			below = leftOut
		}
		fields[name], err = r.value(below)
		return err
	})
	return fields, err
}

func (r reader) list(leftOut unread) ([]any, error) {
	if _, err := r.ReadToken(); err != nil {
		return nil, err
	}
	items := []any{}
	for r.PeekKind() != jsontext.KindEndArray {
		item, err := r.value(leftOut)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	_, err := r.ReadToken()
	return items, err
}

func (r reader) value(leftOut unread) (any, error) {
	switch r.PeekKind() {
	case jsontext.KindBeginObject:
		return r.object(leftOut, false)
	case jsontext.KindBeginArray:
		return r.list(leftOut)
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
