package alerts

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// dashboard is what is looked at of deploy/chart/files/dashboard.json.
type dashboard struct {
	UID           string `json:"uid"`
	SchemaVersion int    `json:"schemaVersion"`
	Templating    struct {
		List []struct {
			Name string `json:"name"`
		} `json:"list"`
	} `json:"templating"`
	Panels []struct {
		ID      int    `json:"id"`
		Type    string `json:"type"`
		Title   string `json:"title"`
		GridPos struct {
			H int `json:"h"`
			W int `json:"w"`
			X int `json:"x"`
			Y int `json:"y"`
		} `json:"gridPos"`
		Targets []struct {
			Expr       string `json:"expr"`
			Datasource struct {
				UID string `json:"uid"`
			} `json:"datasource"`
		} `json:"targets"`
	} `json:"panels"`
}

func loadDashboard(t *testing.T) dashboard {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, "deploy/chart/files/dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// Grafana shows each panel once, on a place of its own, from the data source that was chosen.
func TestTheDashboardIsWellFormed(t *testing.T) {
	d := loadDashboard(t)
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
	for _, p := range loadDashboard(t).Panels {
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
