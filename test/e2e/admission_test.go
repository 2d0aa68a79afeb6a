package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	language "github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/test/cluster"
)

// guarded is an API server with the admission policy that certshim prints.
type guarded struct {
	*cluster.Cluster
	namespace string
	client    dynamic.Interface
	warnings  *warnings
}

// warnings are those that the API server sends with its answers.
type warnings struct {
	lock sync.Mutex
	all  []string
}

// HandleWarningHeader keeps a warning.
func (w *warnings) HandleWarningHeader(_ int, _, text string) {
	w.lock.Lock()
	defer w.lock.Unlock()
	w.all = append(w.all, text)
}

// take gives the warnings since the last call.
func (w *warnings) take() []string {
	w.lock.Lock()
	defer w.lock.Unlock()
	all := w.all
	w.all = nil
	return all
}

func startGuarded(t *testing.T) *guarded {
	t.Helper()
	c := cluster.Start(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	g := &guarded{Cluster: c, namespace: c.Namespace(t), warnings: &warnings{}}
	config := rest.CopyConfig(c.Config)
	config.WarningHandler = g.warnings
	g.client = must(dynamic.NewForConfig(config))(t)
	return g
}

// policy applies what `certshim policy` prints, and returns when the API server goes by it.
func (g *guarded) policy(t *testing.T, action string) {
	t.Helper()
	g.Apply(t, "", policyOf(t, "--action="+action))
	err := cluster.Poll(t.Context(), "the policy to be in force", func(context.Context) (bool, error) {
		err := g.create(t.Context(), ingress("known", annotations{issuerKey: "ca", "cert-manager.io/duration": "90d"}, "a.example.com"), metav1.DryRunAll)
		told := g.warnings.take()
		if action == "deny" {
			return refusedByPolicy(err), nil
		}
		return err == nil && len(told) == 1, err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// policyOf is what `certshim policy` prints.
func policyOf(t *testing.T, arguments ...string) string {
	t.Helper()
	root := must(repository())(t)
	return string(must(exec.CommandContext(t.Context(), filepath.Join(root, "bin/certshim"), append([]string{"policy"}, arguments...)...).Output())(t))
}

func refusedByPolicy(err error) bool {
	return apierrors.IsInvalid(err) && strings.Contains(err.Error(), "certshim-annotations")
}

func (g *guarded) create(ctx context.Context, manifest string, dryRun ...string) error {
	return g.createIn(ctx, ingresses, manifest, dryRun...)
}

func (g *guarded) createIn(ctx context.Context, resource schema.GroupVersionResource, manifest string, dryRun ...string) error {
	var object unstructured.Unstructured
	if err := yaml.Unmarshal([]byte(manifest), &object.Object); err != nil {
		return err
	}
	_, err := g.client.Resource(resource).Namespace(g.namespace).Create(ctx, &object, metav1.CreateOptions{DryRun: dryRun})
	return err
}

// The API server refuses what the parser refuses, and nothing else, each in the words of the table.
func TestThePolicyOnTheServer(t *testing.T) {
	g := startGuarded(t)
	g.policy(t, "deny")
	values := map[string][]string{
		"alt-names": {"a.b, *.c.d,10.0.0.1", "a b", "a..b", "::ffff:1.2.3.4"}, "common-name": {strings.Repeat("ä", 33), strings.Repeat("ä", 32)},
		"ip-sans": {"::ffff:1.2.3.4", "a.b"}, "uri-sans": {"urn:x:y", "/a"}, "email-sans": {"a"},
		"duration": {"59m", "1h30m", "2160", "1µs", "+1h"}, "renew-before": {"2160h", "4m"}, "renew-before-percentage": {"0", "099", "100"},
		"revision-history-limit": {"2147483648", "+7"}, "usages": {"s/mime, any", "serverAuth"}, "private-key-algorithm": {"rsa"},
		"private-key-size": {"+4096", "4096x", "1024"}, "secret-template": {"[]", "{}"}, "subject-organizations": {`"a`, `"a, b",c`, "a\nb"},
	}
	refused := 0
	for _, row := range language.Table() {
		if row.Admits == nil {
			continue
		}
		_, name, _ := strings.Cut(row.Key, "/")
		for _, value := range append(values[name], row.Example, "") {
			in := annotations{issuerKey: "ca", row.Key: value}
			err := g.create(t.Context(), ingress("web", in, "a.example.com"), metav1.DryRunAll)
			if err != nil && !refusedByPolicy(err) {
				t.Fatalf("%s: %q: %v", row.Key, value, err)
			}
			if unreadable(in) != (err != nil) {
				t.Errorf("%s: %q: the parser refuses it: %v; the server: %v", row.Key, value, unreadable(in), err)
			}
			if err != nil {
				refused++
				if !strings.Contains(err.Error(), row.Key) || !strings.Contains(err.Error(), row.Example) {
					t.Errorf("%s: %q: the server says %v", row.Key, value, err)
				}
			}
		}
	}
	if refused < 15 {
		t.Errorf("%d values were refused", refused)
	}
}

func unreadable(in annotations) bool {
	_, problems := language.NewParser(language.Options{}).Parse(in)
	for _, p := range problems.All() {
		if p.Severity == problem.Error {
			return true
		}
	}
	return false
}

// An object with an old mistake can be changed elsewhere, lose its finalizers, and be deleted.
func TestAnOldMistakeStandsInNobodysWay(t *testing.T) {
	g := startGuarded(t)
	manifest := strings.Replace(ingress("old", annotations{issuerKey: "ca", "cert-manager.io/duration": "90d"}, "a.example.com"),
		"metadata:\n", "metadata:\n  finalizers: [example.com/mine]\n", 1)
	if err := g.create(t.Context(), manifest); err != nil {
		t.Fatal(err)
	}
	g.policy(t, "deny")
	on := g.client.Resource(ingresses).Namespace(g.namespace)
	patch := func(body string) error {
		_, err := on.Patch(t.Context(), "old", types.MergePatchType, []byte(body), metav1.PatchOptions{})
		return err
	}
	if err := patch(`{"metadata":{"labels":{"a":"b"}}}`); err != nil {
		t.Error(err)
	}
	if err := patch(`{"metadata":{"annotations":{"cert-manager.io/duration":"80d"}}}`); !refusedByPolicy(err) {
		t.Errorf("another wrong value: %v", err)
	}
	if err := on.Delete(t.Context(), "old", metav1.DeleteOptions{}); err != nil {
		t.Error(err)
	}
	if err := patch(`{"metadata":{"finalizers":null,"annotations":{"cert-manager.io/duration":"70d"}}}`); err != nil {
		t.Error(err)
	}
	if _, err := on.Get(t.Context(), "old", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("after the last finalizer: %v", err)
	}
}

var bindingOnPage = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// The second binding of docs/admission.md refuses in the namespaces that it selects.
func TestThePolicyDeniesWhereASecondBindingSaysSo(t *testing.T) {
	g := startGuarded(t)
	g.policy(t, "warn")
	page := must(os.ReadFile(filepath.Join(must(repository())(t), "docs/admission.md")))(t)
	g.Apply(t, "", bindingOnPage.FindStringSubmatch(string(page))[1])
	g.patch(t, g.namespace, `{"metadata":{"labels":{"team":"platform"}}}`)
	err := cluster.Poll(t.Context(), "the second binding to be in force", func(context.Context) (bool, error) {
		return refusedByPolicy(g.create(t.Context(), ingress("bad", annotations{issuerKey: "ca", "cert-manager.io/duration": "90d"}, "a.example.com"), metav1.DryRunAll)), nil
	})
	if err != nil {
		t.Error(err)
	}
}

func (g *guarded) patch(t *testing.T, namespace, body string) {
	t.Helper()
	must(g.Dynamic.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}).Patch(t.Context(), namespace, types.MergePatchType, []byte(body), metav1.PatchOptions{}))(t)
}

// With warn, the write succeeds, and whoever writes is told.
func TestThePolicyWarns(t *testing.T) {
	g := startGuarded(t)
	g.policy(t, "warn")
	if err := g.create(t.Context(), ingress("web", annotations{issuerKey: "ca", "cert-manager.io/usages": "serverAuth"}, "a.example.com")); err != nil {
		t.Fatal(err)
	}
	if told := g.warnings.take(); len(told) != 1 || !strings.Contains(told[0], "cert-manager.io/usages: certshim reads") {
		t.Errorf("the warnings are %q", told)
	}
	page := string(must(os.ReadFile(filepath.Join(must(repository())(t), "docs/admission.md")))(t))
	if err := g.create(t.Context(), ingress("bad", annotations{issuerKey: "ca", "cert-manager.io/duration": "90d"}, "a.example.com")); err != nil {
		t.Fatal(err)
	}
	if told := g.warnings.take(); len(told) != 1 || !strings.Contains(page, "Warning: "+told[0]+"\n") {
		t.Errorf("docs/admission.md doesn't have the warnings %q", told)
	}
	if err := g.create(t.Context(), ingress("other", annotations{"cert-manager.io/usages": "serverAuth"}, "a.example.com")); err != nil {
		t.Fatal(err)
	}
	if told := g.warnings.take(); len(told) > 0 {
		t.Errorf("an object that asks for nothing: %q", told)
	}
	edge := gateway("edge", annotations{issuerKey: "ca", "cert-manager.io/duration": "1d"}, "b.example.com")
	if err := g.createIn(t.Context(), gateways, edge); err != nil {
		t.Fatal(err)
	}
	if told := g.warnings.take(); len(told) != 1 {
		t.Errorf("a Gateway: %q", told)
	}
}

// Only exempt accounts tie a Certificate to an object of another namespace, and change such a tie.
func TestThePolicyForTiesOnTheServer(t *testing.T) {
	g := startGuarded(t)
	g.Apply(t, "", policyOf(t, "ties", "--action=deny", "--exempt-group=restorers"))
	as := func(user string, groups ...string) dynamic.ResourceInterface {
		config := rest.CopyConfig(g.Config)
		config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: append(groups, "system:masters")}
		return must(dynamic.NewForConfig(config))(t).Resource(cluster.Certificates()).Namespace(g.namespace)
	}
	tenant, certshim, restorer := as("tenant"), as("system:serviceaccount:certshim:certshim"), as("velero", "restorers")
	tied := func(name, to string) *unstructured.Unstructured {
		c := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "cert-manager.io/v1", "kind": "Certificate",
			"spec": map[string]any{"secretName": name, "dnsNames": []any{"a.example.com"}, "issuerRef": map[string]any{"name": "ca"}},
		}}
		c.SetName(name)
		c.SetAnnotations(map[string]string{"certshim.io/source": to + " for=" + g.namespace + "/" + name})
		return c
	}
	const across = "gateway.networking.k8s.io/Gateway:edge-of-another/gw uid=1"
	create := func(by dynamic.ResourceInterface, object *unstructured.Unstructured, dryRun ...string) error {
		_, err := by.Create(t.Context(), object, metav1.CreateOptions{DryRun: dryRun})
		return err
	}
	refused := func(err error) bool {
		return apierrors.IsInvalid(err) && strings.Contains(err.Error(), "certshim.io/source: only certshim ties a Certificate")
	}
	if err := cluster.Poll(t.Context(), "the policy to be in force", func(context.Context) (bool, error) {
		return refused(create(tenant, tied("probe", across), metav1.DryRunAll)), nil
	}); err != nil {
		t.Fatal(err)
	}
	for name, by := range map[string]dynamic.ResourceInterface{"certshim": certshim, "restored": restorer} {
		if err := create(by, tied(name, across)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := create(tenant, tied("own", "networking.k8s.io/Ingress:"+g.namespace+"/web uid=1")); err != nil {
		t.Errorf("a tie within the namespace: %v", err)
	}
	patch := func(body string) error {
		_, err := tenant.Patch(t.Context(), "certshim", types.MergePatchType, []byte(body), metav1.PatchOptions{})
		return err
	}
	if err := patch(`{"metadata":{"annotations":{"certshim.io/source":null}}}`); !refused(err) {
		t.Errorf("the tie removed: %v", err)
	}
	if err := patch(`{"metadata":{"labels":{"a":"b"}}}`); err != nil {
		t.Errorf("a change elsewhere: %v", err)
	}
	if err := tenant.Delete(t.Context(), "certshim", metav1.DeleteOptions{}); err != nil {
		t.Errorf("deleted: %v", err)
	}
}
