package certshim_test

import (
	"reflect"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

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
func auto(hosts ...string) *unstructured.Unstructured {
	return ingressWith(map[string]string{"kubernetes.io/tls-acme": "true"}, hosts...)
}

// also is an object with another annotation.
func also(object *unstructured.Unstructured, name, value string) *unstructured.Unstructured {
	keys := object.GetAnnotations()
	keys["cert-manager.io/"+name] = value
	object.SetAnnotations(keys)
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
		object *unstructured.Unstructured
		want   string
	}{
		"all":                     {rule(func(*certshim.Rule) {}), nil, auto(), "first"},
		"its namespace":           {rule(func(r *certshim.Rule) { r.Namespaces = []string{"a", "shop"} }), nil, auto(), "first"},
		"another namespace":       {rule(func(r *certshim.Rule) { r.Namespaces = []string{"a"} }), nil, auto(), "last"},
		"its labels":              {rule(func(r *certshim.Rule) { r.Selector = selector(t, "tier in (gold)") }), map[string]string{"tier": "gold"}, auto(), "first"},
		"other labels":            {rule(func(r *certshim.Rule) { r.Selector = selector(t, "tier=gold") }), map[string]string{"tier": "tin"}, auto(), "last"},
		"its kind":                {rule(func(r *certshim.Rule) { r.Kinds = []string{"Ingress"} }), nil, auto(), "first"},
		"another kind":            {rule(func(r *certshim.Rule) { r.Kinds = []string{"Gateway"} }), nil, auto(), "last"},
		"its domain":              {rule(func(r *certshim.Rule) { r.HostSuffixes = []string{"example.com"} }), nil, auto("example.com", "*.a.example.com"), "first"},
		"its domain, with a dot":  {rule(func(r *certshim.Rule) { r.HostSuffixes = []string{".example.com"} }), nil, auto("a.example.com"), "first"},
		"a domain in upper case":  {rule(func(r *certshim.Rule) { r.HostSuffixes = []string{"Example.COM"} }), nil, also(auto("a.example.com"), "alt-names", "B.Example.com"), "first"},
		"an address, spelt oddly": {rule(func(r *certshim.Rule) { r.HostSuffixes = []string{"example.com", "2001:db8::1"} }), nil, also(auto("a.example.com"), "ip-sans", "2001:0DB8:0::1"), "first"},
		"an address is no domain": {rule(func(r *certshim.Rule) { r.HostSuffixes = []string{"example.com", "0.0.1"} }), nil, also(auto("a.example.com"), "ip-sans", "10.0.0.1"), "last"},
		"a domain like it":        {rule(func(r *certshim.Rule) { r.HostSuffixes = []string{"ample.com"} }), nil, auto("a.example.com"), "last"},
		"one host of two":         {rule(func(r *certshim.Rule) { r.HostSuffixes = []string{"example.com"} }), nil, auto("a.example.com", "a.example.org"), "last"},
		"a host by annotation":    {rule(func(r *certshim.Rule) { r.HostSuffixes = []string{"example.com"} }), nil, also(auto(), "alt-names", "a.example.org"), "last"},
		"an address":              {rule(func(r *certshim.Rule) { r.HostSuffixes = []string{"example.com"} }), nil, also(auto(), "ip-sans", "10.0.0.1"), "last"},
		"one of two conditions":   {rule(func(r *certshim.Rule) { r.Kinds, r.Namespaces = []string{"Ingress"}, []string{"a"} }), nil, auto(), "last"},
	} {
		t.Run(name, func(t *testing.T) {
			policy := shippedPolicy(t)
			policy.Rules = []certshim.Rule{row.first, last}
			c := newCluster(t, policy)
			if row.labels != nil {
				c.namespace(row.labels, nil)
			}
			outcome := c.ask(row.object)
			if outcome.Policy != row.want || outcome.Issuer.Ref != corpIssuer(row.want) || outcome.Issuer.From != certshim.FromPolicy || !outcome.Problems.Empty() {
				t.Errorf("policy %q, issuer %+v, problems %v", outcome.Policy, outcome.Issuer, outcome.Problems.All())
			}
		})
	}
}

