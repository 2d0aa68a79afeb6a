package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/test/cluster"
)

// permission is one verb on one resource, as a role of deploy/rbac.yaml grants it.
type permission struct {
	// roleKind and role name the role.
	roleKind, role, group, resource, verb string
}

func (p permission) String() string { return fmt.Sprintf("%s %s.%s", p.verb, p.resource, p.group) }

// isExperimental says whether a permission is for a kind that is read only where its successor isn't served.
func (p permission) isExperimental() bool { return strings.HasSuffix(p.group, ".x-k8s.io") }

// Each permission of deploy/ is used: without it the API server refuses certshim a
// request for want of exactly that one. (The suite itself runs with all of them and
// nothing more, so none is missing.)
func TestEveryPermissionIsNeeded(t *testing.T) {
	t.Parallel()
	d := startDeployed(t)
	client, err := kubernetes.NewForConfig(d.Config)
	if err != nil {
		t.Fatal(err)
	}
	d.takeEach(t, client, func(p permission) bool { return !p.isExperimental() })
}

// So are those for XListenerSets, where ListenerSets aren't served.
func TestEveryPermissionForXListenerSetsIsNeeded(t *testing.T) {
	t.Parallel()
	d := startDeployed(t)
	client := must(kubernetes.NewForConfig(d.Config))(t)
	d.serveXListenerSetsAlone(t)
	d.takeEach(t, client, permission.isExperimental)
}

// takeEach takes permissions away, one after the other, and waits until one is missed.
func (d *deployed) takeEach(t *testing.T, client kubernetes.Interface, those func(permission) bool) {
	t.Helper()
	for _, p := range slices.DeleteFunc(permissions(t), func(p permission) bool { return !those(p) }) {
		t.Run(p.String(), func(t *testing.T) {
			refusals := d.listen(t)
			d.without(t, client, p)
			d.exercise(t, p, refusals)
			refusals.await(t, p)
		})
	}
}

// exercise does everything that certshim has permissions for: the CRDs' kinds, a
// Certificate made, edited by a stranger so that it is read, applied and deleted again.
func (d *deployed) exercise(t *testing.T, without permission, through *refusals) {
	t.Helper()
	if without.resource == "leases" {
		d.startThrough(t, through, without)
		return
	}
	namespace := d.Namespace(t)
	d.Apply(t, namespace, selecting)
	d.Apply(t, namespace, ingress("bad", annotations{issuerKey: "ca", "cert-manager.io/duration": "90d"}, "a.example.com"))
	d.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca"}, "a.example.com"))
	d.Apply(t, namespace, gateway("edge", annotations{issuerKey: "ca"}, "b.example.com"))
	d.Apply(t, namespace, without.set("team", "edge", "c.example.com"))
	d.Apply(t, namespace, without.set("picked", "selecting", "d.example.com"))
	d.Apply(t, namespace, elsewhere("across", annotations{issuerKey: "ca"}, "e.example.com", "default"))
	d.startThrough(t, through, without, "--leader-elect=false")
	if without.verb == "delete" || without.verb == "get" && without.group != "apiextensions.k8s.io" {
		d.rename(t, namespace, without)
	}
}

// rename edits a Certificate, and names another Secret in a source of each kind.
func (d *deployed) rename(t *testing.T, namespace string, without permission) {
	t.Helper()
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	for _, name := range []string{"web", "edge", "team"} {
		certificates.Object(t, name+"-tls", "to be made", exists)
	}
	d.patch(t, cluster.Certificates(), namespace, "web-tls", `{"spec":{"dnsNames":["other.example.com"]}}`)
	d.patch(t, ingresses, namespace, "web", `{"spec":{"tls":[{"hosts":["a.example.com"],"secretName":"other"}]}}`)
	d.Apply(t, namespace, strings.Replace(gateway("edge", annotations{issuerKey: "ca"}, "b.example.com"), "edge-tls", "edge-other", 1))
	d.Apply(t, namespace, strings.Replace(without.set("team", "edge", "c.example.com"), "team-tls", "team-other", 1))
}

