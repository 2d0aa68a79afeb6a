package alerts

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/certshim/certshim/test/prometheus"
)

// Grafana shows each panel once, on a place of its own, from the data source that was chosen.
func TestTheDashboardIsWellFormed(t *testing.T) {
	d := prometheus.ReadDashboard(t, repository)
	if d.UID == "" || d.SchemaVersion < 38 {
		t.Errorf("uid %q, schemaVersion %d", d.UID, d.SchemaVersion)
	}
	var variables []string
	for _, v := range d.Templating.List {
		variables = append(variables, v.Name)
	}
	if got := strings.Join(variables, " "); got != "datasource cluster namespace" {
		t.Errorf("the variables are %s", got)
	}
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("%s: the id %d is another's", p.Title, p.ID)
		}
		ids[p.ID] = true
		if p.Type != "row" && p.Type != "stat" && p.Type != "timeseries" {
			t.Errorf("%s is a %s", p.Title, p.Type)
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%s lies at %d, %d, over %q", p.Title, x, y, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

// Go and the process have metrics of their own, which docs/operate.md doesn't list.
var ofTheProcess = regexp.MustCompile(`\b(process_resident_memory_bytes|process_cpu_seconds_total|go_goroutines)\b`)

// Each query asks for a metric that there is, and follows the variables.
func TestTheDashboardAsksForWhatThereIs(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(repository, "docs/operate.md"))
	if err != nil {
		t.Fatal(err)
	}
	queries := 0
	for _, p := range prometheus.ReadDashboard(t, repository).Panels {
		for _, target := range p.Targets {
			queries++
			found := metric.FindAllString(target.Expr, -1)
			if len(found) == 0 && !ofTheProcess.MatchString(target.Expr) {
				t.Errorf("%s: no metric in %s", p.Title, target.Expr)
			}
			for _, name := range found {
				name = strings.TrimSuffix(name, "_bucket")
				if !regexp.MustCompile("(?m)^\\| `" + name + "[{`]").Match(page) {
					t.Errorf("%s asks for %s, which docs/operate.md doesn't have", p.Title, name)
				}
			}
			if strings.Count(target.Expr, `cluster=~"$cluster", namespace=~"$namespace"`) != strings.Count(target.Expr, "{") || target.Datasource.UID != "${datasource}" {
				t.Errorf("%s doesn't follow the variables: %s", p.Title, target.Expr)
			}
		}
	}
	if queries < 30 {
		t.Errorf("%d queries", queries)
	}
}

// recording is what `make recording` wrote: a certshim in the bench, with a plugin and a limit on its requests, scraped every second.
const recording = "testdata/bench.openmetrics.gz"

// Each query of the dashboard has an answer by what was recorded in the bench, at its end.
func TestTheDashboardShowsTheBench(t *testing.T) {
	path, err := prometheus.Path()
	if err != nil {
		t.Skip(err)
	}
	folder := t.TempDir()
	file, end := unzip(t, folder)
	promtool(t, "tsdb", "create-blocks-from", "openmetrics", file, filepath.Join(folder, "data"))
	server := prometheus.Start(t, path, folder, "{}")
	for _, panel := range prometheus.ReadDashboard(t, repository).Panels {
		for _, query := range panel.Queries() {
			results, err := server.Results(t.Context(), query, end)
			if err != nil || results == 0 {
				t.Errorf("%s shows nothing of the bench, at %s, by %s: %v", panel.Title, end, query, err)
			}
		}
	}
}

// unzip gives the recording as a file, and the time of its last sample.
func unzip(t *testing.T, folder string) (file string, end time.Time) {
	t.Helper()
	zipped, err := os.Open(recording)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = zipped.Close() }()
	reader, err := gzip.NewReader(zipped)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(folder, "bench.openmetrics")
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	var last float64
	lines := bufio.NewScanner(io.TeeReader(reader, out))
	for lines.Scan() {
		line := lines.Text()
		at, _ := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		last = max(last, at)
	}
	if err := errors.Join(lines.Err(), out.Close()); err != nil {
		t.Fatal(err)
	}
	return file, time.UnixMilli(int64(last * 1000))
}
