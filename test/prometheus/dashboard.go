package prometheus

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Dashboard is what is looked at of deploy/chart/files/dashboard.json.
type Dashboard struct {
	UID           string `json:"uid"`
	SchemaVersion int    `json:"schemaVersion"`
	Templating    struct {
		List []struct {
			Name string `json:"name"`
		} `json:"list"`
	} `json:"templating"`
	Panels []Panel `json:"panels"`
}

// Panel is a panel, or a row of them.
type Panel struct {
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
}

// ReadDashboard reads it in a clone of the repository.
func ReadDashboard(t *testing.T, repository string) Dashboard {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, "deploy/chart/files/dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	var d Dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// Queries are those of a panel, with values for the variables of the dashboard. The namespace is [Namespace].
func (p Panel) Queries() []string {
	values := strings.NewReplacer("$__rate_interval", "1m", "$cluster", ".*", "$namespace", Namespace)
	var all []string
	for _, target := range p.Targets {
		all = append(all, values.Replace(target.Expr))
	}
	return all
}

// The labels by which Prometheus knows what it scraped, as its operator names them.
const (
	Namespace = "certshim"
	Pod       = "certshim-0"
)
