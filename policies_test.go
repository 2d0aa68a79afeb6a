package certshim_test

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// labelled is a cluster whose namespaces have these labels; nil means that they can't be read.
type labelled struct {
	issuerCluster
	labels map[string]string
}

func (l labelled) Namespace(string) (certshim.Namespace, bool) {
	return certshim.Namespace{Labels: l.labels}, l.labels != nil
}

func (l labelled) Issuers() resolver.Issuers { return l }

func (l labelled) Find(resolver.IssuerKey) (resolver.Finding, bool) {
	return there(resolver.Ready), true
}

func selector(t *testing.T, text string) labels.Selector {
	t.Helper()
	parsed, err := labels.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func corpIssuer(name string) resolver.Ref {
	return resolver.Ref{Group: "awspca.cert-manager.io", Kind: "AWSPCAClusterIssuer", Name: name}
}

// auto is an Ingress that asks for a certificate and names no issuer.
func auto(hosts ...string) *source.Object {
	object := ingressWith(map[string]string{"kubernetes.io/tls-acme": "true"})
	if len(hosts) > 0 {
		object.Entries[0].Hosts = hosts
	}
	return object
}

func TestTheFirstPolicyThatMatchesCounts(t *testing.T) {
	last := certshim.Rule{Name: "last", Issuer: corpIssuer("last")}
	rule := func(change func(*certshim.Rule)) certshim.Rule {
		r := certshim.Rule{Name: "first", Issuer: corpIssuer("first")}
		change(&r)
		return r
	}
	for name, row := range map[string]struct {
		first  certshim.Rule
		labels map[string]string
		object *source.Object
		want   string
	}{
		"all":                    {rule(func(*certshim.Rule) {}), nil, auto(), "first"},
		"its namespace":          {rule(func(r *certshim.Rule) { r.Namespaces = []string{"a", "shop"} }), nil, auto(), "first"},
		"another namespace":      {rule(func(r *certshim.Rule) { r.Namespaces = []string{"a"} }), nil, auto(), "last"},
		"its labels":             {rule(func(r *certshim.Rule) { r.Selector = selector(t, "tier in (gold)") }), map[string]string{"tier": "gold"}, auto(), "first"},
		"other labels":           {rule(func(r *certshim.Rule) { r.Selector = selector(t, "tier=gold") }), map[string]string{"tier": "tin"}, auto(), "last"},
		"its kind":               {rule(func(r *certshim.Rule) { r.Kinds = []string{"Ingress"} }), nil, auto(), "first"},
		"another kind":           {rule(func(r *certshim.Rule) { r.Kinds = []string{"Gateway"} }), nil, auto(), "last"},
		"its domain":             {rule(func(r *certshim.Rule) { r.HostSuffixes = []string{"example.com"} }), nil, auto("example.com", "*.a.Example.com"), "first"},
		"its domain, with a dot": {rule(func(r *certshim.Rule) { r.HostSuffixes = []string{".example.com"} }), nil, auto("a.example.com"), "first"},
		"a domain like it":       {rule(func(r *certshim.Rule) { r.HostSuffixes = []string{"ample.com"} }), nil, auto("a.example.com"), "last"},
		"one host of two":        {rule(func(r *certshim.Rule) { r.HostSuffixes = []string{"example.com"} }), nil, auto("a.example.com", "a.example.org"), "last"},
		"one of two conditions":  {rule(func(r *certshim.Rule) { r.Kinds, r.Namespaces = []string{"Ingress"}, []string{"a"} }), nil, auto(), "last"},
	} {
		t.Run(name, func(t *testing.T) {
			policy := shippedPolicy(t)
			policy.Rules = []certshim.Rule{row.first, last}
			outcome := certshim.Decide(policy, row.object, labelled{labels: row.labels})
			if outcome.Policy != row.want || outcome.Issuer.Ref != corpIssuer(row.want) || outcome.Issuer.From != resolver.FromPolicy || !outcome.Problems.Empty() {
				t.Errorf("policy %q, issuer %+v, problems %v", outcome.Policy, outcome.Issuer, outcome.Problems.All())
			}
		})
	}
}

func TestAnAnnotationWinsOverAPolicy(t *testing.T) {
	policy := shippedPolicy(t)
	policy.Rules = []certshim.Rule{{Name: "corp", Issuer: corpIssuer("corp"), Values: resolver.Values{Duration: 720 * time.Hour, Usages: []string{"server auth"}}}}
	object := ingressWith(issuerKeys("", "ca", "", ""))
	object.Annotations["cert-manager.io/duration"] = "24h"
	outcome := certshim.Decide(policy, object, labelled{})
	spec := outcome.Certificates[0].Config["spec"].(map[string]any)
	usages := spec["usages"].([]any)
	if outcome.Issuer.Name != "ca" || outcome.Issuer.From != resolver.FromAnnotation || spec["duration"] != "24h0m0s" || len(usages) != 1 || usages[0] != "server auth" {
		t.Errorf("got %+v and %v", outcome.Issuer, spec)
	}
}

// A default issuer of a rule is no trigger, and the cluster's default is the last.
func TestAPolicyTriggersNothing(t *testing.T) {
	policy := shippedPolicy(t)
	policy.Rules = []certshim.Rule{{Name: "corp", Kinds: []string{"Gateway"}, Issuer: corpIssuer("corp")}}
	if outcome := certshim.Decide(policy, ingressWith(nil), labelled{}); outcome.Ignored == "" {
		t.Errorf("it triggers: %+v", outcome)
	}
	shipped, err := resolver.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	if policy.Registry, err = resolver.NewRegistry(resolver.Defaults{Name: "default"}, shipped); err != nil {
		t.Fatal(err)
	}
	if outcome := certshim.Decide(policy, auto(), labelled{}); outcome.Issuer.Name != "default" || outcome.Issuer.From != resolver.FromDefault {
		t.Errorf("the cluster's default isn't the last: %+v", outcome.Issuer)
	}
	// Beside an issuer that is named, the group of a rule's issuer counts for nothing.
	policy.Rules = []certshim.Rule{{Name: "ipa", Issuer: resolver.Ref{Group: "certmanager.freeipa.org", Kind: "Issuer", Name: "ipa"}}}
	if outcome := certshim.Decide(policy, ingressWith(issuerKeys("ca", "", "", "")), labelled{}); outcome.Issuer.Group != "cert-manager.io" {
		t.Errorf("the rule's group reaches a named issuer: %+v", outcome.Issuer)
	}
}

func TestAPolicyLimitsIssuersAndHosts(t *testing.T) {
	policy := shippedPolicy(t)
	ca := resolver.Ref{Group: "cert-manager.io", Kind: "ClusterIssuer", Name: "ca"}
	policy.Rules = []certshim.Rule{{Name: "tenant", AllowedIssuers: []resolver.Ref{ca}, AllowedHosts: []string{"example.com"}}}
	for name, row := range map[string]struct {
		object *source.Object
		want   certificate.Action
		reason problem.Reason
	}{
		"what is allowed": {ingressWith(issuerKeys("", "ca", "", "")), certificate.Create, ""},
		"another issuer":  {ingressWith(issuerKeys("", "other", "", "")), certificate.Refuse, problem.IssuerNotAllowed},
		"an Issuer":       {ingressWith(issuerKeys("ca", "", "", "")), certificate.Refuse, problem.IssuerNotAllowed},
		"another host":    {hostsOf(ingressWith(issuerKeys("", "ca", "", "")), "a.example.com", "b.example.org"), certificate.Refuse, problem.HostNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			outcome := certshim.Decide(policy, row.object, labelled{})
			if action(t, outcome) != row.want {
				t.Errorf("%s: %v", action(t, outcome), outcome.Problems.All())
			}
			if row.reason != "" && oneProblem(t, outcome).Reason != row.reason {
				t.Errorf("problems are %v", outcome.Problems.All())
			}
		})
	}
	allowed := certshim.Decide(policy, ingressWith(issuerKeys("", "ca", "", "")), labelled{})
	seen := labelled{issuerCluster: issuerCluster{web: written(t, allowed)}}
	moved := hostsOf(ingressWith(issuerKeys("", "ca", "", "")), "b.example.org")
	if outcome := certshim.Decide(policy, moved, seen); action(t, outcome) != certificate.Keep {
		t.Errorf("an existing Certificate: %s", action(t, outcome))
	}
}

