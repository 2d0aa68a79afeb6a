package faults

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/proxy"
)

// link is the way of one certshim to the API server. A fault stands on it or not.
type link struct {
	kubeconfig string

	lock  sync.Mutex
	fault proxy.Around
	// fired is how often the faults struck.
	fired int
	// watches are the bodies of those that are open, by path.
	watches map[string][]*closing
	// sent is how many requests were sent on to the API server, writes how many of those write a Certificate, deletes how many of these
	// delete one, and forbidden how many requests it forbade.
	sent, writes, deletes, forbidden int
}

func newLink(t *testing.T, to *cluster.Cluster, kubeconfig string) *link {
	t.Helper()
	l := &link{watches: map[string][]*closing{}}
	l.kubeconfig = proxy.Start(t, to.Config, kubeconfig, l.around)
	return l
}

func (l *link) around(request *http.Request, next http.RoundTripper) (*http.Response, error) {
	l.lock.Lock()
	fault := l.fault
	l.lock.Unlock()
	counted := sends(func(request *http.Request) (*http.Response, error) { return l.send(request, next) })
	if fault == nil {
		return counted.RoundTrip(request)
	}
	return fault(request, counted)
}

type sends func(*http.Request) (*http.Response, error)

func (s sends) RoundTrip(request *http.Request) (*http.Response, error) { return s(request) }

// send sends a request on, and counts.
func (l *link) send(request *http.Request, next http.RoundTripper) (*http.Response, error) {
	l.count(request)
	response, err := next.RoundTrip(request)
	switch {
	case err != nil:
	case response.StatusCode == http.StatusForbidden:
		l.lock.Lock()
		l.forbidden++
		l.lock.Unlock()
	case response.StatusCode == http.StatusOK && watches(request):
		l.opened(request.URL.Path, response)
	}
	return response, err
}

func (l *link) count(request *http.Request) {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.sent++
	if !writesCertificate(request) {
		return
	}
	l.writes++
	if request.Method == http.MethodDelete {
		l.deletes++
	}
}

// opened notes a watch until it is closed.
func (l *link) opened(path string, response *http.Response) {
	body := &closing{ReadCloser: response.Body}
	body.then = sync.OnceFunc(func() {
		l.lock.Lock()
		defer l.lock.Unlock()
		l.watches[path] = slices.DeleteFunc(l.watches[path], func(other *closing) bool { return other == body })
	})
	response.Body = body
	l.lock.Lock()
	defer l.lock.Unlock()
	l.watches[path] = append(l.watches[path], body)
}

// hangUp ends the watches of a resource.
func (l *link) hangUp(resource string) {
	l.lock.Lock()
	defer l.lock.Unlock()
	for path, bodies := range l.watches {
		for _, body := range bodies {
			if strings.HasSuffix(path, resource) {
				_ = body.ReadCloser.Close()
			}
		}
	}
}

// closing calls a function when the body is closed.
type closing struct {
	io.ReadCloser
	then func()
}

func (c *closing) Close() error {
	c.then()
	return c.ReadCloser.Close()
}

// put puts a fault on the link; nil takes it away.
func (l *link) put(fault proxy.Around) {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.fault = fault
}

// struck notes that a fault did something.
func (l *link) struck() {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.fired++
}

func (l *link) strikes() int {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.fired
}

func (l *link) requests() int {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.sent
}

func (l *link) written() int {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.writes
}

func (l *link) deleted() int {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.deletes
}

func (l *link) forbids() int {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.forbidden
}

// open is how many watches there are, by path.
func (l *link) open() map[string]int {
	l.lock.Lock()
	defer l.lock.Unlock()
	open := map[string]int{}
	for path, bodies := range l.watches {
		if len(bodies) > 0 {
			open[path] = len(bodies)
		}
	}
	return open
}

func writesCertificate(r *http.Request) bool {
	return r.Method != http.MethodGet && strings.Contains(r.URL.Path, "/certificates/")
}

