package install

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/certshim/certshim/test/cluster"
)

// release is a release of the chart on a real control plane. The test stands in for the kubelet: it reads the
// Deployment and its ConfigMaps from the API server, and runs the containers with their arguments, files and environment,
// certshim as the ServiceAccount.
type release struct {
	*cluster.Cluster
	client     kubernetes.Interface
	repository string
	name       string
	// program is the certshim of the image, and images has the programs of others.
	program string
	images  map[string]string
	pod     *pod
	running []*container
	// metrics is where certshim serves them, and reachable is set if the API server can read them of its Pod.
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

func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := cluster.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return address
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
