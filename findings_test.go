package certshim_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// issuerCluster has issuers, and the Certificate web-tls if it isn't nil.
type issuerCluster struct {
	emptyCluster
	findings map[resolver.IssuerKey]resolver.Finding
	web      *certificate.Observed
}

func (c issuerCluster) Issuers() resolver.Issuers { return c }

func (c issuerCluster) Find(key resolver.IssuerKey) (resolver.Finding, bool) {
	finding, found := c.findings[key]
	if !found {
		finding = resolver.Finding{State: resolver.Fresh, Statement: resolver.Statement{Existence: resolver.Missing}}
	}
	return finding, true
}

func (c issuerCluster) Names(kind resolver.GroupKind, namespace string) []string {
	var names []string
	for key, finding := range c.findings {
		if key.GroupKind == kind && key.Namespace == namespace && finding.Existence == resolver.Exists {
			names = append(names, key.Name)
		}
	}
	slices.Sort(names)
	return names
}

func (c issuerCluster) Certificate(_, name string) (certificate.Observed, bool) {
	if c.web == nil || name != "web-tls" {
		return certificate.Observed{}, false
	}
	return *c.web, true
}

func clusterIssuer(name string) resolver.IssuerKey {
	return resolver.IssuerKey{GroupKind: resolver.GroupKind{Group: "cert-manager.io", Kind: "ClusterIssuer"}, Name: name}
}

func issuerHere(name string) resolver.IssuerKey {
	return resolver.IssuerKey{GroupKind: resolver.GroupKind{Group: "cert-manager.io", Kind: "Issuer"}, Namespace: "shop", Name: name}
}

func there(ready resolver.Readiness) resolver.Finding {
	return resolver.Finding{State: resolver.Fresh, Statement: resolver.Statement{Existence: resolver.Exists, Ready: ready}}
}

// oneProblem is the only problem of an outcome.
func oneProblem(t *testing.T, outcome certshim.Outcome) problem.Problem {
	t.Helper()
	problems := outcome.Problems.All()
	if len(problems) != 1 {
		t.Fatalf("want one problem, got %v", problems)
	}
	return problems[0]
}

func action(t *testing.T, outcome certshim.Outcome) certificate.Action {
	t.Helper()
	if len(outcome.Certificates) != 1 {
		t.Fatalf("want one decision, got %+v", outcome.Certificates)
	}
	return outcome.Certificates[0].Action
}

func TestAReadyIssuerIsSaidNothingOf(t *testing.T) {
	seen := issuerCluster{findings: map[resolver.IssuerKey]resolver.Finding{clusterIssuer("ca"): there(resolver.Ready)}}
	outcome := certshim.Decide(shippedPolicy(t), ingressWith(issuerKeys("", "ca", "", "")), seen)
	if action(t, outcome) != certificate.Create || !outcome.Problems.Empty() || len(outcome.Awaits) > 0 || outcome.AwaitsKinds {
		t.Errorf("got %+v", outcome)
	}
}