func watches(r *http.Request) bool { return r.URL.Query().Get("watch") == "true" }

// sometimes lets a fault strike at one request in so many.
func (l *link) sometimes(seed uint64, in int, fault proxy.Around) proxy.Around {
	var lock sync.Mutex
	random := rand.New(rand.NewPCG(seed, 1))
	return func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		lock.Lock()
		strikes := random.IntN(in) == 0
		lock.Unlock()
		if !strikes {
			return next.RoundTrip(request)
		}
		l.struck()
		return fault(request, next)
	}
}

// refused is the API server's own way to say no.
func refused(status int32) proxy.Around {
	return func(request *http.Request, _ http.RoundTripper) (*http.Response, error) {
		body, err := json.Marshal(metav1.Status{
			TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Code: status, Message: "a fault",
			Reason: map[int32]metav1.StatusReason{
				http.StatusTooManyRequests: metav1.StatusReasonTooManyRequests, http.StatusInternalServerError: metav1.StatusReasonInternalError,
				http.StatusServiceUnavailable: metav1.StatusReasonServiceUnavailable, http.StatusGatewayTimeout: metav1.StatusReasonTimeout,
			}[status],
		})
		if err != nil {
			return nil, err
		}
		response := proxy.Answer(request, int(status), body)
		if status == http.StatusTooManyRequests {
			response.Header.Set("Retry-After", "1")
		}
		return response, nil
	}
}

// unsent ends the stream before anything was sent.
func unsent(*http.Request, http.RoundTripper) (*http.Response, error) { return nil, proxy.ErrReset }

// unanswered sends the request, and loses the answer.
func unanswered(request *http.Request, next http.RoundTripper) (*http.Response, error) {
	response, err := next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	_ = response.Body.Close()
	return nil, proxy.ErrReset
}

// truncated cuts the answer off after its first bytes.
func truncated(request *http.Request, next http.RoundTripper) (*http.Response, error) {
	response, err := next.RoundTrip(request)
	if err == nil {
		const first = 100
		response.Body = &cut{ReadCloser: response.Body, left: first, end: io.ErrUnexpectedEOF}
	}
	return response, err
}

// delayed sends the request after a while.
func delayed(request *http.Request, next http.RoundTripper) (*http.Response, error) {
	const while = 700 * time.Millisecond
	select {
	case <-time.After(while):
	case <-request.Context().Done():
	}
	return next.RoundTrip(request)
}

// cut is a body that ends after so many bytes.
type cut struct {
	io.ReadCloser
	left int
	end  error
}

func (c *cut) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, c.end
	}
	n, err := c.ReadCloser.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// brief ends every watch after some kilobytes, most often within an event.
func (l *link) brief(request *http.Request, next http.RoundTripper) (*http.Response, error) {
	response, err := next.RoundTrip(request)
	if err == nil && watches(request) {
		l.struck()
		const few = 5000
		response.Body = &cut{ReadCloser: response.Body, left: few, end: io.EOF}
	}
	return response, err
}

// gone is the answer of a server that no longer has the version from which to watch.
func gone(request *http.Request) *http.Response {
	const event = `{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","code":410,"reason":"Expired","message":"too old resource version"}}` + "\n"
	return proxy.Answer(request, http.StatusOK, []byte(event))
}

// expired lets every other watch go on from a version that the server no longer has; the rest are brief.
func (l *link) expired() proxy.Around {
	var lock sync.Mutex
	count := 0
	return func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if !watches(request) {
			return next.RoundTrip(request)
		}
		lock.Lock()
		count++
		odd := count%2 == 1
		lock.Unlock()
		if odd {
			l.struck()
			return gone(request), nil
		}
		return l.brief(request, next)
	}
}

// readAll reads and closes a body, whatever its encoding.
func readAll(response *http.Response) ([]byte, error) {
	defer response.Body.Close()
	from := io.Reader(response.Body)
	if response.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(response.Body)
		if err != nil {
			return nil, err
		}
		from = unzipped
	}
	return io.ReadAll(from)
}
