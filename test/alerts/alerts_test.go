package alerts

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

const (
	repository = "../.."
	runbooks   = "https://runbooks.example.com/alerts.md"
)

// alertCase is what an alert is tested by.
type alertCase struct {
	// at is the minute at which it has to fire, and two minutes before it must not, as its "for" ends in between.
	at           int
	labels       map[string]string
	fires, quiet []string
}

type rule struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

type rules struct {
	Groups []struct {
		Name  string `json:"name"`
		Rules []rule `json:"rules"`
	} `json:"groups"`
}

// load reads the rules as the chart installs them.
func load(t *testing.T) (text string, all []rule) {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(repository, "deploy/chart/files/alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text = strings.ReplaceAll(string(file), "RUNBOOKS", runbooks)
	var parsed rules
	if err := yaml.UnmarshalStrict([]byte(text), &parsed); err != nil {
		t.Fatal(err)
	}
	return text, parsed.Groups[0].Rules
}

// Each alert has a case, the labels and annotations that people route and read by, and a runbook on the page.
func TestEachAlertHasARunbook(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(repository, "docs/alerts.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, all := load(t)
	var names []string
	for _, r := range all {
		names = append(names, r.Alert)
		if !slices.Contains([]string{"critical", "warning", "info"}, r.Labels["severity"]) || len(r.Labels) != 1 {
			t.Errorf("%s has the labels %v, want a severity alone", r.Alert, r.Labels)
		}
		if r.Annotations["summary"] == "" || r.Annotations["description"] == "" || r.Annotations["runbook_url"] != runbooks+"#"+strings.ToLower(r.Alert) {
			t.Errorf("%s has the annotations %v", r.Alert, r.Annotations)
		}
		head := "\n## " + r.Alert + "\n\n`" + r.Expr + "` for " + r.For + ", " + r.Labels["severity"] + ".\n"
		if !strings.Contains(string(page), head) {
			t.Errorf("docs/alerts.md has no%s", head)
		}
	}
	slices.Sort(names)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(cases)), names); diff != "" {
		t.Errorf("the alerts (-with cases +rules)\n%s", diff)
	}
	if headings := strings.Count(string(page), "\n## "); headings != len(all) {
		t.Errorf("docs/alerts.md has %d runbooks for %d alerts", headings, len(all))
	}
}

var metric = regexp.MustCompile(`\b(certshim|workqueue|rest_client|leader_election)_[a-z_]+`)

// The alerts ask for metrics that docs/operate.md has, which a test of the commands holds against the program.
func TestAlertsAskForMetricsThatExist(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(repository, "docs/operate.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, all := load(t)
	for _, r := range all {
		found := metric.FindAllString(r.Expr, -1)
		if len(found) == 0 {
			t.Errorf("%s asks for no metric: %s", r.Alert, r.Expr)
		}
		for _, name := range found {
			if !regexp.MustCompile("(?m)^\\| `" + name + "[{`]").Match(page) {
				t.Errorf("%s asks for %s, which docs/operate.md doesn't have", r.Alert, name)
			}
		}
	}
}

func promtool(t *testing.T, arguments ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("there is no promtool, so that the alerts aren't evaluated: install Debian's package prometheus")
	}
	command := exec.CommandContext(t.Context(), path, arguments...)
	if output, err := command.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", arguments[0], err, output)
	}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheRulesAreWellFormed(t *testing.T) {
	text, _ := load(t)
	promtool(t, "check", "rules", "--lint=all", "--lint-fatal", write(t, "alerts.yaml", text))
}

// What promtool reads.
type (
	unitTests struct {
		RuleFiles          []string   `json:"rule_files"`
		EvaluationInterval string     `json:"evaluation_interval"`
		Tests              []unitTest `json:"tests"`
	}
	unitTest struct {
		Interval      string      `json:"interval"`
		InputSeries   []series    `json:"input_series"`
		AlertRuleTest []alertTest `json:"alert_rule_test"`
	}
	series struct {
		Series string `json:"series"`
		Values string `json:"values"`
	}
	alertTest struct {
		EvalTime  string     `json:"eval_time"`
		AlertName string     `json:"alertname"`
		ExpAlerts []expected `json:"exp_alerts"`
	}
	expected struct {
		ExpLabels map[string]string `json:"exp_labels"`
	}
)

// Each alert fires at its series and once its time has passed, and neither before nor at the others.
func TestTheAlertsFire(t *testing.T) {
	_, all := load(t)
	file := write(t, "alerts.yaml", withoutAnnotations(t, all))
	for _, r := range all {
		t.Run(r.Alert, func(t *testing.T) {
			c := cases[r.Alert]
			labels := map[string]string{"severity": r.Labels["severity"]}
			maps.Copy(labels, c.labels)
			tests := unitTests{RuleFiles: []string{file}, EvaluationInterval: "1m", Tests: []unitTest{
				{Interval: "1m", InputSeries: inputs(c.fires), AlertRuleTest: []alertTest{
					{EvalTime: minutes(c.at - 2), AlertName: r.Alert},
					{EvalTime: minutes(c.at), AlertName: r.Alert, ExpAlerts: []expected{{labels}}},
				}},
				{Interval: "1m", InputSeries: inputs(c.quiet), AlertRuleTest: []alertTest{{EvalTime: minutes(c.at), AlertName: r.Alert}}},
			}}
			body, err := yaml.Marshal(tests)
			if err != nil {
				t.Fatal(err)
			}
			promtool(t, "test", "rules", write(t, "test.yaml", string(body)))
		})
	}
}

// inputs are series as promtool takes them; it wants one at least.
func inputs(of []string) []series {
	all := []series{{"another_metric", "1+0x10"}}
	for _, each := range of {
		name, values, _ := strings.Cut(each, "} ")
		if values == "" {
			name, values, _ = strings.Cut(each, " ")
		} else {
			name += "}"
		}
		all = append(all, series{name, values})
	}
	return all
}

func minutes(n int) string { return strconv.Itoa(n) + "m" }

// withoutAnnotations leaves out what promtool would compare as it is rendered.
func withoutAnnotations(t *testing.T, all []rule) string {
	t.Helper()
	bare := make([]any, len(all))
	for i, r := range all {
		bare[i] = map[string]any{"alert": r.Alert, "expr": r.Expr, "for": r.For, "labels": r.Labels}
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "certshim", "rules": bare}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
