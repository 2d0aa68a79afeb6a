package simulated

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"github.com/certshim/certshim/cmd/certshim/app"
	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/controller"
	"github.com/certshim/certshim/test/crds"
)

var (
	seed    = flag.Uint64("seed", 20261127, "what the edits follow from; 0 takes another one each time")
	hours   = flag.Int("hours", 2, "how long the edits last, in simulated time")
	perHour = flag.Int("edits", 500, "edits in each hour")
	sources = flag.Int("sources", 100, "Ingresses that are edited")
)

// pause is how long the edits rest at the end of each hour before the state is looked at.
const pause = 20 * time.Minute

// checkpoint is the state after an hour.
type checkpoint struct {
	// file has all objects, so that they aren't in memory.
	file         string
	writes, late int
	goroutines   int
	heap         uint64
}

// day is a run: a cluster that people edit, and two replicas of certshim.
type day struct {
	t      *testing.T
	folder string
	api    *API
	people *people
	// writes are those of certshim to Certificates; since is when they were counted anew.
	writes      int
	wrong       []string
	checkpoints []checkpoint
	stop        []func()
}

// Edits of a day, in simulated time. The state at the end of each hour is what plan says of the same objects, and
// certshim is quiet then; it deleted nothing that its source named.
func TestDayOfEdits(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("-args -seed %d -hours %d -edits %d -sources %d", *seed, *hours, *perHour, *sources)
	d := &day{t: t, folder: t.TempDir(), api: emptyAPI(t)}
	d.people = &people{api: d.api, random: rand.New(rand.NewPCG(*seed, 0)), sources: *sources, done: map[string]int{}}
	synctest.Test(t, d.run)
	for i, c := range d.checkpoints {
		t.Logf("hour %d: %d writes, %d of them late; %d goroutines, %d kB", i+1, c.writes, c.late, c.goroutines, c.heap>>10)
		if c.late > 0 {
			t.Errorf("hour %d: %d writes in the last ten minutes of %s without edits", i+1, c.late, pause)
		}
		for _, line := range planned(t, d.load(c.file)) {
			t.Errorf("hour %d: plan would %s", i+1, line)
		}
	}
	t.Logf("edits: %v", d.people.done)
	d.bounded()
	for _, wrong := range d.wrong {
		t.Error(wrong)
	}
}

// bounded holds what certshim used against what happened.
func (d *day) bounded() {
	first, last := d.checkpoints[0], d.checkpoints[len(d.checkpoints)-1]
	if edits := *hours * *perHour; last.writes > edits+*sources {
		d.t.Errorf("%d writes for %d edits and %d sources", last.writes, edits, *sources)
	}
	if last.goroutines > first.goroutines+10 {
		d.t.Errorf("%d goroutines, after the first hour %d", last.goroutines, first.goroutines)
	}
	// The first hours fill what is kept for some time: Events, and what watches may begin with.
	const after = 3
	if len(d.checkpoints) > 2*after && last.heap > d.checkpoints[after].heap*3/2 {
		d.t.Errorf("%d kB in memory, after hour %d %d kB", last.heap>>10, after+1, d.checkpoints[after].heap>>10)
	}
}

