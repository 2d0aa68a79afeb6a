package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/source"
	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/crds"
)

// definitionOf is the CRD of the kind of a source type, its project's own where that can be had.
func definitionOf(t *testing.T, of source.Type) string {
	t.Helper()
	definition, err := crds.Kind(t.Context(), resourceOf(of))
	if err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(definition.Object)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func resourceOf(of source.Type) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: of.Group, Version: of.Versions[0], Resource: of.Resource}
}

func shippedTypes(t *testing.T) []source.Type {
	t.Helper()
	types, err := source.ShippedTypes()
	if err != nil {
		t.Fatal(err)
	}
	return types
}

func shippedType(t *testing.T, id string) source.Type {
	t.Helper()
	shipped := shippedTypes(t)
	return shipped[slices.IndexFunc(shipped, func(of source.Type) bool { return of.ID == id })]
}

// exampleIn is the example of a type in a namespace, with an issuer that is there.
func exampleIn(t *testing.T, of source.Type, namespace string) *unstructured.Unstructured {
	t.Helper()
	text, err := yaml.Marshal(declaration.AsJSON(of.Example))
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(strings.ReplaceAll(string(text), "namespace: "+fmt.Sprint(of.Example["metadata"].(map[string]any)["namespace"]), "namespace: "+namespace)), &u.Object); err != nil {
		t.Fatal(err)
	}
	u.SetAnnotations(annotations{issuerKey: "ca"})
	return u
}

// exampleEdits are merge patches of a type's example.
type exampleEdits struct {
	// renamed asks for the host new.example.com.
	renamed string
	// passing ends TLS elsewhere, and passingNot takes that back. The object goes on naming the Secret.
	passing, passingNot string
	// without no longer names the Secret.
	without string
}

