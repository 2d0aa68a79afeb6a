package configuration_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/problem"
)

func TestLoadConfiguration(t *testing.T) {
	const head = "apiVersion: certshim.io/v1alpha1\nkind: ControllerConfiguration\n"
	tests := map[string]struct {
		file, want string
	}{
		"misspelt":         {head + "takeoverr: {}\n", `c.yaml:3: unknown field "takeoverr", did you mean "takeover"?`},
		"misspelt inside":  {head + "takeover:\n  changesPerMin: 1\n", `c.yaml:4: unknown field "takeover.changesPerMin", did you mean "changesPerMinute"?`},
		"nothing near":     {head + "zzzzzz: 1\n", `c.yaml:3: unknown field "zzzzzz"; the fields here are annotations, apiVersion, crossNamespace, defaultIssuer, gatewayAPI, healthzListenAddress, kind, kubernetesAPI, labels, leaderElection, metrics, metricsListenAddress, namespaceDefaults, namespaces, ownership, policies, profilerAddress, resolvers, serve, sources, takeover, tellIssuerStatus, workers`},
		"two at once":      {head + "worker: 1\nfoo: 1\n", "c.yaml:3: unknown field \"worker\", did you mean \"workers\"?\nc.yaml:4: unknown field \"foo\"; the fields here are annotations, apiVersion, crossNamespace, defaultIssuer, gatewayAPI, healthzListenAddress, kind, kubernetesAPI, labels, leaderElection, metrics, metricsListenAddress, namespaceDefaults, namespaces, ownership, policies, profilerAddress, resolvers, serve, sources, takeover, tellIssuerStatus, workers"},
		"wrong type":       {head + "workers: many\n", `c.yaml:3: workers: "many", must be a whole number`},
		"repeated":         {head + "workers: 1\nworkers: 2\n", `c.yaml:4: repeated field "workers", which is there already at line 3`},
		"no duration":      {head + "leaderElection:\n  leaseDuration: 15\n", `c.yaml:4: leaderElection.leaseDuration: "15", must be a duration as Go writes them, whose largest unit is h: 2160h are 90 days`},
		"empty":            {"", "c.yaml:1: the file is empty, must hold a ControllerConfiguration"},
		"another document": {head + "---\n" + head, "c.yaml:3: a second document, must be one a file"},
		"no mapping":       {"- a\n", "c.yaml:1: not a mapping, must be a ControllerConfiguration"},
		"values out of range": {head + "workers: 0\ntakeover: {changesPerMinute: -1}\n",
			"c.yaml:3: workers: 0, must be 1 to 90\nc.yaml:4: takeover.changesPerMinute: -1, must be 0 or more"},
		"shape and values at once": {head + "worker: 1\nworkers: 0\nannotations: {autoKinds: [Ingress, Gatewy]}\n",
			"c.yaml:3: unknown field \"worker\", did you mean \"workers\"?\nc.yaml:4: workers: 0, must be 1 to 90\n" +
				"c.yaml:5: annotations.autoKinds[1]: \"Gatewy\" isn't known, did you mean \"Gateway\"?"},
		"a misplaced field": {head + "autoKinds: []\n", `c.yaml:3: unknown field "autoKinds"; the fields here are annotations, apiVersion, crossNamespace, defaultIssuer, gatewayAPI, healthzListenAddress, kind, kubernetesAPI, labels, leaderElection, metrics, metricsListenAddress, namespaceDefaults, namespaces, ownership, policies, profilerAddress, resolvers, serve, sources, takeover, tellIssuerStatus, workers; did you mean "annotations.autoKinds"?`},
		"no namespace": {head + "namespaces: [shop, Shop, a.b]\n", `c.yaml:3: namespaces[1]: "Shop" is no namespace, which has lower-case letters, digits and '-', such as shop` + "\n" +
			`c.yaml:3: namespaces[2]: "a.b" is no namespace, which has lower-case letters, digits and '-', such as shop`},
		"an address":                {head + "metricsListenAddress: 9402\n", `c.yaml:3: metricsListenAddress: "9402", must be host:port such as 0.0.0.0:9402 or :9402, or 0 for none; did you mean ":9402"?`},
		"a key without certificate": {head + "metrics: {tlsKeyFile: k}\n", `c.yaml:3: metrics.tlsCertFile: it is empty, must be the file of the certificate of tlsKeyFile`},
		"a certificate without key": {head + "metrics: {tlsCertFile: c}\n", `c.yaml:3: metrics.tlsKeyFile: it is empty, must be the file of the key of tlsCertFile`},
		"tokens in the clear":       {head + "metrics:\n  authentication: true\n", `c.yaml:4: metrics.authentication: true, must be false without tlsCertFile and tlsKeyFile: tokens would be sent in the clear`},
		"profiles for everybody":    {head + "profilerAddress: 0.0.0.0:6060\n", `c.yaml:3: profilerAddress: "0.0.0.0:6060", must be an address on loopback such as 127.0.0.1:6060, or 0 for none`},
		"no port":                   {head + "metricsListenAddress: localhost:https\n", `c.yaml:3: metricsListenAddress: "localhost:https", must be host:port such as 0.0.0.0:9402 or :9402, or 0 for none`},
		"all types at once": {head + "workers: many\nmetricsListenAddress: [a]\nleaderElection: {leaseDuration: 1d}\nnamespaces: shop\npolicies: [{name: a, values: {duration: 30d}}]\nworkerz: 1\n",
			"c.yaml:3: workers: \"many\", must be a whole number\nc.yaml:4: metricsListenAddress: a list, must be text\n" +
				"c.yaml:5: leaderElection.leaseDuration: \"1d\", must be a duration as Go writes them, whose largest unit is h: 2160h are 90 days; did you mean \"24h\"?\n" +
				"c.yaml:6: namespaces: \"shop\", must be a list, such as [shop]\n" +
				"c.yaml:7: policies[0].values.duration: \"30d\", must be a duration as Go writes them, whose largest unit is h: 2160h are 90 days; did you mean \"720h\"?\n" +
				"c.yaml:8: unknown field \"workerz\", did you mean \"workers\"?"},
		"takeover":        {head + "takeover: {mode: manaul}\n", `c.yaml:3: takeover.mode: "manaul" is none of auto, manual, did you mean "manual"?`},
		"labels":          {head + "labels: {include: [\"a b\", team], exclude: [team]}\n", "c.yaml:3: labels: label key \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')\nc.yaml:3: labels: label key \"team\": both excluded and included"},
		"recommendations": {head + "resolvers: {recommendations: show}\n", `c.yaml:3: resolvers.recommendations: "show" is none of Show, Apply, did you mean "Show"?`},
		"ownership": {head + "ownership:\n  rules:\n    - {managers: ['', 'a*b'], operations: [Patch], fields: [spec.duratoin, metadata.labels.team, 'spec.usages[x]', spec.secretName], then: yields}\n  sourcesMay: [ignore]\n  removedByHand: respects\n  reports: openreport\n",
			"c.yaml:5: ownership.rules[0].fields[0]: \"spec.duratoin\": must be a field that certshim sets, such as spec.duration or metadata.labels[team]; did you mean \"spec.duration\"?\n" +
				"c.yaml:5: ownership.rules[0].fields[1]: \"metadata.labels.team\": the key of a map must stand in brackets, such as metadata.labels[team]\n" +
				"c.yaml:5: ownership.rules[0].fields[2]: \"spec.usages[x]\": only the key of a map stands in brackets, such as metadata.labels[team]\n" +
				"c.yaml:5: ownership.rules[0].fields[3]: \"spec.secretName\": it ties a Certificate to its source, and is never left to others\n" +
				"c.yaml:5: ownership.rules[0].managers[0]: it is empty, must be a name\n" +
				"c.yaml:5: ownership.rules[0].managers[1]: \"a*b\", a * stands at the end alone\n" +
				"c.yaml:5: ownership.rules[0].operations[0]: \"Patch\" is none of Apply, Update\n" +
				"c.yaml:5: ownership.rules[0].then: \"yields\" is none of force, yield, fail, did you mean \"yield\"?\n" +
				"c.yaml:6: ownership.sourcesMay[0]: \"ignore\" is none of force, yield, fail\n" +
				"c.yaml:7: ownership.removedByHand: \"respects\" is none of restore, respect, did you mean \"respect\"?\n" +
				"c.yaml:8: ownership.reports: \"openreport\" is none of off, auto, openreports, policyreport, did you mean \"openreports\"?"},
		"what is served": {head + "serve:\n  namespaces: [Shop]\n  shard: 3\n  shards: 3\n",
			"c.yaml:4: serve.namespaces: there are some, must be none where there are shards\nc.yaml:4: serve.namespaces[0]: \"Shop\" is no namespace, which has lower-case letters, digits and '-', such as shop\n" +
				"c.yaml:5: serve.shard: 3, must be 0 to 2, less than shards"},
		"too many shards": {head + "serve: {shard: -1, shards: 65}\n", "c.yaml:3: serve.shard: -1, must be 0 to 64, less than shards\nc.yaml:3: serve.shards: 65, must be 0 to 64"},
		"other namespaces": {head + "crossNamespace: {mode: grants, orphans: keep}\n",
			"c.yaml:3: crossNamespace.mode: \"grants\" is none of off, grant, secretGrant, did you mean \"grant\"?\nc.yaml:3: crossNamespace.orphans: \"keep\" is none of retain, delete"},
		"the Lease": {head + "leaderElection:\n  leaseName: ''\n  leaseDuration: 1s\n  renewDeadline: 2s\n  retryPeriod: 0s\n",
			"c.yaml:4: leaderElection.leaseName: it is empty, must be the name of a Lease\nc.yaml:5: leaderElection.leaseDuration: 1s, must be more than renewDeadline, 2s\nc.yaml:7: leaderElection.retryPeriod: 0s, must be more than 0"},
		"the API":      {head + "kubernetesAPI: {qps: -2, burst: -2}\ndefaultIssuer: {kind: ''}\n", "c.yaml:3: kubernetesAPI.burst: -2, must be 0 (default) or more\nc.yaml:3: kubernetesAPI.qps: -2, must be -1 (no limit), 0 (default) or more\nc.yaml:4: defaultIssuer.kind: it is empty, must be a kind such as Issuer"},
		"another kind": {"apiVersion: certshim.io/v1alpha1\n", `c.yaml:1: apiVersion "certshim.io/v1alpha1", kind "" can't be read here; must be certshim.io/v1alpha1, ControllerConfiguration`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := configuration.Load([]byte(tt.file), "c.yaml")
			if err == nil || err.Error() != tt.want {
				t.Errorf("got error:\n%v\nwant:\n%s", err, tt.want)
			}
		})
	}
}

