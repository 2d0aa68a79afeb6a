package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/crds"
)

// anyStatus is that of a doctor that is asked until it finds something.
const anyStatus = -1

// doctorOf runs doctor, and gives its findings by level and code: "error shims-off".
func (d *deployed) doctorOf(t *testing.T, exit int, arguments ...string) map[string][]cluster.Finding {
	t.Helper()
	ran := d.run(t, append([]string{"doctor", "-o", "json"}, arguments...)...)
	if exit != anyStatus && ran.exit != exit {
		t.Errorf("exit status %d, want %d\n%s", ran.exit, exit, ran.stdout)
	}
	found := map[string][]cluster.Finding{}
	for _, f := range cluster.Findings(t, []byte(ran.stdout)) {
		found[f.Level+" "+f.Code] = append(found[f.Level+" "+f.Code], f)
	}
	return found
}

// wantFinding wants one at a level with a code, which has all parts.
func wantFinding(t *testing.T, found map[string][]cluster.Finding, what string, parts ...string) {
	t.Helper()
	for _, f := range found[what] {
		has := 0
		for _, part := range parts {
			if strings.Contains(f.Text+" "+f.Help, part) {
				has++
			}
		}
		if has == len(parts) {
			return
		}
	}
	t.Errorf("no %s with %q among %+v", what, parts, found)
}

var (
	leaseResource       = schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"}
	podResource         = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	clusterRoleResource = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"}
)

// leads makes a Pod of cert-manager's the one that holds the Lease, for an hour.
func (d *deployed) leads(t *testing.T, namespace, pod string) {
	t.Helper()
	d.leadsSince(t, namespace, pod, time.Now())
}

func (d *deployed) leadsSince(t *testing.T, namespace, pod string, since time.Time) {
	t.Helper()
	d.Apply(t, "", fmt.Sprintf(`
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: cert-manager-controller, namespace: %s}
spec: {holderIdentity: %s-external-cert-manager-controller, leaseDurationSeconds: 3600, acquireTime: %q, renewTime: %q}
`, namespace, pod, since.UTC().Format(metav1.RFC3339Micro), time.Now().UTC().Format(metav1.RFC3339Micro)))
}

// shimWrites makes a Certificate as cert-manager's ingress-shim would.
func (d *deployed) shimWrites(t *testing.T, namespace, name string) {
	t.Helper()
	made := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": map[string]any{"name": name},
		"spec": map[string]any{"secretName": name, "dnsNames": []any{"s.example.com"}, "issuerRef": map[string]any{"name": "ca"}},
	}}
	must(d.Dynamic.Resource(cluster.Certificates()).Namespace(namespace).Create(t.Context(), made, metav1.CreateOptions{FieldManager: "cert-manager-ingress-shim"}))(t)
}

// isShared makes an Ingress whose Certificate a shim of cert-manager's has made, and certshim applies as well.
func (d *deployed) isShared(t *testing.T, namespace, name string) {
	t.Helper()
	d.Apply(t, namespace, ingress(name, annotations{issuerKey: "ca"}, "s.example.com"))
	owner := must(d.Dynamic.Resource(ingresses).Namespace(namespace).Get(t.Context(), name, metav1.GetOptions{}))(t)
	made := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": map[string]any{"name": name + "-tls", "ownerReferences": []any{map[string]any{
			"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": name, "uid": string(owner.GetUID()), "controller": true, "blockOwnerDeletion": true,
		}}},
		"spec": map[string]any{"secretName": name + "-tls", "dnsNames": []any{"s.example.com"}, "issuerRef": map[string]any{"name": "ca", "kind": "Issuer", "group": "cert-manager.io"}},
	}}
	certificates := d.Dynamic.Resource(cluster.Certificates()).Namespace(namespace)
	must(certificates.Create(t.Context(), made, metav1.CreateOptions{FieldManager: "cert-manager-ingress-shim"}))(t)
	must(certificates.Apply(t.Context(), made.GetName(), made, metav1.ApplyOptions{FieldManager: "certshim"}))(t)
}

