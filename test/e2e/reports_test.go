package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"

	"github.com/certshim/certshim/test/cluster"
)

// reportKind is one of the kinds that viewers of policy reports read.
type reportKind struct {
	setting, group, version, kind, plural string
	// root are fields of the report that the other kind doesn't have.
	root string
}

func reportKinds() []reportKind {
	return []reportKind{
		{setting: "openreports", group: "openreports.io", version: "v1alpha1", kind: "Report", plural: "reports", root: "source: {type: string}"},
		{setting: "policyreport", group: "wgpolicyk8s.io", version: "v1alpha2", kind: "PolicyReport", plural: "policyreports"},
	}
}

func (k reportKind) resource() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: k.group, Version: k.version, Resource: k.plural}
}

// definition is the part of the kind's CRD that certshim writes, as strict as the project's own: a field that isn't
// in it is refused by a server-side apply.
func (k reportKind) definition() string {
	reference := "{type: object, x-kubernetes-map-type: atomic, properties: {apiVersion: {type: string}, fieldPath: {type: string}, kind: {type: string}, " +
		"name: {type: string}, namespace: {type: string}, resourceVersion: {type: string}, uid: {type: string}}}"
	return fmt.Sprintf(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: %[4]s.%[1]s}
spec:
  group: %[1]s
  scope: Namespaced
  names: {kind: %[3]s, listKind: %[3]sList, plural: %[4]s, singular: %[5]s}
  versions:
  - name: %[2]s
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          apiVersion: {type: string}
          kind: {type: string}
          metadata: {type: object}
          scope: %[6]s
          summary:
            type: object
            properties: {pass: {type: integer}, fail: {type: integer}, warn: {type: integer}, error: {type: integer}, skip: {type: integer}}
          results:
            type: array
            items:
              type: object
              required: [policy]
              properties:
                source: {type: string}
                policy: {type: string}
                rule: {type: string}
                category: {type: string}
                message: {type: string}
                scored: {type: boolean}
                result: {type: string, enum: [pass, fail, warn, error, skip]}
                severity: {type: string, enum: [critical, high, low, medium, info]}
                properties: {type: object, additionalProperties: {type: string}}
                resources: {type: array, items: %[6]s}
                timestamp:
                  type: object
                  required: [nanos, seconds]
                  properties: {nanos: {type: integer, format: int32}, seconds: {type: integer, format: int64}}
          %[7]s
`, k.group, k.version, k.kind, k.plural, strings.ToLower(k.kind), reference, k.root)
}

// serve makes the CRD, and waits until its objects can be listed.
func (d *deployed) serve(t *testing.T, k reportKind) {
	t.Helper()
	d.define(t, k.definition())
	if err := cluster.Poll(t.Context(), k.plural+" to be served", func(context.Context) (bool, error) {
		_, err := d.Dynamic.Resource(k.resource()).List(t.Context(), metav1.ListOptions{})
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return err == nil, err
	}); err != nil {
		t.Fatal(err)
	}
}

// reporting is a configuration file with that setting.
func reporting(t *testing.T, setting string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "certshim.yaml")
	text := "apiVersion: certshim.io/v1alpha1\nkind: ControllerConfiguration\nownership: {reports: " + setting + "}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "--config=" + file
}

// resultsOf are the rules and paths of a report.
func resultsOf(report *unstructured.Unstructured) (all []string) {
	results, _, _ := unstructured.NestedSlice(report.Object, "results")
	for _, item := range results {
		all = append(all, fmt.Sprint(field(&unstructured.Unstructured{Object: item.(map[string]any)}, "rule"), " ",
			field(&unstructured.Unstructured{Object: item.(map[string]any)}, "properties|path")))
	}
	return all
}

func passing(report *unstructured.Unstructured) int64 {
	n, _, _ := unstructured.NestedInt64(report.Object, "summary", "pass")
	return n
}

// In each namespace there is one report, of the kind that is served and wanted, by the permissions of deploy/reports.yaml alone. A
// restart writes none that is as it should be, and removes what nobody needs.
func TestReportsOfFields(t *testing.T) {
	t.Parallel()
	d := startDeployed(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	if err := d.Kubectl(t.Context(), "apply", "-f", "deploy/reports.yaml"); err != nil {
		t.Fatal(err)
	}
	first, second := d.Namespace(t), d.Namespace(t)
	certificates := d.Watch(t, cluster.Certificates(), "")
	for _, namespace := range []string{first, second} {
		d.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca", "cert-manager.io/duration": "2000h"}, "a.example.com"))
	}
	for _, k := range reportKinds() {
		t.Run(k.setting, func(t *testing.T) {
			d.serve(t, k)
			reports := d.Watch(t, k.resource(), "")
			d.startFor(t, "certshim", "--leader-elect=false", reporting(t, k.setting))
			all := func(what string, condition func(first, second *unstructured.Unstructured) bool) (of *unstructured.Unstructured) {
				reports.Until(t, what, func(s cluster.State) bool {
					a, b := s[first+"/certshim"], s[second+"/certshim"]
					of = a
					return a != nil && b != nil && condition(a, b)
				})
				return of
			}
			before := all("reports without results", func(a, b *unstructured.Unstructured) bool {
				return passing(a) > 5 && passing(b) > 5 && len(resultsOf(a))+len(resultsOf(b)) == 0
			})
			d.stop("certshim")

			d.updateAs(t, second, "web-tls", "kubectl-label", `{"metadata":{"labels":{"team":"a"}}}`)
			d.startFor(t, "certshim", "--leader-elect=false", reporting(t, "auto"))
			after := all("the label to be reported", func(_, b *unstructured.Unstructured) bool {
				return strings.Join(resultsOf(b), ",") == "foreign .metadata.labels.team"
			})
			if after.GetResourceVersion() != before.GetResourceVersion() {
				t.Errorf("a report that was as it should be was written again: %v", after.Object)
			}
			d.stop("certshim")

			d.updateAs(t, second, "web-tls", "kubectl-label", `{"metadata":{"labels":{"team":null}}}`)
			d.Delete(t, ingresses, first, "web")
			d.Delete(t, cluster.Certificates(), first, "web-tls")
			certificates.Until(t, "the Certificate to be gone", func(s cluster.State) bool { return s[first+"/web-tls"] == nil })
			d.startFor(t, "certshim", "--leader-elect=false", reporting(t, k.setting))
			reports.Until(t, "the report to be removed that nobody needs, and the other to be as at first", func(s cluster.State) bool {
				return s[first+"/certshim"] == nil && s[second+"/certshim"] != nil && len(resultsOf(s[second+"/certshim"])) == 0
			})
			d.stop("certshim")
			d.Apply(t, first, ingress("web", annotations{issuerKey: "ca", "cert-manager.io/duration": "2000h"}, "a.example.com"))
		})
	}
}

// Where no kind is served nothing is written, and the log says so once.
func TestReportsThatNobodyServes(t *testing.T) {
	t.Parallel()
	d := startDeployed(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	namespace := d.Namespace(t)
	d.startFor(t, "certshim", "--leader-elect=false", reporting(t, "auto"))
	const said = "the cluster serves no kind for them"
	log := filepath.Join(d.Logs, "certshim.log")
	if err := cluster.Poll(t.Context(), "the log to say so", func(context.Context) (bool, error) {
		text, err := os.ReadFile(log)
		return strings.Contains(string(text), said), err
	}); err != nil {
		t.Fatal(err)
	}
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	d.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca"}, "a.example.com"))
	certificates.Object(t, "web-tls", "to be made", exists)
	text := string(must(os.ReadFile(log))(t))
	if n := strings.Count(text, said); n != 1 {
		t.Errorf("said %d times:\n%s", n, text)
	}
}

// Each verb of deploy/reports.yaml is needed.
func TestReportsNeedTheirPermissions(t *testing.T) {
	t.Parallel()
	d := startDeployed(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	client := must(kubernetes.NewForConfig(d.Config))(t)
	kind := reportKinds()[0]
	d.serve(t, kind)
	namespace := d.Namespace(t)
	reports := d.Watch(t, kind.resource(), namespace)
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	for _, verb := range []string{"list", "get", "create", "patch", "delete"} {
		t.Run(verb, func(t *testing.T) {
			if err := d.Kubectl(t.Context(), "apply", "-f", "deploy/reports.yaml"); err != nil {
				t.Fatal(err)
			}
			d.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca"}, "a.example.com"))
			if verb == "delete" {
				d.startFor(t, "before", "--leader-elect=false", reporting(t, "auto"))
				reports.Object(t, "certshim", "to be made", exists)
				certificates.Object(t, "web-tls", "to be made", exists)
				d.stop("before")
				d.Delete(t, ingresses, namespace, "web")
				d.Delete(t, cluster.Certificates(), namespace, "web-tls")
				certificates.Gone(t, "web-tls")
			}
			refusals := d.listen(t)
			p := permission{group: kind.group, resource: kind.plural, verb: verb}
			d.withoutReporting(t, client, p)
			d.startThrough(t, refusals, permission{}, "--leader-elect=false", reporting(t, "auto"))
			refusals.await(t, p)
		})
	}
}

// withoutReporting takes one verb from the role of reports.
func (d *deployed) withoutReporting(t *testing.T, client kubernetes.Interface, p permission) {
	t.Helper()
	roles := client.RbacV1().ClusterRoles()
	role, err := roles.Get(t.Context(), "certshim-reports", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	role.Rules = reduced(role.Rules, p)
	must(roles.Update(t.Context(), role, metav1.UpdateOptions{}))(t)
}