func TestAnAnnotationWinsOverAPolicy(t *testing.T) {
	policy := shippedPolicy(t)
	policy.Rules = []certshim.Rule{{Name: "corp", Issuer: corpIssuer("corp"), Values: resolver.Values{Duration: 720 * time.Hour, Usages: []string{"server auth"}}}}
	outcome := newCluster(t, policy).ask(also(ingressWith(issuerKeys("", "ca", "", "")), "duration", "24h"))
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
	if outcome := newCluster(t, policy).ask(ingressWith(nil)); outcome.Ignored.IsZero() {
		t.Errorf("it triggers: %+v", outcome)
	}
	shipped, err := resolver.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	if policy.Registry, err = resolver.NewRegistry(resolver.Defaults{Name: "default"}, shipped); err != nil {
		t.Fatal(err)
	}
	if outcome := newCluster(t, policy).ask(auto()); outcome.Issuer.Name != "default" || outcome.Issuer.From != resolver.FromDefault {
		t.Errorf("the cluster's default isn't the last: %+v", outcome.Issuer)
	}
	// Beside an issuer that is named, the group of a rule's issuer counts for nothing.
	policy.Rules = []certshim.Rule{{Name: "ipa", Issuer: resolver.Ref{Group: "certmanager.freeipa.org", Kind: "Issuer", Name: "ipa"}}}
	if outcome := newCluster(t, policy).ask(ingressWith(issuerKeys("ca", "", "", ""))); outcome.Issuer.Group != "cert-manager.io" {
		t.Errorf("the rule's group reaches a named issuer: %+v", outcome.Issuer)
	}
}

func TestAPolicyLimitsIssuersAndHosts(t *testing.T) {
	policy := shippedPolicy(t)
	ca := resolver.Ref{Group: "cert-manager.io", Kind: "ClusterIssuer", Name: "ca"}
	policy.Rules = []certshim.Rule{{Name: "tenant", AllowedIssuers: []resolver.Ref{ca}, AllowedHosts: []string{"example.com"}}}
	for name, row := range map[string]struct {
		object *unstructured.Unstructured
		want   certificate.Action
		reason problem.Reason
	}{
		"what is allowed": {ingressWith(issuerKeys("", "ca", "", "")), certificate.Create, ""},
		"another issuer":  {ingressWith(issuerKeys("", "other", "", "")), certificate.Refuse, problem.IssuerNotAllowed},
		"an Issuer":       {ingressWith(issuerKeys("ca", "", "", "")), certificate.Refuse, problem.IssuerNotAllowed},
		"another name":    {also(ingressWith(issuerKeys("", "ca", "", "")), "alt-names", "a.example.com,b.example.org"), certificate.Refuse, problem.HostNotAllowed},
		"an address":      {also(ingressWith(issuerKeys("", "ca", "", "")), "ip-sans", "10.0.0.1"), certificate.Refuse, problem.HostNotAllowed},
		"a common name":   {also(ingressWith(issuerKeys("", "ca", "", "")), "common-name", "b.example.org"), certificate.Refuse, problem.HostNotAllowed},
		"its own names":   {also(also(ingressWith(issuerKeys("", "ca", "", "")), "alt-names", "a.example.com"), "common-name", "example.com"), certificate.Create, ""},
		"another host":    {ingressWith(issuerKeys("", "ca", "", ""), "a.example.com", "b.example.org"), certificate.Refuse, problem.HostNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			outcome := newCluster(t, policy).ask(row.object)
			if action(t, outcome) != row.want {
				t.Errorf("%s: %v", action(t, outcome), outcome.Problems.All())
			}
			if row.reason != "" && oneProblem(t, outcome).Reason != row.reason {
				t.Errorf("problems are %v", outcome.Problems.All())
			}
		})
	}
	c := newCluster(t, policy)
	c.carryOut(c.ask(ingressWith(issuerKeys("", "ca", "", ""))))
	if outcome := c.ask(ingressWith(issuerKeys("", "ca", "", ""), "b.example.org")); action(t, outcome) != certificate.Keep {
		t.Errorf("an existing Certificate: %s", action(t, outcome))
	}
}

