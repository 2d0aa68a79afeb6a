package configuration_test

import (
	"strings"
	"testing"
	"time"

	"github.com/certshim/certshim/configuration"
)

const pluginConfiguration = `apiVersion: certshim.io/v1alpha1
kind: ControllerConfiguration
resolvers:
  plugins:
  - name: corp-ca
    socket: /run/certshim/corp-ca/plugin.sock
    uid: 65532
    timeout: 1s
    onUnavailable: Proceed
    grant:
      kinds:
      - {group: pki.corp.example, kind: CorpIssuer, resource: corpissuers, versions: [v1], scope: Namespaced}
      observe: Status
      defaults: [usages, privateKey]
      mayRefuse: true
      annotations: [pki.corp.example/]
`

func TestPluginsInTheConfiguration(t *testing.T) {
	c, err := configuration.Load([]byte(pluginConfiguration), "c.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p := c.Resolvers.Plugins[0]
	if p.Name != "corp-ca" || *p.UID != 65532 || p.Timeout != time.Second || p.Grant.Kinds[0].Versions[0] != "v1" || !p.Grant.MayRefuse {
		t.Errorf("got %+v", p)
	}
	for name, c := range map[string]struct{ old, changed, want string }{
		"misspelt field": {"mayRefuse", "mayrefuse", `c.yaml:15: unknown field "resolvers.plugins[0].grant.mayrefuse", did you mean "mayRefuse"?`},
		"name":           {"name: corp-ca", "name: Corp CA", `c.yaml:5: resolvers.plugins[0].name: "Corp CA" is no DNS label`},
		"socket":         {"/run/certshim", "run/certshim", "absolute path"},
		"long socket":    {"/run/certshim", "/run/" + strings.Repeat("x", 100), "at most 107"},
		"timeout":        {"timeout: 1s", "timeout: 1ms", "resolvers.plugins[0].timeout: 1ms, must be 100ms to 10s"},
		"unavailable":    {"Proceed", "proceed", `onUnavailable: "proceed" is none of Hold, Proceed, did you mean "Proceed"?`},
		"observe":        {"observe: Status", "observe: All", `grant.observe: "All" is none of None, Status, Full`},
		"default":        {"privateKey", "subject", `grant.defaults[1]: "subject" is none of`},
		"scope":          {"scope: Namespaced", "scope: namespaced", `resolvers.plugins[0].grant.kinds[0].scope: "namespaced" is none of Namespaced, Cluster`},
		"group":          {"group: pki.corp.example", "group: pki.corp.example/v1", "resolvers.plugins[0].grant.kinds[0].group:"},
		"resource":       {"resource: corpissuers, ", "", "resolvers.plugins[0].grant.kinds[0].resource:"},
		"versions":       {"versions: [v1], ", "", "resolvers.plugins[0].grant.kinds[0].versions: it names no version"},
		"kind":           {"kind: CorpIssuer", "kind: corpIssuer", "resolvers.plugins[0].grant.kinds[0].kind:"},
		"a kind twice":   {"      observe:", "      - {group: pki.corp.example, kind: CorpIssuer, resource: cis, versions: [v1], scope: Cluster}\n      observe:", "c.yaml:13: resolvers.plugins[0].grant.kinds[1]: CorpIssuer of group pki.corp.example is listed twice"},
		"annotation":     {"[pki.corp.example/]", "[cert-manager.io/]", "never copied"},
	} {
		_, err := configuration.Load([]byte(strings.Replace(pluginConfiguration, c.old, c.changed, 1)), "c.yaml")
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
}
