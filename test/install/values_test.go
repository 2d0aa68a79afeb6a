package install

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// effect is what one value does.
type effect struct {
	// value in YAML; with are others that it needs.
	value, with string
	// text is in the chart as it is rendered with the value, and not without; where there is none, something goes.
	text string
}

const (
	monitored    = "serviceMonitor: {enabled: true}"
	podMonitored = "podMonitor: {enabled: true}"
	alerted      = "prometheusRule: {enabled: true}"
	shown        = "dashboard: {enabled: true}"
	flows        = "flowSchema: {enabled: true}"
	guarded      = "tiePolicy: {enabled: true}"
	closed       = "networkPolicy: {enabled: true}"
	walled       = "networkPolicy: {enabled: true, egress: {enabled: true}}"
)

// effects has each value of values.yaml.
var effects = map[string]effect{
	"global.imageRegistry":                {"mirror:5000", "", "image: mirror:5000/certshim:dev"},
	"global.imagePullSecrets":             {"[pull]", "", "- name: pull"},
	"nameOverride":                        {"other", "", "name: certshim-other"},
	"fullnameOverride":                    {"other", "", "name: other"},
	"namespaceOverride":                   {"other", "", "namespace: other"},
	"commonLabels":                        {"{a: b}", "", "a: b"},
	"replicaCount":                        {"3", "", "replicas: 3"},
	"image.registry":                      {"own", "", "image: own/certshim:dev"},
	"image.repository":                    {"own/other", "", "image: own/other:dev"},
	"image.tag":                           {"v1", "", "image: certshim:v1"},
	"image.digest":                        {"sha256:" + strings.Repeat("a", 64), "", "image: certshim@sha256:"},
	"image.pullPolicy":                    {"Always", "", "imagePullPolicy: Always"},
	"imagePullSecrets":                    {"[pull]", "", "- name: pull"},
	"config":                              {"{workers: 3}", "", "workers: 3"},
	"issuerTypes":                         {"{a: {spec: {group: g.example, kinds: [{resource: things}]}}}", "", "- g.example"},
	"sourceTypes":                         {"{a: {spec: {group: g.example, resource: things}}}", "", "- things/finalizers"},
	"plugins":                             {"[{name: a, image: b, grant: {kinds: []}}]", "", "- name: a\n"},
	"metricsTLSSecret":                    {"own", "", "secret: {secretName: own}"},
	"logLevel":                            {"warn", "", "--log-level=warn"},
	"logFormat":                           {"json", "", "--log-format=json"},
	"extraArgs":                           {"[--v=6]", "", "--v=6"},
	"extraEnv":                            {"[{name: A, value: '{{ .Release.Name }}-b'}]", "", "value: 'certshim-b'"},
	"extraEnvFrom":                        {"[{configMapRef: {name: '{{ .Release.Name }}-a'}}]", "", "name: 'certshim-a'"},
	"extraVolumes":                        {"[{name: a, configMap: {name: '{{ .Release.Name }}-b'}}]", "", "name: 'certshim-b'"},
	"extraVolumeMounts":                   {"[{name: a, mountPath: '/{{ .Release.Name }}'}]", "", "mountPath: /certshim"},
	"extraContainers":                     {"[{name: a, image: '{{ .Release.Name }}:b'}]", "", "image: 'certshim:b'"},
	"extraInitContainers":                 {"[{name: a, image: '{{ .Release.Name }}:b'}]", "", "image: 'certshim:b'"},
	"extraObjects":                        {"[{apiVersion: v1, kind: ConfigMap, metadata: {name: '{{ .Release.Name }}-a'}}]", "", "name: 'certshim-a'"},
	"serviceAccount.create":               {"false", "", "serviceAccountName: default"},
	"serviceAccount.name":                 {"other", "", "serviceAccountName: other"},
	"serviceAccount.annotations":          {"{a: '{{ .Release.Name }}-b'}", "", "a: 'certshim-b'"},
	"serviceAccount.labels":               {"{a: b}", "", "a: b"},
	"serviceAccount.automount":            {"false", "", "automountServiceAccountToken: false"},
	"rbac.create":                         {"false", "", ""},
	"rbac.issuers":                        {"[step-issuer]", "", ""},
	"rbac.sources":                        {"[contour-httpproxy]", "", ""},
	"rbac.extraRules":                     {"[{apiGroups: [x], resources: [things], verbs: [get]}]", "", "- things"},
	"resources":                           {"{limits: {cpu: 1}}", "", "cpu: 1\n"},
	"podSecurityContext":                  {"{fsGroup: 1}", "", "fsGroup: 1"},
	"securityContext":                     {"{runAsUser: 1}", "", "runAsUser: 1"},
	"livenessProbe":                       {"{periodSeconds: 7}", "", "path: /healthz\n              port: healthz\n            periodSeconds: 7"},
	"readinessProbe":                      {"{periodSeconds: 7}", "", "path: /readyz\n              port: healthz\n            periodSeconds: 7"},
	"lifecycle":                           {"{preStop: {sleep: {seconds: 5}}}", "", "preStop:"},
	"podLabels":                           {"{a: b}", "", "        a: b"},
	"podAnnotations":                      {"{a: b}", "", "        a: b"},
	"deploymentAnnotations":               {"{a: b}", "", "    a: b"},
	"strategy":                            {"{type: Recreate}", "", "type: Recreate"},
	"revisionHistoryLimit":                {"3", "", "revisionHistoryLimit: 3"},
	"nodeSelector":                        {"{a: b}", "", "        a: b"},
	"tolerations":                         {"[{key: a}]", "", "- key: a"},
	"affinity":                            {"{nodeAffinity: {}}", "", "nodeAffinity: {}"},
	"topologySpreadConstraints":           {"[{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]", "", "topologyKey: zone"},
	"priorityClassName":                   {"high", "", "priorityClassName: high"},
	"runtimeClassName":                    {"gvisor", "", "runtimeClassName: gvisor"},
	"terminationGracePeriodSeconds":       {"7", "", "terminationGracePeriodSeconds: 7"},
	"dnsPolicy":                           {"Default", "hostNetwork: true", "dnsPolicy: Default"},
	"dnsConfig":                           {"{nameservers: [10.0.0.1]}", "", "- 10.0.0.1"},
	"hostNetwork":                         {"true", "", "dnsPolicy: ClusterFirstWithHostNet"},
	"enableServiceLinks":                  {"true", "", "enableServiceLinks: true"},
	"podDisruptionBudget.enabled":         {"false", "", ""},
	"podDisruptionBudget.maxUnavailable":  {"50%", "", "maxUnavailable: 50%"},
	"networkPolicy.enabled":               {"true", "", "kind: NetworkPolicy"},
	"networkPolicy.metricsFrom":           {"[{podSelector: {}}]", closed, "from:"},
	"networkPolicy.ingress.extra":         {"[{ports: [{port: 8443}]}]", closed, "port: 8443"},
	"networkPolicy.egress.enabled":        {"true", closed, "policyTypes: [Ingress, Egress]"},
	"networkPolicy.egress.apiServerPorts": {"[8443]", walled, "port: 8443"},
	"networkPolicy.egress.apiServerCIDRs": {"[10.0.0.1/32]", walled, `cidr: "10.0.0.1/32"`},
	"networkPolicy.egress.extra":          {"[{ports: [{port: 3128}]}]", walled, "port: 3128"},
	"flowSchema.enabled":                  {"true", "", "kind: FlowSchema"},
	"flowSchema.matchingPrecedence":       {"700", flows, "matchingPrecedence: 701"},
	"flowSchema.leasePriorityLevel":       {"own", flows, "{name: own}"},
	"flowSchema.priorityLevel":            {"own", flows, "{name: own}"},
	"admissionPolicy.enabled":             {"true", "", "name: certshim-annotations"},
	"admissionPolicy.action":              {"Deny", "admissionPolicy: {enabled: true}", "- Deny"},
	"tiePolicy.enabled":                   {"true", "", "name: certshim-ties"},
	"tiePolicy.action":                    {"Deny", guarded, "- Deny"},
	"tiePolicy.exemptUsers":               {"[restorer]", guarded, "restorer"},
	"tiePolicy.exemptGroups":              {"[admins]", guarded, "admins"},
	"prometheusRule.enabled":              {"true", "", "kind: PrometheusRule"},
	"prometheusRule.namespace":            {"other", alerted, "namespace: other"},
	"prometheusRule.labels":               {"{a: b}", alerted, "a: b"},
	"prometheusRule.annotations":          {"{a: b}", alerted, "a: b"},
	"prometheusRule.runbooks":             {"https://runbooks.example", alerted, "https://runbooks.example#"},
	"prometheusRule.disable":              {"[CertshimAbsent]", alerted, ""},
	"dashboard.enabled":                   {"true", "", "certshim.json:"},
	"dashboard.namespace":                 {"other", shown, "namespace: other"},
	"dashboard.labels":                    {"{a: b}", shown, "    a: b"},
	"dashboard.annotations":               {"{a: b}", shown, "    a: b"},
	"serviceMonitor.targetLabels":         {"[a]", monitored, "targetLabels:"},
	"serviceMonitor.authorization":        {"{credentials: {name: a, key: b}}", monitored, "authorization:"},
	"podMonitor.authorization":            {"{credentials: {name: a, key: b}}", podMonitored, "authorization:"},
}

