package main

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTheFactsAreUpToDate fails until `go generate ./cmd/certshim/app/schema` is run, such as after a module's upgrade.
func TestTheFactsAreUpToDate(t *testing.T) {
	want, err := generate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../cmd/certshim/app/schema/schema.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("run go generate ./cmd/certshim/app/schema (-want +got):\n%s", diff)
	}
}
