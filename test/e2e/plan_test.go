package e2e

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/certshim/certshim/test/cluster"
)

// printed is what one run of the program printed.
type printed struct {
	stdout, stderr string
	exit           int
}

// planOf runs plan against the cluster.
func (d *deployed) planOf(t *testing.T, arguments ...string) printed {
	t.Helper()
	return d.run(t, append([]string{"plan"}, arguments...)...)
}

// run runs certshim as the cluster's administrator.
func (d *deployed) run(t *testing.T, arguments ...string) printed {
	t.Helper()
	binary, err := cluster.Binary("certshim")
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), binary, append(arguments, "--kubeconfig="+d.Kubeconfig)...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := command.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return printed{stdout.String(), stderr.String(), command.ProcessState.ExitCode()}
}

// says fails unless the run ended with a status, printed all of these lines or parts of
// them, and none of the others.
func (p printed) says(t *testing.T, exit int, parts ...string) {
	t.Helper()
	all := p.stdout + p.stderr
	for _, part := range parts {
		part, absent := strings.CutPrefix(part, "not: ")
		if strings.Contains(all, part) == absent {
			t.Errorf("%q: want it %v in\n%s", part, !absent, all)
		}
	}
	if p.exit != exit {
		t.Errorf("exit status %d, want %d:\n%s", p.exit, exit, all)
	}
}

// applyPlan does with the manifests what the help of plan says they are fit for.
func (d *deployed) applyPlan(t *testing.T, manifests string) {
	t.Helper()
	d.applyPlanAs(t, "certshim", manifests)
}

// applyPlanAs does the same under the name of a field manager.
func (d *deployed) applyPlanAs(t *testing.T, manager, manifests string) {
	t.Helper()
	kubectl, err := cluster.Binary("kubectl")
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), kubectl, "--kubeconfig="+d.Kubeconfig, "apply", "--server-side", "--field-manager="+manager, "-f", "-")
	command.Stdin = strings.NewReader(manifests)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("kubectl apply: %v\n%s\nof\n%s", err, out, manifests)
	}
}

