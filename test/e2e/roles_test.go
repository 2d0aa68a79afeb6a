package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/test/cluster"
)

// What `certshim issuers -o rbac` prints can be applied as it is. It lets certshim's ServiceAccount list and watch the
// issuers that it is about, and nothing else.
func TestTheRolesThatIssuersPrints(t *testing.T) {
	t.Parallel()
	d := &deployed{Cluster: cluster.Start(t, cluster.WithoutCertManager(), cluster.WithoutGatewayAPI())}
	reviews := d.reviews(t)
	catalogue := catalogueResources(t)
	own := []schema.GroupResource{{Group: "pki.corp.example", Resource: "corpissuers"}, {Group: "pki.corp.example", Resource: "corpclusterissuers"}}
	root := must(repository())(t)
	file := filepath.Join(root, "examples/deploy/issuers/corp-ca.yaml")
	all := append(append([]schema.GroupResource{{Resource: "secrets"}, {Group: "cert-manager.io", Resource: "certificates"}}, catalogue...), own...)
	for name, row := range map[string]struct {
		arguments []string
		granted   []schema.GroupResource
	}{
		"the catalogue":                       {nil, catalogue},
		"a file":                              {[]string{"--issuers", file}, own},
		"a kind":                              {[]string{"StepIssuer"}, []schema.GroupResource{{Group: "certmanager.step.sm", Resource: "stepissuers"}}},
		"a type":                              {[]string{"step-issuer"}, []schema.GroupResource{{Group: "certmanager.step.sm", Resource: "stepissuers"}, {Group: "certmanager.step.sm", Resource: "stepclusterissuers"}}},
		"two kinds of which one is of a file": {[]string{"AWSPCAClusterIssuer", "CorpIssuer", "AWSPCAClusterIssuer", "--issuers", file}, []schema.GroupResource{{Group: "awspca.cert-manager.io", Resource: "awspcaclusterissuers"}, own[0]}},
	} {
		t.Run(name, func(t *testing.T) {
			roles := filepath.Join(t.TempDir(), "roles.yaml")
			printed := d.command(t, append([]string{"issuers", "--offline", "-o", "rbac"}, row.arguments...)...)
			if err := os.WriteFile(roles, []byte(printed), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := d.Kubectl(t.Context(), "apply", "-f", roles); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := d.Kubectl(cleanup(), "delete", "-f", roles); err != nil {
					t.Error(err)
				}
				// The next one begins with none.
				reviews.await(t, row.granted, false)
			})
			reviews.await(t, row.granted, true)
			reviews.compare(t, all, row.granted)
		})
	}
}

// catalogueResources are those of all shipped types but cert-manager's own.
func catalogueResources(t *testing.T) []schema.GroupResource {
	t.Helper()
	var all []schema.GroupResource
	for _, shipped := range must(resolver.Shipped())(t) {
		for _, kind := range shipped.Kinds {
			all = append(all, schema.GroupResource{Group: shipped.Group, Resource: kind.Resource})
		}
	}
	return all
}

// reviews asks the API server what certshim's ServiceAccount may do.
type reviews struct{ kubernetes.Interface }

func (d *deployed) reviews(t *testing.T) reviews {
	t.Helper()
	config := rest.CopyConfig(d.Config)
	config.QPS = -1
	return reviews{must(kubernetes.NewForConfig(config))(t)}
}

func (r reviews) may(t *testing.T, verb string, resource schema.GroupResource) bool {
	t.Helper()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: "system:serviceaccount:" + account + ":" + account, Groups: []string{"system:serviceaccounts", "system:authenticated"},
		ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: verb, Group: resource.Group, Resource: resource.Resource},
	}}
	return must(r.AuthorizationV1().SubjectAccessReviews().Create(cleanup(), review, metav1.CreateOptions{}))(t).Status.Allowed
}

// await waits until the API server's authorizer knows of the roles, which it watches.
func (r reviews) await(t *testing.T, resources []schema.GroupResource, allowed bool) {
	t.Helper()
	err := cluster.Poll(cleanup(), fmt.Sprintf("the roles of %v", resources), func(context.Context) (bool, error) {
		for _, resource := range resources {
			if r.may(t, "watch", resource) != allowed {
				return false, nil
			}
		}
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (r reviews) compare(t *testing.T, all, granted []schema.GroupResource) {
	t.Helper()
	isGranted := map[schema.GroupResource]bool{}
	for _, resource := range granted {
		isGranted[resource] = true
	}
	for _, resource := range all {
		var may []string
		for _, verb := range []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"} {
			if r.may(t, verb, resource) {
				may = append(may, verb)
			}
		}
		want := ""
		if isGranted[resource] {
			want = "list watch"
		}
		if got := strings.Join(may, " "); got != want {
			t.Errorf("it may %q %s, want %q", got, resource, want)
		}
	}
}
