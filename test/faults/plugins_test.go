package faults

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/plugins/plugintest/faulty"
	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/crds"
	"github.com/certshim/certshim/test/process"
)

// The plugin of an in-house CA dies, hangs, isn't there when certshim starts, or is replaced by one that is wrong, while sources are
// edited. What has an answer already goes on, sources of other issuers do, and what asks for an issuer that nobody was asked about
// before has to wait.
func TestAPluginThatFails(t *testing.T) {
	program := inHouseCA(t)
	fails := map[string]func(*inHouse, *testing.T){
		"killed":                              (*inHouse).kill,
		"hangs":                               (*inHouse).hang,
		"gone at a start":                     (*inHouse).killBoth,
		"wrong: " + string(faulty.LieDefault): replaced(faulty.LieDefault),
	}
	if *full {
		for _, fault := range []faulty.Fault{faulty.Silent, faulty.DiesMidway, faulty.Endless, faulty.OldVersion, faulty.LieRefuse} {
			fails["wrong: "+string(fault)] = replaced(fault)
		}
	}
	for name, fail := range fails {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newInHouse(t, program)
			strikes := 0
			for _, issuer := range c.unasked {
				c.play(t, c.namespace, edits()/3)
				fail(c, t)
				c.play(t, c.namespace, edits()/3)
				c.addOf(t, c.namespace, "Ingress", issuer, corp(issuer))
				strikes += c.untilHeld(t, issuer+"-tls")
				c.play(t, c.namespace, edits()/3)
				c.othersGoOn(t)
				c.mend(t)
			}
			c.heals()
			c.check(t, "plugin "+name, strikes)
			c.haveValues(t)
		})
	}
}

// inHouse is a scene with sources of an in-house CA, too, whose issuers a plugin knows.
type inHouse struct {
	*scene
	// program is the plugin, and issuers the file that it knows them from.
	program, socket, issuers string
	plugin                   *process.Process
	// unasked are issuers that nothing asks for yet.
	unasked []string
	// mends takes the fault away.
	mends func(*testing.T)
}

// inHouseCA builds the plugin, and defines the kind of its issuers.
func inHouseCA(t *testing.T) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "plugin")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./plugins/examples/go")
	build.Dir = root(t)
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	var definition unstructured.Unstructured
	if err := yaml.Unmarshal([]byte(cluster.CorpIssuers), &definition.Object); err != nil {
		t.Fatal(err)
	}
	if err := crds.InstallAll(t.Context(), shared.Config, &definition); err != nil {
		t.Fatal(err)
	}
	shared.Apply(t, "", fmt.Sprintf(cluster.CorpRole, "  - {apiGroups: [pki.corp.example], resources: [corpissuers], verbs: [get, list, watch]}"))
	return program
}

