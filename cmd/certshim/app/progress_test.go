package app

import (
	"strings"
	"testing"
	"time"
)

func TestProgressIsOneLineThatGoesAway(t *testing.T) {
	var out strings.Builder
	now := time.Unix(0, 0)
	p := &progress{w: &out, now: func() time.Time { return now }}
	for range 3 {
		p.count("ingresses read")
		now = now.Add(betweenShows / 2)
	}
	p.count("certificates read")
	p.end()
	p.end()
	const clear = "\r\x1b[K"
	if want := clear + "1 ingresses read" + clear + "3 ingresses read" + clear + "1 certificates read" + clear; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	if newProgress(&out) != nil {
		t.Error("what is no terminal has a progress line")
	}
	var none *progress
	none.count("x")
	none.end()
}
