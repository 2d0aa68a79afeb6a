package install

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/process"
)

// monitor is a Prometheus that scrapes what runs, with the alerts that are shipped. Where there is no Prometheus it has
// no address, and sees nothing.
type monitor struct{ address string }

// scrapeEverySecond stands for the usual scrape every minute, and each alert waits a second where it is shipped to wait a minute, a
// minute for an hour. Expressions, and the times in them, are as they are shipped.
const scrapeEverySecond = `
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [alerts.yaml]
scrape_configs: [{job_name: certshim, static_configs: [{targets: ["%s"]}]}]
`

var waits = regexp.MustCompile(`(?m)^( +for: \d+)([mh])$`)

// monitor starts Prometheus, and returns when it has scraped what runs.
func (r *release) monitor(t *testing.T) monitor {
	t.Helper()
	path, err := exec.LookPath("prometheus")
	if err != nil {
		t.Run("the alert fires", func(t *testing.T) { t.Skip("there is no prometheus: install Debian's package prometheus") })
		return monitor{}
	}
	folder := t.TempDir()
	shipped, err := os.ReadFile(filepath.Join(r.repository, "deploy/chart/files/alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	alerts := waits.ReplaceAllStringFunc(string(shipped), func(line string) string {
		return line[:len(line)-1] + map[byte]string{'m': "s", 'h': "m"}[line[len(line)-1]]
	})
	for name, text := range map[string]string{"alerts.yaml": alerts, "prometheus.yaml": fmt.Sprintf(scrapeEverySecond, r.metrics)} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m := monitor{freeAddress(t)}
	running, err := process.Start(t.Context(), process.Program{Path: path, Log: filepath.Join(r.Logs, "prometheus.log"), Args: []string{
		"--config.file=" + filepath.Join(folder, "prometheus.yaml"), "--storage.tsdb.path=" + filepath.Join(folder, "data"), "--web.listen-address=" + m.address,
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = running.Stop() })
	if err := cluster.Answers(t.Context(), running, http.DefaultClient, "http://"+m.address+"/-/ready"); err != nil {
		t.Fatal(err)
	}
	m.until(t, "certshim_build_info to be scraped", func(ctx context.Context) (bool, error) {
		var found struct{ Data struct{ Result []any } }
		err := m.ask(ctx, "/api/v1/query?query=certshim_build_info", &found)
		return len(found.Data.Result) == 1, err
	})
	return m
}

// becomes waits until an alert was evaluated, and is firing or inactive.
func (m monitor) becomes(t *testing.T, alert, state string) {
	t.Helper()
	if m.address == "" {
		return
	}
	m.until(t, alert+" to be "+state, func(ctx context.Context) (bool, error) {
		var found struct {
			Data struct {
				Groups []struct {
					Rules []struct{ Name, Health, State string }
				}
			}
		}
		err := m.ask(ctx, "/api/v1/rules?type=alert", &found)
		for _, group := range found.Data.Groups {
			for _, rule := range group.Rules {
				if rule.Name == alert {
					return rule.Health == "ok" && rule.State == state, err
				}
			}
		}
		return false, err
	})
}

func (m monitor) until(t *testing.T, what string, condition func(context.Context) (bool, error)) {
	t.Helper()
	if err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, 2*time.Minute, true, condition); err != nil {
		t.Fatalf("waited for %s: %v", what, err)
	}
}

func (m monitor) ask(ctx context.Context, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+m.address+path, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(into)
}
