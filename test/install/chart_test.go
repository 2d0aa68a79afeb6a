package install

import (
	"encoding/xml"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// everything has each value set that makes an object, or a part of one.
const everything = `
commonLabels: {team: platform}
config:
  defaultIssuer: {name: company, kind: ClusterIssuer}
  ownership: {reports: auto}
plugins:
  - name: corp-pki
    image: corp-pki:dev
    uid: 65530
    grant:
      kinds:
        - {group: pki.corp.example, kind: PluginIssuer, resource: pluginissuers, versions: [v1], scope: Namespaced}
        - {group: pki.corp.example, kind: WholeIssuer, resource: wholeissuers, versions: [v1], scope: Cluster}
networkPolicy: {enabled: true, egress: {enabled: true, apiServerCIDRs: [10.0.0.1/32]}}
flowSchema: {enabled: true}
admissionPolicy: {enabled: true, action: Deny}
tiePolicy: {enabled: true, action: Deny, exemptUsers: [restorer], exemptGroups: [admins]}
metricsTLSSecret: metrics-tls
serviceMonitor: {enabled: true, labels: {release: prometheus}, interval: 30s, tlsConfig: {serverName: metrics}}
prometheusRule: {enabled: true}
dashboard: {enabled: true}
extraArgs: {kube-api-qps: 20, leader-elect: true}
extraObjects:
  - {apiVersion: v1, kind: Secret, metadata: {name: metrics-tls, namespace: "{{ .Release.Namespace }}"}, data: {}}
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: "{{ .Release.Name }}-one"}}
  - |
    apiVersion: v1
    kind: ConfigMap
    metadata: {name: {{ .Release.Name }}-two}
`

// withTypes gives files of types to Helm.
func withTypes() []string {
	return []string{
		"--set-file=issuerTypes.corp-ca=examples/deploy/issuers/corp-ca.yaml",
		"--set-file=sourceTypes.corp-proxy=examples/deploy/sources/corp-proxy.yaml",
	}
}

// rendered has the objects of a chart by kind and name.
type rendered map[string]*unstructured.Unstructured

func renderChart(t *testing.T, values string, arguments ...string) rendered {
	t.Helper()
	text, err := template(t.Context(), repository(t), values, arguments...)
	if err != nil {
		t.Fatal(err)
	}
	all := rendered{}
	for _, object := range parse(t, text) {
		all[object.GetKind()+"/"+object.GetName()] = object
	}
	return all
}

func parse(t *testing.T, text string) []*unstructured.Unstructured {
	t.Helper()
	all, err := objects(text)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// at reads a field; a number in the path is an item of a list.
func (r rendered) at(t *testing.T, object string, path ...any) any {
	t.Helper()
	found := r[object]
	if found == nil {
		t.Fatalf("there is no %s", object)
	}
	var value any = found.Object
	for _, step := range path {
		switch step := step.(type) {
		case string:
			value = value.(map[string]any)[step]
		case int:
			value = value.([]any)[step]
		}
	}
	return value
}

func (r rendered) pod(t *testing.T) map[string]any {
	t.Helper()
	return r.at(t, "Deployment/certshim", "spec", "template", "spec").(map[string]any)
}

func (r rendered) container(t *testing.T) map[string]any {
	t.Helper()
	return r.pod(t)["containers"].([]any)[0].(map[string]any)
}

// Helm's own linter has nothing to say.
func TestTheChartPassesTheLinter(t *testing.T) {
	arguments := append([]string{"lint", "deploy/chart", "--strict", "--values=-"}, withTypes()...)
	if _, err := helm(t.Context(), repository(t), everything, arguments...); err != nil {
		t.Error(err)
	}
}

// The same values give the same text, so that a tool that compares never finds a difference.
func TestTheChartRendersTheSameTwice(t *testing.T) {
	first, err := template(t.Context(), repository(t), everything)
	if err != nil {
		t.Fatal(err)
	}
	second, err := template(t.Context(), repository(t), everything)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Error(diff)
	}
	for _, file := range templates(t) {
		for _, function := range []string{"lookup ", "rand", "genSelfSignedCert", "genCA", "now ", "uuidv4", ".Capabilities"} {
			if strings.Contains(file, function) {
				t.Errorf("a template has %q, which makes another text each time or in each cluster", function)
			}
		}
	}
}

func templates(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(repository(t), "deploy/chart/templates/*"))
	if err != nil || len(names) < 10 {
		t.Fatalf("%v, %v: want the templates", names, err)
	}
	var all []string
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(text))
	}
	return all
}

// A platform or an umbrella chart adds global values, and may switch the chart on by "enabled".
func TestTheChartIsASubchart(t *testing.T) {
	r := rendered{}
	for _, object := range renderUmbrella(t, "platform", "{name: certshim, version: 0.1.0, condition: certshim.enabled}",
		"global: {imageRegistry: registry.example.com, cattle: {systemProjectId: p-1}}\ncertshim: {enabled: true, replicaCount: 3}\n") {
		r[object.GetKind()+"/"+object.GetName()] = object
	}
	container := r.at(t, "Deployment/platform-certshim", "spec", "template", "spec", "containers", 0).(map[string]any)
	if container["image"] != "registry.example.com/certshim:dev" {
		t.Errorf("the image is %v, want that of the registry of all charts", container["image"])
	}
}

