package app

import (
	"runtime"
	"testing"
)

func TestGarbageIsBoundedByAnAmount(t *testing.T) {
	for _, c := range []struct {
		live            uint64
		filling, filled int
	}{
		{0, 100, 800}, {2 << 20, 100, 740}, {4 << 20, 100, 600}, {8 << 20, 75, 250}, {14 << 20, 40, 100}, {20 << 20, 30, 40}, {24 << 20, 25, 25},
		{32 << 20, 25, 25}, {33 << 20, 25, 25}, {1 << 30, 25, 25},
	} {
		if got := garbagePercent(controllerGarbage, c.live, false); got != c.filling {
			t.Errorf("with %d MB alive %d %% while the caches fill, want %d", c.live>>20, got, c.filling)
		}
		if got := garbagePercent(controllerGarbage, c.live, true); got != c.filled {
			t.Errorf("with %d MB alive %d %%, want %d", c.live>>20, got, c.filled)
		}
	}
}

func TestAPlanMayLeaveMoreGarbage(t *testing.T) {
	for live, want := range map[uint64]int{0: 100, 64 << 20: 100, 128 << 20: 100, 256 << 20: 50, 1 << 30: 25} {
		if got := garbagePercent(planGarbage, live, false); got != want {
			t.Errorf("with %d MB alive %d %%, want %d", live>>20, got, want)
		}
	}
}

func TestWhatLivesIsKnown(t *testing.T) {
	held := make([]byte, 64<<20)
	runtime.GC()
	if live := liveHeap(); live < uint64(len(held)) || live > 4*uint64(len(held)) {
		t.Errorf("%d bytes live, want about %d", live, len(held))
	}
	runtime.KeepAlive(held)
}
