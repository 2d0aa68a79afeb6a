package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/plugins/plugintest/faulty"
	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/process"
)

// corpState is what the CA knows; who may use the issuer "internal" is left open.
const corpState = `
apiVersion: v1
kind: ConfigMap
metadata: {name: corp-ca}
data:
  issuers.json: |
    {"issuers": [
      {"kind": "CorpIssuer", "namespace": "%[1]s", "name": "web", "maxDays": 90, "usages": ["server auth"]},
      {"kind": "CorpIssuer", "namespace": "%[1]s", "name": "fresh", "usages": ["server auth"]},
      {"kind": "CorpIssuer", "namespace": "%[1]s", "name": "lied", "usages": ["server auth"]},
      {"kind": "CorpIssuer", "namespace": "%[1]s", "name": "internal", "usages": ["server auth"], "namespaces": ["%[2]s"]}
    ]}
`

// corpCA is an in-house CA whose plugin is a program beside certshim.
type corpCA struct {
	*deployed
	namespace string
	// program is the plugin; it reads the state, which is a ConfigMap that is mounted as a file.
	program, socket, state string
	plugin                 *process.Process
	certificates, events   *cluster.Watch
}

// Whatever becomes of a plugin, no Certificate that exists is touched, objects of other issuers go
// on, and what had to wait goes on by itself.
func TestAPluginBesideTheController(t *testing.T) {
	t.Parallel()
	c := newCorpCA(t)
	c.learns(t)
	c.goesOnWithoutIt(t)
	c.goesOnWithIt(t)
	c.believesNoLiar(t)
}

func newCorpCA(t *testing.T) *corpCA {
	t.Helper()
	d := startDeployed(t)
	folder := must(os.MkdirTemp("", "corp-ca-"))(t)
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	in := func(name string) string { return filepath.Join(folder, name) }
	c := &corpCA{deployed: d, namespace: d.Namespace(t), program: in("plugin"), socket: in("plugin.sock"), state: in("issuers.json")}
	c.events = d.Watch(t, cluster.Events(), c.namespace)
	c.certificates = d.Watch(t, cluster.Certificates(), c.namespace)
	build := exec.CommandContext(t.Context(), "go", "build", "-o", c.program, "./plugins/examples/go")
	build.Dir = must(repository())(t)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	configuration := in("certshim.yaml")
	if err := os.WriteFile(configuration, fmt.Appendf(nil, cluster.CorpConfiguration, c.socket, os.Getuid()), 0o600); err != nil {
		t.Fatal(err)
	}
	d.define(t, cluster.CorpIssuers)
	d.Apply(t, "", fmt.Sprintf(cluster.CorpRole, d.command(t, "issuers", "-o", "rbac", "--config="+configuration)))
	for _, name := range []string{"web", "internal", "fresh", "lied"} {
		d.Apply(t, c.namespace, "{apiVersion: pki.corp.example/v1, kind: CorpIssuer, metadata: {name: "+name+"}}")
	}
	c.mount(t, "elsewhere")
	c.plug(t)
	env := []string{"POD_NAME=certshim-0", "POD_NAMESPACE=" + account, "POD_UID=11111111-1111-1111-1111-111111111111"}
	if err := d.launchWith(t.Context(), "certshim", env, "--kubeconfig="+d.kubeconfig, "--leader-elect=false", "--config="+configuration); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.stop("certshim") })
	if err := d.untilReady(t.Context(), "certshim"); err != nil {
		t.Fatal(err)
	}
	return c
}