// While the labels of a namespace can't be read, nothing new is made, and what exists stays.
func TestAPolicyByLabelsThatCantBeRead(t *testing.T) {
	policy := shippedPolicy(t)
	policy.Rules = []certshim.Rule{{Name: "gold", Selector: selector(t, "tier=gold"), Issuer: corpIssuer("corp")}}
	named, c := ingressWith(issuerKeys("", "ca", "", "")), newCluster(t, policy)
	if outcome := c.ask(auto()); action(t, outcome) != certificate.Wait {
		t.Errorf("by a rule: %s", action(t, outcome))
	}
	if outcome := c.ask(named); action(t, outcome) != certificate.Wait {
		t.Errorf("named: %s", action(t, outcome))
	}
	c.namespace(nil, nil)
	c.carryOut(c.ask(named))
	c.Namespaces().Clear()
	if outcome := c.ask(named); action(t, outcome) != certificate.None {
		t.Errorf("named, and there: %s", action(t, outcome))
	}
	if outcome := c.ask(auto()); action(t, outcome) != certificate.Keep {
		t.Errorf("by a rule, and there: %s", action(t, outcome))
	}
	policy.Offline = true
	policy.Rules[0].Selector = selector(t, "kubernetes.io/metadata.name=shop")
	if outcome := newCluster(t, policy).ask(auto()); outcome.Policy != "gold" {
		t.Errorf("in a plan of files, the label that every namespace has: %+v", outcome)
	}
}

// While it can't be known which policy limits a source, nothing new is made, and a Certificate
// takes no change that the policy may forbid.
func TestLimitsByLabelsThatCantBeRead(t *testing.T) {
	ca := resolver.Ref{Group: "cert-manager.io", Kind: "ClusterIssuer", Name: "ca"}
	rules := func(selected, last certshim.Rule) []certshim.Rule {
		selected.Name, selected.Selector, last.Name = "gold", selector(t, "tier=gold"), "last"
		return []certshim.Rule{selected, last}
	}
	named, moved := ingressWith(issuerKeys("", "ca", "", "")), ingressWith(issuerKeys("", "ca", "", ""), "b.example.org")
	for name, row := range map[string]struct {
		rules      []certshim.Rule
		made, kept certificate.Action
	}{
		"hosts":              {rules(certshim.Rule{AllowedHosts: []string{"example.com"}}, certshim.Rule{}), certificate.Wait, certificate.Keep},
		"issuers":            {rules(certshim.Rule{AllowedIssuers: []resolver.Ref{ca}}, certshim.Rule{}), certificate.Wait, certificate.Keep},
		"of a policy behind": {rules(certshim.Rule{}, certshim.Rule{AllowedHosts: []string{}}), certificate.Wait, certificate.Keep},
		"none":               {rules(certshim.Rule{Issuer: ca}, certshim.Rule{}), certificate.Wait, certificate.Apply},
	} {
		t.Run(name, func(t *testing.T) {
			policy := shippedPolicy(t)
			policy.Rules = row.rules
			if got := newCluster(t, policy).ask(moved).Certificates[0]; got.Action != row.made || got.Reason.Cause != certificate.CausePolicyUnknown {
				t.Errorf("a new one: %s, %s", got.Action, got.Reason)
			}
			c := newCluster(t, shippedPolicy(t))
			c.carryOut(c.ask(named))
			c.SetPolicy(policy)
			if outcome := c.ask(moved); action(t, outcome) != row.kept {
				t.Errorf("an existing one: %s", action(t, outcome))
			}
		})
	}
}

