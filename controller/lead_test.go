package controller

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

var leases = schema.GroupResource{Group: "coordination.k8s.io", Resource: "leases"}

// leaseServer holds one Lease as an API server does.
type leaseServer struct {
	lock    sync.Mutex
	record  *resourcelock.LeaderElectionRecord
	version int
	// renewed is when the holder's last write came in; released is when it was given back.
	renewed, released time.Time
}

func (s *leaseServer) holder() string {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.record == nil {
		return ""
	}
	return s.record.HolderIdentity
}

func (s *leaseServer) times() (renewed, released time.Time) {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.renewed, s.released
}

// put writes the record unless it was written since the version that the writer has seen.
func (s *leaseServer) put(record resourcelock.LeaderElectionRecord, seen *int) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	if seen != nil && *seen != s.version {
		return apierrors.NewConflict(leases, "certshim", errors.New("written meanwhile"))
	}
	s.version++
	s.record = &record
	if seen != nil {
		*seen = s.version
	}
	if s.renewed = time.Now(); record.HolderIdentity == "" {
		s.released = time.Now()
	}
	return nil
}

// seat is one replica's way to the Lease.
type seat struct {
	server *leaseServer
	id     string
	seen   int
	// latency is what each request takes.
	latency time.Duration

	lock sync.Mutex
	// cut, when set, ends each request without an answer: with the request's context, or, for
	// the deaf, only when it is closed.
	cut  chan struct{}
	deaf bool
	sent []string
}

func (s *seat) way(ctx context.Context, request string) error {
	s.lock.Lock()
	s.sent = append(s.sent, request)
	cut, deaf := s.cut, s.deaf
	s.lock.Unlock()
	if cut == nil {
		select {
		case <-time.After(s.latency):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if deaf {
		<-cut
		return errors.New("connection reset")
	}
	select {
	case <-cut:
		return errors.New("connection reset")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// breakOff loses the connection until mend is called.
func (s *seat) breakOff(deaf bool) (mend func()) {
	s.lock.Lock()
	defer s.lock.Unlock()
	cut := make(chan struct{})
	s.cut, s.deaf = cut, deaf
	return sync.OnceFunc(func() {
		s.lock.Lock()
		defer s.lock.Unlock()
		s.cut = nil
		close(cut)
	})
}

func (s *seat) requests() []string {
	s.lock.Lock()
	defer s.lock.Unlock()
	return slices.Clone(s.sent)
}

func (s *seat) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	if err := s.way(ctx, "get"); err != nil {
		return nil, nil, err
	}
	s.server.lock.Lock()
	defer s.server.lock.Unlock()
	if s.server.record == nil {
		return nil, nil, apierrors.NewNotFound(leases, "certshim")
	}
	s.seen = s.server.version
	record := *s.server.record
	raw, err := json.Marshal(record)
	return &record, raw, err
}

func (s *seat) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	if err := s.way(ctx, "create"); err != nil {
		return err
	}
	return s.server.put(record, &s.seen)
}

func (s *seat) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	request := "renew"
	if record.HolderIdentity == "" {
		request = "release"
	}
	if err := s.way(ctx, request); err != nil {
		return err
	}
	return s.server.put(record, &s.seen)
}

func (s *seat) RecordEvent(string) {}
func (s *seat) Identity() string   { return s.id }
func (s *seat) Describe() string   { return "shop/certshim" }

// replica is a controller that stands for election, and what became of it.
type replica struct {
	*Controller
	seat *seat
	// begin and end are when its work began and its context ended.
	begin, end time.Time
	// finish is how long work goes on when the process is asked to stop.
	finish time.Duration
	stop   context.CancelFunc
	err    error
	done   chan struct{}
}

// enter lets a replica stand for election.
func enter(t *testing.T, server *leaseServer, id string, finish time.Duration) *replica {
	t.Helper()
	r := &replica{Controller: newTestController(t, &script{}), seat: &seat{server: server, id: id, latency: 20 * time.Millisecond}, finish: finish, done: make(chan struct{})}
	t.Cleanup(r.queue.ShutDown)
	r.tenure = newTenure()
	ctx, stop := context.WithCancel(t.Context())
	r.stop = stop
	go func() {
		defer close(r.done)
		r.err = r.elect(ctx, r.seat, func(held context.Context) {
			r.begin = time.Now()
			select {
			case <-held.Done():
				r.end = time.Now()
			case <-ctx.Done():
				select {
				case <-held.Done():
				case <-time.After(r.finish):
				}
				r.end = time.Now()
			}
		})
	}()
	return r
}

// pass lets time pass in a test's bubble.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func leaseDuration(r *replica) time.Duration {
	return r.config.LeaderElect.LeaseDuration
}

func TestALeaseTakenByAnotherEndsWorkAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &leaseServer{}
		r := enter(t, server, "a", 0)
		pass(30 * time.Second)
		if server.holder() != "a" || !r.tenure.active() || testutil.ToFloat64(r.metrics.leader) != 1 {
			t.Fatalf("%q leads, want a", server.holder())
		}
		taken := time.Now()
		if err := server.put(resourcelock.LeaderElectionRecord{HolderIdentity: "b", LeaseDurationSeconds: 15}, nil); err != nil {
			t.Fatal(err)
		}
		<-r.done
		t.Logf("work ended %s after another took the Lease, the elector %s after", r.end.Sub(taken), time.Since(taken))
		if most := r.config.LeaderElect.RetryPeriod + time.Second; r.end.Sub(taken) > most {
			t.Errorf("work ended %s after the Lease was another's, want at most %s", r.end.Sub(taken), most)
		}
		if r.err == nil || !strings.Contains(r.err.Error(), "the Lease shop/certshim was lost") {
			t.Errorf("error %v", r.err)
		}
		if server.holder() != "b" || r.tenure.active() || testutil.ToFloat64(r.metrics.leader) != 0 {
			t.Errorf("%q holds the Lease, writes may begin: %t", server.holder(), r.tenure.active())
		}
	})
}

// However the requests for the Lease fail, work has ended before another replica can begin,
// and nothing is tried first: least of all to give the Lease back.
func TestRenewalsThatFailEndWorkBeforeAnotherBegins(t *testing.T) {
	for name, deaf := range map[string]bool{"requests end with their context": false, "requests hang whatever their context": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &leaseServer{}
				old := enter(t, server, "old", 0)
				pass(time.Minute)
				next := enter(t, server, "next", 0)
				mend := old.seat.breakOff(deaf)
				last, _ := server.times()
				before := len(old.seat.requests())
				pass(time.Minute)
				renewed, _ := server.times()
				if next.begin.IsZero() || old.end.IsZero() {
					t.Fatalf("the next began at %s, the old one ended at %s", next.begin, old.end)
				}
				t.Logf("work ended %s before the other replica's began", next.begin.Sub(old.end))
				if !old.end.Before(next.begin) {
					t.Errorf("work ended %s after the other replica's began", old.end.Sub(next.begin))
				}
				given := old.config.LeaderElect.RenewDeadline + old.config.LeaderElect.RetryPeriod
				if took := old.end.Sub(last); !deaf && took > given {
					t.Errorf("work ended %s after the last renewal, want %s, when nobody tries any more", took, given)
				}
				if old.tenure.active() || renewed.Before(next.begin) {
					t.Errorf("writes may begin: %t", old.tenure.active())
				}
				mend()
				<-old.done
				if old.err == nil {
					t.Error("a lost Lease is no error")
				}
				if after := old.seat.requests()[before:]; slices.Contains(after, "release") {
					t.Errorf("after the connection broke it asked: %v", after)
				}
				next.stop()
				<-next.done
			})
		})
	}
}

func TestTheLeaseIsGivenBackAfterWorkHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &leaseServer{}
		// Longer than a Lease lasts: it must be renewed meanwhile.
		r := enter(t, server, "a", 18*time.Second)
		pass(30 * time.Second)
		next := enter(t, server, "b", 0)
		r.stop()
		asked := time.Now()
		pass(17 * time.Second)
		if server.holder() != "a" || !r.tenure.active() {
			t.Fatalf("%q leads while a finishes its writes", server.holder())
		}
		<-r.done
		_, released := server.times()
		t.Logf("work ended %s after it was asked to, the Lease was given back %s later", r.end.Sub(asked), released.Sub(r.end))
		if r.err != nil || released.Before(r.end) || r.end.Sub(asked) < r.finish || r.tenure.active() {
			t.Errorf("error %v, work ended at %s, released at %s", r.err, r.end, released)
		}
		pass(6 * time.Second)
		t.Logf("the next replica's work began %s after", next.begin.Sub(released))
		// It asks once in a period that is longer by chance.
		most := time.Duration((1 + leaderelection.JitterFactor) * float64(next.config.LeaderElect.RetryPeriod))
		if server.holder() != "b" || next.begin.Sub(released) > most+time.Second {
			t.Errorf("%q leads, its work began at %s", server.holder(), next.begin)
		}
		next.stop()
		<-next.done
	})
}