// monitors adds what a ServiceMonitor and a PodMonitor have in common.
func monitors(all map[string]effect) map[string]effect {
	all = maps.Clone(all)
	for name, enabled := range map[string]string{"serviceMonitor": monitored, "podMonitor": podMonitored} {
		all[name+".enabled"] = effect{"true", "", "kind: " + strings.ToUpper(name[:1]) + name[1:]}
		all[name+".namespace"] = effect{"other", enabled, "namespace: other"}
		all[name+".labels"] = effect{"{a: b}", enabled, "a: b"}
		all[name+".annotations"] = effect{"{a: b}", enabled, "a: b"}
		all[name+".interval"] = effect{"7s", enabled, "interval: 7s"}
		all[name+".scrapeTimeout"] = effect{"7s", enabled, "scrapeTimeout: 7s"}
		all[name+".honorLabels"] = effect{"true", enabled, "honorLabels: true"}
		all[name+".tlsConfig"] = effect{"{serverName: a}", enabled, "serverName: a"}
		all[name+".relabelings"] = effect{"[{action: keep}]", enabled, "action: keep"}
		all[name+".metricRelabelings"] = effect{"[{action: drop}]", enabled, "action: drop"}
	}
	return all
}

// whole are values that stand for themselves, whatever is in them.
var whole = []string{"resources", "podSecurityContext", "securityContext", "nodeSelector", "dashboard.labels"}

