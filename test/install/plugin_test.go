package install

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/crds"
	"github.com/certshim/certshim/test/process"
)

// buildPlugin gives the program of the plugin of an in-house CA.
func buildPlugin(t *testing.T) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "plugin")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./plugins/examples/go")
	build.Dir, build.Env = repository(t), append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return program
}

// The plugin of the overlay starts with the arguments of its container, and listens where certshim's
// configuration says.
func TestThePluginServesWhereItIsExpected(t *testing.T) {
	p := renderedPod(t, render(t, "examples/deploy/plugin"))
	container := p.container(t, "corp-ca")
	p.brings(t, buildPlugin(t), "/plugin")
	program := p.program(container, "/plugin", nil, container.Args...)
	program.Log = filepath.Join(t.ArtifactDir(), "plugin.log")
	plugin, err := process.Start(t.Context(), program)
	if err != nil {
		cannotStart(t, err)
	}
	t.Cleanup(func() { _ = plugin.Stop() })
	socket := regexp.MustCompile(`socket: (\S+)`).FindStringSubmatch(p.certshimYAML(t))
	if socket == nil {
		t.Fatal("the configuration names no socket")
	}
	if err := cluster.Listens(t.Context(), plugin, "unix", p.on(socket[1])); err != nil {
		t.Fatal(err)
	}
}

// plugged has the plugin beside certshim. It takes a field of the plugin, and the file with what the CA knows of its issuers.
const plugged = `
plugins:
  - name: corp-ca
    image: corp-ca:dev
    %s
    args: [-socket=/run/certshim/corp-ca/plugin.sock, -issuers=/etc/corp-ca/issuers.json]
    volumeMounts: [{name: corp-ca, mountPath: /etc/corp-ca, readOnly: true}]
    grant:
      kinds: [{group: pki.corp.example, kind: CorpIssuer, resource: corpissuers, versions: [v1], scope: Namespaced}]
      defaults: [usages]
      annotations: [pki.corp.example/]
extraVolumes: [{name: corp-ca, configMap: {name: corp-ca}}]
extraObjects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: corp-ca}, data: {issuers.json: '%s'}}]
`

// A release has a plugin beside certshim, as the user that the chart names, or as the one that the cluster chooses. Ingresses for its
// issuers become Certificates with the values that it gives, also once it has crashed.
func TestAReleaseWithAPlugin(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	defineCorpIssuers(t, c)
	s := pluggedShop{release: newRelease(t, c, "plugged"), namespace: c.Namespace(t)}
	s.certificates = c.Watch(t, cluster.Certificates(), s.namespace)
	s.images = map[string]string{"corp-ca:dev": buildPlugin(t)}

	s.helm(t, s.values("onUnavailable: Hold"), "install", s.name, "deploy/chart", "--create-namespace", "--values=-")
	s.run(t)
	s.socketIsThePlugins(t)
	s.gets(t, "first")
	s.crashes(t, "corp-ca")
	s.gets(t, "second")

	s.helm(t, s.values("uid: null"), "upgrade", s.name, "deploy/chart", "--values=-")
	s.run(t)
	s.gets(t, "third")
}

func defineCorpIssuers(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	var definition unstructured.Unstructured
	if err := yaml.Unmarshal([]byte(cluster.CorpIssuers), &definition.Object); err != nil {
		t.Fatal(err)
	}
	if err := crds.InstallAll(t.Context(), c.Config, &definition); err != nil {
		t.Fatal(err)
	}
}

// pluggedShop is a namespace with Ingresses for issuers that the plugin knows.
type pluggedShop struct {
	*release
	namespace    string
	certificates *cluster.Watch
}

func (s pluggedShop) values(field string) string {
	known := ""
	for _, issuer := range []string{"first", "second", "third"} {
		known += fmt.Sprintf(`,{"kind": "CorpIssuer", "namespace": %q, "name": %q, "usages": ["server auth"]}`, s.namespace, issuer)
	}
	return fmt.Sprintf(plugged, field, `{"issuers": [`+known[1:]+`]}`)
}

// gets asks an issuer, which nobody has asked before, and sees what the plugin says of it in the Certificate.
func (s pluggedShop) gets(t *testing.T, issuer string) {
	t.Helper()
	s.Apply(t, s.namespace, "{apiVersion: pki.corp.example/v1, kind: CorpIssuer, metadata: {name: "+issuer+"}}")
	s.Apply(t, s.namespace, fmt.Sprintf(ingressOfShop, issuer,
		"cert-manager.io/issuer: "+issuer+", cert-manager.io/issuer-kind: CorpIssuer, cert-manager.io/issuer-group: pki.corp.example"))
	s.certificates.Object(t, issuer+"-tls", "to be there, with the usages of the plugin", func(c *unstructured.Unstructured) bool {
		usages, _, _ := unstructured.NestedStringSlice(c.Object, "spec", "usages")
		return slices.Equal(usages, []string{"server auth"})
	})
}

// socketIsThePlugins wants the plugin's socket to belong to the user that the chart has for it, and to be open to the group of the Pod, of which
// certshim is.
func (s pluggedShop) socketIsThePlugins(t *testing.T) {
	t.Helper()
	info, err := os.Stat(s.pod.on("/run/certshim/corp-ca/plugin.sock"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != fs.FileMode(0o660) {
		t.Errorf("the socket has mode %s", info.Mode())
	}
	if !process.MayBeOthers() {
		return
	}
	owner := info.Sys().(*syscall.Stat_t)
	if group := s.pod.group(); group == nil || owner.Gid != uint32(*group) || owner.Uid != 65533 {
		t.Errorf("the socket is of user %d and group %d, want user 65533 and the Pod's group, %v", owner.Uid, owner.Gid, group)
	}
}
