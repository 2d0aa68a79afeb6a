package main

import (
	"path/filepath"
	"testing"

	"github.com/certshim/certshim/plugins/plugintest"
	"github.com/certshim/certshim/plugins/plugintest/gotest"
	"github.com/certshim/certshim/plugins/serve"
)

const fixture = `
grant:
  kinds:
  - {group: pki.corp.example, kind: CorpIssuer, scope: Namespaced}
  defaults: [duration]
  mayRefuse: true
issuers:
- kind: CorpIssuer
  namespace: shop
  ready: web
  unready: retired
  observed:
    web: {metadata: {generation: 2}, spec: {tier: gold}}
    retired: {metadata: {generation: 1}, status: {sealed: true}}
`

// The kit for plugins is for what is compiled in, too.
func TestItConforms(t *testing.T) {
	f, err := plugintest.ReadFixture([]byte(fixture), "fixture.yaml")
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "ca.sock")
	listener, err := serve.Listen(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = serve.Server{Resolver: corpCA{}}.Serve(t.Context(), listener) }()
	gotest.Run(t, socket, f, plugintest.QuickOptions())
}
