package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/prometheus"
)

// mayBeEmpty says that a query gives something only with plugins, with a limit on requests, or while something is
// wrong.
func mayBeEmpty(query string) bool {
	return strings.Contains(query, "certshim_resolver_") || strings.Contains(query, "rest_client_rate_limiter_") || strings.HasSuffix(query, "> 0")
}

// scrapeOften scrapes an address all the time.
const scrapeOften = `
global: {scrape_interval: 500ms, scrape_timeout: 500ms}
scrape_configs: [{job_name: certshim, static_configs: [{targets: [%q], labels: {namespace: %q, pod: certshim-0}}]}]
`

// A Prometheus that scrapes certshim has an answer to each query of the dashboard.
func TestTheDashboardShowsAController(t *testing.T) {
	t.Parallel()
	path, err := prometheus.Path()
	if err != nil {
		t.Skip(err)
	}
	d := startDeployed(t)
	d.startFor(t, "shown")
	server := prometheus.Start(t, path, t.TempDir(), fmt.Sprintf(scrapeOften, d.running["shown"].Address, prometheus.Namespace))
	err = cluster.Poll(t.Context(), "the first scrape", func(context.Context) (bool, error) {
		results, err := server.Results(t.Context(), "certshim_build_info", time.Now())
		return results > 0, err
	})
	if err != nil {
		t.Fatal(err)
	}
	namespace := d.Namespace(t)
	ca := d.Issuer(t, namespace, "ca")
	secrets := d.Watch(t, cluster.Secrets(), namespace)
	d.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca"}, "a.example.com"))
	secrets.Signed(t, "web-tls", ca, "a.example.com")

	dashboard := prometheus.ReadDashboard(t, must(repository())(t))
	var empty []string
	err = cluster.Poll(t.Context(), "an answer to each query", func(context.Context) (bool, error) {
		empty = nil
		for _, panel := range dashboard.Panels {
			for _, query := range panel.Queries() {
				results, err := server.Results(t.Context(), query, time.Now())
				if err != nil {
					return false, err
				}
				if results == 0 && !mayBeEmpty(query) {
					empty = append(empty, query)
				}
			}
		}
		return len(empty) == 0, nil
	})
	if err != nil {
		t.Errorf("%v; there is none to\n%s", err, strings.Join(empty, "\n"))
	}
}
