package certshim_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/resolver"
)

func TestIssuerLines(t *testing.T) {
	tests := map[string]struct {
		issuer resolver.Ref
		want   []string
	}{
		"Issuer":        {resolver.Ref{Group: "cert-manager.io", Kind: "Issuer", Name: "ca"}, []string{"cert-manager.io/issuer: ca"}},
		"ClusterIssuer": {resolver.Ref{Group: "cert-manager.io", Kind: "ClusterIssuer", Name: "ca"}, []string{"cert-manager.io/cluster-issuer: ca"}},
		"external": {
			resolver.Ref{Group: "awspca.cert-manager.io", Kind: "AWSPCAClusterIssuer", Name: "ca"},
			[]string{"cert-manager.io/issuer: ca", "cert-manager.io/issuer-kind: AWSPCAClusterIssuer", "cert-manager.io/issuer-group: awspca.cert-manager.io"},
		},
		"Issuer of another group": {
			resolver.Ref{Group: "g.io", Kind: "ClusterIssuer", Name: "ca"},
			[]string{"cert-manager.io/issuer: ca", "cert-manager.io/issuer-kind: ClusterIssuer", "cert-manager.io/issuer-group: g.io"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, certshim.IssuerLines(resolver.Issuer{Ref: tt.issuer})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// Whatever the names are, the lines are YAML that says just that.
func TestIssuerLinesAreSafeToPaste(t *testing.T) {
	for _, name := range []string{
		"ca", "letsencrypt.prod", "a: b", "a #b", "a\nmalicious: true", `"`, `'`, "", " ca ", "- a", "-", "{a}", "[a]", "&a", "*a", "!a", "%a", "`a",
		"true", "No", "y", "null", "123", "1e3", "0x1f", ".5", ".inf", "2026-01-01", "~", "a\x00b", "ä\u2028\x7f", "a\tb", "\ufeff",
	} {
		lines := certshim.IssuerLines(resolver.Issuer{Ref: resolver.Ref{Group: name, Kind: name, Name: name}})
		var got map[string]any
		if err := yaml.Unmarshal([]byte(strings.Join(lines, "\n")), &got); err != nil {
			t.Errorf("%q: %v\n%s", name, err, strings.Join(lines, "\n"))
			continue
		}
		want := map[string]any{"cert-manager.io/issuer": name, "cert-manager.io/issuer-kind": name, "cert-manager.io/issuer-group": name}
		if diff := cmp.Diff(want, got); diff != "" || len(lines) != 3 || strings.Contains(strings.Join(lines, ""), "\n") {
			t.Errorf("%q: %s", name, diff)
		}
	}
}
