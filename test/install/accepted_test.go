package install

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/cel/openapi/resolver"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/restmapper"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/crds"
)

// odd are values that charts stumble over.
var odd = []string{
	"", podValues,
	"config: {namespaces: [shop]}",
	"{replicaCount: null, revisionHistoryLimit: null, terminationGracePeriodSeconds: null, resources: {limits: {memory: 268435456}}}",
	"{fullnameOverride: a-name-that-is-longer-than-what-a-label-may-have-with-its-suffix, namespaceOverride: shop, serviceAccount: {name: tls-account, automount: false}}",
	"{commonLabels: {app.kubernetes.io/name: a, b: c}, podLabels: {b: d, app.kubernetes.io/instance: e}, serviceAccount: {labels: {b: f}}}",
	"{global: {imageRegistry: 'registry.example.com:5000', imagePullSecrets: [a, {name: b}]}, image: {digest: 'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'}}",
	"{admissionPolicy: {enabled: true}, tiePolicy: {enabled: true}}",
	"{hostNetwork: true, config: {metricsListenAddress: '0', healthzListenAddress: '0.0.0.0:8080'}}",
	"{config: {metricsListenAddress: '0', healthzListenAddress: '0'}}",
	"{extraEnv: [{name: GOMEMLIMIT, value: 1GiB}], extraArgs: [--v, 6], podAnnotations: {a: 'true'}}",
	"{serviceAccount: {create: false, automount: false}, rbac: {issuers: [], sources: []}}",
	"{plugins: [{name: a, image: b, env: [{name: A, value: b}], volumeMounts: [], securityContext: {privileged: false}, grant: {kinds: []}}], podSecurityContext: {fsGroup: 1000}}",
	"{config: {metrics: {authentication: true}}, metricsTLSSecret: metrics-tls, serviceMonitor: {enabled: true, tlsConfig: {ca: {secret: {name: metrics-tls, key: ca.crt}}, serverName: certshim-metrics}, " + monitorFields + ", targetLabels: [team]}}",
	"{config: {metrics: {authentication: true}}, metricsTLSSecret: metrics-tls, podMonitor: {enabled: true, tlsConfig: {insecureSkipVerify: true}, authorization: {credentials: {name: token, key: token}}, " + monitorFields + "}}",
	"{prometheusRule: {enabled: true, namespace: other, labels: {release: prometheus}, annotations: {a: b}, runbooks: null, disable: [CertshimAbsent]}}",
	"{networkPolicy: {enabled: true, egress: {enabled: true, apiServerPorts: []}}, flowSchema: {enabled: true}, podDisruptionBudget: {maxUnavailable: 50%}}",
}

// monitorFields are those that a ServiceMonitor and a PodMonitor have in common.
const monitorFields = "namespace: other, labels: {release: prometheus}, annotations: {a: b}, interval: 30s, scrapeTimeout: 10s, honorLabels: true, " +
	"relabelings: [{sourceLabels: [__meta_kubernetes_pod_node_name], targetLabel: node}], metricRelabelings: [{action: drop, sourceLabels: [__name__], regex: go_.*}]"

// podValues sets what is passed on to the Pods.
const podValues = `
extraEnv: [{name: A, value: "{{ .Release.Name }}"}]
extraEnvFrom: [{configMapRef: {name: proxy, optional: true}}]
extraVolumes: [{name: more, emptyDir: {}}]
extraVolumeMounts: [{name: more, mountPath: /more}]
extraContainers: [{name: beside, image: beside:dev}]
extraInitContainers: [{name: before, image: before:dev}]
lifecycle: {preStop: {sleep: {seconds: 5}}}
livenessProbe: {periodSeconds: 20, failureThreshold: 5}
readinessProbe: {initialDelaySeconds: 1}
podLabels: {a: b}
podAnnotations: {c: d}
deploymentAnnotations: {e: f}
strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
tolerations: [{key: infra, operator: Exists}]
affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: infra, operator: Exists}]}]}}}
priorityClassName: system-cluster-critical
runtimeClassName: gvisor
dnsPolicy: ClusterFirstWithHostNet
dnsConfig: {options: [{name: ndots, value: "1"}]}
hostNetwork: true
enableServiceLinks: true
rbac: {extraRules: [{apiGroups: [""], resources: [configmaps], resourceNames: [more], verbs: [get]}]}
networkPolicy: {enabled: true, metricsFrom: [{namespaceSelector: {}}], ingress: {extra: [{ports: [{port: 8443}]}]}, egress: {enabled: true, extra: [{ports: [{port: 8200}]}]}}
`

