package faults

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/envtest"
)

// What stores and serves all objects is killed, or stands still for a while. cert-manager meets the same.
func TestAServerThatFails(t *testing.T) {
	for name, fail := range map[string]func(*testing.T, *scene) (strikes int){
		"API server killed": func(t *testing.T, _ *scene) int {
			before := pids(t)
			if err := shared.ControlPlane.RestartAPIServer(t.Context()); err != nil {
				t.Fatal(err)
			}
			return count(pids(t).APIServer != before.APIServer)
		},
		"etcd killed": func(t *testing.T, s *scene) int {
			before := pids(t)
			if err := syscall.Kill(before.Etcd, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			s.await(t, "etcd to be back", func() error {
				if pids(t).Etcd == before.Etcd {
					return errors.New("it is the same process")
				}
				_, err := shared.Dynamic.Resource(ingresses).Namespace(s.namespace).List(t.Context(), listAll)
				return err
			})
			return count(pids(t).Etcd != before.Etcd)
		},
		"etcd stands still": func(t *testing.T, s *scene) int {
			etcd := pids(t).Etcd
			if err := syscall.Kill(etcd, syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			const still = 4 * time.Second
			resume := time.AfterFunc(still, func() { _ = syscall.Kill(etcd, syscall.SIGCONT) })
			// This edit is answered once etcd goes on.
			s.grow(t, s.namespace, s.origins[0])
			return count(!resume.Stop())
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := steady(t)
			s.issuesNothing, s.replacesNothing = true, true
			s.play(t, s.namespace, edits()/2)
			strikes := fail(t, s)
			s.play(t, s.namespace, edits()/2)
			s.heals()
			s.check(t, name, strikes)
		})
	}
}

// count is one for what has happened.
func count(happened bool) int {
	if happened {
		return 1
	}
	return 0
}

func pids(t *testing.T) envtest.Pids {
	t.Helper()
	all, err := shared.ControlPlane.Pids()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// All permissions are taken from the account, and given back.
func TestPermissionsThatAreTakenAway(t *testing.T) {
	bindings := shared.Dynamic.Resource(schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterrolebindings"})
	s := steady(t)
	binding, err := bindings.Get(t.Context(), "certshim", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := bindings.Delete(t.Context(), binding.GetName(), metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	before := s.link.forbids()
	// The watches that are open stay so; those that end aren't opened again.
	s.link.hangUp("/ingresses")
	s.play(t, s.namespace, edits())
	s.await(t, "requests to be forbidden", func() error {
		if n := s.link.forbids() - before; n < some {
			return fmt.Errorf("%d were", n)
		}
		return nil
	})
	binding.SetResourceVersion("")
	binding.SetUID("")
	if _, err := bindings.Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	s.heals()
	s.check(t, "permissions taken away", s.link.forbids()-before)
}

// Certificates of one namespace can't be written, as a webhook that judges them can't be reached. Those of another can.
func TestAWebhookThatIsDown(t *testing.T) {
	s, other := newScene(t), newScene(t)
	s.start(t, "--namespace="+other.namespace)
	s.untilRight(t)
	other.untilRight(t)
	s.measures(t)
	probe := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": map[string]any{"name": "probe"},
		"spec": map[string]any{"secretName": "probe", "issuerRef": map[string]any{"name": issuer}, "dnsNames": []any{"probe.example.com"}},
	}}
	mend := s.breakWebhook(t, "faults-down", "[CREATE, UPDATE]", func(certificates dynamic.ResourceInterface) error {
		_, err := certificates.Apply(t.Context(), "probe", probe, metav1.ApplyOptions{FieldManager: "probe", DryRun: []string{metav1.DryRunAll}})
		return err
	})
	down := s.metric(t, "certshim_writes_total")
	s.grow(t, s.namespace, s.origins[0])
	s.play(t, s.namespace, edits())
	other.play(t, other.namespace, edits())
	other.untilRight(t)
	strikes := int(s.metric(t, "certshim_writes_total") - down)
	mend()
	s.heals()
	s.check(t, "webhook down", strikes)
}

// breakWebhook makes the API server refuse operations on Certificates of the scene's namespace, as the webhook that judges
// them can't be reached, and returns when it refuses the one that is tried.
func (s *scene) breakWebhook(t *testing.T, name, operations string, try func(dynamic.ResourceInterface) error) (mend func()) {
	t.Helper()
	webhooks := schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingwebhookconfigurations"}
	shared.Apply(t, "", fmt.Sprintf(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: %s}
webhooks:
  - name: down.example.com
    admissionReviewVersions: [v1]
    sideEffects: None
    failurePolicy: Fail
    timeoutSeconds: 1
    clientConfig: {url: "https://127.0.0.1:1/"}
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %s}}
    rules: [{apiGroups: [cert-manager.io], apiVersions: [v1], operations: %s, resources: [certificates]}]
`, name, s.namespace, operations))
	mend = func() { shared.Delete(t, webhooks, "", name) }
	t.Cleanup(mend)
	s.await(t, "the webhook to be called", func() error {
		err := try(shared.Dynamic.Resource(cluster.Certificates()).Namespace(s.namespace))
		if apierrors.IsInternalError(err) {
			return nil
		}
		return fmt.Errorf("the API server doesn't call it: %w", err)
	})
	return mend
}

// A namespace with sources is deleted while they are edited, beside one that stays.
func TestANamespaceThatIsDeleted(t *testing.T) {
	t.Parallel()
	s, goes := newScene(t), newScene(t)
	s.start(t, "--namespace="+goes.namespace)
	s.untilRight(t)
	goes.untilRight(t)
	s.measures(t)
	s.play(t, s.namespace, edits()/2)
	goes.play(t, goes.namespace, edits())
	namespaces := schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	shared.Delete(t, namespaces, "", goes.namespace)
	s.play(t, s.namespace, edits()/2)
	s.await(t, "the namespace to be gone", func() error {
		_, err := shared.Dynamic.Resource(namespaces).Get(t.Context(), goes.namespace, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("it is there: %w", err)
	})
	s.heals()
	s.check(t, "namespace deleted", 1)
}
