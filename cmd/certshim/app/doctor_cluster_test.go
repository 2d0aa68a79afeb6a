package app_test

import (
	"strings"
	"testing"
)

// Where the API server fails to list objects, the plan isn't known, and all else is told.
func TestDoctorGoesOnWhereListsFail(t *testing.T) {
	cluster, server := clusterOf(t, "", noGateways)
	cluster.failing = []string{"/apis/networking.k8s.io/v1/ingresses", "/apis/gateway.networking.k8s.io/v1"}
	out, errOut, status := run(t, nil, "doctor", "--pre", server)
	for _, want := range []string{"unknown  plan                  what is left to write can't be known: list ingresses.networking.k8s.io", "unknown  approval",
		"warning  api-groups            API group gateway.networking.k8s.io/v1 doesn't answer (the server is currently unable to handle the request)", "objects of Gateway, ListenerSet, ReferenceGrant can't be read",
		"unknown  api-groups            whether the servers behind the API server are available can't be known"} {
		if status != 1 || !strings.Contains(out, want) {
			t.Errorf("status %d, want %q in\n%s%s", status, want, out, errOut)
		}
	}
}
