package controller

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/certshim/certshim/inventory"
)

// liveHeap is how much memory is in use once all garbage is collected.
func liveHeap() int {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int(stats.HeapAlloc)
}

// settledHeap waits until what earlier tests left is gone, so that the memory of this one can be measured.
func settledHeap() int {
	last, same := liveHeap(), 0
	for range 100 {
		now := liveHeap()
		if same++; now < last-16<<10 {
			same = 0
		}
		if last = now; same == 5 {
			break
		}
	}
	return last
}

// No problem that is told, remembered or waiting, and no key in a queue or an index, keeps an old
// version of an object in memory.
func TestEditsPinNoOldVersions(t *testing.T) {
	const objects, edits, size = 40, 12, 40_000
	c := newTestController(t, &script{})
	serving(c, inventory.Whole)
	random := make([]byte, size) // what is kept of an object is compressed
	_, _ = rand.NewChaCha8([32]byte{}).Read(random)
	// Each edit is bad in another way, and names another Secret and another issuer.
	edit := func(i, n int) {
		wrong := map[string]any{
			"cert-manager.io/issuer":   fmt.Sprint("ca-", n),
			"cert-manager.io/duration": fmt.Sprint("y", n),
		}
		for at, key := range []string{"subject-organizations", "subject-localities", "subject-provinces", "subject-streetaddresses"} {
			wrong["cert-manager.io/"+key] = hex.EncodeToString(random[at*size/8:(at+1)*size/8]) + fmt.Sprint(n)
		}
		c.reconcile(t.Context(), see(t, c, named(ingress(wrong, fmt.Sprint("tls-", i, "-", n%2), "tls"), fmt.Sprint("web-", i))))
	}
	round := func(n int) {
		for i := range objects {
			edit(i, n)
		}
	}
	// What earlier tests left may still go, which makes it less, never more.
	round(0)
	before := settledHeap()
	for n := range edits {
		round(n + 1)
	}
	if grown := liveHeap() - before; grown > objects*size/2 {
		t.Errorf("%d edits of %d objects of %d kB take %d kB more", edits, objects, size>>10, grown>>10)
	}
	runtime.KeepAlive(c)
}
