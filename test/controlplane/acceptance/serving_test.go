package acceptance

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	authentication "k8s.io/api/authentication/v1"
	core "k8s.io/api/core/v1"
	rbac "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

func TestReadyMeansReady(t *testing.T) {
	if err := shared.ready(t.Context()); err != nil {
		t.Error(err)
	}
	version, err := shared.client.Discovery().ServerVersion()
	if err != nil {
		t.Fatal(err)
	}
	module, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(module), "k8s.io/kubernetes "+version.GitVersion+"\n") {
		t.Errorf("the server says that it is %s, go.mod has another version", version.GitVersion)
	}
}

func TestAdminIsNotExempt(t *testing.T) {
	review, err := shared.client.AuthenticationV1().SelfSubjectReviews().Create(t.Context(),
		&authentication.SelfSubjectReview{}, meta.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if groups := review.Status.UserInfo.Groups; slices.Contains(groups, "system:masters") {
		t.Errorf("groups %q: priority and fairness doesn't count system:masters", groups)
	}
}

func TestNamespaceHasDefaultServiceAccount(t *testing.T) {
	name := namespace(t)
	eventually(t, "service account", func() error {
		_, err := shared.client.CoreV1().ServiceAccounts(name).Get(t.Context(), "default", meta.GetOptions{})
		return err
	})
}

func TestNamespaceDeletionFinishes(t *testing.T) {
	name := namespace(t)
	configMap(t, name, "inside", nil)
	if err := shared.client.CoreV1().Namespaces().Delete(t.Context(), name, meta.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "namespace gone", func() error {
		_, err := shared.client.CoreV1().Namespaces().Get(t.Context(), name, meta.GetOptions{})
		return wantNotFound(err)
	})
}

func TestDependentIsCollected(t *testing.T) {
	name := namespace(t)
	owner := configMap(t, name, "owner", nil)
	configMap(t, name, "dependent", owner)
	maps := shared.client.CoreV1().ConfigMaps(name)
	if err := maps.Delete(t.Context(), "owner", meta.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "dependent gone", func() error {
		_, err := maps.Get(t.Context(), "dependent", meta.GetOptions{})
		return wantNotFound(err)
	})
}

func TestTokenRequest(t *testing.T) {
	name := namespace(t)
	token := accountToken(t, name, "tester")
	review, err := shared.client.AuthenticationV1().TokenReviews().Create(t.Context(),
		&authentication.TokenReview{Spec: authentication.TokenReviewSpec{Token: token}}, meta.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if want, got := "system:serviceaccount:"+name+":tester", review.Status.User.Username; got != want {
		t.Errorf("the token is one of %q, want %q", got, want)
	}
}

func TestTokenSecretIsFilled(t *testing.T) {
	name := namespace(t)
	accountToken(t, name, "tester")
	secrets := shared.client.CoreV1().Secrets(name)
	if _, err := secrets.Create(t.Context(), &core.Secret{
		ObjectMeta: meta.ObjectMeta{Name: "token", Annotations: map[string]string{core.ServiceAccountNameKey: "tester"}},
		Type:       core.SecretTypeServiceAccountToken,
	}, meta.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "token in Secret", func() error {
		secret, err := secrets.Get(t.Context(), "token", meta.GetOptions{})
		if err == nil && len(secret.Data[core.ServiceAccountTokenKey]) == 0 {
			return errors.New("no token yet")
		}
		return err
	})
}

// Setting blockOwnerDeletion takes the right to set the owner's finalizers: with RBAC alone, creating would be enough.
func TestOwnerReferencesPermissionEnforcement(t *testing.T) {
	name := namespace(t)
	owner := configMap(t, name, "owner", nil)
	tester := asAccount(t, name, "tester", rbac.PolicyRule{
		APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"create"},
	})
	create := func(blocks bool) error {
		reference := referenceTo(owner)
		reference.BlockOwnerDeletion = &blocks
		_, err := tester.CoreV1().Secrets(name).Create(t.Context(), &core.Secret{ObjectMeta: meta.ObjectMeta{
			GenerateName: "owned-", OwnerReferences: []meta.OwnerReference{reference},
		}}, meta.CreateOptions{})
		return err
	}
	eventually(t, "role is known", func() error { return create(false) })
	if err := create(true); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "blockOwnerDeletion") {
		t.Errorf("blockOwnerDeletion without the right to finalizers: %v, want it refused", err)
	}
}

func TestRBACRefuses(t *testing.T) {
	name := namespace(t)
	tester := asAccount(t, name, "tester")
	_, err := tester.CoreV1().Secrets(name).List(t.Context(), meta.ListOptions{})
	if !apierrors.IsForbidden(err) {
		t.Errorf("list without a role: %v, want it refused", err)
	}
}

func TestKubectl(t *testing.T) {
	for _, argv := range [][]string{
		{binary("kubectl"), "get", "ns"},
		{binary("controlplane"), "kubectl", "get", "ns"},
	} {
		cmd := exec.Command(argv[0], append(argv[1:], "--kubeconfig", shared.kubeconfig)...)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "kube-system ") {
			t.Errorf("%q: %v\n%s", argv, err, out)
		}
	}
}

// namespace makes a namespace for the test.
func namespace(t *testing.T) string {
	t.Helper()
	made, err := shared.client.CoreV1().Namespaces().Create(t.Context(),
		&core.Namespace{ObjectMeta: meta.ObjectMeta{GenerateName: "test-"}}, meta.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return made.Name
}

// configMap makes one, owned by owner unless that is nil.
func configMap(t *testing.T, namespace, name string, owner *core.ConfigMap) *core.ConfigMap {
	t.Helper()
	desired := &core.ConfigMap{ObjectMeta: meta.ObjectMeta{Name: name}}
	if owner != nil {
		desired.OwnerReferences = []meta.OwnerReference{referenceTo(owner)}
	}
	made, err := shared.client.CoreV1().ConfigMaps(namespace).Create(t.Context(), desired, meta.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func referenceTo(owner *core.ConfigMap) meta.OwnerReference {
	return meta.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID}
}

// asAccount returns the client of a new service account with a role of these rules.
func asAccount(t *testing.T, namespace, name string, rules ...rbac.PolicyRule) *kubernetes.Clientset {
	t.Helper()
	token := accountToken(t, namespace, name)
	roles := shared.client.RbacV1()
	if _, err := roles.Roles(namespace).Create(t.Context(),
		&rbac.Role{ObjectMeta: meta.ObjectMeta{Name: name}, Rules: rules}, meta.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := roles.RoleBindings(namespace).Create(t.Context(), &rbac.RoleBinding{
		ObjectMeta: meta.ObjectMeta{Name: name},
		RoleRef:    rbac.RoleRef{APIGroup: rbac.GroupName, Kind: "Role", Name: name},
		Subjects:   []rbac.Subject{{Kind: rbac.ServiceAccountKind, Name: name, Namespace: namespace}},
	}, meta.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	config := rest.AnonymousClientConfig(shared.config)
	config.BearerToken = token
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// accountToken makes a service account and asks for a token of it.
func accountToken(t *testing.T, namespace, name string) string {
	t.Helper()
	accounts := shared.client.CoreV1().ServiceAccounts(namespace)
	if _, err := accounts.Create(t.Context(),
		&core.ServiceAccount{ObjectMeta: meta.ObjectMeta{Name: name}}, meta.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	request, err := accounts.CreateToken(t.Context(), name, &authentication.TokenRequest{}, meta.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return request.Status.Token
}

func wantNotFound(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return fmt.Errorf("want it not found, got: %v", err)
}
