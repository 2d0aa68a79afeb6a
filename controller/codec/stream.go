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

// framer cuts a watch into its events, which are JSON values one after another.
type framer struct{}

func (framer) NewFrameReader(r io.ReadCloser) io.ReadCloser {
	source := &source{Reader: r}
	return &frames{Closer: r, source: source, decoder: tokens(source)}
}

// NewFrameWriter is for servers.
func (framer) NewFrameWriter(w io.Writer) io.Writer { return w }

type frames struct {
	io.Closer
	source  *source
	decoder *jsontext.Decoder
	// rest of a frame that the reader's buffer was too short for.
	rest []byte
}

// Read gives one whole frame, or, with [io.ErrShortBuffer], a piece of one.
func (f *frames) Read(p []byte) (int, error) {
	if len(f.rest) == 0 {
		value, err := f.decoder.ReadValue()
		if err != nil {
			return 0, f.source.cause(err)
		}
		f.rest = value
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	if len(f.rest) > 0 {
		return n, io.ErrShortBuffer
	}
	return n, nil
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

// events decodes the envelope of a watch event; the object in it stays bytes, which last
// until the next event is read.
type events struct{ runtime.Serializer }

func (e events) Decode(data []byte, defaults *schema.GroupVersionKind, into runtime.Object) (runtime.Object, *schema.GroupVersionKind, error) {
	event, isEvent := into.(*metav1.WatchEvent)
	if !isEvent {
		return e.Serializer.Decode(data, defaults, into)
	}
	if err := readEvent(data, event); err != nil {
		return nil, nil, fmt.Errorf("a watch event of the API server can't be read: %w", err)
	}
	return event, nil, nil
}

func readEvent(data []byte, event *metav1.WatchEvent) error {
	r := reader{tokens(bytes.NewBuffer(data))}
	if kind := r.PeekKind(); kind != jsontext.KindBeginObject {
		return fmt.Errorf("it must be a JSON object, not %s", kind)
	}
	return r.members(func(name string) error {
		value, err := r.ReadValue()
		if err != nil {
			return err
		}
		switch name {
		case "type":
			text, err := jsontext.AppendUnquote(nil, value)
			if err != nil {
				return fmt.Errorf("type must be a string, not %s", value.Kind())
			}
			event.Type = string(text)
		case "object":
			end := r.InputOffset()
			event.Object.Raw = data[end-int64(len(value)) : end]
		}
		return nil
	})
}
