package faults

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/proxy"
)

// scriptWrites is how many writes of Certificates [scene.act] leads to: four are made; one is made and one deleted for another
// Secret; one gets a name; an edit is put back by a patch of managedFields and an apply; and one is made again.
const scriptWrites = 10

// act makes edits that lead to each kind of write, one after the other.
func (s *scene) act(t *testing.T) {
	t.Helper()
	s.untilRight(t)
	s.rename(t, s.namespace, s.origins[0])
	s.untilRight(t)
	s.grow(t, s.namespace, s.origins[2])
	s.untilRight(t)
	s.tamper(t, s.origins[1])
	s.untilRight(t)
	s.steal(t, s.namespace, s.origins[3])
	s.untilRight(t)
}

// tamper changes the Secret of a Certificate by hand, and waits until that is put back.
func (s *scene) tamper(t *testing.T, o *origin) {
	t.Helper()
	s.want(o).specs += 2
	edited, err := shared.Dynamic.Resource(cluster.Certificates()).Namespace(s.namespace).Patch(t.Context(), o.secret, types.MergePatchType,
		[]byte(`{"spec":{"secretName":"other"}}`), metav1.PatchOptions{FieldManager: "kubectl-edit"})
	if err != nil {
		t.Fatal(err)
	}
	s.certificates.Until(t, o.secret+" to be put back", func(state cluster.State) bool {
		now := state[o.secret]
		return now != nil && now.GetGeneration() > edited.GetGeneration()
	})
}

// The ways in which a process may end at a write: before it is sent, once it was made and not answered, once it was answered.
var crashes = []string{"before", "after", "answered"}

// crashesAt says whether a crash at the nth write in one of those ways is played: in all of them, or in one that the seed chooses.
func crashesAt(n, way int) bool { return *full || plays(n) && way == (n+int(*seed%3))%len(crashes) }

// certshim is killed at each write of the script, and started again.
func TestCrashAtEachWrite(t *testing.T) {
	for n := 1; n <= scriptWrites; n++ {
		for at, way := range crashes {
			if !crashesAt(n, at) {
				continue
			}
			t.Run(fmt.Sprint(way, " ", n), func(t *testing.T) {
				t.Parallel()
				s := newScene(t)
				again := s.startCrashing(t, writesCertificate, n, way)
				s.act(t)
				s.checkAgain(t, "crash "+way+" a write", again)
			})
		}
	}
}

// certshim is killed at some of all its requests, whatever they are for: discovery, lists and watches, reads before a write, Events.
// How many there are is what it sends where it isn't killed.
func TestCrashAtAnyRequest(t *testing.T) {
	t.Parallel()
	all := undisturbed(t)
	step := (all + 1) / 2
	if *full {
		step = 1
	}
	for n := 1 + int(*seed%uint64(step)); n <= all; n += step {
		way := crashes[(n+int(*seed/uint64(step)))%len(crashes)]
		t.Run(fmt.Sprint(way, " ", n), func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			again := s.startCrashing(t, func(*http.Request) bool { return true }, n, way)
			s.act(t)
			s.actOn(t)
			s.checkAgain(t, "crash "+way+" any request", again)
		})
	}
}

// undisturbed plays the script without a crash, and returns how many requests certshim has sent by its end.
func undisturbed(t *testing.T) (requests int) {
	t.Run("none", func(t *testing.T) {
		s := newScene(t)
		s.start(t)
		s.act(t)
		requests = s.link.requests()
		if writes := s.link.written(); writes < scriptWrites {
			t.Errorf("the script led to %d writes of Certificates in %d requests, want at least %d", writes, requests, scriptWrites)
		}
		s.heals()
		s.check(t, "none", s.link.written())
	})
	if t.Failed() {
		t.FailNow()
	}
	return requests
}

// actOn goes on after the script until the crash has struck: what is sent at the same time may have been one request less this time.
func (s *scene) actOn(t *testing.T) {
	t.Helper()
	const few = 5
	for range few {
		if s.link.strikes() > 0 {
			return
		}
		s.grow(t, s.namespace, s.origins[0])
		s.untilRight(t)
	}
}

