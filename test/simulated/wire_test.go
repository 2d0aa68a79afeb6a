package simulated

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"path"
	"regexp"
	"strings"
	"sync"
	"time"
)

var errCut = errors.New("connection refused")

// wire is one replica's way to the API, and its clock: the replica reads times as a machine does whose clock is ahead by skew,
// and the API gets its times as that machine would write them.
type wire struct {
	api  *API
	skew time.Duration

	lock sync.Mutex
	// noLeases is true while requests for the Lease fail.
	noLeases bool
	// lost is closed when the whole wire is cut.
	lost chan struct{}
	// hidden is the resource whose watches are held back until shown is closed; while it is empty, all answers are.
	hidden string
	shown  chan struct{}
}

func newWire(api *API, skew time.Duration) *wire {
	w := &wire{api: api, skew: skew, lost: make(chan struct{}), shown: make(chan struct{})}
	close(w.shown)
	return w
}

// cutLeases lets requests for the Lease fail from now on.
func (w *wire) cutLeases() {
	w.lock.Lock()
	defer w.lock.Unlock()
	w.noLeases = true
}

// cutAll lets all requests fail from now on, and watches with what they would show next.
func (w *wire) cutAll() { close(w.lost) }

// hide holds back what watches of a resource show; without one, all answers.
func (w *wire) hide(resource string) {
	w.lock.Lock()
	defer w.lock.Unlock()
	w.hidden, w.shown = resource, make(chan struct{})
}

// show ends that.
func (w *wire) show() {
	w.lock.Lock()
	defer w.lock.Unlock()
	close(w.shown)
}

// hides is closed once the answer to a request may be read; nil if that is so already.
func (w *wire) hides(r *http.Request) chan struct{} {
	w.lock.Lock()
	defer w.lock.Unlock()
	if w.hidden != "" && (r.URL.Query().Get("watch") == "" || path.Base(r.URL.Path) != w.hidden) {
		return nil
	}
	return w.shown
}

func (w *wire) isCut() bool {
	select {
	case <-w.lost:
		return true
	default:
		return false
	}
}

func (w *wire) refuses(r *http.Request) bool {
	w.lock.Lock()
	defer w.lock.Unlock()
	return w.isCut() || w.noLeases && strings.Contains(r.URL.Path, "/leases")
}

// RoundTrip implements [http.RoundTripper].
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.refuses(r) {
		return nil, errCut
	}
	if r.Body != nil && w.skew != 0 {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(shifted(body, w.skew)))
	}
	response, err := w.api.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = &shownBody{ReadCloser: response.Body, wire: w, lines: bufio.NewReader(response.Body), request: r}
	return response, nil
}

// shownBody is an answer line by line, as the replica's clock and the state of its wire have it.
type shownBody struct {
	io.ReadCloser
	wire    *wire
	lines   *bufio.Reader
	request *http.Request
	rest    []byte
}

// Read implements [io.Reader].
func (b *shownBody) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		line, err := b.lines.ReadBytes('\n')
		if len(line) == 0 {
			return 0, err
		}
		b.rest = shifted(line, -b.wire.skew)
		if shown := b.wire.hides(b.request); shown != nil {
			select {
			case <-shown:
			case <-b.wire.lost:
			case <-b.request.Context().Done():
			}
		}
		if b.wire.isCut() {
			return 0, errCut
		}
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

var timeText = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"`)

// shifted moves all times in a text.
func shifted(text []byte, by time.Duration) []byte {
	if by == 0 {
		return text
	}
	return timeText.ReplaceAllFunc(text, func(quoted []byte) []byte {
		was := string(quoted[1 : len(quoted)-1])
		t, err := time.Parse(time.RFC3339Nano, was)
		if err != nil {
			return quoted
		}
		layout := time.RFC3339
		if _, fraction, has := strings.Cut(was, "."); has {
			layout = "2006-01-02T15:04:05." + strings.Repeat("0", len(fraction)-1) + "Z07:00"
		}
		return []byte(`"` + t.Add(by).Format(layout) + `"`)
	})
}
