package app_test

import (
	"slices"
	"strings"
	"testing"
)

// shop has two Ingresses and what certshim applied for one of them; the other asks for the
// default issuer.
const shop = `
{apiVersion: cert-manager.io/v1, kind: Issuer, metadata: {name: ca, namespace: shop}, spec: {ca: {secretName: ca}}, status: {conditions: [{type: Ready, status: "True"}]}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop, uid: "1", annotations: {cert-manager.io/issuer: ca}}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}, tls: [{hosts: [a.example.com], secretName: web-tls}]}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: web-tls
  namespace: shop
  uid: c1
  ownerReferences: [{apiVersion: networking.k8s.io/v1, kind: Ingress, name: web, uid: "1", controller: true, blockOwnerDeletion: true}]
  managedFields:
  - manager: certshim
    operation: Apply
    apiVersion: cert-manager.io/v1
    fieldsType: FieldsV1
    fieldsV1:
      f:metadata: {f:ownerReferences: {'k:{"uid":"1"}': {}}}
      f:spec: {f:secretName: {}, f:dnsNames: {}, f:usages: {}, f:issuerRef: {f:group: {}, f:kind: {}, f:name: {}}}
spec:
  secretName: web-tls
  dnsNames: [a.example.com]
  usages: [digital signature, key encipherment]
  issuerRef: {group: cert-manager.io, kind: Issuer, name: ca}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: auto, namespace: shop, uid: "2", annotations: {kubernetes.io/tls-acme: "true"}}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}, tls: [{hosts: [b.example.com], secretName: auto-tls}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: other, uid: "3", annotations: {cert-manager.io/issuer: ca}}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}, tls: [{hosts: [c.example.com], secretName: web-tls}]}
`

func TestPlanOfSourcesByName(t *testing.T) {
	_, cluster := serveDocuments(t, shop)
	for name, row := range map[string]struct {
		args     []string
		rows     []string
		says     string
		exit     int
		fromFile bool
	}{
		"one":                 {args: []string{"ingress/web", "-n", "shop"}, rows: []string{"shop Ingress/web"}, says: "1 source: 1 none\n"},
		"by a short name":     {args: []string{"ing", "web", "-n", "shop"}, rows: []string{"shop Ingress/web"}},
		"in all namespaces":   {args: []string{"ingress/web", "-A"}, rows: []string{"other Ingress/web", "shop Ingress/web"}},
		"of files":            {args: []string{"ingress/web"}, rows: []string{"other Ingress/web", "shop Ingress/web"}, fromFile: true},
		"not there":           {args: []string{"ingress/wep", "-n", "shop"}, exit: 1, says: "error: there is no Ingress \"wep\" in namespace shop; did you mean \"web\"?\n0 sources\n"},
		"one of two":          {args: []string{"ingress/web", "gateway/edge", "-n", "shop"}, exit: 1, rows: []string{"shop Ingress/web"}, says: "error: there is no Gateway \"edge\" in namespace shop\n"},
		"in no namespace":     {args: []string{"gtw/edge", "-A"}, exit: 1, says: "error: there is no Gateway \"edge\" in any namespace\n"},
		"not in the files":    {args: []string{"ing/nosuch"}, exit: 1, fromFile: true, says: "error: there is no Ingress \"nosuch\" in the input\n"},
		"a file":              {args: []string{"ing", "web.yaml", "-n", "shop"}, exit: 1, says: "there is no Ingress \"web.yaml\" in namespace shop; files are named by -f\n"},
		"a kind, misspelt":    {args: []string{"ing", "gatway", "-n", "shop"}, exit: 1, says: "there is no Ingress \"gatway\" in namespace shop; did you mean all of kind gateway?\n"},
		"an empty namespace":  {args: []string{"-n", "nosuch"}, says: "No resources found in nosuch namespace.\n0 sources\n"},
		"other labels":        {args: []string{"-A", "-l", "app=nosuch"}, says: "No resources found with the labels app=nosuch.\n"},
		"other labels, files": {args: []string{"-l", "app=nosuch"}, says: "No resources found with the labels app=nosuch.\n", fromFile: true},
	} {
		t.Run(name, func(t *testing.T) {
			from := cluster
			if row.fromFile {
				from = "--filename=-"
			}
			stdout, stderr, exit := run(t, []byte(shop), append([]string{"plan", "--no-headers", "--default-issuer-name=ca", from}, row.args...)...)
			var rows []string
			for line := range strings.Lines(stdout) {
				rows = append(rows, strings.Join(strings.Fields(line)[:2], " "))
			}
			if exit != row.exit || !slices.Equal(rows, row.rows) || !strings.Contains(stderr, row.says) {
				t.Errorf("exit status %d:\n%s%s", exit, stdout, stderr)
			}
		})
	}
}

