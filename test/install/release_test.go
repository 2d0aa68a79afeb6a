package install

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/certshim/certshim/test/cluster"
)

// release is a release of the chart on a real control plane. The test stands in for the Deployment's controllers and for the kubelet: it makes a Pod,
// and runs its containers as the API server has them, with their arguments, files and environment, certshim with the token of the ServiceAccount.
type release struct {
	*cluster.Cluster
	client     kubernetes.Interface
	repository string
	name       string
	// replica is what the names of its Pod and of its logs end in, where another one has the names without.
	replica string
	// program is the certshim of the image, and images has the programs of others.
	program string
	images  map[string]string
	// object is the Pod as the API server has it, and pod as it is on a node.
	object  *corev1.Pod
	pod     *pod
	running []*container
	// metrics and healthz are where certshim serves them.
	metrics, healthz string
	// ip is that of the Pod, by which the API server can read its metrics; empty where this machine has none.
	ip string
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

func (r *release) deployment(t *testing.T) *appsv1.Deployment {
	t.Helper()
	found, err := r.client.AppsV1().Deployments(r.name).List(t.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/instance=" + r.name})
	if err != nil || len(found.Items) != 1 {
		t.Fatalf("%v: %d Deployments, want one", err, len(found.Items))
	}
	return &found.Items[0]
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
	t.Parallel()
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
