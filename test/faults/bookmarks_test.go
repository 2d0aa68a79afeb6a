package faults

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Bookmarks of watches are lost. The first of each resource, which says that all objects were sent, is missed at once: the watch begins anew
// when it has ended. A later one is missed when the watch ends: the server doesn't know the version any more from which it is to go on, and
// all is read again.
func TestBookmarksThatAreLost(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	lost := &bookmarks{link: s.link, began: map[string]bool{}, lost: map[string]bool{}}
	s.link.put(lost.lose)
	s.start(t)
	s.play(t, s.namespace, edits())
	s.await(t, "a bookmark to be missed at the end of a watch", func() error {
		if !lost.missed() {
			return errors.New("none was")
		}
		return nil
	})
	s.heals()
	s.check(t, "bookmarks lost", s.link.strikes())
}

// bookmarks are those that are lost on a link.
type bookmarks struct {
	link *link

	lock sync.Mutex
	// began has the paths whose first bookmark is lost already, and lost those of which a later one is.
	began, lost map[string]bool
	// expired is how many watches didn't go on, for a bookmark that was lost.
	expired int
}

func (b *bookmarks) missed() bool {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.expired > 0
}

// lose loses the bookmarks of watches, which last some seconds; a watch doesn't go on from before one that was lost.
func (b *bookmarks) lose(request *http.Request, next http.RoundTripper) (*http.Response, error) {
	if !watches(request) {
		return next.RoundTrip(request)
	}
	if b.misses(request) {
		return gone(request), nil
	}
	request = request.Clone(request.Context())
	query := request.URL.Query()
	// The server sends a bookmark two seconds before the end.
	query.Set("timeoutSeconds", "3")
	request.URL.RawQuery = query.Encode()
	request.Header.Set("Accept-Encoding", "identity")
	response, err := next.RoundTrip(request)
	if err == nil {
		path := request.URL.Path
		response.Body = &filtered{ReadCloser: response.Body, lines: bufio.NewReader(response.Body), drops: func(line []byte) bool { return b.drops(path, line) }}
	}
	return response, err
}

// misses reports whether a watch is to go on from before a bookmark that was lost.
func (b *bookmarks) misses(request *http.Request) bool {
	b.lock.Lock()
	defer b.lock.Unlock()
	path, begins := request.URL.Path, request.URL.Query().Get("sendInitialEvents") == "true"
	if begins || !b.lost[path] {
		return false
	}
	delete(b.lost, path)
	b.expired++
	return true
}

// drops reports whether an event is lost.
func (b *bookmarks) drops(path string, line []byte) bool {
	var event struct {
		Type   string
		Object struct{ Metadata metav1.ObjectMeta }
	}
	if json.Unmarshal(line, &event) != nil || event.Type != "BOOKMARK" {
		return false
	}
	b.lock.Lock()
	defer b.lock.Unlock()
	if event.Object.Metadata.Annotations[metav1.InitialEventsAnnotationKey] == "true" {
		if b.began[path] {
			return false
		}
		b.began[path] = true
	} else {
		b.lost[path] = true
	}
	b.link.struck()
	return true
}

// filtered is a body without the lines that are dropped.
type filtered struct {
	io.ReadCloser
	lines *bufio.Reader
	drops func(line []byte) bool
	// rest is what is left of a line.
	rest []byte
}

func (f *filtered) Read(p []byte) (int, error) {
	for len(f.rest) == 0 {
		line, err := f.lines.ReadBytes('\n')
		if len(line) > 0 && !f.drops(line) {
			f.rest = line
			break
		}
		if err != nil {
			return 0, err
		}
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}
