package install

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/certshim/certshim/test/cluster"
)

// Somebody installs certshim by the pages alone, by Helm and by kubectl: what docs/install.md, the README and the pages for whoever runs it have people type
// is typed here, and what they say comes of it does. The cluster has all that one has but a container runtime: docker, kind and minikube are
// played, and so are the kubelets.
func TestThePagesInstall(t *testing.T) {
	c := cluster.Start(t)
	installMonitorKinds(t, c)
	first, second := newRelease(t, c, "certshim"), newRelease(t, c, "certshim")
	second.replica = "-2"
	first.showCertManager(t)
	p := &person{t: t, on: first, node: newNode(t, first.client), replicas: []*release{first, second}, folder: t.TempDir(), typed: map[string]bool{}}
	p.hasDocker()

	p.types("docs/install.md", "make build", "ok shims-off", "ok certificates-served")
	p.types("docs/install.md", "make image\n", "certshim:dev")
	p.types("docs/install.md", "make image IMAGE=registry.example.com/platform/certshim:dev", "registry.example.com/platform/certshim:dev")

	p.types("docs/install.md", "helm install", "certshim doctor --release-namespace certshim")
	p.hasImage("registry.example.com/platform/certshim:dev")
	p.node.runs(t, p.replicas)
	p.checks()
	p.types("docs/install.md", "helm upgrade", `Release "certshim" has been upgraded`)
	p.hasImage("registry.example.com/platform/certshim:dev")
	p.node.replace(t, p.replicas)
	p.checks()
	p.types("docs/operate.md", "helm upgrade", "Rollback was a success")
	p.node.replace(t, p.replicas)
	p.asksForACertificate(p.runbooks)
	p.types("docs/install.md", "helm uninstall", `release "certshim" uninstalled`)
	p.node.isEmpty(t)
	if left := first.left(t); left != "" {
		t.Errorf("after helm uninstall there are\n%s", left)
	}

	p.types("docs/install.md", "kubectl apply -k deploy/", "deployment.apps/certshim created")
	p.node.runs(t, p.replicas)
	p.types("README.md", "kubectl rollout status", `deployment "certshim" successfully rolled out`)
	p.hasImage("certshim:dev")
	p.checks()
	p.asksForACertificate(func() {})
	p.types("docs/install.md", "kubectl kustomize", "configmap/certshim-config-", "deployment.apps/certshim configured")
	p.hasImage("registry.example.com/platform/certshim:dev")
	p.node.replace(t, p.replicas)
	p.checks()
	p.typesAfter("docs/install.md", "helm uninstall", "# or: ")
	p.node.isEmpty(t)
	if left := first.left(t); left != "" {
		t.Errorf("after kubectl delete there are\n%s", left)
	}
	p.hasTypedAllOf("docs/install.md", "certshim controller --kubeconfig FILE")
}

// person types what pages say, in a checkout.
type person struct {
	t        *testing.T
	on       *release
	node     *node
	replicas []*release
	// folder has the programs that are played, and the files that pages have people write.
	folder string
	// typed are the blocks that were typed.
	typed map[string]bool
}

// hasDocker plays docker, kind and minikube, each of which prints what it is asked for.
func (p *person) hasDocker() {
	for _, name := range []string{"docker", "kind", "minikube"} {
		if err := os.WriteFile(filepath.Join(p.folder, name), []byte("#!/bin/sh\necho \"$0 $*\"\n"), 0o755); err != nil {
			p.t.Fatal(err)
		}
	}
}

var shellBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// block is the one of a page that has a text.
func (p *person) block(page, with string) string {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.on.repository, page))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, found := range shellBlock.FindAllStringSubmatch(string(text), -1) {
		if strings.Contains(found[1], with) {
			p.typed[page+found[1]] = true
			return found[1]
		}
	}
	p.t.Fatalf("%s has no commands with %q", page, with)
	return ""
}

// hasTypedAllOf wants each block of a page to have been typed, but for those with a text.
func (p *person) hasTypedAllOf(page, but string) {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.on.repository, page))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, found := range shellBlock.FindAllStringSubmatch(string(text), -1) {
		if !p.typed[page+found[1]] && !strings.Contains(found[1], but) {
			p.t.Errorf("%s has commands that nobody has typed:\n%s", page, found[1])
		}
	}
}

// types types the commands of a block, and sees what is to be seen.
func (p *person) types(page, with string, sees ...string) {
	p.t.Helper()
	p.runs(p.block(page, with), sees...)
}

// typesAfter types what a block has after a text in its one line.
func (p *person) typesAfter(page, with, after string) {
	p.t.Helper()
	_, command, found := strings.Cut(p.block(page, with), after)
	if !found {
		p.t.Fatalf("%s: %q isn't there", page, after)
	}
	p.runs(command)
}

