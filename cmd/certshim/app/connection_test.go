package app

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

const twoContexts = `
apiVersion: v1
kind: Config
current-context: shop
contexts:
- {name: shop, context: {cluster: near, user: alice, namespace: shop}}
- {name: bank, context: {cluster: far, user: bob}}
clusters:
- {name: near, cluster: {server: "https://near.example"}}
- {name: far, cluster: {server: "https://far.example"}}
users:
- {name: alice, user: {token: of-alice}}
- {name: bob, user: {token: of-bob}}
`

// reached is what the flags choose.
type reached struct {
	Host, Token, As, Namespace string
	Groups                     []string
}

func TestConnectionFlagsChooseTheClusterAndTheUser(t *testing.T) {
	for flags, want := range map[string]reached{
		"":                               {Host: "https://near.example", Token: "of-alice", Namespace: "shop"},
		"--context=bank":                 {Host: "https://far.example", Token: "of-bob", Namespace: "default"},
		"--cluster=far":                  {Host: "https://far.example", Token: "of-alice", Namespace: "shop"},
		"--user=bob":                     {Host: "https://near.example", Token: "of-bob", Namespace: "shop"},
		"--server=https://other.example": {Host: "https://other.example", Token: "of-alice", Namespace: "shop"},
		"-s https://other.example":       {Host: "https://other.example", Token: "of-alice", Namespace: "shop"},
		"--as=eve --as-group=a,b --as-group=c": {
			Host: "https://near.example", Token: "of-alice", Namespace: "shop", As: "eve", Groups: []string{"a,b", "c"},
		},
	} {
		got, err := reach(t, twoContexts, flags)
		if err != nil {
			t.Errorf("%q: %v", flags, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got)\n%s", flags, diff)
		}
	}
}

func TestConnectionFlagsThatNameNothing(t *testing.T) {
	for flags, want := range map[string]string{
		"--context=nowhere": `read the kubeconfig: context "nowhere" does not exist`,
		"--cluster=nowhere": `read the kubeconfig: cluster "nowhere" does not exist`,
		"--user=nobody":     `read the kubeconfig: auth info "nobody" does not exist`,
	} {
		if _, err := reach(t, twoContexts, flags); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", flags, err, want)
		}
	}
	if _, err := reach(t, "", ""); err == nil || !regexp.MustCompile(`^no cluster: the kubeconfig \S+/kubeconfig has none; name one by --kubeconfig or KUBECONFIG$`).MatchString(err.Error()) {
		t.Errorf("an empty kubeconfig: got %v", err)
	}
}

// reach parses flags as a command does, and reads a kubeconfig with them.
func reach(t *testing.T, kubeconfig, flags string) (reached, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, []byte(kubeconfig), 0o600); err != nil {
		t.Fatal(err)
	}
	var connection connectionFlags
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	connection.bindFlags(set)
	if err := set.Parse(slices.Concat([]string{"--kubeconfig", file}, strings.Fields(flags))); err != nil {
		t.Fatal(err)
	}
	config, err := connection.config()
	if err != nil {
		return reached{}, err
	}
	namespace, err := connection.namespace()
	return reached{
		Host: config.Host, Token: config.BearerToken, Namespace: namespace,
		As: config.Impersonate.UserName, Groups: config.Impersonate.Groups,
	}, err
}
