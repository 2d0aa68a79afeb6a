package simulated

import (
	"context"
	"encoding/json"
	"io"
	"strconv"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
)

// stream is the body of a watch. It waits on channels alone, as simulated time needs it.
type stream struct {
	ctx       context.Context
	namespace string
	shape     func(*unstructured.Unstructured) map[string]any
	// more has a token while there may be something to read.
	more  chan struct{}
	timer *time.Timer
	close func(*stream)

	lock    sync.Mutex
	pending []byte
	ended   bool
}

// Read implements [io.Reader].
func (s *stream) Read(p []byte) (int, error) {
	for {
		s.lock.Lock()
		n, ended := copy(p, s.pending), s.ended
		s.pending = s.pending[n:]
		s.lock.Unlock()
		switch {
		case n > 0:
			return n, nil
		case ended:
			return 0, io.EOF
		}
		select {
		case <-s.more:
		case <-s.ctx.Done():
			return 0, s.ctx.Err()
		}
	}
}

// Close implements [io.Closer].
func (s *stream) Close() error {
	s.end()
	s.close(s)
	return nil
}

// send adds an event, if it is of this watch.
func (s *stream) send(e event) {
	if s.namespace != "" && e.object.GetNamespace() != s.namespace {
		return
	}
	s.write(e.kind, s.shape(e.object))
}

// bookmark tells how far the watch has come.
func (s *stream) bookmark(kind map[string]any, revision int64, initialEnd bool) {
	metadata := map[string]any{"resourceVersion": strconv.FormatInt(revision, 10)}
	if initialEnd {
		metadata["annotations"] = map[string]any{metav1.InitialEventsAnnotationKey: "true"}
	}
	kind["metadata"] = metadata
	s.write(watch.Bookmark, kind)
}

func (s *stream) write(kind watch.EventType, object map[string]any) {
	line, err := json.Marshal(map[string]any{"type": kind, "object": object})
	if err != nil {
		panic(err)
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	if !s.ended {
		s.pending = append(append(s.pending, line...), '\n')
	}
	s.wake()
}

// end lets what was sent be read, and then the watch end.
func (s *stream) end() {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.ended = true
	s.timer.Stop()
	s.wake()
}

func (s *stream) wake() {
	select {
	case s.more <- struct{}{}:
	default:
	}
}
