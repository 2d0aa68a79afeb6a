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
		{0, 100}, {5 << 20, 100}, {8 << 20, 100}, {14 << 20, 55}, {20 << 20, 40}, {32 << 20, 25}, {33 << 20, 25}, {1 << 30, 25},
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
