package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/test/cluster"
)

// Two namespaces of three, with Roles in these and no ClusterRole: what can't be read
// cluster-wide is done without.
func TestNamespacesWithRolesAlone(t *testing.T) {
	t.Parallel()
	d := startDeployed(t)
	first, second, other := d.Namespace(t), d.Namespace(t), d.Namespace(t)
	d.Apply(t, first, "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: tenant}\n")
	for _, namespace := range []string{first, second} {
		d.grant(t, namespace, first)
	}
	kubeconfig, err := d.AccountKubeconfig(t.Context(), first, "tenant")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.launchWith(t.Context(), "tenant", nil,
		"--kubeconfig="+kubeconfig, "--leader-elect=false", "--namespace="+first+","+second); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.stop("tenant") })
	if err := d.untilReady(t.Context(), "tenant"); err != nil {
		t.Fatal(err)
	}
	for _, namespace := range []string{other, first, second} {
		d.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca"}, "a.example.com"))
		d.Apply(t, namespace, gateway("edge", annotations{issuerKey: "ca"}, "b.example.com"))
	}
	for _, namespace := range []string{first, second} {
		certificates := d.Watch(t, cluster.Certificates(), namespace)
		certificates.Object(t, "web-tls", "to be made", exists)
		certificates.Object(t, "edge-tls", "to be made", exists)
	}
	d.settled(t, second)
	if got := d.list(t, other); len(got) != 0 {
		t.Errorf("a namespace that isn't certshim's got %d Certificates", len(got))
	}
}

// grant gives the account, in one namespace, the rules that deploy/ gives everywhere.
func (d *deployed) grant(t *testing.T, namespace, accountNamespace string) {
	t.Helper()
	client, err := kubernetes.NewForConfig(d.Config)
	if err != nil {
		t.Fatal(err)
	}
	name := metav1.ObjectMeta{Name: "tenant", Namespace: namespace}
	role := &rbacv1.Role{ObjectMeta: name, Rules: deployedRules(t)}
	must(client.RbacV1().Roles(namespace).Create(t.Context(), role, metav1.CreateOptions{}))(t)
	binding := &rbacv1.RoleBinding{
		ObjectMeta: name,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "tenant"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: "tenant", Namespace: accountNamespace}},
	}
	must(client.RbacV1().RoleBindings(namespace).Create(t.Context(), binding, metav1.CreateOptions{}))(t)
}

// deployedRules are those of deploy/'s ClusterRole.
func deployedRules(t *testing.T) []rbacv1.PolicyRule {
	t.Helper()
	root := must(repository())(t)
	content := must(os.ReadFile(filepath.Join(root, "deploy", "rbac.yaml")))(t)
	first, _, _ := strings.Cut(string(content), "\n---\n")
	var role rbacv1.ClusterRole
	if err := yaml.UnmarshalStrict([]byte(first), &role); err != nil {
		t.Fatal(err)
	}
	return role.Rules
}

func TestServerThatDoesNotStreamLists(t *testing.T) {
	t.Parallel()
	d := startDeployed(t)
	namespace := d.Namespace(t)
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	d.Apply(t, namespace, ingress("before", annotations{issuerKey: "ca"}, "a.example.com"))
	flags := []string{"--kubeconfig=" + d.kubeconfig, "--leader-elect=false"}
	if err := d.launchWith(t.Context(), "certshim", []string{"KUBE_FEATURE_WatchListClient=false"}, flags...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.stop("certshim") })
	certificates.Object(t, "before-tls", "to be made", exists)
	d.Apply(t, namespace, ingress("after", annotations{issuerKey: "ca"}, "b.example.com"))
	certificates.Object(t, "after-tls", "to be made", exists)
}

// While cert-manager's webhook is down nothing can be written, and that is no reason to
// send the same again and again; when it is back, everything arrives.
func TestWebhookThatGoesAndComes(t *testing.T) {
	t.Parallel()
	d := startDeployed(t)
	d.startFor(t, "certshim", "--leader-elect=false")
	namespace := d.Namespace(t)
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	if err := d.Webhook.Stop(); err != nil {
		t.Fatal(err)
	}
	const count = 20
	for i := range count {
		d.Apply(t, namespace, ingress(fmt.Sprintf("web-%d", i), annotations{issuerKey: "ca"}, "a.example.com"))
	}
	if err := cluster.Poll(t.Context(), "certshim to see that the webhook is down", func(context.Context) (bool, error) {
		held, err := d.metric(t, "certshim", "certshim_pending_writes")
		return held > 0, err
	}); err != nil {
		t.Fatal(err)
	}
	var err error
	if d.Webhook, err = d.Run(t.Context(), "webhook", "webhook"); err != nil {
		t.Fatal(err)
	}
	for i := range count {
		certificates.Object(t, fmt.Sprintf("web-%d-tls", i), "to be made", exists)
	}
}