var blanks = regexp.MustCompile(` +`)

// runs runs commands as a shell does, in the folder of the repository. Each succeeds, and each text is in what they print, with one blank between columns.
func (p *person) runs(commands string, sees ...string) {
	p.t.Helper()
	bin := filepath.Join(p.on.repository, "bin")
	shell := exec.CommandContext(p.t.Context(), "bash", "-euo", "pipefail", "-c", strings.ReplaceAll(commands, "values.yaml", p.values()))
	shell.Dir = p.on.repository
	shell.Env = append(os.Environ(), "PATH="+p.folder+":"+bin+":"+os.Getenv("PATH"), "KUBECONFIG="+p.on.Kubeconfig)
	output, err := shell.CombinedOutput()
	if err != nil {
		p.t.Fatalf("%v of\n%s\n%s", err, commands, output)
	}
	printed := blanks.ReplaceAllString(string(output), " ")
	for _, text := range sees {
		if !strings.Contains(printed, text) {
			p.t.Errorf("no %q by\n%s\n%s", text, commands, output)
		}
	}
}

// values is the file of that name which docs/install.md has people write first.
func (p *person) values() string {
	p.t.Helper()
	page, err := os.ReadFile(filepath.Join(p.on.repository, "docs/install.md"))
	if err != nil {
		p.t.Fatal(err)
	}
	found := yamlBlock.FindSubmatch(page)
	if found == nil {
		p.t.Fatal("docs/install.md has no values.yaml")
	}
	file := filepath.Join(p.folder, "values.yaml")
	if err := os.WriteFile(file, found[1], 0o600); err != nil {
		p.t.Fatal(err)
	}
	return file
}

// hasImage wants the Deployment to run an image that the pages have had people make.
func (p *person) hasImage(image string) {
	p.t.Helper()
	if got := p.on.deployment(p.t).Spec.Template.Spec.Containers[0].Image; got != image {
		p.t.Errorf("the Pods run the image %s, and made was %s", got, image)
	}
}

// checks goes through "Check it". In place of a port of this machine that is forwarded, each replica is asked at its own.
func (p *person) checks() {
	p.t.Helper()
	host := hostname(p.t)
	block := p.block("docs/install.md", "kubectl get pods -n certshim")
	forward := regexp.MustCompile(`(?m)^kubectl port-forward .*then: curl localhost:9403(\S+)$`)
	path := forward.FindStringSubmatch(block)
	if path == nil {
		p.t.Fatalf("no port is forwarded in\n%s", block)
	}
	p.runs(forward.ReplaceAllString(block, ""), host+" 1/1 Running", host+"-2 1/1 Running", "certshim "+host+"_",
		"[pod/"+host+"/certshim]", "[pod/"+host+"-2/certshim]", "watching", "this replica leads")
	for _, r := range p.replicas {
		if err := cluster.Answers(p.t.Context(), r.running[0].process, http.DefaultClient, "http://"+r.healthz+path[1]); err != nil {
			p.t.Error(err)
		}
	}
	p.runs("certshim doctor --fail-on warning", "ok permissions", "ok ready 2 of 2", "ok leader")
	p.types("docs/install.md", "certshim plan --all-namespaces\n", "the configuration is that of Deployment certshim/certshim")
}

// asksForACertificate tries an Ingress, and asks about it as somebody does who is woken at night, and what else one asks while it is there.
func (p *person) asksForACertificate(meanwhile func()) {
	p.t.Helper()
	const last = "kubectl delete namespace shop"
	block := p.block("docs/install.md", "kubectl create namespace shop")
	try, remove, found := strings.Cut(block, last)
	if !found {
		p.t.Fatalf("nothing is removed by\n%s", block)
	}
	p.runs(try, "certificate.cert-manager.io/web-tls condition met", "CreateCertificate")
	p.types("docs/operate.md", "kubectl events --for ingress/web", "CreateCertificate", "it is up to date", "certificate.cert-manager.io/web-tls True")
	meanwhile()
	p.runs(last + remove)
}

// runbooks types all that docs/alerts.md has people type, which is no use if it doesn't run. grep may find nothing, and there is no plugin.
func (p *person) runbooks() {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.on.repository, "docs/alerts.md"))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, found := range shellBlock.FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(found[1]) {
			if command, grep, piped := strings.Cut(strings.TrimSpace(line), " | "); piped {
				p.runs(fmt.Sprintf("%s | { %s || test $? = 1; }", command, grep))
			} else if !strings.Contains(command, "-c corp-ca") {
				p.runs(command)
			}
		}
	}
}
