package certshim_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

func clusterIssuer(name string) resolver.IssuerKey {
	return resolver.IssuerKey{GroupKind: resolver.GroupKind{Group: "cert-manager.io", Kind: "ClusterIssuer"}, Name: name}
}

func issuerHere(name string) resolver.IssuerKey {
	return resolver.IssuerKey{GroupKind: resolver.GroupKind{Group: "cert-manager.io", Kind: "Issuer"}, Namespace: "shop", Name: name}
}

// there is what a plugin says of an issuer that is there.
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
	outcome := newIssued(t, shippedPolicy(t), clusterIssuer("ca")).ask(ingressWith(issuerKeys("", "ca", "", "")))
	if action(t, outcome) != certificate.Create || !outcome.Problems.Empty() {
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
			outcome := newIssued(t, shippedPolicy(t), row.there...).ask(ingressWith(row.keys))
			p := oneProblem(t, outcome)
			if action(t, outcome) != certificate.Create || p.Severity != problem.Warning || p.Reason != problem.IssuerNotFound || p.Lines != row.lines {
				t.Errorf("%s, and %+v", action(t, outcome), p)
			}
		})
	}
}

// An issuer of the name that is of another group is what was probably meant.
func TestAMissingIssuerThatIsOfAnotherGroup(t *testing.T) {
	pool := resolver.IssuerKey{GroupKind: resolver.GroupKind{Group: "cas-issuer.jetstack.io", Kind: "GoogleCASClusterIssuer"}, Name: "pool-issuer"}
	const lines = "  cert-manager.io/issuer: pool-issuer\n  cert-manager.io/issuer-kind: GoogleCASClusterIssuer\n  cert-manager.io/issuer-group: cas-issuer.jetstack.io"
	c := newIssued(t, shippedPolicy(t))
	object := ingressWith(issuerKeys("", "pool-issuer", "", ""))
	if p := oneProblem(t, c.ask(object)); p.Lines != "" {
		t.Errorf("before it is there: %+v", p)
	}
	c.woken()
	if c.issuer(pool, "True"); !slices.Equal(c.woken(), []string{"web"}) {
		t.Error("once it is there, nobody is woken")
	}
	outcome := c.ask(object)
	if p := oneProblem(t, outcome); action(t, outcome) != certificate.Create || p.Reason != problem.IssuerNotFound || p.Lines != lines ||
		!strings.Contains(p.Message, "there is a GoogleCASClusterIssuer pool-issuer of group cas-issuer.jetstack.io") {
		t.Errorf("got %+v", p)
	}
	policy := shippedPolicy(t)
	policy.Offline = true
	offline := newCluster(t, policy)
	if outcome := offline.ask(object); !outcome.Problems.Empty() {
		t.Errorf("offline, without one: %v", outcome.Problems.All())
	}
	offline.issuer(pool, "True")
	if p := oneProblem(t, offline.ask(object)); p.Severity != problem.Warning || p.Lines != lines || !strings.Contains(p.Message, "the input has no ClusterIssuer pool-issuer") {
		t.Errorf("offline: %+v", p)
	}
	own := ingressWith(issuerKeys("", "team", "", ""))
	offline.issuer(resolver.IssuerKey{GroupKind: resolver.GroupKind{Group: "cert-manager.io", Kind: "Issuer"}, Namespace: "shop", Name: "team"}, "True")
	if p := oneProblem(t, offline.ask(own)); !strings.Contains(p.Message, "the input has no ClusterIssuer team, but an Issuer team in this namespace") {
		t.Errorf("offline, another kind of the group: %+v", p)
	}
	offline.issuer(clusterIssuer("pool-issuer"), "True")
	if outcome := offline.ask(object); !outcome.Problems.Empty() {
		t.Errorf("offline, with both: %v", outcome.Problems.All())
	}
}

func corpKind() resolver.GroupKind {
	return resolver.GroupKind{Group: "pki.corp.example", Kind: "CorpClusterIssuer"}
}

