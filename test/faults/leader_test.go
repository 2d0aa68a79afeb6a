package faults

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/proxy"
)

// lease are the times of a Lease that is soon lost, and not by a busy machine alone.
var lease = []string{"--leader-election-lease-duration=10s", "--leader-election-renew-deadline=8s", "--leader-election-retry-period=1s"}

// lead starts a replica that leads, and waits until it does.
func (s *scene) lead(t *testing.T, through *link) *cluster.Certshim {
	t.Helper()
	replica := s.launch(t, through, nil, lease...)
	s.untilLeads(t, replica)
	return replica
}

func (s *scene) untilLeads(t *testing.T, replica *cluster.Certshim) {
	t.Helper()
	if err := replica.UntilReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.await(t, "the replica to lead, and to have looked at all", func() error {
		if leads, done := metricOf(t, replica, "certshim_leader"), metricOf(t, replica, "certshim_initial_reconcile_done"); leads+done < 2 {
			return fmt.Errorf("certshim_leader %v, certshim_initial_reconcile_done %v", leads, done)
		}
		return nil
	})
}

// follow starts a replica that waits for the Lease.
func (s *scene) follow(t *testing.T, through *link) *cluster.Certshim {
	t.Helper()
	replica := s.launch(t, through, nil, lease...)
	if err := replica.UntilReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	return replica
}

// The replica that takes over has seen nothing of what happened for a while: its view is older than what the other one made.
func TestAnOldViewAtAFailover(t *testing.T) {
	s := newScene(t)
	first := s.lead(t, s.link)
	s.untilRight(t)
	behind := newLink(t, shared, kubeconfig)
	gate := &proxy.Gate{}
	behind.put(behind.gated(gate))
	second := s.follow(t, behind)
	gate.Lock()
	s.play(t, s.namespace, edits())
	s.untilRight(t)
	if err := first.Kill(); err != nil {
		t.Fatal(err)
	}
	s.untilLeads(t, second)
	gate.Unlock()
	s.link, s.certshim = behind, second
	s.heals()
	s.check(t, "old view at a failover", behind.strikes())
}

// An Ingress came after the last renewal of the Lease, got a Certificate, and then asked for another Secret. The replica that takes
// over has seen it come, and nothing since.
func TestASourceThatCameAfterTheLastRenewal(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	flags := append(s.ownLease(t), "--leader-election-lease-duration=40s", "--leader-election-renew-deadline=36s")
	first := s.launch(t, s.link, nil, flags...)
	s.untilLeads(t, first)
	s.untilRight(t)
	behind := newLink(t, shared, kubeconfig)
	gate := &proxy.Gate{Of: "/ingresses"}
	behind.put(behind.gated(gate))
	second := s.launch(t, behind, nil, flags...)
	if err := second.UntilReady(t.Context()); err != nil {
		t.Fatal(err)
	}

	s.link.put(s.link.withoutLease())
	s.untilStruck(t, 1)
	known := metricOf(t, second, "certshim_queue_depth")
	late := s.add(t, s.namespace, "Ingress", "late")
	s.await(t, "the other replica to see it", func() error {
		if depth := metricOf(t, second, "certshim_queue_depth"); depth <= known {
			return fmt.Errorf("certshim_queue_depth is %v", depth)
		}
		return nil
	})
	gate.Lock()
	s.grow(t, s.namespace, late)
	s.rename(t, s.namespace, late)
	s.untilRight(t)
	if err := first.Kill(); err != nil {
		t.Fatal(err)
	}
	s.untilLeads(t, second)
	gate.Unlock()
	strikes := s.link.strikes()
	s.link, s.certshim = behind, second
	s.heals()
	s.check(t, "came after the last renewal", strikes)
}

// withoutLease lets no write of a Lease through.
func (l *link) withoutLease() proxy.Around {
	return func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if request.Method != http.MethodGet && strings.Contains(request.URL.Path, "/leases") {
			l.struck()
			return refused(http.StatusServiceUnavailable)(request, next)
		}
		return next.RoundTrip(request)
	}
}

