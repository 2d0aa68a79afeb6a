package certificate

import (
	"bytes"
	"hash/maphash"
	"iter"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// scanner walks through JSON without building it. A walk into what is not there, such as
// the members of a list, finds nothing. After an error all that follows is empty.
type scanner struct {
	decoder jsontext.Decoder
	buffer  bytes.Buffer
	data    []byte
	// unquoted is the last text that had to be unquoted.
	unquoted []byte
	err      error
}

// on begins with other JSON.
func (s *scanner) on(data []byte) *scanner {
	s.data, s.buffer, s.err = data, *bytes.NewBuffer(data), nil
	s.decoder.Reset(&s.buffer, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	return s
}

// kind is that of the value that comes next.
func (s *scanner) kind() jsontext.Kind {
	if s.err != nil {
		return jsontext.KindInvalid
	}
	return s.decoder.PeekKind()
}

// value reads a whole value and gives its JSON.
func (s *scanner) value() []byte {
	if s.err != nil {
		return nil
	}
	value, err := s.decoder.ReadValue()
	s.err = err
	end := s.decoder.InputOffset()
	return s.data[end-int64(len(value)) : end]
}

// text reads a value and gives its text, nil for any but a string. It lasts until the next.
func (s *scanner) text() []byte {
	isString := s.kind() == jsontext.KindString
	value := s.value()
	switch {
	case !isString || s.err != nil:
		return nil
	case bytes.IndexByte(value, '\\') < 0 && utf8.Valid(value):
		return value[1 : len(value)-1]
	}
	// Its error tells of invalid UTF-8, which it replaces.
	s.unquoted, _ = jsontext.AppendUnquote(s.unquoted[:0], value)
	return s.unquoted
}

// members goes through an object. The body of the loop reads the value of each name, which
// lasts until then.
func (s *scanner) members() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for range s.within(jsontext.KindBeginObject, jsontext.KindEndObject) {
			if !yield(s.text()) {
				return
			}
		}
	}
}

// items goes through a list. The body of the loop reads each item.
func (s *scanner) items() iter.Seq[struct{}] {
	return s.within(jsontext.KindBeginArray, jsontext.KindEndArray)
}

func (s *scanner) within(begin, end jsontext.Kind) iter.Seq[struct{}] {
	return func(yield func(struct{}) bool) {
		if s.kind() != begin {
			s.value()
			return
		}
		s.token()
		for s.err == nil && s.kind() != end {
			if !yield(struct{}{}) {
				return
			}
		}
		s.token()
	}
}

func (s *scanner) token() {
	if s.err == nil {
		_, s.err = s.decoder.ReadToken()
	}
}

// keep reads a value and gives its text, empty for any but a string, and its hash.
func (s *scanner) keep() (text string, hash uint64) {
	if s.kind() != jsontext.KindString {
		return "", s.hash()
	}
	text = string(s.text())
	return text, hashText(text)
}

// hash reads a value and gives what [hashValue] gives for it once it is decoded.
func (s *scanner) hash() uint64 {
	switch kind := s.kind(); kind {
	case jsontext.KindString:
		return mix(hashString, maphash.Bytes(seed, s.text()))
	case jsontext.KindTrue, jsontext.KindFalse:
		s.value()
		return hashTruth(kind == jsontext.KindTrue)
	case jsontext.KindNumber:
		return hashDigits(string(s.value()))
	case jsontext.KindBeginArray:
		sum := hashList
		for range s.items() {
			sum = mix(sum, s.hash())
		}
		return sum
	case jsontext.KindBeginObject:
		sum := hashMap
		for name := range s.members() {
			member := maphash.Bytes(seed, name)
			sum += mix(member, s.hash())
		}
		return sum
	default:
		s.value()
		return hashNull
	}
}

// hashDigits is the hash of a number as JSON writes it.
func hashDigits(text string) uint64 {
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil {
		return mix(hashNumber, uint64(whole))
	}
	// What is too large for a float is infinite.
	fraction, _ := strconv.ParseFloat(text, 64)
	return hashFloating(fraction)
}

// owned goes through a fieldsV1. It calls visit with the path of each field that is owned:
// for one that holds others, and is owned beside them, as a container. It gives the number
// of elements at the top.
func (s *scanner) owned(at uint64, visit func(path uint64, container bool)) (elements int) {
	for element := range s.members() {
		elements++
		if string(element) == "." {
			s.value()
			visit(at, true)
			continue
		}
		if path := hashElement(at, element); s.owned(path, visit) == 0 {
			visit(path, false)
		}
	}
	return elements
}
