package install

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/certshim/certshim/test/cluster"
)

// As a platform engineer installs, is woken by the alert, asks doctor, repairs, upgrades, rolls back and uninstalls:
// Certificates are made, and stay as they are. Nothing is signed twice, and of the release nothing is left.
func TestTheLifeOfARelease(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t)
	authority := c.ClusterIssuer(t, "company")
	r := newRelease(t, c, "certshim")
	r.showCertManager(t)
	r.doctor(t, 0, "--pre")

	const values = "{replicaCount: 1, config: {defaultIssuer: {name: company, kind: ClusterIssuer}}}"
	notes := r.helm(t, values, "install", r.name, "deploy/chart", "--create-namespace", "--values=-")
	if !strings.Contains(notes, "kubectl get lease -n certshim certshim") {
		t.Errorf("the notes say\n%s", notes)
	}
	r.runAsPod(t)
	shop := r.newShop(t, authority)
	shop.gets(t, "web")
	r.planKnowsTheConfiguration(t)
	r.looksFromInside(t)
	r.healthy(t)

	const forbidden = "CertshimWriteForbidden"
	prometheus := r.monitor(t)
	prometheus.becomes(t, forbidden, "inactive")
	r.forbid(t)
	shop.asks(t, "late")
	prometheus.becomes(t, forbidden, "firing")
	want := []string{"permissions"}
	if r.ip != "" {
		want = append(want, "writes")
	}
	if found := r.doctor(t, 1); !slices.Equal(found, want) {
		t.Errorf("doctor finds errors of %q, want those of %q alone", found, want)
	}
	r.helm(t, values, "upgrade", r.name, "deploy/chart", "--values=-", "--force-conflicts")
	r.mayMakeCertificates(t, true)
	shop.gets(t, "late")
	prometheus.becomes(t, forbidden, "inactive")
	r.healthy(t)

	r.helm(t, strings.Replace(values, "config: {", "config: {workers: 8, ", 1), "upgrade", r.name, "deploy/chart", "--values=-")
	r.runAsPod(t)
	shop.gets(t, "upgraded")
	r.healthy(t)
	r.helm(t, "", "rollback", r.name, "1")
	r.runAsPod(t)
	shop.gets(t, "back")
	r.healthy(t)

	r.stop(t)
	r.vanish(t)
	r.helm(t, "", "uninstall", r.name)
	if left := r.left(t); left != "" {
		t.Errorf("after helm uninstall there are\n%s", left)
	}
	shop.lostNothing(t)
}

// shop is a namespace with Ingresses, and what has become of each.
type shop struct {
	*cluster.Cluster
	namespace                       string
	authority                       cluster.Authority
	certificates, secrets, requests *cluster.Watch
	// made is what was there when each was signed, by the name of the Ingress.
	made map[string]fate
}

// fate is what must stay of a Certificate and its Secret.
type fate struct {
	Certificate, Secret types.UID
	Generation          int64
	Revision, Signed    any
}

func (r *release) newShop(t *testing.T, authority cluster.Authority) *shop {
	t.Helper()
	namespace := r.Namespace(t)
	return &shop{
		Cluster: r.Cluster, namespace: namespace, authority: authority, made: map[string]fate{},
		certificates: r.Watch(t, cluster.Certificates(), namespace), secrets: r.Watch(t, cluster.Secrets(), namespace),
		requests: r.Watch(t, cluster.CertificateRequests(), namespace),
	}
}

// asks applies an Ingress, unless it is there.
func (s *shop) asks(t *testing.T, name string) {
	t.Helper()
	s.Apply(t, s.namespace, fmt.Sprintf(ingressOfShop, name, "kubernetes.io/tls-acme: 'true'"))
}

// gets sees the Secret of an Ingress signed.
func (s *shop) gets(t *testing.T, name string) {
	t.Helper()
	s.asks(t, name)
	s.secrets.Signed(t, name+"-tls", s.authority, name+".example.com")
	s.certificates.Object(t, name+"-tls", "to be ready, with a revision", func(c *unstructured.Unstructured) bool {
		_, counted, _ := unstructured.NestedInt64(c.Object, "status", "revision")
		return counted && cluster.IsReady(c)
	})
	s.made[name] = s.now(name)
}

func (s *shop) now(name string) (f fate) {
	certificate, secret := s.certificates.State()[name+"-tls"], s.secrets.State()[name+"-tls"]
	if certificate == nil || secret == nil {
		return f
	}
	status := certificate.Object["status"].(map[string]any)
	return fate{
		Certificate: certificate.GetUID(), Generation: certificate.GetGeneration(), Revision: status["revision"],
		Secret: secret.GetUID(), Signed: secret.Object["data"].(map[string]any)["tls.crt"],
	}
}

