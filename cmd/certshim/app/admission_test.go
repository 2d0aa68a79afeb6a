package app_test

import (
	"fmt"
	"strings"
	"testing"

	generated "github.com/certshim/certshim/declaration/pages"
)

//go:generate go test -run TestTheChartHasThePolicy -update .

// The chart has what the command prints. It puts its own accounts in the place of those of the policy that protects ties.
func TestTheChartHasThePolicy(t *testing.T) {
	files := map[string]string{}
	for name, arguments := range map[string][]string{"policy.yaml": {"policy"}, "ties.yaml": {"policy", "ties", "--exempt-group=example"}} {
		printed, problems, status := run(t, nil, arguments...)
		if status != 0 {
			t.Fatal(problems)
		}
		files[name] = fmt.Sprintf("# What \"certshim %s\" prints, by \"go generate ./cmd/certshim/app\"; don't edit.\n", strings.Join(arguments, " ")) + printed
	}
	generated.AreUpToDate(t, "go generate ./cmd/certshim/app", "../../../deploy/chart/files", files)
}

func TestThePolicyFollowsTheSettings(t *testing.T) {
	for name, row := range map[string]struct {
		arguments     []string
		with, without string
		status        int
	}{
		"no Gateways":     {[]string{"--enable-gateway-api=false"}, "- ingresses", "- listenersets", 0},
		"another key":     {[]string{"--auto-certificate-annotations=example.com/tls"}, "'example.com/tls'", "kubernetes.io/tls-acme", 0},
		"deny":            {[]string{"--action=deny", "--name=tls"}, "- Deny", "certshim-annotations", 0},
		"as JSON":         {[]string{"-o=json"}, `"kind": "List"`, "---", 0},
		"another action":  {[]string{"--action=refuse"}, "", "apiVersion", 2},
		"another format":  {[]string{"-o=table"}, "", "apiVersion", 2},
		"ties":            {[]string{"ties", "--exempt-user=a,b", "--exempt-group=c", "--name=mine"}, "in [''a'', ''b'']", "certshim-ties", 0},
		"ties of a group": {[]string{"ties", "--exempt-group=c", "--action=deny"}, "in [''c'']", "- Warn", 0},
		"ties, refused":   {[]string{"ties", "--action=refuse"}, "", "apiVersion", 2},
	} {
		printed, problems, status := run(t, nil, append([]string{"policy"}, row.arguments...)...)
		if status != row.status || !strings.Contains(printed, row.with) || strings.Contains(printed, row.without) {
			t.Errorf("%s: status %d\n%s\n%s", name, status, printed, problems)
		}
	}
}
