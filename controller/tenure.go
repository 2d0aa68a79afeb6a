package controller

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordination "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// moment is one reading of two clocks. The monotonic clock may stand still while the machine
// sleeps, and the wall clock may be set back.
type moment struct{ monotonic, wall time.Time }

func readClocks() moment {
	now := time.Now()
	return moment{monotonic: now, wall: now.Round(0)}
}

func (m moment) add(d time.Duration) moment {
	return moment{monotonic: m.monotonic.Add(d), wall: m.wall.Add(d)}
}

// reached says whether either clock has come to the end.
func (m moment) reached(end moment) bool {
	return !m.monotonic.Before(end.monotonic) || !m.wall.Before(end.wall)
}

// tenure is the time in which no other replica can hold the Lease: it ends LeaseDuration after
// the last request that renewed the Lease was sent. The server noted that renewal later, and
// other replicas saw it later still. A nil tenure never ends: nothing is elected.
type tenure struct {
	clocks func() moment

	lock   sync.Mutex
	begun  bool
	end    moment
	expiry *time.Timer
	lose   func()
	// before is the resourceVersion of the Lease as another replica left it, empty for none, and since is that of the Lease as we took it.
	before, since string
	// newest is the greatest resourceVersion that the Lease had. Once it has a lower one, back is closed, and past says so.
	newest uint64
	back   chan struct{}
	past   error
}

func newTenure() *tenure {
	return &tenure{clocks: readClocks, lose: func() {}, back: make(chan struct{})}
}

// onEnd sets what is called when the tenure ends. It may be called more than once.
func (t *tenure) onEnd(lose func()) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.lose = lose
}

// until is the time until which writes may begin; the zero time if none may.
func (t *tenure) until() time.Time {
	if t == nil {
		return time.Now().Add(time.Hour)
	}
	t.lock.Lock()
	defer t.lock.Unlock()
	if !t.begun || t.clocks().reached(t.end) {
		return time.Time{}
	}
	return t.end.monotonic
}

// active says whether a write may begin now.
func (t *tenure) active() bool { return !t.until().IsZero() }

// renew lets the tenure last until a Lease that was renewed by a request sent then expires.
func (t *tenure) renew(sent moment, lasts time.Duration) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.begun, t.end = true, sent.add(lasts)
	if t.expiry != nil {
		t.expiry.Stop()
	}
	t.expiry = time.AfterFunc(t.end.monotonic.Sub(t.clocks().monotonic), t.lose)
}

// cease ends the tenure now, if it has begun.
func (t *tenure) cease() {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.stop()
}

// stop ends the tenure, which is locked, if it has begun.
func (t *tenure) stop() {
	if t.begun {
		t.begun = false
		t.expiry.Stop()
		t.lose()
	}
}

// follow holds a version of the Lease to those before. A lower one means that the whole cluster went back to an earlier state, as when etcd
// was restored. Watches that go on from a later version show nothing of that, so all that is known has to be read anew.
func (t *tenure) follow(lease *coordinationv1.Lease) error {
	t.lock.Lock()
	defer t.lock.Unlock()
	version, err := strconv.ParseUint(lease.ResourceVersion, 10, 64)
	if err != nil {
		return t.past
	}
	if t.past == nil && version < t.newest {
		t.past = fmt.Errorf("its resourceVersion was %d, and is %d: the cluster went back to an earlier state, as by a restored etcd", t.newest, version)
		close(t.back)
		t.stop()
	}
	t.newest = max(t.newest, version)
	return t.past
}

// wentBack is an error if the Lease was found in an earlier state.
func (t *tenure) wentBack() error {
	t.lock.Lock()
	defer t.lock.Unlock()
	return t.past
}

// versions are the resourceVersions of the Lease as the replica left it that held it before, empty if none did, and as we took it.
// Between the two, that replica may have written.
func (t *tenure) versions() (before, since string) {
	if t == nil {
		return "", ""
	}
	t.lock.Lock()
	defer t.lock.Unlock()
	return t.before, t.since
}

// note notes the version of a Lease that isn't ours yet, as one of the two.
func (t *tenure) note(version *string, lease *coordinationv1.Lease) {
	t.lock.Lock()
	defer t.lock.Unlock()
	if !t.begun {
		*version = lease.ResourceVersion
	}
}

// notedLeases notes the resourceVersions of the Lease that is read and taken, which an elector keeps for itself.
type notedLeases struct {
	coordination.LeasesGetter
	tenure *tenure
}

func (n notedLeases) Leases(namespace string) coordination.LeaseInterface {
	return notedLease{n.LeasesGetter.Leases(namespace), n.tenure}
}

type notedLease struct {
	coordination.LeaseInterface
	tenure *tenure
}

func (n notedLease) Get(ctx context.Context, name string, options metav1.GetOptions) (*coordinationv1.Lease, error) {
	lease, err := n.LeaseInterface.Get(ctx, name, options)
	return n.noted(&n.tenure.before, lease, err)
}

func (n notedLease) Create(ctx context.Context, lease *coordinationv1.Lease, options metav1.CreateOptions) (*coordinationv1.Lease, error) {
	created, err := n.LeaseInterface.Create(ctx, lease, options)
	return n.noted(&n.tenure.since, created, err)
}

func (n notedLease) Update(ctx context.Context, lease *coordinationv1.Lease, options metav1.UpdateOptions) (*coordinationv1.Lease, error) {
	updated, err := n.LeaseInterface.Update(ctx, lease, options)
	return n.noted(&n.tenure.since, updated, err)
}

// noted notes an answer as one of the two versions.
func (n notedLease) noted(version *string, lease *coordinationv1.Lease, err error) (*coordinationv1.Lease, error) {
	if err != nil {
		return nil, err
	}
	if err := n.tenure.follow(lease); err != nil {
		return nil, err
	}
	n.tenure.note(version, lease)
	return lease, nil
}

// observedLock keeps the tenure in step with the Lease.
type observedLock struct {
	resourcelock.Interface
	tenure *tenure
}

func (l observedLock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := l.Interface.Get(ctx)
	if err == nil && record.HolderIdentity != l.Identity() {
		l.tenure.cease()
	}
	return record, raw, err
}

func (l observedLock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.write(ctx, record, l.Interface.Create)
}

func (l observedLock) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.write(ctx, record, l.Interface.Update)
}

// write renews by what the record says, which has whole seconds only. A write that failed may
// have reached the server: that makes the Lease longer, and never the tenure.
func (l observedLock) write(ctx context.Context, record resourcelock.LeaderElectionRecord, send func(context.Context, resourcelock.LeaderElectionRecord) error) error {
	sent := l.tenure.clocks()
	if err := send(ctx, record); err != nil {
		return err
	}
	l.tenure.renew(sent, time.Duration(record.LeaseDurationSeconds)*time.Second)
	return nil
}

// release gives the Lease back if it is still ours. Another replica may hold it as soon as
// that is sent.
func (l observedLock) release(ctx context.Context) error {
	record, _, err := l.Get(ctx)
	if err != nil || record.HolderIdentity != l.Identity() {
		return err
	}
	l.tenure.cease()
	now := metav1.NewTime(l.tenure.clocks().wall)
	return l.Interface.Update(ctx, resourcelock.LeaderElectionRecord{
		LeaderTransitions: record.LeaderTransitions, LeaseDurationSeconds: 1, RenewTime: now, AcquireTime: now,
	})
}