// newServed serves an issuer kind that no type declares, and has an issuer of it.
func newServed(t *testing.T) *cluster {
	t.Helper()
	c := newCluster(t, shippedPolicy(t))
	c.Serve(serving(corpKind()), nil)
	c.Know(corpKind(), inventory.Whole)
	c.issuer(resolver.IssuerKey{GroupKind: corpKind(), Name: "corp"}, "True")
	return c
}

// serving is a discovery of these kinds, all of the cluster.
func serving(kinds ...resolver.GroupKind) inventory.Served {
	var lists []*metav1.APIResourceList
	for _, kind := range kinds {
		lists = append(lists, &metav1.APIResourceList{GroupVersion: kind.Group + "/v1", APIResources: []metav1.APIResource{
			{Name: strings.ToLower(kind.Kind) + "s", Kind: kind.Kind, Verbs: metav1.Verbs{"get", "list", "watch"}},
		}})
	}
	return inventory.ReadDiscovery(lists, nil, nil)
}

// What discovery found is what a wrong annotation may have meant, and its issuers are known as
// others are.
func TestAKindThatNobodyDeclares(t *testing.T) {
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
			outcome := newServed(t).ask(ingressWith(row.keys))
			if p := oneProblem(t, outcome); action(t, outcome) != row.action || p.Reason != row.reason || p.Lines != row.lines {
				t.Errorf("%s, and %+v", action(t, outcome), p)
			}
		})
	}
	known := newServed(t).ask(ingressWith(issuerKeys("corp", "", "CorpClusterIssuer", "pki.corp.example")))
	if !known.Problems.Empty() || known.Issuer.Scope != resolver.Cluster {
		t.Errorf("written in full: %+v", known)
	}
}

// An issuer of which nothing is known blocks nothing, and is waited for.
func TestAnIssuerOfWhichNothingIsKnown(t *testing.T) {
	c := newCluster(t, shippedPolicy(t))
	outcome := c.ask(ingressWith(issuerKeys("", "ca", "", "")))
	if action(t, outcome) != certificate.Create || !outcome.Problems.Empty() {
		t.Errorf("got %+v", outcome)
	}
	c.woken()
	if c.wake(c.Know(clusterIssuer("").GroupKind, inventory.Whole)); !slices.Equal(c.woken(), []string{"web"}) {
		t.Error("it isn't waited for")
	}
}

func TestAKindThatIsNotInstalledBlocksNothing(t *testing.T) {
	c := newCluster(t, shippedPolicy(t))
	c.Serve(serving(clusterIssuer("").GroupKind), nil)
	outcome := c.ask(ingressWith(issuerKeys("ca", "", "StepIssuer", "certmanager.step.sm")))
	p := oneProblem(t, outcome)
	if action(t, outcome) != certificate.Create || p.Reason != problem.IssuerKindNotInstalled {
		t.Errorf("got %+v, %+v", p, outcome)
	}
}

// What a ClusterIssuer says of itself may be kept from those who can't read it; what an Issuer
// of their own namespace says is theirs.
func TestTheStatusOfAClusterIssuerCanBeHidden(t *testing.T) {
	policy := shippedPolicy(t)
	policy.HideIssuerStatus = true
	for name, row := range map[string]struct {
		issuer resolver.IssuerKey
		keys   map[string]string
		quoted bool
	}{
		"a ClusterIssuer": {clusterIssuer("ca"), issuerKeys("", "ca", "", ""), false},
		"an Issuer":       {issuerHere("ca"), issuerKeys("ca", "", "", ""), true},
	} {
		c := newIssued(t, policy)
		c.issuer(row.issuer, "False", "Sealed", "the vault is sealed")
		p := oneProblem(t, c.ask(ingressWith(row.keys)))
		if p.Reason != problem.IssuerNotReady || strings.Contains(p.Message, "sealed") != row.quoted {
			t.Errorf("%s: got %+v", name, p)
		}
	}
}