// A leader is paused, loses its Lease, and wakes up while another one leads.
func TestALeaderThatWakesUp(t *testing.T) {
	s := newScene(t)
	gate := &proxy.Gate{Of: "/certificates"}
	s.link.put(s.link.gated(gate))
	first := s.lead(t, s.link)
	s.untilRight(t)
	through := newLink(t, shared, kubeconfig)
	second := s.follow(t, through)
	s.play(t, s.namespace, edits()/2)
	// Once each source has one name more, the leader has seen all edits and has no write underway.
	for _, o := range s.origins {
		s.grow(t, s.namespace, o)
	}
	s.untilRight(t)
	if err := first.Pause(); err != nil {
		t.Fatal(err)
	}
	// When it wakes up, it sees the edits, and none of the Certificates that were written for them.
	gate.Lock()
	before := s.link.written()
	s.grow(t, s.namespace, s.origins[0])
	s.play(t, s.namespace, edits()/2)
	s.untilLeads(t, second)
	s.untilRight(t)
	s.play(t, s.namespace, edits()/2)
	if err := first.Resume(); err != nil {
		t.Fatal(err)
	}
	<-first.Done()
	gate.Unlock()
	// Both had the Lease, one after the other.
	strikes := s.link.strikes()
	if n := s.link.written() - before; n > 0 {
		t.Errorf("%s: the leader sent %d writes after its Lease was over", late, n)
	}
	s.link, s.certshim = through, second
	s.heals()
	s.check(t, "leader wakes up", strikes)
}

// The clock of the machine that led until now is an hour ahead, or behind.
func TestClocksThatDiffer(t *testing.T) {
	for name, skew := range map[string]time.Duration{"clock ahead": time.Hour, "clock behind": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			shared.Apply(t, "certshim", fmt.Sprintf(`
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: certshim}
spec: {holderIdentity: ghost, leaseDurationSeconds: 6, leaseTransitions: 1, acquireTime: %[1]q, renewTime: %[1]q}
`, time.Now().Add(skew).UTC().Format(metav1.RFC3339Micro)))
			s := newScene(t)
			s.certshim = s.lead(t, s.link)
			taken := s.leaseTaken(t)
			s.play(t, s.namespace, edits())
			s.heals()
			s.check(t, name, count(taken))
			if err := s.certshim.Kill(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

var leases = schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"}

// leaseTaken reports whether the Lease went from the ghost to the scene's replica.
func (s *scene) leaseTaken(t *testing.T) bool {
	t.Helper()
	lease, err := shared.Dynamic.Resource(leases).Namespace("certshim").Get(t.Context(), "certshim", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	holder, _, _ := unstructured.NestedString(lease.Object, "spec", "holderIdentity")
	const transitions = 2
	times, _, _ := unstructured.NestedInt64(lease.Object, "spec", "leaseTransitions")
	return holder != "ghost" && times == transitions
}

// Two processes work at once, as they do where somebody has switched leader election off.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	s := steady(t)
	s.overlap = 1
	second := newLink(t, shared, kubeconfig)
	s.besideAnother(t, "two at once", second, s.launch(t, second, nil, "--leader-elect=false"))
}

// besideAnother plays a history while another process works at once, and checks once the scene's is alone again.
func (s *scene) besideAnother(t *testing.T, fault string, through *link, other *cluster.Certshim) {
	t.Helper()
	if err := other.UntilReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.play(t, s.namespace, edits())
	s.untilRight(t)
	strikes := min(through.written(), s.link.written())
	stop(t, other)
	s.heals()
	s.check(t, fault, strikes)
}

// agedLists are the resources whose lists are older than their objects.
var agedLists = map[string][]string{
	"of sources": {"/ingresses", "/gateways", "/listenersets"}, "of Certificates": {"/certificates"},
	"of all": {"/ingresses", "/gateways", "/listenersets", "/certificates", "/issuers"},
}

// A server whose lists are older than its objects answers the first lists of a new process, for some resources. It reads lists only where
// it doesn't ask for streams.
func TestOldListsAtAStart(t *testing.T) {
	for name, resources := range played(agedLists) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			oldLists(t, "old lists "+name, resources)
		})
	}
}

