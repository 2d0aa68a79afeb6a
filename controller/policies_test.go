package controller

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/certshim/certshim/resolver"
)

func TestPoliciesBecomeRules(t *testing.T) {
	configuration, err := LoadConfiguration([]byte(`apiVersion: certshim.io/v1alpha1
kind: ControllerConfiguration
policies:
- name: payments
  namespaces: [payments]
  namespaceSelector: tier in (gold, silver)
  kinds: [Ingress]
  hostSuffixes: [pay.example.com]
  issuer: {name: corp, kind: AWSPCAClusterIssuer, group: awspca.cert-manager.io}
  values: {duration: 720h, privateKey: {algorithm: ECDSA, sizes: [256]}}
  allowedIssuers: [{name: corp, kind: AWSPCAClusterIssuer, group: awspca.cert-manager.io}, {name: ca}]
  allowedHosts: [example.com]
- name: rest
`), "f.yaml")
	if err != nil {
		t.Fatal(err)
	}
	rules, err := configuration.Rules()
	if err != nil {
		t.Fatal(err)
	}
	first := rules[0]
	if first.Name != "payments" || first.Issuer.Kind != "AWSPCAClusterIssuer" || first.Values.Duration.Hours() != 720 ||
		first.AllowedIssuers[1] != (resolver.Ref{Group: "cert-manager.io", Kind: "Issuer", Name: "ca"}) ||
		!first.Selector.Matches(labels.Set{"tier": "silver"}) {
		t.Errorf("got %+v", first)
	}
	if rest := rules[1]; rest.Selector != nil || rest.Issuer.Name != "" || rest.AllowedIssuers != nil {
		t.Errorf("got %+v", rest)
	}
}

func TestPoliciesThatCantBe(t *testing.T) {
	for name, row := range map[string]struct{ policies, want string }{
		"no name":           {"[{}]", "policies[0].name is empty"},
		"a name twice":      {"[{name: a}, {name: a}]", `policies[1].name is "a"`},
		"a selector":        {"[{name: a, namespaceSelector: 'x in'}]", `policies[0] (a): namespaceSelector is "x in"`},
		"a usage":           {"[{name: a, values: {usages: [serverAuth]}}]", `policies[0] (a): values: "serverAuth"`},
		"an issuer":         {"[{name: a, issuer: {kind: ClusterIssuer}}]", "policies[0] (a): issuer.name is empty"},
		"an allowed issuer": {"[{name: a, allowedIssuers: [{kind: ClusterIssuer}]}]", "allowedIssuers[0].name is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := LoadConfiguration([]byte("apiVersion: certshim.io/v1alpha1\nkind: ControllerConfiguration\npolicies: "+row.policies+"\n"), "f.yaml")
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%q is not in: %v", row.want, err)
			}
		})
	}
}
