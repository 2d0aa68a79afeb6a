package app_test

import (
	"strings"
	"testing"
)

// release is a controller as deploy/ and its overlay for a configuration file install it, and an
// Ingress that asks for the default issuer.
const release = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop, uid: "1", annotations: {kubernetes.io/tls-acme: "true"}}
spec: {tls: [{hosts: [a.example.com], secretName: web-tls}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: certshim, namespace: certshim}
spec:
  template:
    spec:
      containers:
        - name: certshim
          args: [controller, --leader-election-namespace=certshim, --config=/etc/certshim/certshim.yaml]
          volumeMounts: [{name: config, mountPath: /etc/certshim}]
      volumes: [{name: config, configMap: {name: certshim-5f7}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: certshim-5f7, namespace: certshim}
data:
  certshim.yaml: |
    apiVersion: certshim.io/v1alpha1
    kind: ControllerConfiguration
    defaultIssuer: {name: of-file}
`

// What a command on a cluster decides by is what its controller decides by, unless that is given.
func TestTheControllersConfigurationCounts(t *testing.T) {
	const ofDeployment = "note: the configuration is that of Deployment certshim/certshim"
	change := func(old, text string) string { return strings.Replace(release, old, text, 1) }
	for name, row := range map[string]struct {
		objects, forbidden string
		flags              []string
		issuer, note       string
	}{
		"of its file":         {release, "", nil, "Issuer/of-file", ofDeployment},
		"of its arguments":    {change("--config=", "--default-issuer-name=of-argument, --config="), "", nil, "Issuer/of-argument", ofDeployment},
		"an own flag":         {release, "", []string{"--default-issuer-name=own"}, "Issuer/own", ofDeployment},
		"an own file":         {release, "", []string{configFile(t, "defaultIssuer: {name: own-file}\n")}, "Issuer/own-file", ""},
		"in another place":    {strings.ReplaceAll(release, "namespace: certshim", "namespace: tls"), "", []string{"--release-namespace=tls"}, "Issuer/of-file", "note: the configuration is that of Deployment tls/certshim"},
		"by another name":     {change("{name: certshim, namespace", "{name: my-release, labels: {app.kubernetes.io/name: certshim}, namespace"), "", nil, "Issuer/of-file", "Deployment certshim/my-release"},
		"projected, by items": {change("configMap: {name: certshim-5f7}", "projected: {sources: [{configMap: {name: certshim-5f7, items: [{key: certshim.yaml, path: certshim.yaml}]}}]}"), "", nil, "Issuer/of-file", ofDeployment},
		"by a subPath":        {change("mountPath: /etc/certshim}", "mountPath: /etc/certshim/certshim.yaml, subPath: certshim.yaml}"), "", nil, "Issuer/of-file", ofDeployment},
		"none":                {change("name: certshim, namespace: certshim", "name: other, namespace: certshim"), "", nil, "", "note: there is no controller in namespace certshim"},
		"it may not be read":  {release, "/apis/apps/v1/namespaces/certshim/deployments", nil, "", "note: the configuration of the controller in namespace certshim can't be read"},
		"its file may not":    {release, "/api/v1/namespaces/certshim/configmaps/certshim-5f7", nil, "", "note: the configuration of Deployment certshim/certshim can't be read"},
		"it isn't mounted":    {change("mountPath: /etc/certshim}", "mountPath: /else}"), "", nil, "", `no ConfigMap mounts "/etc/certshim/certshim.yaml"`},
		"it is wrong":         {change("defaultIssuer:", "defaultIsuer:"), "", nil, "", `did you mean "defaultIssuer"?`},
		"types aren't there":  {change("defaultIssuer: {name: of-file}", "defaultIssuer: {name: of-file}\n    resolvers: {types: [/types]}"), "", nil, "Issuer/of-file", "note: issuer types of Deployment certshim/certshim can't be read"},
	} {
		t.Run(name, func(t *testing.T) {
			server, cluster := serveDocuments(t, row.objects)
			server.resources = append(server.resources, serves("apps/v1", "deployments", "Deployment", true), serves("v1", "configmaps", "ConfigMap", true))
			server.forbidden[row.forbidden] = true
			stdout, stderr, _ := run(t, nil, append([]string{"plan", "-A", cluster}, row.flags...)...)
			if !strings.Contains(stdout+stderr, row.issuer) || !strings.Contains(stderr, row.note) {
				t.Errorf("want %q and %q:\n%s%s", row.issuer, row.note, stdout, stderr)
			}
			if row.issuer == "" && strings.Contains(stdout, "of-file") {
				t.Errorf("the configuration counts that can't be read:\n%s", stdout)
			}
			if row.note == "" && strings.Contains(stderr, "configuration is that of") {
				t.Errorf("it tells of another configuration: %s", stderr)
			}
		})
	}
}
