package app_test

import (
	"strings"
	"testing"

	generated "github.com/certshim/certshim/declaration/pages"
)

//go:generate go test -run TestTheChartHasThePolicy -update .

// The chart has what the command prints by default.
func TestTheChartHasThePolicy(t *testing.T) {
	printed, problems, status := run(t, nil, "policy")
	if status != 0 {
		t.Fatal(problems)
	}
	const comment = "# What \"certshim policy\" prints, by \"go generate ./cmd/certshim/app\"; don't edit.\n"
	generated.AreUpToDate(t, "go generate ./cmd/certshim/app", "../../../deploy/chart/files", map[string]string{"policy.yaml": comment + printed})
}

func TestThePolicyFollowsTheSettings(t *testing.T) {
	for name, row := range map[string]struct {
		arguments     []string
		with, without string
		status        int
	}{
		"no Gateways":    {[]string{"--enable-gateway-api=false"}, "- ingresses", "- listenersets", 0},
		"another key":    {[]string{"--auto-certificate-annotations=example.com/tls"}, "'example.com/tls'", "kubernetes.io/tls-acme", 0},
		"deny":           {[]string{"--action=deny", "--name=tls"}, "- Deny", "certshim-annotations", 0},
		"as JSON":        {[]string{"-o=json"}, `"kind": "List"`, "---", 0},
		"another action": {[]string{"--action=refuse"}, "", "apiVersion", 2},
		"another format": {[]string{"-o=table"}, "", "apiVersion", 2},
	} {
		printed, problems, status := run(t, nil, append([]string{"policy"}, row.arguments...)...)
		if status != row.status || !strings.Contains(printed, row.with) || strings.Contains(printed, row.without) {
			t.Errorf("%s: status %d\n%s\n%s", name, status, printed, problems)
		}
	}
}
