package e2e

import (
	"context"
	"strings"
	"testing"

	"k8s.io/client-go/kubernetes"
)

// serverMetrics are the API server's own, in Prometheus' text form.
func (d *deployed) serverMetrics(t *testing.T) string {
	t.Helper()
	client, err := kubernetes.NewForConfig(d.Config)
	if err != nil {
		t.Fatal(err)
	}
	body, err := client.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(t.Context())
	if err != nil {
		t.Fatal("metrics of the API server: ", err)
	}
	return string(body)
}

// series adds up those series of a metric that have all the labels.
func series(t *testing.T, body, metric string, labels ...string) float64 {
	t.Helper()
	var lines strings.Builder
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, metric+"{") && containsAll(line, labels) {
			lines.WriteString(line)
		}
	}
	total, err := sum(lines.String(), metric)
	if err != nil {
		t.Fatal(err)
	}
	return total
}

func containsAll(line string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(line, part) {
			return false
		}
	}
	return true
}

// must turns (value, error) into the value, or the end of the test.
func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// cleanup is the context of what runs when the test's own is done.
func cleanup() context.Context { return context.Background() }
