package controller

import (
	"context"
	"fmt"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	coordination "k8s.io/client-go/kubernetes/typed/coordination/v1"
)

// Fifty Certificates that come back when they are told to change at the pace, each once.
func TestPace(t *testing.T) {
	p := newPace(10)
	waiting := map[types.NamespacedName]time.Time{}
	for i := range 50 {
		waiting[types.NamespacedName{Name: fmt.Sprint(i)}] = noon
	}
	var changed []time.Time
	for now := noon; len(waiting) > 0 && now.Before(noon.Add(time.Hour)); now = now.Add(time.Second) {
		for name, next := range waiting {
			if now.Before(next) {
				continue
			}
			if wait := p.due(name, now); wait > 0 {
				waiting[name] = now.Add(wait)
				continue
			}
			delete(waiting, name)
			changed = append(changed, now)
		}
	}
	for i := 10; i < len(changed); i++ {
		if changed[i].Sub(changed[i-10]) < time.Minute {
			t.Errorf("changes %d to %d within %s", i-10, i, changed[i].Sub(changed[i-10]))
		}
	}
	if took := changed[len(changed)-1].Sub(noon); len(changed) != 50 || took > 5*time.Minute {
		t.Errorf("%d changes took %s", len(changed), took)
	}
	if len(p.slots) != 0 {
		t.Errorf("slots left over: %v", p.slots)
	}
}

func TestAMissedSlotIsLost(t *testing.T) {
	p, late := newPace(10), types.NamespacedName{Name: "late"}
	p.due(types.NamespacedName{Name: "first"}, noon)
	p.due(late, noon)
	now := noon.Add(time.Minute)
	p.due(types.NamespacedName{Name: "second"}, now)
	if wait := p.due(late, now); wait <= 0 {
		t.Errorf("two changes at once")
	}
}

// What this replica may change first waits a whole interval, as the replica before may have made a change just now.
func TestTheFirstTurnComesAnIntervalAfterTheBeginning(t *testing.T) {
	p, name := newPace(10), types.NamespacedName{Name: "tls"}
	p.begin(noon)
	if wait := p.due(name, noon); wait != 6*time.Second {
		t.Errorf("waits %s, want the interval, 6s", wait)
	}
	if wait := p.due(name, noon.Add(6*time.Second)); wait != 0 {
		t.Errorf("waits %s when it is its turn", wait)
	}
}

// leaseOf is a Lease client that gives one Lease.
type leaseOf struct {
	coordination.LeaseInterface
	version string
}

func (l *leaseOf) Leases(string) coordination.LeaseInterface { return l }

func (l *leaseOf) Get(context.Context, string, metav1.GetOptions) (*coordinationv1.Lease, error) {
	return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{ResourceVersion: l.version}}, nil
}

func (l *leaseOf) Update(ctx context.Context, _ *coordinationv1.Lease, _ metav1.UpdateOptions) (*coordinationv1.Lease, error) {
	return l.Get(ctx, "", metav1.GetOptions{})
}

func (l *leaseOf) Create(ctx context.Context, _ *coordinationv1.Lease, _ metav1.CreateOptions) (*coordinationv1.Lease, error) {
	return l.Get(ctx, "", metav1.GetOptions{})
}

// What the replica before had seen is known by the Lease as it left it, not as we renew it.
func TestTheLeaseTellsWhatTheReplicaBeforeHadSeen(t *testing.T) {
	var none *tenure
	if before, since := none.versions(); before != "" || since != "" {
		t.Errorf("without an election: %q, %q", before, since)
	}
	of := newTenure()
	server := &leaseOf{}
	leases := notedLeases{server, of}.Leases("shop")
	read := func(version string) {
		server.version = version
		if _, err := leases.Get(t.Context(), "certshim", metav1.GetOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	write := func(version string) {
		server.version = version
		if _, err := leases.Update(t.Context(), &coordinationv1.Lease{}, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	read("5")
	read("7")
	write("8")
	of.renew(readClocks(), time.Hour)
	read("9")
	write("10")
	if before, since := of.versions(); before != "7" || since != "8" {
		t.Errorf("got %q and %q, want that of the last time before this replica led, and that of when it began to", before, since)
	}

	// Somebody deleted the Lease meanwhile.
	of = newTenure()
	leases = notedLeases{server, of}.Leases("shop")
	read("17")
	server.version = "19"
	if _, err := leases.Create(t.Context(), &coordinationv1.Lease{}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if before, since := of.versions(); before != "17" || since != "19" {
		t.Errorf("got %q and %q of a Lease that was made anew, want that of the last one before, and its own", before, since)
	}
}
