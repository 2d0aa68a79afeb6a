package app_test

import (
	"strings"
	"testing"
)

// Every flag by which people set cert-manager's shims is taken under its name, alone and
// together with all others. Of the Lease's times, those of cert-manager hold together alone.
func TestFlagsOfCertManagersShimsAreTaken(t *testing.T) {
	flags := []string{
		"--default-issuer-name=ca", "--default-issuer-kind=ClusterIssuer", "--default-issuer-group=cert-manager.io",
		"--auto-certificate-annotations=kubernetes.io/tls-acme,example.com/tls", "--extra-certificate-annotations=example.com/owner",
		"--enable-gateway-api", "--enable-gateway-api-listenerset=true", "--gateway-api-extra-protocols=TLS-X",
		"--feature-gates=ServerSideApply=true,ListenerSets=true", "--namespace=shop", "--controllers=*,-ingress-shim",
		"--concurrent-workers=5", "--kube-api-qps=20", "--kube-api-burst=50",
		"--leader-elect=true", "--leader-election-namespace=kube-system",
		"--leader-election-lease-duration=60s --leader-election-renew-deadline=40s --leader-election-retry-period=15s",
		"--copied-annotation-prefixes=*,-kubectl.kubernetes.io/", "--enable-certificate-owner-ref", "--metrics-listen-address=0.0.0.0:9402",
		"--logging-format=json", "--v=2", "--cluster-resource-namespace=cert-manager", "--max-concurrent-challenges=60",
		"--acme-http01-solver-image=registry.example.com/solver:1",
	}
	for _, set := range append(flags, strings.Join(flags, " ")) {
		_, stderr, exit := run(t, nil, strings.Fields("controller --kubeconfig=missing "+set)...)
		if exit != 2 || !strings.Contains(stderr, "error: read the kubeconfig: ") || strings.Count(stderr, "error: ") != 1 {
			t.Errorf("%s: exit status %d\n%s", set, exit, stderr)
		}
	}
}
