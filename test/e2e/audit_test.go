package e2e

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/test/cluster"
)

// auditOf runs audit against the cluster.
func (d *deployed) auditOf(t *testing.T, arguments ...string) printed {
	t.Helper()
	return d.run(t, append([]string{"audit"}, arguments...)...)
}

// verdicts are those of a Certificate's fields but ours, by path.
func (d *deployed) verdicts(t *testing.T, namespace, name string) map[string]string {
	t.Helper()
	var report struct {
		Certificates []struct {
			Name   string
			Fields []struct{ Path, Verdict string }
		}
	}
	if err := json.Unmarshal([]byte(d.auditOf(t, "-n", namespace, "-o", "json").stdout), &report); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, c := range report.Certificates {
		for _, f := range c.Fields {
			if c.Name == name && f.Verdict != "ours" {
				found[f.Path] = f.Verdict
			}
		}
	}
	return found
}

// No controller runs here, so that what the audit finds is what was written.
func TestAuditAgainstACluster(t *testing.T) {
	t.Parallel()
	d := startDeployed(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	namespace := d.Namespace(t)
	d.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca", "cert-manager.io/duration": "2000h"}, "a.example.com"))
	d.auditOf(t, "-n", namespace).says(t, 0, "0 Certificates", "missing-certificate")
	d.applyPlan(t, d.planOf(t, "-n", namespace, "-o", "yaml").stdout)

	d.auditOf(t, "-n", namespace).says(t, 0, "1 Certificate, 1 of them owned", "not: missing-certificate", "not: HELD BY")
	if found := d.verdicts(t, namespace, "web-tls"); len(found) != 0 {
		t.Errorf("certshim alone wrote it: %v", found)
	}

	d.applyAs(t, namespace, "web-tls", "helm", `{"spec":{"duration":"3000h0m0s"}}`)
	d.applyAs(t, namespace, "web-tls", "kustomize-controller", `{"spec":{"usages":["digital signature","key encipherment"]}}`)
	d.updateAs(t, namespace, "web-tls", "kubectl-edit", `{"spec":{"dnsNames":["b.example.com"],"revisionHistoryLimit":3}}`)
	want := map[string]string{
		".spec.duration": "yielded", ".spec.usages": "shared", ".spec.dnsNames": "drifted", ".spec.revisionHistoryLimit": "foreign",
	}
	if diff := cmp.Diff(want, d.verdicts(t, namespace, "web-tls")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	d.auditOf(t, "-n", namespace, "-o", "wide").says(t, 0, "helm (Apply)", "kubectl-edit (Update)", "3000h0m0s", "2000h0m0s", "it is put back")
	d.auditOf(t, "-n", namespace, "--fail-on", "yielded").says(t, 1, "error: yielded: 1 field of 1 Certificate")
	d.auditOf(t, "-n", namespace, "--fail-on", "contested").says(t, 0)

	// The next apply, by force as the controller's, does as foretold.
	var planned struct{ Items []json.RawMessage }
	if err := json.Unmarshal([]byte(d.planOf(t, "-n", namespace, "-o", "json").stdout), &planned); err != nil || len(planned.Items) != 1 {
		t.Fatalf("%d manifests, %v", len(planned.Items), err)
	}
	d.applyAs(t, namespace, "web-tls", "certshim", string(planned.Items[0]))
	delete(want, ".spec.dnsNames")
	if diff := cmp.Diff(want, d.verdicts(t, namespace, "web-tls")); diff != "" {
		t.Errorf("after an apply: (-want +got)\n%s", diff)
	}
}
