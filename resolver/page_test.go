package resolver_test

import (
	"testing"

	"github.com/certshim/certshim/declaration/pages"
	"github.com/certshim/certshim/resolver"
)

func TestIssuerPagesAreUpToDate(t *testing.T) {
	const folder = "../docs/issuers"
	entries := declared(t)
	want := map[string]string{"README.md": resolver.RenderIndex(entries), "../../deploy/chart/files/issuers.yaml": resolver.RenderRules(entries), "../../deploy/chart/files/clusterscoped.yaml": resolver.RenderClusterScoped(entries)}
	for _, entry := range entries {
		want[entry.ID+".md"] = resolver.RenderPage(entry)
	}
	pages.AreUpToDate(t, "go generate ./resolver", folder, want)
	pages.AreAll(t, folder, want, "schema.md")
}
