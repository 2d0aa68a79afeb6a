package install

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/certshim/certshim/test/cluster"
)

// The API server validates more than the types of fields: names, labels, references, and the expressions of policies.
func TestTheAPIServerAcceptsWhatTheChartRenders(t *testing.T) {
	c := cluster.Start(t)
	c.Apply(t, "", "{apiVersion: v1, kind: Namespace, metadata: {name: certshim}}\n---\n{apiVersion: v1, kind: Namespace, metadata: {name: shop}}\n")
	for name, row := range map[string]struct {
		values    string
		arguments []string
	}{
		"the defaults":        {},
		"everything":          {everything, withTypes()},
		"namespaces":          {"config: {namespaces: [shop]}", nil},
		"a PodMonitor":        {"podMonitor: {enabled: true}", nil},
		"what Pods may have":  {podValues, nil},
		"numbers left out":    {"{replicaCount: null, revisionHistoryLimit: null, terminationGracePeriodSeconds: null, resources: null}", nil},
		"names of their own":  {"{fullnameOverride: tls, namespaceOverride: shop, serviceAccount: {name: tls-account, automount: false}, commonLabels: {team: platform}}", nil},
		"an image by digest":  {"{global: {imageRegistry: registry.example.com:5000, imagePullSecrets: [a, {name: b}]}, image: {digest: 'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'}}", nil},
		"policies that warn":  {"{admissionPolicy: {enabled: true}, tiePolicy: {enabled: true}}", nil},
		"metrics on one port": {"config: {metricsListenAddress: '0', healthzListenAddress: '0.0.0.0:8080'}", nil},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := template(t.Context(), repository(t), row.values, row.arguments...)
			if err != nil {
				t.Fatal(err)
			}
			dryRun(t, c, text)
		})
	}
}

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
networkPolicy: {metricsFrom: [{namespaceSelector: {}}], egress: {enabled: true, extra: [{ports: [{port: 8200}]}]}}
`

// dryRun has the API server look at objects as if they were applied, but for those of Prometheus' operator, which isn't here.
func dryRun(t *testing.T, c *cluster.Cluster, text string) {
	t.Helper()
	var all bytes.Buffer
	for _, object := range parse(t, text) {
		if object.GroupVersionKind().Group == "monitoring.coreos.com" {
			continue
		}
		body, err := object.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		all.Write(body)
	}
	apply := exec.CommandContext(t.Context(), filepath.Join(repository(t), "bin/kubectl"), "apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename=-")
	apply.Env, apply.Stdin = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig), &all
	if output, err := apply.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}
