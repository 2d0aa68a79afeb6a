package install

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/process"
)

// release is a release of the chart on a real control plane. The test stands in for the kubelet: it reads the
// Deployment and its ConfigMaps from the API server, and runs certshim with their arguments, files and environment, as
// the ServiceAccount.
type release struct {
	*cluster.Cluster
	client     kubernetes.Interface
	repository string
	name       string
	// program is the certshim of the image.
	program string
	running *process.Process
	// metrics is where it serves them, and reachable is set if the API server can read them of its Pod.
	metrics   string
	reachable bool
}

func newRelease(t *testing.T, on *cluster.Cluster, name string) *release {
	t.Helper()
	client, err := kubernetes.NewForConfig(on.Config)
	if err != nil {
		t.Fatal(err)
	}
	r := &release{Cluster: on, client: client, repository: repository(t), name: name}
	r.program = filepath.Join(r.repository, "bin/certshim")
	t.Cleanup(func() { r.stop(t) })
	return r
}

// helm runs Helm as the cluster's administrator; the release and its namespace have the same name.
func (r *release) helm(t *testing.T, values string, arguments ...string) string {
	t.Helper()
	output, err := helm(t.Context(), r.repository, values, append(arguments, "--namespace="+r.name, "--kubeconfig="+r.Kubeconfig)...)
	if err != nil {
		t.Fatal(err)
	}
	return output
}

func (r *release) stop(t *testing.T) {
	t.Helper()
	if r.running == nil {
		return
	}
	if err := r.running.Stop(); err != nil {
		t.Error(err)
	}
	r.running = nil
}

// deployment gives what the API server has, and the ConfigMaps and Secrets that it mounts.
func (r *release) deployment(t *testing.T) (d *appsv1.Deployment, manifests []any) {
	t.Helper()
	found, err := r.client.AppsV1().Deployments(r.name).List(t.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/instance=" + r.name})
	if err != nil || len(found.Items) != 1 {
		t.Fatalf("%v: %d Deployments, want one", err, len(found.Items))
	}
	d = &found.Items[0]
	manifests = append(manifests, d)
	for _, volume := range d.Spec.Template.Spec.Volumes {
		var mounted any
		switch {
		case volume.ConfigMap != nil:
			mounted, err = r.client.CoreV1().ConfigMaps(r.name).Get(t.Context(), volume.ConfigMap.Name, metav1.GetOptions{})
		case volume.Secret != nil:
			mounted, err = r.client.CoreV1().Secrets(r.name).Get(t.Context(), volume.Secret.SecretName, metav1.GetOptions{})
		default:
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		manifests = append(manifests, mounted)
	}
	return d, manifests
}

// run starts certshim anew as a kubelet would, and returns when the readiness probe succeeds.
func (r *release) run(t *testing.T) {
	t.Helper()
	r.stop(t)
	d, manifests := r.deployment(t)
	container := d.Spec.Template.Spec.Containers[0]
	kubeconfig, err := r.AccountKubeconfig(t.Context(), r.name, d.Spec.Template.Spec.ServiceAccountName)
	if err != nil {
		t.Fatal(err)
	}
	health := freeAddress(t)
	r.metrics = freeAddress(t)
	arguments := append(newPod(t, manifests).arguments(t, container.Name),
		"--kubeconfig="+kubeconfig, "--metrics-listen-address="+r.metrics, "--healthz-listen-address="+health)
	r.running, err = process.Start(t.Context(), process.Program{
		Path: r.program, Args: arguments, Env: environment(container.Env, d),
		Log: filepath.Join(r.Logs, r.name+".log"),
	})
	if err != nil {
		t.Fatal(err)
	}
	probe := container.ReadinessProbe.HTTPGet
	if err := cluster.Answers(t.Context(), r.running, http.DefaultClient, "http://"+health+probe.Path); err != nil {
		log, _ := os.ReadFile(filepath.Join(r.Logs, r.name+".log"))
		t.Fatalf("%v\n%s", err, log)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := cluster.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// environment is that of the container; what is told of the Pod is made up.
func environment(variables []corev1.EnvVar, d *appsv1.Deployment) []string {
	var all []string
	for _, variable := range variables {
		value := variable.Value
		if variable.ValueFrom != nil {
			value = map[string]string{
				"metadata.name": d.Name + "-1", "metadata.namespace": d.Namespace, "metadata.uid": string(d.UID),
			}[variable.ValueFrom.FieldRef.FieldPath]
		}
		all = append(all, variable.Name+"="+value)
	}
	return all
}

const ingressOfShop = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: %[1]s, annotations: {%[2]s}}
spec:
  rules: [{host: %[1]s.example.com}]
  tls: [{hosts: [%[1]s.example.com], secretName: %[1]s-tls}]
`

// A release for some namespaces works there by Roles alone, and leaves the others out.
func TestAReleaseForOneNamespace(t *testing.T) {
	c := cluster.Start(t)
	inside, outside := c.Namespace(t), c.Namespace(t)
	authority := c.Issuer(t, inside, "ca")
	c.Issuer(t, outside, "ca")
	secrets := c.Watch(t, cluster.Secrets(), inside)
	r := newRelease(t, c, "narrow")
	r.helm(t, "config: {namespaces: ["+inside+"]}", "install", r.name, "deploy/chart", "--create-namespace", "--values=-")
	r.run(t)
	c.Apply(t, outside, fmt.Sprintf(ingressOfShop, "web", "cert-manager.io/issuer: ca"))
	c.Apply(t, inside, fmt.Sprintf(ingressOfShop, "web", "cert-manager.io/issuer: ca"))
	secrets.Signed(t, "web-tls", authority, "web.example.com")
	if others := certificatesOf(t.Context(), t, c, outside); len(others) > 1 {
		t.Errorf("the namespace outside has the Certificates %v, want that of its issuer alone", others)
	}
	roles := exec.CommandContext(t.Context(), filepath.Join(r.repository, "bin/kubectl"), "get", "clusterroles,clusterrolebindings", "-o=name", "-l=app.kubernetes.io/instance=narrow")
	roles.Env = append(os.Environ(), "KUBECONFIG="+r.Kubeconfig)
	if output, err := roles.Output(); err != nil || len(output) > 0 {
		t.Errorf("%v: there are %s", err, output)
	}
}

func certificatesOf(ctx context.Context, t *testing.T, c *cluster.Cluster, namespace string) []string {
	t.Helper()
	list, err := c.Dynamic.Resource(cluster.Certificates()).Namespace(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, item := range list.Items {
		names = append(names, item.GetName())
	}
	return names
}
