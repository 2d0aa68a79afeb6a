package install

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// complaints are what users of other controllers' charts complain of again and again, and the tests that keep it from this one.
var complaints = []struct {
	about string
	tests []string
}{
	{"a closed schema refuses what a platform or an umbrella chart adds: global values, \"enabled\"", []string{"TestTheChartIsASubchart", "TestTheChartTwiceInARelease"}},
	{"an upgrade refuses values that the version before took, or that others have added", []string{"TestAnUpgradeFromTheVersionBefore", "TestUnknownValuesMayPass"}},
	{"null, which unsets a default, fails the schema or a template", []string{"TestNullTakesBack", "TestTheAPIServerAcceptsWhatTheChartRenders"}},
	{"a ServiceMonitor isn't scraped, because it lacks the label that Prometheus selects by", []string{"TestTheMonitors", "TestTheNotes"}},
	{"leader election needs a namespace of the platform's, such as kube-system", []string{"TestEverythingIsInTheNamespaceOfTheRelease"}},
	{"a NetworkPolicy shuts out the API server: 443 is its Service, 6443 what is behind it", []string{"TestTheNetworkPolicy"}},
	{"a PodDisruptionBudget of the only replica holds up a drain", []string{"TestThePodsOfTheChart", "TestThePodDisruptionBudget"}},
	{"a version or another label in a selector, which nothing may change, stops an upgrade", []string{"TestTheSelectorIsFrozen"}},
	{"a release for some namespaces makes a ClusterRole all the same", []string{"TestNamespacesNeedNoClusterRole", "TestAReleaseForOneNamespace", "TestWhatANarrowReleaseMay"}},
	{"a user or a group is pinned, which OpenShift refuses", []string{"TestThePodsOfTheChart", "TestOpenShiftTakesThePods"}},
	{"random values, or what is looked up in the cluster, are never in sync in Argo CD", []string{"TestTheChartRendersTheSameTwice"}},
	{"an upgrade fights an autoscaler, or kubectl scale, over the replicas", []string{"TestThePodsOfTheChart", "TestTheLifeOfAReleaseWithEverything"}},
	{"the registry can't be changed for all images, and a digest doesn't fit a mirror", []string{"TestImages", "TestTheChartIsASubchart"}},
	{"nameOverride breaks a name that is written elsewhere, such as in a role", []string{"TestNamesFollowTheOverrides"}},
	{"a number among extraArgs breaks the Deployment; a map is wanted where there is a list", []string{"TestArgumentsOfTheChart"}},
	{"the selectors of topologySpreadConstraints have to be written by hand", []string{"TestArgumentsOfTheChart"}},
	{"the folder crds/ is never upgraded", []string{"TestTheChartHasNoCRDs"}},
	{"there are no alerts; commas in --set have to be escaped", []string{"TestTheAlertsOfTheChart", "TestListsOnTheCommandLine"}},
	{"app.kubernetes.io/instance, by which Argo CD tracks, too, isn't what kubectl and dashboards expect", []string{"TestTheStandardLabels"}},
}

// Each complaint is answered by tests that there are.
func TestEachComplaintHasItsTests(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range testFunction.FindAllStringSubmatch(string(text), -1) {
			declared[match[1]] = true
		}
	}
	for _, complaint := range complaints {
		if len(complaint.tests) == 0 {
			t.Errorf("%s: no test", complaint.about)
		}
		for _, test := range complaint.tests {
			if !declared[test] {
				t.Errorf("%s: there is no %s", complaint.about, test)
			}
		}
	}
}

var testFunction = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

// No object, and no Lease, is in a namespace of somebody else's.
func TestEverythingIsInTheNamespaceOfTheRelease(t *testing.T) {
	r := renderChart(t, everything, withTypes()...)
	for key, object := range r {
		if namespace := object.GetNamespace(); namespace != "" && namespace != "certshim" {
			t.Errorf("%s is in the namespace %s", key, namespace)
		}
	}
	if got := r["Role/certshim-lease"].GetNamespace(); got != "certshim" {
		t.Errorf("the permission for the Lease is for the namespace %q", got)
	}
	if got := r.container(t)["args"].([]any)[1]; got != "--leader-election-namespace=certshim" {
		t.Errorf("the Lease is found by %v", got)
	}
}

func TestThePodDisruptionBudget(t *testing.T) {
	got := renderChart(t, "").at(t, "PodDisruptionBudget/certshim", "spec")
	if diff := cmp.Diff(any(map[string]any{
		"maxUnavailable": 1.0, "unhealthyPodEvictionPolicy": "AlwaysAllow",
		"selector": map[string]any{"matchLabels": map[string]any{"app.kubernetes.io/name": "certshim", "app.kubernetes.io/instance": "certshim"}},
	}), got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Lists are lists, which Helm takes as {a,b}; no argument has several values in one text.
func TestListsOnTheCommandLine(t *testing.T) {
	r := renderChart(t, "", "--set=config.namespaces={shop,web}", "--set=config.annotations.auto={example.com/a,example.com/b}", "--set=rbac.issuers={step-issuer,aws-privateca-issuer}")
	var configuration struct {
		Namespaces  []string
		Annotations struct{ Auto []string }
	}
	if err := yaml.Unmarshal([]byte(r.at(t, "ConfigMap/certshim", "data", "certshim.yaml").(string)), &configuration); err != nil {
		t.Fatal(err)
	}
	if got := slices.Concat(configuration.Namespaces, configuration.Annotations.Auto); !slices.Equal(got, []string{"shop", "web", "example.com/a", "example.com/b"}) {
		t.Errorf("the lists are %q", got)
	}
	if resources := r.resources(); !slices.Contains(resources, "stepissuers") || !slices.Contains(resources, "awspcaissuers") || slices.Contains(resources, "adcsissuers") {
		t.Errorf("the permissions are for %v", resources)
	}
	for _, argument := range renderChart(t, everything, withTypes()...).container(t)["args"].([]any) {
		if strings.Contains(argument.(string), ",") {
			t.Errorf("the argument %s is a list", argument)
		}
	}
}

// Each object of the chart's own has the labels that Kubernetes recommends.
func TestTheStandardLabels(t *testing.T) {
	for key, object := range renderChart(t, everything, withTypes()...) {
		if slices.Contains([]string{"Secret/metrics-tls", "ConfigMap/certshim-one", "ConfigMap/certshim-two"}, key) {
			continue // of extraObjects
		}
		for label, want := range map[string]string{
			"app.kubernetes.io/name": "certshim", "app.kubernetes.io/instance": "certshim", "app.kubernetes.io/version": "dev",
			"app.kubernetes.io/managed-by": "Helm", "helm.sh/chart": "certshim-0.1.0", "team": "platform",
		} {
			if got := object.GetLabels()[label]; got != want {
				t.Errorf("%s has %s: %q, want %q", key, label, got, want)
			}
		}
	}
}