// renderUmbrella renders a chart that has nothing but dependencies on ours, in the namespace tls.
func renderUmbrella(t *testing.T, release, dependencies, values string) []*unstructured.Unstructured {
	t.Helper()
	umbrella := t.TempDir()
	for name, text := range map[string]string{
		"Chart.yaml":  "apiVersion: v2\nname: umbrella\nversion: 1.0.0\ndependencies: [" + dependencies + "]\n",
		"values.yaml": values,
	} {
		if err := os.WriteFile(filepath.Join(umbrella, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(filepath.Join(umbrella, "charts/certshim"), os.DirFS(filepath.Join(repository(t), "deploy/chart"))); err != nil {
		t.Fatal(err)
	}
	text, err := helm(t.Context(), repository(t), "", "template", release, umbrella, "--namespace=tls")
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, text)
}

// A value that isn't known is refused, with its path.
func TestTheChartRefusesUnknownValues(t *testing.T) {
	for values, want := range map[string]string{
		"replicas: 3":                    "'replicas' not allowed",
		"config: {takeOver: {}}":         "'takeOver' not allowed",
		"image: {repo: x}":               "'repo' not allowed",
		"config: {workers: many}":        "/config/workers",
		"logLevel: loud":                 "/logLevel",
		"plugins: [{name: a, image: b}]": "grant",
		"plugins: [{name: a, image: b, grant: {kinds: []}, securityContext: {runAsUser: 0}}]":            "/plugins/0/securityContext/runAsUser",
		"plugins: [{name: a, image: b, grant: {kinds: []}, uid: null, securityContext: {runAsUser: 7}}]": "plugins[0].uid is null, and securityContext.runAsUser is 7",
		"podMonitor: {enabled: true}\nserviceMonitor: {enabled: true}":                                   "choose one",
		"config: {metricsListenAddress: '0'}\npodMonitor: {enabled: true}":                               "podMonitor.enabled is true",
		"networkPolicy: {egress: {enabled: true}}":                                                       "without networkPolicy.enabled",
		"config: {namespaces: [shop]}\nflowSchema: {enabled: true}":                                      "flowSchema.enabled is true, which needs objects or permissions of the whole cluster",
		"config: {namespaces: [shop]}\nadmissionPolicy: {enabled: true}":                                 "admissionPolicy.enabled is true, which needs objects or permissions of the whole cluster",
		"config: {namespaces: [shop]}\ntiePolicy: {enabled: true}":                                       "tiePolicy.enabled is true, which needs objects or permissions of the whole cluster",
		"metricsTLSSecret: x\nconfig: {namespaces: [shop], metrics: {authentication: true}}":             "config.metrics.authentication is true",
		"tiePolicy: {exemptUsers: [\"a' || true\"]}":                                                     "/tiePolicy/exemptUsers/0",
		"config: {namespaces: [shop], namespaceDefaults: true}":                                          "config.namespaceDefaults is true",
		"config: {namespaces: [shop], crossNamespace: {orphans: delete}}":                                "config.crossNamespace.orphans is delete",
		"resources: {limits: {memory: 1Ti}}":                                                             "resources.limits.memory",
		"config: {leaderElection: {enabled: false}}":                                                     "replicaCount is 2, must be 1",
		"replicaCount: null\nconfig: {leaderElection: {enabled: false}}":                                 "replicaCount is null, must be 1",
		"config: {healthzListenAddress: '127.0.0.1:9403'}":                                               "config.healthzListenAddress is 127.0.0.1:9403",
		"rbac: {issuers: [step-isuser]}":                                                                 `rbac.issuers has "step-isuser", which is none of adcs-issuer`,
		"rbac: {sources: [contour]}":                                                                     `rbac.sources has "contour"`,
		"prometheusRule: {disable: [CertshimAbsnt]}":                                                     `prometheusRule.disable has "CertshimAbsnt", which is none of CertshimAbsent`,
		"config: {namespaces: [shop], policies: [{name: a, namespaceSelector: a=b}]}":                    "config.policies[0].namespaceSelector needs",
	} {
		_, err := template(t.Context(), repository(t), values)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error that names %s", values, err, want)
		}
	}
}

// Each field of docs/operate.md's policy, which has all of them, is one of the chart's values.
func TestTheChartTakesTheDocumentedPolicy(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(repository(t), "docs/operate.md"))
	if err != nil {
		t.Fatal(err)
	}
	policies := regexp.MustCompile("(?s)kind: ControllerConfiguration\n(policies:\n.*?)```").FindSubmatch(page)
	if policies == nil {
		t.Fatal("docs/operate.md has no configuration that begins with policies")
	}
	values := "config:\n  " + strings.ReplaceAll(string(policies[1]), "\n", "\n  ")
	text, err := template(t.Context(), repository(t), values)
	if err != nil || !strings.Contains(text, "rotationPolicy: Always") {
		t.Errorf("%v: want the policy in\n%s", err, text)
	}
}

// A plugin without a uid runs as whoever the cluster chooses, in a group that it chooses, as on OpenShift.
func TestAPluginWhoseUserTheClusterChooses(t *testing.T) {
	const plugin = "plugins: [{name: a, image: b, grant: {kinds: []}%s}]"
	for values, want := range map[string][]string{
		fmt.Sprintf(plugin, ""):            {"fsGroup: 65532", "runAsUser: 65533", "uid: 65533"},
		fmt.Sprintf(plugin, ", uid: 7"):    {"fsGroup: 65532", "runAsUser: 7", "uid: 7"},
		fmt.Sprintf(plugin, ", uid: null"): nil,
		fmt.Sprintf(plugin, ", uid: null") + "\npodSecurityContext: {fsGroup: 8}": {"fsGroup: 8"},
		fmt.Sprintf(plugin, "") + "\npodSecurityContext: {fsGroup: null}":         {"runAsUser: 65533", "uid: 65533"},
		fmt.Sprintf(plugin, ", securityContext: {runAsUser: 1000680000}"):         {"fsGroup: 65532", "runAsUser: 1000680000", "uid: 1000680000"},
		fmt.Sprintf(plugin, ", securityContext: {runAsUser: null}"):               nil,
		fmt.Sprintf(plugin, ", uid: null, securityContext: {runAsUser: null}"):    nil,
	} {
		text, err := template(t.Context(), repository(t), values)
		if err != nil {
			t.Fatal(err)
		}
		got := regexp.MustCompile(`\b(fsGroup|runAsUser|uid): (\d|null)+`).FindAllString(text, -1)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", values, diff)
		}
	}
}