func editsOf() map[string]exampleEdits {
	return map[string]exampleEdits{
		"apisix-tls": {renamed: `{"spec":{"hosts":["new.example.com"]}}`, without: `{"spec":{"secret":{"name":"other"}}}`},
		"contour-httpproxy": {
			renamed: `{"spec":{"virtualhost":{"fqdn":"new.example.com"}}}`,
			passing: `{"spec":{"virtualhost":{"tls":{"passthrough":true}}}}`, passingNot: `{"spec":{"virtualhost":{"tls":{"passthrough":null}}}}`,
			without: `{"spec":{"virtualhost":{"tls":null}}}`,
		},
		"emissary-host": {
			renamed: `{"spec":{"hostname":"new.example.com"}}`,
			passing: `{"spec":{"acmeProvider":{"authority":"https://acme.example.com"}}}`, passingNot: `{"spec":{"acmeProvider":{"authority":"none"}}}`,
			without: `{"spec":{"tlsSecret":null}}`,
		},
		"emissary-tlscontext": {renamed: `{"spec":{"hosts":["new.example.com"]}}`, without: `{"spec":{"secret":null}}`},
		"f5-tlsprofile": {
			renamed: `{"spec":{"hosts":["new.example.com"]}}`,
			passing: `{"spec":{"tls":{"termination":"passthrough"}}}`, passingNot: `{"spec":{"tls":{"termination":"edge"}}}`,
			without: `{"spec":{"tls":{"clientSSL":null}}}`,
		},
		"gloo-virtualservice": {renamed: `{"spec":{"virtualHost":{"domains":["new.example.com"]}}}`, without: `{"spec":{"sslConfig":null}}`},
		"istio-gateway": {
			renamed:    `{"spec":{"servers":[{"port":{"number":443,"name":"https","protocol":"HTTPS"},"hosts":["*/new.example.com"],"tls":{"mode":"SIMPLE","credentialName":"pay-tls"}}]}}`,
			passing:    `{"spec":{"servers":[{"port":{"number":443,"name":"https","protocol":"HTTPS"},"hosts":["*/new.example.com"],"tls":{"mode":"PASSTHROUGH","credentialName":"pay-tls"}}]}}`,
			passingNot: `{"spec":{"servers":[{"port":{"number":443,"name":"https","protocol":"HTTPS"},"hosts":["*/new.example.com"],"tls":{"mode":"MUTUAL","credentialName":"pay-tls"}}]}}`,
			without:    `{"spec":{"servers":[{"port":{"number":80,"name":"http","protocol":"HTTP"},"hosts":["*/new.example.com"]}]}}`,
		},
		"knative-domainmapping": {without: `{"spec":{"tls":null}}`}, // its name is its host
		"kong-tcpingress": {
			renamed: `{"spec":{"tls":[{"hosts":["new.example.com"],"secretName":"redis-tls"}]}}`, without: `{"spec":{"tls":[]}}`,
		},
		"nginx-transportserver": {renamed: `{"spec":{"host":"new.example.com"}}`, without: `{"spec":{"tls":null}}`},
		"nginx-virtualserver": {
			renamed: `{"spec":{"host":"new.example.com"}}`,
			passing: `{"spec":{"tls":{"cert-manager":{"cluster-issuer":"own"}}}}`, passingNot: `{"spec":{"tls":{"cert-manager":null}}}`,
			without: `{"spec":{"tls":null}}`,
		},
		"openshift-route": {
			renamed: `{"spec":{"host":"new.example.com"}}`,
			passing: `{"spec":{"tls":{"termination":"passthrough"}}}`, passingNot: `{"spec":{"tls":{"termination":"reencrypt"}}}`,
			without: `{"spec":{"tls":null}}`,
		},
		"skipper-routegroup": {
			renamed: `{"spec":{"hosts":["new.example.com"],"tls":[{"hosts":["new.example.com"],"secretName":"retail-tls"}]}}`, without: `{"spec":{"tls":null}}`,
		},
		"traefik-ingressroute": {
			renamed: "{\"spec\":{\"routes\":[{\"kind\":\"Rule\",\"match\":\"Host(`new.example.com`)\",\"services\":[{\"name\":\"grafana\",\"port\":3000}]}]}}",
			passing: `{"spec":{"tls":{"certResolver":"own"}}}`, passingNot: `{"spec":{"tls":{"certResolver":null}}}`,
			without: `{"spec":{"tls":null}}`,
		},
		"traefik-ingressroutetcp": {
			renamed: "{\"spec\":{\"routes\":[{\"match\":\"HostSNI(`new.example.com`)\",\"services\":[{\"name\":\"pg\",\"port\":5432}]}]}}",
			passing: `{"spec":{"tls":{"passthrough":true}}}`, passingNot: `{"spec":{"tls":{"passthrough":false}}}`,
			without: `{"spec":{"tls":null}}`,
		},
	}
}

// Each type of the catalogue, by the definition of its project: an object leads to a signed Secret, edits reach the Certificate,
// TLS that ends elsewhere for a while deletes nothing, the kind goes and comes back, and an entry that is removed takes the
// Certificate along.
func TestKindsOfTheCatalogue(t *testing.T) {
	// All kinds at once: admission hears of a new kind half a minute after its CRD at the latest, and refuses until then
	// what has an owner of the kind.
	for _, of := range shippedTypes(t) {
		shared.define(t, definitionOf(t, of))
	}
	for _, of := range shippedTypes(t) {
		t.Run(of.ID, func(t *testing.T) {
			t.Parallel()
			newDeclaredCase(t, of).run(t)
		})
	}
}

// declaredCase is what happens to the example of a source type.
type declaredCase struct {
	of                    source.Type
	edits                 exampleEdits
	namespace, secret     string
	object                *unstructured.Unstructured
	client                dynamic.ResourceInterface
	certificates, secrets *cluster.Watch
	issuer                cluster.Authority
	hosts                 []string
}

func newDeclaredCase(t *testing.T, of source.Type) *declaredCase {
	t.Helper()
	namespace := shared.Namespace(t)
	c := &declaredCase{
		of: of, edits: editsOf()[of.ID], namespace: namespace, issuer: shared.Issuer(t, namespace, "ca"),
		certificates: shared.Watch(t, cluster.Certificates(), namespace), secrets: shared.Watch(t, cluster.Secrets(), namespace),
		client: shared.Dynamic.Resource(resourceOf(of)).Namespace(namespace), object: exampleIn(t, of, namespace),
	}
	c.secret, c.hosts = entryOf(t, of, c.object)
	return c
}

