package clientmetrics_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"

	"github.com/certshim/certshim/clientmetrics"
)

// Two items are taken, one of which is put off.
func TestQueues(t *testing.T) {
	registry := prometheus.NewRegistry()
	provider := clientmetrics.Queues(registry)
	queue := workqueue.NewTypedRateLimitingQueueWithConfig(workqueue.NewTypedItemExponentialFailureRateLimiter[string](0, 0),
		workqueue.TypedRateLimitingQueueConfig[string]{Name: "sources", MetricsProvider: provider})
	defer queue.ShutDown()
	queue.Add("a")
	queue.Add("b")
	wantSeries(t, registry, `workqueue_depth{name="sources"} 2`, `workqueue_adds_total{name="sources"} 2`)
	for range 2 {
		item, _ := queue.Get()
		queue.Done(item)
	}
	queue.AddRateLimited("a")
	wantSeries(t, registry, `workqueue_retries_total{name="sources"} 1`,
		`workqueue_queue_duration_seconds_count{name="sources"} 2`, `workqueue_work_duration_seconds_count{name="sources"} 2`)
	lint(t, registry)
}

// Requests are counted by code, method and host, and never by the names of objects.
func TestRequests(t *testing.T) {
	registry := prometheus.NewRegistry()
	clientmetrics.Install(registry)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "missing") {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	client, err := rest.RESTClientFor(&rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{
		GroupVersion: &schema.GroupVersion{Version: "v1"}, NegotiatedSerializer: serializer.NewCodecFactory(runtime.NewScheme()),
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"there", "missing", "missing"} {
		_ = client.Get().AbsPath("/secret-name/" + name).Do(t.Context()).Error() // two are not found
	}
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	wantSeries(t, registry, `rest_client_requests_total{code="404",host="`+at.Host+`",method="GET"} 2`,
		`rest_client_requests_total{code="200",host="`+at.Host+`",method="GET"} 1`,
		`rest_client_request_duration_seconds_count{host="`+at.Host+`",verb="GET"} 3`)
	if strings.Contains(text(t, registry), "secret-name") {
		t.Error("the path of a request is a label")
	}
	lint(t, registry)
}

func wantSeries(t *testing.T, registry *prometheus.Registry, want ...string) {
	t.Helper()
	got := text(t, registry)
	for _, line := range want {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("there is no\n%s\nin\n%s", line, got)
		}
	}
}

func text(t *testing.T, registry *prometheus.Registry) string {
	t.Helper()
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	return answer.Body.String()
}

// lint holds the names and help texts against Prometheus' conventions.
func lint(t *testing.T, registry *prometheus.Registry) {
	t.Helper()
	found, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range found {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
}