// A plan with other settings than the controller's says so where it can be seen.
func TestPlanSaysThatTheControllerMayHaveOtherSettings(t *testing.T) {
	_, cluster := serveDocuments(t, shop)
	config := configFile(t, "policies: [{name: days, values: {duration: 720h}}]\n")
	for name, row := range map[string]struct {
		args []string
		want string
	}{
		"no file, no default": {nil, "note: this plan has no default issuer, which Ingress/shop/auto asks for; if the controller has one, give plan the controller's configuration file by --config, or its flags\n"},
		"a default":           {[]string{"--default-issuer-name=ca"}, ""},
		"nothing lacks":       {[]string{"ingress/web"}, ""},
	} {
		_, stderr, _ := run(t, nil, append([]string{"plan", "-n", "shop", cluster}, row.args...)...)
		if !strings.Contains(stderr, row.want) || row.want == "" && strings.Contains(stderr, "note: this plan") {
			t.Errorf("%s: got\n%s", name, stderr)
		}
	}
	changed, left := strings.Replace(shop, "dnsNames: [a.example.com]", "dnsNames: [a.example.com, w.example.com]", 1), strings.Replace(shop, "{cert-manager.io/issuer: ca}", "{kubernetes.io/tls-acme: \"true\"}", 1)
	for name, row := range map[string]struct{ objects, config, want string }{
		"other values":       {changed, "", "note: what certshim has applied for Ingress/shop/web differs from this plan: its controller has other settings, or is another version, or doesn't run; give plan"},
		"its issuer unknown": {left, "", "note: what certshim has applied for Ingress/shop/web differs"},
		"with a file":        {changed, config, "its controller has other settings than " + strings.TrimPrefix(config, "--config=") + ", or is"},
	} {
		_, cluster := serveDocuments(t, row.objects)
		_, stderr, _ := run(t, nil, slices.DeleteFunc([]string{"plan", "-n", "shop", "ingress/web", cluster, row.config}, func(s string) bool { return s == "" })...)
		if !strings.Contains(stderr, row.want) {
			t.Errorf("%s: got\n%s", name, stderr)
		}
		if _, stderr, _ := run(t, []byte(row.objects), "plan", "-f", "-"); strings.Contains(stderr, "note:") {
			t.Errorf("%s, of files: got\n%s", name, stderr)
		}
	}
}

// A cluster without cert-manager is planned as if it had it, with a note.
func TestPlanOfAClusterWithoutCertManager(t *testing.T) {
	server, cluster := serveDocuments(t, shop)
	server.resources = slices.DeleteFunc(server.resources, func(r servedResource) bool { return r.version == "cert-manager.io/v1" })
	stdout, stderr, exit := run(t, nil, "plan", "-A", cluster, "--default-issuer-name=ca", "-o", "table")
	if exit != 0 || strings.Count(stdout, "create") != 3 || !strings.Contains(stderr, "note: the cluster serves no Certificates, so that all are planned as if cert-manager were installed: install it,") {
		t.Errorf("exit status %d:\n%s%s", exit, stdout, stderr)
	}
}
