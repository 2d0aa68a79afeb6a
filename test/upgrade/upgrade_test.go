package upgrade

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/process"
)

// What users have: annotations of every shape, a Gateway with a ListenerSet, Certificates that outlive their object, one in
// another namespace, a field that somebody else applies, and a mistake.
const objects = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: full
  labels: {team: shop}
  annotations:
    cert-manager.io/cluster-issuer: %[1]s
    cert-manager.io/common-name: full.example.com
    cert-manager.io/duration: 2160h
    cert-manager.io/renew-before: 360h
    cert-manager.io/usages: server auth, digital signature
    cert-manager.io/private-key-algorithm: ECDSA
    cert-manager.io/private-key-size: "384"
    cert-manager.io/private-key-rotation-policy: Always
    cert-manager.io/subject-organizations: Example
    cert-manager.io/alt-names: more.example.com
    cert-manager.io/ip-sans: 10.0.0.1
    cert-manager.io/revision-history-limit: "3"
    cert-manager.io/secret-template: '{"labels": {"a": "b"}}'
spec:
  rules: [{host: full.example.com}]
  tls: [{hosts: [full.example.com], secretName: full}, {hosts: [second.example.com], secretName: second}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: kept, annotations: {cert-manager.io/cluster-issuer: %[1]s, certshim.io/deletion-policy: retain}}
spec:
  rules: [{host: kept.example.com}]
  tls: [{hosts: [kept.example.com], secretName: kept}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: wrong, annotations: {cert-manager.io/cluster-issuer: %[1]s, cert-manager.io/duration: ninety days}}
spec:
  rules: [{host: wrong.example.com}]
  tls: [{hosts: [wrong.example.com], secretName: wrong}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, annotations: {cert-manager.io/cluster-issuer: %[1]s}}
spec:
  gatewayClassName: any
  allowedListeners: {namespaces: {from: Same}}
  listeners:
    - {name: a, port: 443, protocol: HTTPS, hostname: a.example.com, tls: {certificateRefs: [{name: edge}]}}
    - {name: b, port: 443, protocol: HTTPS, hostname: b.example.com, tls: {certificateRefs: [{name: edge}]}}
    - {name: c, port: 443, protocol: HTTPS, hostname: c.example.com, tls: {certificateRefs: [{name: across, namespace: %[2]s}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: team, annotations: {cert-manager.io/cluster-issuer: %[1]s}}
spec:
  parentRef: {name: edge}
  listeners: [{name: d, port: 443, protocol: HTTPS, hostname: d.example.com, tls: {certificateRefs: [{name: team}]}}]
`

const grant = `
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: edge}
spec:
  from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: %s}]
  to: [{group: "", kind: Secret}, {group: cert-manager.io, kind: Certificate, name: across}]
`

// issuer signs for all of them.
const issuer = "upgrade"

// last is made once both versions work.
const last = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: last, annotations: {cert-manager.io/cluster-issuer: %s}}
spec:
  rules: [{host: last.example.com}]
  tls: [{hosts: [last.example.com], secretName: last}]
`

const theirs = `
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: second, annotations: {example.com/reviewed: "yes"}}
spec: {duration: 1440h0m0s}
`

