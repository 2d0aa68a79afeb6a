package e2e

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	language "github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/crds"
	"github.com/certshim/certshim/test/policies"
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
func (g *guarded) policy(t *testing.T, action string, flags ...string) {
	t.Helper()
	g.Apply(t, "", policyOf(t, append(flags, "--action="+action)...))
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
	object, err := parsed(manifest)
	if err != nil {
		return err
	}
	return g.createObject(ctx, resource, object, dryRun...)
}

func parsed(manifest string) (*unstructured.Unstructured, error) {
	object := &unstructured.Unstructured{}
	return object, yaml.Unmarshal([]byte(manifest), &object.Object)
}

func (g *guarded) createObject(ctx context.Context, resource schema.GroupVersionResource, object *unstructured.Unstructured, dryRun ...string) error {
	_, err := g.client.Resource(resource).Namespace(g.namespace).Create(ctx, object, metav1.CreateOptions{DryRun: dryRun})
	return err
}

// proxies are what examples/deploy/sources declares.
var proxies = schema.GroupVersionResource{Group: "proxy.corp.example", Version: "v1", Resource: "proxies"}

const proxyDefinition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: proxies.proxy.corp.example}
spec:
  group: proxy.corp.example
  scope: Namespaced
  names: {kind: Proxy, listKind: ProxyList, plural: proxies, singular: proxy}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

// The API server refuses what the parser refuses, and nothing else, each in the words of the table, whatever the kind of the source.
func TestThePolicyOnTheServer(t *testing.T) {
	g := startGuarded(t)
	if err := crds.InstallAll(t.Context(), g.Config, must(parsed(proxyDefinition))(t), must(crds.Kind(t.Context(), xListenerSets))(t)); err != nil {
		t.Fatal(err)
	}
	declared := filepath.Join(must(repository())(t), "examples/deploy/sources")
	g.policy(t, "deny", "--sources="+filepath.Join(declared, "corp-proxy.yaml"))
	set := listenerSet("web", "edge", nil, "a.example.com")
	proxy := string(must(os.ReadFile(filepath.Join(declared, "proxy.yaml")))(t))
	for _, kind := range []guardedKind{
		{ingresses, ingress("web", nil, "a.example.com")},
		{gateways, gateway("web", nil, "a.example.com")},
		{listenerSets, set},
		{xListenerSets, experimental(set)},
		{proxies, strings.Replace(proxy, "namespace: shop", "namespace: "+g.namespace, 1)},
	} {
		t.Run(kind.resource.Resource, func(t *testing.T) { g.judges(t, kind) })
	}
}

// guardedKind is a kind of source, and one of its objects.
type guardedKind struct {
	resource schema.GroupVersionResource
	manifest string
}

// judges compares what the API server says of each case with what the parser says.
func (g *guarded) judges(t *testing.T, kind guardedKind) {
	t.Helper()
	_, err := g.client.Resource(kind.resource).Namespace(g.namespace).List(t.Context(), metav1.ListOptions{})
	if apierrors.IsNotFound(err) && kind.resource == listenerSets {
		t.Skip("this version of the Gateway API has no ListenerSets")
	}
	cases := policies.Cases()
	refused := map[string]int{}
	for i, err := range g.answers(t, kind, cases) {
		want := cases[i].Refused()
		if len(want) == 0 {
			if err != nil {
				t.Errorf("%.200q: %v", cases[i].Annotations, err)
			}
			continue
		}
		refused[want[0]]++
		if !refusedByPolicy(err) || !strings.Contains(err.Error(), policyMessage(want[0])) {
			t.Errorf("%.200q: the API server says %v, not %s", cases[i].Annotations, err, policyMessage(want[0]))
		}
	}
	for _, row := range policies.Rows() {
		if refused[row.Key] < 2 {
			t.Errorf("%s: %d values are to be refused", row.Key, refused[row.Key])
		}
	}
}

// policyMessage is what the policy says of a key, in the words of the table.
func policyMessage(key string) string {
	rows := policies.Rows()
	row := rows[slices.IndexFunc(rows, func(row language.Row) bool { return row.Key == key })]
	return "annotation " + key + ": certshim reads " + row.Grammar + "; for example: " + row.Example
}

// answers creates an object for each case, as a dry run, several at a time.
func (g *guarded) answers(t *testing.T, kind guardedKind, cases []policies.Case) []error {
	t.Helper()
	object, all := must(parsed(kind.manifest))(t), make([]error, len(cases))
	var group errgroup.Group
	group.SetLimit(8)
	for i, c := range cases {
		group.Go(func() error {
			of, with := object.DeepCopy(), annotations{issuerKey: "ca"}
			maps.Copy(with, c.Annotations)
			of.SetAnnotations(with)
			all[i] = g.createObject(t.Context(), kind.resource, of, metav1.DryRunAll)
			return nil
		})
	}
	_ = group.Wait()
	return all
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