func (c *declaredCase) run(t *testing.T) {
	createServed(t, c.client, c.object)
	c.secrets.Signed(t, c.secret, c.issuer, c.hosts...)
	made := c.certificates.Ready(t, c.secret)
	if owner := metav1.GetControllerOf(made); owner == nil || owner.Kind != c.of.Kind || owner.APIVersion != c.of.Group+"/"+c.of.Versions[0] {
		t.Errorf("its owner is %+v", owner)
	}
	c.keepRevisions(t, 5)
	if c.edits.renamed != "" {
		c.edit(t, c.edits.renamed)
		c.hosts = []string{"new.example.com"}
		c.secrets.Signed(t, c.secret, c.issuer, c.hosts...)
	}
	c.passThrough(t)
	c.dropKind(t)
	c.edit(t, c.edits.without)
	c.certificates.Gone(t, c.secret)
}

func (c *declaredCase) isForHosts(made *unstructured.Unstructured) bool {
	names, _, _ := unstructured.NestedStringSlice(made.Object, "spec", "dnsNames")
	return slices.Equal(names, c.hosts)
}

// keepRevisions edits what no certificate is ordered again for.
func (c *declaredCase) keepRevisions(t *testing.T, limit int64) {
	t.Helper()
	c.edit(t, fmt.Sprintf(`{"metadata":{"annotations":{"cert-manager.io/revision-history-limit":"%d"}}}`, limit))
	c.await(t, "to have the limit of revisions", func(made *unstructured.Unstructured) bool { return field(made, "spec|revisionHistoryLimit") == limit })
}

func (c *declaredCase) await(t *testing.T, what string, is func(*unstructured.Unstructured) bool) {
	t.Helper()
	c.certificates.Object(t, c.secret, what, is)
}

// edit patches the object, in which no field may be unknown.
func (c *declaredCase) edit(t *testing.T, patch string) {
	t.Helper()
	edited, err := c.client.Patch(t.Context(), c.object.GetName(), types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldValidation: metav1.FieldValidationStrict})
	if err != nil {
		t.Fatal(err)
	}
	c.object = edited
}

// passThrough lets something else end TLS for a while: the Certificate stays.
func (c *declaredCase) passThrough(t *testing.T) {
	t.Helper()
	if c.edits.passing == "" {
		return
	}
	uid := c.certificates.State()[c.secret].GetUID()
	c.edit(t, c.edits.passing)
	shared.settled(t, c.namespace)
	c.edit(t, c.edits.passingNot)
	c.keepRevisions(t, 6)
	if after := c.certificates.State()[c.secret].GetUID(); after != uid {
		t.Error("the Certificate was deleted while TLS passed through")
	}
}

