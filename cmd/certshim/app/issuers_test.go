package app_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

// someIssuers are of two namespaces and of the cluster, one of a type of the catalogue, one of a
// kind that nobody declares.
const someIssuers = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: stepclusterissuers.certmanager.step.sm}
spec: {group: certmanager.step.sm, names: {kind: StepClusterIssuer, plural: stepclusterissuers}, scope: Cluster}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: strangeissuers.pki.strange.example}
spec: {group: pki.strange.example, names: {kind: StrangeIssuer, plural: strangeissuers}, scope: Namespaced}
---
{apiVersion: cert-manager.io/v1, kind: Issuer, metadata: {name: team, namespace: shop}, spec: {ca: {}}, status: {conditions: [{type: Ready, status: "False", reason: Down, message: no key}]}}
---
{apiVersion: cert-manager.io/v1, kind: Issuer, metadata: {name: team, namespace: bank}, spec: {ca: {}}, status: {conditions: [{type: Ready, status: "True"}]}}
---
{apiVersion: cert-manager.io/v1, kind: ClusterIssuer, metadata: {name: company}, spec: {ca: {}}}
---
{apiVersion: certmanager.step.sm/v1, kind: StepClusterIssuer, metadata: {name: step}, status: {conditions: [{type: Ready, status: "True"}]}}
---
{apiVersion: pki.strange.example/v1, kind: StrangeIssuer, metadata: {name: odd, namespace: shop}, status: {conditions: [{type: Ready, status: "True"}]}}
`

func TestIssuersByName(t *testing.T) {
	_, cluster := serveDocuments(t, someIssuers)
	for name, row := range map[string]struct {
		args []string
		says []string
		exit int
	}{
		"in all namespaces": {[]string{"team"}, []string{"# Issuer team of group cert-manager.io, for namespace bank: ready\n", "---\n# Issuer team of group cert-manager.io, for namespace shop: not ready, Down: no key\n"}, 0},
		"in one":            {[]string{"team", "-n", "bank"}, []string{"bank"}, 0},
		"not in one":        {[]string{"team", "-n", "other"}, []string{"error: there is no issuer \"team\" in namespace other, and no cluster-scoped one\n"}, 1},
		"misspelt":          {[]string{"teem"}, []string{"error: there is no issuer \"teem\" in any namespace; did you mean Issuer/team?\n"}, 1},
		"of the cluster":    {[]string{"company", "-n", "bank"}, []string{"# ClusterIssuer company of group cert-manager.io, for all namespaces: not known to be ready\n", "    cert-manager.io/cluster-issuer: company\n"}, 0},
		"by its kind":       {[]string{"stepclusterissuer/step"}, []string{"# StepClusterIssuer step of group certmanager.step.sm"}, 0},
		"kind and group":    {[]string{"StrangeIssuer.pki.strange.example/odd"}, []string{"# StrangeIssuer odd of group pki.strange.example, for namespace shop: ready\n"}, 0},
		"a type":            {[]string{"step-issuer"}, []string{"# step-ca (Smallstep)\n"}, 0},
		"two, one missing":  {[]string{"company", "nosuch"}, []string{"# ClusterIssuer company", "error: there is no issuer \"nosuch\" in any namespace\n"}, 1},
		"permissions":       {[]string{"odd", "step", "-o", "rbac"}, []string{"  name: certshim-issuers-strangeissuers.pki.strange.example\n", "  name: certshim-issuers-stepclusterissuers.certmanager.step.sm\n"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, exit := run(t, nil, append([]string{"issuers", cluster}, row.args...)...)
			for _, text := range row.says {
				if exit != row.exit || !strings.Contains(stdout+stderr, text) {
					t.Errorf("exit status %d, no %q in:\n%s%s", exit, text, stdout, stderr)
				}
			}
		})
	}
}

// Where issuers of all namespaces may not be listed, that of the kubeconfig is looked at.
func TestIssuersByNameOfANamespaceAlone(t *testing.T) {
	server, cluster := serveDocuments(t, someIssuers)
	server.forbidden["/apis/cert-manager.io/v1/issuers"] = true
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(kubeconfig, []byte("apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {namespace: shop}}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, exit := run(t, nil, "issuers", "team", "--kubeconfig="+kubeconfig, cluster)
	if exit != 0 || !strings.Contains(stdout, "for namespace shop: not ready") || stderr != "note: issuers can't be listed in all namespaces, so only namespace shop is searched; name another by -n NAMESPACE\n" {
		t.Errorf("exit status %d\n%s%s", exit, stdout, stderr)
	}
}

func TestIssuersAsData(t *testing.T) {
	_, cluster := serveDocuments(t, someIssuers)
	for format, read := range map[string]func([]byte, any) error{
		"json": json.Unmarshal,
		"yaml": func(text []byte, into any) error { return yaml.UnmarshalStrict(text, into) },
	} {
		stdout, stderr, exit := run(t, nil, "issuers", cluster, "-n", "shop", "team", "-o", format)
		var found []struct {
			Group, Kind, Namespace, Name, Scope, From, Ready, Reason, Message, Recommended string
			Annotations                                                                    map[string]string
			Limits                                                                         []struct{ Rule, Allows, Verdict string }
			Reads                                                                          []struct{ Key, Doc, Example string }
		}
		if err := read([]byte(stdout), &found); err != nil || exit != 0 || len(found) != 1 {
			t.Fatalf("%s: exit status %d, %v:\n%s%s", format, exit, err, stdout, stderr)
		}
		one := found[0]
		if one.Ready != "False" || one.Reason != "Down" || one.Message != "no key" || one.Namespace != "shop" || one.Scope != "Namespaced" ||
			one.Annotations["cert-manager.io/issuer"] != "team" || !slices.ContainsFunc(one.Limits, func(l struct{ Rule, Allows, Verdict string }) bool { return l.Rule == "sans" && l.Verdict != "" }) {
			t.Errorf("%s: got %+v", format, one)
		}
	}
}

// What the cluster has comes first, or stands alone.
func TestIssuersOfTheClusterComeFirst(t *testing.T) {
	server, cluster := serveDocuments(t, someIssuers)
	kinds := regexp.MustCompile(`(?m)^.* ((?:\w*)Issuer) +\S+ +\S+ +(yes|no)`)
	stdout, _, _ := run(t, nil, "issuers", cluster)
	var order []string
	for _, found := range kinds.FindAllStringSubmatch(stdout, -1) {
		order = append(order, found[2])
	}
	if want := slices.Repeat([]string{"yes"}, 4); !slices.Equal(order[:4], want) || slices.Contains(order[4:], "yes") {
		t.Errorf("the order is %v of\n%s", order, stdout)
	}
	stdout, _, exit := run(t, nil, "issuers", cluster, "--installed")
	if exit != 0 || strings.Count(stdout, "\n") != 5 || !regexp.MustCompile(`StrangeIssuer +pki.strange.example +Namespaced +yes +1 +1 +0 +generic`).MatchString(stdout) {
		t.Errorf("exit status %d\n%s", exit, stdout)
	}
	server.forbidden["/apis/cert-manager.io/v1/certificates"] = true
	if stdout, _, _ := run(t, nil, "issuers", cluster, "--installed"); !regexp.MustCompile(`StrangeIssuer .* yes +1 +1 +- +generic`).MatchString(stdout) {
		t.Errorf("Certificates that may not be read are counted:\n%s", stdout)
	}
	if _, stderr, exit := run(t, nil, "issuers", "--server=http://127.0.0.1:1", "--installed"); exit != 2 {
		t.Errorf("without a cluster: exit status %d\n%s", exit, stderr)
	}
}

// The permissions are manifests whose parts fit together.
func TestIssuersAsPermissions(t *testing.T) {
	for name, args := range map[string][]string{
		"all": nil, "a type": {"step-issuer"}, "a kind": {"AWSPCAClusterIssuer"}, "a resource": {"stepissuers.certmanager.step.sm"}, "several": {"awspca", "StepIssuer"},
	} {
		stdout, stderr, exit := run(t, nil, append([]string{"issuers", "-o", "rbac", "--offline"}, args...)...)
		if exit != 0 {
			t.Fatalf("%s: exit status %d, %s", name, exit, stderr)
		}
		documents := bytes.Split([]byte(stdout), []byte("---\n"))
		for i := 0; i+1 < len(documents); i += 2 {
			var role rbacv1.ClusterRole
			var binding rbacv1.ClusterRoleBinding
			if err := yaml.UnmarshalStrict(documents[i], &role); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if err := yaml.UnmarshalStrict(documents[i+1], &binding); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if len(role.Rules) == 0 || binding.RoleRef.Name != role.Name || binding.RoleRef.Kind != role.Kind || len(binding.Subjects) != 1 {
				t.Errorf("%s: %s is bound by %+v", name, role.Name, binding)
			}
			if name == "a kind" && !slices.Equal(role.Rules[0].Resources, []string{"awspcaclusterissuers"}) {
				t.Errorf("%s: got %v", name, role.Rules)
			}
		}
	}
}