func TestALeaseThatCanNotBeGivenBackIsLeftToExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &leaseServer{}
		r := enter(t, server, "a", 0)
		pass(time.Minute)
		mend := r.seat.breakOff(false)
		defer mend()
		r.stop()
		begin := time.Now()
		<-r.done
		if took := time.Since(begin); r.err != nil || took > r.config.LeaderElect.RenewDeadline {
			t.Errorf("it ended after %s: %v", took, r.err)
		}
	})
}

func TestAReplicaThatNeverLedGivesNothingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &leaseServer{}
		leader := enter(t, server, "a", 0)
		pass(10 * time.Second)
		r := enter(t, server, "b", 0)
		pass(30 * time.Second)
		before := len(r.seat.requests())
		r.stop()
		<-r.done
		if r.err != nil || !r.begin.IsZero() || server.holder() != "a" {
			t.Errorf("error %v, work began %s, %q leads", r.err, r.begin, server.holder())
		}
		if after := r.seat.requests()[before:]; len(after) > 0 {
			t.Errorf("asked to stop, it asked: %v", after)
		}
		leader.stop()
		<-leader.done
	})
}

// Once the Lease is older than it was, the leader ends its work at once, and a replica that stands by ends too.
func TestALeaseThatGoesBackEndsEachReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &leaseServer{}
		leader := enter(t, server, "a", 0)
		pass(10 * time.Second)
		follower := enter(t, server, "b", 0)
		pass(10 * time.Second)
		for _, r := range []*replica{leader, follower} {
			began, now := !r.begin.IsZero(), time.Now()
			client := &leaseOf{version: "34"}
			lease := notedLeases{client, r.tenure}.Leases("shop")
			if _, err := lease.Get(t.Context(), "certshim", metav1.GetOptions{}); err != nil {
				t.Fatal(err)
			}
			client.version = "12"
			if _, err := lease.Get(t.Context(), "certshim", metav1.GetOptions{}); err == nil {
				t.Error("the elector gets a Lease that went back")
			}
			if r.tenure.active() {
				t.Error("writes may begin")
			}
			<-r.done
			if r.err == nil || !strings.Contains(r.err.Error(), "its resourceVersion was 34, and is 12") || began != (r == leader) || began && r.end != now {
				t.Errorf("error %v; work began %s, and ended %s", r.err, r.begin, r.end)
			}
			client.version = "99"
			if _, err := lease.Update(t.Context(), &coordinationv1.Lease{}, metav1.UpdateOptions{}); err == nil {
				t.Error("the elector renews a Lease that went back")
			}
		}
	})
}

func TestWithoutElectionWritesMayAlwaysBegin(t *testing.T) {
	var none *tenure
	if !none.active() || !none.until().After(time.Now()) {
		t.Error("a nil tenure has ended")
	}
	c := newTestController(t, &script{})
	c.config.LeaderElect.Enabled = false
	worked := false
	if err := c.lead(t.Context(), func(context.Context) { worked = true }); err != nil || !worked || testutil.ToFloat64(c.metrics.leader) != 1 {
		t.Errorf("worked: %t, %v", worked, err)
	}
}

// A laptop's lid, a frozen VM or SIGSTOP: what a clock says afterwards is enough.
func TestAProcessThatSleptBeginsNoWrite(t *testing.T) {
	const lasts = 15 * time.Second
	begin := moment{noon, noon}
	for name, c := range map[string]struct {
		monotonic, wall time.Duration
		held            bool
	}{
		"just renewed":                       {0, 0, true},
		"the last moment":                    {lasts - 1, lasts - 1, true},
		"the end":                            {lasts, lasts, false},
		"stopped: both clocks went on":       {time.Minute, time.Minute, false},
		"suspended: the wall clock alone":    {time.Second, time.Hour, false},
		"the wall clock was set back":        {lasts, -time.Hour, false},
		"the wall clock was set back before": {time.Second, -time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			now := begin
			tenure := newTenure()
			tenure.clocks = func() moment { return now }
			tenure.renew(begin, lasts)
			defer tenure.cease()
			now = moment{begin.monotonic.Add(c.monotonic), begin.wall.Add(c.wall)}
			if tenure.active() != c.held {
				t.Errorf("a write may begin: %v", tenure.active())
			}
			if until := tenure.until(); until.IsZero() == c.held || c.held && !until.Equal(begin.monotonic.Add(lasts)) {
				t.Errorf("writes may begin until %s", until)
			}
		})
	}
}

