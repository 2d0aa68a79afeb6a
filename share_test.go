package certshim_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/certshim/certshim"
)

// Each namespace is in one of the shards, and each shard has its part.
func TestShardsShareTheNamespaces(t *testing.T) {
	const shards, namespaces = 3, 300
	counts := make([]int, shards)
	for n := range namespaces {
		name, in := fmt.Sprint("team-", n), 0
		for shard := range shards {
			if (certshim.Share{Shard: shard, Shards: shards}).Has(name) {
				counts[shard]++
				in++
			}
		}
		if in != 1 {
			t.Fatalf("%s is in %d shards", name, in)
		}
	}
	for shard, count := range counts {
		if count < namespaces/shards/2 {
			t.Errorf("shard %d has %d of %d namespaces", shard, count, namespaces)
		}
	}
}

// Which shard has a namespace must never change: FNV-1a as it is published.
func TestAShareHasNamespaces(t *testing.T) {
	for _, tt := range []struct {
		share     certshim.Share
		namespace string
		want      bool
	}{
		{certshim.Share{}, "shop", true},
		{certshim.Share{Namespaces: []string{"shop"}}, "shop", true},
		{certshim.Share{Namespaces: []string{"shop"}}, "other", false},
		{certshim.Share{Shard: 0, Shards: 2}, "", false}, // 14695981039346656037
		{certshim.Share{Shard: 1, Shards: 2}, "", true},
		{certshim.Share{Shard: 0, Shards: 10}, "a", false}, // 12638187200555641996
		{certshim.Share{Shard: 6, Shards: 10}, "a", true},
		{certshim.Share{Shard: 0, Shards: 10}, "foobar", false}, // 9625390261332436968
		{certshim.Share{Shard: 8, Shards: 10}, "foobar", true},
	} {
		if got := tt.share.Has(tt.namespace); got != tt.want {
			t.Errorf("%+v has %q: %v", tt.share, tt.namespace, got)
		}
	}
}

// What another instance serves is left alone: its objects, and Secrets in its namespaces that are asked for from outside. It is
// read all the same: who has a Secret there counts.
func TestWhatAnotherInstanceServesIsLeftAlone(t *testing.T) {
	for name, tt := range map[string]struct {
		serve certshim.Share
		want  []string
	}{
		"both namespaces": {certshim.Share{Namespaces: []string{"infra", "certs"}}, []string{"create edge-tls: new"}},
		"the Secret's alone": {certshim.Share{Namespaces: []string{"certs"}}, []string{
			"another instance serves its namespace"}},
		"the source's alone": {certshim.Share{Namespaces: []string{"infra"}}, []string{
			"refuse edge-tls: secret-of-other-instance",
			`error NotGranted spec.listeners[0] (Certificate certs/edge-tls): the Secret is in a namespace that another instance serves: nothing is made or changed there; ` +
				`one instance has to serve both, by serve in its configuration (value "certs/edge-tls")`}},
	} {
		c := newGranting(t, func(p *certshim.Policy) { p.Serve = tt.serve })
		c.grant(t, fromInfra, toSecret+", "+toCertificate)
		out := c.decide(c.add(edge))
		got := lines(out)
		if out.Ignored.Cause != "" {
			got = []string{out.Ignored.String()}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s:\n%v, want\n%v", name, got, tt.want)
		}
	}
}