// The API server takes what comes of odd values, and of each default that is unset by null, and knows each field. It validates more
// than the types of fields: names, labels, references, and the expressions of policies.
func TestTheAPIServerAcceptsWhatTheChartRenders(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	c.Apply(t, "", "{apiVersion: v1, kind: Namespace, metadata: {name: certshim}}\n---\n{apiVersion: v1, kind: Namespace, metadata: {name: shop}}\n---\n{apiVersion: v1, kind: Namespace, metadata: {name: other}}\n---\n{apiVersion: v1, kind: Namespace, metadata: {name: tls}}\n")
	installMonitorKinds(t, c)
	server := newStrictServer(t, c)
	server.checksTypes(t)
	server.takes(t, everything, withTypes()...)
	for _, values := range odd {
		server.takes(t, values)
	}
	all := leaves(t)
	for _, path := range nullable(all) {
		server.takes(t, at(path, "null"), switchedOn(path, all)...)
	}
	server.takesAll(t, aliasedValues, renderUmbrella(t, longName, aliases+", {name: certshim, version: 0.1.0, alias: "+longName+"-alias}", aliasedValues))
	server.hasMonitors(t, newRelease(t, c, "monitored"))
}

// installMonitorKinds installs the definitions of Prometheus' operator that the chart has objects of.
func installMonitorKinds(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	var definitions []*unstructured.Unstructured
	for _, resource := range monitorResources() {
		definition, err := crds.Kind(t.Context(), resource)
		if err != nil {
			t.Fatal(err)
		}
		definitions = append(definitions, definition)
	}
	if err := crds.InstallAll(t.Context(), c.Config, definitions...); err != nil {
		t.Fatal(err)
	}
}

// hasMonitors installs a release with monitors and alerts, and exchanges one monitor for the other. Nothing of what was rendered is
// lost on the way to the API server.
func (s *strictServer) hasMonitors(t *testing.T, r *release) {
	t.Helper()
	for _, step := range []struct{ verb, monitor string }{{"install", "serviceMonitor"}, {"upgrade", "podMonitor"}} {
		values := "{prometheusRule: {enabled: true}, dashboard: {enabled: true}, " + step.monitor + ": {enabled: true, interval: 30s}}"
		r.helm(t, values, step.verb, r.name, "deploy/chart", "--create-namespace", "--values=-")
		text, err := helm(t.Context(), r.repository, values, "template", r.name, "deploy/chart", "--namespace="+r.name, "--values=-")
		if err != nil {
			t.Fatal(err)
		}
		rendered := map[string]any{}
		for _, object := range parse(t, text) {
			if object.GroupVersionKind().Group == "monitoring.coreos.com" {
				rendered[s.resource(t, object).Resource] = object.Object["spec"]
			}
		}
		if len(rendered) != 2 {
			t.Errorf("with %s the chart renders %v, want a monitor and alerts", step.monitor, rendered)
		}
		if diff := cmp.Diff(rendered, s.monitors(t)); diff != "" {
			t.Errorf("%s with %s (-rendered +there)\n%s", step.verb, step.monitor, diff)
		}
	}
}

// monitors are the specs of what there is of Prometheus' operator, by the resource.
func (s *strictServer) monitors(t *testing.T) map[string]any {
	t.Helper()
	specs := map[string]any{}
	for _, resource := range monitorResources() {
		list, err := s.client.Resource(resource).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range list.Items {
			specs[resource.Resource] = item.Object["spec"]
		}
	}
	return specs
}

func monitorResources() (all []schema.GroupVersionResource) {
	for _, resource := range []string{"servicemonitors", "podmonitors", "prometheusrules"} {
		all = append(all, schema.GroupVersionResource{Group: "monitoring.coreos.com", Version: "v1", Resource: resource})
	}
	return all
}