// A leader is killed at a write of the script while another replica stands by, which takes over.
func TestALeaderThatCrashes(t *testing.T) {
	for n := 1; n <= scriptWrites; n++ {
		if !*full && n != 1+int(*seed%scriptWrites) {
			continue
		}
		way := crashes[(n+int(*seed%3))%len(crashes)]
		t.Run(fmt.Sprint(way, " ", n), func(t *testing.T) {
			s := newScene(t)
			// The write waits until the other replica stands by.
			running := make(chan *cluster.Certshim, 1)
			s.link.put(s.link.crashing(writesCertificate, n, way, func() { _ = (<-running).Kill() }))
			first := s.launch(t, s.link, nil, lease...)
			s.untilLeader(t, first)
			through := newLink(t, shared, kubeconfig)
			second := s.follow(t, through)
			running <- first
			s.act(t)
			strikes := s.link.strikes()
			<-first.Done()
			s.untilLeads(t, second)
			s.link, s.certshim = through, second
			s.heals()
			s.check(t, "leader crashes", strikes)
			stop(t, second)
		})
	}
}

// untilLeader waits until a replica has the Lease; what it writes may still be underway.
func (s *scene) untilLeader(t *testing.T, replica *cluster.Certshim) {
	t.Helper()
	if err := replica.UntilReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.await(t, "the replica to lead", func() error {
		if metricOf(t, replica, "certshim_leader") == 0 {
			return errors.New("certshim_leader is 0")
		}
		return nil
	})
}

// checkAgain checks the certshim that was started after the crash.
func (s *scene) checkAgain(t *testing.T, fault string, again <-chan *cluster.Certshim) {
	t.Helper()
	s.check(t, fault, s.untilAgain(t, fault, again))
}

// untilAgain waits for the certshim that was started after the crash, and returns how often that has struck.
func (s *scene) untilAgain(t *testing.T, fault string, again <-chan *cluster.Certshim) (strikes int) {
	t.Helper()
	if strikes = s.link.strikes(); strikes == 0 {
		t.Fatalf("%s never struck", fault)
	}
	if s.certshim = <-again; s.certshim == nil {
		t.FailNow()
	}
	s.untilLooked(t, s.certshim)
	return strikes
}

// startCrashing starts a certshim that is killed at its nth such request, and then another one, which it gives.
func (s *scene) startCrashing(t *testing.T, at func(*http.Request) bool, n int, way string, flags ...string) (again <-chan *cluster.Certshim) {
	t.Helper()
	running, second := make(chan *cluster.Certshim, 1), make(chan *cluster.Certshim, 1)
	s.link.put(s.link.crashing(at, n, way, func() { _ = (<-running).Kill() }))
	flags = append(flags, "--leader-elect=false")
	first := s.launch(t, s.link, nil, flags...)
	running <- first
	go func() {
		defer close(second)
		<-first.Done()
		s.heals()
		certshim, err := s.tryLaunch(t, s.link, nil, flags...)
		if err != nil {
			t.Error(err)
			return
		}
		second <- certshim
	}()
	return second
}

// crashing calls kill at the nth such request. A watch, whose answer has no end, counts as answered once it begins.
func (l *link) crashing(at func(*http.Request) bool, n int, way string, kill func()) proxy.Around {
	kill = sync.OnceFunc(kill)
	var lock sync.Mutex
	count := 0
	return func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		lock.Lock()
		if at(request) {
			count++
		}
		now := at(request) && count == n
		lock.Unlock()
		if !now {
			return next.RoundTrip(request)
		}
		l.struck()
		if way == "before" {
			kill()
			return nil, proxy.ErrReset
		}
		response, err := next.RoundTrip(request)
		if err != nil {
			return nil, err
		}
		if way == "after" || watches(request) {
			kill()
			_ = response.Body.Close()
			return nil, proxy.ErrReset
		}
		response.Body = &closing{ReadCloser: response.Body, then: kill}
		return response, nil
	}
}
