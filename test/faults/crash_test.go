package faults

import (
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

// certshim is killed at each write of the script, and started again.
func TestCrashAtEachWrite(t *testing.T) {
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		s := newScene(t)
		s.start(t)
		s.act(t)
		if n := s.link.written(); n < scriptWrites {
			t.Errorf("the script led to %d writes of Certificates, want %d", n, scriptWrites)
		}
		s.heals()
		s.check(t, "none", s.link.written())
	})
	for n := 1; n <= scriptWrites; n++ {
		for at, way := range crashes {
			if !*full && at != (n+int(*seed%3))%len(crashes) {
				continue
			}
			t.Run(fmt.Sprint(way, " ", n), func(t *testing.T) {
				t.Parallel()
				s := newScene(t)
				again := s.startCrashing(t, n, way)
				s.act(t)
				s.certshim = <-again
				s.check(t, "crash "+way+" a write", s.link.strikes())
			})
		}
	}
}

// startCrashing starts a certshim that is killed at its nth write, and then another one, which it gives.
func (s *scene) startCrashing(t *testing.T, n int, way string) (again <-chan *cluster.Certshim) {
	t.Helper()
	running, second := make(chan *cluster.Certshim, 1), make(chan *cluster.Certshim, 1)
	s.link.put(s.link.crashing(n, way, func() { _ = (<-running).Kill() }))
	first := s.launch(t, s.link, nil, "--leader-elect=false")
	running <- first
	go func() {
		defer close(second)
		<-first.Done()
		s.heals()
		certshim, err := s.tryLaunch(t, s.link, nil, "--leader-elect=false")
		if err != nil {
			t.Error(err)
			return
		}
		second <- certshim
	}()
	return second
}

// crashing calls kill at the nth write of a Certificate.
func (l *link) crashing(n int, way string, kill func()) proxy.Around {
	var lock sync.Mutex
	count := 0
	return func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		lock.Lock()
		if writesCertificate(request) {
			count++
		}
		now := writesCertificate(request) && count == n
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
		if way == "after" {
			kill()
			_ = response.Body.Close()
			return nil, proxy.ErrReset
		}
		response.Body = &closing{ReadCloser: response.Body, then: kill}
		return response, nil
	}
}
