package configuration_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/resolver"
)

func TestPoliciesBecomeRules(t *testing.T) {
	c, err := configuration.Load([]byte(`apiVersion: certshim.io/v1alpha1
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
  allowedURIs: ['spiffe://example.com/ns/shop', 'urn:example:shop']
  allowedEmails: []
- name: rest
  allowedIssuers: []
`), "f.yaml")
	if err != nil {
		t.Fatal(err)
	}
	policy, err := c.Policy(configuration.Surroundings{})
	if err != nil {
		t.Fatal(err)
	}
	rules := policy.Rules
	first := rules[0]
	if first.Name != "payments" || first.Issuer.Kind != "AWSPCAClusterIssuer" || first.Values.Duration.Hours() != 720 ||
		first.Issuers[0] != (resolver.Ref{Group: "cert-manager.io", Kind: "ClusterIssuer"}) || first.Subject.Organizations[0] != "Example" ||
		first.AllowedIssuers[1] != (resolver.Ref{Group: "cert-manager.io", Kind: "Issuer", Name: "ca"}) ||
		!first.Selector.Matches(labels.Set{"tier": "silver"}) || len(first.AllowedURIs) != 2 || first.AllowedEmails == nil || len(first.AllowedEmails) > 0 {
		t.Errorf("got %+v", first)
	}
	if rest := rules[1]; rest.Selector != nil || rest.Issuer.Name != "" || rest.AllowedIssuers == nil || len(rest.AllowedIssuers) > 0 || rest.AllowedURIs != nil {
		t.Errorf("got %+v", rest)
	}
}

func TestPoliciesThatCantBe(t *testing.T) {
	for name, row := range map[string]struct{ policies, want string }{
		"no name":           {"[{}]", "f.yaml:3: policies[0].name: it is empty, must be a name"},
		"a name twice":      {"[{name: a}, {name: a}]", `policies[1].name: "a" is the name of another policy, too`},
		"a selector":        {"[{name: a, namespaceSelector: 'x in'}]", `policies[0].namespaceSelector: "x in" is no label selector`},
		"a usage":           {"[{name: a, values: {usages: [serverAuth]}}]", `f.yaml:3: policies[0].values.usages[0]: "serverAuth" isn't known, did you mean "server auth"?`},
		"an issuer":         {"[{name: a, issuer: {kind: ClusterIssuer}}]", "policies[0].issuer.name: it is empty, must be a name"},
		"a kind":            {"[{name: a, kinds: [Ingress, ingress]}]", `policies[0].kinds[1]: "ingress" isn't known, did you mean "Ingress"?`},
		"a host":            {"[{name: a, allowedHosts: [10.0.0.1, .example.com, '*.example.com']}]", `allowedHosts[2]: "*.example.com", must be a domain`},
		"a URI":             {"[{name: a, allowedURIs: ['spiffe://example.com/x', example.com]}]", `allowedURIs[1]: "example.com", must be a URI`},
		"a URI's query":     {"[{name: a, allowedURIs: ['https://example.com/?a']}]", `allowedURIs[0]: "https://example.com/?a", must be a URI`},
		"a URI's pattern":   {"[{name: a, allowedURIs: ['https://*.example.com']}]", `allowedURIs[0]: "https://*.example.com", must be a URI`},
		"an e-mail address": {"[{name: a, allowedEmails: [a@example.com, '*@example.com']}]", `allowedEmails[1]: "*@example.com", must be an address`},
		"an e-mail domain":  {"[{name: a, allowedEmails: ['@example.com']}]", `allowedEmails[0]: "@example.com", must be an address`},
		"a namespace":       {"[{name: a, namespaces: [Shop]}]", `policies[0].namespaces[0]: "Shop" is no namespace`},
		"a suffix":          {"[{name: a, hostSuffixes: ['']}]", `hostSuffixes[0]: ""`},
		"a subject's field": {"[{name: a, values: {subject: {organisations: [a]}}}]", `unknown field "policies[0].values.subject.organisations", did you mean "organizations"?`},
		"an allowed issuer": {"[{name: a, allowedIssuers: [{kind: ClusterIssuer}]}]", "policies[0].allowedIssuers[0].name: it is empty, must be a name"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := configuration.Load([]byte("apiVersion: certshim.io/v1alpha1\nkind: ControllerConfiguration\npolicies: "+row.policies+"\n"), "f.yaml")
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%q is not in: %v", row.want, err)
			}
		})
	}
}