func TestAPolicyByIssuers(t *testing.T) {
	byIssuer := func(issuers ...resolver.Ref) certshim.Rule {
		return certshim.Rule{Name: "pca", Issuers: issuers, Values: resolver.Values{Duration: 720 * time.Hour}, Issuer: corpIssuer("rule")}
	}
	corp := issuerKeys("corp", "", "AWSPCAClusterIssuer", "awspca.cert-manager.io")
	for name, row := range map[string]struct {
		rule      certshim.Rule
		object    *unstructured.Unstructured
		namespace map[string]string
		matches   bool
		issuer    string
	}{
		"the one that is named":      {byIssuer(corpIssuer("other"), corpIssuer("corp")), ingressWith(corp), nil, true, "corp"},
		"any of a kind":              {byIssuer(corpIssuer("")), ingressWith(corp), nil, true, "corp"},
		"another name":               {byIssuer(corpIssuer("other")), ingressWith(corp), nil, false, "corp"},
		"another kind":               {byIssuer(corpIssuer("")), ingressWith(issuerKeys("", "corp", "", "")), nil, false, "corp"},
		"that of the Namespace":      {byIssuer(corpIssuer("corp")), auto(), corp, true, "rule"},
		"that of the cluster":        {byIssuer(resolver.Ref{Group: "cert-manager.io", Kind: "ClusterIssuer", Name: "default-ca"}), auto(), map[string]string{}, true, "rule"},
		"one that can't be":          {byIssuer(corpIssuer("")), ingressWith(issuerKeys("a b", "", "", "")), nil, false, ""},
		"a Namespace's that isn't":   {byIssuer(corpIssuer("")), auto(), issuerKeys("a b", "", "", ""), false, ""},
		"a Namespace that is unread": {byIssuer(corpIssuer("")), auto(), nil, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			policy := byNamespaces(t)
			policy.Rules = []certshim.Rule{row.rule}
			c := newCluster(t, policy)
			if row.namespace != nil {
				c.namespace(nil, row.namespace)
			}
			outcome := c.ask(row.object)
			if (outcome.Policy == "pca") != row.matches || outcome.Issuer.Name != row.issuer {
				t.Errorf("policy %q, issuer %+v, problems %v", outcome.Policy, outcome.Issuer, outcome.Problems.All())
			}
			if len(outcome.Problems.All()) > 1 || outcome.Issuer.Name != "" && !outcome.Problems.Empty() {
				t.Errorf("problems %v", outcome.Problems.All())
			}
		})
	}
}

// The subject of a policy is as its other values: for new Certificates, and annotations win.
func TestTheSubjectOfAPolicy(t *testing.T) {
	policy := shippedPolicy(t)
	policy.Rules = []certshim.Rule{{Name: "corp", Subject: annotations.Subject{Organizations: []string{"Example"}, SerialNumber: "1"}}}
	subjectOf := func(object *unstructured.Unstructured) any {
		return newCluster(t, policy).ask(object).Certificates[0].Config["spec"].(map[string]any)["subject"]
	}
	named := ingressWith(issuerKeys("", "ca", "", ""))
	want := map[string]any{"organizations": []any{"Example"}, "serialNumber": "1"}
	if got := subjectOf(named); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
	if got := subjectOf(also(named.DeepCopy(), "subject-countries", "DE")); !reflect.DeepEqual(got, map[string]any{"countries": []any{"DE"}}) {
		t.Errorf("beside an annotation: %v", got)
	}
	c := newCluster(t, policy)
	made := c.ask(named)
	if set := made.Certificates[0].Config["metadata"].(map[string]any)["annotations"].(map[string]any); set["certshim.io/from-resolver"] != "subject" {
		t.Errorf("annotations %v", set)
	}
	c.carryOut(made)
	c.SetPolicy(shippedPolicy(t))
	if got := c.ask(named).Certificates[0]; got.Action != certificate.None {
		t.Errorf("without the policy: %s, %s", got.Action, got.Reason)
	}
}