// newInHouse is a scene with a source of each kind for the CA, in which all is done.
func newInHouse(t *testing.T, program string) *inHouse {
	t.Helper()
	// A path of a socket has a hundred bytes at most.
	folder, err := os.MkdirTemp("", "corp-ca-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	c := &inHouse{scene: newScene(t), program: program, socket: filepath.Join(folder, "plugin.sock"), issuers: filepath.Join(folder, "issuers.json")}
	c.config = filepath.Join(folder, "certshim.yaml")
	write(t, c.config, fmt.Appendf(nil, cluster.CorpConfiguration, c.socket, os.Getuid()))
	for i := range rounds() {
		c.unasked = append(c.unasked, fmt.Sprintf("unasked-%d", i))
	}
	c.knows(t, append([]string{"corp"}, c.unasked...))
	c.plug(t)
	for _, kind := range []string{"Ingress", "Gateway", "ListenerSet"} {
		c.addOf(t, c.namespace, kind, "corp-"+strings.ToLower(kind), corp("corp"))
	}
	c.start(t)
	c.untilRight(t)
	c.measures(t)
	return c
}

// rounds is how often the plugin fails.
func rounds() int {
	if *full {
		return 3
	}
	return 1
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// corp is an issuer of the CA.
func corp(issuer string) signer {
	return signer{issuer, "cert-manager.io/issuer-kind: CorpIssuer, cert-manager.io/issuer-group: " + faulty.Group}
}

// ofPlugin reports whether a Certificate is for the CA, which nobody plays: it isn't issued.
func ofPlugin(certificate *unstructured.Unstructured) bool {
	group, _, _ := unstructured.NestedString(certificate.Object, "spec", "issuerRef", "group")
	return group == faulty.Group
}

// knows makes these the CA's issuers.
func (c *inHouse) knows(t *testing.T, names []string) {
	t.Helper()
	var all []map[string]any
	for _, name := range names {
		shared.Apply(t, c.namespace, "{apiVersion: pki.corp.example/v1, kind: CorpIssuer, metadata: {name: "+name+"}}")
		all = append(all, map[string]any{"kind": "CorpIssuer", "namespace": c.namespace, "name": name, "usages": usages})
	}
	content, err := json.Marshal(map[string]any{"issuers": all})
	if err != nil {
		t.Fatal(err)
	}
	write(t, c.issuers, content)
}

// haveValues holds the CA's Certificates to what the plugin sets.
func (c *inHouse) haveValues(t *testing.T) {
	t.Helper()
	for name, certificate := range c.certificates.State() {
		if set, _, _ := unstructured.NestedStringSlice(certificate.Object, "spec", "usages"); ofPlugin(certificate) && !slices.Equal(set, usages) {
			t.Errorf("%s: Certificate %s has the usages %q, and the plugin says %q", lost, name, set, usages)
		}
	}
}

// usages are what the plugin sets where a source says nothing of them.
var usages = []string{"server auth"}

func (c *inHouse) plug(t *testing.T) {
	t.Helper()
	plugin, err := process.Start(t.Context(), process.Program{
		Path: c.program, Args: []string{"-socket", c.socket, "-issuers", c.issuers}, Log: filepath.Join(shared.Logs, c.namespace+"-plugin.log"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = plugin.Kill() })
	c.plugin, c.mends = plugin, nil
}

func (c *inHouse) mend(t *testing.T) {
	t.Helper()
	c.mends(t)
	c.await(t, "nothing to wait for the plugin", func() error { return c.holds(t, func(n int) bool { return n == 0 }) })
}

func (c *inHouse) kill(t *testing.T) {
	t.Helper()
	if err := c.plugin.Kill(); err != nil {
		t.Fatal(err)
	}
	c.mends = c.plug
}

// killBoth starts certshim anew without the plugin: it has no answer of it.
func (c *inHouse) killBoth(t *testing.T) {
	t.Helper()
	c.kill(t)
	if err := c.certshim.Kill(); err != nil {
		t.Fatal(err)
	}
	c.start(t)
}

// hang lets the plugin stand still: it has the connection, and doesn't answer.
func (c *inHouse) hang(t *testing.T) {
	t.Helper()
	if err := c.plugin.Pause(); err != nil {
		t.Fatal(err)
	}
	c.mends = func(t *testing.T) {
		t.Helper()
		if err := c.plugin.Resume(); err != nil {
			t.Fatal(err)
		}
	}
}

// replaced starts a plugin with a fault in its place, which knows the same issuers.
func replaced(fault faulty.Fault) func(*inHouse, *testing.T) {
	return func(c *inHouse, t *testing.T) {
		t.Helper()
		c.kill(t)
		other := faulty.New(fault)
		for _, name := range append([]string{"corp"}, c.unasked...) {
			other.Set(faulty.Namespaced(c.namespace, name), faulty.ReadyStatement())
		}
		stop, err := other.Start(c.socket)
		if err != nil {
			t.Fatal(err)
		}
		c.mends = func(t *testing.T) {
			t.Helper()
			stop()
			c.plug(t)
		}
	}
}

// untilHeld waits until sources wait for the plugin, and returns how many. That Certificate must not be made meanwhile.
func (c *inHouse) untilHeld(t *testing.T, certificate string) (held int) {
	t.Helper()
	c.await(t, "sources to wait for the plugin", func() error {
		if c.certificates.State()[certificate] != nil {
			t.Fatalf("%s: Certificate %s was made before the plugin has spoken of its issuer", doubled, certificate)
		}
		return c.holds(t, func(n int) bool {
			held = n
			return n > 0
		})
	})
	return held
}

func (c *inHouse) holds(t *testing.T, is func(int) bool) error {
	t.Helper()
	if n := int(c.metric(t, "certshim_resolver_held_sources")); !is(n) {
		return fmt.Errorf("certshim_resolver_held_sources is %d", n)
	}
	return nil
}

// othersGoOn waits until the sources of other issuers have what they ask for.
func (c *inHouse) othersGoOn(t *testing.T) {
	t.Helper()
	others := slices.DeleteFunc(slices.Clone(c.origins), func(o *origin) bool { return o.signer.kind != "" })
	c.certificates.Until(t, "the sources of other issuers to have their Certificates", func(state cluster.State) bool {
		return len(judge(others, c.wants, seen{now: madeOf(slices.Collect(maps.Values(state)))}).lost) == 0
	})
}