// set is a ListenerSet, or an XListenerSet if the permission is for these.
func (p permission) set(name, parent, host string) string {
	manifest := listenerSet(name, parent, annotations{"example.com/team": "a"}, host)
	if p.isExperimental() {
		return experimental(manifest)
	}
	return manifest
}

const selecting = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: selecting, annotations: {cert-manager.io/issuer: ca}}
spec:
  gatewayClassName: any
  allowedListeners: {namespaces: {from: Selector, selector: {matchLabels: {team: a}}}}
  listeners: [{name: http, port: 80, protocol: HTTP}]
`

// startThrough starts certshim, which may never be ready without one of its permissions.
// To list is needed only where the server doesn't stream its lists.
func (d *deployed) startThrough(t *testing.T, through *refusals, without permission, flags ...string) {
	t.Helper()
	var env []string
	if without.verb == "list" {
		env = []string{"KUBE_FEATURE_WatchListClient=false"}
	}
	flags = append([]string{"--kubeconfig=" + through.kubeconfig}, flags...)
	if err := d.launchWith(t.Context(), "exercised", env, flags...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.stop("exercised") })
}

// permissions are all of deploy/rbac.yaml, a verb each.
func permissions(t *testing.T) []permission {
	t.Helper()
	root, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(root, "deploy/rbac.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var all []permission
	for _, document := range strings.Split(string(content), "\n---\n") {
		var role rbacv1.ClusterRole
		if err := yaml.Unmarshal([]byte(document), &role); err != nil {
			t.Fatal(err)
		}
		for _, rule := range role.Rules {
			all = append(all, ofRule(role, rule)...)
		}
	}
	return all
}

func ofRule(role rbacv1.ClusterRole, rule rbacv1.PolicyRule) []permission {
	var all []permission
	for _, resource := range rule.Resources {
		for _, verb := range rule.Verbs {
			all = append(all, permission{role.Kind, role.Name, rule.APIGroups[0], resource, verb})
		}
	}
	return all
}

// without takes one permission away until the end of the test.
func (d *deployed) without(t *testing.T, client kubernetes.Interface, p permission) {
	t.Helper()
	if p.roleKind == "Role" {
		roles := client.RbacV1().Roles(account)
		role, err := roles.Get(t.Context(), p.role, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		full := role.DeepCopy().Rules
		role.Rules = reduced(full, p)
		role = must(roles.Update(t.Context(), role, metav1.UpdateOptions{}))(t)
		t.Cleanup(func() {
			role.Rules = full
			must(roles.Update(cleanup(), role, metav1.UpdateOptions{}))(t)
		})
		return
	}
	roles := client.RbacV1().ClusterRoles()
	role, err := roles.Get(t.Context(), p.role, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	full := role.DeepCopy().Rules
	role.Rules = reduced(full, p)
	role = must(roles.Update(t.Context(), role, metav1.UpdateOptions{}))(t)
	t.Cleanup(func() {
		role.Rules = full
		must(roles.Update(cleanup(), role, metav1.UpdateOptions{}))(t)
	})
}

// reduced are the rules without one verb on one resource.
func reduced(rules []rbacv1.PolicyRule, p permission) []rbacv1.PolicyRule {
	var out []rbacv1.PolicyRule
	for _, rule := range rules {
		if rule.APIGroups[0] != p.group || !slices.Contains(rule.Resources, p.resource) || !slices.Contains(rule.Verbs, p.verb) {
			out = append(out, rule)
			continue
		}
		others := *rule.DeepCopy()
		others.Resources = slices.DeleteFunc(others.Resources, func(r string) bool { return r == p.resource })
		rest := *rule.DeepCopy()
		rest.Resources = []string{p.resource}
		rest.Verbs = slices.DeleteFunc(rest.Verbs, func(v string) bool { return v == p.verb })
		for _, r := range []rbacv1.PolicyRule{others, rest} {
			if len(r.Resources) > 0 && len(r.Verbs) > 0 {
				out = append(out, r)
			}
		}
	}
	return out
}