func TestAnIssuerThatIsNotReadyIsToldOnceAtTheWrite(t *testing.T) {
	c, object := newIssued(t, shippedPolicy(t)), ingressWith(issuerKeys("", "ca", "", ""))
	c.issuer(clusterIssuer("ca"), "False", "Sealed", "the vault is sealed")
	outcome := c.ask(object)
	p := oneProblem(t, outcome)
	if action(t, outcome) != certificate.Create || p.Reason != problem.IssuerNotReady || p.Severity != problem.Warning ||
		!strings.Contains(p.Message, `"Sealed: the vault is sealed"`) {
		t.Errorf("got %+v, %+v", p, outcome)
	}
	c.woken()
	if c.issuer(clusterIssuer("ca"), "True"); !slices.Equal(c.woken(), []string{"web"}) {
		t.Error("once it is ready, nobody is woken")
	}
	c.carryOut(outcome)
	c.issuer(clusterIssuer("ca"), "False")
	again := c.ask(object)
	if action(t, again) != certificate.None || !again.Problems.Empty() {
		t.Errorf("once it is written: %+v", again)
	}
	c.woken()
	if c.issuer(clusterIssuer("ca"), "True"); len(c.woken()) > 0 {
		t.Error("its readiness is asked for although nothing is written")
	}
}

func TestWhatAPluginSaysOfReadinessIsQuoted(t *testing.T) {
	finding := there(resolver.NotReady)
	finding.Reason, finding.Message = "Sealed", "the vault is\nsealed"
	c := newIssued(t, shippedPolicy(t), clusterIssuer("ca"))
	c.say(clusterIssuer("ca"), finding)
	if p := oneProblem(t, c.ask(ingressWith(issuerKeys("", "ca", "", "")))); !strings.Contains(p.Message, `"Sealed: the vault is\nsealed"`) {
		t.Errorf("got %+v", p)
	}
}

// A redirect to an issuer that is known to be missing waits, unless the present one is
// missing as well. Whatever else is asked for goes on.
func TestARedirectToAMissingIssuerWaits(t *testing.T) {
	oldIsThere := func(t *testing.T) *cluster {
		t.Helper()
		c := newIssued(t, shippedPolicy(t), clusterIssuer("old"))
		c.carryOut(c.ask(ingressWith(issuerKeys("", "old", "", ""))))
		return c
	}
	for name, row := range map[string]struct {
		change func(*cluster)
		want   certificate.Action
		issuer string
		// unready is set where the new one isn't ready, which is reported at the write.
		unready bool
	}{
		"the new one is there":     {func(c *cluster) { c.issuer(clusterIssuer("new"), "True") }, certificate.Apply, "new", false},
		"the new one is missing":   {func(*cluster) {}, certificate.None, "old", false},
		"the old one is unready":   {func(c *cluster) { c.issuer(clusterIssuer("old"), "False") }, certificate.None, "old", false},
		"both are missing":         {func(c *cluster) { c.dropIssuer(clusterIssuer("old")) }, certificate.Apply, "new", false},
		"the new one is not known": {func(c *cluster) { c.Know(clusterIssuer("").GroupKind, inventory.Unread) }, certificate.Apply, "new", false},
		"the new one isn't ready":  {func(c *cluster) { c.issuer(clusterIssuer("new"), "False") }, certificate.Apply, "new", true},
	} {
		t.Run(name, func(t *testing.T) {
			c := oldIsThere(t)
			row.change(c)
			outcome := c.ask(ingressWith(issuerKeys("", "new", "", "")))
			if decided := outcome.Certificates[0]; decided.Action != row.want || issuerOf(decided) != row.issuer {
				t.Errorf("%s with the issuer %v: %v", decided.Action, issuerOf(decided), outcome.Problems.All())
			}
			notReady := slices.ContainsFunc(outcome.Problems.All(), func(p problem.Problem) bool { return p.Reason == problem.IssuerNotReady })
			if notReady != row.unready {
				t.Errorf("reported as not ready: %v", notReady)
			}
		})
	}
	outcome := oldIsThere(t).ask(ingressWith(issuerKeys("", "new", "", ""), "shop.example.com", "www.example.com"))
	if action(t, outcome) != certificate.Apply || !strings.Contains(oneProblem(t, outcome).Message, "web-tls with ClusterIssuer old") {
		t.Errorf("a new name is held, too: %+v", outcome)
	}
}