func hostsOf(object *source.Object, hosts ...string) *source.Object {
	object.Entries[0].Hosts = hosts
	return object
}

// While the labels of a namespace can't be read, nothing new is made, and what exists stays.
func TestAPolicyByLabelsThatCantBeRead(t *testing.T) {
	policy := shippedPolicy(t)
	policy.Rules = []certshim.Rule{{Name: "gold", Selector: selector(t, "tier=gold"), Issuer: corpIssuer("corp")}}
	named := ingressWith(issuerKeys("", "ca", "", ""))
	if outcome := certshim.Decide(policy, auto(), labelled{}); action(t, outcome) != certificate.Refuse {
		t.Errorf("by a rule: %s", action(t, outcome))
	}
	if outcome := certshim.Decide(policy, named, labelled{}); action(t, outcome) != certificate.Wait {
		t.Errorf("named: %s", action(t, outcome))
	}
	first := certshim.Decide(policy, named, labelled{labels: map[string]string{}})
	seen := labelled{issuerCluster: issuerCluster{web: written(t, first)}}
	if outcome := certshim.Decide(policy, named, seen); action(t, outcome) != certificate.None {
		t.Errorf("named, and there: %s", action(t, outcome))
	}
	if outcome := certshim.Decide(policy, auto(), seen); action(t, outcome) != certificate.Keep {
		t.Errorf("by a rule, and there: %s", action(t, outcome))
	}
	policy.Offline = true
	policy.Rules[0].Selector = selector(t, "kubernetes.io/metadata.name=shop")
	if outcome := certshim.Decide(policy, auto(), labelled{}); outcome.Policy != "gold" {
		t.Errorf("in a plan of files, the label that every namespace has: %+v", outcome)
	}
}