// typeChecks writes what kube-controller-manager finds in a policy, as the test's control plane has no such controller.
func (d *deployed) typeChecks(t *testing.T, policy, checking string) {
	t.Helper()
	resource := d.Dynamic.Resource(schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingadmissionpolicies"})
	found := must(resource.Get(t.Context(), policy, metav1.GetOptions{}))(t)
	status := fmt.Sprintf(`{"status":{"observedGeneration":%d,"typeChecking":%s}}`, found.GetGeneration(), checking)
	must(resource.Patch(t.Context(), policy, types.MergePatchType, []byte(status), metav1.PatchOptions{}, "status"))(t)
}

const dryRunWrite = "--dry-run-write"

// movesWebhook has the API server ask cert-manager's webhook at another address, and gives the one before.
func (d *deployed) movesWebhook(t *testing.T, address string) (before string) {
	t.Helper()
	resource := d.Dynamic.Resource(schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingwebhookconfigurations"})
	found := must(resource.Get(t.Context(), "cert-manager-webhook", metav1.GetOptions{}))(t)
	client := found.Object["webhooks"].([]any)[0].(map[string]any)["clientConfig"].(map[string]any)
	before, client["url"] = client["url"].(string), address
	must(resource.Update(t.Context(), found, metav1.UpdateOptions{}))(t)
	return before
}

// A cluster is examined before the installation, while things are wrong, and once all is well.
func TestDoctor(t *testing.T) {
	t.Parallel()
	d := startDeployed(t)
	found := d.doctorOf(t, 0, "--pre")
	wantFinding(t, found, "ok kubernetes-version", "Kubernetes "+serverVersion(t, d.Config))
	wantFinding(t, found, "ok certificates-served")
	wantFinding(t, found, "unknown webhook-ready", "--dry-run-write")
	wantFinding(t, d.doctorOf(t, 0, "--pre", dryRunWrite, "--release-namespace=nowhere"), "unknown dry-run-write", `namespaces "nowhere" not found`, "--release-namespace")
	found = d.doctorOf(t, 0, "--pre", dryRunWrite)
	wantFinding(t, found, "ok webhook-ready", "answers")
	if stored := must(d.Dynamic.Resource(cluster.Certificates()).List(t.Context(), metav1.ListOptions{}))(t); len(stored.Items) > 0 {
		t.Errorf("a dry run has stored %d Certificates", len(stored.Items))
	}
	wantFinding(t, found, "ok dry-run-write", `admission webhook "webhook.cert-manager.io" denied the request`, "spec.duration")
	found = d.doctorOf(t, 0, "--pre")
	wantFinding(t, found, "ok kinds-served", "Ingress.networking.k8s.io", "Gateway.gateway.networking.k8s.io")
	wantFinding(t, found, "unknown shims-off", "no Deployment of cert-manager", "--cert-manager-namespace")

	d.CertManagerDeployment(t, "--v=2")
	d.RunsReplicas(t, "cert-manager", "cert-manager", 1)
	d.leads(t, "kube-system", "cert-manager-0")
	d.Apply(t, "", "{apiVersion: v1, kind: Pod, metadata: {name: cert-manager-0, namespace: cert-manager, labels: {app: cert-manager}}, spec: {containers: [{name: a, image: a}]}}")
	wantFinding(t, d.doctorOf(t, 1, "--pre", "--fail-on=warning"), "warning shims-off", "ingress-shim", "--controllers=*,-ingress-shim")
	d.run(t, "doctor", "--pre").says(t, 0, "warning  shims-off", "1 warning", "not: installation")

	written := d.Namespace(t)
	d.shimWrites(t, written, "old")
	wantFinding(t, d.doctorOf(t, 0, "--pre"), "note shims-quiet", "ingress-shim has written 1 Certificate, last "+written+"/old at ")
	d.delete(t, cluster.Certificates(), written, "old")

	// deploy/ is applied, but nothing runs.
	found = d.doctorOf(t, 1)
	wantFinding(t, found, "error shims-off", "both would write")
	wantFinding(t, found, "error ready", "none of 2 replicas")
	wantFinding(t, found, "error leader", "no Lease")
	wantFinding(t, found, "ok permissions", "system:serviceaccount:certshim:certshim")
	wantFinding(t, found, "ok cert-manager-ready")
	d.isShared(t, written, "both")
	wantFinding(t, d.doctorOf(t, 1), "error shims-quiet", "has written 1 Certificate that certshim writes, such as "+written+"/both-tls")
	d.delete(t, cluster.Certificates(), written, "both-tls")
	d.delete(t, ingresses, written, "both")

	d.CertManagerDeployment(t, "'--controllers=*,-ingress-shim'")
	d.RunsReplicas(t, account, account, 2)
	running := d.startFor(t, "certshim")
	host := must(os.Hostname())(t)
	ip, port := cluster.AsPod(t, running.Address)
	pod := func(name, image string, port int) string {
		return fmt.Sprintf(`{apiVersion: v1, kind: Pod, metadata: {name: %s, namespace: certshim, labels: {app.kubernetes.io/name: certshim, app.kubernetes.io/instance: certshim}},
  spec: {serviceAccountName: certshim, containers: [{name: certshim, image: %s, args: [controller], ports: [{name: http, containerPort: %d}]}]}}`, name, image, port)
	}
	runs := func(port int) {
		d.Apply(t, "", pod(host, "certshim:1", port))
		if ip != "" {
			address := fmt.Sprintf(`{"status":{"podIP":%[1]q,"podIPs":[{"ip":%[1]q}]}}`, ip)
			must(d.Dynamic.Resource(podResource).Namespace(account).Patch(t.Context(), host, types.MergePatchType, []byte(address), metav1.PatchOptions{}, "status"))(t)
		}
	}
	runs(max(port, 1))
	namespace := d.Namespace(t)
	d.Issuer(t, namespace, "ca")
	secrets := d.Watch(t, cluster.Secrets(), namespace)
	d.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca"}, "a.example.com"))
	secrets.Object(t, "web-tls", "to be signed", exists)
	d.settled(t, namespace)
	strict := "--fail-on=unknown"
	if ip == "" {
		strict = "--fail-on=warning" // what runs can't be asked through the API server
	}
	healthy := d.run(t, "doctor", strict, dryRunWrite)
	healthy.says(t, 0, "ok       leader", host, "ok       plan                  nothing is left to write for 2 sources", "not: warning", "not: error")

	t.Run("CRDs of an old cert-manager", func(t *testing.T) {
		label := func(version string) {
			patch := []byte(`{"metadata":{"labels":{"app.kubernetes.io/version":"` + version + `"}}}`)
			must(d.Dynamic.Resource(definitions).Patch(t.Context(), "certificates.cert-manager.io", types.MergePatchType, patch, metav1.PatchOptions{}))(t)
		}
		version := must(crds.CertManager.Version(t.Context()))(t)
		label("v1.18.6")
		wantFinding(t, d.doctorOf(t, 0), "warning cert-manager-version", version, "CRD of Certificates of v1.18.6")
		label(version)
		wantFinding(t, d.doctorOf(t, 0), "ok cert-manager-version")
	})
	t.Run("who leads cert-manager", func(t *testing.T) {
		wantFinding(t, d.doctorOf(t, 0), "ok cert-manager-leader", "cert-manager-0-external-cert-manager-controller", "leads")
		d.leads(t, "kube-system", "elsewhere-0")
		wantFinding(t, d.doctorOf(t, 0), "warning cert-manager-leader", "none of the Pods of Deployment cert-manager/cert-manager", "--cert-manager-namespace")
		d.leads(t, "kube-system", "cert-manager-0")
		d.leads(t, "default", "second-0")
		wantFinding(t, d.doctorOf(t, 0), "warning cert-manager-leader", "second-0", "Lease default/cert-manager-controller")
		d.delete(t, leaseResource, "default", "cert-manager-controller")
		d.delete(t, leaseResource, "kube-system", "cert-manager-controller")
		wantFinding(t, d.doctorOf(t, 1), "error cert-manager-leader", "nobody renews Lease kube-system/cert-manager-controller")
		d.leads(t, "kube-system", "cert-manager-0")
	})
	t.Run("a shim that another cert-manager runs", func(t *testing.T) {
		d.shimWrites(t, written, "late")
		// The API server's clock counts whole seconds.
		d.leadsSince(t, "kube-system", "cert-manager-0", time.Now().Add(time.Hour))
		wantFinding(t, d.doctorOf(t, 0), "ok shims-quiet", "have written nothing since its controller took the lead")
		d.leadsSince(t, "kube-system", "cert-manager-0", time.Now().Add(-time.Hour))
		wantFinding(t, d.doctorOf(t, 1), "error shims-quiet", "last "+written+"/late at ", "another cert-manager does")
		wantFinding(t, d.doctorOf(t, 0, "--pre"), "warning shims-quiet", "another cert-manager does")
		d.delete(t, cluster.Certificates(), written, "late")
		d.leads(t, "kube-system", "cert-manager-0")
	})
	t.Run("a webhook at an address where nobody listens", func(t *testing.T) {
		address := d.movesWebhook(t, "https://127.0.0.1:1/validate")
		if err := cluster.Poll(t.Context(), "the API server to ask the webhook elsewhere", func(context.Context) (bool, error) {
			return len(d.doctorOf(t, anyStatus, dryRunWrite)["error dry-run-write"]) > 0, nil
		}); err != nil {
			t.Fatal(err)
		}
		elsewhere := d.Namespace(t)
		d.Apply(t, elsewhere, ingress("held", annotations{issuerKey: "ca"}, "h.example.com"))
		d.untilMetricOf(t, "certshim", "certshim_pending_writes", 1)
		found := d.doctorOf(t, 1, dryRunWrite)
		wantFinding(t, found, "error dry-run-write", `failed calling webhook "webhook.cert-manager.io"`, "https://127.0.0.1:1/validate", "connection refused")
		wantFinding(t, found, "unknown webhook-ready", "outside of the cluster")
		if ip != "" {
			wantFinding(t, found, "error writes", "1 object of Pod "+host, "certshim_pending_writes", "docs/alerts.md#certshimwritespending")
		}
		d.movesWebhook(t, address)
		d.Watch(t, cluster.Certificates(), elsewhere).Object(t, "held-tls", "to be made", exists)
		d.delete(t, ingresses, elsewhere, "held")
		d.untilMetric(t, "certshim_pending_writes 0")
		wantFinding(t, d.doctorOf(t, 0, dryRunWrite), "ok dry-run-write")
	})
	t.Run("an API group that doesn't answer", func(t *testing.T) {
		wantFinding(t, d.doctorOf(t, 0), "ok api-groups")
		mend := d.BreakGroup(t, "gateway.networking.k8s.io", "v1")
		for _, flag := range []string{"--pre", "--pre=false"} {
			found := d.doctorOf(t, 0, flag)
			wantFinding(t, found, "warning api-groups", "gateway.networking.k8s.io/v1", `service/missing in "default" is not present`, "objects of Gateway, ListenerSet", "kubectl describe apiservice v1.gateway.networking.k8s.io")
			wantFinding(t, found, "unknown kinds-served", "Gateway.gateway.networking.k8s.io", "api-groups")
		}
		mend()
		wantFinding(t, d.doctorOf(t, 0), "ok api-groups")
	})
	t.Run("admission policies", func(t *testing.T) {
		wantFinding(t, d.doctorOf(t, 0), "ok admission-policies", "optional")
		file := must(os.ReadFile(filepath.Join(must(repository())(t), "deploy/chart/files/policy.yaml")))(t)
		policy, binding, _ := strings.Cut(string(file), "\n---\n")
		d.Apply(t, "", policy)
		found := d.doctorOf(t, 0)
		wantFinding(t, found, "warning admission-policies", "certshim-annotations has no binding")
		wantFinding(t, found, "unknown admission-policies", "hasn't been checked")
		d.Apply(t, "", binding)
		d.typeChecks(t, "certshim-annotations", `{}`)
		wantFinding(t, d.doctorOf(t, 0), "ok admission-policies", "certshim-annotations")
		d.typeChecks(t, "certshim-annotations", `{"expressionWarnings":[{"fieldRef":"spec.validations[0].expression","warning":"undefined field 'a'"}]}`)
		wantFinding(t, d.doctorOf(t, 0), "warning admission-policies", "undefined field 'a'")
	})
	t.Run("who approves", func(t *testing.T) {
		elsewhere := d.Namespace(t)
		d.Apply(t, elsewhere, ingress("pca", annotations{issuerKey: "corp", "cert-manager.io/issuer-kind": "AWSPCAIssuer", "cert-manager.io/issuer-group": "awspca.cert-manager.io"}, "p.example.com"))
		wantFinding(t, d.doctorOf(t, 0), "warning approval", "may not approve requests to awspcaissuers.awspca.cert-manager.io", "signers.cert-manager.io awspcaissuers.awspca.cert-manager.io/*")
		if err := d.Kubectl(t.Context(), "apply", "-f", "examples/awspca/approver.yaml"); err != nil {
			t.Fatal(err)
		}
		wantFinding(t, d.doctorOf(t, 0), "ok approval", "1 kind of external issuers")
		d.delete(t, ingresses, elsewhere, "pca")
	})
	t.Run("another image", func(t *testing.T) {
		d.Apply(t, "", pod("certshim-other", "certshim:2", 1))
		wantFinding(t, d.doctorOf(t, 0), "warning versions", "certshim:1", "certshim:2")
		d.delete(t, podResource, account, "certshim-other")
	})
	t.Run("a configuration of its own", func(t *testing.T) {
		file := t.TempDir() + "/certshim.yaml"
		if err := os.WriteFile(file, []byte("apiVersion: certshim.io/v1alpha1\nkind: ControllerConfiguration\nworkers: 7\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		wantFinding(t, d.doctorOf(t, 0, "--config="+file), "warning configuration", "workers is", "given is 7")
	})
	t.Run("an issuer that isn't there", func(t *testing.T) {
		elsewhere := d.Namespace(t)
		d.Apply(t, elsewhere, ingress("lost", annotations{issuerKey: "missing"}, "b.example.com"))
		found := d.doctorOf(t, 0)
		wantFinding(t, found, "warning issuers", "IssuerNotFound of 1 source")
		d.delete(t, ingresses, elsewhere, "lost")
	})
	t.Run("by its own account, and by others", func(t *testing.T) {
		// Its own account may not read its Deployment, so that it has to be told the configuration.
		const own = "--as=system:serviceaccount:certshim:certshim"
		wantFinding(t, d.doctorOf(t, 0, own), "unknown permissions", "--config")
		file := t.TempDir() + "/certshim.yaml"
		if err := os.WriteFile(file, []byte("apiVersion: certshim.io/v1alpha1\nkind: ControllerConfiguration\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		wantFinding(t, d.doctorOf(t, 0, own, "--config="+file), "ok permissions", "system:serviceaccount:certshim:certshim")
		d.Apply(t, "", `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: auditor}
rules: [{apiGroups: ["*"], resources: ["*"], verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: auditor}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: auditor}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: auditor}]
`)
		wantFinding(t, d.doctorOf(t, 0, "--as=auditor"), "ok permissions", "all that it needs")
		stranger := d.doctorOf(t, 0, "--as=stranger")
		for _, code := range []string{"installation", "ready", "permissions", "plan", "shims-off", "webhook-ready"} {
			wantFinding(t, stranger, "unknown "+code)
		}
	})
	t.Run("a permission that is missing", func(t *testing.T) {
		role := must(d.Dynamic.Resource(clusterRoleResource).Get(t.Context(), account, metav1.GetOptions{}))(t)
		rules := role.Object["rules"].([]any)
		rules[0].(map[string]any)["verbs"] = []any{"get", "list", "watch", "create", "delete"}
		must(d.Dynamic.Resource(clusterRoleResource).Update(t.Context(), role, metav1.UpdateOptions{}))(t)
		for _, as := range []string{"--as=auditor", "--fail-on=error"} {
			wantFinding(t, d.doctorOf(t, 1, as), "error permissions", "may not patch certificates.cert-manager.io")
		}
	})
	t.Run("no leader", func(t *testing.T) {
		d.Apply(t, "", pod("certshim-other", "certshim:1", 1))
		d.delete(t, podResource, account, host)
		wantFinding(t, d.doctorOf(t, 1), "error leader", "none of the Deployment's Pods")
		d.delete(t, podResource, account, "certshim-other")
	})
	t.Run("what runs doesn't watch", func(t *testing.T) {
		if ip == "" {
			t.Skip("this machine has no address but loopback, to which an API server passes no request on")
		}
		runs(port)
		wantFinding(t, d.doctorOf(t, 1), "ok kinds-watched", "1 Pod", "certificates.cert-manager.io", "ingresses.networking.k8s.io")
		d.stop("certshim")
		wantFinding(t, d.doctorOf(t, 1), "unknown kinds-watched", "metrics can't be read")
		narrow := d.startFor(t, "certshim", "--enable-gateway-api=false")
		d.delete(t, podResource, account, host)
		_, narrower := cluster.AsPod(t, narrow.Address)
		runs(narrower)
		unwatched := "doesn't watch gateways.gateway.networking.k8s.io"
		if _, err := d.Dynamic.Resource(listenerSets).List(t.Context(), metav1.ListOptions{}); err == nil { // from 1.5 on
			unwatched += ", listenersets.gateway.networking.k8s.io"
		}
		wantFinding(t, d.doctorOf(t, 1), "error kinds-watched", unwatched+", which the cluster serves")
	})
}