// dropKind removes the CRD: the garbage collector takes the Certificate along, sooner or later, and the Secret stays. When the kind is
// back, and the object, so is the Certificate, which takes the Secret as it is.
func (c *declaredCase) dropKind(t *testing.T) {
	t.Helper()
	c.await(t, "to be ready for all that was edited", func(made *unstructured.Unstructured) bool {
		return isReady(made) && c.isForHosts(made)
	})
	before := c.read(t, cluster.Secrets())
	definition := definitionOf(t, c.of)
	if err := shared.Dynamic.Resource(definitions).Delete(t.Context(), resourceOf(c.of).GroupResource().String(), metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	shared.defineAgain(t, definition)
	again := c.object.DeepCopy()
	again.SetResourceVersion("")
	again.SetUID("")
	back := createServed(t, c.client, again)
	c.await(t, "to be ready, and the object's that came back", func(made *unstructured.Unstructured) bool {
		owner := metav1.GetControllerOf(made)
		return owner != nil && owner.UID == back.GetUID() && isReady(made)
	})
	if after := c.read(t, cluster.Secrets()); field(after, "data|tls.crt") != field(before, "data|tls.crt") {
		t.Errorf("the certificate was ordered again:\n%v\n%v\n%v", before.GetAnnotations(), after.GetAnnotations(), c.read(t, cluster.Certificates()).Object)
	}
}

// read reads the Secret or the Certificate.
func (c *declaredCase) read(t *testing.T, resource schema.GroupVersionResource) *unstructured.Unstructured {
	t.Helper()
	object, err := shared.Dynamic.Resource(resource).Namespace(c.namespace).Get(t.Context(), c.secret, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return object
}

// misspelt is a file with a type of the catalogue that reads a field which its kind doesn't have.
func misspelt(t *testing.T, of source.Type) string {
	t.Helper()
	content := must(os.ReadFile(filepath.Join(must(repository())(t), "source", of.File)))(t)
	file := filepath.Join(t.TempDir(), "misspelt.yaml")
	wrong := strings.Replace(string(content), "object.?spec.?hosts", "object.?spec.?hosst", 1)
	if err := os.WriteFile(file, []byte(wrong), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// The Certificates of a kind that is declared so outlive it, and are taken back with their Secrets.
func TestCertificatesThatOutliveTheirKind(t *testing.T) {
	t.Parallel()
	d := startDeployed(t)
	of := shippedType(t, "skipper-routegroup")
	d.define(t, definitionOf(t, of))
	file := filepath.Join(t.TempDir(), "certshim.yaml")
	retaining := "apiVersion: certshim.io/v1alpha1\nkind: ControllerConfiguration\nsources: {onKindRemoved: {skipper-routegroup: retain}}\n"
	if err := os.WriteFile(file, []byte(retaining), 0o600); err != nil {
		t.Fatal(err)
	}
	d.startFor(t, "certshim", "--leader-elect=false", "--config="+file, "--sources="+misspelt(t, of))
	if err := cluster.Poll(t.Context(), "certshim to log what the kind doesn't have", func(context.Context) (bool, error) {
		log, err := os.ReadFile(filepath.Join(d.Logs, "certshim.log"))
		return strings.Contains(string(log), "spec.hosst: RouteGroup v1 has no such field"), err
	}); err != nil {
		t.Fatal(err)
	}
	namespace := d.Namespace(t)
	ca := d.Issuer(t, namespace, "ca")
	certificates, secrets := d.Watch(t, cluster.Certificates(), namespace), d.Watch(t, cluster.Secrets(), namespace)
	events := d.Watch(t, cluster.Events(), metav1.NamespaceDefault)
	client := d.Dynamic.Resource(resourceOf(of)).Namespace(namespace)
	createServed(t, client, exampleIn(t, of, namespace))
	secrets.Signed(t, "retail-tls", ca, "retail.example.com")
	made := certificates.Ready(t, "retail-tls")
	if len(made.GetOwnerReferences()) > 0 {
		t.Errorf("its owner is %+v", made.GetOwnerReferences())
	}
	if err := d.Dynamic.Resource(definitions).Delete(t.Context(), resourceOf(of).GroupResource().String(), metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	awaitWarning(t, events, resourceOf(of).GroupResource().String(), "KindRemoved")
	d.defineAgain(t, definitionOf(t, of))
	back := createServed(t, client, exampleIn(t, of, namespace))
	certificates.Object(t, "retail-tls", "to be tied to the object that came back", func(c *unstructured.Unstructured) bool {
		return strings.Contains(c.GetAnnotations()["certshim.io/source"], " uid="+string(back.GetUID())+" ")
	})
	duration := "2000h"
	d.annotate(t, resourceOf(of), namespace, back.GetName(), "cert-manager.io/duration", &duration)
	again := certificates.Object(t, "retail-tls", "to follow its object", func(c *unstructured.Unstructured) bool {
		return strings.HasPrefix(fmt.Sprint(field(c, "spec|duration")), "2000h")
	})
	if again.GetUID() != made.GetUID() {
		t.Error("it is another Certificate")
	}
}

// createServed creates an object once its kind, whose CRD was just made, is served.
func createServed(t *testing.T, client dynamic.ResourceInterface, object *unstructured.Unstructured) (made *unstructured.Unstructured) {
	t.Helper()
	err := cluster.Poll(t.Context(), "the kind "+object.GetKind()+" to be served", func(context.Context) (_ bool, err error) {
		made, err = client.Create(t.Context(), object, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
		if isNotServedYet(err) {
			return false, nil
		}
		return true, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// isNotServedYet is the answer about a kind whose definition was just made, or is going away still.
func isNotServedYet(err error) bool {
	return apierrors.IsNotFound(err) || apierrors.IsServiceUnavailable(err) ||
		apierrors.IsForbidden(err) && strings.Contains(err.Error(), "custom resource definition is terminating")
}

// entryOf is what a type reads of an object.
func entryOf(t *testing.T, of source.Type, object *unstructured.Unstructured) (secret string, hosts []string) {
	t.Helper()
	kind, err := source.Declared(of, nil)
	if err != nil {
		t.Fatal(err)
	}
	reduced, err := kind.Reduce(object.DeepCopy())
	if err != nil || len(reduced.Entries) != 1 {
		t.Fatalf("%+v, %v", reduced, err)
	}
	return reduced.Entries[0].Secrets[0].Name, reduced.Entries[0].Hosts
}

// A Secret that the expression no longer gives, and that the object still mentions, keeps its
// Certificate. What the expression can't read keeps everything.
func TestADeclaredObjectThatMentionsASecretKeepsIt(t *testing.T) {
	of := shippedType(t, "gloo-virtualservice")
	namespace := shared.Namespace(t)
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	events := shared.Watch(t, cluster.Events(), namespace)
	shared.define(t, definitionOf(t, of))
	client := shared.Dynamic.Resource(resourceOf(of)).Namespace(namespace)
	object := exampleIn(t, of, namespace)
	createServed(t, client, object)
	certificates.Object(t, "pets-tls", "to be made", exists)
	edit := func(patch string) {
		t.Helper()
		if _, err := client.Patch(t.Context(), object.GetName(), "application/merge-patch+json", []byte(patch), metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	edit(`{"spec":{"sslConfig":{"secretRef":{"name":7}}}}`)
	awaitWarning(t, events, "pets", "BadConfig")
	edit(`{"spec":{"sslConfig":{"secretRef":{"name":"other-tls"}},"virtualHost":{"options":{"note":"certs/pets-tls"}}}}`)
	certificates.Object(t, "other-tls", "to be made", exists)
	shared.settled(t, namespace)
	if _, there := certificates.State()["pets-tls"]; !there {
		t.Error("the Certificate of a Secret that is mentioned was deleted")
	}
	edit(`{"spec":{"virtualHost":{"options":null}}}`)
	certificates.Gone(t, "pets-tls")
}

// The command lists what the cluster has.
func TestSourcesOfTheClusterAreListed(t *testing.T) {
	of := shippedType(t, "skipper-routegroup")
	namespace := shared.Namespace(t)
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	shared.define(t, definitionOf(t, of))
	client := shared.Dynamic.Resource(resourceOf(of)).Namespace(namespace)
	createServed(t, client, exampleIn(t, of, namespace))
	certificates.Object(t, "retail-tls", "to be made", exists)
	list := shared.command(t, "sources")
	wantRow(t, list, "Skipper RouteGroup", "RouteGroup", "zalando.org", "active", "1", "1", "catalogue/skipper-routegroup")
	wantRow(t, list, "Contour HTTPProxy", "HTTPProxy", "projectcontour.io", "not served", "-", "-", "catalogue/contour-httpproxy")
	wantIn(t, shared.command(t, "plan", "routegroup/shop", "-n", namespace), "none")
}

// wantRow looks for a row of a table.
func wantRow(t *testing.T, table string, columns ...string) {
	t.Helper()
	for line := range strings.Lines(table) {
		if slices.Equal(columnsOf(line), columns) {
			return
		}
	}
	t.Errorf("no row %q in\n%s", columns, table)
}

// columnsOf are what two blanks or more separate.
func columnsOf(line string) []string {
	var columns []string
	for _, column := range strings.Split(strings.TrimSpace(line), "  ") {
		if column = strings.TrimSpace(column); column != "" {
			columns = append(columns, column)
		}
	}
	return columns
}
