package install

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/certshim/certshim/test/cluster"
)

// chart stands for what Helm renders with everything switched on.
const chart = "deploy/chart"

// overlays are deploy/ itself and what is made of it, from the root of the repository, and the chart.
func overlays(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(repository(t), "examples/deploy/*/kustomization.yaml"))
	if err != nil || len(found) < 3 {
		t.Fatalf("found %v, %v: want the overlays of examples/deploy", found, err)
	}
	all := []string{"deploy", chart}
	for _, file := range found {
		all = append(all, filepath.Join("examples/deploy", filepath.Base(filepath.Dir(file))))
	}
	return all
}

func repository(t *testing.T) string {
	t.Helper()
	binary, err := cluster.Binary("certshim")
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(filepath.Dir(binary))
}

// render gives the objects that `kubectl apply -k` or Helm would send, decoded strictly.
func render(t *testing.T, overlay string) []any {
	t.Helper()
	text := kustomize
	if overlay == chart {
		text = func(t *testing.T, _ string) string {
			t.Helper()
			rendered, err := template(t.Context(), repository(t), everything, withTypes()...)
			if err != nil {
				t.Fatal(err)
			}
			return rendered
		}
	}
	return decode(t, text(t, overlay))
}

func kustomize(t *testing.T, overlay string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "bin/kubectl", "kustomize", overlay)
	command.Dir = repository(t)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	rendered, err := command.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("kubectl kustomize %s: %v\n%s", overlay, err, stderr.String())
	}
	return string(rendered)
}

// decode wants no field that the API's own types don't know. Those of Prometheus' operator aren't a dependency.
func decode(t *testing.T, text string) []any {
	t.Helper()
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	var decoded []any
	for _, each := range parse(t, text) {
		if each.GroupVersionKind().Group == "monitoring.coreos.com" {
			continue
		}
		body, err := each.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		object, _, err := decoder.Decode(body, nil, nil)
		if err != nil {
			t.Fatalf("%v in\n%s", err, body)
		}
		decoded = append(decoded, object)
	}
	return decoded
}

// certshim accepts the arguments of the Deployment and reads everything that they name: what it misses at last is a
// cluster.
func TestTheProgramReadsWhatIsMounted(t *testing.T) {
	for _, overlay := range overlays(t) {
		t.Run(overlay, func(t *testing.T) {
			p := renderedPod(t, render(t, overlay))
			container := p.container(t, "certshim")
			p.brings(t, filepath.Join(repository(t), "bin/certshim"), "/certshim")
			_, stderr, exit := ends(t, p.program(container, "/certshim", []string{"HOME=/"}, container.Args...))
			const want = "error: no cluster: there is no kubeconfig at /.kube/config; name one by --kubeconfig or KUBECONFIG\n"
			if exit != 2 || stderr != want {
				t.Errorf("it ends with %d:\n%s\nwant 2, and nothing but\n%s", exit, stderr, want)
			}
		})
	}
}

// A file that a Deployment mounts is named by an argument or by a file that an argument names, so that none is
// forgotten, and the other way round.
func TestEveryMountIsUsed(t *testing.T) {
	for _, overlay := range overlays(t) {
		t.Run(overlay, func(t *testing.T) {
			p := renderedPod(t, render(t, overlay))
			for _, container := range p.containers() {
				text := strings.Join(container.Args, " ")
				for _, files := range p.files {
					text += files["certshim.yaml"]
				}
				for _, mount := range container.VolumeMounts {
					if !strings.Contains(text, mount.MountPath) && !strings.HasPrefix(mount.MountPath, "/var/run/secrets/") {
						t.Errorf("container %s mounts %s, and uses it nowhere", container.Name, mount.MountPath)
					}
				}
			}
		})
	}
}

func (p *pod) certshimYAML(t *testing.T) string {
	t.Helper()
	for _, files := range p.files {
		if text, found := files["certshim.yaml"]; found {
			return text
		}
	}
	t.Fatal("no ConfigMap has certshim.yaml")
	return ""
}

// The permissions in an overlay are those that certshim prints for its types.
func TestTypesOfOverlaysMayBeRead(t *testing.T) {
	for overlay, arguments := range map[string][]string{
		"issuers": {"issuers", "--issuers=corp-ca.yaml"},
		"sources": {"sources", "--sources=corp-proxy.yaml"},
		"plugin":  {"issuers", "CorpIssuer", "CorpClusterIssuer", "--config=certshim.yaml"},
	} {
		t.Run(overlay, func(t *testing.T) {
			folder := filepath.Join(repository(t), "examples/deploy", overlay)
			print := exec.CommandContext(t.Context(), filepath.Join(repository(t), "bin/certshim"),
				append(arguments, "-o=rbac", "--offline")...)
			print.Dir = folder
			want, err := print.Output()
			if err != nil {
				t.Fatal(err)
			}
			file, err := os.ReadFile(filepath.Join(folder, "rbac.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), comments.ReplaceAllString(string(file), "")); diff != "" {
				t.Errorf("rbac.yaml (-certshim -o rbac, +file)\n%s", diff)
			}
		})
	}
}

// Whatever an overlay adds, the replicas may still take the Lease: kustomize also changes names in rules, where an object that it names has the same.
func TestOverlaysMayTakeTheLease(t *testing.T) {
	want := rbacv1.PolicyRule{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, ResourceNames: []string{"certshim"}, Verbs: []string{"get", "update"}}
	for _, overlay := range overlays(t) {
		t.Run(overlay, func(t *testing.T) {
			var rules []rbacv1.PolicyRule
			for _, object := range render(t, overlay) {
				if role, is := object.(*rbacv1.Role); is {
					rules = append(rules, role.Rules...)
				}
			}
			if !slices.ContainsFunc(rules, func(rule rbacv1.PolicyRule) bool { return cmp.Equal(rule, want) }) {
				t.Errorf("no Role has %+v, but\n%+v", want, rules)
			}
		})
	}
}

var comments = regexp.MustCompile(`(?m)\A(#.*\n)+`)

// The image that `make image` builds is the one that deploy/ runs.
func TestDeployRunsTheImageThatMakeBuilds(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(repository(t), "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	built := regexp.MustCompile(`(?m)^IMAGE \?= (\S+)$`).FindStringSubmatch(string(makefile))
	if built == nil || !strings.Contains(string(makefile), " -t $(IMAGE) ") {
		t.Fatal("the Makefile builds no image called $(IMAGE)")
	}
	for _, object := range render(t, "deploy") {
		deployment, ok := object.(*appsv1.Deployment)
		if !ok {
			continue
		}
		if image := deployment.Spec.Template.Spec.Containers[0].Image; image != built[1] {
			t.Errorf("deploy/ runs %s, make image builds %s", image, built[1])
		}
	}
}
