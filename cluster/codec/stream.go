package codec

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// framer cuts a watch into its events, which are JSON values one after another. It reads their
// envelope in the same pass: a frame is the event's object, a newline, and the event's type.
type framer struct{}

func (framer) NewFrameReader(r io.ReadCloser) io.ReadCloser {
	source := &source{Reader: r}
	return &frames{Closer: r, source: source, reader: reader{tokens(source)}}
}

// NewFrameWriter is for servers.
func (framer) NewFrameWriter(w io.Writer) io.Writer { return w }

type frames struct {
	io.Closer
	source *source
	reader
	// frame is the last one, and rest what the caller's buffer was too short for.
	frame, rest []byte
}

// Read gives one whole frame, or, with [io.ErrShortBuffer], a piece of one.
func (f *frames) Read(p []byte) (int, error) {
	if len(f.rest) == 0 {
		if err := f.next(); err != nil {
			return 0, f.source.cause(err)
		}
		f.rest = f.frame
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	if len(f.rest) > 0 {
		return n, io.ErrShortBuffer
	}
	return n, nil
}

// next reads an event into the frame.
func (f *frames) next() error {
	switch kind := f.PeekKind(); kind {
	case jsontext.KindBeginObject:
	case jsontext.KindInvalid:
		_, err := f.ReadToken()
		return err
	default:
		return fmt.Errorf("a watch event of the API server must be a JSON object, not %s", kind)
	}
	f.frame = f.frame[:0]
	eventType := jsontext.Value(`""`)
	err := f.members(func(name string) error {
		value, err := f.ReadValue()
		switch {
		case err != nil:
			return err
		case name == "object":
			f.frame = append(f.frame[:0], value...)
		case name != "type":
		case value.Kind() != jsontext.KindString:
			return fmt.Errorf("type of a watch event must be a string, not %s", value.Kind())
		default:
			eventType = value.Clone()
		}
		return nil
	})
	f.frame = append(append(f.frame, '\n'), eventType...)
	return err
}

// source remembers why a stream ended. The tokenizer wraps that, but client-go knows by the
// bare error whether a connection broke, and the watch is simply taken up again.
type source struct {
	io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil {
		s.err = err
	}
	return n, err
}

func (s *source) cause(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return io.ErrUnexpectedEOF
	case s.err != nil && !errors.Is(s.err, io.EOF):
		return s.err
	}
	return err
}

// events decodes a frame; the object in it stays bytes, which last until the next event is read.
type events struct{ runtime.Serializer }

func (e events) Decode(data []byte, defaults *schema.GroupVersionKind, into runtime.Object) (runtime.Object, *schema.GroupVersionKind, error) {
	event, isEvent := into.(*metav1.WatchEvent)
	if !isEvent {
		return e.Serializer.Decode(data, defaults, into)
	}
	end := bytes.LastIndexByte(data, '\n')
	eventType, err := jsontext.AppendUnquote(nil, data[end+1:])
	if err != nil {
		return nil, nil, fmt.Errorf("the type of a watch event of the API server can't be read: %w", err)
	}
	event.Type, event.Object.Raw = string(eventType), data[:max(end, 0)]
	return event, nil, nil
}
