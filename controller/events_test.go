package controller

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	eventsclient "k8s.io/client-go/kubernetes/typed/events/v1"
	"k8s.io/client-go/rest"

	"github.com/certshim/certshim/source"
)

// taker takes Events and notes their types in the order in which they came.
type taker struct {
	lock  sync.Mutex
	types []string
}

func (s *taker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var e eventsv1.Event
	if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.lock.Lock()
	s.types = append(s.types, e.Type)
	s.lock.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(e)
}

func TestABurstOfEventsSendsWarningsFirstAndFewOthers(t *testing.T) {
	server := &taker{}
	listening := httptest.NewServer(server)
	defer listening.Close()
	client, err := eventsclient.NewForConfig(&rest.Config{Host: listening.URL, QPS: -1, ContentConfig: rest.ContentConfig{ContentType: "application/json"}})
	if err != nil {
		t.Fatal(err)
	}
	m := newMetrics(prometheus.NewRegistry(), "test", func() float64 { return 0 })
	r := newRecorder(client, m, slog.New(slog.DiscardHandler))
	const warnings = warningBurst / 2
	for i := range maxNormals {
		r.did(source.Ref{Namespace: "shop", Name: fmt.Sprint("web-", i), UID: "u"}, createdReason, "made", noon)
	}
	for i := range warnings {
		r.warn(source.Ref{Namespace: "shop", Name: fmt.Sprint("web-", i), UID: "u"}, bad("x"), 0, noon)
	}
	for range warnings + maxNormals {
		r.sendNext(t.Context())
	}
	server.lock.Lock()
	defer server.lock.Unlock()
	for i, kind := range server.types {
		if (kind == corev1.EventTypeWarning) != (i < warnings) {
			t.Fatalf("Event %d is a %s; warnings come first", i, kind)
		}
	}
	normals := len(server.types) - warnings
	dropped := int(testutil.ToFloat64(m.events.WithLabelValues(eventDropped)))
	if normals < normalBurst || dropped == 0 || normals+dropped != maxNormals {
		t.Errorf("%d Events of what was done, %d dropped; want at least %d, and some of %d dropped", normals, dropped, normalBurst, maxNormals)
	}
}
