package app_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const someNamespaces = shop + `---
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: other}}
`

const someContexts = `
apiVersion: v1
kind: Config
contexts: [{name: near, context: {}}, {name: far, context: {}}]
clusters: [{name: east, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: alice, user: {}}, {name: bob, user: {}}]
`

// What the shell asks for and gets: words, of which none is a file's name unless the flag takes
// one.
func TestCompletion(t *testing.T) {
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(kubeconfig, []byte(someContexts), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", kubeconfig)
	_, server := serveDocuments(t, someNamespaces)
	const kinds = "ingress gateway listenerset xlistenerset apisixtls httpproxy host tlscontext tlsprofile " +
		"virtualservice domainmapping tcpingress transportserver virtualserver route routegroup ingressroute ingressroutetcp"
	for line, want := range map[string]string{
		"plan ":                                kinds + " :4",
		"plan CLUSTER -n shop ing/":            "ing/web ing/auto :4",
		"plan CLUSTER -A ingress ":             "web auto web " + kinds + " :4",
		"plan CLUSTER -n shop ingress/web gtw": kinds + " :4",
		"plan CLUSTER -n ":                     "shop other :4",
		"plan -n ":                             ":4",
		"plan -f ../../../examples ingress/":   "ingress/auto ingress/bad ingress/external ingress/myingress ingress/web :4",
		"plan -f - ingress/":                   ":4",
		"plan secret/":                         ":4",
		"plan -o ":                             "table yaml json diff report :4",
		"plan --color ":                        "auto always never :4",
		"issuers --color ":                     "auto always never :4",
		"plan --context ":                      "far near :4",
		"plan --cluster ":                      "east :4",
		"plan --user ":                         "alice bob :4",
		"plan --default-issuer-name ":          ":4",
		"plan --config ":                       ":0",
		"plan -f ":                             ":0",
		"controller --log-level ":              "debug info warn error :4",
		"controller --log-format ":             "text json :4",
		"controller --metrics-listen-address ": ":4",
		"controller --healthz-listen-address ": ":4",
		"issuers -o ":                          "table json yaml rbac :4",
		"issuers test -o ":                     "table json junit :4",
		"plugin test -o ":                      "table json junit :4",
		"annotations -o ":                      "table json yaml markdown :4",
		"version -o ":                          "json yaml :4",
	} {
		words := strings.Split(strings.Replace(line, "CLUSTER", server, 1), " ")
		stdout, _, exit := run(t, nil, append([]string{"__complete"}, words...)...)
		if got := strings.Join(strings.Fields(stdout), " "); exit != 0 || got != want {
			t.Errorf("%q: exit status %d, got %q, want %q", line, exit, got, want)
		}
	}
}

// An issuer is completed by the names of types, their kinds and groups, and by what the cluster has.
func TestCompletionOfIssuers(t *testing.T) {
	_, server := serveDocuments(t, someIssuers)
	stdout, _, _ := run(t, nil, "__complete", "issuers", server, "")
	words := strings.Fields(stdout)
	for _, want := range []string{"team", "odd", "company", "AWSPCAIssuer", "aws-privateca-issuer", "awspca.cert-manager.io", ":4"} {
		if !slices.Contains(words, want) {
			t.Errorf("%s is missing in %v", want, words)
		}
	}
	stdout, _, _ = run(t, nil, "__complete", "issuers", "--offline", server, "")
	if slices.Contains(strings.Fields(stdout), "team") {
		t.Errorf("offline: got %s", stdout)
	}
}
