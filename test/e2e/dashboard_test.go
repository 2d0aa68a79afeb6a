package e2e

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/process"
)

// mayBeEmpty says that a query gives something only with plugins, with a limit on requests, or while something is
// wrong.
func mayBeEmpty(query string) bool {
	return strings.Contains(query, "certshim_resolver_") || strings.Contains(query, "rest_client_rate_limiter_") || strings.HasSuffix(query, "> 0")
}

// A Prometheus that scrapes certshim has an answer to each query of the dashboard.
func TestTheDashboardShowsAController(t *testing.T) {
	path, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("there is no prometheus, so that the dashboard isn't evaluated: install Debian's package prometheus")
	}
	d := startDeployed(t)
	d.startFor(t, "shown")
	server := startPrometheus(t, path, d.running["shown"].Address)
	err = poll(t.Context(), "the first scrape", func() (bool, error) {
		results, err := evaluate(t, server, "certshim_build_info")
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

	var empty []string
	err = poll(t.Context(), "an answer to each query", func() (bool, error) {
		empty = nil
		for _, query := range dashboardQueries(t) {
			results, err := evaluate(t, server, query)
			if err != nil {
				return false, err
			}
			if results == 0 && !mayBeEmpty(query) {
				empty = append(empty, query)
			}
		}
		return len(empty) == 0, nil
	})
	if err != nil {
		t.Errorf("%v; there is none to\n%s", err, strings.Join(empty, "\n"))
	}
}

// startPrometheus scrapes an address all the time, and gives its own.
func startPrometheus(t *testing.T, path, target string) string {
	t.Helper()
	folder := t.TempDir()
	config := filepath.Join(folder, "prometheus.yml")
	text := fmt.Sprintf("global: {scrape_interval: 500ms, scrape_timeout: 500ms}\nscrape_configs:\n  - job_name: certshim\n    static_configs:\n"+
		"      - {targets: [%q], labels: {namespace: certshim, pod: certshim-0}}\n", target)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	address := must(cluster.FreeAddress(t.Context()))(t)
	server := must(process.Start(t.Context(), process.Program{
		Path: path, Args: []string{"--config.file=" + config, "--storage.tsdb.path=" + filepath.Join(folder, "data"), "--web.listen-address=" + address},
		Log: filepath.Join(t.ArtifactDir(), "prometheus.log"),
	}))(t)
	t.Cleanup(func() { _ = server.Stop() })
	if err := cluster.Listens(t.Context(), server, address); err != nil {
		t.Fatal(err)
	}
	return "http://" + address
}

// dashboardQueries are those of the dashboard, with values for its variables.
func dashboardQueries(t *testing.T) []string {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	file := must(os.ReadFile(filepath.Join(must(repository())(t), "deploy/chart/files/dashboard.json")))(t)
	if err := json.Unmarshal(file, &dashboard); err != nil {
		t.Fatal(err)
	}
	values := strings.NewReplacer("$__rate_interval", "1m", "$cluster", ".*", "$namespace", "certshim")
	var all []string
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			all = append(all, values.Replace(target.Expr))
		}
	}
	return all
}

// evaluate gives the number of results, without those that are no number: a quantile of nothing.
func evaluate(t *testing.T, server, query string) (results int, err error) {
	t.Helper()
	body, status := get(t.Context(), server+"/api/v1/query?query="+url.QueryEscape(query))
	if status == 0 || status == 503 {
		return 0, nil // it isn't ready yet
	}
	var answer struct {
		Status string `json:"status"`
		Error  string `json:"error"`
		Data   struct {
			Result []json.RawMessage `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		return 0, fmt.Errorf("%w: %s", err, body)
	}
	if answer.Status != "success" {
		return 0, fmt.Errorf("%s: %s", query, answer.Error)
	}
	for _, result := range answer.Data.Result {
		if !strings.Contains(string(result), "NaN") {
			results++
		}
	}
	return results, nil
}