func TestLoadConfigurationKeepsDefaults(t *testing.T) {
	got, err := configuration.Load([]byte(`
apiVersion: certshim.io/v1alpha1
kind: ControllerConfiguration
annotations: {auto: [example.com/tls]}
leaderElection: {leaseDuration: 1m, enabled: false}
gatewayAPI: {listenerSets: false}
`), "c.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := configuration.Default()
	want.Annotations.Auto = []string{"example.com/tls"}
	want.LeaderElect.LeaseDuration = time.Minute
	want.LeaderElect.Enabled = false
	want.GatewayAPI.ListenerSets = false
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("(-want +got)", diff)
	}
}

// What loads passes the check that is made again when flags were laid over it, and every mistake
// of what doesn't has its place in the file.
func FuzzLoad(f *testing.F) {
	f.Add(pluginConfiguration)
	f.Add("apiVersion: certshim.io/v1alpha1\nkind: ControllerConfiguration\npolicies: [{name: a, namespaceSelector: 'a in (b)', issuer: {name: x}}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := configuration.Load([]byte(text), "c.yaml")
		if err == nil {
			if err := c.Validate(); err != nil {
				t.Errorf("it loads, and isn't valid: %v", err)
			}
			return
		}
		for _, one := range problem.Each(err) {
			if !strings.HasPrefix(one.Error(), "c.yaml:") {
				t.Errorf("%v has no place", one)
			}
		}
	})
}