// What a plugin's securityContext says counts, false and null as well; what it doesn't say is as for certshim.
func TestTheSecurityContextOfAPlugin(t *testing.T) {
	for own, want := range map[string]map[string]any{
		"{readOnlyRootFilesystem: false}": {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": false, "capabilities": map[string]any{"drop": []any{"ALL"}}},
		"{readOnlyRootFilesystem: null}":  {"allowPrivilegeEscalation": false, "capabilities": map[string]any{"drop": []any{"ALL"}}},
		"{capabilities: {add: [A]}}":      {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": map[string]any{"add": []any{"A"}, "drop": []any{"ALL"}}},
		"{capabilities: null}":            {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true},
	} {
		r := renderChart(t, "plugins: [{name: a, image: b, grant: {kinds: []}, uid: null, securityContext: "+own+"}]")
		plugin := r.pod(t)["initContainers"].([]any)[0].(map[string]any)
		if diff := cmp.Diff(want, plugin["securityContext"]); diff != "" {
			t.Errorf("%s (-want +got)\n%s", own, diff)
		}
	}
}

// restricted has the volumes that OpenShift's SecurityContextConstraints restricted-v2 permit. It refuses users, groups and SELinux' labels
// that a Pod chooses itself, unless they are in the ranges of the namespace.
var restricted = struct{ volumes, chosen []string }{
	[]string{"name", "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"},
	[]string{"runAsUser", "runAsGroup", "fsGroup", "supplementalGroups", "seLinuxOptions"},
}

// With the values that docs/install.md has for OpenShift, restricted-v2 has nothing to refuse.
func TestOpenShiftTakesThePods(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(repository(t), "docs/install.md"))
	if err != nil {
		t.Fatal(err)
	}
	values := regexp.MustCompile("(?s)### On OpenShift\n.*?```yaml\n(.*?)```").FindSubmatch(page)
	if values == nil {
		t.Fatal("docs/install.md has no values for OpenShift")
	}
	r := renderChart(t, string(values[1]))
	pod := r.pod(t)
	contexts := []any{pod["securityContext"]}
	for _, container := range slices.Concat(pod["initContainers"].([]any), pod["containers"].([]any)) {
		context := container.(map[string]any)["securityContext"].(map[string]any)
		if context["allowPrivilegeEscalation"] != false || !cmp.Equal(context["capabilities"], any(map[string]any{"drop": []any{"ALL"}})) {
			t.Errorf("a container has the securityContext %v", context)
		}
		contexts = append(contexts, context)
	}
	if len(contexts) != 3 {
		t.Errorf("there are %d securityContexts, want those of the Pod, certshim and a plugin", len(contexts))
	}
	for _, context := range contexts {
		for _, chosen := range restricted.chosen {
			if value, is := context.(map[string]any)[chosen]; is {
				t.Errorf("%s is %v", chosen, value)
			}
		}
	}
	for _, volume := range pod["volumes"].([]any) {
		for kind := range volume.(map[string]any) {
			if !slices.Contains(restricted.volumes, kind) {
				t.Errorf("a volume is a %s", kind)
			}
		}
	}
	if configuration := r.at(t, "ConfigMap/certshim", "data", "certshim.yaml").(string); strings.Contains(configuration, "uid:") {
		t.Error("the configuration names a user, which OpenShift hasn't chosen yet")
	}
}

// The way out, where somebody else adds values, is Helm's own.
func TestUnknownValuesMayPass(t *testing.T) {
	want, err := template(t.Context(), repository(t), "")
	if err != nil {
		t.Fatal(err)
	}
	got, err := template(t.Context(), repository(t), "cattle: {systemProjectId: p-1}", "--skip-schema-validation")
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v: (-without +with a value that isn't known)\n%s", err, diff)
	}
}

// Providers add suffixes to Kubernetes' versions, which Helm takes for prereleases.
func TestTheVersionsOfKubernetes(t *testing.T) {
	for version, fits := range map[string]bool{"1.34.0": true, "1.34.2-eks-1234": true, "1.37.1+k3s1": true, "1.33.9": false} {
		if _, err := template(t.Context(), repository(t), "", "--kube-version="+version); (err == nil) != fits {
			t.Errorf("%s: %v, want it to fit: %v", version, err, fits)
		}
	}
}

// Where nobody is elected, the old Pod ends before the new one begins; and a probe has one handler.
func TestWhatFollowsFromOtherValues(t *testing.T) {
	for values, row := range map[string]struct{ with, without string }{
		"replicaCount: 1\nconfig: {leaderElection: {enabled: false}}":                                  {with: "type: Recreate"},
		"replicaCount: 1\nconfig: {leaderElection: {enabled: false}}\nstrategy: {type: RollingUpdate}": {with: "type: RollingUpdate", without: "Recreate"},
		"":                                      {with: "path: /healthz", without: "Recreate"},
		"livenessProbe: {tcpSocket: {port: 1}}": {with: "tcpSocket", without: "path: /healthz"},
		"readinessProbe: {grpc: {port: 1}}":     {with: "grpc", without: "path: /readyz"},
	} {
		text, err := template(t.Context(), repository(t), values, "--show-only=templates/deployment.yaml")
		if err != nil || !strings.Contains(text, row.with) || row.without != "" && strings.Contains(text, row.without) {
			t.Errorf("%s: %v, want one with %q and without %q:\n%s", values, err, row.with, row.without, text)
		}
	}
}

// What Helm prints at the end has the next commands, and a word about values that one may regret.
func TestTheNotes(t *testing.T) {
	notes := func(values string) string {
		t.Helper()
		text, err := helm(t.Context(), repository(t), values, "install", "tls", "deploy/chart", "--namespace=platform",
			"--dry-run=client", "--kubeconfig="+filepath.Join(t.TempDir(), "none"), "--values=-")
		if err != nil {
			t.Fatal(err)
		}
		_, text, _ = strings.Cut(text, "\nNOTES:\n")
		return text
	}
	usual := notes("serviceMonitor: {enabled: true, labels: {release: prometheus}}")
	for _, command := range []string{
		"certshim doctor --pre\n", "certshim doctor --release-namespace platform\n", "certshim plan -A --release-namespace platform\n",
		"kubectl get lease -n platform tls-certshim\n",
	} {
		if !strings.Contains(usual, command) {
			t.Errorf("the notes don't have %q:\n%s", command, usual)
		}
	}
	if alone := notes("replicaCount: 1\nconfig: {leaderElection: {enabled: false}}"); strings.Contains(alone, "kubectl get lease") {
		t.Errorf("without leader election the notes have a Lease:\n%s", alone)
	}
	for values, want := range map[string]string{
		"": "Nothing reads the metrics yet", "podMonitor: {enabled: true}": "podMonitor has no labels", "prometheusRule: {enabled: true}": "prometheusRule has no labels",
		"replicaCount: 1": "There is one replica", "replicaCount: 1\nconfig: {leaderElection: {enabled: false}}": "Leader election is off",
		"admissionPolicy: {enabled: true}\nconfig: {annotations: {auto: [example.com/tls]}}": "The admission policy goes without config.annotations",
		"rbac: {create: false}": "the ServiceAccount tls-certshim needs", "serviceAccount: {create: false}": "as the ServiceAccount default",
	} {
		if strings.Contains(usual, want) {
			t.Errorf("the notes say %q without a reason", want)
		}
		if got := notes(values); !strings.Contains(got, want) {
			t.Errorf("%s: the notes don't say %q:\n%s", values, want, got)
		}
	}
}

// With namespaces no object is outside of namespaces, and each of them has the rules.
func TestNamespacesNeedNoClusterRole(t *testing.T) {
	text, err := template(t.Context(), repository(t), everything, append(withTypes(), "--set=config.namespaces={shop,web}", "--set=flowSchema.enabled=false", "--set=admissionPolicy.enabled=false", "--set=tiePolicy.enabled=false")...)
	if err != nil {
		t.Fatal(err)
	}
	r, roles := rendered{}, map[string]int{}
	for _, object := range parse(t, text) {
		r[object.GetKind()+"/"+object.GetName()] = object
		if object.GetNamespace() == "" && object.GetKind() != "ConfigMap" {
			t.Errorf("%s %s has no namespace", object.GetKind(), object.GetName())
		}
		if strings.HasPrefix(object.GetKind(), "Role") {
			roles[object.GetKind()+" "+object.GetName()]++
		}
	}
	for _, name := range []string{"certshim", "certshim-issuers", "certshim-sources", "certshim-reports"} {
		if roles["Role "+name] != 2 || roles["RoleBinding "+name] != 2 {
			t.Errorf("%s: %v, want a Role and a RoleBinding in each of two namespaces", name, roles)
		}
	}
	for _, resource := range r.resources() {
		name, _, _ := strings.Cut(resource, ".")
		if slices.Contains([]string{"namespaces", "customresourcedefinitions", "apiservices", "wholeissuers"}, name) || strings.HasPrefix(name, "cluster") || strings.Contains(name, "clusterissuers") {
			t.Errorf("a Role has %s, which no Role can permit", resource)
		}
	}
	for _, resource := range []string{"awspcaissuers", "issuers", "pluginissuers", "corpissuers"} {
		if !slices.Contains(r.resources(), resource) {
			t.Errorf("no Role has %s", resource)
		}
	}
	if all := renderChart(t, everything, withTypes()...).resources(); !slices.Contains(all, "awspcaclusterissuers") || !slices.Contains(all, "wholeissuers") {
		t.Errorf("without namespaces issuers of the whole cluster aren't permitted: %v", all)
	}
}

// resources are what the roles of a chart permit, with and without their groups.
func (r rendered) resources() []string {
	var all []string
	for _, object := range r {
		if !strings.HasSuffix(object.GetKind(), "Role") {
			continue
		}
		for _, rule := range object.Object["rules"].([]any) {
			for _, resource := range rule.(map[string]any)["resources"].([]any) {
				for _, group := range rule.(map[string]any)["apiGroups"].([]any) {
					all = append(all, resource.(string), resource.(string)+"."+group.(string))
				}
			}
		}
	}
	return all
}

// The permissions follow the values.
func TestPermissionsFollowTheValues(t *testing.T) {
	for values, row := range map[string]struct{ with, without []string }{
		"": {
			with:    []string{"gateways", "listenersets", "referencegrants", "stepissuers", "httpproxies", "leases"},
			without: []string{"tokenreviews", "subjectaccessreviews", "reports", "policyreports", "secrets", "certificaterequests", "httproutes"},
		},
		"config: {gatewayAPI: {enabled: false}}":                                                          {without: []string{"gateways.gateway.networking.k8s.io", "gateways/finalizers.gateway.networking.k8s.io", "listenersets", "listenersets/finalizers", "xlistenersets", "xlistenersets/finalizers"}},
		"config: {gatewayAPI: {listenerSets: false}}":                                                     {with: []string{"gateways"}, without: []string{"listenersets", "listenersets/finalizers", "xlistenersets", "xlistenersets/finalizers"}},
		"config: {crossNamespace: {mode: 'off'}}":                                                         {without: []string{"referencegrants"}},
		"config: {gatewayAPI: {routeNames: {namespaces: {shop: [example.com]}}}}":                         {with: []string{"httproutes"}, without: []string{"grpcroutes", "tlsroutes"}},
		"config: {gatewayAPI: {routeNames: {kinds: [GRPCRoute, TLSRoute], namespaces: {shop: [x.com]}}}}": {with: []string{"grpcroutes", "tlsroutes"}, without: []string{"httproutes"}},
		"replicaCount: 1\nconfig: {leaderElection: {enabled: false}}":                                     {without: []string{"leases"}},
		"config: {ownership: {reports: openreports}}":                                                     {with: []string{"reports"}},
		"config: {resolvers: {disable: [catalogue/step-issuer]}}":                                         {with: []string{"awspcaissuers"}, without: []string{"stepissuers"}},
		"config: {sources: {disable: [catalogue/contour-httpproxy]}}":                                     {with: []string{"routegroups"}, without: []string{"httpproxies", "httpproxies/finalizers"}},
		"rbac: {issuers: [step-issuer], sources: []}":                                                     {with: []string{"stepissuers"}, without: []string{"awspcaissuers", "httpproxies"}},
		"config: {metrics: {authentication: true}}":                                                       {with: []string{"tokenreviews", "subjectaccessreviews"}},
		"rbac: {extraRules: [{apiGroups: [x], resources: [things], verbs: [get]}]}":                       {with: []string{"things"}},
		everything: {with: []string{"corpissuers", "pluginissuers", "proxies", "proxies/finalizers"}},
	} {
		var arguments []string
		if values == everything {
			arguments = withTypes()
		}
		resources := renderChart(t, values, arguments...).resources()
		for _, want := range row.with {
			if !slices.Contains(resources, want) {
				t.Errorf("%s: %s may not be read", values, want)
			}
		}
		for _, other := range row.without {
			if slices.Contains(resources, other) {
				t.Errorf("%s: %s may be read", values, other)
			}
		}
	}
	if roles := renderChart(t, "rbac: {create: false}").resources(); len(roles) > 0 {
		t.Errorf("with rbac.create: false there are %v", roles)
	}
}

// What selects the Pods can't be changed by an upgrade, so that it holds neither a version nor a label
// of the user's.
func TestTheSelectorIsFrozen(t *testing.T) {
	want := map[string]any{"app.kubernetes.io/name": "certshim", "app.kubernetes.io/instance": "certshim"}
	for _, values := range []string{"", "nameOverride: tls", "fullnameOverride: certshim\ncommonLabels: {a: b}\npodLabels: {c: d}"} {
		r := renderChart(t, values)
		for key, object := range r {
			if object.GetKind() != "Deployment" {
				continue
			}
			if diff := cmp.Diff(want, r.at(t, key, "spec", "selector", "matchLabels")); diff != "" {
				t.Errorf("%s: the selector (-want +got)\n%s", values, diff)
			}
		}
	}
}

// The names that stand in permissions and settings follow those of the objects.
func TestNamesFollowTheOverrides(t *testing.T) {
	r := renderChart(t, "fullnameOverride: tls\nnamespaceOverride: platform")
	if got := r.at(t, "Role/tls-lease", "rules", 1, "resourceNames", 0); got != "tls" {
		t.Errorf("the permission is for the Lease %v", got)
	}
	if got := r.at(t, "ConfigMap/tls", "data", "certshim.yaml").(string); !strings.Contains(got, "leaseName: tls") {
		t.Errorf("the configuration is\n%s\nwithout the Lease's name", got)
	}
	if got := r.at(t, "ClusterRoleBinding/tls", "subjects", 0); !cmp.Equal(got, any(map[string]any{"kind": "ServiceAccount", "name": "tls", "namespace": "platform"})) {
		t.Errorf("the role is bound to %v", got)
	}
	if got := r.at(t, "Deployment/tls", "spec", "template", "spec", "containers", 0, "args", 1); got != "--leader-election-namespace=platform" {
		t.Errorf("the argument is %v", got)
	}
}

func TestImages(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a", 64)
	for values, want := range map[string]string{
		"":                                     "certshim:dev",
		"image: {tag: v1}":                     "certshim:v1",
		"global: {imageRegistry: mirror:5000}": "mirror:5000/certshim:dev",
		"global: {imageRegistry: mirror:5000}\nimage: {registry: own, repository: a/b}": "own/a/b:dev",
		"image: {tag: v1, digest: '" + digest + "'}":                                    "certshim@" + digest,
	} {
		if got := renderChart(t, values).container(t)["image"]; got != want {
			t.Errorf("%s: %v, want %s", values, got, want)
		}
	}
	r := renderChart(t, "global: {imagePullSecrets: [a]}\nimagePullSecrets: [{name: b}, a]")
	if diff := cmp.Diff([]any{map[string]any{"name": "a"}, map[string]any{"name": "b"}}, r.pod(t)["imagePullSecrets"]); diff != "" {
		t.Errorf("pull secrets (-want +got)\n%s", diff)
	}
}

func TestThePodsOfTheChart(t *testing.T) {
	r := renderChart(t, "")
	for _, context := range []any{r.pod(t)["securityContext"], r.container(t)["securityContext"]} {
		for _, pinned := range []string{"runAsUser", "runAsGroup", "fsGroup"} {
			if _, is := context.(map[string]any)[pinned]; is {
				t.Errorf("%s is pinned, which OpenShift refuses", pinned)
			}
		}
	}
	if _, is := r["PodDisruptionBudget/certshim"]; !is {
		t.Error("two replicas have no PodDisruptionBudget")
	}
	if _, is := renderChart(t, "replicaCount: null")["PodDisruptionBudget/certshim"]; !is {
		t.Error("a number of replicas that is left to others has no PodDisruptionBudget")
	}
	for _, few := range []string{"replicaCount: 1", "replicaCount: 0", "podDisruptionBudget: {enabled: false}"} {
		if _, is := renderChart(t, few)["PodDisruptionBudget/certshim"]; is {
			t.Errorf("%s: there is a PodDisruptionBudget, which holds up a drain", few)
		}
	}
	if _, is := renderChart(t, "replicaCount: null").at(t, "Deployment/certshim", "spec").(map[string]any)["replicas"]; is {
		t.Error("replicas are set where the number is left to others")
	}
	if got := renderChart(t, "replicaCount: 0\nrevisionHistoryLimit: 0\nterminationGracePeriodSeconds: 0"); got.at(t, "Deployment/certshim", "spec", "replicas") != 0.0 ||
		got.at(t, "Deployment/certshim", "spec", "revisionHistoryLimit") != 0.0 || got.pod(t)["terminationGracePeriodSeconds"] != 0.0 {
		t.Error("0 is taken for no value")
	}
	for limit, want := range map[string]string{"256Mi": "220MiB", "1Gi": "880MiB", "512M": "419MiB", "'134217728'": "110MiB", "134217728": "110MiB", "1e9": "820MiB"} {
		env := renderChart(t, "resources: {limits: {memory: "+limit+"}}").container(t)["env"].([]any)
		if got := env[0].(map[string]any); got["name"] != "GOMEMLIMIT" || got["value"] != want {
			t.Errorf("%s: %v, want a GOMEMLIMIT of %s", limit, got, want)
		}
	}
	for _, none := range []string{"resources: null", "resources: {limits: {memory: 0}}"} {
		if env := renderChart(t, none).container(t)["env"].([]any); env[0].(map[string]any)["name"] == "GOMEMLIMIT" {
			t.Errorf("%s: there is a GOMEMLIMIT without a limit", none)
		}
	}
	env := renderChart(t, "extraEnv: [{name: GOMEMLIMIT, value: 1GiB}]").container(t)["env"].([]any)
	if got := env[len(env)-1]; len(env) != 4 || !cmp.Equal(got, any(map[string]any{"name": "GOMEMLIMIT", "value": "1GiB"})) {
		t.Errorf("the environment is %v, want the GOMEMLIMIT of extraEnv alone", env)
	}
}

func TestArgumentsOfTheChart(t *testing.T) {
	for values, want := range map[string][]any{
		"extraArgs: {kube-api-qps: 20, leader-elect: true}": {"--kube-api-qps=20", "--leader-elect=true"},
		"extraArgs: {kube-api-burst: 1000000, v: null}":     {"--kube-api-burst=1000000"},
		"extraArgs: [--v, 6]":                               {"--v", "6"},
		"logLevel: null\nlogFormat: null":                   nil,
		"extraArgs: [--kube-api-qps=20]":                    {"--kube-api-qps=20"},
		"logLevel: debug\nlogFormat: json":                  {"--log-level=debug", "--log-format=json"},
		"config: {workers: 4}":                              {"--config=/etc/certshim/certshim.yaml"},
	} {
		got := renderChart(t, values).container(t)["args"].([]any)
		if diff := cmp.Diff(append([]any{"controller", "--leader-election-namespace=certshim"}, want...), got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", values, diff)
		}
	}
	constraint := renderChart(t, "topologySpreadConstraints: [{maxSkew: 2, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]").pod(t)["topologySpreadConstraints"].([]any)[0]
	if selector := constraint.(map[string]any)["labelSelector"]; selector == nil {
		t.Error("a constraint without a selector gets none")
	}
	constraint = renderChart(t, "topologySpreadConstraints: [{maxSkew: 2, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {a: b}}}]").pod(t)["topologySpreadConstraints"].([]any)[0]
	if got := constraint.(map[string]any)["labelSelector"]; !cmp.Equal(got, any(map[string]any{"matchLabels": map[string]any{"a": "b"}})) {
		t.Errorf("a constraint with a selector of its own has %v", got)
	}
}

// Of two labels with the same key the nearer one counts, and none replaces what the chart's own objects are found by.
func TestLabels(t *testing.T) {
	r := renderChart(t, "commonLabels: {a: common, b: common, app.kubernetes.io/name: other}\npodLabels: {a: pod}\nserviceMonitor: {enabled: true, labels: {a: monitor, helm.sh/chart: other}}")
	for object, row := range map[string]struct {
		path []any
		want string
	}{
		"Deployment/certshim":     {[]any{"spec", "template", "metadata", "labels"}, "pod"},
		"ServiceMonitor/certshim": {[]any{"metadata", "labels"}, "monitor"},
		"ServiceAccount/certshim": {[]any{"metadata", "labels"}, "common"},
	} {
		labels := r.at(t, object, row.path...).(map[string]any)
		if labels["a"] != row.want || labels["b"] != "common" || labels["app.kubernetes.io/name"] != "certshim" || labels["helm.sh/chart"] == "other" {
			t.Errorf("%s has the labels %v", object, labels)
		}
	}
}

// A later file of values takes back by null what an earlier one set.
func TestNullTakesBack(t *testing.T) {
	first := filepath.Join(t.TempDir(), "first.yaml")
	if err := os.WriteFile(first, []byte("config: {workers: 3, gatewayAPI: {enabled: false}}\npodLabels: {a: b}\nnodeSelector: {c: d}\nextraArgs: {v: 6}"), 0o600); err != nil {
		t.Fatal(err)
	}
	render := func(values string) string {
		t.Helper()
		text, err := helm(t.Context(), repository(t), values, "template", "certshim", "deploy/chart", "--namespace=certshim", "--values="+first, "--values=-")
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	want, err := template(t.Context(), repository(t), "extraArgs: {}")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, render("config: {workers: null, gatewayAPI: null}\npodLabels: {a: null}\nnodeSelector: {c: null}\nextraArgs: {v: null}")); diff != "" {
		t.Errorf("(-without +with null)\n%s", diff)
	}
	if strings.Contains(render(""), "resources: [gateways") {
		t.Error("the first file does nothing")
	}
}

// The ServiceAccount may keep its token from Pods, and certshim brings its own.
func TestTheTokenOfThePods(t *testing.T) {
	r := renderChart(t, "serviceAccount: {automount: false}")
	if r["ServiceAccount/certshim"].Object["automountServiceAccountToken"] != false || r.pod(t)["automountServiceAccountToken"] != false {
		t.Error("the token is mounted in every Pod")
	}
	mounts, _ := r.container(t)["volumeMounts"].([]any)
	if len(mounts) != 1 || mounts[0].(map[string]any)["mountPath"] != "/var/run/secrets/kubernetes.io/serviceaccount" {
		t.Errorf("certshim's container mounts %v, want a token", mounts)
	}
	if _, is := renderChart(t, "")["ServiceAccount/certshim"].Object["automountServiceAccountToken"]; is {
		t.Error("by default the ServiceAccount keeps its token")
	}
}

// A change of the configuration makes new Pods; one of the files that certshim follows doesn't.
func TestAChangedConfigurationRestartsThePods(t *testing.T) {
	checksum := func(values string) any {
		annotations, _ := renderChart(t, values).at(t, "Deployment/certshim", "spec", "template", "metadata").(map[string]any)["annotations"].(map[string]any)
		return annotations["certshim.io/config-checksum"]
	}
	one, other := checksum("config: {workers: 1}"), checksum("config: {workers: 2}")
	if one == nil || one == other {
		t.Errorf("the checksums are %v and %v", one, other)
	}
	if got := checksum("issuerTypes: {a: {spec: {group: g, kinds: [{resource: r}]}}}"); got != nil {
		t.Errorf("issuer types have a checksum %v", got)
	}
}

func TestTheMonitors(t *testing.T) {
	const values = "%s: {enabled: true, namespace: monitoring, labels: {release: prometheus}, interval: 30s, scrapeTimeout: 10s, honorLabels: true, relabelings: [{action: keep}], metricRelabelings: [{action: drop}]}"
	want := map[string]any{
		"port": "http", "path": "/metrics", "interval": "30s", "scrapeTimeout": "10s", "honorLabels": true,
		"relabelings": []any{map[string]any{"action": "keep"}}, "metricRelabelings": []any{map[string]any{"action": "drop"}},
	}
	if got := renderChart(t, "serviceMonitor: {enabled: true, targetLabels: [app.kubernetes.io/name]}").at(t, "ServiceMonitor/certshim", "spec", "targetLabels"); !cmp.Equal(got, any([]any{"app.kubernetes.io/name"})) {
		t.Errorf("targetLabels are %v", got)
	}
	for kind, row := range map[string]struct{ value, endpoints string }{
		"ServiceMonitor": {"serviceMonitor", "endpoints"}, "PodMonitor": {"podMonitor", "podMetricsEndpoints"},
	} {
		r := renderChart(t, strings.Replace(values, "%s", row.value, 1))
		if diff := cmp.Diff(want, r.at(t, kind+"/certshim", "spec", row.endpoints, 0)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", kind, diff)
		}
		if got := r[kind+"/certshim"]; got.GetNamespace() != "monitoring" || got.GetLabels()["release"] != "prometheus" {
			t.Errorf("%s is in namespace %s with the labels %v", kind, got.GetNamespace(), got.GetLabels())
		}
		_, hasService := r["Service/certshim-metrics"]
		if hasService != (kind == "ServiceMonitor") {
			t.Errorf("%s: there is a Service: %v", kind, hasService)
		}
	}
}

// The rules of files/alerts.yaml, but for those that are switched off; test/alerts has what they do.
// Where /metrics wants TLS and a token, the monitors bring both.
func TestTheMonitorsOfProtectedMetrics(t *testing.T) {
	const both = "{metricsTLSSecret: metrics-tls, config: {metrics: {authentication: true}}, %s: {enabled: true, tlsConfig: {serverName: certshim-metrics}, %s}}"
	for name, row := range map[string]struct {
		values, object, endpoints string
		want                      map[string]any
	}{
		"a ServiceMonitor by itself": {
			strings.NewReplacer("%s", "serviceMonitor").Replace(strings.Replace(both, ", %s}", "}", 1)), "ServiceMonitor/certshim", "endpoints",
			map[string]any{"bearerTokenFile": "/var/run/secrets/kubernetes.io/serviceaccount/token"},
		},
		"a ServiceMonitor with a token": {
			strings.Replace(strings.Replace(both, "%s", "serviceMonitor", 1), "%s", "authorization: {credentials: {name: a, key: b}}", 1), "ServiceMonitor/certshim", "endpoints",
			map[string]any{"authorization": map[string]any{"credentials": map[string]any{"name": "a", "key": "b"}}},
		},
		"a PodMonitor with a token": {
			strings.Replace(strings.Replace(both, "%s", "podMonitor", 1), "%s", "authorization: {credentials: {name: a, key: b}}", 1), "PodMonitor/certshim", "podMetricsEndpoints",
			map[string]any{"authorization": map[string]any{"credentials": map[string]any{"name": "a", "key": "b"}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			maps.Copy(row.want, map[string]any{
				"port": "http", "path": "/metrics", "honorLabels": false, "scheme": "https", "tlsConfig": map[string]any{"serverName": "certshim-metrics"},
			})
			if diff := cmp.Diff(row.want, renderChart(t, row.values).at(t, row.object, "spec", row.endpoints, 0)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	for what, values := range map[string]string{
		"podMonitor.authorization is empty": "{metricsTLSSecret: x, config: {metrics: {authentication: true}}, podMonitor: {enabled: true}}",
		"authentication":                    "{metricsTLSSecret: x, config: {namespaces: [shop], metrics: {authentication: true}}}",
	} {
		if _, err := template(t.Context(), repository(t), values); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v, want an error about %s", values, err, what)
		}
	}
}

func TestTheAlertsOfTheChart(t *testing.T) {
	r := renderChart(t, "prometheusRule: {enabled: true, labels: {release: prometheus}, disable: [CertshimAbsent], runbooks: https://runbooks.example.com}")
	rules := r.at(t, "PrometheusRule/certshim", "spec", "groups", 0, "rules").([]any)
	if len(rules) < 20 {
		t.Errorf("%d alerts", len(rules))
	}
	for _, rule := range rules {
		rule := rule.(map[string]any)
		if rule["alert"] == "CertshimAbsent" {
			t.Error("an alert is there that was switched off")
		}
		want := "https://runbooks.example.com#" + strings.ToLower(rule["alert"].(string))
		if got := rule["annotations"].(map[string]any)["runbook_url"]; got != want {
			t.Errorf("the runbook of %v is at %v", rule["alert"], got)
		}
	}
	if got := r["PrometheusRule/certshim"].GetLabels()["release"]; got != "prometheus" {
		t.Errorf("the label is %q", got)
	}
}

// The dashboard is the file as it is, under the label that Grafana's sidecar looks for; test/alerts has what is in it.
func TestTheDashboardOfTheChart(t *testing.T) {
	r := renderChart(t, "dashboard: {enabled: true, namespace: monitoring}")
	text, err := os.ReadFile(filepath.Join(repository(t), "deploy/chart/files/dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	if got := r.at(t, "ConfigMap/certshim-dashboard", "data", "certshim.json"); got != string(text) {
		t.Error("the ConfigMap doesn't hold the dashboard")
	}
	if got := r["ConfigMap/certshim-dashboard"]; got.GetNamespace() != "monitoring" || got.GetLabels()["grafana_dashboard"] != "1" {
		t.Errorf("it is in %s with the labels %v", got.GetNamespace(), got.GetLabels())
	}
}

func TestTheNetworkPolicy(t *testing.T) {
	r := renderChart(t, "networkPolicy: {enabled: true, egress: {enabled: true}, metricsFrom: [{podSelector: {}}], ingress: {extra: [{ports: [{port: 8443}]}]}}")
	ports := r.at(t, "NetworkPolicy/certshim", "spec", "egress", 1, "ports").([]any)
	want := []any{map[string]any{"protocol": "TCP", "port": 443.0}, map[string]any{"protocol": "TCP", "port": 6443.0}}
	if diff := cmp.Diff(want, ports); diff != "" {
		t.Errorf("the API server's ports (-want +got)\n%s", diff)
	}
	if got := r.at(t, "NetworkPolicy/certshim", "spec", "ingress", 0, "from"); got == nil {
		t.Error("everybody may read the metrics")
	}
	if got := r.at(t, "NetworkPolicy/certshim", "spec", "ingress", 2, "ports", 0, "port"); got != 8443.0 {
		t.Errorf("the port of another container is %v", got)
	}
	if types := renderChart(t, "networkPolicy: {enabled: true}").at(t, "NetworkPolicy/certshim", "spec", "policyTypes"); !cmp.Equal(types, any([]any{"Ingress"})) {
		t.Errorf("the policy is about %v, want it to leave alone what goes out", types)
	}
	if _, is := renderChart(t, "")["NetworkPolicy/certshim"]; is {
		t.Error("there is a NetworkPolicy, which nobody asked for")
	}
}

// The admission policy has the release's name and the action that was chosen.
func TestTheAdmissionPolicy(t *testing.T) {
	r := renderChart(t, "fullnameOverride: tls\nadmissionPolicy: {enabled: true, action: Deny}")
	if got := r.at(t, "ValidatingAdmissionPolicyBinding/tls-annotations", "spec"); !cmp.Equal(got, any(map[string]any{
		"policyName": "tls-annotations", "validationActions": []any{"Deny"},
	})) {
		t.Errorf("the binding is %v", got)
	}
	if validations := r.at(t, "ValidatingAdmissionPolicy/tls-annotations", "spec", "validations").([]any); len(validations) < 20 {
		t.Errorf("the policy has %d validations", len(validations))
	}
	if _, is := renderChart(t, "")["ValidatingAdmissionPolicy/certshim-annotations"]; is {
		t.Error("the policy is there without being asked for")
	}
}

// With source types among the values, the admission policy is what certshim prints for these.
func TestTheAdmissionPolicyOfDeclaredKinds(t *testing.T) {
	const types = "examples/deploy/sources/corp-proxy.yaml"
	print := exec.CommandContext(t.Context(), filepath.Join(repository(t), "bin/certshim"), "policy", "--sources="+types)
	print.Dir = repository(t)
	printed, err := print.Output()
	if err != nil {
		t.Fatal(err)
	}
	of := func(spec any) (rest map[string]any, rules []string) {
		rest = maps.Clone(spec.(map[string]any))
		constraints := rest["matchConstraints"].(map[string]any)
		for _, rule := range constraints["resourceRules"].([]any) {
			rules = append(rules, fmt.Sprint(rule))
		}
		slices.Sort(rules)
		delete(rest, "matchConstraints")
		return rest, rules
	}
	const policy = "ValidatingAdmissionPolicy/certshim-annotations"
	want, wantRules := of(rendered{policy: parse(t, string(printed))[0]}.at(t, policy, "spec"))
	got, gotRules := of(renderChart(t, "admissionPolicy: {enabled: true}", "--set-file=sourceTypes.corp-proxy="+types).at(t, policy, "spec"))
	if diff := cmp.Diff(want, got) + cmp.Diff(wantRules, gotRules); diff != "" {
		t.Errorf("the chart's policy (-certshim policy +chart):\n%s", diff)
	}
	inField := renderChart(t, "admissionPolicy: {enabled: true}\nsourceTypes: {own: \"spec: {group: own.example, resource: owns, versions: [v1], annotationsField: spec.annotations}\"}")
	if _, rules := of(inField.at(t, policy, "spec")); strings.Contains(strings.Join(rules, ""), "own.example") {
		t.Error("the policy is about annotations that aren't in metadata")
	}
}

// Only certshim's own account, whatever it is called, and those of the values may write ties across namespaces.
func TestTheTiePolicy(t *testing.T) {
	for values, want := range map[string][2]string{
		"tiePolicy: {enabled: true}\nserviceAccount: {name: own}": {"['system:serviceaccount:certshim:own']", "[]"},
		"tiePolicy: {enabled: true, exemptUsers: ['system:serviceaccount:velero:server'], exemptGroups: [admins, 'a/b']}": {
			"['system:serviceaccount:certshim:certshim', 'system:serviceaccount:velero:server']", "['admins', 'a/b']",
		},
	} {
		conditions := renderChart(t, values).at(t, "ValidatingAdmissionPolicy/certshim-ties", "spec", "matchConditions")
		for i, list := range want {
			if got := conditions.([]any)[i+1].(map[string]any)["expression"].(string); !strings.Contains(got, " in "+list+")") {
				t.Errorf("%s: the condition is %s, want %s", values, got, list)
			}
		}
	}
	r := renderChart(t, "fullnameOverride: tls\ntiePolicy: {enabled: true, action: Deny}")
	if got := r.at(t, "ValidatingAdmissionPolicyBinding/tls-ties", "spec"); !cmp.Equal(got, any(map[string]any{
		"policyName": "tls-ties", "validationActions": []any{"Deny"},
	})) {
		t.Errorf("the binding is %v", got)
	}
	if _, is := renderChart(t, "")["ValidatingAdmissionPolicy/certshim-ties"]; is {
		t.Error("the policy is there without being asked for")
	}
}

// The chart has no CRDs, which Helm would never upgrade.
func TestTheChartHasNoCRDs(t *testing.T) {
	if _, err := os.Stat(filepath.Join(repository(t), "deploy/chart/crds")); !os.IsNotExist(err) {
		t.Errorf("there is a folder crds: %v", err)
	}
}

// The icon is a file of the repository, where Artifact Hub gets it.
func TestTheIcon(t *testing.T) {
	var chart struct{ Icon string }
	text, err := os.ReadFile(filepath.Join(repository(t), "deploy/chart/Chart.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &chart); err != nil {
		t.Fatal(err)
	}
	path, ours := strings.CutPrefix(chart.Icon, "https://raw.githubusercontent.com/certshim/certshim/main/")
	image, err := os.ReadFile(filepath.Join(repository(t), path))
	if err != nil || !ours {
		t.Fatalf("the icon is %q: %v", chart.Icon, err)
	}
	var svg struct {
		XMLName xml.Name `xml:"http://www.w3.org/2000/svg svg"`
		Title   string   `xml:"title"`
	}
	if err := xml.Unmarshal(image, &svg); err != nil || svg.Title != "certshim" {
		t.Errorf("%s is no picture of certshim: %v", path, err)
	}
}

var yamlBlock = regexp.MustCompile("(?s)```yaml\n# values.yaml\n(.*?)```")

// The values in docs/install.md are ones that the chart takes, and do what the text says of them.
func TestTheValuesInTheDocs(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(repository(t), "docs/install.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := yamlBlock.FindStringSubmatch(string(page))
	if block == nil {
		t.Fatal("docs/install.md has no values")
	}
	r := renderChart(t, block[1], withTypes()...)
	resources := r.resources()
	if slices.Contains(resources, "gateways.networking.istio.io") || !slices.Contains(resources, "stepissuers") || slices.Contains(resources, "adcsissuers") {
		t.Errorf("the permissions are for %v", resources)
	}
}
