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
  issuers: [{kind: ClusterIssuer}]
  values: {duration: 720h, privateKey: {algorithm: ECDSA, sizes: [256]}, subject: {organizations: [Example]}}
  allowedIssuers: [{name: corp, kind: AWSPCAClusterIssuer, group: awspca.cert-manager.io}, {name: ca}]
  allowedHosts: [example.com]
- name: rest
  allowedIssuers: []
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
		first.Issuers[0] != (resolver.Ref{Group: "cert-manager.io", Kind: "ClusterIssuer"}) || first.Subject.Organizations[0] != "Example" ||
		first.AllowedIssuers[1] != (resolver.Ref{Group: "cert-manager.io", Kind: "Issuer", Name: "ca"}) ||
		!first.Selector.Matches(labels.Set{"tier": "silver"}) {
		t.Errorf("got %+v", first)
	}
	if rest := rules[1]; rest.Selector != nil || rest.Issuer.Name != "" || rest.AllowedIssuers == nil || len(rest.AllowedIssuers) > 0 {
		t.Errorf("got %+v", rest)
	}
}

func TestPoliciesThatCantBe(t *testing.T) {
	for name, row := range map[string]struct{ policies, want string }{
		"no name":           {"[{}]", "policies[0].name is empty"},
		"a name twice":      {"[{name: a}, {name: a}]", `policies[1].name is "a"`},
		"a selector":        {"[{name: a, namespaceSelector: 'x in'}]", `policies[0] (a): namespaceSelector is "x in"`},
		"a usage":           {"[{name: a, values: {usages: [serverAuth]}}]", `policies[0] (a): values.usages[0]: "serverAuth" isn't known, did you mean "server auth"?`},
		"an issuer":         {"[{name: a, issuer: {kind: ClusterIssuer}}]", "policies[0] (a): issuer.name is empty"},
		"a kind":            {"[{name: a, kinds: [Ingress, ingress]}]", `policies[0] (a): kinds[1] is "ingress", must be one of Ingress, Gateway, ListenerSet`},
		"a host":            {"[{name: a, allowedHosts: [10.0.0.1, .example.com, '*.example.com']}]", `allowedHosts[2] is "*.example.com", must be a domain`},
		"a suffix":          {"[{name: a, hostSuffixes: ['']}]", `hostSuffixes[0] is ""`},
		"a subject's field": {"[{name: a, values: {subject: {organisations: [a]}}}]", `unknown field "policies[0].values.subject.organisations", did you mean "policies[0].values.subject.organizations"?`},
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
