package e2e

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/certshim/certshim/test/cluster"
)

const strangeGroup = "pki.strange.example"

// strangeIssuers are of a kind that no issuer type declares; the version is not one that
// anybody could guess.
const strangeIssuers = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: strangeissuers.pki.strange.example}
spec:
  group: pki.strange.example
  scope: Namespaced
  names: {kind: StrangeIssuer, listKind: StrangeIssuerList, plural: strangeissuers, singular: strangeissuer}
  versions:
  - name: v3
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

const strangeIssuer = `
apiVersion: pki.strange.example/v3
kind: StrangeIssuer
metadata: {name: %s}
status: {conditions: [{type: Ready, status: "%s", reason: Verified}]}
`

// An issuer kind that nobody declares is watched once a source names it: whether its issuers
// are there and ready is known as of others. Before the permission to read them is there,
// nothing is known of them, which blocks nothing.
func TestAnIssuerKindThatNobodyDeclares(t *testing.T) {
	shared.define(t, strangeIssuers)
	namespace := shared.Namespace(t)
	events := shared.Watch(t, cluster.Events(), namespace)
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	const watched = `certshim_informer_synced{resource="strangeissuers.pki.strange.example"}`
	if body := shared.ownMetrics(t); containsAll(body, []string{watched}) {
		t.Error("it is watched before any source names it")
	}
	strange := annotations{issuerKey: "corp", "cert-manager.io/issuer-kind": "StrangeIssuer", "cert-manager.io/issuer-group": strangeGroup}
	shared.Apply(t, namespace, ingress("first", strange, "0.example.com"))
	shared.untilMetric(t, `certshim_resource_forbidden{resource="strangeissuers.pki.strange.example"} 1`)
	shared.Apply(t, namespace, ingress("web", strange, "a.example.com"))
	certificates.Object(t, "web-tls", "to be made", exists)
	shared.settled(t, namespace)
	if got := warningsAbout(events.State(), "web"); len(got) > 0 {
		t.Errorf("of issuers that may not be read: %v", got)
	}

	shared.allow(t, strangeGroup, "strangeissuers")
	awaitWarning(t, events, "web", "IssuerNotFound")
	shared.Apply(t, namespace, fmt.Sprintf(strangeIssuer, "corp", "False"))
	shared.untilMetric(t, `certshim_issuers{group="pki.strange.example",kind="StrangeIssuer",state="not_ready"} 1`)
	shared.Apply(t, namespace, ingress("second", strange, "b.example.com"))
	awaitWarning(t, events, "second", "IssuerNotReady")
	shared.Apply(t, namespace, fmt.Sprintf(strangeIssuer, "corp", "True"))
	shared.untilMetric(t, `certshim_issuers{group="pki.strange.example",kind="StrangeIssuer",state="ready"} 1`)
	shared.Apply(t, namespace, ingress("third", strange, "c.example.com"))
	certificates.Object(t, "third-tls", "to be made", exists)
	shared.settled(t, namespace)
	if got := warningsAbout(events.State(), "third"); len(got) > 0 {
		t.Errorf("a ready issuer leads to %v", got)
	}

	wrong := annotations{issuerKey: "corq", "cert-manager.io/issuer-kind": "StrangeIssuer", "cert-manager.io/issuer-group": strangeGroup}
	shared.Apply(t, namespace, ingress("wrong", wrong, "d.example.com"))
	note := fmt.Sprint(field(awaitWarning(t, events, "wrong", "IssuerNotFound"), "note"))
	const missing = "there is no StrangeIssuer corq of group pki.strange.example in this namespace"
	wantIn(t, note, missing, "cert-manager.io/issuer: corp")

	// The commands see the same.
	wantIn(t, shared.command(t, "plan", "-n", namespace), missing, "cert-manager.io/issuer: corp")
	list := shared.command(t, "issuers")
	row := regexp.MustCompile(`(?m)^not declared +StrangeIssuer +pki.strange.example +Namespaced +yes +1 +1 +5 +generic$`)
	if !row.MatchString(list) {
		t.Errorf("no row of StrangeIssuers in\n%s", list)
	}
	wantIn(t, shared.command(t, "issuers", "corp", "-n", namespace), "# StrangeIssuer corp of group pki.strange.example, for namespace "+namespace+": ready")
}

// ownMetrics are those of the only certshim.
func (d *deployed) ownMetrics(t *testing.T) string {
	t.Helper()
	body, status := get(t.Context(), "http://"+d.running["certshim"].Address+"/metrics")
	if status != 200 {
		t.Fatalf("metrics: status %d: %s", status, body)
	}
	return body
}

// untilMetric waits until certshim's metrics have a line.
func (d *deployed) untilMetric(t *testing.T, line string) {
	t.Helper()
	if err := cluster.Poll(t.Context(), line, func(context.Context) (bool, error) {
		return containsAll(d.ownMetrics(t), []string{line + "\n"}), nil
	}); err != nil {
		t.Fatal(err)
	}
}

// allow lets certshim read a resource until the end of the test.
func (d *deployed) allow(t *testing.T, group, resource string) {
	t.Helper()
	d.allowTo(t, group, resource, "list", "watch")
}

func (d *deployed) allowTo(t *testing.T, group, resource string, verbs ...string) {
	t.Helper()
	client := must(kubernetes.NewForConfig(d.Config))(t).RbacV1()
	name := metav1.ObjectMeta{Name: strings.TrimSuffix(resource+"."+group, ".")}
	role := &rbacv1.ClusterRole{ObjectMeta: name, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{group}, Resources: []string{resource}, Verbs: verbs},
	}}
	must(client.ClusterRoles().Create(t.Context(), role, metav1.CreateOptions{}))(t)
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: name,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: account, Name: account}},
	}
	must(client.ClusterRoleBindings().Create(t.Context(), binding, metav1.CreateOptions{}))(t)
	t.Cleanup(func() {
		if err := client.ClusterRoleBindings().Delete(cleanup(), name.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
		if err := client.ClusterRoles().Delete(cleanup(), name.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
}
