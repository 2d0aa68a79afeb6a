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

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

var updateWrongIssuers = flag.Bool("update", false, "write the golden files anew")

// emptyCluster is a cluster in which nothing is.
type emptyCluster struct{}

func (emptyCluster) Certificate(string, string) (certificate.Observed, bool) {
	return certificate.Observed{}, false
}
func (emptyCluster) CertificatesOf(source.Ref) []certificate.Observed          { return nil }
func (emptyCluster) CertificatesWriting(string, string) []certificate.Observed { return nil }
func (emptyCluster) Claimants(string, string) []*source.Object                 { return nil }
func (emptyCluster) Gateway(string, string) (*source.Object, bool)             { return nil, false }
func (emptyCluster) Namespace(string) (certshim.Namespace, bool)               { return certshim.Namespace{}, false }
func (emptyCluster) CertificateFields() certificate.Fields                     { return nil }
func (emptyCluster) Served() resolver.Served                                   { return nil }

func (emptyCluster) Issuers() resolver.Issuers { return nil }

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
		Parser: annotations.NewParser(annotations.Options{}), Registry: registry, AutoKinds: []string{"Ingress"},
	}
}

func ingressWith(keys map[string]string) *source.Object {
	return &source.Object{
		Ref:         source.Ref{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress", Namespace: "shop", Name: "web", UID: "u"},
		Annotations: keys,
		Entries: []source.Entry{{
			Path: "spec.tls[0]", Hosts: []string{"shop.example.com"}, HasTLS: true,
			Secrets: []source.SecretRef{{Path: "spec.tls[0].secretName", Kind: "Secret", Name: "web-tls"}},
		}},
	}
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
	policy := shippedPolicy(t)
	var page strings.Builder
	for _, keys := range wrongIssuers() {
		outcome := certshim.Decide(policy, ingressWith(keys), emptyCluster{})
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
			again := certshim.Decide(policy, ingressWith(lines), emptyCluster{})
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
		t.Errorf("%s differs; `go test -update` writes it anew (-want +got):\n%s", file, diff)
	}
}
