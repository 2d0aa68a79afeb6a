package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// repository is one of manifests as people have them: beside manifests, it has what isn't any, and what
// becomes one later.
func repository(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const (
	baseIngress = `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop, annotations: {cert-manager.io/cluster-issuer: le, nginx.ingress.kubernetes.io/configuration-snippet: "return 301 https://${host}/;"}}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}, tls: [{hosts: [web.example.com], secretName: web-tls}]}
`
	// Another issuer than that of the base, and no TLS entry.
	mergePatch = `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop, annotations: {cert-manager.io/cluster-issuer: le-production}}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}, $patch: merge, ingressClassName: internal}
`
	fluxGateway = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: infra, annotations: {cert-manager.io/cluster-issuer: le}}
spec:
  gatewayClassName: any
  listeners:
  - {name: a, port: 443, protocol: HTTPS, hostname: "*.${domain:=example.com}", tls: {certificateRefs: [{name: "${name}-tls"}]}}
`
)

func TestARepositoryOfMoreThanManifests(t *testing.T) {
	root := repository(t, map[string]string{
		"base/ingress.yaml":           baseIngress,
		"base/kustomization.yaml":     "resources: [ingress.yaml]\n",
		"one/kustomization.yml":       "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../base]\npatches:\n- path: web.yaml\n- {path: ops.yaml, target: {kind: Ingress}}\n- {patch: \"- op: remove\", target: {kind: Ingress}}\n",
		"one/web.yaml":                mergePatch,
		"one/ops.yaml":                "- {op: replace, path: /spec/tls/0/hosts/0, value: one.example.com}\n",
		"two/Kustomization":           "patchesStrategicMerge: [../patches/web.yaml]\npatchesJson6902: [{path: ./more.yaml, target: {kind: Ingress}}]\n",
		"two/more.yaml":               mergePatch,
		"patches/web.yaml":            mergePatch,
		"flux/gateway.yaml":           fluxGateway,
		"flux/secret.sops.yaml":       "apiVersion: v1\nkind: Secret\nmetadata: {name: web-key, namespace: shop}\nstringData: {key: \"ENC[AES256_GCM,data:abc,type:str]\"}\nsops: {version: 3.9.0}\n",
		"chart/values.yaml":           "host: a.example.com\n",
		"chart/templates/a.yaml":      "apiVersion: networking.k8s.io/v1\nkind: Ingress\n{{- if .Values.tls }}\nspec: {}\n{{- end }}\n",
		"chart/templates/quoted.yaml": strings.Replace(baseIngress, "name: web,", `name: "{{ .Release.Name }}",`, 1),
		".github/workflows/ci.yaml":   "on: [push]\n",
		"dashboard.json":              `{"title": "x"}`,
		"jobs/twice.yaml":             "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\nspec: {a: 1}\nspec: {b: 2}\n",
	})
	stdout, stderr, exit := run(t, nil, "plan", "-R", "--ignore-other", "-f", root, "-o", "yaml")
	if exit != 0 || strings.Count(stdout, "\nkind: Certificate\n") != 1 || !strings.Contains(stdout, "    name: le\n") {
		t.Errorf("exit status %d, want the base's Certificate:\n%s", exit, stdout)
	}
	const want = `1 source: 1 create; 14 documents of other kinds ignored: 5 not a Kubernetes object, 4 Kustomize patch, 1 batch/v1 Job, ` +
		`1 gateway.networking.k8s.io/v1 Gateway with placeholders, 1 kustomize.config.k8s.io/v1beta1 Kustomization, ` +
		`1 networking.k8s.io/v1 Ingress with placeholders, 1 v1 Secret` + "\n"
	if stderr != want {
		t.Errorf("it says:\n%s\nwant:\n%s", stderr, want)
	}
}

// Without --ignore-other nothing is left out.
func TestARepositoryOfManifestsAlone(t *testing.T) {
	root := repository(t, map[string]string{
		"ingress.yaml": baseIngress, "patch.yaml": mergePatch, "gateway.yaml": fluxGateway,
		"kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\npatches: [{path: patch.yaml}]\n",
	})
	_, stderr, exit := run(t, nil, "plan", "-f", root)
	for _, want := range []string{"patch.yaml:1: Ingress shop/web occurs twice", `Ingress has no such field`, `value "*.${domain:=example.com}"`} {
		if exit != 1 || !strings.Contains(stderr, want) {
			t.Errorf("exit status %d, no %q in:\n%s", exit, want, stderr)
		}
	}
}
