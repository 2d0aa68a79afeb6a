package cluster

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestListsThatAreOlder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n newest
		for _, step := range []struct {
			watched, listed string
			after           time.Duration
			refused         bool
		}{
			{listed: "100"},
			{watched: "", listed: "5"},
			{watched: "0", listed: "5"},
			{watched: "100", listed: "100"},
			{watched: "99", listed: "99", refused: true},
			{listed: "99", after: Patience - 1, refused: true},
			// What is as new ends the wait.
			{listed: "101"},
			{listed: "99", after: Patience, refused: true},
			{listed: "99", after: Patience},
			{listed: "99"},
			{listed: "98", refused: true},
			{listed: "opaque"},
			{watched: "opaque", listed: "98", refused: true},
		} {
			n.note(step.watched)
			time.Sleep(step.after) // of the bubble's clock
			if err := n.holds(step.listed); (err != nil) != step.refused {
				t.Errorf("%+v: %v", step, err)
			}
		}
	})
}

// lagging is an API server whose lists are of these versions, one after the other, the last for good. It knows no watches that begin with
// objects; the first watch can't go on from where it should.
type lagging struct {
	lock     sync.Mutex
	versions []string
	// asked are the versions by which it was asked for lists.
	asked   []string
	watched int
}

func (l *lagging) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	query := r.URL.Query()
	l.lock.Lock()
	defer l.lock.Unlock()
	switch {
	case query.Get("sendInitialEvents") != "":
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = fmt.Fprint(w, `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Invalid", "code": 422}`)
	case query.Get("watch") != "":
		if l.watched++; l.watched == 1 {
			_, _ = fmt.Fprint(w, `{"type": "ERROR", "object": {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410}}`)
		}
	default:
		l.asked = append(l.asked, query.Get("resourceVersion"))
		version := l.versions[0]
		if len(l.versions) > 1 {
			l.versions = l.versions[1:]
		}
		_, _ = fmt.Fprintf(w, `{"kind": "ThingList", "apiVersion": "g.a/v1", "metadata": {"resourceVersion": %q}, "items": [
			{"kind": "Thing", "apiVersion": "g.a/v1", "metadata": {"name": %[1]q, "namespace": "n", "resourceVersion": %[1]q}}]}`, version)
	}
}

// A list that is older than what an informer knows isn't taken, and none is asked for that may be.
func TestAnInformerDoesNotGoBack(t *testing.T) {
	api := &lagging{versions: []string{"100", "90", "110"}}
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	client, err := connected(t, server.URL).Dynamic(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	const many = 100
	seen, failed := make(chan string, many), make(chan string, many)
	r := wanted("a", nil)
	r.Transform = func(o any) (any, error) {
		seen <- o.(*unstructured.Unstructured).GetName()
		return o, nil
	}
	informer := NewInformer(client, r, "", Watching{Failed: func(err error) { failed <- err.Error() }})
	go informer.RunWithContext(t.Context())
	for name := ""; name != "110"; {
		if name = <-seen; name == "90" {
			t.Error("it took the older list")
		}
	}
	const why = "the server is behind: its list is of resourceVersion 90, and 100 is known"
	for text := ""; !strings.HasSuffix(text, why); {
		text = <-failed
	}
	api.lock.Lock()
	defer api.lock.Unlock()
	if slices.Contains(api.asked, "0") {
		t.Errorf("it asked for lists of resourceVersions %q: one of 0 may be older than what is there", api.asked)
	}
}
