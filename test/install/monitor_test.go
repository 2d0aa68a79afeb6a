package install

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/prometheus"
)

// monitor is a Prometheus that scrapes what runs, with the alerts that are shipped. Where there is no Prometheus it is
// absent, and sees nothing.
type monitor struct {
	prometheus.Server
	absent bool
}

// scrapeEverySecond stands for the usual scrape every minute, and each alert waits a second where it is shipped to wait a minute, a
// minute for an hour. Expressions, and the times in them, are as they are shipped.
const scrapeEverySecond = `
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [alerts.yaml]
scrape_configs: [{job_name: certshim, static_configs: [{targets: ["%s"]}]}]
`

var waits = regexp.MustCompile(`(?m)^( +for: \d+)([mh])$`)

// monitor starts Prometheus, and returns when it has scraped what runs, and no alert has a reason to fire.
func (r *release) monitor(t *testing.T) monitor {
	t.Helper()
	path, err := prometheus.Path()
	if err != nil {
		t.Run("the alert fires", func(t *testing.T) { t.Skip(err) })
		return monitor{absent: true}
	}
	folder := t.TempDir()
	shipped, err := os.ReadFile(filepath.Join(r.repository, "deploy/chart/files/alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	alerts := waits.ReplaceAllStringFunc(string(shipped), func(line string) string {
		return line[:len(line)-1] + map[byte]string{'m': "s", 'h': "m"}[line[len(line)-1]]
	})
	if err := os.WriteFile(filepath.Join(folder, "alerts.yaml"), []byte(alerts), 0o600); err != nil {
		t.Fatal(err)
	}
	m := monitor{Server: prometheus.Start(t, path, folder, fmt.Sprintf(scrapeEverySecond, r.metrics))}
	m.until(t, "certshim_build_info to be scraped", func(ctx context.Context) (bool, error) {
		results, err := m.Results(ctx, "certshim_build_info", time.Now())
		return results == 1, err
	})
	m.until(t, "all alerts to be inactive", func(ctx context.Context) (bool, error) {
		states, err := m.states(ctx)
		return len(states) > 0 && slices.Equal(slices.Compact(slices.Collect(maps.Values(states))), []string{"inactive"}), err
	})
	return m
}

// becomes waits until an alert was evaluated, and is firing or inactive. No other alert has a reason to fire meanwhile, be it sooner or later.
func (m monitor) becomes(t *testing.T, alert, state string) {
	t.Helper()
	if m.absent {
		return
	}
	m.until(t, alert+" to be "+state, func(ctx context.Context) (bool, error) {
		states, err := m.states(ctx)
		for other, of := range states {
			if other != alert && of != "inactive" {
				t.Errorf("%s is %s, while %s is %s", other, of, alert, states[alert])
			}
		}
		return states[alert] == state, err
	})
}

// states are those of all alerts, by name: inactive, pending, firing, or unknown before they were evaluated.
func (m monitor) states(ctx context.Context) (map[string]string, error) {
	var found struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Health, State string }
			}
		}
	}
	if err := m.Ask(ctx, "/api/v1/rules?type=alert", &found); err != nil {
		return nil, err
	}
	states := map[string]string{}
	for _, group := range found.Data.Groups {
		for _, rule := range group.Rules {
			if states[rule.Name] = rule.State; rule.Health != "ok" {
				states[rule.Name] = "unknown"
			}
		}
	}
	return states, nil
}

func (m monitor) until(t *testing.T, what string, condition func(context.Context) (bool, error)) {
	t.Helper()
	if err := cluster.Poll(t.Context(), what, condition); err != nil {
		t.Fatal(err)
	}
}
