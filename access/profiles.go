package access

import (
	"fmt"
	"net/http"
	"runtime/pprof"
	"strconv"
	"time"
)

// maxProfile is how long a profile of the CPU may take.
const maxProfile = 5 * time.Minute

// Profiles serves what "go tool pprof" reads, under /debug/pprof/. net/http/pprof would do, and makes the program larger by
// the pages that it writes for browsers.
func Profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/{$}", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintln(w, "profile")
		for _, profile := range pprof.Profiles() {
			_, _ = fmt.Fprintln(w, profile.Name())
		}
	})
	mux.HandleFunc("GET /debug/pprof/profile", profileCPU)
	mux.HandleFunc("GET /debug/pprof/{name}", func(w http.ResponseWriter, request *http.Request) {
		profile := pprof.Lookup(request.PathValue("name"))
		if profile == nil {
			http.Error(w, "there is no such profile; /debug/pprof/ lists them", http.StatusNotFound)
			return
		}
		debug, _ := strconv.Atoi(request.FormValue("debug"))
		if err := profile.WriteTo(w, debug); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	return mux
}

// profileCPU watches the CPU for as many seconds as the request says, 30 by default.
func profileCPU(w http.ResponseWriter, request *http.Request) {
	seconds := 30
	if text := request.FormValue("seconds"); text != "" {
		var err error
		if seconds, err = strconv.Atoi(text); err != nil || seconds < 1 || time.Duration(seconds)*time.Second > maxProfile {
			http.Error(w, fmt.Sprintf("seconds is %q, must be 1 to %d", text, int(maxProfile.Seconds())), http.StatusBadRequest)
			return
		}
	}
	if err := pprof.StartCPUProfile(w); err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	defer pprof.StopCPUProfile()
	select {
	case <-time.After(time.Duration(seconds) * time.Second):
	case <-request.Context().Done():
	}
}
