package certshim_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

var updateWrongIssuers = flag.Bool("update", false, "rewrite the golden files")

func shippedPolicy(t testing.TB) *certshim.Policy {
	t.Helper()
	shipped, err := resolver.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	registry, err := resolver.NewRegistry(resolver.Defaults{}, shipped)
	if err != nil {
		t.Fatal(err)
	}
	return &certshim.Policy{
		Kinds:  source.Builtin(),
		Parser: annotations.NewParser(annotations.Options{}), Registry: registry, AutoKinds: []string{"Ingress"},
	}
}

// ingressWith is an Ingress web that names web-tls, for shop.example.com unless other hosts are
// given.
func ingressWith(keys map[string]string, hosts ...string) *unstructured.Unstructured {
	if len(hosts) == 0 {
		hosts = []string{"shop.example.com"}
	}
	names := make([]any, len(hosts))
	for i, host := range hosts {
		names[i] = host
	}
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
		"metadata": map[string]any{"namespace": "shop", "name": "web", "uid": "Ingress/web"},
		"spec":     map[string]any{"tls": []any{map[string]any{"hosts": names, "secretName": "web-tls"}}},
	}}
	object.SetAnnotations(keys)
	return object
}

// issuerKeys are four annotations in one line: issuer, cluster-issuer, kind, group.
func issuerKeys(issuer, cluster, kind, group string) map[string]string {
	keys := map[string]string{}
	for key, value := range map[string]string{"issuer": issuer, "cluster-issuer": cluster, "issuer-kind": kind, "issuer-group": group} {
		if value != "" {
			keys["cert-manager.io/"+key] = value
		}
	}
	return keys
}

func wrongIssuers() []map[string]string {
	return []map[string]string{
		issuerKeys("i", "c", "", ""),
		issuerKeys("i", "c", "StepIssuer", "certmanager.step.sm"),
		{"kubernetes.io/tls-acme": "true"},
		issuerKeys("LetsEncrypt", "", "", ""),
		issuerKeys("", "lets_encrypt", "", ""),
		issuerKeys("ca/corp", "", "", ""),
		issuerKeys("ClusterIssuer/corp", "", "", ""),
		issuerKeys("clusterissuers/corp", "", "", ""),
		issuerKeys(`"corp"`, "", "", ""),
		issuerKeys("a, b", "", "", ""),
		issuerKeys("corp\ncert-manager.io/common-name: evil.example.com", "", "", ""),
		issuerKeys("i", "", "clusterissuer", ""),
		issuerKeys("i", "", "ClusterIssuers", "cert-manager.io"),
		issuerKeys("i", "", "AWSPCAClusterIsuer", ""),
		issuerKeys("i", "", "StepIsuer", "certmanager.step.sm"),
		issuerKeys("i", "", "StepIssuer.certmanager.step.sm", ""),
		issuerKeys("i", "", "CertificateRequest", ""),
		issuerKeys("i", "", "Certificate", "cert-manager.io"),
		issuerKeys("i", "", "AWSPCAClusterIssuer", "cert-manager.io"),
		issuerKeys("i", "", "StepIssuer", "awspca.cert-manager.io"),
		issuerKeys("i", "", "ClusterIssuer", "awspca.cert-manager.io"),
		issuerKeys("i", "", "StepIssuer", "certmanager.step.so"),
		issuerKeys("", "i", "", "certmanager.io"),
		issuerKeys("", "i", "", "certmanager.k8s.io"),
		issuerKeys("i", "", "StepIssuer", "certmanager_step_sm"),
		issuerKeys("i", "", "awspca.cert-manager.io", "AWSPCAIssuer"),
		issuerKeys("i", "", "k.example.com/v1", "K"),
		issuerKeys("i", "", "K", "k.example.com/v1"),
		issuerKeys("", "c", "AWSPCAIssuer", "awspca.cert-manager.io"),
		issuerKeys("", "c", "Issuer", ""),
		issuerKeys("", "c", "K", "k.example.com"),
		issuerKeys("", "c", "", "cert-manager.skyscanner.net"),
	}
}

// Each way to get an issuer wrong gives one problem, whose text people read in an Event,
// and no Certificate. The lines it shows are right.
func TestEachWrongIssuerGivesOneProblemWithTheLinesThatAreRight(t *testing.T) {
	c := newCluster(t, shippedPolicy(t))
	var page strings.Builder
	for _, keys := range wrongIssuers() {
		outcome := c.ask(ingressWith(keys))
		problems := outcome.Problems.All()
		if len(problems) != 1 || problems[0].Severity != problem.Error {
			t.Errorf("%q: want one error, got %v", keys, problems)
			continue
		}
		for _, decided := range outcome.Certificates {
			if decided.Action != certificate.Refuse || decided.Config != nil {
				t.Errorf("%q: %s", keys, decided.Action)
			}
		}
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			fmt.Fprintf(&page, "%s: %q\n", key, keys[key])
		}
		text := problems[0].Error()
		fmt.Fprintf(&page, "--> %s\n\n", text)
		for _, lines := range pasteable(problems[0].Lines) {
			again := c.ask(ingressWith(lines))
			if again.Problems.HasErrors() {
				t.Errorf("the lines %q aren't right: %v", lines, again.Problems.All())
			}
		}
	}
	golden(t, "testdata/wrong-issuers.txt", page.String())
}

// pasteable reads the blocks of annotation lines.
func pasteable(text string) []map[string]string {
	var blocks []map[string]string
	for block := range strings.SplitSeq(text, "\nor\n") {
		keys := map[string]string{}
		for line := range strings.Lines(block) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			keys[key] = value
		}
		blocks = append(blocks, keys)
	}
	return blocks
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *updateWrongIssuers {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs; `go test -update` rewrites it (-want +got):\n%s", file, diff)
	}
}
