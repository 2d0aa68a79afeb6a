package app

import (
	"runtime/debug"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVersionTellsWhatItWasBuiltFrom(t *testing.T) {
	v := buildVersion{Version: "v1.2.3", Commit: "abc", BuildDate: "2026-11-27T20:00:00Z", Modified: true, GoVersion: "go1.26.8", Platform: "linux/amd64"}
	v.APIs = apisOf([]*debug.Module{
		{Path: "k8s.io/api", Version: "v0.36.2"}, {Path: "github.com/cert-manager/cert-manager", Version: "v1.21.2"}, {Path: "k8s.io/other", Version: "v1"},
	})
	const want = `certshim v1.2.3 (go1.26.8, linux/amd64)
commit abc of 2026-11-27T20:00:00Z, modified
github.com/cert-manager/cert-manager v1.21.2
k8s.io/api v0.36.2
`
	if diff := cmp.Diff(want, v.text()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := (buildVersion{Version: "dev", GoVersion: "go1.26.8", Platform: "linux/amd64"}).text(); got != "certshim dev (go1.26.8, linux/amd64)\n" {
		t.Errorf("nothing is known but the version, and it says %q", got)
	}
}
