package access

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestProfiles(t *testing.T) {
	for path, want := range map[string]int{
		"/debug/pprof/": http.StatusOK, "/debug/pprof/heap": http.StatusOK, "/debug/pprof/goroutine?debug=1": http.StatusOK,
		"/debug/pprof/profile?seconds=1": http.StatusOK, "/debug/pprof/profile?seconds=0": http.StatusBadRequest,
		"/debug/pprof/profile?seconds=301": http.StatusBadRequest, "/debug/pprof/profile?seconds=x": http.StatusBadRequest,
		"/debug/pprof/none": http.StatusNotFound, "/metrics": http.StatusNotFound,
	} {
		answer := httptest.NewRecorder()
		Profiles().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		if answer.Code != want {
			t.Errorf("%s: status %d, want %d: %s", path, answer.Code, want, answer.Body)
		}
		// What go tool pprof reads is packed, the rest is text.
		_, err := gzip.NewReader(bytes.NewReader(answer.Body.Bytes()))
		packed := want == http.StatusOK && !strings.Contains(path, "debug=1") && path != "/debug/pprof/"
		if (err == nil) != packed {
			t.Errorf("%s: %v, want it to be packed: %v", path, err, packed)
		}
	}
}