func TestNeitherVersionWritesWhatTheOtherHasWritten(t *testing.T) {
	repository := repository(t)
	before, err := Build(t.Context(), repository, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	now, err := cluster.Binary("certshim")
	if err != nil {
		t.Fatal(err)
	}
	c := cluster.Start(t)
	kubectl(t, c, "apply", "-k", filepath.Join(before.Folder, "deploy"))
	kubeconfig := account(t, c)

	old := start(t, c, before.Program, kubeconfig, "before")
	at := populate(t, c)
	old.stop(t)
	was := stateOf(t, c, at)

	// The Deployment's selector has got another label, and can't be changed: CHANGELOG.md says so.
	kubectl(t, c, "delete", "deployment", "certshim", "-n", "certshim")
	kubectl(t, c, "apply", "-k", filepath.Join(repository, "deploy"))
	for _, version := range []struct{ name, program string }{{"upgraded", now}, {"rolled-back", before.Program}} {
		running := start(t, c, version.program, kubeconfig, version.name)
		running.hasLookedAtAll(t)
		if writes := running.metric(t, "certshim_writes_total"); writes != 0 {
			t.Errorf("%s: %v writes\n%s", version.name, writes, running.log(t))
		}
		running.stop(t)
		if diff := cmp.Diff(was, stateOf(t, c, at)); diff != "" {
			t.Errorf("%s: Certificates changed (-before +after):\n%s", version.name, diff)
		}
	}
	const alone = "--leader-elect=false"
	bothAtOnce(t, c, at, start(t, c, before.Program, kubeconfig, "old-beside", alone), start(t, c, now, kubeconfig, "new-beside", alone))
}

// bothAtOnce lets both versions work on the same objects, as they do in a rollout without leader election: an edit leads to one change of
// its Certificate, and a new object to one Certificate.
func bothAtOnce(t *testing.T, c *cluster.Cluster, at []string, versions ...*version) {
	t.Helper()
	for _, v := range versions {
		v.hasLookedAtAll(t)
	}
	certificates := c.Watch(t, cluster.Certificates(), at[0])
	generation := certificates.Ready(t, "second").GetGeneration()
	edited := strings.Replace(objects, "hosts: [second.example.com]", "hosts: [second.example.com, third.example.com]", 1)
	c.Apply(t, at[0], fmt.Sprintf(edited, issuer, at[1]))
	certificates.Object(t, "second", "to have the new name", func(object *unstructured.Unstructured) bool {
		names, _, _ := unstructured.NestedStringSlice(object.Object, "spec", "dnsNames")
		return slices.Contains(names, "third.example.com")
	})
	c.Apply(t, at[0], fmt.Sprintf(last, issuer))
	certificates.Ready(t, "last")
	for _, v := range versions {
		v.until(t, "certshim_queue_depth", 0)
	}
	if now := certificates.Ready(t, "second").GetGeneration(); now != generation+1 {
		t.Errorf("both versions at once: an edit changed its Certificate from generation %d to %d", generation, now)
	}
	if now := certificates.Ready(t, "last").GetGeneration(); now != 1 {
		t.Errorf("both versions at once: a new Certificate has generation %d", now)
	}
}

// populate makes all the objects, and returns their namespaces once everything is signed.
func populate(t *testing.T, c *cluster.Cluster) []string {
	t.Helper()
	here, there := c.Namespace(t), c.Namespace(t)
	c.ClusterIssuer(t, issuer)
	certificates, others := c.Watch(t, cluster.Certificates(), here), c.Watch(t, cluster.Certificates(), there)
	c.Apply(t, there, fmt.Sprintf(grant, here))
	c.Apply(t, here, fmt.Sprintf(objects, issuer, there))
	for _, name := range []string{"full", "second", "kept", "edge", "team"} {
		certificates.Ready(t, name)
	}
	others.Ready(t, "across")
	c.Apply(t, here, theirs)
	certificates.Object(t, "second", "to have the duration of somebody else", func(object *unstructured.Unstructured) bool {
		duration, _, _ := unstructured.NestedString(object.Object, "spec", "duration")
		return duration == "1440h0m0s"
	})
	certificates.Ready(t, "second")
	return []string{here, there}
}

// stateOf is what must not change: of each Certificate identity, generation, metadata and who wrote what when, the status
// left out, and the names of all CertificateRequests.
func stateOf(t *testing.T, c *cluster.Cluster, namespaces []string) map[string]string {
	t.Helper()
	state := map[string]string{}
	for _, namespace := range namespaces {
		list, err := c.Dynamic.Resource(cluster.Certificates()).Namespace(namespace).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range list.Items {
			item.SetResourceVersion("")
			item.SetManagedFields(slices.DeleteFunc(item.GetManagedFields(), func(entry metav1.ManagedFieldsEntry) bool {
				return entry.Subresource == "status"
			}))
			delete(item.Object, "status")
			text, err := json.MarshalIndent(item.Object, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			state[namespace+"/"+item.GetName()] = string(text)
		}
		requests, err := c.Dynamic.Resource(cluster.CertificateRequests()).Namespace(namespace).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range requests.Items {
			state["request "+namespace+"/"+item.GetName()] = ""
		}
	}
	if got := len(state); got < 12 {
		t.Fatalf("%d Certificates and requests, want six and their requests", got)
	}
	return state
}

// version is a certshim that runs.
type version struct {
	*process.Process
	address, logFile string
}

func start(t *testing.T, c *cluster.Cluster, program, kubeconfig, name string, flags ...string) *version {
	t.Helper()
	address, err := cluster.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	v := &version{address: address, logFile: filepath.Join(c.Logs, name+".log")}
	v.Process, err = process.Start(t.Context(), process.Program{
		Path: program, Log: v.logFile, Args: append([]string{
			"controller", "--kubeconfig=" + kubeconfig, "--leader-election-namespace=certshim",
			"--metrics-listen-address=" + address, "--healthz-listen-address=0",
		}, flags...),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Stop() })
	if err := cluster.Answers(t.Context(), v.Process, http.DefaultClient, "http://"+v.address+"/readyz"); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, v.log(t))
	}
	return v
}

func (v *version) stop(t *testing.T) {
	t.Helper()
	if err := v.Stop(); err != nil {
		t.Error(err)
	}
}

func (v *version) log(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(v.logFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// hasLookedAtAll waits until every object was decided once, as the leader.
func (v *version) hasLookedAtAll(t *testing.T) {
	t.Helper()
	v.until(t, "certshim_initial_reconcile_done", 1)
}

// until waits until a metric has a value.
func (v *version) until(t *testing.T, metric string, want float64) {
	t.Helper()
	err := cluster.Poll(t.Context(), fmt.Sprintf("%s to be %v", metric, want), func(context.Context) (bool, error) { return v.metric(t, metric) == want, nil })
	if err != nil {
		t.Fatalf("%v\n%s", err, v.log(t))
	}
}

// metric adds up the series of a metric.
func (v *version) metric(t *testing.T, metric string) float64 {
	t.Helper()
	total, found, err := cluster.Metric(t.Context(), v.address, metric)
	if err != nil {
		t.Fatal(err)
	}
	if !found {
		t.Fatalf("there is no metric %s", metric)
	}
	return total
}

func kubectl(t *testing.T, c *cluster.Cluster, arguments ...string) {
	t.Helper()
	if err := c.Kubectl(t.Context(), arguments...); err != nil {
		t.Fatal(err)
	}
}

func account(t *testing.T, c *cluster.Cluster) string {
	t.Helper()
	kubeconfig, err := c.AccountKubeconfig(t.Context(), "certshim", "certshim")
	if err != nil {
		t.Fatal(err)
	}
	return kubeconfig
}

func repository(t *testing.T) string {
	t.Helper()
	binary, err := cluster.Binary("certshim")
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(filepath.Dir(binary))
}