func TestANamespaceThatMayNotUseTheIssuer(t *testing.T) {
	finding := there(resolver.Ready)
	finding.Namespaces = []string{"infra"}
	c, object := newIssued(t, shippedPolicy(t), clusterIssuer("ca")), ingressWith(issuerKeys("", "ca", "", ""))
	c.say(clusterIssuer("ca"), finding)
	outcome := c.ask(object)
	p := oneProblem(t, outcome)
	if action(t, outcome) != certificate.Refuse || p.Reason != problem.IssuerNotAllowed || p.Severity != problem.Error || strings.Contains(p.Message, "infra") {
		t.Errorf("got %+v, %+v", p, outcome)
	}
	finding.Namespaces = []string{"infra", "shop"}
	c.woken()
	if c.say(clusterIssuer("ca"), finding); !slices.Equal(c.woken(), []string{"web"}) {
		t.Error("once it may, nobody is woken")
	}
	outcome = c.ask(object)
	if action(t, outcome) != certificate.Create {
		t.Errorf("one that may: %s", action(t, outcome))
	}
	c.carryOut(outcome)
	finding.Namespaces = []string{"infra"}
	c.say(clusterIssuer("ca"), finding)
	if outcome := c.ask(object); action(t, outcome) != certificate.Keep {
		t.Errorf("an existing one: %s", action(t, outcome))
	}
}

// A resolver that has said nothing yet, and may set values, holds up creations alone.
func TestAResolverThatHasNotAnsweredHoldsCreations(t *testing.T) {
	object := ingressWith(issuerKeys("", "ca", "", ""))
	c := newIssued(t, shippedPolicy(t), clusterIssuer("ca"))
	first := c.ask(object)
	held := resolver.Finding{State: resolver.Never, Hold: true, By: "plugin/corp-ca"}
	c.say(clusterIssuer("ca"), held)
	outcome := c.ask(object)
	if action(t, outcome) != certificate.Wait || !outcome.Problems.Empty() || outcome.HeldBy != "plugin/corp-ca" {
		t.Errorf("a moment of silence is reported: %+v", outcome)
	}
	held.Overdue = true
	c.say(clusterIssuer("ca"), held)
	outcome = c.ask(object)
	if action(t, outcome) != certificate.Wait || oneProblem(t, outcome).Reason != problem.IssuerResolverUnavailable {
		t.Errorf("got %+v", outcome)
	}
	stale := held
	stale.State = resolver.Stale
	c.say(clusterIssuer("ca"), stale)
	if outcome := c.ask(object); action(t, outcome) != certificate.Create {
		t.Errorf("one that has answered once: %s", action(t, outcome))
	}
	c.carryOut(first)
	c.say(clusterIssuer("ca"), held)
	if outcome := c.ask(object); action(t, outcome) != certificate.None || !outcome.Problems.Empty() || outcome.HeldBy != "" {
		t.Errorf("an existing one: %s", action(t, outcome))
	}
}

