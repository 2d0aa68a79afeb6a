package install

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/certshim/certshim/test/cluster"
)

// narrowRules are all that a release for a namespace may do there, with one type of issuers and one kind of sources of others.
var narrowRules = map[string][]string{
	"certificates.cert-manager.io":                         {"create", "delete", "get", "list", "patch", "watch"},
	"issuers.cert-manager.io":                              {"list", "watch"},
	"stepissuers.certmanager.step.sm":                      {"list", "watch"},
	"ingresses.networking.k8s.io":                          {"get", "list", "watch"},
	"ingresses/finalizers.networking.k8s.io":               {"update"},
	"gateways.gateway.networking.k8s.io":                   {"get", "list", "watch"},
	"gateways/finalizers.gateway.networking.k8s.io":        {"update"},
	"listenersets.gateway.networking.k8s.io":               {"get", "list", "watch"},
	"listenersets/finalizers.gateway.networking.k8s.io":    {"update"},
	"xlistenersets.gateway.networking.x-k8s.io":            {"get", "list", "watch"},
	"xlistenersets/finalizers.gateway.networking.x-k8s.io": {"update"},
	"referencegrants.gateway.networking.k8s.io":            {"list", "watch"},
	"httpproxies.projectcontour.io":                        {"get", "list", "watch"},
	"httpproxies/finalizers.projectcontour.io":             {"update"},
	"events.events.k8s.io":                                 {"create"},
}

// leaseRules are those in the namespace of the release.
var leaseRules = map[string][]string{
	"leases.coordination.k8s.io":                 {"create"},
	"leases.coordination.k8s.io narrow-certshim": {"get", "update"},
}

// In the eyes of the API server, a release for a namespace may do there exactly what it needs, hold its Lease, and nothing else anywhere.
// Doctor has neither an error nor a warning.
func TestWhatANarrowReleaseMay(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t)
	inside, outside := c.Namespace(t), c.Namespace(t)
	r := newRelease(t, c, "narrow")
	r.showCertManager(t)
	r.helm(t, "{replicaCount: 1, config: {namespaces: ["+inside+"]}, rbac: {issuers: [step-issuer], sources: [contour-httpproxy]}}",
		"install", r.name, "deploy/chart", "--create-namespace", "--values=-")
	for namespace, want := range map[string]map[string][]string{inside: narrowRules, outside: {}, r.name: leaseRules} {
		if diff := cmp.Diff(want, r.may(t, "narrow-certshim", namespace)); diff != "" {
			t.Errorf("in %s (-want +may)\n%s", namespace, diff)
		}
	}

	r.runAsPod(t)
	authority, secrets := c.Issuer(t, inside, "ca"), c.Watch(t, cluster.Secrets(), inside)
	c.Apply(t, inside, fmt.Sprintf(ingressOfShop, "web", "cert-manager.io/issuer: ca"))
	secrets.Signed(t, "web-tls", authority, "web.example.com")
	exit, findings := r.findings(t, "--release-namespace="+r.name)
	permitted := slices.ContainsFunc(findings, func(f cluster.Finding) bool { return f.Code == "permissions" && f.Level == "ok" })
	if exit != 0 || !permitted {
		t.Errorf("doctor ends with %d: %+v", exit, findings)
	}
	for _, f := range findings {
		if f.Level == "warning" {
			t.Errorf("doctor warns: %+v", f)
		}
	}
}

// may has what the ServiceAccount may do in a namespace, and a ServiceAccount without permissions may not: verbs by resources, with the name where
// it is for one object.
func (r *release) may(t *testing.T, account, namespace string) map[string][]string {
	t.Helper()
	rules := r.rules(t, account, namespace)
	for resource, verbs := range r.rules(t, "default", namespace) {
		rules[resource] = slices.DeleteFunc(rules[resource], func(verb string) bool { return slices.Contains(verbs, verb) })
	}
	maps.DeleteFunc(rules, func(_ string, verbs []string) bool { return len(verbs) == 0 })
	return rules
}

// rules are those that the API server goes by.
func (r *release) rules(t *testing.T, account, namespace string) map[string][]string {
	t.Helper()
	client := r.as(t, account)
	var review *authorizationv1.SelfSubjectRulesReview
	err := cluster.Await(t.Context(), "the rules to be known", func(ctx context.Context) (err error) {
		review, err = client.AuthorizationV1().SelfSubjectRulesReviews().Create(ctx, &authorizationv1.SelfSubjectRulesReview{
			Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace},
		}, metav1.CreateOptions{})
		if err == nil && review.Status.Incomplete {
			err = fmt.Errorf("incomplete: %s", review.Status.EvaluationError)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for _, rule := range review.Status.ResourceRules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				key := strings.Join(append([]string{resource + "." + group}, rule.ResourceNames...), " ")
				all[key] = slices.Compact(slices.Sorted(slices.Values(append(all[key], rule.Verbs...))))
			}
		}
	}
	return all
}

// as is a client with the token of a ServiceAccount.
func (r *release) as(t *testing.T, account string) kubernetes.Interface {
	t.Helper()
	kubeconfig, err := r.AccountKubeconfig(t.Context(), r.name, account)
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}