// The expressions of the policies fit the types that the API server has, in the eyes of the checker that fills
// status.typeChecking in a cluster.
func (s *strictServer) checksTypes(t *testing.T) {
	t.Helper()
	checker := validating.TypeChecker{SchemaResolver: &resolver.ClientDiscoveryResolver{Discovery: s.discovery}, RestMapper: s.mapper}
	for _, name := range []string{"certshim-annotations", "certshim-ties"} {
		var policy admissionregistrationv1.ValidatingAdmissionPolicy
		object := renderChart(t, everything)["ValidatingAdmissionPolicy/"+name]
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &policy); err != nil {
			t.Fatal(err)
		}
		for _, warning := range checker.Check(&policy) {
			t.Errorf("%s: %s: %s", name, warning.FieldRef, warning.Warning)
		}
		policy.Spec.Validations[0].Expression = "object.metadata.nonesuch == ''"
		if len(checker.Check(&policy)) == 0 {
			t.Errorf("%s: a field that isn't there isn't noticed, so that nothing was checked", name)
		}
	}
}

// nullable are the paths of all values, and those of the maps that they are in.
func nullable(leaves []string) []string {
	all := slices.Clone(leaves)
	for _, path := range leaves {
		all = append(all, parents(path)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// parents are the paths of the maps that a value is in.
func parents(path string) (all []string) {
	for i, char := range path {
		if char == '.' {
			all = append(all, path[:i])
		}
	}
	return all
}

// switchedOn enables what a value is a part of.
func switchedOn(path string, leaves []string) (arguments []string) {
	for _, parent := range parents(path) {
		if enabled := parent + ".enabled"; enabled != path && slices.Contains(leaves, enabled) {
			arguments = append(arguments, "--set="+enabled+"=true")
		}
	}
	return arguments
}

// strictServer has the API server look at each object as if it were applied, once.
type strictServer struct {
	client    dynamic.Interface
	discovery discovery.DiscoveryInterface
	mapper    *restmapper.DeferredDiscoveryRESTMapper
	tried     map[string]bool
}

func newStrictServer(t *testing.T, c *cluster.Cluster) *strictServer {
	t.Helper()
	client, err := dynamic.NewForConfig(c.Config)
	if err != nil {
		t.Fatal(err)
	}
	known, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		t.Fatal(err)
	}
	return &strictServer{client, known.Discovery(), restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(known.Discovery())), map[string]bool{}}
}

func (s *strictServer) takes(t *testing.T, values string, arguments ...string) {
	t.Helper()
	text, err := template(t.Context(), repository(t), values, arguments...)
	if err != nil {
		t.Errorf("%s: %v", values, err)
		return
	}
	s.takesAll(t, values, parse(t, text))
}

func (s *strictServer) takesAll(t *testing.T, values string, objects []*unstructured.Unstructured) {
	t.Helper()
	for _, object := range objects {
		body, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		if s.tried[string(body)] {
			continue
		}
		s.tried[string(body)] = true
		if bytes.Contains(body, []byte("%!")) || bytes.Contains(body, []byte("<no value>")) {
			t.Errorf("%s: a template fails in %s", values, body)
		}
		everywhere := s.client.Resource(s.resource(t, object))
		var resource dynamic.ResourceInterface = everywhere
		namespace := object.GetNamespace()
		if namespace == "" && object.GetKind() == "ConfigMap" {
			namespace = "certshim"
		}
		if namespace != "" {
			resource = everywhere.Namespace(namespace)
		}
		_, err = resource.Patch(t.Context(), object.GetName(), types.ApplyPatchType, body, metav1.PatchOptions{
			FieldManager: "helm", DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict,
		})
		if err != nil {
			t.Errorf("%s: %v in\n%s", values, err, body)
		}
	}
}

func (s *strictServer) resource(t *testing.T, of *unstructured.Unstructured) schema.GroupVersionResource {
	t.Helper()
	kind := of.GroupVersionKind()
	mapping, err := s.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		t.Fatal(err)
	}
	return mapping.Resource
}