// Whether an issuer exists is the cluster's to say: a plugin that calls one missing that is there
// lifts no rule.
func TestAPluginThatDeniesAnIssuerHasNotAnswered(t *testing.T) {
	denied := resolver.Finding{State: resolver.Fresh, By: "plugin/corp-ca", Hold: true, Statement: resolver.Statement{Existence: resolver.Missing}}
	object := ingressWith(issuerKeys("", "ca", "", ""))
	c := newIssued(t, shippedPolicy(t), clusterIssuer("ca"))
	c.say(clusterIssuer("ca"), denied)
	if outcome := c.ask(object); action(t, outcome) != certificate.Wait || outcome.HeldBy != "plugin/corp-ca" || !outcome.Problems.Empty() {
		t.Errorf("held: %+v", outcome)
	}
	late := denied
	late.Overdue = true
	c.say(clusterIssuer("ca"), late)
	if p := oneProblem(t, c.ask(object)); p.Reason != problem.IssuerResolverUnavailable || !strings.Contains(p.Message, "says that the issuer is missing, but the cluster has it") {
		t.Errorf("it is told as %+v", p)
	}
	proceeds := denied
	proceeds.Hold = false
	c.say(clusterIssuer("ca"), proceeds)
	if outcome := c.ask(object); action(t, outcome) != certificate.Create || !outcome.Problems.Empty() {
		t.Errorf("not held: %+v", outcome)
	}
	c.say(clusterIssuer("ca"), denied)
	c.dropIssuer(clusterIssuer("ca"))
	if p := oneProblem(t, c.ask(object)); p.Reason != problem.IssuerNotFound {
		t.Errorf("where both say so: %+v", p)
	}
	c = newCluster(t, shippedPolicy(t))
	c.say(clusterIssuer("ca"), denied)
	if p := oneProblem(t, c.ask(object)); p.Reason != problem.IssuerNotFound {
		t.Errorf("where the cluster can't be read: %+v", p)
	}
}

// What changes in a plugin's answer is decided anew for every source of the issuer, whether it had a
// problem or not.
func TestAnotherAnswerOfAPluginReachesAllItsSources(t *testing.T) {
	c := newIssued(t, shippedPolicy(t), clusterIssuer("ca"), clusterIssuer("other"))
	c.say(clusterIssuer("ca"), there(resolver.Ready))
	ask := func(name, issuer, duration string) certshim.Outcome {
		object := also(ingressWith(issuerKeys("", issuer, "", "")), "duration", duration)
		object.SetName(name)
		if err := unstructured.SetNestedSlice(object.Object, []any{map[string]any{"hosts": []any{name + ".example.com"}, "secretName": name}}, "spec", "tls"); err != nil {
			t.Fatal(err)
		}
		return c.ask(object)
	}
	for _, source := range [][3]string{{"bad", "ca", "90d"}, {"long", "ca", "720h"}, {"short", "ca", "24h"}, {"else", "other", "720h"}} {
		c.carryOut(ask(source[0], source[1], source[2]))
	}
	for _, source := range [][3]string{{"long", "ca", "720h"}, {"short", "ca", "24h"}, {"else", "other", "720h"}} {
		if outcome := ask(source[0], source[1], source[2]); action(t, outcome) != certificate.None || !outcome.Problems.Empty() {
			t.Fatalf("%s isn't settled: %+v", source[0], outcome)
		}
	}
	narrow := limited(resolver.Constraints{Durations: &resolver.DurationRule{Max: 100 * time.Hour, Verdict: resolver.Refuse}})
	for _, finding := range []resolver.Finding{narrow, there(resolver.Ready), {State: resolver.Never, Hold: true}, narrow} {
		c.woken()
		c.say(clusterIssuer("ca"), finding)
		if got := c.woken(); !slices.Equal(got, []string{"bad", "long", "short"}) {
			t.Errorf("%+v wakes %v", finding, got)
		}
	}
	if p := oneProblem(t, ask("long", "ca", "720h")); p.Reason != problem.IssuerCannotIssue {
		t.Errorf("got %+v", p)
	}
}

// limited is what a plugin says of an issuer with these rules.
func limited(rules resolver.Constraints) resolver.Finding {
	finding := there(resolver.Ready)
	finding.Constraints = rules
	return finding
}