// A wall clock that was set forward looks like sleep. The next renewal shows that nobody took
// the Lease meanwhile.
func TestARenewalAfterSleepLetsWritesBeginAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &leaseServer{}
		tenure := newTenure()
		var ahead time.Duration
		tenure.clocks = func() moment {
			now := readClocks()
			return moment{now.monotonic, now.wall.Add(ahead)}
		}
		lock := observedLock{&seat{server: server, id: "a"}, tenure}
		record := resourcelock.LeaderElectionRecord{HolderIdentity: "a", LeaseDurationSeconds: 15}
		if err := lock.Create(t.Context(), record); err != nil || !tenure.active() {
			t.Fatalf("held: %t, %v", tenure.active(), err)
		}
		ahead = time.Hour
		if tenure.active() {
			t.Error("writes may begin after an hour's sleep")
		}
		if err := lock.Update(t.Context(), record); err != nil || !tenure.active() {
			t.Errorf("held: %t, %v", tenure.active(), err)
		}
		tenure.cease()
	})
}

// A renewal that takes long counts from when it was sent, in the seconds that its record has,
// and one that fails doesn't count.
func TestARenewalCountsFromWhenItWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tenure := newTenure()
		ended := make(chan struct{}, 9)
		tenure.onEnd(func() { ended <- struct{}{} })
		server := &leaseServer{}
		way := &seat{server: server, id: "a", latency: 4 * time.Second}
		lock, record := observedLock{way, tenure}, resourcelock.LeaderElectionRecord{HolderIdentity: "a", LeaseDurationSeconds: 15}
		sent := time.Now()
		if err := lock.Create(t.Context(), record); err != nil {
			t.Fatal(err)
		}
		if got := tenure.until().Sub(sent); got != 15*time.Second {
			t.Errorf("the tenure ends %s after the request was sent", got)
		}
		way.seen = -1
		if err := lock.Update(t.Context(), record); !apierrors.IsConflict(err) {
			t.Fatal(err)
		}
		<-ended
		if took := time.Since(sent); took != 15*time.Second || tenure.active() {
			t.Errorf("the tenure ended after %s, held: %t", took, tenure.active())
		}
	})
}

// The context of a request in flight ends with the tenure.
func TestAWriteInFlightEndsWithTheTenure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &leaseServer{}
		r := enter(t, server, "a", 0)
		pass(time.Minute)
		mend := r.seat.breakOff(true)
		renewed, _ := server.times()
		<-time.After(time.Until(renewed.Add(leaseDuration(r))))
		synctest.Wait()
		t.Logf("work's context ended %s after the last good renewal", r.end.Sub(renewed))
		if r.end.IsZero() || r.end.Sub(renewed) > leaseDuration(r) {
			t.Errorf("it ended at %s, the last renewal was at %s", r.end, renewed)
		}
		mend()
		<-r.done
	})
}

// The Lease is in the namespace that is set, else in the pod's. Where there is no pod, both ways out are told.
func TestWhereTheLeaseIs(t *testing.T) {
	pod := filepath.Join(t.TempDir(), "namespace")
	if err := os.WriteFile(pod, []byte("certshim\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ set, file, want string }{{"kube-system", pod, "kube-system"}, {"", pod, "certshim"}} {
		if got, err := leaseNamespace(row.set, row.file); got != row.want || err != nil {
			t.Errorf("set to %q: got %q, %v, want %q", row.set, got, err, row.want)
		}
	}
	_, err := leaseNamespace("", filepath.Join(t.TempDir(), "none"))
	for _, want := range []string{"--leader-election-namespace", "--leader-elect=false", "leaderElection.namespace", "leaderElection.enabled"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("outside of a pod: %v, want it to name %s", err, want)
		}
	}
}