func oldLists(t *testing.T, fault string, resources []string) {
	t.Helper()
	s := newScene(t)
	lists := &records{resources: resources, of: map[string][]byte{}}
	s.link.put(lists.keep)
	flags := s.ownLease(t)
	first := s.launch(t, s.link, []string{listsOnly}, flags...)
	s.untilRight(t)
	s.play(t, s.namespace, edits())
	s.untilRight(t)
	if err := first.Kill(); err != nil {
		t.Fatal(err)
	}
	gate := &proxy.Gate{}
	gate.Lock()
	s.link.put(s.link.outdated(lists, s.link.gated(gate)))
	s.certshim = s.launch(t, s.link, []string{listsOnly}, flags...)
	s.untilLooked(t, s.certshim)
	gate.Unlock()
	s.heals()
	s.check(t, fault, s.link.strikes())
}

// The watches of a process can't go on from where they were, and a server whose lists are older than its objects answers the lists that are read
// instead, until it has caught up.
func TestOldListsAtAFallback(t *testing.T) {
	for name, resources := range played(agedLists) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			lists := &records{resources: resources, of: map[string][]byte{}}
			s.link.put(lists.keep)
			s.certshim = s.launch(t, s.link, []string{listsOnly}, "--leader-elect=false")
			s.untilRight(t)
			s.measures(t)
			s.play(t, s.namespace, edits())
			s.untilRight(t)
			s.link.put(s.link.lagging(lists))
			for _, resource := range resources {
				s.link.hangUp(resource)
			}
			// Each of the lists is read again and again.
			s.untilStruck(t, 2*len(resources))
			s.heals()
			s.check(t, "old lists at a fallback "+name, s.link.strikes())
		})
	}
}

// lagging answers lists by those of before, and has no watch of theirs go on.
func (l *link) lagging(lists *records) proxy.Around {
	return l.outdated(lists, func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if watches(request) && lists.has(request.URL.Path) {
			return gone(request), nil
		}
		return next.RoundTrip(request)
	})
}

// outdated answers lists by those of before, and lets another fault have what isn't among them.
func (l *link) outdated(lists *records, other proxy.Around) proxy.Around {
	return func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if old := lists.old(request); old != nil {
			l.struck()
			return proxy.Answer(request, http.StatusOK, old), nil
		}
		return other(request, next)
	}
}

// listsOnly makes client-go list objects instead of asking for a stream of them.
const listsOnly = "KUBE_FEATURE_WatchListClient=false"

// records are the first lists of some resources that a process got, by path.
type records struct {
	resources []string

	lock sync.Mutex
	of   map[string][]byte
}

// keep notes the first list of each resource.
func (r *records) keep(request *http.Request, next http.RoundTripper) (*http.Response, error) {
	response, err := next.RoundTrip(request)
	if err != nil || !r.lists(request) {
		return response, err
	}
	body, err := readAll(response)
	if err != nil {
		return nil, err
	}
	r.lock.Lock()
	defer r.lock.Unlock()
	if r.of[request.URL.Path] == nil {
		r.of[request.URL.Path] = body
	}
	return proxy.Answer(request, response.StatusCode, body), nil
}

func (r *records) old(request *http.Request) []byte {
	if !r.lists(request) {
		return nil
	}
	r.lock.Lock()
	defer r.lock.Unlock()
	return r.of[request.URL.Path]
}

// has reports whether there is a list of before at a path.
func (r *records) has(path string) bool {
	r.lock.Lock()
	defer r.lock.Unlock()
	return r.of[path] != nil
}

func (r *records) lists(request *http.Request) bool {
	return request.Method == http.MethodGet && !watches(request) &&
		slices.ContainsFunc(r.resources, func(resource string) bool { return strings.HasSuffix(request.URL.Path, resource) })
}