func TestWhatTheIssuerCantSign(t *testing.T) {
	ruled := func(rules resolver.Constraints) *cluster {
		c := newIssued(t, shippedPolicy(t), clusterIssuer("ca"))
		c.say(clusterIssuer("ca"), limited(rules))
		return c
	}
	named := resolver.Constraints{CommonName: &resolver.CommonNameRule{Must: resolver.NameRequired, Verdict: resolver.Refuse}}
	refuses := ruled(named)
	warns := ruled(resolver.Constraints{Durations: &resolver.DurationRule{Ignored: true, Verdict: resolver.Warn}})
	plain := ingressWith(issuerKeys("", "ca", "", ""))
	lasting := also(ingressWith(issuerKeys("", "ca", "", "")), "duration", "720h")

	outcome := refuses.ask(plain)
	p := oneProblem(t, outcome)
	if action(t, outcome) != certificate.Refuse || outcome.Certificates[0].Config != nil || p.Severity != problem.Error ||
		p.Reason != problem.IssuerCannotIssue || p.Key != "cert-manager.io/common-name" || p.Lines != `  cert-manager.io/common-name: "shop.example.com"` {
		t.Errorf("what can never work: %s, %+v", action(t, outcome), p)
	}

	outcome = warns.ask(lasting)
	p = oneProblem(t, outcome)
	if action(t, outcome) != certificate.Create || p.Severity != problem.Warning || p.Reason != problem.IssuerMayRefuse || p.Key != "cert-manager.io/duration" || p.Value != "720h" {
		t.Errorf("what probably doesn't: %s, %+v", action(t, outcome), p)
	}

	keys := ruled(resolver.Constraints{Keys: &resolver.KeyRule{Allowed: []resolver.Key{{Algorithm: "RSA", Sizes: []int{4096}}}}})
	sized := also(ingressWith(issuerKeys("", "ca", "", "")), "private-key-size", "3072")
	if p := oneProblem(t, keys.ask(sized)); p.Key != "cert-manager.io/private-key-size" || p.Value != "3072" {
		t.Errorf("a size: %+v", p)
	}

	only := ruled(resolver.Constraints{SANs: &resolver.SANRule{Allowed: []resolver.SANKind{resolver.DNSName}}})
	for key, value := range map[string]string{"email-sans": "ops@example.com", "ip-sans": "192.0.2.1"} {
		p := oneProblem(t, only.ask(also(ingressWith(issuerKeys("", "ca", "", "")), key, value)))
		if p.Key != "cert-manager.io/"+key || p.Value != value {
			t.Errorf("a kind of name: %+v", p)
		}
	}
	if p := oneProblem(t, only.ask(ingressWith(issuerKeys("", "ca", "", ""), "192.0.2.1"))); p.Key != "" || p.Path != "spec.tls[0]" || p.Value != "192.0.2.1" {
		t.Errorf("an address among the hosts: %+v", p)
	}

	refuses.say(clusterIssuer("ca"), limited(resolver.Constraints{}))
	refuses.carryOut(refuses.ask(plain))
	refuses.say(clusterIssuer("ca"), limited(named))
	outcome = refuses.ask(plain)
	if action(t, outcome) != certificate.None || oneProblem(t, outcome).Severity != problem.Warning {
		t.Errorf("one that is as it should be: %s, %v", action(t, outcome), outcome.Problems.All())
	}
	outcome = refuses.ask(lasting)
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
		shipped = append(shipped, resolver.IssuerType{
			ID: group, Group: group, Versions: []string{"v1"}, Level: resolver.LevelOperator,
			Kinds: []resolver.DeclaredKind{{Kind: "CorpIssuer", Resource: "corpissuers", Scope: resolver.Namespaced}},
		})
	}
	if policy.Registry, err = resolver.NewRegistry(resolver.Defaults{}, shipped); err != nil {
		t.Fatal(err)
	}
	c, object := newCluster(t, policy), ingressWith(issuerKeys("corp", "", "CorpIssuer", ""))
	if outcome := c.ask(object); action(t, outcome) != certificate.Refuse {
		t.Errorf("an ambiguous kind: %+v", outcome)
	}
	c.store(foreign("web-tls", "web-tls", ownedBy(keyOf(object)), withIssuer(resolver.Ref{Group: "b.example.com", Kind: "CorpIssuer", Name: "corp"})))
	if outcome := c.ask(object); outcome.Issuer.Group != "b.example.com" {
		t.Errorf("it doesn't stick: %+v", outcome.Issuer)
	}
}