// lostNothing wants all as it was when it was signed, each by one request.
func (s *shop) lostNothing(t *testing.T) {
	t.Helper()
	now := map[string]fate{}
	for name := range s.made {
		now[name] = s.now(name)
	}
	if diff := cmp.Diff(s.made, now); diff != "" {
		t.Errorf("what was signed has changed (-then +now)\n%s", diff)
	}
	if all := s.certificates.State(); len(all) != len(s.made) {
		t.Errorf("there are %d Certificates for %d Ingresses:\n%s", len(all), len(s.made), all)
	}
	if all := s.requests.State(); len(all) != len(s.made) {
		t.Errorf("there are %d CertificateRequests for %d Certificates:\n%s", len(all), len(s.made), all)
	}
	for _, change := range slices.Concat(s.certificates.Changes(), s.requests.Changes()) {
		if change.Type == watch.Deleted {
			t.Errorf("deleted was %v", change.Object)
		}
	}
}

// forbid takes the permission to make Certificates from the ClusterRole, as by kubectl edit.
func (r *release) forbid(t *testing.T) {
	t.Helper()
	roles := r.client.RbacV1().ClusterRoles()
	role, err := roles.Get(t.Context(), r.name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i, rule := range role.Rules {
		if slices.Contains(rule.Resources, "certificates") {
			role.Rules[i].Verbs = slices.DeleteFunc(rule.Verbs, func(verb string) bool { return verb == "create" })
		}
	}
	if _, err := roles.Update(t.Context(), role, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	r.mayMakeCertificates(t, false)
}

// mayMakeCertificates returns when the API server goes by the ClusterRole.
func (r *release) mayMakeCertificates(t *testing.T, may bool) {
	t.Helper()
	r.until(t, may, authorizationv1.SubjectAccessReviewSpec{
		User:               "system:serviceaccount:" + r.name + ":" + r.name,
		ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "create", Group: "cert-manager.io", Resource: "certificates"},
	})
}

// healthy wants nothing of doctor but that all is well; where the API server can't reach what runs, that isn't known.
func (r *release) healthy(t *testing.T) {
	t.Helper()
	if r.ip != "" {
		r.doctor(t, 0, "--fail-on=unknown", "--dry-run-write")
		return
	}
	r.doctor(t, 0, "--fail-on=warning")
}

// doctor gives the codes of the errors that it finds.
func (r *release) doctor(t *testing.T, exit int, arguments ...string) (codes []string) {
	t.Helper()
	got, findings := r.findings(t, arguments...)
	if got != exit {
		t.Errorf("doctor %q ends with %d, want %d:\n%+v", arguments, got, exit, findings)
	}
	for _, f := range findings {
		if f.Level == "error" {
			codes = append(codes, f.Code)
		}
	}
	return codes
}

// findings are all that doctor says, and its exit status.
func (r *release) findings(t *testing.T, arguments ...string) (exit int, all []cluster.Finding) {
	t.Helper()
	command := exec.CommandContext(t.Context(), filepath.Join(r.repository, "bin/certshim"), append([]string{"doctor", "-o=json", "--kubeconfig=" + r.Kubeconfig}, arguments...)...)
	output, err := command.Output()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), cluster.Findings(t, output)
}

// planKnowsTheConfiguration sees that commands find the release, and do what its controller does.
func (r *release) planKnowsTheConfiguration(t *testing.T) {
	t.Helper()
	plan := exec.CommandContext(t.Context(), filepath.Join(r.repository, "bin/certshim"), "plan", "-A", "--kubeconfig="+r.Kubeconfig)
	output, err := plan.CombinedOutput()
	if err != nil || !strings.Contains(string(output), "the configuration is that of Deployment certshim/certshim") ||
		!strings.Contains(string(output), "it is up to date") {
		t.Errorf("certshim plan -A: %v\n%s", err, output)
	}
}

// left are the objects in the cluster that carry the release's label.
func (r *release) left(t *testing.T) string {
	t.Helper()
	list := exec.CommandContext(t.Context(), filepath.Join(r.repository, "bin/kubectl"), "get", "-A", "--ignore-not-found", "-o=name",
		"-l=app.kubernetes.io/instance="+r.name,
		"deployments,configmaps,serviceaccounts,services,roles,rolebindings,clusterroles,clusterrolebindings,networkpolicies,poddisruptionbudgets,flowschemas")
	list.Env = append(os.Environ(), "KUBECONFIG="+r.Kubeconfig)
	output, err := list.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return string(output)
}