// mount changes the ConfigMap, and does what the kubelet does: it replaces the file.
func (c *corpCA) mount(t *testing.T, allowed string) {
	t.Helper()
	applied := c.Apply(t, c.namespace, fmt.Sprintf(corpState, c.namespace, allowed))
	content := fmt.Sprint(field(applied[0], "data|issuers.json"))
	if err := os.WriteFile(c.state+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(c.state+".new", c.state); err != nil {
		t.Fatal(err)
	}
}

func (c *corpCA) plug(t *testing.T) {
	t.Helper()
	c.plugin = must(process.Start(t.Context(), process.Program{
		Path: c.program, Args: []string{"-socket", c.socket, "-issuers", c.state}, Log: filepath.Join(c.Logs, "plugin.log"),
	}))(t)
	t.Cleanup(func() { _ = c.plugin.Kill() })
}

// kill ends the plugin as a crash would, and returns when certshim has noticed.
func (c *corpCA) kill(t *testing.T) {
	t.Helper()
	if err := c.plugin.Kill(); err != nil {
		t.Fatal(err)
	}
	c.until(t, "certshim_resolver_up", func(up float64) bool { return up == 0 })
}

func (c *corpCA) until(t *testing.T, metric string, is func(float64) bool) {
	t.Helper()
	if err := cluster.Poll(t.Context(), metric+" to change", func(context.Context) (bool, error) {
		value, err := c.metric(t, "certshim", metric)
		return is(value), err
	}); err != nil {
		t.Fatal(err)
	}
}

// ask applies an Ingress that asks for a certificate of one of the CA's issuers.
func (c *corpCA) ask(t *testing.T, name, issuer string, hosts ...string) {
	t.Helper()
	c.Apply(t, c.namespace, ingress(name, annotations{
		issuerKey: issuer, "cert-manager.io/issuer-kind": "CorpIssuer", "cert-manager.io/issuer-group": faulty.Group, faulty.Group + "/profile": "tls",
	}, hosts...))
}

// issued waits for a Certificate with what the plugin says beside its source's hosts.
func (c *corpCA) issued(t *testing.T, name string, hosts ...string) {
	t.Helper()
	c.certificates.Object(t, name+"-tls", "to have the plugin's values and its hosts", func(o *unstructured.Unstructured) bool {
		usages, _, _ := unstructured.NestedStringSlice(o.Object, "spec", "usages")
		names, _, _ := unstructured.NestedStringSlice(o.Object, "spec", "dnsNames")
		set := o.GetAnnotations()
		return slices.Equal(usages, []string{"server auth"}) && slices.Equal(names, hosts) && field(o, "spec|duration") == nil &&
			set[faulty.Group+"/profile"] == "tls" && strings.Contains(set["certshim.io/from-resolver"], "usages")
	})
}

// versions are the Certificates that exist, as they are but for their status, which is
// cert-manager's.
func (c *corpCA) versions(t *testing.T) map[string]string {
	t.Helper()
	versions := map[string]string{}
	for _, one := range c.list(t, c.namespace) {
		versions[one.GetName()] = fmt.Sprint(one.GetUID(), one.GetGeneration(), one.GetLabels(), one.GetAnnotations(), field(&one, "metadata|ownerReferences"), one.Object["spec"])
	}
	return versions
}

// untouched fails if a Certificate of those is another one than before, or gone.
func (c *corpCA) untouched(t *testing.T, before map[string]string, but ...string) {
	t.Helper()
	now := c.versions(t)
	for name, version := range before {
		if now[name] != version && !slices.Contains(but, name) {
			t.Errorf("Certificate %s was\n%s\nis\n%s", name, version, now[name])
		}
	}
}

// learns takes defaults, rules and limits from the plugin, and hears when the ConfigMap changes.
func (c *corpCA) learns(t *testing.T) {
	t.Helper()
	c.ask(t, "shop", "web", "shop.example.com")
	c.issued(t, "shop", "shop.example.com")
	c.ask(t, "inner", "internal", "inner.example.com")
	awaitWarning(t, c.events, "inner", "IssuerNotAllowed")
	if c.versions(t)["inner-tls"] != "" {
		t.Error("an issuer that isn't for this namespace was used")
	}
	c.mount(t, c.namespace)
	c.issued(t, "inner", "inner.example.com")
}

func (c *corpCA) goesOnWithoutIt(t *testing.T) {
	t.Helper()
	before := c.versions(t)
	c.kill(t)
	c.ask(t, "waits", "fresh", "waits.example.com")
	c.until(t, "certshim_resolver_held_sources", func(held float64) bool { return held == 1 })
	c.ask(t, "shop", "web", "shop.example.com", "new.example.com")
	c.issued(t, "shop", "shop.example.com", "new.example.com")
	c.ask(t, "second", "web", "second.example.com")
	c.issued(t, "second", "second.example.com")
	c.settled(t, c.namespace)
	event := awaitWarning(t, c.events, "waits", "IssuerResolverUnavailable")
	wantIn(t, fmt.Sprint(field(event, "note")), "plugin/corp-ca")
	if c.versions(t)["waits-tls"] != "" {
		t.Error("a Certificate was made before the plugin spoke of its issuer")
	}
	c.untouched(t, before, "shop-tls")
}

func (c *corpCA) goesOnWithIt(t *testing.T) {
	t.Helper()
	before := c.versions(t)
	c.plug(t)
	c.issued(t, "waits", "waits.example.com")
	c.until(t, "certshim_resolver_held_sources", func(held float64) bool { return held == 0 })
	c.untouched(t, before)
}

// believesNoLiar has a plugin set what it wasn't granted, for issuers that are known too.
func (c *corpCA) believesNoLiar(t *testing.T) {
	t.Helper()
	before := c.versions(t)
	own := c.Watch(t, cluster.Events(), account)
	c.kill(t)
	liar := faulty.New(faulty.LieDefault)
	for _, name := range []string{"web", "internal", "fresh", "lied"} {
		liar.Set(faulty.Namespaced(c.namespace, name), faulty.ReadyStatement())
	}
	stop := must(liar.Start(c.socket))(t)
	c.ask(t, "lied", "lied", "lied.example.com")
	event := awaitWarning(t, own, "certshim-0", "ResolverRejected")
	wantIn(t, fmt.Sprint(field(event, "note")), "corp-ca", "duration")
	c.until(t, "certshim_resolver_rejected_total", func(n float64) bool { return n > 0 })
	c.until(t, "certshim_resolver_held_sources", func(held float64) bool { return held == 1 })
	c.settled(t, c.namespace)
	if c.versions(t)["lied-tls"] != "" {
		t.Error("a Certificate was made by the word of a liar")
	}
	c.untouched(t, before)
	stop()
	c.plug(t)
	c.issued(t, "lied", "lied.example.com")
	c.untouched(t, before)
}