func emptyAPI(t *testing.T) *API {
	t.Helper()
	definitions, err := crds.CertManager.Definitions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(definitions)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (d *day) run(t *testing.T) {
	d.api.onWrite = d.judge
	d.api.lock.Lock()
	d.people.makeNamespaces()
	for i := range *sources {
		d.people.must(d.people.ingresses(), source(i))
	}
	d.api.lock.Unlock()
	d.replica(t)
	d.replica(t)
	for hour := range *hours {
		for edit := range *perHour {
			if hour%3 == 0 && edit == *perHour/2 {
				d.changeLeader(t)
			}
			d.people.doOne()
			pass((time.Hour - pause) / time.Duration(*perHour))
		}
		d.rest()
	}
	for _, stop := range d.stop {
		stop()
	}
}

// changeLeader ends the replica that leads, which is the oldest, so that the other one leads, and starts a new one.
func (d *day) changeLeader(t *testing.T) {
	d.stop[0]()
	d.stop = d.stop[1:]
	d.replica(t)
}

// pass lets time pass. It is called in the bubble of synctest alone, where time goes on as soon as every goroutine waits.
func pass(duration time.Duration) { time.Sleep(duration) }

// rest waits without edits and notes the state.
func (d *day) rest() {
	pass(pause / 2)
	d.api.lock.Lock()
	before := d.writes
	d.api.lock.Unlock()
	pass(pause / 2)
	synctest.Wait()
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	d.api.lock.Lock()
	defer d.api.lock.Unlock()
	d.api.expireEvents(time.Now().Add(-time.Hour))
	d.checkpoints = append(d.checkpoints, checkpoint{
		file: d.save(), writes: d.writes, late: d.writes - before, goroutines: runtime.NumGoroutine(), heap: memory.HeapAlloc,
	})
}

// save writes all objects but Events to a file.
func (d *day) save() string {
	state := map[string][]map[string]any{}
	for gvr, r := range d.api.resources {
		for _, object := range r.objects {
			if r.kind.Kind != "Event" {
				state[gvr.String()] = append(state[gvr.String()], object.Object)
			}
		}
	}
	text, err := json.Marshal(state)
	if err != nil {
		d.t.Fatal(err)
	}
	file := filepath.Join(d.folder, strconv.Itoa(len(d.checkpoints)))
	if err := os.WriteFile(file, text, 0o600); err != nil {
		d.t.Fatal(err)
	}
	return file
}

// load is an API with the objects of a file.
func (d *day) load(file string) *API {
	text, err := os.ReadFile(file)
	if err != nil {
		d.t.Fatal(err)
	}
	var state map[string][]map[string]any
	if err := json.Unmarshal(text, &state); err != nil {
		d.t.Fatal(err)
	}
	a := emptyAPI(d.t)
	for gvr, r := range a.resources {
		for _, content := range state[gvr.String()] {
			object := &unstructured.Unstructured{Object: content}
			r.objects[nameOf(object)] = object
		}
	}
	return a
}

// judge looks at each write.
func (d *day) judge(w Write) {
	if w.Resource != Certificates() || w.Manager != "certshim" {
		return
	}
	d.writes++
	if w.Verb != "delete" {
		return
	}
	for _, source := range d.people.ingresses().objects {
		if source.GetNamespace() == w.Before.GetNamespace() && owns(source, w.Before) && names(source, w.Before.GetName()) {
			d.wrong = append(d.wrong, fmt.Sprintf("certshim deleted Certificate %s, which Ingress %s names", nameOf(w.Before), nameOf(source)))
		}
	}
}

func owns(source, certificate *unstructured.Unstructured) bool {
	for _, owner := range certificate.GetOwnerReferences() {
		if owner.UID == source.GetUID() {
			return true
		}
	}
	return false
}

func names(source *unstructured.Unstructured, secret string) bool {
	entries, _, _ := unstructured.NestedSlice(source.Object, "spec", "tls")
	for _, entry := range entries {
		if entry.(map[string]any)["secretName"] == secret {
			return true
		}
	}
	return false
}

// replica starts certshim; the last of stop ends it.
func (d *day) replica(t *testing.T) {
	settings := configuration.Default()
	settings.MetricsListenAddress, settings.HealthzListenAddress, settings.ProfilerAddress = "0", "0", "0"
	settings.LeaderElect.Namespace = "certshim"
	policy, err := settings.Policy(configuration.Surroundings{})
	if err != nil {
		t.Fatal(err)
	}
	connection := &rest.Config{Host: "http://simulated", Transport: d.api, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}
	c, err := controller.New(controller.Config{Configuration: settings, Policy: policy}, connection, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	d.stop = append(d.stop, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	pass(time.Minute)
}

// planned are the changes that plan would make to a state.
func planned(t *testing.T, state *API) []string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		response, err := state.RoundTrip(r)
		if err != nil {
			t.Error(err)
			return
		}
		defer response.Body.Close()
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(response.StatusCode)
		_, _ = io.Copy(w, response.Body) // who doesn't read complains
	}))
	defer server.Close()
	var out, complaints bytes.Buffer
	status := app.Run(t.Context(), []string{"certshim", "plan", "-A", "--server=" + server.URL, "-o", "report"}, app.Streams{In: &bytes.Buffer{}, Out: &out, ErrOut: &complaints})
	var report struct {
		Sources []struct {
			Namespace, Name string
			Certificates    []struct{ Name, Action, Reason string }
		}
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil || status == 2 {
		t.Fatalf("plan: status %d, %v\n%s", status, err, complaints.String())
	}
	var changes []string
	for _, source := range report.Sources {
		for _, c := range source.Certificates {
			if c.Action == "create" || c.Action == "apply" || c.Action == "delete" {
				changes = append(changes, fmt.Sprintf("%s Certificate %s of Ingress %s/%s: %s", c.Action, c.Name, source.Namespace, source.Name, c.Reason))
			}
		}
	}
	return changes
}
