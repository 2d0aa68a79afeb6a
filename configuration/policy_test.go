package configuration_test

import (
	"context"
	"strings"
	"testing"

	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// corpCA is a resolver that is compiled in.
type corpCA struct{}

func (corpCA) Describe() resolver.Description {
	return resolver.Description{Name: "corp-ca", Grant: resolver.Grant{Annotations: []string{"pki.corp.example/profile"}}}
}

func (corpCA) Resolve(context.Context, resolver.Query) (resolver.Statement, error) {
	return resolver.Statement{}, nil
}

var corpKind = resolver.GroupKind{Group: "pki.corp.example", Kind: "CorpIssuer"}

func compiled() []configuration.Compiled {
	return []configuration.Compiled{{Resolver: corpCA{}, Types: []resolver.IssuerType{{
		ID: "corp", Title: "Corp CA", Group: corpKind.Group, Versions: []string{"v1"}, Level: resolver.LevelCompiled,
		Kinds: []resolver.DeclaredKind{{Kind: corpKind.Kind, Resource: "corpissuers", Scope: resolver.Namespaced}},
	}}}}
}

func TestThePolicyOfAConfiguration(t *testing.T) {
	c, err := configuration.Load([]byte(pluginConfiguration+`  recommendations: Apply
defaultIssuer: {name: ca, kind: ClusterIssuer}
annotations: {auto: [example.com/tls], autoKinds: [Gateway], extra: [example.com/copied]}
gatewayAPI: {extraProtocols: [example.com/TLS]}
takeover: {mode: manual}
namespaceDefaults: true
tellIssuerStatus: false
`), "c.yaml")
	if err != nil {
		t.Fatal(err)
	}
	policy, err := c.Policy(configuration.Surroundings{Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	if !policy.Offline || !policy.Certificate.ManualTakeOver || !policy.NamespaceDefaults || !policy.HideIssuerStatus || policy.AutoKinds[0] != "Gateway" || policy.ExtraProtocols[0] != "example.com/TLS" {
		t.Errorf("got %+v", policy)
	}
	for _, key := range []string{"example.com/tls", "example.com/copied", "pki.corp.example/anything"} {
		if !policy.Parser.Keeps(key) {
			t.Errorf("the annotation %s isn't read", key)
		}
	}
	if known, declared := policy.Registry.Known(corpKind); !declared || known.Type.Title != "issuers of the plugin corp-ca" {
		t.Errorf("of the plugin's kind it knows %+v", known)
	}
	if answer := policy.Registry.Resolve(resolver.Lookup{Auto: true}, nil); answer.Issuer.Name != "ca" || answer.Issuer.Kind != "ClusterIssuer" {
		t.Errorf("the default issuer is %+v", answer.Issuer)
	}
}

func TestWhatIsCompiledInCanBeSwitchedOff(t *testing.T) {
	for disable, on := range map[string]bool{"": true, "compiled-in/corp-ca": false, "compiled-in/corp": false, "catalogue/step-issuer": true} {
		c := configuration.Default()
		if disable != "" {
			c.Resolvers.Disable = []string{disable}
		}
		policy, err := c.Policy(configuration.Surroundings{Compiled: compiled()})
		if err != nil {
			t.Fatalf("%s: %v", disable, err)
		}
		step := resolver.GroupKind{Group: "certmanager.step.sm", Kind: "StepIssuer"}
		if policy.Registry.Knows(corpKind) != on || policy.Parser.Keeps("pki.corp.example/profile") != on || policy.Registry.Knows(step) != (disable != "catalogue/step-issuer") {
			t.Errorf("without %q: the kind is known: %v, want %v", disable, policy.Registry.Knows(corpKind), on)
		}
	}
}

func TestWhatBecomesOfCertificatesWithoutTheirKind(t *testing.T) {
	c := configuration.Default()
	c.Sources.OnKindRemoved = map[string]source.Removal{"contour-httpproxy": source.Retain, "istio-gateway": source.Delete}
	policy, err := c.Policy(configuration.Surroundings{})
	if err != nil {
		t.Fatal(err)
	}
	for of, want := range map[source.GroupKind]bool{
		{Group: "projectcontour.io", Kind: "HTTPProxy"}: true, {Group: "networking.istio.io", Kind: "Gateway"}: false, {Group: "zalando.org", Kind: "RouteGroup"}: false,
	} {
		if kind, _ := policy.Kinds.Lookup(of.Group, of.Kind); kind.Outlived() != want {
			t.Errorf("%s: outlived %v", of, kind.Outlived())
		}
	}
}

func TestPoliciesThatCantBeMade(t *testing.T) {
	disabled, labelled, ruled, removed := configuration.Default(), configuration.Default(), configuration.Default(), configuration.Default()
	removed.Sources.OnKindRemoved = map[string]source.Removal{"contour-httproxy": source.Retain, "istio-gateway": "keep"}
	disabled.Resolvers.Disable = []string{"catalogue/step-isuer", "compiled-in/corp-ca"}
	labelled.Labels.Include = []string{"a b"}
	ruled.Policies = []configuration.Rule{{}}
	for want, c := range map[string]configuration.Configuration{
		`resolvers.disable[0]: "catalogue/step-isuer", must be what certshim issuers --offline shows of this build, such as catalogue/step-issuer; did you mean "catalogue/step-issuer"?`: disabled,
		`sources.onKindRemoved.contour-httproxy: there is no source type of this name; did you mean "contour-httpproxy"?`:                                                                 removed,
		`sources.onKindRemoved.istio-gateway: "keep" is none of delete, retain`:                                                                                                           removed,
		`label key "a b"`: labelled, "policies[0].name: it is empty": ruled,
	} {
		_, err := c.Policy(configuration.Surroundings{Compiled: compiled()})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "disable[1]") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