func TestAMissingIssuerBlocksNothing(t *testing.T) {
	for name, row := range map[string]struct {
		keys  map[string]string
		there []resolver.IssuerKey
		lines string
	}{
		"nothing near":                  {issuerKeys("", "ca", "", ""), nil, ""},
		"a name that is near":           {issuerKeys("", "letsencrpt", "", ""), []resolver.IssuerKey{clusterIssuer("letsencrypt")}, "  cert-manager.io/cluster-issuer: letsencrypt"},
		"an Issuer of the name is here": {issuerKeys("", "ca", "", ""), []resolver.IssuerKey{issuerHere("ca")}, "  cert-manager.io/issuer: ca"},
		"a ClusterIssuer of the name":   {issuerKeys("ca", "", "", ""), []resolver.IssuerKey{clusterIssuer("ca")}, "  cert-manager.io/cluster-issuer: ca"},
		"an Issuer elsewhere":           {issuerKeys("ca", "", "", ""), []resolver.IssuerKey{{GroupKind: issuerHere("").GroupKind, Namespace: "other", Name: "ca"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			seen := issuerCluster{findings: map[resolver.IssuerKey]resolver.Finding{}}
			for _, key := range row.there {
				seen.findings[key] = there(resolver.Ready)
			}
			outcome := certshim.Decide(shippedPolicy(t), ingressWith(row.keys), seen)
			p := oneProblem(t, outcome)
			if action(t, outcome) != certificate.Create || p.Severity != problem.Warning || p.Reason != problem.IssuerNotFound || p.Lines != row.lines {
				t.Errorf("%s, and %+v", action(t, outcome), p)
			}
			if len(outcome.Awaits) != 1 {
				t.Errorf("it waits for %v", outcome.Awaits)
			}
		})
	}
}

// servedCluster serves an issuer kind that no type declares.
type servedCluster struct{ issuerCluster }

func (servedCluster) Served() resolver.Served { return corpServed{} }

type corpServed struct{}

func (corpServed) Scope(kind resolver.GroupKind) (resolver.Scope, bool) {
	return resolver.Cluster, kind == corpKind()
}
func (corpServed) Issuers() []resolver.GroupKind { return []resolver.GroupKind{corpKind()} }
func (corpServed) Groups(kind string) []string {
	if kind == corpKind().Kind {
		return []string{corpKind().Group}
	}
	return nil
}

func corpKind() resolver.GroupKind {
	return resolver.GroupKind{Group: "pki.corp.example", Kind: "CorpClusterIssuer"}
}

// What discovery found is what a wrong annotation may have meant, and its issuers are known as
// others are.
func TestAKindThatNobodyDeclares(t *testing.T) {
	there := map[resolver.IssuerKey]resolver.Finding{{GroupKind: corpKind(), Name: "corp"}: there(resolver.Ready)}
	const lines = "  cert-manager.io/issuer: corp\n  cert-manager.io/issuer-kind: CorpClusterIssuer\n  cert-manager.io/issuer-group: pki.corp.example"
	for name, row := range map[string]struct {
		keys   map[string]string
		action certificate.Action
		reason problem.Reason
		lines  string
	}{
		"its kind misspelt":  {issuerKeys("corp", "", "CorpClusterIsuer", ""), certificate.Refuse, problem.BadIssuer, lines},
		"its group misspelt": {issuerKeys("corp", "", "CorpClusterIssuer", "pki.corp.exmaple"), certificate.Refuse, problem.BadIssuer, lines},
		"its name misspelt":  {issuerKeys("korp", "", "CorpClusterIssuer", "pki.corp.example"), certificate.Create, problem.IssuerNotFound, lines},
		"its group left out": {issuerKeys("corp", "", "CorpClusterIssuer", ""), certificate.Create, problem.BadIssuer, ""},
	} {
		t.Run(name, func(t *testing.T) {
			outcome := certshim.Decide(shippedPolicy(t), ingressWith(row.keys), servedCluster{issuerCluster{findings: there}})
			if p := oneProblem(t, outcome); action(t, outcome) != row.action || p.Reason != row.reason || p.Lines != row.lines {
				t.Errorf("%s, and %+v", action(t, outcome), p)
			}
		})
	}
	known := certshim.Decide(shippedPolicy(t), ingressWith(issuerKeys("corp", "", "CorpClusterIssuer", "pki.corp.example")), servedCluster{issuerCluster{findings: there}})
	if !known.Problems.Empty() || known.Issuer.Scope != resolver.Cluster || len(known.Awaits) > 0 {
		t.Errorf("written in full: %+v", known)
	}
}

// An issuer of which nothing is known blocks nothing, and is waited for.
func TestAnIssuerOfWhichNothingIsKnown(t *testing.T) {
	seen := issuerCluster{findings: map[resolver.IssuerKey]resolver.Finding{clusterIssuer("ca"): {State: resolver.Never}}}
	outcome := certshim.Decide(shippedPolicy(t), ingressWith(issuerKeys("", "ca", "", "")), seen)
	if action(t, outcome) != certificate.Create || !outcome.Problems.Empty() || !slices.Equal(outcome.Awaits, []resolver.IssuerKey{clusterIssuer("ca")}) {
		t.Errorf("got %+v", outcome)
	}
}

func TestAKindThatIsNotInstalledBlocksNothing(t *testing.T) {
	key := resolver.IssuerKey{GroupKind: resolver.GroupKind{Group: "certmanager.step.sm", Kind: "StepIssuer"}, Namespace: "shop", Name: "ca"}
	seen := issuerCluster{findings: map[resolver.IssuerKey]resolver.Finding{key: {
		State: resolver.Fresh, Fault: resolver.NotServed, Statement: resolver.Statement{Existence: resolver.Missing},
	}}}
	outcome := certshim.Decide(shippedPolicy(t), ingressWith(issuerKeys("ca", "", "StepIssuer", "certmanager.step.sm")), seen)
	p := oneProblem(t, outcome)
	if action(t, outcome) != certificate.Create || p.Reason != problem.IssuerKindNotInstalled || !slices.Contains(outcome.Awaits, key) {
		t.Errorf("got %+v, %+v", p, outcome)
	}
}

func TestAnIssuerThatIsNotReadyIsToldOnceAtTheWrite(t *testing.T) {
	finding := there(resolver.NotReady)
	finding.Reason, finding.Message = "Sealed", "the vault is\nsealed"
	seen := issuerCluster{findings: map[resolver.IssuerKey]resolver.Finding{clusterIssuer("ca"): finding}}
	policy, object := shippedPolicy(t), ingressWith(issuerKeys("", "ca", "", ""))
	outcome := certshim.Decide(policy, object, seen)
	p := oneProblem(t, outcome)
	if action(t, outcome) != certificate.Create || p.Reason != problem.IssuerNotReady || p.Severity != problem.Warning ||
		!strings.Contains(p.Message, `"Sealed: the vault is\nsealed"`) || !slices.Contains(outcome.Awaits, clusterIssuer("ca")) {
		t.Errorf("got %+v, %+v", p, outcome)
	}
	seen.web = written(t, outcome)
	again := certshim.Decide(policy, object, seen)
	if action(t, again) != certificate.None || !again.Problems.Empty() || len(again.Awaits) > 0 {
		t.Errorf("once it is written: %+v", again)
	}
}

// written is the Certificate of a create, as the cache shows it.
func written(t *testing.T, outcome certshim.Outcome) *certificate.Observed {
	t.Helper()
	decided := outcome.Certificates[0]
	return &certificate.Observed{
		Namespace: decided.Namespace, Name: decided.Name, UID: "c", ResourceVersion: "1", Secret: decided.Name,
		Issuer: outcome.Issuer.Ref,
		Owner:  certificate.Owner{Group: "networking.k8s.io", Kind: "Ingress", Name: "web", UID: "u"},
		Have:   decided.Want, Flags: certificate.Applied,
	}
}

// A redirect to an issuer that is known to be missing waits, unless the present one is
// missing as well. Whatever else is asked for goes on.
func TestARedirectToAMissingIssuerWaits(t *testing.T) {
	policy := shippedPolicy(t)
	old := issuerKeys("", "old", "", "")
	both := issuerCluster{findings: map[resolver.IssuerKey]resolver.Finding{
		clusterIssuer("old"): there(resolver.Ready), clusterIssuer("new"): there(resolver.Ready),
	}}
	first := certshim.Decide(policy, ingressWith(old), both)
	redirected := ingressWith(issuerKeys("", "new", "", ""))
	for name, row := range map[string]struct {
		findings map[resolver.IssuerKey]resolver.Finding
		want     certificate.Action
		issuer   string
	}{
		"the new one is there":     {both.findings, certificate.Apply, "new"},
		"the new one is missing":   {map[resolver.IssuerKey]resolver.Finding{clusterIssuer("old"): there(resolver.Ready)}, certificate.None, "old"},
		"the old one is unready":   {map[resolver.IssuerKey]resolver.Finding{clusterIssuer("old"): there(resolver.NotReady)}, certificate.None, "old"},
		"both are missing":         {nil, certificate.Apply, "new"},
		"the new one is not known": {map[resolver.IssuerKey]resolver.Finding{clusterIssuer("old"): there(resolver.Ready), clusterIssuer("new"): {State: resolver.Never}}, certificate.Apply, "new"},
		"the new one isn't ready":  {map[resolver.IssuerKey]resolver.Finding{clusterIssuer("old"): there(resolver.Ready), clusterIssuer("new"): there(resolver.NotReady)}, certificate.Apply, "new"},
	} {
		t.Run(name, func(t *testing.T) {
			seen := issuerCluster{findings: row.findings, web: written(t, first)}
			outcome := certshim.Decide(policy, redirected, seen)
			decided := outcome.Certificates[0]
			spec, _ := decided.Config["spec"].(map[string]any)
			ref, _ := spec["issuerRef"].(map[string]any)
			if decided.Action != row.want || ref["name"] != row.issuer {
				t.Errorf("%s with the issuer %v: %v", decided.Action, ref, outcome.Problems.All())
			}
			notReady := slices.ContainsFunc(outcome.Problems.All(), func(p problem.Problem) bool { return p.Reason == problem.IssuerNotReady })
			if moved := decided.Action == certificate.Apply; notReady != (moved && row.findings[clusterIssuer("new")].Ready == resolver.NotReady) {
				t.Errorf("that it isn't ready is told: %v", notReady)
			}
			if waits := slices.Contains(outcome.Awaits, clusterIssuer("new")); row.want == certificate.None && !waits {
				t.Error("it doesn't wait for the new one")
			}
		})
	}
	renamed := ingressWith(issuerKeys("", "new", "", ""))
	renamed.Entries[0].Hosts = []string{"shop.example.com", "www.example.com"}
	seen := issuerCluster{findings: map[resolver.IssuerKey]resolver.Finding{clusterIssuer("old"): there(resolver.Ready)}, web: written(t, first)}
	outcome := certshim.Decide(policy, renamed, seen)
	if action(t, outcome) != certificate.Apply || !strings.Contains(oneProblem(t, outcome).Message, "web-tls with ClusterIssuer old") {
		t.Errorf("a new name is held, too: %+v", outcome)
	}
}

func TestANamespaceThatMayNotUseTheIssuer(t *testing.T) {
	finding := there(resolver.Ready)
	finding.Namespaces = []string{"infra"}
	seen := issuerCluster{findings: map[resolver.IssuerKey]resolver.Finding{clusterIssuer("ca"): finding}}
	policy, object := shippedPolicy(t), ingressWith(issuerKeys("", "ca", "", ""))
	outcome := certshim.Decide(policy, object, seen)
	p := oneProblem(t, outcome)
	if action(t, outcome) != certificate.Refuse || p.Reason != problem.IssuerNotAllowed || p.Severity != problem.Error || strings.Contains(p.Message, "infra") {
		t.Errorf("got %+v, %+v", p, outcome)
	}
	seen.web = &certificate.Observed{
		Namespace: "shop", Name: "web-tls", UID: "c", Secret: "web-tls", Flags: certificate.Applied,
		Owner: certificate.Owner{Group: "networking.k8s.io", Kind: "Ingress", Name: "web", UID: "u"},
	}
	if outcome := certshim.Decide(policy, object, seen); action(t, outcome) != certificate.Keep {
		t.Errorf("an existing one: %s", action(t, outcome))
	}
	finding.Namespaces = []string{"infra", "shop"}
	seen.findings[clusterIssuer("ca")], seen.web = finding, nil
	if outcome := certshim.Decide(policy, object, seen); action(t, outcome) != certificate.Create {
		t.Errorf("one that may: %s", action(t, outcome))
	}
}

// A resolver that has said nothing yet, and may set values, holds up creations alone.
func TestAResolverThatHasNotAnsweredHoldsCreations(t *testing.T) {
	policy, object := shippedPolicy(t), ingressWith(issuerKeys("", "ca", "", ""))
	first := certshim.Decide(policy, object, issuerCluster{findings: map[resolver.IssuerKey]resolver.Finding{clusterIssuer("ca"): there(resolver.Ready)}})
	held := resolver.Finding{State: resolver.Never, Hold: true, By: "plugin/corp-ca"}
	seen := issuerCluster{findings: map[resolver.IssuerKey]resolver.Finding{clusterIssuer("ca"): held}}
	outcome := certshim.Decide(policy, object, seen)
	if action(t, outcome) != certificate.Wait || !outcome.Problems.Empty() || len(outcome.Awaits) != 1 || outcome.HeldBy != "plugin/corp-ca" {
		t.Errorf("a moment of silence is told: %+v", outcome)
	}
	held.Overdue = true
	seen.findings[clusterIssuer("ca")] = held
	outcome = certshim.Decide(policy, object, seen)
	if action(t, outcome) != certificate.Wait || oneProblem(t, outcome).Reason != problem.IssuerResolverUnavailable || len(outcome.Awaits) != 1 {
		t.Errorf("got %+v", outcome)
	}
	seen.web = written(t, first)
	if outcome := certshim.Decide(policy, object, seen); action(t, outcome) != certificate.None || !outcome.Problems.Empty() || outcome.HeldBy != "" {
		t.Errorf("an existing one: %s", action(t, outcome))
	}
	held.State = resolver.Stale
	seen.findings[clusterIssuer("ca")], seen.web = held, nil
	if outcome := certshim.Decide(policy, object, seen); action(t, outcome) != certificate.Create {
		t.Errorf("one that has answered once: %s", action(t, outcome))
	}
}

func ruled(rules resolver.Constraints) issuerCluster {
	finding := there(resolver.Ready)
	finding.Constraints = rules
	return issuerCluster{findings: map[resolver.IssuerKey]resolver.Finding{clusterIssuer("ca"): finding}}
}

func TestWhatTheIssuerCantSign(t *testing.T) {
	refuses := ruled(resolver.Constraints{CommonName: &resolver.CommonNameRule{Must: resolver.NameRequired, Verdict: resolver.Refuse}})
	warns := ruled(resolver.Constraints{Durations: &resolver.DurationRule{Ignored: true, Verdict: resolver.Warn}})
	policy := shippedPolicy(t)
	plain := ingressWith(issuerKeys("", "ca", "", ""))
	lasting := ingressWith(issuerKeys("", "ca", "", ""))
	lasting.Annotations["cert-manager.io/duration"] = "720h"

	outcome := certshim.Decide(policy, plain, refuses)
	p := oneProblem(t, outcome)
	if action(t, outcome) != certificate.Refuse || outcome.Certificates[0].Config != nil || p.Severity != problem.Error || len(outcome.Awaits) != 1 ||
		p.Reason != problem.IssuerCannotIssue || p.Key != "cert-manager.io/common-name" || p.Lines != `  cert-manager.io/common-name: "shop.example.com"` {
		t.Errorf("what can never work: %s, %+v", action(t, outcome), p)
	}

	outcome = certshim.Decide(policy, lasting, warns)
	p = oneProblem(t, outcome)
	if action(t, outcome) != certificate.Create || p.Severity != problem.Warning || p.Reason != problem.IssuerMayRefuse || p.Key != "cert-manager.io/duration" || p.Value != "720h" {
		t.Errorf("what probably doesn't: %s, %+v", action(t, outcome), p)
	}

	sized := ingressWith(issuerKeys("", "ca", "", ""))
	sized.Annotations["cert-manager.io/private-key-size"] = "3072"
	keys := ruled(resolver.Constraints{Keys: &resolver.KeyRule{Allowed: []resolver.Key{{Algorithm: "RSA", Sizes: []int{4096}}}}})
	if p := oneProblem(t, certshim.Decide(policy, sized, keys)); p.Key != "cert-manager.io/private-key-size" || p.Value != "RSA 3072" {
		t.Errorf("a size: %+v", p)
	}

	first := certshim.Decide(policy, plain, ruled(resolver.Constraints{}))
	refuses.web = written(t, first)
	outcome = certshim.Decide(policy, plain, refuses)
	if action(t, outcome) != certificate.None || oneProblem(t, outcome).Severity != problem.Warning {
		t.Errorf("one that is as it should be: %s, %v", action(t, outcome), outcome.Problems.All())
	}
	outcome = certshim.Decide(policy, lasting, refuses)
	if action(t, outcome) != certificate.Keep || outcome.Certificates[0].Config != nil || oneProblem(t, outcome).Severity != problem.Error {
		t.Errorf("a change of one that exists: %s, %v", action(t, outcome), outcome.Problems.All())
	}
}

// A CRD that is installed later redirects no Certificate that exists.
func TestACompletionSticksToTheCertificateThatExists(t *testing.T) {
	shipped, err := resolver.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	policy := shippedPolicy(t)
	for _, group := range []string{"a.example.com", "b.example.com"} {
		shipped = append(shipped, resolver.Entry{
			ID: group, Group: group, Versions: []string{"v1"}, Level: resolver.LevelOperator,
			Kinds: []resolver.KindEntry{{Kind: "CorpIssuer", Resource: "corpissuers", Scope: resolver.Namespaced}},
		})
	}
	if policy.Registry, err = resolver.NewRegistry(resolver.Defaults{}, shipped); err != nil {
		t.Fatal(err)
	}
	object := ingressWith(issuerKeys("corp", "", "CorpIssuer", ""))
	if outcome := certshim.Decide(policy, object, emptyCluster{}); action(t, outcome) != certificate.Refuse || !outcome.AwaitsKinds {
		t.Errorf("an ambiguous kind: %+v", outcome)
	}
	seen := issuerCluster{web: &certificate.Observed{
		Namespace: "shop", Name: "web-tls", UID: "c", Secret: "web-tls", Flags: certificate.Applied,
		Issuer: resolver.Ref{Group: "b.example.com", Kind: "CorpIssuer", Name: "corp"},
		Owner:  certificate.Owner{Group: "networking.k8s.io", Kind: "Ingress", Name: "web", UID: "u"},
	}}
	if outcome := certshim.Decide(policy, object, seen); outcome.Issuer.Group != "b.example.com" {
		t.Errorf("it doesn't stick: %+v", outcome.Issuer)
	}
}
