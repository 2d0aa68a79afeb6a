package inventory

import (
	"slices"
	"strings"
	"testing"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

const proxyType = `apiVersion: certshim.io/v1alpha1
kind: SourceType
metadata: {name: proxy}
spec:
  group: proxy.example.com
  kind: Proxy
  resource: proxies
  versions: [v2, v1]
  entries: 'object.spec.servers.map(s, {"hosts": s.hosts, "secretName": s.secret})'
`

const goodProxy = `apiVersion: proxy.example.com/v1
kind: Proxy
metadata: {name: web, annotations: {cert-manager.io/issuer: ca}}
spec: {servers: [{hosts: [a.example.com], secret: a}, {hosts: [b.example.com], secret: b}]}
`

// brokenProxy is one whose expression fails.
var brokenProxy = strings.Replace(goodProxy, "secret: b}", "sceret: b}", 1)

func newProxies(t *testing.T) *shop {
	t.Helper()
	of, err := source.DecodeType([]byte(proxyType), "proxy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	kind, err := source.Declared(of, nil)
	if err != nil {
		t.Fatal(err)
	}
	return newShop(t, Options{}, func(policy *certshim.Policy) {
		policy.Kinds = source.NewKinds(append(slices.Clone(policy.Kinds.All()), kind)...)
	})
}

// decided gives the actions for each Certificate of the proxy, and the errors.
func (s *shop) decided() (actions map[string]certificate.Action, errors []string) {
	s.Helper()
	outcome, _ := s.decide(NewKey(source.GroupKind{Group: "proxy.example.com", Kind: "Proxy"}, "shop", "web"))
	actions = map[string]certificate.Action{}
	for _, d := range outcome.Certificates {
		actions[d.Name] = d.Action
	}
	for _, p := range outcome.Problems.All() {
		if p.Severity == problem.Error {
			errors = append(errors, p.Message)
		}
	}
	return actions, errors
}

const failsWith = `the source type proxy can't tell what the object asks for: character 62: no such key: secret; `

func TestAFailedExpressionKeepsTheLastEntries(t *testing.T) {
	s := newProxies(t)
	s.put(goodProxy)
	actions, errors := s.decided()
	if len(actions) != 2 || actions["a"] != certificate.Create || len(errors) > 0 {
		t.Fatalf("got %v, %v", actions, errors)
	}
	s.put(brokenProxy)
	actions, errors = s.decided()
	if len(actions) != 2 || actions["a"] != certificate.Create || actions["b"] != certificate.Create {
		t.Errorf("the last entries should count, got %v", actions)
	}
	if want := []string{failsWith + "what it asked for before counts"}; !slices.Equal(errors, want) {
		t.Errorf("got %q\nwant %q", errors, want)
	}
	// Once more, and then mended.
	s.put(strings.Replace(brokenProxy, "[a.example.com]", "[c.example.com]", 1))
	if actions, _ = s.decided(); len(actions) != 2 {
		t.Errorf("the last entries should count still, got %v", actions)
	}
	s.put(strings.Replace(goodProxy, ", {hosts: [b.example.com], secret: b}", "", 1))
	if actions, errors = s.decided(); len(actions) != 1 || len(errors) > 0 {
		t.Errorf("got %v, %v", actions, errors)
	}
}

// An object of another uid is another object, and so has no last entries.
func TestAFailedExpressionKeepsNothingOfAnotherObject(t *testing.T) {
	s := newProxies(t)
	s.put(goodProxy)
	s.put(strings.Replace(brokenProxy, "{name: web,", "{name: web, uid: another,", 1))
	actions, errors := s.decided()
	if want := []string{failsWith + "its Certificates stay as they are"}; len(actions) > 0 || !slices.Equal(errors, want) {
		t.Errorf("got %v, %q\nwant %q", actions, errors, want)
	}
}

func TestAFailedExpressionFromTheStartKeepsWhatThereIs(t *testing.T) {
	s := newProxies(t)
	s.put(brokenProxy)
	s.show(certificate.Observed{
		Namespace: "shop", Name: "a", UID: "uid-a", Secret: "a",
		Owner: certificate.Owner{UID: "uid-web", Group: "proxy.example.com", Kind: "Proxy", Name: "web"},
	})
	actions, errors := s.decided()
	if len(actions) != 1 || actions["a"] != certificate.Keep {
		t.Errorf("got %v, want a kept", actions)
	}
	if want := []string{failsWith + "its Certificates stay as they are"}; !slices.Equal(errors, want) {
		t.Errorf("got %q\nwant %q", errors, want)
	}
}

// Who asks for nothing hears of nothing.
func TestAFailedExpressionIsNotToldWithoutATrigger(t *testing.T) {
	s := newProxies(t)
	quiet := strings.Replace(brokenProxy, "{cert-manager.io/issuer: ca}", "{}", 1)
	s.put(quiet)
	if actions, errors := s.decided(); len(actions)+len(errors) > 0 {
		t.Errorf("got %v, %q", actions, errors)
	}
}