// leaves are the values of values.yaml, by their paths.
func leaves(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository(t), "deploy/chart/values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if err := yaml.Unmarshal(text, &values); err != nil {
		t.Fatal(err)
	}
	var all []string
	var walk func(prefix string, values map[string]any)
	walk = func(prefix string, values map[string]any) {
		for name, value := range values {
			inner, _ := value.(map[string]any)
			if len(inner) > 0 && !slices.Contains(whole, prefix+name) {
				walk(prefix+name+".", inner)
				continue
			}
			all = append(all, prefix+name)
		}
	}
	walk("", values)
	slices.Sort(all)
	return all
}

// at gives values in YAML that have one, by its path.
func at(path, value string) string {
	names := strings.Split(path, ".")
	return strings.Join(names, ": {") + ": " + value + strings.Repeat("}", len(names)-1)
}

// Each value does what it is for: it changes the chart, and nothing goes by without a trace.
func TestEachValueHasAnEffect(t *testing.T) {
	all := monitors(effects)
	if diff := cmp.Diff(leaves(t), slices.Sorted(maps.Keys(all))); diff != "" {
		t.Fatalf("(-values.yaml +effects)\n%s", diff)
	}
	for path, e := range all {
		other := filepath.Join(t.TempDir(), "with.yaml")
		if err := os.WriteFile(other, []byte(e.with), 0o600); err != nil {
			t.Fatal(err)
		}
		render := func(values string) string {
			t.Helper()
			text, err := helm(t.Context(), repository(t), values, "template", "certshim", "deploy/chart", "--namespace=certshim", "--values="+other, "--values=-")
			if err != nil {
				t.Fatalf("%s: %v", values, err)
			}
			return text
		}
		with := render(at(path, e.value))
		without := render("")
		if e.text != "" && strings.Contains(without, e.text) {
			t.Errorf("%s: the chart has %q anyway", path, e.text)
		}
		if with == without || !strings.Contains(with, e.text) {
			t.Errorf("%s: %s doesn't give %q", path, e.value, e.text)
		}
	}
}
