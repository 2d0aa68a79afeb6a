package controller

import (
	"runtime"
	"testing"
)

func TestGarbageIsBoundedByAnAmount(t *testing.T) {
	for _, c := range []struct {
		live uint64
		want int
	}{
		{0, 1000}, {2 << 20, 1000}, {4 << 20, 600}, {8 << 20, 250}, {14 << 20, 100}, {20 << 20, 40}, {24 << 20, 30}, {32 << 20, 25}, {33 << 20, 25}, {1 << 30, 25},
	} {
		if got := garbagePercent(c.live); got != c.want {
			t.Errorf("with %d MB alive %d %%, want %d", c.live>>20, got, c.want)
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
