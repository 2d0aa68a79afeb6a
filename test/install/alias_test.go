package install

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	aliases = "{name: certshim, version: 0.1.0}, {name: certshim, version: 0.1.0, alias: shop}, {name: certshim, version: 0.1.0, alias: web}"
	each    = "{replicaCount: 2, config: {ownership: {reports: auto}}, serviceMonitor: {enabled: true}, prometheusRule: {enabled: true}, dashboard: {enabled: true}, " +
		"networkPolicy: {enabled: true}, flowSchema: {enabled: true}, admissionPolicy: {enabled: true}, tiePolicy: {enabled: true}, " +
		"issuerTypes: {a: {spec: {group: g.example, kinds: [{resource: things}]}}}, sourceTypes: {a: {spec: {group: g.example, resource: things}}}}"
	aliasedValues = "certshim: " + each + "\nshop: " + each + "\nweb: " + each + "\n"
	// longName is as long as the name of a release may be.
	longName = "the-platform-of-all-teams-that-have-ingresses-in-2026"
)

// An umbrella chart may have the chart several times in one release, under aliases, say for shards. Each has its own objects, its
// own Pods and its own Lease, also where names are long, or the release's name has the aliases in it.
func TestTheChartTwiceInARelease(t *testing.T) {
	for _, name := range []string{"platform", "certshim", "certshim-shop-web", longName} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := renderUmbrella(t, name, aliases, aliasedValues)
			haveTheirOwnNames(t, all)
			haveTheirOwnPods(t, all)
			haveTheirOwnLeases(t, all)
		})
	}
}

func haveTheirOwnNames(t *testing.T, all []*unstructured.Unstructured) {
	t.Helper()
	seen, kinds := map[string]bool{}, map[string]int{}
	for _, object := range all {
		id := object.GetKind() + " " + object.GetNamespace() + "/" + object.GetName()
		if seen[id] {
			t.Errorf("there are two of %s", id)
		}
		seen[id] = true
		kinds[object.GetKind()]++
	}
	for kind, count := range kinds {
		if count%3 != 0 {
			t.Errorf("there are %d of kind %s for three charts", count, kind)
		}
	}
}

// haveTheirOwnPods wants each selector to match one Deployment's Pods.
func haveTheirOwnPods(t *testing.T, all []*unstructured.Unstructured) {
	t.Helper()
	var pods []map[string]any
	for _, object := range all {
		if object.GetKind() == "Deployment" {
			labels, _, _ := unstructured.NestedMap(object.Object, "spec", "template", "metadata", "labels")
			pods = append(pods, labels)
		}
	}
	count := 0
	for _, object := range all {
		for _, selector := range selectors(object.Object["spec"]) {
			count++
			if matched := slices.DeleteFunc(slices.Clone(pods), func(labels map[string]any) bool { return !contains(labels, selector) }); len(matched) != 1 {
				t.Errorf("%s %s selects by %v the Pods of %d Deployments, want one", object.GetKind(), object.GetName(), selector, len(matched))
			}
		}
	}
	// Of each chart those of the Deployment, its spread, the PodDisruptionBudget, the NetworkPolicy, the Service and its monitor.
	if count != 18 {
		t.Errorf("there are %d selectors, want 18", count)
	}
}

// selectors are all maps of labels by which something below is selected, at whatever depth.
func selectors(value any) (all []map[string]any) {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			labels, isMap := inner.(map[string]any)
			_, isNested := labels["matchLabels"]
			if isMap && !isNested && (key == "matchLabels" || key == "selector") {
				all = append(all, labels)
				continue
			}
			all = append(all, selectors(inner)...)
		}
	case []any:
		for _, inner := range value {
			all = append(all, selectors(inner)...)
		}
	}
	return all
}

func contains(labels, selector map[string]any) bool {
	for key, value := range selector {
		if labels[key] != value {
			return false
		}
	}
	return true
}

func haveTheirOwnLeases(t *testing.T, all []*unstructured.Unstructured) {
	t.Helper()
	var permitted []string
	for _, object := range all {
		if object.GetKind() != "Role" || !strings.HasSuffix(object.GetName(), "-lease") {
			continue
		}
		rules, _, _ := unstructured.NestedSlice(object.Object, "rules")
		names, _, _ := unstructured.NestedStringSlice(rules[1].(map[string]any), "resourceNames")
		permitted = append(permitted, names...)
	}
	slices.Sort(permitted)
	if len(slices.Compact(slices.Clone(permitted))) != 3 {
		t.Errorf("the Leases are %v, want three", permitted)
	}
	// The one that is called certshim is the default, which no configuration names.
	for _, lease := range permitted {
		if lease != "certshim" && !slices.ContainsFunc(all, func(object *unstructured.Unstructured) bool {
			text, _, _ := unstructured.NestedString(object.Object, "data", "certshim.yaml")
			return strings.Contains(text, "leaseName: "+lease+"\n")
		}) {
			t.Errorf("no configuration names the Lease %s", lease)
		}
	}
}
