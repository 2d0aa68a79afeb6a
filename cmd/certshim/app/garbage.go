package app

import (
	"os"
	"runtime"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"sync"
	"sync/atomic"
)

// Garbage is collected once it amounts to a budget, or to leastGarbage percent of the live heap if
// that is more. Go's default waits for as much garbage as there is live heap, which would double the
// memory of a large cluster, or of a large plan. A plan ends soon, and its CPU is waited for: it may
// leave more. An audit of a cluster is the only one that goes through all of it object by object, and may run beside
// much else. Once the caches are filled, a small heap may grow to smallHeap; until then the live
// heap grows faster than the limit follows it.
const (
	controllerGarbage = 6 << 20
	planGarbage       = 128 << 20
	auditGarbage      = 12 << 20
	smallHeap         = 28 << 20
	leastGarbage      = 25
	mostGarbage       = 100
)

// cachesFilled is set once the first lists are in memory.
var cachesFilled atomic.Bool

// afterPeak gives the memory that only the start needed back to the system.
func afterPeak() {
	cachesFilled.Store(true)
	debug.FreeOSMemory()
}

var garbageIsLimited sync.Once

// limitGarbage adjusts the limit after each collection from now on, for the whole process,
// unless the operator has set GOGC.
func limitGarbage(budget uint64) {
	if os.Getenv("GOGC") == "" {
		garbageIsLimited.Do(func() { adjustGarbage(garbageLimit{budget: budget}) })
	}
}

// garbageLimit is a budget, and the percentage that is set for it now.
type garbageLimit struct {
	budget  uint64
	percent int
}

func adjustGarbage(limit garbageLimit) {
	if percent := garbagePercent(limit.budget, liveHeap(), cachesFilled.Load()); percent != limit.percent {
		debug.SetGCPercent(percent)
		limit.percent = percent
	}
	// The next collection finds this unreachable, and comes back.
	runtime.AddCleanup(&collected{}, adjustGarbage, limit)
}

// collected is large enough, and has a pointer, so that it is an allocation of its own.
type collected struct {
	_ [4]*byte
}

// garbagePercent is in steps, so that it seldom changes: each change stops the program for
// a moment.
func garbagePercent(budget, live uint64, filled bool) int {
	const step = 5
	percent := budget * 100 / max(live, 1) / step * step
	percent = min(max(percent, leastGarbage), mostGarbage)
	if filled && live < smallHeap {
		// Of a heap with next to nothing alive the eighth counts, so that no percentage is beyond reason.
		percent = max(percent, (smallHeap-live)*100/max(live, smallHeap/8)/step*step)
	}
	return int(percent)
}

// liveHeap is what the last collection left, in bytes.
func liveHeap() uint64 {
	sample := []runtimemetrics.Sample{{Name: "/gc/heap/live:bytes"}}
	runtimemetrics.Read(sample)
	return sample[0].Value.Uint64()
}