// No controller runs here: what changes is what plan's own manifests change.
func TestPlanAgainstACluster(t *testing.T) {
	t.Parallel()
	d := startDeployed(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	namespace := d.Namespace(t)
	d.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca", "cert-manager.io/duration": "2000h", "cert-manager.io/common-name": "a.example.com"}, "a.example.com"))
	d.Apply(t, namespace, gateway("edge", annotations{issuerKey: "ca"}, "b.example.com"))
	d.Apply(t, namespace, listenerSet("team", "edge", annotations{}, "c.example.com"))
	d.Apply(t, d.Namespace(t), ingress("elsewhere", annotations{issuerKey: "ca"}, "d.example.com"))

	t.Run("shows what would be made, and makes nothing", func(t *testing.T) {
		d.planOf(t, "-n", namespace).says(t, 0, "Ingress/web", "Gateway/edge", "ListenerSet/team", "not: elsewhere", "3 sources: 3 create")
		d.planOf(t, "-A").says(t, 0, "Ingress/elsewhere", "4 sources: 4 create")
		d.planOf(t, "gateway", "-n", namespace).says(t, 0, "1 source: 1 create")
		d.planOf(t, "-n", namespace, "--enable-gateway-api=false").says(t, 0, "1 source: 1 create")
		if made := d.list(t, namespace); len(made) != 0 {
			t.Errorf("%d Certificates", len(made))
		}
	})
	t.Run("prints manifests that kubectl applies", func(t *testing.T) {
		manifests := d.planOf(t, "-n", namespace, "-o", "yaml")
		manifests.says(t, 0, "ownerReferences:", "not: # no ownerReference", "not: resourceVersion")
		d.applyPlan(t, manifests.stdout)
		d.planOf(t, "-n", namespace).says(t, 0, "3 sources: 3 none")
		up := d.planOf(t, "-n", namespace, "-o", "diff")
		up.says(t, 0, "3 sources: 3 none")
		if up.stdout != "" {
			t.Errorf("a diff of nothing:\n%s", up.stdout)
		}
	})
	t.Run("shows what changes, and what stays other managers'", func(t *testing.T) { d.planDrift(t, namespace) })
	t.Run("shows a removed field, a rename and a bad value", func(t *testing.T) { d.planChanges(t, namespace) })
}

func (d *deployed) planDrift(t *testing.T, namespace string) {
	d.patch(t, cluster.Certificates(), namespace, "web-tls", `{"spec":{"revisionHistoryLimit":3}}`)
	d.applyAs(t, namespace, "web-tls", "helm", `{"spec":{"duration":"3000h0m0s"}}`)
	before := d.certificate(t, namespace, "web-tls").GetResourceVersion()
	renewBefore := "100h"
	d.annotate(t, ingresses, namespace, "web", "cert-manager.io/renew-before", &renewBefore)

	d.planOf(t, "-n", namespace, "-o", "diff").says(t, 0,
		"# Ingress/"+namespace+"/web: apply, it differs from what is asked for (reissue: no)",
		"+  renewBefore: 100h0m0s", "not: -  duration", "not: -  revisionHistoryLimit", "not: managedFields",
		`field manager "helm" of Certificate web-tls holds .spec.duration with the value "3000h0m0s"`, "it stays theirs",
		"3 sources: 2 none, 1 apply")
	d.planOf(t, "-n", namespace, "-o", "yaml").says(t, 0, "renewBefore: 100h0m0s", "not: duration: 2000h0m0s")

	if after := d.certificate(t, namespace, "web-tls").GetResourceVersion(); after != before {
		t.Error("plan wrote the Certificate")
	}
	d.applyPlan(t, d.planOf(t, "-n", namespace, "-o", "yaml").stdout)
	if got := field(d.certificate(t, namespace, "web-tls"), "spec|duration"); got != "3000h0m0s" {
		t.Errorf("the duration became %v", got)
	}
	d.planOf(t, "-n", namespace).says(t, 0, "3 sources: 3 none")
}

func (d *deployed) planChanges(t *testing.T, namespace string) {
	d.annotate(t, ingresses, namespace, "web", "cert-manager.io/common-name", nil)
	d.planOf(t, "-n", namespace, "-o", "diff").says(t, 0, "-  commonName: a.example.com", "(reissue: yes)")
	d.applyPlan(t, d.planOf(t, "-n", namespace, "-o", "json").stdout)
	foretold := field(d.certificate(t, namespace, "web-tls"), "spec|commonName")
	if foretold != nil {
		t.Errorf("the common name is still %v", foretold)
	}

	bad := "90d"
	d.annotate(t, ingresses, namespace, "web", "cert-manager.io/renew-before", &bad)
	d.planOf(t, "-n", namespace, "-o", "diff").says(t, 1, `cert-manager.io/renew-before`, `(value "90d")`, "not: -  renewBefore", "1 error")

	d.patch(t, ingresses, namespace, "web", `{"metadata":{"annotations":{"cert-manager.io/renew-before":null}},"spec":{"tls":[{"hosts":["a.example.com"],"secretName":"new-tls"}]}}`)
	renamed := d.planOf(t, "-n", namespace)
	renamed.says(t, 0, "3 sources: 2 none, 1 create, 1 delete", "the source no longer names its Secret")
	if got := d.certificate(t, namespace, "web-tls"); got.GetDeletionTimestamp() != nil {
		t.Error("plan deleted the Certificate")
	}
	d.Apply(t, namespace, "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: new-tls}\nspec: {secretName: new-tls, dnsNames: [x.example.com], issuerRef: {name: ca}}\n")
	d.planOf(t, "-n", namespace).says(t, 1, "refuse", "Certificate new-tls exists and has no controller owner")
}

// A cluster that can't be read is no plan: status 2, and a message that says why.
func TestPlanWithoutPermission(t *testing.T) {
	shared.planOf(t, "-A", "--as=nobody").says(t, 2, `list ingresses.networking.k8s.io: `, `User "nobody" cannot list resource "ingresses"`)
	shared.planOf(t, "-n", "default", "--server=https://127.0.0.1:1").says(t, 2, "ask the API server which kinds it serves: ", "refused")
	shared.planOf(t, "-n", "does-not-exist").says(t, 0, "0 sources")
}
