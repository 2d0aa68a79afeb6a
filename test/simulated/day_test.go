package simulated

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/cmd/certshim/app"
	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/test/crds"
)

var (
	seed    = flag.Uint64("seed", 20261127, "what the edits follow from; 0 takes another one each time")
	hours   = flag.Int("hours", 2, "how long the edits last, in simulated time")
	perHour = flag.Int("edits", 500, "edits in each hour")
	sources = flag.Int("sources", 100, "Ingresses, Gateways and ListenerSets that are edited")
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
	// configure changes the configuration of each replica.
	configure func(*configuration.Configuration)
	// writes are those of certshim to Certificates.
	writes      int
	wrong       []string
	checkpoints []checkpoint
	replicas    []*replica
	started     int
	mishaps     map[string]int
	// holder is the User-Agent of the replica that took the Lease last. Until unruled, another one may not know of it yet.
	holder  string
	unruled time.Time
}

// Edits of a day, in simulated time. The state at the end of each hour is what plan says of the same objects, and
// certshim is quiet then; it deleted nothing that its source named, changed no spec that no edit asks for, and no replica wrote
// once another one had the Lease.
func TestDayOfEdits(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("-args -seed %d -hours %d -edits %d -sources %d", *seed, *hours, *perHour, *sources)
	d := &day{t: t, folder: t.TempDir(), api: emptyAPI(t), configure: func(*configuration.Configuration) {}, mishaps: map[string]int{}}
	d.people = &people{api: d.api, random: rand.New(rand.NewPCG(*seed, 0)), sources: *sources, done: map[string]int{}, asked: map[types.NamespacedName]int{}}
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
	t.Logf("edits: %v; mishaps: %v; %d replicas", d.people.done, d.mishaps, d.started)
	for _, m := range mishaps() {
		if d.mishaps[m.name] == 0 {
			t.Errorf("it never happened that %s", m.name)
		}
	}
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
		object := &unstructured.Unstructured{Object: source(i)}
		d.people.must(d.people.kindOf(object), object.Object)
	}
	d.api.lock.Unlock()
	for range 2 {
		d.replicas = append(d.replicas, d.start(t))
	}
	for hour := range *hours {
		for edit := range *perHour {
			if each := *perHour / perHourMishaps; edit%each == each/2 {
				d.mishap(t, hour*perHourMishaps+edit/each)
			}
			d.people.doOne()
			pass((time.Hour - pause) / time.Duration(*perHour))
			d.restart(t)
		}
		d.rest()
	}
	for _, r := range d.replicas {
		r.stop()
	}
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
	// What was asked for until now is done.
	clear(d.people.asked)
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
	if w.Resource.Resource == "leases" && w.After != nil && w.Agent != "" {
		d.holder = ""
		if holder, _, _ := unstructured.NestedString(w.After.Object, "spec", "holderIdentity"); holder != "" {
			d.holder = w.Agent
		}
	}
	if w.Resource != Certificates() || w.Manager != "certshim" {
		return
	}
	d.writes++
	if w.Agent != d.holder && time.Now().After(d.unruled) {
		d.wrong = append(d.wrong, fmt.Sprintf("%s: %s wrote while %q had the Lease", time.Now(), w.Agent, d.holder))
	}
	if w.Verb == "delete" {
		d.judgeDelete(w.Before)
		return
	}
	if w.Before != nil && equal(w.Before.Object["spec"], w.After.Object["spec"]) {
		return
	}
	if name := nameOf(w.After); d.people.asked[name] == 0 {
		d.wrong = append(d.wrong, fmt.Sprintf("%s: no edit asks for another spec of Certificate %s", time.Now(), name))
	} else {
		d.people.asked[name]--
	}
}

func (d *day) judgeDelete(certificate *unstructured.Unstructured) {
	for _, kind := range d.people.kinds() {
		for _, source := range kind.objects {
			if source.GetNamespace() == certificate.GetNamespace() && owns(source, certificate) && names(source, certificate.GetName()) {
				d.wrong = append(d.wrong, fmt.Sprintf("certshim deleted Certificate %s, which %s %s names", nameOf(certificate), source.GetKind(), nameOf(source)))
			}
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
	return slices.ContainsFunc(asksOf(source), func(a asking) bool { return a.secret == secret })
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
			Kind, Namespace, Name string
			Certificates          []struct{ Name, Action, Reason string }
		}
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil || status == 2 {
		t.Fatalf("plan: status %d, %v\n%s", status, err, complaints.String())
	}
	var changes []string
	for _, source := range report.Sources {
		for _, c := range source.Certificates {
			if c.Action == "create" || c.Action == "apply" || c.Action == "delete" {
				changes = append(changes, fmt.Sprintf("%s Certificate %s of %s %s/%s: %s", c.Action, c.Name, source.Kind, source.Namespace, source.Name, c.Reason))
			}
		}
	}
	return changes
}
