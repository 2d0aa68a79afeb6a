package install

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/external/authority"
)

// By the chart's own Secret and permissions, /metrics answers over TLS: 401 to who shows no token, 403 to who may not, and
// 200 to who may by a ClusterRole.
func TestMetricsAreForThoseWhoMayReadThem(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	r := newRelease(t, c, "watched")
	namespaces := r.client.CoreV1().Namespaces()
	if _, err := namespaces.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: r.name}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	trusted := r.metricsSecret(t, "metrics-tls")
	r.helm(t, "{metricsTLSSecret: metrics-tls, config: {metrics: {authentication: true}}}", "install", r.name, "deploy/chart", "--values=-")
	r.run(t)
	r.mayReadMetrics(t, "prometheus")
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}}}
	for who, row := range map[string]struct {
		token string
		want  int
	}{
		"nobody":                        {"", http.StatusUnauthorized},
		"somebody with a made-up token": {"made-up", http.StatusUnauthorized},
		"a tenant":                      {r.token(t, "tenant"), http.StatusForbidden},
		"Prometheus":                    {r.token(t, "prometheus"), http.StatusOK},
	} {
		if got := r.scrape(t, client, "/metrics", row.token); got != row.want {
			log, _ := os.ReadFile(filepath.Join(r.Logs, r.name+"-certshim.log"))
			t.Errorf("%s gets status %d, want %d\n%s", who, got, row.want, log)
		}
	}
	if got := r.scrape(t, client, "/healthz", ""); got != http.StatusOK {
		t.Errorf("/healthz on the same listener needs no token, and answers %d", got)
	}
	r.doctorReadsThem(t)
}

// doctorReadsThem wants doctor to know what runs watches by its metrics over TLS, and to say that it can't where they ask for a token.
func (r *release) doctorReadsThem(t *testing.T) {
	t.Helper()
	r.runAsPod(t)
	r.finds(t, "kinds-watched", "unknown", "a token")
	r.helm(t, "{metricsTLSSecret: metrics-tls}", "upgrade", r.name, "deploy/chart", "--values=-")
	r.runAsPod(t)
	if r.ip == "" {
		t.Skip("this machine has no address but loopback, to which an API server passes no request on")
	}
	r.finds(t, "kinds-watched", "ok", "ingresses.networking.k8s.io")
}

// finds wants doctor to say something of the release at one check.
func (r *release) finds(t *testing.T, code, level, text string) {
	t.Helper()
	_, findings := r.findings(t, "--release-namespace="+r.name)
	if !slices.ContainsFunc(findings, func(f cluster.Finding) bool {
		return f.Code == code && f.Level == level && strings.Contains(f.Text, text)
	}) {
		t.Errorf("doctor doesn't say %s %s: %s\n%+v", level, code, text, findings)
	}
}

// metricsSecret makes the Secret with a certificate for the listener, and gives who trusts it.
func (r *release) metricsSecret(t *testing.T, name string) *x509.CertPool {
	t.Helper()
	ca, err := authority.Root("metrics")
	if err != nil {
		t.Fatal(err)
	}
	certificate, key, err := ca.Server()
	if err != nil {
		t.Fatal(err)
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, Type: corev1.SecretTypeTLS, Data: map[string][]byte{"tls.crt": certificate, "tls.key": key}}
	if _, err := r.client.CoreV1().Secrets(r.name).Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	trusting := x509.NewCertPool()
	trusting.AddCert(ca.Certificate)
	return trusting
}

// mayReadMetrics is the ClusterRole that docs/operate.md shows, bound to a ServiceAccount. It returns when the API server
// goes by it.
func (r *release) mayReadMetrics(t *testing.T, account string) {
	t.Helper()
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "certshim-metrics-reader"}, Rules: []rbacv1.PolicyRule{
		{NonResourceURLs: []string{"/metrics"}, Verbs: []string{"get"}},
	}}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: r.name, Name: account}},
	}
	_, err := r.client.RbacV1().ClusterRoles().Create(t.Context(), role, metav1.CreateOptions{})
	if err == nil {
		_, err = r.client.RbacV1().ClusterRoleBindings().Create(t.Context(), binding, metav1.CreateOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	r.until(t, true, authorizationv1.SubjectAccessReviewSpec{
		User: "system:serviceaccount:" + r.name + ":" + account, NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: "/metrics", Verb: "get"},
	})
}

// until returns when the API server allows something, or doesn't.
func (r *release) until(t *testing.T, allowed bool, what authorizationv1.SubjectAccessReviewSpec) {
	t.Helper()
	err := cluster.Poll(t.Context(), "the API server to go by the roles", func(ctx context.Context) (bool, error) {
		review, err := r.client.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{Spec: what}, metav1.CreateOptions{})
		return err == nil && review.Status.Allowed == allowed, err
	})
	if err != nil {
		t.Fatalf("%+v doesn't become allowed=%t: %v", what, allowed, err)
	}
}

// token makes a ServiceAccount, and gives a token of it.
func (r *release) token(t *testing.T, account string) string {
	t.Helper()
	accounts := r.client.CoreV1().ServiceAccounts(r.name)
	if _, err := accounts.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: account}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	token, err := accounts.CreateToken(t.Context(), account, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return token.Status.Token
}

// scrape gives the status.
func (r *release) scrape(t *testing.T, client *http.Client, path, token string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, "https://"+r.metrics+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}
