package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/proxy"
)

// etcd is restored from a snapshot that was taken in the midst of edits: the whole cluster goes back to that time, and resourceVersions with
// it. The control plane and cert-manager are started again. Of certshim, a leader and a replica that stands by know what was since, and go on to
// watch from there, of which nothing comes: each sees by the Lease that it is gone, and ends. The one that is started then serves what there is.
func TestAClusterThatGoesBack(t *testing.T) {
	apart(t, cluster.WithFolder(t.TempDir()), cluster.WithoutWebhook())
	s := newScene(t)
	down := &outage{}
	s.link.put(down.patient)
	// Longer than a restore takes: a leader that can't renew its Lease for that long ends anyway.
	patient := []string{"--leader-election-lease-duration=2m", "--leader-election-renew-deadline=110s", "--leader-election-retry-period=1s"}
	first := s.launch(t, s.link, nil, patient...)
	s.untilLeads(t, first)
	through := newLink(t, shared, kubeconfig)
	polls := &proxy.Barrier{Matches: func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/leases/") }}
	through.put(func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		polls.Before(request)
		return down.patient(request, next)
	})
	second := s.launch(t, through, nil, patient...)
	if err := second.UntilReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.play(t, s.namespace, edits()/2)
	data := t.TempDir()
	if err := shared.ControlPlane.Snapshot(data); err != nil {
		t.Fatal(err)
	}
	past, renewed := s.remembered(), s.leaseVersion(t)
	s.play(t, s.namespace, edits()/2)
	s.growAll(t)
	s.untilRight(t)
	before := s.version(t)
	s.await(t, "the Lease to be renewed", func() error {
		if s.leaseVersion(t) == renewed {
			return errors.New("it isn't renewed")
		}
		return nil
	})
	asked := polls.Count()
	s.await(t, "the replica that stands by to see the Lease", func() error {
		// One may have been underway.
		if n := polls.Count() - asked; n < 2 {
			return fmt.Errorf("it asked %d times", n)
		}
		return nil
	})

	if err := shared.CertManager.Stop(); err != nil {
		t.Fatal(err)
	}
	down.lasts.Store(true)
	if err := shared.ControlPlane.Restore(t.Context(), data); err != nil {
		t.Fatal(err)
	}
	down.lasts.Store(false)
	strikes := count(s.version(t) < before)
	s.goesBack(t, past)
	var err error
	if shared.CertManager, err = shared.Run(t.Context(), "certmanager-again", "certmanager"); err != nil {
		t.Fatal(err)
	}
	for _, replica := range []*cluster.Certshim{first, second} {
		s.untilEnded(t, replica, "the cluster went back to an earlier state")
	}
	// Who holds it is gone.
	shared.Delete(t, leases, "certshim", "certshim")
	s.certshim = s.lead(t, s.link)
	s.play(t, s.namespace, edits())
	s.heals()
	s.check(t, "etcd restored", strikes)
}

// outage is a time in which the API server is down.
type outage struct{ lasts atomic.Bool }

// patient lets watches end as an API server that is stopped lets them end, and has who opens them again wait until it is back: so a watch goes on
// from where it was. A client that gets any other error reads all objects anew.
func (o *outage) patient(request *http.Request, next http.RoundTripper) (*http.Response, error) {
	if !watches(request) {
		return next.RoundTrip(request)
	}
	if o.lasts.Load() {
		return refused(http.StatusTooManyRequests)(request, next)
	}
	response, err := next.RoundTrip(request)
	if err == nil {
		response.Body = ended{response.Body}
	}
	return response, err
}

// ended is a body that ends well, whatever ends it.
type ended struct{ io.ReadCloser }

func (e ended) Read(p []byte) (int, error) {
	n, err := e.ReadCloser.Read(p)
	if err != nil {
		err = io.EOF
	}
	return n, err
}

// untilEnded waits until a process has ended, and holds it to having said why.
func (s *scene) untilEnded(t *testing.T, process *cluster.Certshim, why string) {
	t.Helper()
	if err := cluster.Await(t.Context(), "the process to end", func(context.Context) error {
		select {
		case <-process.Done():
			return nil
		default:
			return errors.New("it runs")
		}
	}); err != nil {
		t.Fatalf("%s: %v", stays, err)
	}
	if said := process.LogTail(); !strings.Contains(said, why) {
		t.Errorf("it doesn't say %q:\n%s", why, said)
	}
}

func (s *scene) leaseVersion(t *testing.T) string {
	t.Helper()
	lease, err := shared.Dynamic.Resource(leases).Namespace("certshim").Get(t.Context(), "certshim", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return lease.GetResourceVersion()
}

// version is the resourceVersion of the cluster as it is now.
func (s *scene) version(t *testing.T) uint64 {
	t.Helper()
	list, err := shared.Dynamic.Resource(ingresses).Namespace(s.namespace).List(t.Context(), listAll)
	if err != nil {
		t.Fatal(err)
	}
	version, err := strconv.ParseUint(list.GetResourceVersion(), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return version
}

// goesBack goes on from what there was at a time, and counts what may come of that.
func (s *scene) goesBack(t *testing.T, past *history) {
	t.Helper()
	past.edits, past.told = s.edits, s.told
	s.history = past
	s.certificates = shared.Watch(t, cluster.Certificates(), s.namespace)
	s.requests = shared.Watch(t, cluster.CertificateRequests(), s.namespace)
	clear(s.wants)
	for _, m := range madeOf(slices.Collect(maps.Values(s.certificates.State()))) {
		s.wants[m.key()] = &want{made: 1, specs: m.specs, last: fmt.Sprint(signer{name: m.issuer}, m.hosts)}
	}
	for _, o := range s.origins {
		s.count(o)
	}
	s.edited("the cluster goes back")
}

// remembered is the history as it is now, which further edits don't change.
func (h *history) remembered() *history {
	past := *h
	past.wants, past.young = map[string]*want{}, maps.Clone(h.young)
	now := map[*origin]*origin{}
	past.origins = nil
	for _, o := range h.origins {
		same := *o
		same.hosts, same.more = slices.Clone(o.hosts), slices.Clone(o.more)
		now[o] = &same
		past.origins = append(past.origins, &same)
	}
	for _, o := range past.origins {
		o.waits = now[o.waits]
	}
	past.guest = now[h.guest]
	return &past
}
