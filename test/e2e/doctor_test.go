package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/test/cluster"
)

// finding is one of `certshim doctor -o json`.
type finding struct{ Code, Level, Text, Help string }

// doctorOf runs doctor, and gives its findings by level and code: "error shims-off".
func (d *deployed) doctorOf(t *testing.T, exit int, arguments ...string) map[string][]finding {
	t.Helper()
	ran := d.run(t, append([]string{"doctor", "-o", "json"}, arguments...)...)
	var report struct{ Findings []finding }
	if err := json.Unmarshal([]byte(ran.stdout), &report); err != nil {
		t.Fatalf("%v\n%s\n%s", err, ran.stdout, ran.stderr)
	}
	if ran.exit != exit {
		t.Errorf("exit status %d, want %d\n%s", ran.exit, exit, ran.stdout)
	}
	found := map[string][]finding{}
	for _, f := range report.Findings {
		found[f.Level+" "+f.Code] = append(found[f.Level+" "+f.Code], f)
	}
	return found
}

// wantFinding wants one at a level with a code, which has all parts.
func wantFinding(t *testing.T, found map[string][]finding, what string, parts ...string) {
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
	deploymentResource  = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	podResource         = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	clusterRoleResource = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"}
)

// certManagerDeployment is cert-manager's controller as its chart labels it.
func certManagerDeployment(arguments ...string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Namespace
metadata: {name: cert-manager}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: cert-manager
  namespace: cert-manager
  labels: {app.kubernetes.io/name: cert-manager, app.kubernetes.io/component: controller, app.kubernetes.io/version: v1.21.2}
spec:
  selector: {matchLabels: {app: cert-manager}}
  template:
    metadata: {labels: {app: cert-manager}}
    spec:
      serviceAccountName: cert-manager
      containers: [{name: cert-manager-controller, image: cert-manager, args: [%s]}]
`, strings.Join(arguments, ", "))
}

// isReady is what a kubelet and its controllers would make true.
func (d *deployed) isReady(t *testing.T, namespace, name string, replicas int) {
	t.Helper()
	status := fmt.Sprintf(`{"status":{"replicas":%[1]d,"readyReplicas":%[1]d}}`, replicas)
	must(d.Dynamic.Resource(deploymentResource).Namespace(namespace).Patch(t.Context(), name, types.MergePatchType, []byte(status), metav1.PatchOptions{}, "status"))(t)
}

// A cluster is examined before the installation, while things are wrong, and once all is well.
func TestDoctor(t *testing.T) {
	d := startDeployed(t)
	found := d.doctorOf(t, 0, "--pre")
	wantFinding(t, found, "ok kubernetes-version", "Kubernetes v1.37")
	wantFinding(t, found, "ok certificates-served")
	wantFinding(t, found, "ok webhook-ready")
	wantFinding(t, found, "ok kinds-served", "Ingress.networking.k8s.io", "Gateway.gateway.networking.k8s.io")
	wantFinding(t, found, "unknown shims-off", "no Deployment of cert-manager", "--cert-manager-namespace")

	d.Apply(t, "", certManagerDeployment("--v=2"))
	d.isReady(t, "cert-manager", "cert-manager", 1)
	wantFinding(t, d.doctorOf(t, 1, "--pre", "--fail-on=warning"), "warning shims-off", "ingress-shim", "--controllers=*,-ingress-shim")
	d.run(t, "doctor", "--pre").says(t, 0, "warning  shims-off", "1 warning", "not: installation")

	// deploy/ is applied, but nothing runs.
	found = d.doctorOf(t, 1)
	wantFinding(t, found, "error shims-off", "both would write")
	wantFinding(t, found, "error ready", "none of 2 replicas")
	wantFinding(t, found, "error leader", "no Lease")
	wantFinding(t, found, "ok permissions", "system:serviceaccount:certshim:certshim")
	wantFinding(t, found, "ok cert-manager-ready")

	d.Apply(t, "", certManagerDeployment("'--controllers=*,-ingress-shim'"))
	d.isReady(t, account, account, 2)
	d.startFor(t, "certshim")
	host := must(os.Hostname())(t)
	pod := func(name, image string) string {
		return fmt.Sprintf(`{apiVersion: v1, kind: Pod, metadata: {name: %s, namespace: certshim, labels: {app.kubernetes.io/name: certshim, app.kubernetes.io/instance: certshim}},
  spec: {serviceAccountName: certshim, containers: [{name: certshim, image: %s, args: [controller]}]}}`, name, image)
	}
	d.Apply(t, "", pod(host, "certshim:1"))
	namespace := d.Namespace(t)
	d.Issuer(t, namespace, "ca")
	secrets := d.Watch(t, cluster.Secrets(), namespace)
	d.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca"}, "a.example.com"))
	secrets.Object(t, "web-tls", "to be signed", exists)
	d.settled(t, namespace)
	healthy := d.run(t, "doctor", "--fail-on=unknown")
	healthy.says(t, 0, "ok       leader", host, "ok       plan                  nothing is left to write for 2 sources", "not: warning", "not: error")

	t.Run("another image", func(t *testing.T) {
		d.Apply(t, "", pod("certshim-other", "certshim:2"))
		wantFinding(t, d.doctorOf(t, 0), "warning versions", "certshim:1, certshim:2")
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
		d.Apply(t, "", pod("certshim-other", "certshim:1"))
		d.delete(t, podResource, account, host)
		wantFinding(t, d.doctorOf(t, 1), "error leader", "none of the Deployment's Pods")
	})
}
