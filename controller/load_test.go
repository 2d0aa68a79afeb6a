package controller

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLoadConfiguration(t *testing.T) {
	const head = "apiVersion: certshim.io/v1alpha1\nkind: ControllerConfiguration\n"
	tests := map[string]struct {
		file, want string
	}{
		"misspelt":         {head + "takeoverr: {}\n", `c.yaml:3: unknown field "takeoverr", did you mean "takeover"?`},
		"misspelt inside":  {head + "takeover:\n  changesPerMin: 1\n", `c.yaml:4: unknown field "takeover.changesPerMin", did you mean "takeover.changesPerMinute"?`},
		"nothing near":     {head + "zzzzzz: 1\n", `c.yaml:3: unknown field "zzzzzz"`},
		"two at once":      {head + "worker: 1\nfoo: 1\n", "c.yaml:3: unknown field \"worker\", did you mean \"workers\"?\nc.yaml:4: unknown field \"foo\""},
		"wrong type":       {head + "workers: many\n", "c.yaml:3: cannot unmarshal !!str `many` into int"},
		"repeated":         {head + "workers: 1\nworkers: 2\n", `c.yaml:4: mapping key "workers" already defined at line 3`},
		"no duration":      {head + "leaderElection:\n  leaseDuration: 15\n", `c.yaml:4: "15" is no duration, must be one such as 15s`},
		"empty":            {"", "c.yaml:1: the file is empty, must hold a ControllerConfiguration"},
		"another document": {head + "---\n" + head, "c.yaml:3: a second document, must be one"},
		"no mapping":       {"- a\n", "c.yaml:1: cannot unmarshal !!seq into controller.Configuration"},
		"values out of range": {head + "workers: 0\ntakeover: {changesPerMinute: -1}\n",
			"c.yaml: workers is 0, must be 1 to 90\nc.yaml: takeover.changesPerMinute is -1, must be 0 or more"},
		"another kind": {"apiVersion: certshim.io/v1alpha1\n", `c.yaml: kind is "", must be "ControllerConfiguration"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := LoadConfiguration([]byte(tt.file), "c.yaml")
			if err == nil || err.Error() != tt.want {
				t.Errorf("got error:\n%v\nwant:\n%s", err, tt.want)
			}
		})
	}
}

func TestLoadConfigurationKeepsDefaults(t *testing.T) {
	got, err := LoadConfiguration([]byte(`
apiVersion: certshim.io/v1alpha1
kind: ControllerConfiguration
annotations: {auto: [example.com/tls]}
leaderElection: {leaseDuration: 1m, enabled: false}
gatewayAPI: {listenerSets: false}
`), "c.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := DefaultConfiguration()
	want.Annotations.Auto = []string{"example.com/tls"}
	want.LeaderElect.LeaseDuration = Duration(time.Minute)
	want.LeaderElect.Enabled = false
	want.GatewayAPI.ListenerSets = false
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("(-want +got)", diff)
	}
}
